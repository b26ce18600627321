/* SPDX-License-Identifier: BSD-3-Clause */
/* A grid of chunks whose places a test chooses, for tests of single stages of the engine. The store has one object, which
 * answers to every key. */
#ifndef MT_TEST_GRID_H
#define MT_TEST_GRID_H

#include "engine/engine.h"
#include "support/support.h"

typedef mt_status (*grid_locate)(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err);

typedef struct grid {
    mt_store store;         /* that callers see */
    const uint8_t *bytes;   /* the object; of the test */
    size_t size;            /* of the object, in bytes */
    _Atomic size_t reads;   /* ranges read */
    _Atomic size_t locates; /* calls of locate */
    grid_locate locate;     /* of the test */
    void *user;             /* for the test: map->state is the grid */
    mt_chunk_map *map;      /* of the chunks: uint8, YX */
    mt_image image;         /* under test */
} grid;

/* across x across chunks of side x side. codec: of the chunks, with params; NULL: raw. */
void grid_open(grid *g, mt_context *context, int64_t across, int64_t side, const char *codec, const void *params,
               const mt_store_costs *costs, grid_locate locate);
void grid_close(grid *g);

/* A request for a box of pixels into out, in C order. */
mt_read grid_read(grid *g, int64_t y, int64_t x, int64_t height, int64_t width, uint8_t *out);

#endif
