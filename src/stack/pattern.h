/* SPDX-License-Identifier: BSD-3-Clause */
/* Patterns of file names: *, ? and [...]. */
#ifndef MT_STACK_PATTERN_H
#define MT_STACK_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a name fits the first n characters of a pattern. Takes time in proportion to n times the name's length. */
bool mt_pattern_fits(const char *pattern, size_t n, const char *name);

#endif
