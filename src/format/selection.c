/* SPDX-License-Identifier: BSD-3-Clause */
#include "format/format.h"

#include <string.h>

/* A number of at most 18 digits. */
static bool parse_number(const char *text, size_t n, int64_t *out)
{
    int64_t number = 0;
    if (n == 0 || n > 18)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
    }
    *out = number;
    return true;
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

/* Takes an item if it is a level or series. */
static mt_status take(const char *item, size_t n, mt_selection *out, bool *taken, mt_error *err)
{
    *taken = parse_pair(item, n, "level", &out->level) || parse_pair(item, n, "series", &out->series) ||
             parse_pair(item, n, "scene", &out->series);
    if (is_negative(item, n, "level=") || is_negative(item, n, "series=") || is_negative(item, n, "scene="))
        return mt_fail(err, MT_E_ARGUMENT, "\"%.*s\": levels, series and scenes count from 0", (int)n, item);
    return MT_OK;
}

/* Levels and series are taken from both ends; what is between them is the path, which may contain '&'. */
mt_status mt_selection_parse(mt_arena *arena, const char *text, mt_selection *out, mt_error *err)
{
    *out = (mt_selection) { .path = "", .series = -1, .level = -1 };
    out->text = mt_arena_strndup(arena, text, strlen(text), err);
    if (!out->text)
        return MT_E_MEMORY;
    const char *to = text + strlen(text);
    mt_status st = MT_OK;
    for (bool taken = true; !st && taken && *text;) {
        size_t n = strcspn(text, "&");
        if (!(st = take(text, n, out, &taken, err)) && taken)
            text += n + (text[n] == '&');
    }
    for (bool taken = true; !st && taken && to > text;) {
        const char *item = to;
        while (item > text && item[-1] != '&')
            item--;
        if (!(st = take(item, (size_t)(to - item), out, &taken, err)) && taken)
            to = item - 1; /* the first item of the path is not taken */
    }
    if (st)
        return st;
    while (text < to && *text == '/') /* "#/group/array" is the same as "#group/array" */
        text++;
    out->path = mt_arena_strndup(arena, text, (size_t)(to - text), err);
    return out->path ? MT_OK : MT_E_MEMORY;
}
