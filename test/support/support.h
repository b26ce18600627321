/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by all tests: cmocka with its prerequisites, the data folder, checks, MD5, failing allocators and stores. */
#ifndef MT_TEST_SUPPORT_H
#define MT_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/env.h"

#include <jansson.h>

/* The folder of real files: MICROTOME_TEST_DATA, default ../shared/data below the source folder. If it is absent, the
 * running test is skipped with a message. The returned path is valid for the next seven calls. */
const char *data_path(const char *name);

/* Fails the test, printing the error, unless status is MT_OK. */
#define check_ok(status, err) check_status_ok((status), (err), __FILE__, __LINE__)
void check_status_ok(mt_status status, const mt_error *err, const char *file, int line);

/* Fails the test unless status is the expected one, and the error has these words. */
#define check_failed(status, expected, err, words)                                                                     \
    check_status_failed((status), (expected), (err), (words), __FILE__, __LINE__)
void check_status_failed(mt_status status, mt_status expected, const mt_error *err, const char *words, const char *file,
                         int line);

/* Reads a whole file (malloc); fails the test on error. */
uint8_t *read_file(const char *path, size_t *size);

/* Reads a JSON file of the data folder. */
json_t *read_json(const char *name);

/* The MD5 of bytes, as 32 hexadecimal digits in a static buffer. */
const char *md5_hex(const void *data, size_t size);

/* An allocator whose k-th allocation fails (from 0). */
typedef struct failing_allocator {
    size_t count, fail_at; /* allocations so far; index of the first that fails */
    int forever;           /* all later ones fail too */
} failing_allocator;
mt_allocator failing_allocator_make(failing_allocator *state, size_t fail_at, int forever);

/* The thread sanitizer does not follow a process with threads through fork, and the address sanitizer's allocator may
 * be locked in the child of one whose threads allocate: such tests are skipped with a message. */
#ifdef __has_feature
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined __SANITIZE_THREAD__ || HAS_FEATURE(thread_sanitizer)
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif
#if defined __SANITIZE_ADDRESS__ || HAS_FEATURE(address_sanitizer)
#define UNDER_ASAN 1
#else
#define UNDER_ASAN 0
#endif
#define skip_if(condition, why)                                                                                        \
    do {                                                                                                               \
        if (condition) {                                                                                               \
            print_message("skipped: %s\n", why);                                                                       \
            skip();                                                                                                    \
        }                                                                                                              \
    } while (0)

/* Ends a forked child like _exit. In a build for coverage the lines that the child reached count. */
_Noreturn void leave_child(int status);

/* Reproducible random numbers (xorshift64*), for boxes and mutations. */
uint64_t next_random(uint64_t *state);
int64_t random_between(uint64_t *state, int64_t low, int64_t high); /* in [low, high] */

#endif
