/* SPDX-License-Identifier: BSD-3-Clause */
/* The other files of an image in its identity (mt_stack_identify): ", with NAME DIGEST" for each. The digest is of its name
 * seen from the folder of the file that was opened, so that all may be moved, its size, and its ETag or else its time in
 * whole seconds: copies often lose the fraction. Of more than MOST files, equal runs of their sorted list have one item each. */
#include "base/fnv.h"
#include "format/saved/saved.h"
#include "stack/stack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16, DIGITS = 16 };

#define WITH "with "

typedef struct member {
    const char *key, *name; /* name: as seen from the folder of the file that was opened */
    uint64_t digest;
} member;

/* The folders that a key does not share with another become "..". */
static const char *relate(mt_arena *arena, const char *key, const char *to, mt_error *err)
{
    static const char above[3] = { '.', '.', '/' };
    size_t shared = 0, up = 0;
    for (size_t i = 0; key[i] && key[i] == to[i]; i++)
        shared = key[i] == '/' ? i + 1 : shared;
    for (const char *c = to + shared; *c; c++)
        up += *c == '/';
    char *name = mt_arena_alloc(arena, sizeof above * up + strlen(key + shared) + 1, 1, err);
    for (size_t i = 0; name && i < up; i++)
        memcpy(name + sizeof above * i, above, sizeof above);
    if (name)
        memcpy(name + sizeof above * up, key + shared, strlen(key + shared) + 1);
    return name;
}

void mt_name_end(const char *name, char out[MT_NAME_END])
{
    enum { MOST_BYTES = MT_NAME_END - 4 };
    char text[3 * MOST_BYTES + 1];
    size_t n = strlen(name), at = 0;
    for (const char *c = name + (n > MOST_BYTES ? n - MOST_BYTES : 0); *c; c++)
        if (*c >= ' ' && *c <= '~' && !strchr(",\"\\%", *c))
            text[at++] = *c;
        else
            at += (size_t)snprintf(text + at, 4, "%%%02X", (unsigned)(unsigned char)*c);
    text[at] = '\0';
    const bool is_cut = n > MOST_BYTES || at > MOST_BYTES;
    const char *end = text + (at > MOST_BYTES ? at - MOST_BYTES : 0);
    snprintf(out, MT_NAME_END, "%s%.*s", is_cut ? "..." : "", MOST_BYTES, end);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const member *)a)->name, ((const member *)b)->name);
}

/* The distinct members of a map, sorted. */
static mt_status list_members(const mt_chunk_map *map, mt_arena *arena, member **out, size_t *n, mt_error *err)
{
    const mt_texts *given = &map->members;
    member *all = mt_arena_alloc(arena, given->n, sizeof *all, err);
    for (size_t i = 0; all && i < given->n; i++) {
        all[i].key = given->items[i];
        if (!(all[i].name = relate(arena, given->items[i], map->container->source.key, err)))
            return mt_arena_failed(err);
    }
    if (!all)
        return mt_arena_failed(err);
    qsort(all, given->n, sizeof *all, compare_names);
    *n = 0;
    for (size_t i = 0; i < given->n; i++)
        if (*n == 0 || strcmp(all[*n - 1].name, all[i].name) != 0)
            all[(*n)++] = all[i];
    *out = all;
    return MT_OK;
}

/* A file that is missing or cannot be examined counts by its name: reading it will fail, or give the fill value. */
static mt_status examine(const mt_chunk_map *map, member *m, mt_error *err)
{
    mt_identity identity;
    mt_error why = MT_ERROR_INIT;
    const mt_status st = mt_store_identify(map->store, m->key, &identity, &why);
    if (st == MT_E_MEMORY || st == MT_E_CANCELLED)
        return mt_fail(err, st, "%s", why.message);
    m->digest = mt_fnv_add(MT_FNV_START, m->name, strlen(m->name) + 1);
    if (st)
        return MT_OK;
    m->digest = mt_fnv_add_number(m->digest, identity.size);
    m->digest = *identity.etag ? mt_fnv_add(m->digest, identity.etag, strlen(identity.etag))
                               : mt_fnv_add_number(m->digest, (uint64_t)(identity.mtime_ns / 1000000000));
    return MT_OK;
}

static size_t write_item(const member *m, size_t n, char *text, size_t room)
{
    char first[MT_NAME_END], last[MT_NAME_END], more[MT_NAME_END + 32] = "";
    uint64_t digest = MT_FNV_START;
    for (size_t i = 0; i < n; i++)
        digest = mt_fnv_add_number(digest, m[i].digest);
    mt_name_end(m[0].name, first);
    mt_name_end(m[n - 1].name, last);
    if (n > 1)
        snprintf(more, sizeof more, "one of %zu files from ", n);
    return (size_t)snprintf(text, room, ", " WITH "%s%s%s%s %016" PRIx64, more, first, n > 1 ? " to " : "",
                            n > 1 ? last : "", digest);
}

static mt_status identify_members(mt_stack *stack, mt_arena *arena, mt_error *err)
{
    char text[MT_SAVED_MEMBERS] = "";
    member *all;
    size_t n, at = 0;
    mt_status st = list_members(stack->map, arena, &all, &n, err);
    for (size_t i = 0; !st && i < n; i++)
        st = examine(stack->map, &all[i], err);
    if (st)
        return st;
    const size_t run = (n + MOST - 1) / MOST;
    for (size_t i = 0; i < n; i += run)
        at += write_item(all + i, run < n - i ? run : n - i, text + at, sizeof text - at);
    stack->members = mt_arena_strndup(stack->arena, text, at, err);
    return stack->members ? MT_OK : mt_arena_failed(err);
}

mt_status mt_stack_identify_members(mt_stack *stack, mt_error *err)
{
    mt_arena *arena;
    mt_status st = stack->map->members.n > 0 ? mt_arena_new(&stack->context->env, &arena, err) : MT_OK;
    if (st || stack->map->members.n == 0)
        return st;
    st = identify_members(stack, arena, err);
    mt_arena_free(arena);
    return st;
}

const char *mt_identity_find_member(const char *item, size_t *n)
{
    const char *end = strstr(item, ", "), *line = strchr(item, '\n');
    size_t length = end ? (size_t)(end - item) : strlen(item);
    if (line && (size_t)(line - item) < length)
        length = (size_t)(line - item);
    if (strncmp(item, WITH, strlen(WITH)) != 0 || length < strlen(WITH) + 1 + DIGITS)
        return NULL;
    *n = length - strlen(WITH) - 1 - DIGITS;
    return item + strlen(WITH);
}
