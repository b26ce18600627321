/* SPDX-License-Identifier: BSD-3-Clause */
/* An open image as the engine sees it: where its chunks lie in the array, and how a decoded chunk is laid out.
 *
 * Geometry only: nothing here reads. Immutable after mt_image_init but for what is counted, so any number of threads may use
 * one. Context, map, store and label are borrowed. */
#ifndef MT_ENGINE_IMAGE_H
#define MT_ENGINE_IMAGE_H

#include "engine/context.h"
#include "format/format.h"

/* How elements lie in memory or in an object: those of a decoded chunk, or of an image stored in one piece. */
typedef struct mt_layout {
    size_t bytes; /* of a chunk; of a piece 0 */
    int64_t stride[MT_MAX_DIMS];
} mt_layout;

typedef struct mt_image {
    mt_context *context;
    const mt_chunk_map *map;
    mt_store *store;
    const char *label; /* names the image in messages */
    uint64_t owner;    /* of its entries in the cache */
    size_t element_size;
    int64_t grid[MT_MAX_DIMS];        /* chunks along each dimension */
    mt_layout chunk;                  /* of the largest chunk; strides in bytes */
    mt_layout piece;                  /* map->contiguous: of the image in its object; an array in memory: any strides */
    bool uneven;                      /* chunks differ in size */
    bool missing_is_error;            /* an object that the store does not have is not a fill value */
    bool is_cacheable;                /* a chunk may go into the cache: it takes a quarter of the budget at most */
    bool fits_in_cache;               /* all chunks do, together */
    uint64_t bytes;                   /* of all chunks decoded; UINT64_MAX: more than that */
    const uint8_t *array;             /* the pixels if they all lie in memory, in the map's byte order, or NULL */
    _Atomic uint64_t row_cost;        /* what reads by rows have cost so far, as mt_store_costs counts, in bytes */
    _Atomic uint64_t absent, present; /* chunks that were asked for and are not stored, or are */
} mt_image;

/* Fills the image from a checked map. array and its strides (NULL: those of a piece) are as in mt_image. */
void mt_image_init(mt_image *image, mt_context *context, const mt_chunk_map *map, mt_store *store, const char *label,
                   const uint8_t *array, const int64_t *strides);

/* An image in one piece in an object that lies in memory, or is mapped, is read like an array from now on. */
void mt_image_use_view(mt_image *image);

/* Counts chunks that a call has found, or has found to be absent. */
void mt_image_count(mt_image *image, uint64_t absent, uint64_t present);

/* Drops its chunks from the cache. */
void mt_image_forget(mt_image *image);

/* The grid position along dimension d that holds a coordinate inside the image, and where a chunk starts and ends
 * inside the image. */
int64_t mt_image_chunk_at(const mt_image *image, int d, int64_t coordinate);
int64_t mt_image_chunk_start(const mt_image *image, int d, int64_t position);
int64_t mt_image_chunk_end(const mt_image *image, int d, int64_t position);

/* The number of a chunk in C order of the grid, and back. Boxes have numbers of their own. */
uint64_t mt_image_chunk_id(const mt_image *image, const int64_t *position);
void mt_image_chunk_position(const mt_image *image, uint64_t id, int64_t *position);

/* The layout of a chunk: that of all, or, if chunks differ, made in storage. whole is the extent of a chunk that boxes
 * show; NULL: of a grid. */
const mt_layout *mt_image_chunk_layout(const mt_image *image, uint64_t id, const int64_t *whole, mt_layout *storage);

/* The bytes that a chunk decodes to at least: one at the edge may be cut along its slowest dimension. */
size_t mt_image_least_bytes(const mt_image *image, uint64_t id, const mt_layout *layout);

/* Stands for the whole of an image that is stored in one piece and read by rows. */
#define MT_PIECE (UINT64_MAX - 1)

/* Puts the name of the image and the chunk before a message; of boxes also where the chunk lies, if key is not "". */
void mt_image_prefix(const mt_image *image, uint64_t id, const char *key, uint64_t offset, mt_error *err);

#endif
