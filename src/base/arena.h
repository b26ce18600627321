/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata of one image: allocated piece by piece, freed at once, never more than limits.max_metadata_bytes. */
#ifndef MT_BASE_ARENA_H
#define MT_BASE_ARENA_H

#include "base/env.h"

typedef struct mt_arena mt_arena;

MT_MUST_CHECK mt_status mt_arena_new(mt_env *env, mt_arena **out, mt_error *err);
void mt_arena_free(mt_arena *arena);
mt_env *mt_arena_env(mt_arena *arena);

/* Zeroed memory, aligned for anything; NULL with MT_E_MEMORY or MT_E_LIMIT. The product is checked. */
void *mt_arena_alloc(mt_arena *arena, size_t count, size_t size, mt_error *err);
/* An array of the arena with room for one more than its n elements: items itself where room allows, else a copy of twice
 * the room, or of first elements. NULL as above, items and *room then stay. */
void *mt_arena_grow(mt_arena *arena, void *items, size_t n, size_t *room, size_t first, size_t size, mt_error *err);
char *mt_arena_strndup(mt_arena *arena, const char *text, size_t length, mt_error *err);
char *mt_arena_printf(mt_arena *arena, mt_error *err, const char *format, ...) MT_PRINTF(3, 4);

#endif
