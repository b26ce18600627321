/* SPDX-License-Identifier: BSD-3-Clause */
/* Units as files write them. */
#include "format/format.h"

#include <string.h>

#define END " \t\r\n" /* NetCDF: "seconds since 1970-01-01" */

static const struct {
    const char *written, *name;
} units[] = {
    { "\xc2\xb5m", "micrometer" },
    { "\xce\xbcm", "micrometer" },
    { "\\u00B5m", "micrometer" }, /* as ImageJ does */
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
    { "in", "inch" },
    { "inch", "inch" },
    { "s", "second" },
    { "sec", "second" },
    { "seconds", "second" },
    { "ms", "millisecond" },
    { "\xc2\xb5s", "microsecond" },
    { "min", "minute" },
    { "h", "hour" },
};

const char *mt_unit_find(const char *text)
{
    size_t n = strcspn(text, END);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].written) == n && memcmp(text, units[i].written, n) == 0)
            return units[i].name;
    return NULL;
}

const char *mt_unit_name(mt_arena *arena, const char *text, mt_error *err)
{
    const char *name = mt_unit_find(text);
    return name ? name : mt_arena_strndup(arena, text, strcspn(text, END), err);
}
