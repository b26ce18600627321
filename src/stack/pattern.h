/* SPDX-License-Identifier: BSD-3-Clause */
/* Patterns of file names: *, ? and [...]. */
#ifndef MT_STACK_PATTERN_H
#define MT_STACK_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a name matches the first n characters of a pattern. Takes O(n * strlen(name)) time. */
bool mt_pattern_fits(const char *pattern, size_t n, const char *name);

#endif
