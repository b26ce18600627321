/* SPDX-License-Identifier: BSD-3-Clause */
/* Parses decimal numbers. The decimal point is ".", independent of the locale. */
#ifndef MT_BASE_NUMBER_H
#define MT_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Reads the number at *text after optional blanks, and advances *text past it. If there is no number or it does not
 * fit, returns false, leaves *text unchanged and sets *out to 0. Reals are correctly rounded; infinities are not
 * numbers. */
bool mt_parse_real(const char **text, double *out);
bool mt_parse_integer(const char **text, int64_t *out);

/* The same for a number as written in keys: digits alone, without leading zeros. */
bool mt_parse_digits(const char **text, int64_t *out);
/* Writes the digits of a number, at most 20, and returns their end; no NUL. */
char *mt_write_digits(char *out, uint64_t value);

#endif
