/* SPDX-License-Identifier: BSD-3-Clause */
/* An open image as the engine sees it, and the loading of its chunks. */
#ifndef MT_ENGINE_IMAGE_H
#define MT_ENGINE_IMAGE_H

#include "engine/context.h"
#include "format/format.h"

typedef struct mt_image {
    mt_context *context;
    const mt_chunk_map *map;
    mt_store *store;
    const char *label; /* names the image in messages */
    uint64_t owner;    /* of its entries in the cache */
    size_t element_size;
    size_t chunk_bytes;          /* decoded */
    int64_t grid[MT_MAX_DIMS];   /* chunks along each dimension */
    int64_t stride[MT_MAX_DIMS]; /* chunk_stride in bytes; for an array in memory those of the array, of any sign */
    bool uneven;                 /* chunks differ in size: chunk_bytes and stride are those of the largest */
    bool fits;                   /* all of it fits into the cache */
    bool rows;                   /* raw chunks are read by rows, and do not go into the cache */
    bool keep;                   /* its other chunks go into the cache */
    bool piece; /* raw, in one piece and not kept: read without regard to chunks; stride is that of the whole */
    const uint8_t *array; /* the pixels where they all lie in memory as they are, or NULL */
} mt_image;

/* Fills the image from a checked map; context, map, store and label are borrowed. array is as in mt_image. */
void mt_image_init(mt_image *image, mt_context *context, const mt_chunk_map *map, mt_store *store, const char *label,
                   const uint8_t *array);

/* The same image in blocks, of one that is a piece: they are read whole, each once a call. */
void mt_image_init_blocks(mt_image *blocks, const mt_image *piece);

/* Forgets the chunks in the cache. */
void mt_image_forget(mt_image *image);

/* The grid position along dimension d that holds a coordinate inside the image, and where a chunk starts and ends. */
int64_t mt_image_chunk_at(const mt_image *image, int d, int64_t coordinate);
int64_t mt_image_chunk_start(const mt_image *image, int d, int64_t position);
int64_t mt_image_chunk_end(const mt_image *image, int d, int64_t position);

/* The image with chunk_bytes and stride of this chunk: the image itself, or, where its chunks differ, made in room. whole
 * is the extent of a chunk that boxes show; NULL: of a grid. */
const mt_image *mt_image_at_chunk(const mt_image *image, uint64_t id, const int64_t *whole, mt_image *room);

/* The number of a chunk in C order of the grid, and back. Boxes have numbers of their own. */
uint64_t mt_image_chunk_id(const mt_image *image, const int64_t *position);
void mt_image_chunk_position(const mt_image *image, uint64_t id, int64_t *position);

/* A decoded chunk, or what stands for one. */
typedef struct mt_chunk {
    const uint8_t *data;   /* NULL: missing, reads as the fill value */
    bool swap;             /* still in the other byte order */
    mt_cache_entry *entry; /* that holds data, or NULL */
} mt_chunk;

/* The chunk out of the cache if it is there. */
bool mt_image_peek(const mt_image *image, uint64_t id, mt_chunk *out);

/* Bytes of one object that were read at once, for several chunks. */
typedef struct mt_window {
    char key[MT_KEY_BYTES];
    uint64_t offset, size;
    const uint8_t *data; /* NULL: nothing was read */
} mt_window;

/* The functions below take the image as mt_image_at_chunk gives it.
 *
 * Where the encoded bytes of a chunk lie near those of the next ones, fetches them together into a buffer of scratch.
 * id(argument, i) tells the i-th of n chunks. Returns how many of them, at least 1, the window stands for. What cannot
 * be found or read is left to mt_image_load, which then says why. */
size_t mt_image_fetch_window(const mt_image *image, uint64_t (*id)(const void *argument, size_t i),
                             const void *argument, size_t n, mt_scratch *scratch, mt_window *out);

/* The whole chunk, through the cache where the image's chunks are kept, else in a buffer of scratch, valid until
 * scratch is used again. Given back with mt_image_release. */
MT_MUST_CHECK mt_status mt_image_load(const mt_image *image, uint64_t id, const mt_window *window, mt_scratch *scratch,
                                      mt_chunk *out, mt_error *err);

/* A chunk that is not stored was filled. */
void mt_image_count_missing(const mt_image *image);

/* As mt_image_load, but only the bytes [from, to) of the chunk need be right, and nothing is kept. */
MT_MUST_CHECK mt_status mt_image_load_part(const mt_image *image, uint64_t id, const mt_window *window, size_t from,
                                           size_t to, mt_scratch *scratch, mt_chunk *out, mt_error *err);
void mt_image_release(const mt_image *image, mt_chunk *chunk);

/* Finds a chunk; MT_E_RANGE never happens for an id inside the grid. */
MT_MUST_CHECK mt_status mt_image_locate(const mt_image *image, uint64_t id, mt_chunk_ref *out, mt_error *err);

/* The bytes of a located chunk that is stored raw: checks its size, and sets *missing where the object is absent and
 * that means the fill value. *view is its data where the store has it in memory, else NULL. */
MT_MUST_CHECK mt_status mt_image_open_raw(const mt_image *image, uint64_t id, const mt_chunk_ref *ref, bool *missing,
                                          const uint8_t **view, mt_error *err);

/* Finds the whole of an image that is one piece; view as above. */
MT_MUST_CHECK mt_status mt_image_open_piece(const mt_image *image, mt_chunk_ref *ref, const uint8_t **view,
                                            mt_error *err);

/* Puts the name of the image and the chunk before a message; of boxes also where ref says that it lies. */
void mt_image_prefix(const mt_image *image, uint64_t id, const mt_chunk_ref *ref, mt_error *err);

#endif
