/* SPDX-License-Identifier: BSD-3-Clause */
/* Passes over the pixels of images: chunks in storage order, on all threads, with masks and samples. */
#ifndef MT_SAMPLING_SURVEY_H
#define MT_SAMPLING_SURVEY_H

#include "sampling/statistics/tally.h"
#include "sampling/statistics/units.h"

#include <microtome/statistics.h>

/* What a pass does with the pixels. Functions whose tally is drained or repeated hold the lock of the survey. */
typedef struct mt_pass {
    size_t table_bytes; /* of tallies; zeroed at first */
    /* Counts elements in native byte order, aligned, of the channel of the tally, in any thread. */
    void (*add)(void *user, mt_tally *tally, const void *elements, size_t n);
    void (*repeat)(void *user, size_t channel, uint64_t element, uint64_t n); /* counts n equal elements */
    void (*drain)(void *user, mt_tally *tally); /* moves the counts of a tally to their channel, and zeroes it */
    void *user;                                 /* passed to the functions */
} mt_pass;

/* What a visited part of a drawn chunk adds to one channel. */
typedef struct mt_sampled {
    uint64_t unit, place, n; /* number of the chunk; first pixel; finite pixels that count */
    size_t channel;
    double sum; /* of these pixels */
} mt_sampled;

/* The chunks that are drawn, numbered over all images, and what they contain. */
typedef struct mt_sample {
    uint64_t *units;   /* sorted numbers; NULL: all chunks */
    uint64_t n, of;    /* drawn, of so many */
    mt_sampled *parts; /* in any order, of the first pass */
    size_t n_parts, room;
    bool is_recording; /* parts are added */
} mt_sample;

typedef struct mt_survey {
    mt_context *context;
    mt_stack *const *stacks; /* n stacks; borrowed */
    size_t n;
    mt_bits bits;
    mt_statistics_options options; /* complete */
    mt_sample sample;
    const mt_pass *pass;   /* the current one */
    _Atomic uint64_t done; /* pixels of all passes */
    uint64_t pixels;       /* of one pass */
    unsigned n_passes;     /* as far as known */

    mt_lock lock;   /* guards the fields below, and totals of passes */
    mt_tally *idle; /* list */
    size_t n_tallies;
} mt_survey;

/* The size of chunks that a sample draws. */
#define MT_SAMPLE_PIXELS 65536

/* Draws the sample, if the options ask for one, and counts the pixels of a pass. */
MT_MUST_CHECK mt_status mt_survey_begin(mt_survey *survey, mt_error *err);
void mt_survey_end(mt_survey *survey);

/* Does one pass over all images. */
MT_MUST_CHECK mt_status mt_survey_run(mt_survey *survey, const mt_pass *pass, mt_error *err);

/* The mask of a unit as bytes, 1: the pixel counts. */
typedef struct mt_mask {
    const uint8_t *data;         /* of the first pixel of the box; NULL: no mask */
    int64_t start[MT_MAX_DIMS];  /* of the box */
    int64_t stride[MT_MAX_DIMS]; /* along the dimensions of the image */
} mt_mask;

/* Gives a tally of a channel to the caller, and takes it back. */
MT_MUST_CHECK mt_status mt_survey_take(mt_survey *survey, size_t channel, mt_tally **out, mt_error *err);
void mt_survey_give(mt_survey *survey, mt_tally *tally);

/* Adds a part to the sample. */
MT_MUST_CHECK mt_status mt_survey_record(mt_survey *survey, const mt_sampled *part, mt_error *err);

/* Passes the pixels of a visited box to the pass. unit is the first unit of the image among those of all. */
MT_MUST_CHECK mt_status mt_survey_rows(mt_survey *survey, const mt_units *units, uint64_t first_unit,
                                       const mt_mask *mask, const mt_visited *visited, mt_error *err);

/* Reads the mask of a box of an image, whose dimensions are dims, into *memory, which the caller releases with
 * *bytes, also on failure. */
MT_MUST_CHECK mt_status mt_mask_read(mt_survey *survey, size_t stack, const mt_stack_dims *dims, const mt_box *box,
                                     mt_mask *out, void **memory, size_t *bytes, mt_error *err);

#endif
