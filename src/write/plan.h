/* SPDX-License-Identifier: BSD-3-Clause */
/* An output: everything that defines its bytes beside the pixels. Its JSON form, the plan, is stored with an unfinished
 * output, so that it can be continued and finished by another process. */
#ifndef MT_WRITE_PLAN_H
#define MT_WRITE_PLAN_H

#include "base/arena.h"
#include "base/json.h"

#include <microtome/write.h>

#include <stdbool.h>

#define MT_MAX_LEVELS 32

/* A resolution level. */
typedef struct mt_level {
    int64_t shape[MT_MAX_DIMS];       /* elements */
    int64_t chunk[MT_MAX_DIMS];       /* elements of a chunk */
    int64_t unit[MT_MAX_DIMS];        /* elements of a unit: a shard, or a chunk */
    int64_t chunks[MT_MAX_DIMS];      /* number of chunks */
    int64_t units[MT_MAX_DIMS];       /* number of units */
    int factor[MT_MAX_DIMS];          /* 1, or 2: halved relative to the level before */
    uint64_t n_chunks, n_units;       /* products */
    uint64_t first_chunk, first_unit; /* numbers of the first chunk and unit of the level in the whole output */
    size_t chunk_bytes;               /* of a whole decoded chunk */
    size_t inner;                     /* chunks of a unit */
} mt_level;

typedef struct mt_plan mt_plan;

/* What a format demands of chunks and codecs. */
typedef struct mt_plan_rules {
    bool has_shards;           /* chunks may form shards */
    bool has_equal_chunks;     /* chunks of all levels have the same shape, also if a level is smaller */
    const char *const *codecs; /* ends with NULL, the default first; NULL: those of mt_writer_options */
    /* Optional: sets the shape of chunks, or refuses what the format cannot have. Axes, shape and type are set. NULL:
     * boxes of any size. */
    mt_status (*take_chunks)(const mt_writer_options *options, mt_plan *plan, mt_error *err);
} mt_plan_rules;

struct mt_plan {
    const char *format;         /* name of the sink */
    bool has_equal_chunks;      /* as in mt_plan_rules */
    int ndim;                   /* number of axes */
    char axes[MT_MAX_DIMS + 1]; /* letters of TCZYX, in this order */
    mt_dtype dtype;             /* of an element */
    size_t element_size;        /* bytes */
    int64_t shape[MT_MAX_DIMS], chunk[MT_MAX_DIMS];
    int64_t shard[MT_MAX_DIMS];     /* all 0: no shards */
    const char *codec, *shuffle;    /* names as in mt_writer_options; shuffle is never NULL */
    int codec_level;                /* 0: default */
    const char *downsample;         /* "mean", "nearest", "mode" */
    const char *ome;                /* "0.5", "0.4" */
    double pixel_size[MT_MAX_DIMS]; /* 0: not known */
    const char *unit[MT_MAX_DIMS];  /* "": not known */
    const mt_channel *channels;     /* n_channels, or NULL */
    size_t n_channels;              /* size along C; 1 without */
    bool is_labels;
    const char *identity; /* never NULL */
    const char *note;     /* likewise */
    uint64_t digest;      /* of the text of the plan; 0 before an output is opened */
    int n_levels;
    mt_level levels[MT_MAX_LEVELS];
};

/* Kinds of metadata, as bits. */
enum {
    MT_META_PIXEL_SIZES = 1, /* along Z, Y and X */
    MT_META_INTERVAL = 2,    /* that along T */
    MT_META_UNITS = 4,
    MT_META_NAMES = 8, /* of channels, as the next two */
    MT_META_COLORS = 16,
    MT_META_WINDOWS = 32,
    MT_META_LABELS = 64, /* the mark of label images */
    MT_META_NOTE = 128,
    MT_META_ALL = 255
};

/* The words of a member of mt_writer_options, ended by NULL; NULL if it takes none that are the same for all formats. */
const char *const *mt_plan_words(const char *member);

/* Resolves options to an output in an arena. */
MT_MUST_CHECK mt_status mt_plan_take(mt_arena *arena, const char *format, const mt_plan_rules *rules,
                                     const mt_writer_options *options, mt_plan **out, mt_error *err);

#define MT_PLANE_CHUNK 256 /* pixels along Y and X of a chunk of a plane, by default */

/* The size of a chunk or shard, what, along axis d of a plan: the given one, unless it is left open. */
MT_MUST_CHECK mt_status mt_plan_take_size(const char *what, const int64_t *given, int d, const mt_plan *plan,
                                          int64_t by_default, int64_t *size, mt_error *err);

/* Computes the levels from everything else. */
MT_MUST_CHECK mt_status mt_plan_lay_out(mt_plan *plan, int n_levels, const mt_limits *limits, mt_error *err);

/* The plan; NULL if memory runs out. The caller releases it. */
json_t *mt_plan_write(const mt_plan *plan);
json_t *mt_plan_write_sizes(const int64_t *sizes, int n); /* an array; likewise */
MT_MUST_CHECK mt_status mt_plan_read(mt_arena *arena, const json_t *plan, mt_plan **out, mt_error *err);

/* MT_E_ARGUMENT, naming the first member that differs, unless both plans are equal. */
MT_MUST_CHECK mt_status mt_plan_compare(mt_env *env, const json_t *stored, const json_t *wanted, mt_error *err);

/* The type as NumPy writes it for little-endian data, such as "<u2". */
void mt_plan_numpy_type(const mt_plan *plan, char out[4]);

/* A sentence that names the kinds of metadata among lacks that the plan has: they are left out. In the arena; *out is
 * NULL if there are none. */
MT_MUST_CHECK mt_status mt_plan_tell_lost(const mt_plan *plan, unsigned lacks, mt_arena *arena, const char **out,
                                          mt_error *err);

/* A box of elements of a level that lies in the image. */
typedef struct mt_extent {
    int64_t start[MT_MAX_DIMS], extent[MT_MAX_DIMS];
} mt_extent;

/* The position of an item that is numbered in C order, where each axis has counts[d] of them. */
void mt_plan_split(const mt_plan *plan, uint64_t number, const int64_t *counts, int64_t *position);

/* Chunks and units of a level are numbered in C order; a position counts chunks along each axis. */
void mt_level_chunk_at(const mt_plan *plan, const mt_level *level, uint64_t chunk, int64_t *position);
uint64_t mt_level_chunk_number(const mt_plan *plan, const mt_level *level, const int64_t *position);
/* The unit that holds a chunk, and the number of the chunk in the unit, in C order. */
uint64_t mt_level_unit_of(const mt_plan *plan, const mt_level *level, const int64_t *position, size_t *inner);

void mt_level_unit_extent(const mt_plan *plan, const mt_level *level, uint64_t unit, mt_extent *out);
void mt_level_chunk_extent(const mt_plan *plan, const mt_level *level, const int64_t *position, mt_extent *out);

/* The number of chunks of a unit that lie in the image. */
size_t mt_level_unit_chunks(const mt_plan *plan, const mt_level *level, uint64_t unit);

#endif
