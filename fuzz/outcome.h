/* SPDX-License-Identifier: BSD-3-Clause */
/* What a target notes of an input: its outcome. outcomes.c makes a digest of the notes; a fuzzer does nothing with them.
 * Notes must be the same in every run: no addresses, times or names of temporary files. */
#ifndef MT_FUZZ_OUTCOME_H
#define MT_FUZZ_OUTCOME_H

#include <microtome/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
static inline void outcome_bytes(const void *bytes, size_t n) { (void)bytes, (void)n; }
static inline void outcome_text(const char *text) { (void)text; }
static inline void outcome_number(int64_t number) { (void)number; }
static inline void outcome_real(double number) { (void)number; }
static inline mt_status outcome_status(mt_status status, const mt_error *err) { return (void)err, status; }
#else
void outcome_bytes(const void *bytes, size_t n);
void outcome_text(const char *text); /* may be NULL */
void outcome_number(int64_t number);
void outcome_real(double number);
/* With its message, if it is a failure. err may be NULL. Returns status. */
mt_status outcome_status(mt_status status, const mt_error *err);
#endif

#endif
