/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_BASE_SUFFIX_H
#define MT_BASE_SUFFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Whether n bytes end with a suffix, which is in lower case; the case of ASCII letters is ignored. */
static inline bool mt_ends_with(const char *text, size_t n, const char *suffix, size_t length)
{
    for (size_t i = 0; n >= length && i < length; i++) {
        char c = text[n - length + i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != suffix[i])
            return false;
    }
    return n >= length;
}

/* The same for strings. */
static inline bool mt_name_ends_with(const char *name, const char *suffix)
{
    return mt_ends_with(name, strlen(name), suffix, strlen(suffix));
}

/* Whether n bytes end with a point and one of the suffixes, "tif,tiff", and something stands before them. */
static inline bool mt_has_suffix(const char *text, size_t n, const char *suffixes)
{
    for (const char *suffix = suffixes; *suffix;) {
        size_t length = strcspn(suffix, ",");
        if (n > length + 1 && text[n - length - 1] == '.' && mt_ends_with(text, n, suffix, length))
            return true;
        suffix += length + (suffix[length] == ',');
    }
    return false;
}

#endif
