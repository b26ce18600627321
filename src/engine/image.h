/* SPDX-License-Identifier: BSD-3-Clause */
/* An open image, as seen by the engine: the position of chunks in the array, and the layout of a decoded chunk.
 *
 * Nothing here reads. Immutable after mt_image_init except for the counters, so thread-safe. Context, map, store and
 * label are borrowed. */
#ifndef MT_ENGINE_IMAGE_H
#define MT_ENGINE_IMAGE_H

#include "engine/context.h"
#include "format/format.h"

/* The layout of elements in a decoded chunk, or in an image stored in one piece. */
typedef struct mt_layout {
    size_t bytes;                /* of a chunk; 0 for a piece */
    int64_t first;               /* offset of the first element in bytes: not 0 if a dimension is stored backwards */
    int64_t stride[MT_MAX_DIMS]; /* bytes along each dimension of the map */
} mt_layout;

/* The offset of an element in bytes. */
static inline int64_t mt_layout_offset(const mt_layout *layout, const int64_t *element, int ndim)
{
    int64_t offset = layout->first;
    for (int d = 0; d < ndim; d++)
        offset += element[d] * layout->stride[d];
    return offset;
}

typedef struct mt_image {
    mt_context *context;              /* borrowed */
    const mt_chunk_map *map;          /* borrowed */
    mt_store *store;                  /* borrowed */
    const char *label;                /* names the image in messages; borrowed */
    uint64_t owner;                   /* of its entries in the cache */
    size_t element_size;              /* bytes */
    int64_t grid[MT_MAX_DIMS];        /* number of chunks along each dimension */
    mt_layout chunk;                  /* of the largest chunk */
    mt_layout piece;                  /* of the image in its object, if map->contiguous, or of array */
    bool uneven;                      /* chunks differ in size */
    bool missing_is_error;            /* a missing object is an error, not the fill value */
    bool is_cacheable;                /* a chunk takes at most a quarter of the cache budget */
    bool fits_in_cache;               /* all chunks together fit in the cache */
    uint64_t bytes;                   /* of all decoded chunks; UINT64_MAX on overflow */
    const uint8_t *array;             /* the pixels, if in memory, in the map's byte order, else NULL */
    _Atomic uint64_t row_cost;        /* cost of reads by rows so far, in bytes of sequential reading */
    _Atomic uint64_t absent, present; /* requested chunks that are not stored; that are stored */
} mt_image;

/* Initializes the image from a checked map. array (or NULL) and its strides (NULL: those of a piece) are as in
 * mt_image. */
void mt_image_init(mt_image *image, mt_context *context, const mt_chunk_map *map, mt_store *store, const char *label,
                   const uint8_t *array, const int64_t *strides);

/* Reads an image in one piece like an array from now on, if its object is in memory or mapped. */
void mt_image_use_view(mt_image *image);

/* Adds to the counters absent and present. */
void mt_image_count(mt_image *image, uint64_t absent, uint64_t present);

/* Drops the image's chunks from the cache. */
void mt_image_forget(mt_image *image);

/* The grid position along dimension d of the chunk that contains a coordinate, and the coordinates [start, end) of the
 * chunk at a grid position, clipped to the image. */
int64_t mt_image_chunk_at(const mt_image *image, int d, int64_t coordinate);
int64_t mt_image_chunk_start(const mt_image *image, int d, int64_t position);
int64_t mt_image_chunk_end(const mt_image *image, int d, int64_t position);

/* Converts a grid position to a chunk number in C order, and back. Boxes are numbered by their map. */
uint64_t mt_image_chunk_id(const mt_image *image, const int64_t *position);
void mt_image_chunk_position(const mt_image *image, uint64_t id, int64_t *position);

/* The layout of a chunk: the common one, or written to storage if layouts differ between chunks. whole: the extent of a
 * chunk of an image of boxes; NULL for a grid. */
const mt_layout *mt_image_chunk_layout(const mt_image *image, uint64_t id, const int64_t *whole, mt_layout *storage);

/* The minimum size of a decoded chunk in bytes: an edge chunk may be truncated along its slowest dimension. */
size_t mt_image_least_bytes(const mt_image *image, uint64_t id, const mt_layout *layout);

/* Bytes that an image in one piece spans, gaps between its rows included; 0: it has no elements. */
uint64_t mt_image_span(const mt_image *image);

/* The chunk number of an image that is stored in one piece and read by rows. */
#define MT_PIECE (UINT64_MAX - 1)

/* Prefixes a message with the names of the image and the chunk; for boxes, unless key is "", also with key and
 * offset. */
void mt_image_prefix(const mt_image *image, uint64_t id, const char *key, uint64_t offset, mt_error *err);

#endif
