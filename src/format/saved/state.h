/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of a restored map. Everything lives in the arena of the map. */
#ifndef MT_FORMAT_SAVED_STATE_H
#define MT_FORMAT_SAVED_STATE_H

#include "format/saved/saved.h"

typedef struct saved_object {
    const char *key;         /* in the store */
    mt_identity identity;    /* when the map was saved */
    _Atomic bool is_checked; /* the identity has been compared */
} saved_object;

/* A box while boxes are read. */
typedef struct saved_box {
    int64_t start[MT_MAX_DIMS], extent[MT_MAX_DIMS], low[MT_MAX_DIMS]; /* elements; low: offset in the chunk */
    size_t chunk; /* 0: fill value; else the number of the chunk + 1 */
} saved_box;

#define SAVED_FANOUT 16
#define SAVED_MAX_HEIGHT 16

typedef struct saved_state {
    saved_object *objects;          /* the documents first */
    size_t n_objects, n_documents;  /* entries of objects; how many of them are documents */
    _Atomic bool documents_checked; /* all documents have been compared */
    mt_chain *chains;               /* index 0: the chain of the map */
    size_t n_chains;                /* entries of chains */
    saved_object *piece;            /* object of contiguous data, else NULL */
    mt_chunk_map inner;             /* the map without the checks of identities */
    mt_saved_ref *refs;             /* chunks of the grid in C order, or chunks that boxes show */
    size_t n_refs;                  /* entries of refs */
    int64_t grid[MT_MAX_DIMS];      /* chunks along each dimension */
    /* Boxes in paint order: start, extent and low of each, ndim numbers each. */
    int64_t *boxes, *wholes; /* wholes: the extent of each chunk */
    uint32_t *chunks;        /* of each box: 0: fill value; else the number of the chunk + 1 */
    size_t n_boxes;          /* entries of boxes */
    /* A tree of bounds, low and high of ndim numbers each: a node bounds SAVED_FANOUT boxes or nodes of the level
     * below. Boxes that are consecutive in paint order are mostly close to each other. */
    int64_t *bounds[SAVED_MAX_HEIGHT];
    size_t n_bounds[SAVED_MAX_HEIGHT];
    int height;
} saved_state;

mt_status saved_locate_in_table(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err);
/* Sets the functions and bounds of a map of boxes. */
MT_MUST_CHECK mt_status saved_set_boxes(mt_chunk_map *map, saved_state *s, mt_error *err);
/* Wraps locate with the checks of identities. */
MT_MUST_CHECK mt_status saved_guard(mt_chunk_map *map, saved_state *s, mt_error *err);

#endif
