/* SPDX-License-Identifier: BSD-3-Clause */
/* The chunk map, which is what a format makes of a file, and the format, which makes it. */
#ifndef MT_FORMAT_FORMAT_H
#define MT_FORMAT_FORMAT_H

#include "base/buffer.h"
#include "base/reader.h"
#include "cache/cache.h"
#include "codec/codec.h"
#include "store/folder_kind.h"
#include "store/store.h"

#include <microtome/parts.h>

typedef struct mt_chunk_map mt_chunk_map;
typedef struct mt_container mt_container;

#define MT_KEY_BYTES 512
#define MT_WHOLE UINT64_MAX

/* Where the bytes of one chunk lie. */
typedef struct mt_chunk_ref {
    bool missing;          /* not stored: reads as the fill value */
    bool absent_is_fill;   /* so does an object that the store does not have */
    const char *key;       /* of the object: storage of the map, or key_buffer */
    uint64_t offset;       /* of the first byte in the object */
    uint64_t size;         /* encoded bytes, or MT_WHOLE: the whole object. For raw chunks at least the chunk. */
    const mt_chain *chain; /* NULL: that of the map. Storage of the map, or chain_buffer */
    char key_buffer[MT_KEY_BYTES];
    mt_chain chain_buffer;
} mt_chunk_ref;

/* A place in an image. */
typedef struct mt_box {
    int64_t start[MT_MAX_DIMS], extent[MT_MAX_DIMS];
} mt_box;

/* Stands for the chunk of a box that shows the fill value, as gaps do. */
#define MT_NOTHING UINT64_MAX

/* What a box shows: all of a chunk, or a part of one that other boxes may show parts of, too. */
typedef struct mt_shown {
    mt_box place;               /* of the box in the image; it may reach over the edge */
    uint64_t chunk;             /* its number, by which chunks are located, cached and decoded; or MT_NOTHING */
    int64_t low[MT_MAX_DIMS];   /* where the part starts in the chunk */
    int64_t whole[MT_MAX_DIMS]; /* extent of the chunk, at least low + place.extent; the same wherever it is shown */
} mt_shown;

/* One look for stored chunks over part of a grid: what a format keeps of it from one question to the next. Used by one
 * thread; zeroed at first but for wanted. */
typedef struct mt_scan {
    uint64_t wanted; /* chunks that the caller goes through in all */
    void *memo;      /* of the format; freed by free_memo */
    void (*free_memo)(mt_env *env, void *memo);
} mt_scan;

/* As the first coordinate of a grid position: behind all chunks. */
#define MT_NOWHERE INT64_MAX

/* Texts of an arena. */
typedef struct mt_texts {
    const char **items;
    size_t n, room;
} mt_texts;

typedef mt_status (*mt_visit_box)(void *user, uint64_t id, mt_error *err);

#define MT_MAP_OWNERS 5
#define MT_MAX_WARNINGS 100

/* An array cut into a grid of chunks, or covered by boxes. Immutable once it is made; everything in it lives in its
 * arena or in its container.
 *
 * Element (i_0, i_1, ...) lies in the chunk (i_0 / chunk_shape[0], ...), at the element offset
 * sum(i_d % chunk_shape[d] * chunk_stride[d]) in the decoded chunk. Strides express any order of elements (order F,
 * transposed, interleaved samples): nothing is moved to bring it into C order. */
struct mt_chunk_map {
    mt_arena *arena;
    mt_store *store;         /* that of the container */
    mt_container *container; /* which the map keeps open; NULL where pixels lie in memory */
    const char *format;      /* name of the format */
    int ndim;                /* may be 0 */
    int64_t shape[MT_MAX_DIMS];
    char axes[MT_MAX_DIMS + 1]; /* a letter of STCZYX for each dimension, '?' where the file does not say. S and C may
                                   stand several times: they are merged, the first slowest. */
    bool ask_axes;              /* of more than two dimensions, not counting leading ones of length 1: '?' is not to be
                                   guessed, the caller has to say */
    mt_dtype dtype;
    bool swap;       /* stored in the other byte order; decoded chunks are swapped by the engine */
    uint8_t fill[8]; /* one element of dtype, in the machine's order */

    int64_t chunk_shape[MT_MAX_DIMS];        /* of the grid; >= 1 */
    const int64_t *chunk_edges[MT_MAX_DIMS]; /* rectilinear grid: the n+1 borders of the n chunks along an axis, from 0
                                          to at least shape; chunk_shape is then the largest. NULL: regular. */
    int64_t chunk_stride[MT_MAX_DIMS];       /* elements; mt_chunk_map_c_order sets them */
    bool cut_at_edge;                  /* along the slowest stride, an edge chunk may decode to less than a whole one */
    bool contiguous;                   /* raw data stored in one piece: the grid is chosen by us, not reported */
    int64_t piece_stride[MT_MAX_DIMS]; /* contiguous: bytes from element to element in the object */
    int64_t shard_shape[MT_MAX_DIMS];  /* 0: no shards */
    mt_chain chain;                    /* for all chunks that name none of their own */

    /* Boxes instead of a grid (NULL: a grid), each of which shows a part of a chunk: they may overlap, where those
     * visited later cover those before, reach over the image's edge, and leave gaps, which read as fill. Visits the
     * boxes that meet [low, high); get_box tells what one shows. chunk_shape is then as large as the largest chunk
     * along each dimension; the order of chunk_stride is that of the elements of each. Both must be thread-safe. */
    mt_status (*find_boxes)(const mt_chunk_map *map, const int64_t *low, const int64_t *high, mt_visit_box visit,
                            void *user, mt_error *err);
    mt_status (*get_box)(const mt_chunk_map *map, uint64_t id, mt_shown *out, mt_error *err);

    /* Finds a chunk by its grid position; of boxes, position[0] is the number of the chunk. May read the store (through
     * an index cache), must be thread-safe. */
    mt_status (*locate)(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err);
    /* Optional, of a grid of at least one dimension: sets next to the first position in C order, not before position,
     * whose chunk may be stored (it may lie behind the end of a row; MT_NOWHERE: there is none). For tables and listings
     * that tell cheaply what is absent: what is not known, or would take a device to wait for, may be stored. Called
     * for large parts of a grid only, by the thread of a call while it collects (store/collect.h). */
    void (*find_stored)(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next);
    /* Optional: asked when the store turns out not to have the object (key) of a chunk, which would read as the fill value.
     * *moved: the object is called otherwise, and locate gives its key now. Fails where it must not pass for a missing
     * chunk. any_stored: some chunks of the image are there. May read the store and wait for it, must be thread-safe. */
    mt_status (*judge_absent)(const mt_chunk_map *map, const int64_t *position, const char *key, bool any_stored,
                              bool *moved, mt_error *err);
    /* Optional, with restore of the format: writes what locate works with, where chunks are found by arithmetic and their
     * places need not be saved one by one (format/saved). */
    mt_status (*save)(const mt_chunk_map *map, mt_buffer *out, mt_error *err);
    void *state;                          /* of the format */
    uint64_t index_owners[MT_MAP_OWNERS]; /* mt_chunk_map_new_owner */

    double pixel_size[MT_MAX_DIMS]; /* 0: not known */
    const char *unit[MT_MAX_DIMS];  /* NULL: not known */
    double axis_size[3];            /* of Z, Y, X, if the file gives sizes by axis but does not say which dimension is
                                       which: of the axes that the caller names. 0: not known */
    const char *axis_unit;          /* of axis_size; NULL: not known */
    const mt_channel *channels;     /* NULL, or one for each position along C */
    size_t n_channels;
    const char *part;    /* the part that was opened; NULL: as it was asked for */
    int level, n_levels; /* n_levels 0 counts as 1 */

    bool is_labels;    /* values are numbers of objects: the file declares it */
    bool axes_assumed; /* no metadata names the axes, though all are set */
    mt_texts warnings; /* mt_chunk_map_warn */
    mt_texts missing;  /* mt_chunk_map_miss: the first MT_MAX_MISSING_NAMES */
    uint64_t n_missing;
};

/* What the engine calls the dimensions: checks the map of a freshly opened format (shape, products against the limits,
 * strides, axes). The engine relies on it, so does the fuzzer. */
MT_MUST_CHECK mt_status mt_chunk_map_check(const mt_chunk_map *map, mt_error *err);

/* A zeroed map with an arena of its own; freed with mt_chunk_map_free. store may be NULL where pixels lie in memory. */
MT_MUST_CHECK mt_status mt_chunk_map_new(mt_env *env, mt_store *store, const char *format, mt_chunk_map **out,
                                         mt_error *err);
void mt_chunk_map_free(mt_chunk_map *map);

/* Adds a sentence for users about what was repaired, left out or assumed, once: MT_OK, or want of memory. Of more than
 * MT_MAX_WARNINGS the last says that there are more. */
MT_MUST_CHECK mt_status mt_chunk_map_warn(mt_chunk_map *map, mt_error *err, const char *format, ...) MT_PRINTF(3, 4);

/* Counts a file or frame that the image names and that is not there, and keeps its name. */
MT_MUST_CHECK mt_status mt_chunk_map_miss(mt_chunk_map *map, mt_error *err, const char *format, ...) MT_PRINTF(3, 4);

/* Sets chunk_stride for C order of chunk_shape. */
void mt_chunk_map_c_order(mt_chunk_map *map);

/* Describes raw data in one piece at (key, offset): strides in elements of the stored array, slowest first or in any
 * order. Chooses blocks of whole rows, sets the grid, strides and locate. key is copied. Needs ndim, shape and dtype. */
MT_MUST_CHECK mt_status mt_chunk_map_contiguous(mt_chunk_map *map, const char *key, uint64_t offset, bool fortran_order,
                                                mt_error *err);

/* Whether a map was made by mt_chunk_map_contiguous, and then of what. */
bool mt_chunk_map_get_piece(const mt_chunk_map *map, const char **key, uint64_t *offset, bool *fortran_order);

/* Whether the object of data in one piece has all of its bytes: MT_E_CORRUPT if not. */
MT_MUST_CHECK mt_status mt_chunk_map_check_size(const mt_chunk_map *map, mt_error *err);

/* A number for entries of the index cache (at most MT_MAP_OWNERS for a map), which are dropped with the map. */
uint64_t mt_chunk_map_new_owner(mt_chunk_map *map);

/* Elements of a whole chunk (checked by mt_chunk_map_check not to overflow). */
int64_t mt_chunk_map_elements(const mt_chunk_map *map);

/* How many chunks of the grid lie along dimension d of a checked map; 0 if the image is empty. */
int64_t mt_chunk_map_grid(const mt_chunk_map *map, int d);

/* What stands after '#', split at '&': one path, and key=value pairs. */
typedef struct mt_selection {
    const char *text; /* as given, "" for none */
    const char *path; /* array or group inside, "" for none */
    int64_t series;   /* -1: not named; "series=2" or "scene=2" */
    int64_t level;    /* -1: not named */
} mt_selection;

MT_MUST_CHECK mt_status mt_selection_parse(mt_arena *arena, const char *text, mt_selection *out, mt_error *err);

/* Where images are looked for. */
typedef struct mt_source {
    mt_env *env;
    mt_store *store;                /* of the folder that holds the file, or of the folder itself */
    const char *key;                /* the file's name in the store; "" if the store is what is opened */
    bool folder;                    /* key names a folder ("" always does) */
    const char *name;               /* the last segment of the path, for suffixes and messages */
    const char *text;               /* the path or URL without "#part", for messages and the source of stacks */
    const uint8_t *head;            /* the first bytes of a file; NULL for a folder */
    size_t head_size;               /* min(file, 4096) */
    const mt_open_options *options; /* never NULL; part, axes and format are not the format's business */
} mt_source;

/* What a saved map calls its file or folder, and what that is called now. */
typedef struct mt_renaming {
    const char *from, *to;
} mt_renaming;

/* A file or folder that was opened: parsed once, for any number of images. Counted (format/container.h). */
struct mt_container {
    mt_source source; /* the store is the container's; strings, head and options lie in the arena */
    const struct mt_format *format;
    mt_arena *arena; /* what the format's open makes, and documents; not used any more once those are there */
    void *state;     /* of the format: immutable once open has returned, or locked inside */
    /* Once all images that are wanted at first are open (mt_source_settle): the objects that were read for them. */
    const char *const *documents;
    size_t n_documents;
    bool all_documents; /* there are no others */
    _Atomic unsigned owners;
};

/* What a format does. All functions but open and close may be called in any thread, at any time and several at once. */
typedef struct mt_format {
    const char *name, *title, *suffixes; /* "tiff", "TIFF, BigTIFF, ...", "tif,tiff" */
    /* Of images that are folders: keys of documents, with commas, of which such a folder has at least one. By them and by
     * the suffixes it is recognised in stores that do not tell folders from objects. NULL: images are files. */
    const char *folder_documents;
    /* *score is 0: not mine; 1: only the suffix says so; 2: the content says so. What cannot be read is an error. */
    mt_status (*probe)(const mt_source *source, int *score, mt_error *err);
    /* Optional: parses what the images of the container share, into its arena. */
    mt_status (*open)(mt_container *container, mt_error *err);
    /* Optional: frees what is not in the arena, also after a failed open. */
    void (*close)(mt_container *container);
    /* NULL: one image without a name. Names each image of a group (mostly "": of all) as it stands after '#', the
     * default first. */
    mt_status (*list)(const mt_container *container, const mt_selection *below, mt_names *out, mt_error *err);
    /* Fills the new map of an image, which is freed by the caller if this fails. */
    mt_status (*map)(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err);
    /* Optional: what a file holds besides images, with type and size. */
    mt_status (*attachments)(const mt_container *container, mt_names *out, mt_error *err);
    /* Optional: the keys of the other files that the images found so far are made of. */
    mt_status (*members)(const mt_container *container, mt_names *out, mt_error *err);
    /* Optional: makes state, locate, find_stored and judge_absent of a map out of what its save wrote; all other fields
     * are set. Keys are renamed. */
    mt_status (*restore)(mt_chunk_map *map, const mt_renaming *renaming, mt_reader *r, mt_error *err);
} mt_format;

/* The formats, in the order in which they are tried. */
const mt_format *mt_format_at(size_t i);
const mt_format *mt_format_find(const char *name);

/* The i-th kind of image that is a folder, for mt_env.folder_kind; 0 behind the last. */
int mt_format_folder_kind(size_t i, mt_folder_kind *out);

/* The best format for a source, by content first; MT_E_NOT_AN_IMAGE where none fits. */
MT_MUST_CHECK mt_status mt_format_probe(const mt_source *source, const mt_format **out, mt_error *err);

/* Fails with the name of what a source is, if no format takes it but it can be named (format/known.c); else MT_OK. */
MT_MUST_CHECK mt_status mt_format_refuse_known(const mt_source *source, mt_error *err);

MT_MUST_CHECK mt_status mt_names_new(mt_env *env, mt_names **out, mt_error *err);
/* Calls release(owner) when the list, whose memory is the owner's, has been freed. */
void mt_names_own(mt_names *names, void *owner, void (*release)(void *owner));
MT_MUST_CHECK mt_status mt_names_add(mt_names *names, const char *name, mt_error *err);
MT_MUST_CHECK mt_status mt_names_add_part(mt_names *names, const mt_part *part, mt_error *err); /* copies it */

/* The letter of STCZYX for the name of an axis in lower or upper case ("z", "Depth", "channel", "c^"); '?' if the name is
 * NULL or not a known word. */
char mt_axis_letter(const char *name);
/* Sets all axes to '?' if T, Z, Y or X stands for two dimensions: the names say nothing. S and C may be repeated. */
void mt_axes_drop_ambiguous(char *axes);

/* Attributes of electron microscopy (resolution or voxel_size, offset, units): as many entries as there are dimensions, or
 * as there are spatial ones. */
typedef struct mt_voxels {
    int n;                         /* entries; 0: there is no such attribute */
    double size[MT_MAX_DIMS];      /* 0: not known */
    const char *unit[MT_MAX_DIMS]; /* as written; NULL: not known */
} mt_voxels;
/* Sets pixel sizes and units; without names (axes are all '?') two or three entries also name the last axes YX or ZYX. */
MT_MUST_CHECK mt_status mt_chunk_map_set_voxels(mt_chunk_map *map, const mt_voxels *voxels, bool has_names,
                                                mt_error *err);

/* The UDUNITS-2 name of a length or time ("micrometer" of "um"), up to the first blank or end of line; NULL where it is
 * not known. */
const char *mt_unit_find(const char *text);
/* The same, or the text itself up to there, in the arena; NULL where there is no memory. */
const char *mt_unit_name(mt_arena *arena, const char *text, mt_error *err);

#endif
