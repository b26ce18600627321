/* SPDX-License-Identifier: BSD-3-Clause */
/* Leica LIF, versions 1 and 2: declarations shared by this folder.
 *
 * A file is an XML document in UTF-16, followed by memory blocks. The document is a tree of elements, some of which are
 * images. The pixels of an image are one uncompressed block, in which BytesInc of each dimension and channel gives the
 * address of every pixel. Sources: "Leica image file formats", Leica Microsystems, 2016, and real files. */
#ifndef MT_FORMAT_LIF_LIF_H
#define MT_FORMAT_LIF_LIF_H

#include "format/format.h"

/* DimID of a DimensionDescription. */
enum {
    LIF_X = 1,
    LIF_Y,
    LIF_Z,
    LIF_T,
    LIF_EMISSION, /* wavelengths */
    LIF_ROTATION,
    LIF_XT_SLICES,
    LIF_T_SLICES,
    LIF_EXCITATION, /* wavelengths */
    LIF_TILES,
    LIF_LOOP,
    LIF_DIMENSIONS
};

typedef struct lif_dimension {
    int id;                /* DimID */
    int64_t n;             /* elements, at least 0 */
    int64_t step;          /* bytes between neighbours, at least 0 */
    double origin, length; /* position of the first element, and the distance from it to the last, in unit */
    const char *unit;      /* UDUNITS-2 name; NULL: not known */
} lif_dimension;

/* ChannelTag of samples of a colour picture; 0: any other channel. */
enum { LIF_RED = 1, LIF_GREEN, LIF_BLUE };

typedef struct lif_channel {
    mt_dtype dtype;
    int64_t tag;
    int64_t offset;   /* bytes from the start of the block, at least 0 */
    const char *name; /* dye or measured quantity; "" if neither is known */
    const char *lut;  /* lookup table, such as "Green"; "" if not known */
} lif_channel;

/* Place of a tile on the stage in metres; NaN: not known. */
typedef struct lif_tile {
    double x, y, z;
} lif_tile;

/* An image of the tree. */
typedef struct lif_image {
    const char *path;                /* names of the elements that lead to it, below the root, with '/' */
    const char *name;                /* of its element */
    bool is_named;                   /* the path names no earlier image, and is not taken for a series or level */
    mt_status status;                /* not MT_OK: the image cannot be opened, for this reason */
    const char *why;                 /* the message of status */
    const lif_dimension *dimensions; /* in the order of the document */
    int n_dimensions;
    const lif_channel *channels; /* all of one type, by rising offset */
    size_t n_channels;
    const lif_tile *tiles;        /* in paint order */
    size_t n_tiles;               /* 0: not known */
    bool flip_x, flip_y, swap_xy; /* the stage is mirrored along X, along Y, then X and Y are exchanged */
    size_t block;                 /* index of its memory block */
} lif_image;

/* A memory block, as announced by the document. */
typedef struct lif_block {
    const char *id;
    uint64_t size; /* bytes of data */
    uint64_t head; /* predicted offset of its header */
} lif_block;

typedef struct lif_file {
    mt_env *env;        /* memory, limits and caches */
    mt_store *store;    /* that holds the file; borrowed */
    const char *key;    /* of the file; borrowed */
    uint64_t size;      /* bytes */
    int version;        /* 1 or 2 */
    uint64_t xml_end;   /* offset of the first block */
    const char *repair; /* what was repaired in the document, for a warning; NULL: nothing */
    lif_image *images;  /* in the order of the document */
    size_t n_images, image_room;
    lif_block *blocks; /* in the order of the document */
    size_t n_blocks, block_room;
    uint64_t owner; /* of entries in the index cache */
} lif_file;

#define LIF_MARK 0x70 /* u32 at the start of the document and of each block */
#define LIF_TEST 0x2a /* u8 before each part of a header */

/* Reads the document. store, key and env are set. Everything is allocated from the arena. */
MT_MUST_CHECK mt_status lif_read_document(lif_file *file, mt_arena *arena, mt_error *err);

/* Describes an image from its element; what is wrong with it goes to image->status and why. Fails for lack of memory
 * only. */
struct mt_xml;
MT_MUST_CHECK mt_status lif_describe(const struct mt_xml *element, lif_image *image, mt_arena *arena, mt_error *err);

/* An attribute that is a whole number; false if it is absent or something else. */
bool lif_get_integer(const struct mt_xml *element, const char *name, int64_t *out);

/* The dimension of an image with this id, or NULL. */
const lif_dimension *lif_find_dimension(const lif_image *image, int id);

/* Location of the data of a block. */
typedef struct lif_place {
    uint64_t offset, size; /* bytes in the file */
} lif_place;

/* Sets the predicted offsets of all blocks. */
void lif_predict_blocks(lif_file *file);
/* Finds a block where it is predicted, else by a walk over all headers. The result is cached. Any thread. */
MT_MUST_CHECK mt_status lif_find_block(const lif_file *file, size_t block, lif_place *out, mt_error *err);

#define LIF_MAX_AXES (LIF_DIMENSIONS + 3)

/* A dimension of the stored array: of the document, or along channels. */
typedef struct lif_axis {
    char letter;                /* of STCZYX */
    int64_t n, step;            /* elements; bytes between neighbours */
    const lif_dimension *named; /* NULL: channels, or an axis that is not stored */
} lif_axis;

typedef struct lif_layout {
    lif_axis axes[LIF_MAX_AXES]; /* by falling step */
    int n_axes;
    int64_t base;   /* bytes before the first element */
    int64_t span;   /* bytes from the first element to the end of the last; 0: no elements */
    bool is_bgr;    /* the last axis is blue, green, red, without gaps */
    mt_dtype dtype; /* of an element */
} lif_layout;

/* The stored array of an image that can be opened. */
MT_MUST_CHECK mt_status lif_lay_out(const lif_image *image, lif_layout *out, mt_error *err);

/* The data of an image: what locate needs. */
typedef struct lif_data {
    const lif_file *file; /* NULL: the place is known */
    size_t block;         /* index of the memory block, if there is a file */
    lif_place place;      /* without a file; with one only its size, as announced; 0: no data */
    const char *key;      /* of the file */
    uint64_t base;        /* bytes before the first element */
} lif_data;

/* The data of an image in its file. */
lif_data lif_data_of(const lif_file *file, const lif_image *image, const lif_layout *layout);
/* Whether size bytes at an offset from the first element lie in the block. */
bool lif_is_stored(const lif_data *data, uint64_t offset, uint64_t size);
/* Locates size bytes at an offset from the first element; missing if the block ends before. */
MT_MUST_CHECK mt_status lif_locate(const lif_data *data, uint64_t offset, uint64_t size, mt_chunk_ref *out,
                                   mt_error *err);

/* Fills the map of an image. */
MT_MUST_CHECK mt_status lif_map_image(const lif_file *file, const lif_image *image, mt_chunk_map *map, mt_error *err);
/* The same with its tiles painted into one plane. */
MT_MUST_CHECK mt_status lif_map_merged(const lif_file *file, const lif_image *image, mt_chunk_map *map, mt_error *err);

/* Reverses the order of samples if they are blue, green, red. */
MT_MUST_CHECK mt_status lif_set_chain(const lif_layout *layout, mt_chunk_map *map, mt_error *err);

/* Counts the frames, planes of two axes in space, that are not complete in a block of so many bytes. *outer is the
 * number of axes before those of a frame. */
MT_MUST_CHECK mt_status lif_find_missing(const lif_layout *layout, uint64_t size, mt_chunk_map *map, int *outer,
                                         mt_error *err);

/* Sets pixel sizes, and names and colours of channels, of a map with the axes of a layout. */
MT_MUST_CHECK mt_status lif_set_details(const lif_image *image, const lif_layout *layout, mt_chunk_map *map,
                                        mt_error *err);

/* Sets the places of samples, if they are tiles and the document tells where these lie. */
MT_MUST_CHECK mt_status lif_set_samples(const lif_image *image, const lif_layout *layout, mt_chunk_map *map,
                                        mt_error *err);

/* For saved maps (format/saved). */
MT_MUST_CHECK mt_status lif_restore(mt_chunk_map *map, const mt_renaming *renaming, mt_reader *r, mt_error *err);

#endif
