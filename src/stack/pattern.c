/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/pattern.h"

/* Whether a character is in the set at the start of a pattern; advances past the set, if it is closed. */
static bool fits_set(const char **pattern, char c)
{
    const char *p = *pattern + 1;
    bool negated = *p == '!' || *p == '^', found = false;
    p += negated;
    do {
        if (!*p)
            return false;
        if (p[1] == '-' && p[2] && p[2] != ']') {
            found |= c >= p[0] && c <= p[2];
            p += 3;
        } else {
            found |= c == *p++;
        }
    } while (*p != ']');
    *pattern = p + 1;
    return found != negated;
}

/* Bounded: backtracks only to the last '*'. */
bool mt_pattern_fits(const char *pattern, size_t n, const char *name)
{
    const char *end = pattern + n, *star = NULL, *after = NULL;
    while (*name) {
        const char *next = pattern;
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            after = name;
        } else if (pattern < end &&
                   (*pattern == '?' || *pattern == *name || (*pattern == '[' && fits_set(&next, *name)))) {
            pattern = *pattern == '[' && next != pattern ? next : pattern + 1;
            name++;
        } else if (star) {
            pattern = star;
            name = ++after;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}
