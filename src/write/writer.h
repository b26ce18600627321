/* SPDX-License-Identifier: BSD-3-Clause */
/* Internals of the writer: pixels are assembled to chunks (assembly.c), chunks are encoded and gathered to units
 * (units.c), each finished chunk adds to the next level (pyramid.c). */
#ifndef MT_WRITE_WRITER_H
#define MT_WRITE_WRITER_H

#include "base/bits.h"
#include "cache/slabs.h"
#include "engine/context.h"
#include "platform/thread.h"
#include "write/cover.h"
#include "write/journal.h"
#include "write/sink.h"
#include "write/steps.h"
#include "write/values.h"

#define MT_PLAN_KEY MT_JOURNAL_FOLDER "/plan.json"

#define MT_WRITE_BUCKETS 1024 /* of the tables of waiting chunks and units */
/* Chunks that wait for a task, for each thread. More would gain no time, and each needs memory that is in no cache. */
#define MT_QUEUED_CHUNKS 2
#define MT_MAX_SPARE_PIXELS 64
#define MT_MAX_SPARE_BYTES ((size_t)32 << 20)

/* A chunk of which pixels are missing, or that waits to be encoded. */
typedef struct mt_waiting_chunk {
    mt_task task; /* encodes it */
    struct mt_writer *writer;
    uint64_t number; /* in the whole output */
    const mt_level *level;
    struct mt_waiting_chunk *next; /* of the bucket */
    uint8_t *pixels;               /* chunk_bytes of the level */
    int64_t left;                  /* pixels that are not copied yet */
    mt_cover cover;                /* pixels that are copied or being copied */
    unsigned busy;                 /* threads that copy */
} mt_waiting_chunk;

/* A unit of which chunks are missing. */
typedef struct mt_waiting_unit {
    uint64_t number; /* in the whole output */
    const mt_level *level;
    struct mt_waiting_unit *next; /* of the bucket */
    mt_encoded *chunks;           /* level->inner of them */
    size_t left;                  /* chunks in the image that are missing */
} mt_waiting_unit;

struct mt_writer {
    mt_context *context; /* retained */
    mt_env *env;         /* that of the context */
    mt_arena *arena;     /* owns the output and texts */
    mt_plan *plan;
    mt_target *target; /* the folder of the unfinished output */
    mt_sink *sink;
    mt_journal *journal;
    mt_writer_info info;
    const char *warning; /* the one of info, or NULL */
    size_t memory;       /* budget, in bytes */
    int durability;      /* an mt_durability */
    bool only_looks;     /* opened by mt_writer_look: has no journal of its own */
    /* mt_clock_ns after which units are published only if the image is still unfinished; 0: always. Set by a share: who
     * did not renew its claim in time may not be waited for. */
    _Atomic uint64_t trusted_until;
    bool is_folder; /* the target is the output itself, not the folder of an unfinished file */

    mt_lock lock;       /* guards everything below */
    mt_condition freed; /* held or working has decreased */
    mt_waiting_chunk *chunks[MT_WRITE_BUCKETS];
    mt_waiting_unit *units[MT_WRITE_BUCKETS];
    size_t n_upper;        /* waiting chunks of levels above the first */
    uint64_t *done;        /* a bit for each unit of all levels: published */
    uint64_t *done_before; /* the same: published by earlier writers */
    uint64_t *taken;       /* a bit for each chunk of the full resolution: all its pixels were put */
    uint64_t *stored;      /* the same: published, and not all zeros */
    mt_slabs *slabs;       /* of pixels; NULL: the context has an allocator of its own */
    /* Pixels of chunks of the full resolution that are free: the system would zero new ones. */
    uint8_t *spares[MT_MAX_SPARE_PIXELS];
    size_t n_spares;
    size_t held;       /* bytes of waiting pixels and encoded chunks */
    unsigned queued;   /* chunks that wait for a task */
    unsigned working;  /* threads that copy, encode or publish */
    size_t reserved;   /* of held: for units that are read back */
    size_t largest;    /* bytes of the largest published object */
    bool is_finishing; /* a thread finishes: nothing can be put */
    bool is_sealed;    /* likewise: finishing was begun, and pixels that were missing have become zeros */
    bool is_finished;
    mt_writer_progress progress;
    mt_error failure; /* the first failure to publish; then nothing else is published */
};

/* Creates or continues an image of the plan of planned, a writer of mt_writer_plan, at another path. planned must outlive
 * the writer. */
MT_MUST_CHECK mt_status mt_writer_create_as(const mt_writer *planned, const char *path, mt_writer **out, mt_error *err);

/* Finds out how far such an image is, and creates nothing: is_finished, or units are done, or none. What a journal says
 * is checked. MT_E_ARGUMENT if something else is in the way. Otherwise the writer is as of mt_writer_look. */
MT_MUST_CHECK mt_status mt_writer_survey_as(const mt_writer *planned, const char *path, mt_writer **out, mt_error *err);

/* The units of all levels. */
static inline uint64_t mt_writer_all_units(const mt_writer *w)
{
    const mt_level *last = &w->plan->levels[w->plan->n_levels - 1];
    return last->first_unit + last->n_units;
}

/* Makes the bitmaps: no unit is done. */
MT_MUST_CHECK mt_status mt_writer_new_bitmaps(mt_writer *w, mt_error *err);

/* Makes the bitmaps, and fills them from the journals of earlier writers. */
MT_MUST_CHECK mt_status mt_writer_read_journal(mt_writer *w, mt_error *err);
void mt_writer_free_bitmaps(mt_writer *w);

/* Counts a unit as done, with the lock held; false if it was already. size: of its object; 0: nothing is stored. */
bool mt_writer_mark_done(mt_writer *w, uint64_t unit, uint64_t size);

/* Takes units for done that other processes have published since, and drops pixels that wait for them. */
MT_MUST_CHECK mt_status mt_writer_reread_journal(mt_writer *w, mt_error *err);

/* Puts pixels into a level; box lies in the level. Pixels of upper levels are dropped if memory is short:
 * mt_writer_build makes their units later. Complete chunks are encoded before the function returns or, with later, by
 * the pool while the caller goes on; the pool must then have several threads, and the caller be none of them. */
MT_MUST_CHECK mt_status mt_writer_put_level(mt_writer *w, const mt_level *level, const mt_extent *box,
                                            const mt_values_in *in, bool later, mt_error *err);

/* Returns when all complete chunks are encoded, and units published. */
void mt_writer_wait(mt_writer *w);

/* Takes a chunk whose pixels are all there (in C order, with zeros beyond the image): adds it to the next level, encodes
 * it, and publishes its unit if that is complete. Takes ownership of the pixels. */
MT_MUST_CHECK mt_status mt_writer_take_chunk(mt_writer *w, const mt_level *level, uint64_t chunk, uint8_t *pixels,
                                             mt_error *err);

/* Publish the incomplete chunks, then the incomplete units, of the full resolution, with zeros in the place of missing
 * pixels. */
MT_MUST_CHECK mt_status mt_writer_flush_chunks(mt_writer *w, mt_steps *steps, mt_error *err);
MT_MUST_CHECK mt_status mt_writer_flush_units(mt_writer *w, mt_steps *steps, mt_error *err);

/* Free the incomplete chunks and units of a level. */
void mt_writer_drop_chunks(mt_writer *w, const mt_level *level);
void mt_writer_drop_units(mt_writer *w, const mt_level *level);

/* Free what waits for units that are done, with the lock held; the second function, only encoded chunks. */
void mt_writer_drop_done(mt_writer *w);
void mt_writer_drop_done_units(mt_writer *w);

/* Adds a chunk to the level after its own. */
MT_MUST_CHECK mt_status mt_writer_reduce(mt_writer *w, const mt_level *level, const int64_t *position,
                                         const uint8_t *pixels, mt_error *err);

/* Marks that units are missing when finishing begins. Forgets the units of upper levels if earlier finishing found others
 * missing. */
MT_MUST_CHECK mt_status mt_writer_seal(mt_writer *w, mt_steps *steps, mt_error *err);

/* The missing units of all upper levels. */
uint64_t mt_writer_count_upper(mt_writer *w);

/* Builds and publishes them from the published units below; each is a step. */
MT_MUST_CHECK mt_status mt_writer_build(mt_writer *w, mt_steps *steps, mt_error *err);

/* How many threads may work at once, if each needs some bytes: at least one, and as many as half of the budget has room
 * for. */
size_t mt_writer_count_lanes(const mt_writer *w, size_t bytes);

/* Calls work for each i < n, in up to n_lanes threads, and returns the first failure, after which no further calls
 * begin. */
typedef mt_status (*mt_unit_work)(void *argument, size_t i, mt_error *err);
MT_MUST_CHECK mt_status mt_writer_run(mt_writer *w, size_t n, size_t n_lanes, mt_unit_work work, void *argument,
                                      mt_error *err);

/* Waits until all complete units are published, and returns the first failure. */
MT_MUST_CHECK mt_status mt_writer_settle(mt_writer *w, mt_error *err);

/* MT_E_ARGUMENT if another process has finished the image, or begun another one in its place. Thread-safe. */
MT_MUST_CHECK mt_status mt_writer_check_unfinished(mt_writer *w, mt_error *err);

/* Finds out whether another process has finished the image of a writer for a folder. The writer is then finished, too,
 * with all units done, and what is left of it beside the image is removed. */
MT_MUST_CHECK mt_status mt_writer_notice_finished(mt_writer *w, bool *is_finished, mt_error *err);

/* Takes all units of the full resolution for done, and the image for finished, by other processes. */
void mt_writer_set_finished(mt_writer *w);

/* MT_E_ARGUMENT if nothing can be put any more. */
MT_MUST_CHECK mt_status mt_writer_check_open(mt_writer *w, mt_error *err);

/* Frees an incomplete unit above a level; false if there is none. With the lock held. */
bool mt_writer_drop_unit_above(mt_writer *w, const mt_level *level);

/* Takes units whose objects exist and whose records were lost for done. */
MT_MUST_CHECK mt_status mt_writer_adopt(mt_writer *w, mt_steps *steps, mt_error *err);

/* Frees, or keeps for another chunk, the pixels of a chunk, with the lock held. */
void mt_writer_free_pixels(mt_writer *w, const mt_level *level, uint8_t *pixels);

/* Frees the pixels that are kept for further chunks; with the lock held, or alone. */
void mt_writer_drop_spares(mt_writer *w);

/* The first failure to publish, or MT_OK. */
mt_status mt_writer_get_failure(mt_writer *w, mt_error *err);

#endif
