/* SPDX-License-Identifier: BSD-3-Clause */
/* TIFF 6.0 and BigTIFF: what the files of this folder share. */
#ifndef MT_FORMAT_TIFF_TIFF_H
#define MT_FORMAT_TIFF_TIFF_H

#include "codec/params.h"
#include "format/format.h"

enum {
    TAG_SUBFILE_TYPE = 254,
    TAG_WIDTH = 256,
    TAG_HEIGHT = 257,
    TAG_BITS = 258,
    TAG_COMPRESSION = 259,
    TAG_PHOTOMETRIC = 262,
    TAG_FILL_ORDER = 266,
    TAG_DESCRIPTION = 270,
    TAG_STRIP_OFFSETS = 273,
    TAG_SAMPLES = 277,
    TAG_ROWS_PER_STRIP = 278,
    TAG_STRIP_COUNTS = 279,
    TAG_X_RESOLUTION = 282,
    TAG_Y_RESOLUTION = 283,
    TAG_PLANAR = 284,
    TAG_RESOLUTION_UNIT = 296,
    TAG_PREDICTOR = 317,
    TAG_TILE_WIDTH = 322,
    TAG_TILE_HEIGHT = 323,
    TAG_TILE_OFFSETS = 324,
    TAG_TILE_COUNTS = 325,
    TAG_SUB_IFDS = 330,
    TAG_SAMPLE_FORMAT = 339,
    TAG_JPEG_TABLES = 347,
    TAG_IMAGE_DEPTH = 32997
};

typedef struct tiff_file {
    mt_env *env;
    mt_store *store;
    const char *key;
    uint64_t size;
    bool big_endian;
    bool big;       /* BigTIFF: offsets of eight bytes */
    uint64_t first; /* offset of the first directory */
} tiff_file;

/* One entry of a directory: count values of a type, at a place of the file. */
typedef struct tiff_entry {
    uint16_t tag, type;
    uint64_t count;
    uint64_t offset; /* of the values, where they do not stand in the entry itself: */
    bool inside;
    uint8_t value[8];
} tiff_entry;

#define TIFF_MAX_ENTRIES 512

typedef struct tiff_ifd {
    uint64_t offset, next; /* next 0: the last */
    int n;
    tiff_entry entries[TIFF_MAX_ENTRIES];
} tiff_ifd;

/* Whether bytes start as a TIFF does. */
bool tiff_is_magic(const uint8_t *head, size_t size);
MT_MUST_CHECK mt_status tiff_open_file(const mt_source *source, tiff_file *out, mt_error *err);
MT_MUST_CHECK mt_status tiff_read_ifd(const tiff_file *file, uint64_t offset, tiff_ifd *out, mt_error *err);
const tiff_entry *tiff_find(const tiff_ifd *ifd, uint16_t tag);

/* Values [first, first + n) of an entry of unsigned integers. */
MT_MUST_CHECK mt_status tiff_get_numbers(const tiff_file *file, const tiff_entry *entry, uint64_t first, size_t n,
                                         uint64_t *out, mt_error *err);
/* The first value of a tag, or the default where there is no such tag. */
MT_MUST_CHECK mt_status tiff_get_number(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, uint64_t missing,
                                        uint64_t *out, mt_error *err);
/* The bytes of a tag with a NUL behind them; "" where there is none. */
MT_MUST_CHECK mt_status tiff_get_text(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, mt_arena *arena,
                                      char **out, size_t *size, mt_error *err);
/* A fraction; 0 where there is none. */
MT_MUST_CHECK mt_status tiff_get_fraction(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, double *out,
                                          mt_error *err);

/* What a directory says of its image, validated. Two pages with equal descriptions can be planes of one image. */
typedef struct tiff_page {
    int64_t width, height, samples;
    int64_t chunk_width, chunk_height; /* of tiles, or strips of whole rows */
    int bits;
    int compression, photometric, predictor, fill_order;
    bool planar, tiled, reduced;
    bool is_signed;
    mt_dtype dtype;
} tiff_page;

MT_MUST_CHECK mt_status tiff_read_page(const tiff_file *file, const tiff_ifd *ifd, tiff_page *out, mt_error *err);
bool tiff_same_page(const tiff_page *a, const tiff_page *b);
bool tiff_is_raw(const tiff_page *page);

/* Chunks of a page along samples (planar), rows and columns. */
int64_t tiff_page_chunks(const tiff_page *page);

/* Fills the chain, the byte order and the parameters for chunks like those of a page. */
MT_MUST_CHECK mt_status tiff_set_chain(mt_chunk_map *map, const tiff_file *file, const tiff_ifd *ifd,
                                       const tiff_page *page, mt_error *err);

/* An image of the file: dimensions before those of the page, and its pages in C order of them. */
typedef struct tiff_series {
    char axes[MT_MAX_DIMS + 1]; /* of the leading dimensions */
    int64_t shape[MT_MAX_DIMS];
    int ndim;
    tiff_page page;
    uint64_t n_pages;
    const uint64_t
        *offsets;         /* of the directories, n_pages of them; NULL where the planes follow on the first raw one */
    uint64_t data_offset; /* then: of the first pixel */
    int sub_levels;       /* SubIFDs of the first page */
    const struct tiff_series *levels[32]; /* pages of their own for levels 1, 2, ... */
    int n_page_levels;
    double pixel_size[3]; /* Z, Y, X; 0: not known */
    const char *unit[3];
} tiff_series;

typedef struct tiff_images {
    tiff_file file;
    tiff_series **series;
    size_t n;
} tiff_images;

/* Finds the images of a file, in its order. */
MT_MUST_CHECK mt_status tiff_find_images(const mt_source *source, mt_arena *arena, tiff_images *out, mt_error *err);

/* ImageJ hyperstacks, and what tifffile calls shaped: sets the leading dimensions from the description of the first
 * page; *found tells whether it has one. planes is the number of pages like the first that the file holds. */
MT_MUST_CHECK mt_status tiff_describe_planes(const tiff_file *file, const tiff_ifd *ifd, mt_arena *arena,
                                             tiff_series *series, uint64_t planes, uint64_t planes_in_a_row,
                                             bool *found, mt_error *err);

/* Makes the map of a level of a series. */
MT_MUST_CHECK mt_status tiff_make_map(const mt_source *source, const tiff_file *file, const tiff_series *series,
                                      int level, mt_chunk_map *map, mt_error *err);

#endif
