/* SPDX-License-Identifier: BSD-3-Clause */
/* Channels by name. */
#include "stack/stack.h"

#include <stdio.h>
#include <string.h>

static bool is_same(const char *a, const char *b) { return strcmp(a, b) == 0; }

static char lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c); }

static bool differs_in_case(const char *a, const char *b)
{
    for (; *a && lower(*a) == lower(*b); a++)
        b++;
    return lower(*a) == lower(*b);
}

/* The only channel whose name matches; -1 if there is none. */
static mt_status find(const mt_stack_info *info, const char *name, bool (*matches)(const char *, const char *),
                      int64_t *out, mt_error *err)
{
    *out = -1;
    for (int64_t c = 0; info->channels && *name && c < info->data_shape[1]; c++) {
        if (!matches(info->channels[c].name, name))
            continue;
        if (*out >= 0)
            return mt_fail(err, MT_E_ARGUMENT, "channels %lld (%s) and %lld (%s) both match \"%s\": use numbers",
                           (long long)*out, info->channels[*out].name, (long long)c, info->channels[c].name, name);
        *out = c;
    }
    return MT_OK;
}

static mt_status refuse(const mt_stack_info *info, const char *name, mt_error *err)
{
    char known[sizeof err->message] = "";
    size_t n = 0;
    for (int64_t c = 0; info->channels && c < info->data_shape[1] && n < sizeof known; c++)
        if (*info->channels[c].name)
            n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", info->channels[c].name);
    return mt_fail(err, MT_E_ARGUMENT, "there is no channel \"%s\": %s%s", name,
                   n ? "the image has " : "the channels of this image have no names", known);
}

mt_status mt_channel_find(const mt_stack_info *info, const char *name, int64_t *out, mt_error *err)
{
    int64_t found;
    mt_error_reset(err);
    mt_status st = find(info, name, is_same, &found, err);
    if (!st && found < 0)
        st = find(info, name, differs_in_case, &found, err);
    if (!st && found < 0)
        st = refuse(info, name, err);
    if (!st)
        *out = found;
    return st;
}
