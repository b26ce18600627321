/* SPDX-License-Identifier: BSD-3-Clause */
/* Remarks about an image for users: warnings and missing files or frames. */
#include "format/format.h"

#include <stdio.h>
#include <string.h>

#define LONGEST 512 /* bytes of a text; more is cut */

static mt_status add(mt_arena *arena, mt_texts *texts, const char *text, mt_error *err)
{
    const char **items = mt_arena_grow(arena, texts->items, texts->n, &texts->room, 4, sizeof *items, err);
    const char *copy = items ? mt_arena_strndup(arena, text, strlen(text), err) : NULL;
    if (!copy)
        return err && err->status ? err->status : MT_E_MEMORY;
    texts->items = items;
    texts->items[texts->n++] = copy;
    return MT_OK;
}

static void print(char *text, const char *format, va_list args)
{
    vsnprintf(text, LONGEST, format, args);
    mt_make_printable(text, LONGEST);
}

static bool has(const mt_texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->n; i++)
        if (strcmp(texts->items[i], text) == 0)
            return true;
    return false;
}

mt_status mt_texts_warn(mt_texts *texts, mt_arena *arena, mt_error *err, const char *format, va_list args)
{
    char text[LONGEST];
    print(text, format, args);
    if (texts->n >= MT_MAX_WARNINGS || has(texts, text))
        return MT_OK;
    return add(arena, texts, texts->n + 1 < MT_MAX_WARNINGS ? text : "there are more warnings", err);
}

mt_status mt_chunk_map_warn(mt_chunk_map *map, mt_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mt_status st = mt_texts_warn(&map->warnings, map->arena, err, format, args);
    va_end(args);
    return st;
}

mt_status mt_chunk_map_miss(mt_chunk_map *map, mt_error *err, const char *format, ...)
{
    char text[LONGEST];
    va_list args;
    map->n_missing++;
    if (map->missing.n >= MT_MAX_MISSING_NAMES)
        return MT_OK;
    va_start(args, format);
    print(text, format, args);
    va_end(args);
    return add(map->arena, &map->missing, text, err);
}
