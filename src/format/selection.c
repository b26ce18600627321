/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/checked.h"
#include "format/format.h"

#include <string.h>

/* A number of at most 18 digits. */
static bool parse_number(const char *text, size_t n, int64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (text[i] - '0');
    }
    return n > 0 && n <= 18;
}

/* "name=number" of an item of n characters. */
static bool parse_pair(const char *item, size_t n, const char *name, int64_t *out)
{
    size_t length = strlen(name);
    return n > length && strncmp(item, name, length) == 0 && item[length] == '=' &&
           parse_number(item + length + 1, n - length - 1, out);
}

/* "level=-1" is not the name of a part. */
static bool is_negative(const char *item, size_t n, const char *name)
{
    size_t length = strlen(name);
    int64_t number;
    return n > length + 1 && strncmp(item, name, length) == 0 && item[length] == '-' &&
           parse_number(item + length + 1, n - length - 1, &number);
}

mt_status mt_selection_parse(mt_arena *arena, const char *text, mt_selection *out, mt_error *err)
{
    *out = (mt_selection) { .text = "", .path = "", .series = -1, .level = -1 };
    out->text = mt_arena_strndup(arena, text, strlen(text), err);
    if (!out->text)
        return MT_E_MEMORY;
    for (const char *item = text; *item; item += *item == '&') {
        size_t n = strcspn(item, "&");
        if (parse_pair(item, n, "level", &out->level) || parse_pair(item, n, "series", &out->series) ||
            parse_pair(item, n, "scene", &out->series)) {
            item += n;
            continue;
        }
        if (is_negative(item, n, "level=") || is_negative(item, n, "series=") || is_negative(item, n, "scene="))
            return mt_fail(err, MT_E_ARGUMENT, "\"%.*s\": levels, series and scenes count from 0", (int)n, item);
        if (n == 0 || *out->path)
            return mt_fail(err, MT_E_ARGUMENT, "part \"%s\" is not of the form path&series=0&level=0", text);
        size_t slashes = strspn(item, "/"); /* "#/group/array" is the same as "#group/array" */
        out->path = mt_arena_strndup(arena, item + slashes, n - (slashes < n ? slashes : n), err);
        if (!out->path)
            return MT_E_MEMORY;
        item += n;
    }
    return MT_OK;
}
