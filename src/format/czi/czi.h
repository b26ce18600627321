/* SPDX-License-Identifier: BSD-3-Clause */
/* Zeiss CZI, by the "ZISRAW (CZI) File Format Design Specification" 1.2: declarations shared by this folder. */
#ifndef MT_FORMAT_CZI_CZI_H
#define MT_FORMAT_CZI_CZI_H

#include "base/reader.h"
#include "format/format.h"

/* Dimensions of a subblock. Those from H on are merged into S, in this order, the first slowest. */
enum { CZI_X, CZI_Y, CZI_C, CZI_Z, CZI_T, CZI_S, CZI_M, CZI_H, CZI_V, CZI_I, CZI_R, CZI_B, CZI_DIMS };
#define CZI_LETTERS "XYCZTSMHVIRB"

enum { CZI_RAW = 0, CZI_JPEG = 1, CZI_LZW = 2, CZI_JPEGXR = 4, CZI_ZSTD0 = 5, CZI_ZSTD1 = 6 };

/* One file of a document. */
typedef struct czi_file {
    mt_env *env;                               /* memory, limits and caches */
    mt_store *store;                           /* that holds the object; borrowed */
    const char *key;                           /* of the object; borrowed */
    uint64_t base, size;                       /* bytes in the object: a document may be attached to another */
    uint8_t guid[16], primary[16];             /* GUIDs of this file and of the first file of the document */
    uint64_t directory, metadata, attachments; /* positions; 0: none */
    bool update_pending;                       /* the directory is out of date: the writer was interrupted */
} czi_file;

#define CZI_MAX_FILES 64
typedef struct czi_files {
    int n;                        /* files in use */
    czi_file file[CZI_MAX_FILES]; /* the first file of the document comes first */
} czi_files;

/* A directory entry: a subblock. */
typedef struct czi_entry {
    int file;                                /* index in czi_files */
    int32_t pixel_type, compression;         /* numbers of the specification */
    uint64_t position;                       /* of its segment */
    uint32_t present;                        /* bit d: has dimension d */
    int32_t start[CZI_DIMS], size[CZI_DIMS]; /* in full-resolution pixels or planes */
    int32_t stored_width, stored_height;     /* pixels */
    uint8_t order[CZI_DIMS];                 /* dimensions in stored order, the fastest first */
    int n_order;                             /* entries of order */
} czi_entry;

#define CZI_SEGMENT_HEAD 32

/* Reads bytes at a position of a file. */
MT_MUST_CHECK mt_status czi_read(const czi_file *file, uint64_t position, void *out, size_t size, mt_error *err);

/* Reads the first n bytes of a segment with this id. *allocated is its size, at least n and inside the file. */
#define CZI_MAX_START 80
MT_MUST_CHECK mt_status czi_read_segment(const czi_file *file, uint64_t position, const char *id, void *start, size_t n,
                                         uint64_t *allocated, mt_error *err);

/* Reads the header of a file whose env, store, key, base and size are set. */
MT_MUST_CHECK mt_status czi_read_header(czi_file *file, mt_error *err);

typedef mt_status (*czi_visit)(void *user, const czi_entry *entry, mt_error *err);

/* Opens the file of a source and its continuations: "name (1).czi", ... */
MT_MUST_CHECK mt_status czi_open_files(const mt_source *source, mt_arena *arena, czi_files *out, mt_error *err);

/* The subblocks of a document, from the directory or, if it is lost, from a scan of all segments. */
typedef struct czi_entries {
    const czi_files *files; /* borrowed */
    czi_entry *kept;        /* all entries if they are few, so that they are read once; else NULL */
    size_t n_kept, room;    /* entries in use and allocated */
} czi_entries;

/* The entries of files, kept in the arena if they are few. */
czi_entries czi_find_entries(const czi_files *files, mt_arena *arena);
/* Visits all entries. */
MT_MUST_CHECK mt_status czi_walk(const czi_entries *entries, czi_visit visit, void *user, mt_error *err);

/* Locations of the parts of a subblock. */
typedef struct czi_subblock {
    uint64_t metadata_offset, metadata_size; /* bytes in the file */
    uint64_t offset, size;                   /* of pixels */
    uint64_t mask_offset, mask_size;         /* of its attachment */
} czi_subblock;
MT_MUST_CHECK mt_status czi_find_data(const czi_file *file, uint64_t position, czi_subblock *out, mt_error *err);

/* A pixel type. */
typedef struct czi_pixel_type {
    int32_t number;   /* of the specification */
    const char *name; /* as the specification spells it */
    mt_dtype dtype;   /* 0: not supported */
    int samples;      /* samples per pixel */
} czi_pixel_type;
const czi_pixel_type *czi_find_pixel_type(int32_t number);

#define CZI_MAX_LEVELS 24

/* What the tiles of a level cover: the range of each dimension, and sets of channels and scenes (bit i: number i,
 * modulo the number of bits). */
typedef struct czi_coverage {
    int32_t low[CZI_DIMS], high[CZI_DIMS]; /* [low, high) by dimension */
    uint64_t channels[16], scenes[16];     /* bit sets */
} czi_coverage;

/* An image of a document: one scene or all, of one pixel type. */
typedef struct czi_image {
    int32_t pixel_type;                    /* number of the specification */
    bool use_masks;                        /* clip tiles to the masks of valid pixels */
    bool depth_view;                       /* scenes are listed in the order of a depth view */
    bool whole;                            /* all scenes */
    int32_t scene;                         /* number of the scene unless whole */
    int32_t low[CZI_DIMS], high[CZI_DIMS]; /* of level 0, [low, high) */
    int n_levels, n_partial;               /* complete levels; levels ignored for lack of channels, scenes or planes */
    int32_t factor[CZI_MAX_LEVELS];        /* downsampling factor by level; the first is 1 */
    size_t n_tiles[CZI_MAX_LEVELS];        /* by level */
    czi_coverage coverage[CZI_MAX_LEVELS]; /* by level */
} czi_image;

#define CZI_MAX_SCENES 100000

/* The content of a document: its scenes in rising order, its pixel types starting with that of the first channel. */
typedef struct czi_survey {
    int32_t *scenes;             /* their numbers, rising */
    size_t n_scenes, scene_room; /* entries in use and allocated */
    int32_t pixel_types[8];      /* numbers of the specification */
    int n_pixel_types;           /* entries of pixel_types in use */
    int32_t first_channel;       /* lowest channel number, whose pixel type comes first */
} czi_survey;

/* The index of a scene in the sorted list, or its insertion point. */
size_t czi_find_scene(const czi_survey *survey, int32_t scene);
MT_MUST_CHECK mt_status czi_make_survey(const czi_entries *entries, mt_arena *arena, czi_survey *out, mt_error *err);
/* A rectangle. czi_measure_scenes gives one for each scene at full size, or one for the whole if there are no
 * scenes. */
typedef struct czi_rectangle {
    int32_t low[2], high[2]; /* [low, high) along X and Y, in pixels of level 0 */
} czi_rectangle;
MT_MUST_CHECK mt_status czi_measure_scenes(const czi_entries *entries, const czi_survey *survey, mt_arena *arena,
                                           czi_rectangle **out, mt_error *err);

/* A document: its files, subblocks, scenes and pixel types. */
typedef struct czi_document {
    czi_files files;     /* of the document */
    czi_entries entries; /* all subblocks */
    mt_arena *kept;      /* owns the entries of a container; else NULL */
    czi_survey survey;   /* scenes and pixel types */
    mt_error no_survey;  /* set if the survey failed: the document may still hold attachments */
} czi_document;

/* Whether an entry belongs to an image; and its downsampling factor relative to level 0, rounded. */
bool czi_belongs(const czi_image *image, const czi_entry *entry);
int32_t czi_factor(const czi_entry *entry);
/* Sets the ranges and levels of an image from all subblocks. */
MT_MUST_CHECK mt_status czi_measure(const czi_entries *entries, czi_image *image, mt_error *err);

/* Fills the map of a level. The files of the entries must live in the map's arena. */
MT_MUST_CHECK mt_status czi_make_map(const czi_entries *entries, const czi_image *image, int level, mt_chunk_map *map,
                                     mt_error *err);

/* An attachment of a document. */
typedef struct czi_attachment {
    char name[81], type[9];  /* as stored, NUL-terminated */
    uint64_t position, size; /* bytes in the file */
} czi_attachment;

/* Prefix of a part that names an attachment. */
#define CZI_ATTACHMENT "attachment="

/* Adds all attachments. */
MT_MUST_CHECK mt_status czi_list_attachments(const czi_file *file, mt_names *out, mt_error *err);
/* Finds the first attachment of a name, and whether it is a document; then *document is opened in the same store. */
MT_MUST_CHECK mt_status czi_find_attachment(const czi_file *file, const char *name, czi_attachment *out,
                                            bool *is_document, czi_file *document, mt_error *err);
/* Fills the map of a JPEG attachment; other types are refused. */
MT_MUST_CHECK mt_status czi_map_picture(const czi_file *file, const czi_attachment *attachment, mt_chunk_map *map,
                                        mt_error *err);

/* The names of the scenes of a survey, or of the only, unnumbered one; "" if the metadata has none. */
MT_MUST_CHECK mt_status czi_name_scenes(const czi_file *file, const czi_survey *survey, mt_arena *arena,
                                        const char ***out, mt_error *err);

/* Sets pixel sizes and the names and colours of channels from the metadata. */
MT_MUST_CHECK mt_status czi_describe(const czi_file *file, const czi_image *image, mt_chunk_map *map, mt_error *err);

#endif
