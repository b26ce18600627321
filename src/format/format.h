/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunk maps, which describe where the chunks of an image are stored, and formats, which make them. */
#ifndef MT_FORMAT_FORMAT_H
#define MT_FORMAT_FORMAT_H

#include "base/buffer.h"
#include "base/reader.h"
#include "cache/cache.h"
#include "codec/codec.h"
#include "store/folder_kind.h"
#include "store/store.h"

#include <microtome/parts.h>

#include <stdarg.h>

typedef struct mt_chunk_map mt_chunk_map;
typedef struct mt_container mt_container;

#define MT_KEY_BYTES 512
#define MT_WHOLE UINT64_MAX

/* The location of a chunk. */
typedef struct mt_chunk_ref {
    bool missing;        /* not stored: read as the fill value */
    bool absent_is_fill; /* an object that does not exist is also read as the fill value */
    const char *key;     /* of the object; points into the map or into key_buffer */
    uint64_t offset;     /* of the first byte in the object */
    /* encoded bytes, or MT_WHOLE for the whole object; of a raw chunk, at least its decoded size */
    uint64_t size;
    const mt_chain *chain;         /* NULL: the chain of the map; else in the map or in chain_buffer */
    char key_buffer[MT_KEY_BYTES]; /* storage that key may point into */
    mt_chain chain_buffer;         /* storage that chain may point into */
} mt_chunk_ref;

/* A box of elements in an image. */
typedef struct mt_box {
    int64_t start[MT_MAX_DIMS], extent[MT_MAX_DIMS]; /* elements, by dimension */
} mt_box;

/* The chunk of a box that is filled with the fill value, as gaps are. */
#define MT_NOTHING UINT64_MAX

/* What a box shows: a chunk or a part of one. Several boxes may show parts of the same chunk. */
typedef struct mt_shown {
    mt_box place;               /* box in the image; may extend beyond its edge */
    uint64_t chunk;             /* number by which the chunk is located, cached and decoded; or MT_NOTHING */
    int64_t low[MT_MAX_DIMS];   /* first element of the part, in the chunk */
    int64_t whole[MT_MAX_DIMS]; /* extent of the chunk, at least low + place.extent; equal for all boxes of a chunk */
} mt_shown;

/* State of a search for stored chunks in part of a grid, kept between calls. Used by one thread. Initially zero except
 * wanted. */
typedef struct mt_scan {
    uint64_t wanted;                            /* number of chunks that the caller visits */
    void *memo;                                 /* private to the format; freed by free_memo */
    void (*free_memo)(mt_env *env, void *memo); /* frees memo; set by the format */
} mt_scan;

/* First coordinate of a grid position past all chunks. */
#define MT_NOWHERE INT64_MAX

/* Strings in an arena. */
typedef struct mt_texts {
    const char **items; /* NUL-terminated */
    size_t n, room;     /* entries in use and allocated */
} mt_texts;

typedef mt_status (*mt_visit_box)(void *user, uint64_t id, mt_error *err);

#define MT_MAP_OWNERS 5
#define MT_MAX_WARNINGS 100

/* An array cut into a grid of chunks, or covered by boxes. Immutable once made. Everything in it lives in its arena or
 * its container.
 *
 * Element (i_0, i_1, ...) lies in the chunk (i_0 / chunk_shape[0], ...), at the element offset chunk_first +
 * sum(i_d % chunk_shape[d] * chunk_stride[d]) in the decoded chunk. Strides express any order of elements (Fortran order, transposed,
 * interleaved samples): elements are not moved to bring them into C order. */
struct mt_chunk_map {
    mt_arena *arena;            /* owns everything in the map */
    mt_store *store;            /* that of the container */
    mt_container *container;    /* kept open by the map; NULL if the pixels are in memory */
    const char *format;         /* name of the format */
    int ndim;                   /* may be 0 */
    int64_t shape[MT_MAX_DIMS]; /* elements */
    /* a letter of STCZYX for each dimension, '?' if unknown. S and C may occur several times: they are merged, the
     * first is the slowest. */
    char axes[MT_MAX_DIMS + 1];
    /* the caller must name the axes: more than two dimensions, not counting leading ones of length 1, and no names */
    bool ask_axes;
    mt_dtype dtype;  /* of an element */
    bool swap;       /* stored in the other byte order; the engine swaps decoded chunks */
    uint8_t fill[8]; /* fill value, one element of dtype in native byte order */

    int64_t chunk_shape[MT_MAX_DIMS]; /* of the grid; >= 1 */
    /* Of a rectilinear grid: the n + 1 borders of the n chunks along a dimension, from 0 to shape or beyond;
     * chunk_shape is then the largest chunk. NULL: regular. */
    const int64_t *chunk_edges[MT_MAX_DIMS];
    int64_t chunk_stride[MT_MAX_DIMS]; /* elements; mt_chunk_map_c_order sets them */
    /* For regular grids: the offset of the first element of a chunk, in elements. Dimensions stored backwards, such as
     * blue, green, red, have a negative stride. */
    int64_t chunk_first;
    /* For regular grids whose strides leave gaps, such as padded rows: bytes of a decoded chunk. 0: its elements fill it. */
    size_t chunk_bytes;
    /* an edge chunk may decode to fewer elements, cut along the dimension with the largest stride */
    bool cut_at_edge;
    bool contiguous;                   /* raw data stored contiguously: the grid is chosen by us and not reported */
    int64_t piece_stride[MT_MAX_DIMS]; /* if contiguous: bytes between neighbouring elements in the object */
    int64_t shard_shape[MT_MAX_DIMS];  /* 0: no shards */
    mt_chain chain;                    /* codecs of chunks that have no chain of their own */

    /* Optional: boxes instead of a grid. Each box shows a part of a chunk. Boxes may overlap (those visited later are
     * painted over earlier ones), extend beyond the image, and leave gaps, which are read as the fill value. find_boxes
     * visits the boxes that intersect [low, high), get_box describes one. chunk_shape is then the largest extent of a
     * chunk along each dimension; chunk_stride gives the order of elements in each chunk. Both must be thread-safe. */
    mt_status (*find_boxes)(const mt_chunk_map *map, const int64_t *low, const int64_t *high, mt_visit_box visit,
                            void *user, mt_error *err);
    mt_status (*get_box)(const mt_chunk_map *map, uint64_t id, mt_shown *out, mt_error *err);

    /* Finds a chunk by its grid position; with boxes, position[0] is the number of the chunk. May read the store
     * (through an index cache). Must be thread-safe. */
    mt_status (*locate)(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err);
    /* Optional, for grids of at least one dimension: sets next to the first position in C order, at or after position,
     * whose chunk may be stored. It may lie past the end of a row; MT_NOWHERE if there is none. For formats whose
     * tables or listings show cheaply which chunks are absent. A chunk counts as stored if this is unknown or would
     * require waiting for a device. Called only for large parts of a grid, by a thread that collects reads
     * (store/collect.h). */
    void (*find_stored)(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next);
    /* Optional: called if the object (key) of a chunk does not exist and would be read as the fill value. Sets *moved
     * if the object has another key, which locate now returns. Fails if the chunk must not be treated as missing.
     * any_stored: some chunks of the image exist. May read the store and wait for it. Must be thread-safe. */
    mt_status (*judge_absent)(const mt_chunk_map *map, const int64_t *position, const char *key, bool any_stored,
                              bool *moved, mt_error *err);
    /* Optional, together with the format's restore: writes the state of locate if chunks are located by arithmetic, so
     * that their locations need not be saved one by one (format/saved). */
    mt_status (*save)(const mt_chunk_map *map, mt_buffer *out, mt_error *err);
    void *state;                          /* of the format */
    uint64_t index_owners[MT_MAP_OWNERS]; /* mt_chunk_map_new_owner */

    double pixel_size[MT_MAX_DIMS]; /* 0: not known */
    const char *unit[MT_MAX_DIMS];  /* NULL: not known */
    /* pixel sizes along Z, Y, X, for files that give sizes by axis but do not name the dimensions; 0: not known */
    double axis_size[3];
    const char *axis_unit;         /* of axis_size; NULL: not known */
    const mt_channel *channels;    /* one for each position along C, or NULL */
    size_t n_channels;             /* entries of channels */
    const mt_sample_info *samples; /* one for each position along S and T together, S slow, or NULL */
    size_t n_samples;              /* entries of samples */
    const char *part;              /* part that was opened; NULL: as requested */
    const char *document;          /* of an image that is a folder: key of the object that describes its array */
    int level, n_levels;           /* resolution level of the map; number of levels, 0 means 1 */

    double value_scale; /* the file declares the values pixel * value_scale + value_offset; 0: it declares none */
    double value_offset;
    bool is_labels;     /* a label image: the file declares it */
    bool axes_assumed;  /* no metadata names the axes: those set are assumed */
    mt_texts warnings;  /* mt_chunk_map_warn */
    mt_texts missing;   /* mt_chunk_map_miss: the first MT_MAX_MISSING_NAMES */
    uint64_t n_missing; /* files and frames that are named but do not exist */
    mt_texts members;   /* keys of the other files of the image, in any order, also repeated: mt_chunk_map_add_member */
};

/* Checks the map of a freshly opened format (shape, products against the limits, strides, axes). The engine and the
 * fuzzer rely on it. */
MT_MUST_CHECK mt_status mt_chunk_map_check(const mt_chunk_map *map, mt_error *err);

/* A zeroed map with its own arena; freed with mt_chunk_map_free. store may be NULL if the pixels are in memory. */
MT_MUST_CHECK mt_status mt_chunk_map_new(mt_env *env, mt_store *store, const char *format, mt_chunk_map **out,
                                         mt_error *err);
void mt_chunk_map_free(mt_chunk_map *map);

/* What mt_chunk_map_warn does, for a list of warnings in an arena. */
MT_MUST_CHECK mt_status mt_texts_warn(mt_texts *texts, mt_arena *arena, mt_error *err, const char *format, va_list args)
    MT_PRINTF(4, 0);

/* Adds a warning for users about a repair, omission or assumption; duplicates are dropped. Fails only for lack of
 * memory. After MT_MAX_WARNINGS the last one states that there are more. */
MT_MUST_CHECK mt_status mt_chunk_map_warn(mt_chunk_map *map, mt_error *err, const char *format, ...) MT_PRINTF(3, 4);

/* Counts a file or frame that the image refers to and that does not exist, and keeps its name. */
MT_MUST_CHECK mt_status mt_chunk_map_miss(mt_chunk_map *map, mt_error *err, const char *format, ...) MT_PRINTF(3, 4);

/* Adds to the members a file other than the one that was opened, on whose bytes the pixels depend. key is borrowed: it must
 * live as long as the map. Of a slow store, only files that were asked for to open the image, so that they are known. */
MT_MUST_CHECK mt_status mt_chunk_map_add_member(mt_chunk_map *map, const char *key, mt_error *err);

/* Sets chunk_stride for C order of chunk_shape. */
void mt_chunk_map_c_order(mt_chunk_map *map);

/* Describes contiguous raw data at (key, offset). strides are those of the stored array in elements, in any order.
 * Chooses blocks of whole rows; sets the grid, strides and locate. key is copied. Requires ndim, shape and dtype. */
MT_MUST_CHECK mt_status mt_chunk_map_contiguous(mt_chunk_map *map, const char *key, uint64_t offset, bool fortran_order,
                                                mt_error *err);

/* For raw data in one piece in any order of dimensions, also with gaps between rows: sets contiguous and a grid of
 * blocks of rows without gaps. Requires ndim, shape, dtype and piece_stride; the format sets locate. */
void mt_chunk_map_cut_piece(mt_chunk_map *map);

/* The offset in bytes of a block from the first element of the piece, and its number of elements. Requires that the
 * offset of the last element does not overflow. */
void mt_chunk_map_find_block(const mt_chunk_map *map, const int64_t *position, uint64_t *offset, uint64_t *elements);

/* Returns whether the map is one of mt_chunk_map_contiguous, and its arguments. */
bool mt_chunk_map_get_piece(const mt_chunk_map *map, const char **key, uint64_t *offset, bool *fortran_order);

/* Makes the pixels of a map of contiguous data, which sets value_scale, the values that the file declares: float32 or
 * float64, decoded chunk by chunk. For mt_open_options.scaled. */
MT_MUST_CHECK mt_status mt_chunk_map_scale(mt_chunk_map *map, mt_error *err);

/* MT_E_CORRUPT if the object of contiguous data is too short. */
MT_MUST_CHECK mt_status mt_chunk_map_check_size(const mt_chunk_map *map, mt_error *err);

/* A new owner of entries in the index cache (at most MT_MAP_OWNERS per map); they are dropped with the map. */
uint64_t mt_chunk_map_new_owner(mt_chunk_map *map);

/* Elements of a whole chunk; mt_chunk_map_check has excluded overflow. */
int64_t mt_chunk_map_elements(const mt_chunk_map *map);

/* Number of chunks along dimension d of a checked map; 0 if the image is empty. */
int64_t mt_chunk_map_grid(const mt_chunk_map *map, int d);

/* The number of a position along the first n dimensions of a shape, in C order. */
uint64_t mt_position_number(int n, const int64_t *shape, const int64_t *position);

/* Moves to the next position of a box along the first n dimensions, in C order. False after the last one. */
bool mt_position_next(int n, const int64_t *low, const int64_t *high, int64_t *position);

/* The part after '#': "path&series=0&level=0". Each may be left out; series and level may also come first. A path may
 * contain '&'. */
typedef struct mt_selection {
    const char *text; /* as given, or "" */
    const char *path; /* path of an array or group inside, or "" */
    int64_t series;   /* -1: not named; "series=2" or "scene=2" */
    int64_t level;    /* -1: not named */
} mt_selection;

MT_MUST_CHECK mt_status mt_selection_parse(mt_arena *arena, const char *text, mt_selection *out, mt_error *err);

/* The file or folder in which images are searched. */
typedef struct mt_source {
    mt_env *env;                    /* memory, limits and caches */
    mt_store *store;                /* store of the folder that holds the file, or of the folder itself */
    const char *key;                /* of the file or folder in the store; "" for the store itself */
    bool folder;                    /* key names a folder ("" always does) */
    const char *name;               /* the last segment of the path, for suffixes and messages */
    const char *text;               /* the path or URL without "#part", for messages and the source of stacks */
    const uint8_t *head;            /* the first bytes of a file; NULL for a folder */
    size_t head_size;               /* min(file, 4096) */
    const mt_open_options *options; /* never NULL; the format ignores part, axes and format */
} mt_source;

/* The key of a file or folder when its map was saved, and its key now. */
typedef struct mt_renaming {
    const char *from, *to; /* keys in the store */
} mt_renaming;

/* An open file or folder, parsed once for any number of images. Reference-counted (format/container.h). */
struct mt_container {
    mt_source source;               /* owns the store; strings, head and options are in arena */
    const struct mt_format *format; /* set once the format is known */
    mt_arena *arena;                /* memory of the format's open and of documents; not used after that */
    void *state;                    /* private to the format: immutable once open has returned, or locked internally */
    /* Objects that were read to open the first images; set by mt_source_settle. */
    const char *const *documents;
    size_t n_documents;
    bool all_documents;      /* documents is complete */
    _Atomic unsigned owners; /* references held */
};

/* A format. All functions except open and close may be called from any thread and concurrently. */
typedef struct mt_format {
    const char *name, *title, *suffixes; /* "tiff", "TIFF, BigTIFF, ...", "tif,tiff" */
    /* For images that are folders: comma-separated keys of documents, at least one of which is in such a folder.
     * With the suffixes they identify such folders in stores that cannot tell folders from objects. NULL: images
     * are files. */
    const char *folder_documents;
    /* Sets score: 0 no match; 1 the suffix matches; 2 the content matches. Read errors are returned. */
    mt_status (*probe)(const mt_source *source, int *score, mt_error *err);
    /* Optional: parses what the images of the container share, into its arena. */
    mt_status (*open)(mt_container *container, mt_error *err);
    /* Optional: frees memory outside the arena, also after a failed open. */
    void (*close)(mt_container *container);
    /* Optional: lists the images of a group ("" for all) as they are written after '#', the default first. NULL: one
     * image without a name. */
    mt_status (*list)(const mt_container *container, const mt_selection *below, mt_names *out, mt_error *err);
    /* Fills the new map of an image. On failure the caller frees it. */
    mt_status (*map)(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err);
    /* Optional: lists attachments, with type and size. */
    mt_status (*attachments)(const mt_container *container, mt_names *out, mt_error *err);
    /* Optional: the keys of the other files that belong to the images found so far, for searches: what belongs to an
     * image is not opened as another. */
    mt_status (*members)(const mt_container *container, mt_names *out, mt_error *err);
    /* Optional: sets state, locate, find_stored and judge_absent of a map from what its save wrote. All other fields
     * are set. Keys are renamed. */
    mt_status (*restore)(mt_chunk_map *map, const mt_renaming *renaming, mt_reader *r, mt_error *err);
} mt_format;

const mt_format *mt_format_find(const char *name);

/* The i-th kind of image that is a folder, for mt_env.folder_kind; 0 past the last. */
int mt_format_folder_kind(size_t i, mt_folder_kind *out);

/* The best format for a source, by content first; MT_E_NOT_AN_IMAGE if no format matches. */
MT_MUST_CHECK mt_status mt_format_probe(const mt_source *source, const mt_format **out, mt_error *err);

/* The key of the file beside a source whose suffix, of as many letters, is exchanged for another, given in lower case. It
 * is sought with letters as in the old suffix, in lower and in upper case; if there is none, *key is the first of these. */
MT_MUST_CHECK mt_status mt_source_find_beside(const mt_source *source, mt_arena *arena, const char *suffix,
                                              const char **key, bool *exists, mt_error *err);

/* Fails with a description of the source if it is of a known but unsupported kind (format/known.c); else MT_OK. */
MT_MUST_CHECK mt_status mt_format_refuse_known(const mt_source *source, mt_error *err);

MT_MUST_CHECK mt_status mt_names_new(mt_env *env, mt_names **out, mt_error *err);
/* Calls release(owner) once the list, whose memory belongs to owner, has been freed. */
void mt_names_own(mt_names *names, void *owner, void (*release)(void *owner));
MT_MUST_CHECK mt_status mt_names_add(mt_names *names, const char *name, mt_error *err);
MT_MUST_CHECK mt_status mt_names_add_part(mt_names *names, const mt_part *part, mt_error *err); /* copies it */
/* Adds a name below which images could not be looked for; why is copied. Opening the images of the list fails with it:
 * another try could succeed, and give other images than those that were not found. */
MT_MUST_CHECK mt_status mt_names_add_failed(mt_names *names, const char *name, const mt_error *why, mt_error *err);
const mt_error *mt_names_get_failure(const mt_names *names, size_t i); /* NULL: none */

/* The letter of STCZYX for the name of an axis in lower or upper case ("z", "Depth", "channel", "c^"); '?' if the name
 * is NULL or not a known word. */
char mt_axis_letter(const char *name);
/* Sets all axes to '?' if T, Z, Y or X occurs twice: such names are unusable. S and C may be repeated. */
void mt_axes_drop_ambiguous(char *axes);

/* Attributes used in electron microscopy (resolution or voxel_size, offset, units), with one entry per dimension or per
 * spatial dimension. */
typedef struct mt_voxels {
    int n;                         /* entries; 0: no such attribute */
    double size[MT_MAX_DIMS];      /* 0: not known */
    const char *unit[MT_MAX_DIMS]; /* as written; NULL: not known */
} mt_voxels;
/* Sets pixel sizes and units. If all axes are '?', two or three entries also name the last axes YX or ZYX. */
MT_MUST_CHECK mt_status mt_chunk_map_set_voxels(mt_chunk_map *map, const mt_voxels *voxels, bool has_names,
                                                mt_error *err);

/* The UDUNITS-2 name of a unit of length or time ("micrometer" for "um"); text ends at the first blank or line end.
 * NULL if unknown. */
const char *mt_unit_find(const char *text);
/* The same, or a copy of the text if the unit is unknown, in the arena. NULL if out of memory. */
const char *mt_unit_name(mt_arena *arena, const char *text, mt_error *err);

#endif
