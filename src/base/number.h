/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers written in text: decimal, the point is ".", whatever the locale of the program. */
#ifndef MT_BASE_NUMBER_H
#define MT_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Reads the number at *text, behind blanks, and moves *text behind it. Where there is none, or it does not fit, the
 * answer is false, *text stays and *out is 0. A double is rounded correctly; infinities are no numbers. */
bool mt_parse_real(const char **text, double *out);
bool mt_parse_integer(const char **text, int64_t *out);

#endif
