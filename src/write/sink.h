/* SPDX-License-Identifier: BSD-3-Clause */
/* A sink: what a format fills so that images are written in it. */
#ifndef MT_WRITE_SINK_H
#define MT_WRITE_SINK_H

#include "codec/codec.h"
#include "store/target.h"
#include "write/plan.h"
#include "write/steps.h"

typedef struct mt_sink mt_sink;

/* An encoded chunk of a unit. */
typedef struct mt_encoded {
    uint8_t *data; /* NULL: not stored, all pixels are 0 */
    size_t size;   /* bytes */
    size_t room;   /* allocated bytes */
    uint32_t crc;  /* CRC-32C of data */
} mt_encoded;

/* A unit of any level, by its number in the whole output, whose object has size bytes. */
typedef mt_status (*mt_unit_visit)(void *user, uint64_t unit, uint64_t size, mt_error *err);

typedef struct mt_sink_ops {
    const char *name, *suffixes; /* "zarr"; "zarr,ome.zarr" */
    bool is_folder;              /* the output is a folder; else a file, written as "PATH.partial", in folders only */
    mt_plan_rules rules;         /* of chunks and codecs */
    bool skips_zeros;            /* chunks of zeros are not stored */
    bool has_objects;            /* a unit that measure finds is whole, whatever the journal says */
    /* Optional: rejects what the format cannot store. */
    mt_status (*check)(const mt_plan *plan, mt_error *err);
    /* Optional: the kinds of metadata (MT_META_) that an output of the plan cannot keep. */
    unsigned (*get_lacks)(const mt_plan *plan);
    /* Creates the sink. The target is the folder of an unfinished output. Sets the chain that encodes chunks (raw: no
     * steps). */
    mt_status (*open)(mt_env *env, const mt_plan *plan, mt_target *target, mt_arena *arena, mt_sink **out,
                      mt_error *err);
    /* Writes what must be there before the first chunk. Called again when an output is continued. */
    mt_status (*begin)(mt_sink *sink, mt_error *err);
    /* Optional: prepares measure, instead of begin, for a writer that only looks. Changes nothing. */
    mt_status (*look)(mt_sink *sink, mt_error *err);
    /* Optional: called once the journal has been read, and no unit was published. */
    mt_status (*prepare)(mt_sink *sink, mt_error *err);
    /* Publishes a unit: chunks in C order, those beyond the image with data NULL. *size: bytes of the object, 0 if none
     * was needed; *crc: its CRC-32C. Thread-safe. */
    mt_status (*publish)(mt_sink *sink, const mt_level *level, uint64_t unit, const mt_encoded *chunks, uint64_t *size,
                         uint32_t *crc, mt_error *err);
    /* The size of the object of a unit. MT_E_NOT_FOUND: it certainly does not exist. */
    mt_status (*measure)(mt_sink *sink, const mt_level *level, uint64_t unit, uint64_t *size, mt_error *err);
    /* The checksum of the object of a unit, whose size is right. NULL: measure has compared it. */
    mt_status (*sum)(mt_sink *sink, const mt_level *level, uint64_t unit, uint32_t *crc, mt_error *err);
    /* Optional: visits all units whose objects exist, for targets that list sizes. */
    mt_status (*list_units)(mt_sink *sink, mt_unit_visit visit, void *user, mt_error *err);
    /* Loads a published unit into an empty buffer, which the caller frees, and points chunks to where they lie in it: as
     * they were passed to publish. */
    mt_status (*load)(mt_sink *sink, const mt_level *level, uint64_t unit, mt_buffer *object, mt_encoded *chunks,
                      mt_error *err);
    /* Completes the output, in n_steps steps. Units of the full resolution that were never published are zeros. May be
     * repeated, also by the next writer. */
    mt_status (*finish)(mt_sink *sink, mt_steps *steps, mt_error *err);
    /* Optional: removes what only an unfinished output needs, and is not the writer's own. Nothing else follows. */
    mt_status (*clean)(mt_sink *sink, mt_error *err);
    /* Optional: sets *out to true if a finished output keeps the digest of the plan. */
    mt_status (*is_finished)(const mt_plan *plan, mt_target *target, mt_arena *arena, bool *out, mt_error *err);
    void (*close)(mt_sink *sink);
} mt_sink_ops;

/* A sink embeds this as its first member. */
struct mt_sink {
    const mt_sink_ops *ops;
    mt_env *env;
    const mt_plan *plan;
    mt_target *target;
    mt_chain chain;       /* encodes a chunk */
    uint64_t n_steps;     /* of finish */
    const uint64_t *done; /* a bit for each unit of all levels: published. Set by the writer after begin. */
};

extern const mt_sink_ops mt_sink_zarr, mt_sink_tiff, mt_sink_npy;

const mt_sink_ops *mt_sink_find(const char *name); /* NULL if there is none */

/* The sink of a format or, if that is NULL, of the suffix of a path. MT_E_ARGUMENT, naming all, if there is none. */
MT_MUST_CHECK mt_status mt_sink_choose(const char *path, const char *format, const mt_sink_ops **out, mt_error *err);

/* Resolves options to the output that the sink writes. */
MT_MUST_CHECK mt_status mt_sink_plan(const mt_sink_ops *ops, mt_arena *arena, const mt_writer_options *options,
                                     mt_plan **out, mt_error *err);

/* Adds a codec to the chain that encodes chunks. */
MT_MUST_CHECK mt_status mt_sink_add_codec(mt_sink *sink, const char *name, const void *params, mt_error *err);

#endif
