/* SPDX-License-Identifier: BSD-3-Clause */
/* What tiles and predict share: the image, its tiling, and the output. */
#ifndef MICROTOME_CLI_PREDICT_H
#define MICROTOME_CLI_PREDICT_H

#include "drawing.h"
#include "normalize.h"
#include "writing.h"

typedef struct prediction {
    const struct args *args;
    writing out;
    int64_t memory; /* --memory; 0: not given */
    mt_context *context;
    struct images images;      /* the input, alone */
    mt_stack *sample;          /* of the input, if one of several was chosen; owned */
    mt_stack *stack;           /* what is cut: the sample or the input */
    const mt_stack_info *info; /* of stack */
    int64_t *channels;         /* of a tile; owned */
    size_t n_channels;
    mt_tiling *tiling; /* owned */
    int blend;         /* an mt_blend */
    int64_t batch_size;
    int64_t n_outputs; /* channels of the output */
    int up, down;      /* size of the output relative to the input */
    enum { PAD_ZERO, PAD_MEAN, PAD_REFLECT } pad;
    struct normalize normalize, inverse; /* of the channels; of those of the output, if its divide is not NULL */
    mt_channel *described;               /* channels of the output; owned; NULL: not described */
    double pixel_size[MT_MAX_DIMS];
    const char *unit[MT_MAX_DIMS];
} prediction;

/* Reads the options that need no image. */
int prediction_read(prediction *p, const struct args *args);
/* Opens the image, and cuts it. */
int prediction_open(prediction *p);
/* Describes the output, but for its identity. */
int prediction_plan(prediction *p);
/* Writes the identity of the output: all that its pixels depend on. */
int prediction_identify(prediction *p);
/* Reads or measures what normalization needs. */
int prediction_normalize(prediction *p);
void prediction_free(prediction *p);
/* The least --memory, which is divided: half for the stitcher, a quarter each for batches and chunks of the input. */
uint64_t prediction_least_memory(const mt_stitcher_report *found);

/* Reads --tile, --overlap and --align, and makes the tiling. */
int prediction_cut(prediction *p);

/* A stack with one sample of another, which must outlive it. */
mt_status sample_open(mt_stack *of, mt_context *context, int64_t sample, mt_stack **out, mt_error *err);

/* The stitcher of an output of the prediction. EXIT_FAILED after a message, also if the memory is too small. */
int prediction_stitch(const prediction *p, mt_writer *writer, uint64_t part, uint64_t n_parts, mt_stitcher **out);

/* Draws the tiles of --picture. */
int tiles_draw(prediction *p, struct drawing *drawing, const char *path);

#endif
