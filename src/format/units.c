/* SPDX-License-Identifier: BSD-3-Clause */
/* Units as found in files. */
#include "format/format.h"

#include <string.h>

#define END " \t\r\n" /* NetCDF: "seconds since 1970-01-01" */

static const struct {
    const char *written, *name;
} units[] = {
    { "\xc2\xb5m", "micrometer" },
    { "\xce\xbcm", "micrometer" },
    { "\\u00B5m", "micrometer" }, /* as ImageJ does */
    { "\\u00b5m", "micrometer" },
    { "\\u03BCm", "micrometer" },
    { "\\u03bcm", "micrometer" },
    { "\xb5m", "micrometer" },
    { "um", "micrometer" },
    { "micron", "micrometer" },
    { "microns", "micrometer" },
    { "nm", "nanometer" },
    { "pm", "picometer" },
    { "mm", "millimeter" },
    { "cm", "centimeter" },
    { "m", "meter" },
    { "\xc3\x85", "angstrom" },
    { "\xe2\x84\xab", "angstrom" },
    { "\\u00C5", "angstrom" },
    { "in", "inch" },
    { "inch", "inch" },
    { "inches", "inch" },
    { "s", "second" },
    { "sec", "second" },
    { "seconds", "second" },
    { "ms", "millisecond" },
    { "\xc2\xb5s", "microsecond" },
    { "min", "minute" },
    { "h", "hour" },
};

/* Finds the unit of a word of n letters in any case, singular or plural, with "metre" or "meter". */
static const char *find_word(const char *text, size_t n)
{
    char word[16];
    if (n < 4 || n >= sizeof word)
        return NULL;
    for (size_t i = 0; i < n; i++)
        word[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
    n -= word[n - 1] == 's';
    word[n] = 0;
    char *metre = strstr(word, "metre");
    if (metre && !metre[5]) {
        metre[3] = 'e';
        metre[4] = 'r';
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(word, units[i].name) == 0 || strcmp(word, units[i].written) == 0)
            return units[i].name;
    return NULL;
}

const char *mt_unit_find(const char *text)
{
    size_t n = strcspn(text, END);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].written) == n && memcmp(text, units[i].written, n) == 0)
            return units[i].name;
    return find_word(text, n);
}

const char *mt_unit_name(mt_arena *arena, const char *text, mt_error *err)
{
    const char *name = mt_unit_find(text);
    return name ? name : mt_arena_strndup(arena, text, strcspn(text, END), err);
}
