/* SPDX-License-Identifier: BSD-3-Clause */
/* The stitcher, shared by the files that implement it. */
#ifndef MT_PREDICT_INTERNAL_H
#define MT_PREDICT_INTERNAL_H

#include "predict/axis.h"
#include "predict/image.h"

enum {
    MT_SUM_BUCKETS = 256,
    MT_OPEN_SAMPLES = 8 /* images of samples that are open at once: one takes pixels, of the others some wait */
};

/* The weighted sum of the tiles at a place of units: float32, in C order of the box of the place. */
typedef struct mt_stitch_sum {
    struct mt_stitch_sum *next; /* of the bucket */
    size_t image;               /* index in the output */
    int64_t place[MT_STITCH_DIMS];
    mt_stitch_box box;
    uint64_t left; /* tiles that are missing */
    float *values;
    size_t bytes; /* of values: of whole units */
} mt_stitch_sum;

typedef struct mt_stitched {
    size_t n_images; /* 1, or one for each sample */
    mt_stitch_image *images;
    mt_stitch_axis axes[MT_STITCH_DIMS]; /* C: one tile of all channels */
    const float *scale, *offset;         /* NULL: values are not changed */
    int64_t tile_values;                 /* of a tile, all channels */
    mt_stitch_sum *sums[MT_SUM_BUCKETS];
    mt_stitch_sum *spares; /* free ones */
    mt_writer *template;   /* the writer, or the plan of an image for each sample; NULL: an array */
    /* Bytes for the writer, or for all images of samples that are open; the least that suffices for one. */
    uint64_t memory, least;
    /* Of images of samples: */
    char *path, *name; /* a buffer: path has room for the name of an image, which begins at name. NULL: no samples */
    uint64_t *begun;   /* a bit for each image: something is there */
    size_t open[MT_OPEN_SAMPLES]; /* indexes of images, the oldest first */
    size_t n_open;
    uint64_t n_clipped; /* in images that were closed */
} mt_stitched;

struct mt_stitcher {
    mt_env *env;
    mt_arena *arena;   /* owns the outputs */
    mt_tiling *tiling; /* retained */
    int blend;
    size_t n_outputs;
    mt_stitched *outputs;
    bool all_needed; /* by every unit of every output */
    uint64_t next;   /* the least tile that may be put */
    uint64_t n_needed, n_put, n_nan;
    uint64_t least_memory, waiting_bytes;
    uint64_t n_units, n_resumed, n_lost; /* as reported */
    float *scratch;                      /* a tile of the largest output */
    size_t scratch_bytes;
};

/* A tile of an output. */
typedef struct mt_stitch_tile {
    size_t image;                  /* index in the output */
    int64_t index[MT_STITCH_DIMS]; /* along each axis */
    mt_stitch_box region;          /* the pixels of the image that it contributes to */
    const void *data;
    mt_dtype dtype;
    int64_t strides[MT_STITCH_DIMS]; /* of data, in bytes; T: 0 */
} mt_stitch_tile;

/* Called for each place of units that a tile contributes to and that is needed, in C order, until it fails. */
typedef mt_status mt_stitch_visit(mt_stitcher *s, mt_stitched *output, const mt_stitch_tile *tile,
                                  const int64_t place[MT_STITCH_DIMS], mt_error *err);

/* Strides of a float32 array in C order. */
void mt_stitch_strides(const int64_t extent[MT_STITCH_DIMS], int64_t out[MT_STITCH_DIMS]);

/* The visits of the two ways to combine tiles. */
mt_stitch_visit mt_stitch_crop, mt_stitch_add;

/* Frees the sums of an output. */
void mt_stitch_drop_sums(mt_stitcher *s, mt_stitched *output);

/* Images of samples (samples.c); nothing is done for other outputs. */

/* Lays out the images, of which none is open. given: the plan. */
MT_MUST_CHECK mt_status mt_stitch_samples_new(mt_stitcher *s, mt_writer *given, const int64_t shape[MT_STITCH_DIMS],
                                              mt_stitched *output, mt_error *err);

/* Marks positions of an image as mt_stitch_image_need does, after a look at what is there. */
MT_MUST_CHECK mt_status mt_stitch_samples_need(mt_stitcher *s, mt_stitched *output, size_t image, uint64_t first,
                                               uint64_t count, mt_error *err);

/* Opens the image that pixels go to, and closes older ones. */
MT_MUST_CHECK mt_status mt_stitch_samples_open(mt_stitched *output, size_t image, mt_error *err);

/* As mt_stitcher_flush. */
MT_MUST_CHECK mt_status mt_stitch_samples_flush(mt_stitched *output, mt_error *err);

/* Values that were clipped. */
uint64_t mt_stitch_samples_clipped(const mt_stitched *output);

/* Closes all images; pixels that wait are lost. */
void mt_stitch_samples_close(mt_stitched *output);

/* Adds the units of a writer to those that are reported. */
void mt_stitch_count_units(mt_stitcher *s, mt_writer *writer);

/* Computes least_memory, and divides a budget (0: the default) among the writers. MT_E_LIMIT if it is too small. */
MT_MUST_CHECK mt_status mt_stitch_budget(mt_stitcher *s, size_t memory, mt_error *err);
void mt_stitch_set_memory(mt_writer *writer, uint64_t bytes); /* sets the budget of a writer */

#endif
