/* SPDX-License-Identifier: BSD-3-Clause */
/* The tiles of an image: shared by map.c, tiles.c and mask.c. */
#ifndef MT_FORMAT_CZI_TILES_H
#define MT_FORMAT_CZI_TILES_H

#include "codec/params.h"
#include "format/czi/czi.h"

/* A kind of tile: size and encoding. */
typedef struct kind {
    int32_t compression, width, height; /* number of the specification; stored size in pixels */
    mt_chain chain;                     /* decodes a tile */
    mt_picture_params picture;          /* parameters of chain */
} kind;

typedef struct tile {
    uint64_t position, skip;      /* bytes: of the subblock in the file; of the tile in the pixels of the subblock */
    uint32_t plane, kind, number; /* index of the plane in C order; index of the kind; order of insertion */
    int32_t x, y, scene, m;       /* pixels at the level of the map; scene and mosaic number */
    uint8_t file;                 /* index in czi_files */
} tile;

/* The tiles of a plane, and a grid of cells, each with a list of the tiles that intersect it. */
typedef struct group {
    uint32_t plane;                  /* C-order plane of the image */
    size_t first, n;                 /* range of tiles [first, first + n) */
    int64_t cell_width, cell_height; /* pixels */
    size_t columns, rows;            /* 0: no grid, there are few tiles */
    uint32_t *cells;                 /* start of the list of each cell, and the end of the last list */
    uint32_t *lists;                 /* indices of tiles, relative to first */
} group;

typedef struct czi_state {
    const czi_files *files;     /* borrowed from the container */
    const czi_image *image;     /* ranges, levels and options */
    const czi_pixel_type *type; /* of the image */
    int level;                  /* 0: full resolution */
    int32_t factor;             /* pixels of level 0 per pixel of this level */
    int axes[8], n_axes;        /* dimensions before Y and X, the slowest first */
    kind **kinds;               /* allocated one by one: chains point into them */
    uint32_t n_kinds;           /* entries of kinds */
    tile *tiles;                /* in paint order */
    size_t n_tiles, tile_room;  /* entries in use and allocated */
    group *groups;              /* one for each plane that has tiles */
    size_t n_groups;            /* entries of groups */
    mt_chain raw;               /* for raw pixels that are short or have several samples */
    mt_samples_params samples;  /* parameters of raw */
    uint64_t owner;             /* of pixel locations in the index cache */
    uint64_t mask_owner;        /* of visible rectangles in the index cache; 0: masks are ignored */
} czi_state;

/* Groups the sorted tiles by plane, and makes the grids. width and height are those of the image. */
MT_MUST_CHECK mt_status czi_make_groups(czi_state *state, mt_arena *arena, int64_t width, int64_t height,
                                        mt_error *err);

/* find_boxes and get_box of the map. A box is a tile or, if masks are used, a visible rectangle of a tile. */
mt_status czi_find_boxes(const mt_chunk_map *map, const int64_t *low, const int64_t *high, mt_visit_box visit,
                         void *user, mt_error *err);
mt_status czi_get_box(const mt_chunk_map *map, uint64_t id, mt_shown *shown, mt_error *err);

#define CZI_MASK_BITS 12
#define CZI_MAX_RECTANGLES (1 << CZI_MASK_BITS)

/* The visible part of a tile: rectangles that do not overlap, relative to the tile. */
typedef struct czi_visible {
    size_t n;                        /* entries of rectangles */
    const czi_rectangle *rectangles; /* borrowed from entry or from the caller */
    mt_cache_entry *entry;           /* keeps rectangles alive; NULL: none needed */
} czi_visible;

/* The visible part of the i-th tile: all of it if its subblock has no mask. Uses the index cache. */
MT_MUST_CHECK mt_status czi_find_visible(const czi_state *state, size_t i, czi_visible *out, mt_error *err);
void czi_release_visible(const czi_state *state, czi_visible *visible);

#endif
