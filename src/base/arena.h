/* SPDX-License-Identifier: BSD-3-Clause */
/* An arena for the metadata of one image, freed as a whole and limited to limits.max_metadata_bytes. */
#ifndef MT_BASE_ARENA_H
#define MT_BASE_ARENA_H

#include "base/env.h"

typedef struct mt_arena mt_arena;

MT_MUST_CHECK mt_status mt_arena_new(mt_env *env, mt_arena **out, mt_error *err);
void mt_arena_free(mt_arena *arena);
mt_env *mt_arena_env(mt_arena *arena);

/* Zeroed memory, aligned for anything; NULL with MT_E_MEMORY or MT_E_LIMIT. The product is checked. */
void *mt_arena_alloc(mt_arena *arena, size_t count, size_t size, mt_error *err);
/* The status of a failed allocation. */
static inline mt_status mt_arena_failed(const mt_error *err) { return err && err->status ? err->status : MT_E_MEMORY; }
/* Ensures capacity for one more than n elements of size bytes: returns items if *room (its capacity) suffices, else a
 * copy with twice the capacity, at least first elements. NULL as above; items and *room are then unchanged. */
void *mt_arena_grow(mt_arena *arena, void *items, size_t n, size_t *room, size_t first, size_t size, mt_error *err);
char *mt_arena_strndup(mt_arena *arena, const char *text, size_t length, mt_error *err);
char *mt_arena_printf(mt_arena *arena, mt_error *err, const char *format, ...) MT_PRINTF(3, 4);

#endif
