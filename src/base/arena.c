/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/arena.h"

#include "base/checked.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* 1 in builds for sanitizers and coverage: each item is its own allocation, which can fail and has its own bounds. */
#ifndef MT_ARENA_BLOCK_BYTES
#define MT_ARENA_BLOCK_BYTES 4096
#endif
#define ALIGNMENT _Alignof(max_align_t)

typedef struct block {
    struct block *next;
    size_t size; /* bytes of the block, header included */
    size_t used; /* bytes in use, header included */
} block;

struct mt_arena {
    mt_env *env;
    block *blocks; /* the first has free space */
    size_t total;
};

static size_t round_up(size_t n) { return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

mt_status mt_arena_new(mt_env *env, mt_arena **out, mt_error *err)
{
    void *arena;
    mt_status st = mt_alloc(env, sizeof(mt_arena), &arena, err);
    if (st)
        return st;
    *out = arena;
    **out = (mt_arena) { .env = env };
    return MT_OK;
}

void mt_arena_free(mt_arena *arena)
{
    if (!arena)
        return;
    for (block *b = arena->blocks, *next; b; b = next) {
        next = b->next;
        mt_release(arena->env, b, b->size);
    }
    mt_release(arena->env, arena, sizeof *arena);
}

mt_env *mt_arena_env(mt_arena *arena) { return arena->env; }

static block *add_block(mt_arena *arena, size_t bytes, mt_error *err)
{
    size_t limit = arena->env->limits.max_metadata_bytes;
    size_t size = round_up(sizeof(block)) + bytes;
    if (size < MT_ARENA_BLOCK_BYTES)
        size = MT_ARENA_BLOCK_BYTES;
    if (bytes > limit || size > limit - arena->total) {
        mt_fail(err, MT_E_LIMIT, "metadata takes more than max_metadata_bytes (%zu)", limit);
        return NULL;
    }
    void *memory;
    if (mt_alloc(arena->env, size, &memory, err))
        return NULL;
    block *b = memory;
    *b = (block) { arena->blocks, size, round_up(sizeof(block)) };
    arena->blocks = b;
    arena->total += size;
    return b;
}

void *mt_arena_alloc(mt_arena *arena, size_t count, size_t size, mt_error *err)
{
    size_t bytes;
    if (mt_mul_size(count, size, &bytes) || bytes > SIZE_MAX / 2) {
        mt_fail(err, MT_E_LIMIT, "metadata takes more than max_metadata_bytes (%zu)",
                arena->env->limits.max_metadata_bytes);
        return NULL;
    }
    bytes = bytes ? bytes : 1;
    block *b = arena->blocks;
    if (!b || b->size - b->used < bytes)
        b = add_block(arena, bytes, err);
    if (!b)
        return NULL;
    void *memory = (char *)b + b->used;
    size_t rounded = round_up(bytes), left = b->size - b->used;
    b->used += rounded < left ? rounded : left; /* an item at the end of a block has the bytes asked for */
    return memset(memory, 0, bytes);
}

void *mt_arena_grow(mt_arena *arena, void *items, size_t n, size_t *room, size_t first, size_t size, mt_error *err)
{
    if (n < *room)
        return items;
    size_t more = *room ? 2 * *room : first;
    void *moved = mt_arena_alloc(arena, more, size, err);
    if (!moved)
        return NULL;
    if (n)
        memcpy(moved, items, n * size);
    *room = more;
    return moved;
}

char *mt_arena_strndup(mt_arena *arena, const char *text, size_t length, mt_error *err)
{
    char *copy = mt_arena_alloc(arena, length + 1, 1, err);
    if (copy)
        memcpy(copy, text, length);
    return copy;
}

char *mt_arena_printf(mt_arena *arena, mt_error *err, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = mt_arena_alloc(arena, (size_t)n + 1, 1, err);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}
