/* SPDX-License-Identifier: BSD-3-Clause */
/* Prediction: an image is cut into overlapping tiles, a network maps each tile to one or several outputs, and these are
 * stitched to images that are written as they become complete.
 *
 * A loader (microtome/loader.h) of the tiling's patching, with in_order, makes the batches: batch b consists of tiles
 * b * batch_size and following. A stitcher says which batches are still needed, and takes the outputs of the network:
 *
 *     for (b = mt_stitcher_next(s, size, 0); b < batches; b = mt_stitcher_next(s, size, b + 1)) {
 *         mt_loader_seek, if a batch is left out; mt_loader_next; run the network;
 *         mt_stitcher_put(s, b * size, batch->n, values, err);
 *     }
 *     mt_writer_finish for each output
 *
 * After an interruption the same program goes on with the units that are missing. */
#ifndef MICROTOME_PREDICT_H
#define MICROTOME_PREDICT_H

#include <microtome/sampling.h>
#include <microtome/write.h>

MT_BEGIN_DECLS

/* Tiling
 *
 * Tiles of equal size cover each sample; neighbours share overlap pixels along each axis, and the last tile along an axis
 * is moved back to end at the border. The crop of a tile is the part that is kept: it ends in the middle of each
 * overlap, so the crops of all tiles are a partition of the image. Tiles are numbered in row-major order, samples
 * slowest. */

typedef struct mt_tiling mt_tiling;

typedef struct mt_tiling_options {
    size_t struct_size; /* sizeof(mt_tiling_options) */
    /* Sizes of the input of the network, n_spatial of them, in the order (Z)YX; 0: the whole axis. Images with Z and two
     * sizes: the tiles of each plane. A tile that is larger than the image reaches beyond its end, where the view of
     * the loader pads. NULL: the largest tiles whose batch fits in tile_bytes. */
    const int64_t *tile;
    size_t n_spatial;       /* 2, or 3 if the image has Z */
    const int64_t *overlap; /* pixels that neighbours share, twice the halo: even, below tile; NULL: 0 */
    /* First corners, and the borders of crops, are multiples of this; so must tile and half the overlap be along all
     * axes of the network. The last tile may reach beyond the image by less than this. 0: 1. For networks that
     * downsample by a factor, that factor. */
    int64_t align;
    /* Without tile: bytes of a batch of batch_size float32 tiles of all channels. Sides are equal, multiples of 32 and of
     * align, and no longer than the image requires. */
    size_t tile_bytes, batch_size;
    uint64_t reserved[4]; /* 0 */
} mt_tiling_options;

/* Sizes are in the order (Z)YX; n_spatial of each are set. */
typedef struct mt_tiling_info {
    size_t struct_size; /* sizeof(mt_tiling_info) of the library */
    size_t n_spatial;   /* spatial axes of the image: 2 or 3 */
    int is_planar;      /* not 0: tiles of planes of an image with Z; tile[0] is 1 */
    int64_t n_samples;  /* samples of the image */
    int64_t shape[3];   /* the image */
    int64_t tile[3];    /* size of a tile */
    int64_t overlap[3]; /* as given */
    int64_t align;      /* at least 1 */
    int64_t counts[3];  /* tiles along each axis */
    uint64_t n_tiles;   /* of all samples */
} mt_tiling_info;

/* Creates a tiling, which retains the stack. MT_E_ARGUMENT for sizes that do not fit together. */
MT_API MT_MUST_CHECK mt_status mt_tiling_new(mt_stack *stack, const mt_tiling_options *options, mt_tiling **out,
                                             mt_error *err);

/* Adds and removes an owner. NULL is allowed in mt_tiling_free. Thread-safe. */
MT_API mt_tiling *mt_tiling_retain(mt_tiling *tiling);
MT_API void mt_tiling_free(mt_tiling *tiling);

/* Never NULL. */
MT_API const mt_tiling_info *mt_tiling_get_info(const mt_tiling *tiling);

/* The patching of the tiles, for a loader. Owned by the tiling. */
MT_API mt_patching *mt_tiling_get_patching(mt_tiling *tiling);

/* Describes a tile. MT_E_RANGE if there is none of that number. */
MT_API MT_MUST_CHECK mt_status mt_tiling_get(const mt_tiling *tiling, uint64_t tile, mt_patch_spec *out, mt_error *err);

/* Stitching */

/* How the tiles of an overlap are combined. All but MT_BLEND_CROP are weighted means of all tiles that contain a pixel;
 * the weight of a tile is a product of weights along its axes, divided by their sum over all tiles along that axis.
 * With k from 0 to n - 1 along an axis of a tile with n pixels, at the resolution of the output: */
typedef enum mt_blend {
    MT_BLEND_CROP = 0, /* the pixel of the tile whose crop contains it, unchanged */
    MT_BLEND_LINEAR,   /* min(1, (k + 1) / (o + 1), (n - k) / (o + 1)), o being the overlap */
    MT_BLEND_HANN,     /* sin^2(pi (k + 1/2) / n) */
    MT_BLEND_GAUSSIAN  /* exp(-((k - (n - 1) / 2) / (n / 8))^2 / 2), at least 0.001 */
} mt_blend;

/* Finds the value of a name: "crop", "linear", "hann", "gaussian". -1 if there is none. */
MT_API int mt_blend_find(const char *name);

/* An output of the network. */
typedef struct mt_stitch_output {
    /* Where it is written, one of three. A writer: the image has all samples, along T, and T may be left out if there is
     * one. Axes C and Z may be left out if there is one channel or plane. Borrowed until the stitcher is freed. Sizes are
     * those of the image, times up, divided by down and rounded up. */
    mt_writer *writer;
    /* A plan (mt_writer_plan) of the image of one sample, as above but without T: each sample is an image of its own, of
     * the plan's options, below the plan's path: PATH/0, PATH/1 and so on. Borrowed likewise. They are continued if they
     * are unfinished, left alone if they are finished, and created when their first pixel comes: a few are open at once.
     * Finishing them is left to the caller, as are mt_collection_begin and mt_collection_finish. */
    mt_writer *sample_plan;
    void *data;         /* an array of samples, channels, (Z), Y, X, in C order */
    mt_dtype dtype;     /* of data */
    int64_t n_channels; /* of the output */
    /* Size of an output pixel grid relative to the input, along all axes of the network: up / down. One of them is 1;
     * 0 means 1. The align of the tiling must be a multiple of down. */
    int up, down;
    /* value * scale[c] + offset[c], in float32, before the value is converted to the type of the output; n_channels of
     * each. NULL: values are written as they are. */
    const float *scale, *offset;
    uint64_t reserved[4]; /* 0 */
} mt_stitch_output;

typedef struct mt_stitcher_options {
    size_t struct_size; /* sizeof(mt_stitcher_options) */
    int blend;          /* an mt_blend */
    /* Only units of part part of n_parts are made; 0 parts: all. The units of each output are divided by position, so
     * that no unit belongs to two parts; tiles at the border of two parts are needed by both. */
    uint64_t part, n_parts;
    /* Bytes for pixels that wait until their unit is complete, of all outputs; the memory of the writers is set to their
     * shares. 0: as much as is needed, at least 512 MiB. */
    size_t memory;
    uint64_t reserved[4]; /* 0 */
} mt_stitcher_options;

typedef struct mt_stitcher mt_stitcher;

/* Creates a stitcher, which retains the tiling. Units that are published already are not made again. MT_E_ARGUMENT if
 * an output does not fit the tiling; MT_E_LIMIT if memory is too small: the message says how much is needed. */
MT_API MT_MUST_CHECK mt_status mt_stitcher_new(mt_tiling *tiling, const mt_stitch_output *outputs, size_t n_outputs,
                                               const mt_stitcher_options *options, mt_stitcher **out, mt_error *err);

/* Frees the stitcher; incomplete units are lost. NULL is allowed. */
MT_API void mt_stitcher_free(mt_stitcher *stitcher);

/* The number of the next batch to make, at least batch: the first that has a tile of a unit that was not published when
 * the stitcher was created. Batches have batch_size tiles. The number of batches if there is none. */
MT_API uint64_t mt_stitcher_next(const mt_stitcher *stitcher, size_t batch_size, uint64_t batch);

/* The values of an output for some tiles: an array in C order of tiles, channels, (Z), Y, X. Its tiles have the size of
 * those of the input times up / down. */
typedef struct mt_stitch_values {
    const void *data; /* borrowed for the call */
    mt_dtype dtype;   /* any */
} mt_stitch_values;

/* Stitches the outputs of tiles first to first + n - 1; values has one element for each output. Tiles are put in
 * increasing order, each once; those that mt_stitcher_next has left out may be missing. Complete units are published
 * while the caller goes on. One thread at a time. If it fails, a new stitcher continues. */
MT_API MT_MUST_CHECK mt_status mt_stitcher_put(mt_stitcher *stitcher, uint64_t first, size_t n,
                                               const mt_stitch_values *values, mt_error *err);

/* Waits until all complete units are published. MT_E_ARGUMENT if tiles are missing. */
MT_API MT_MUST_CHECK mt_status mt_stitcher_flush(mt_stitcher *stitcher, mt_error *err);

typedef struct mt_stitcher_report {
    size_t struct_size;     /* sizeof(mt_stitcher_report) */
    uint64_t n_tiles;       /* of the tiling */
    uint64_t n_needed;      /* tiles that the units of this part need, those published before left out */
    uint64_t n_put;         /* tiles put */
    uint64_t n_nan;         /* values put that are NaN, in the crops of their tiles */
    uint64_t least_memory;  /* bytes that suffice for mt_stitcher_options.memory */
    uint64_t waiting_bytes; /* of pixels that wait in the stitcher for further tiles */
    uint64_t n_clipped; /* values beyond the range of the dtype, except in a single image, whose writer counts them */
    /* As in mt_writer_progress, when the stitcher was created; of images of samples, of those in the part: */
    uint64_t n_units;   /* units of images that were not finished */
    uint64_t n_resumed; /* of these, units that were published */
    uint64_t n_lost;    /* records of units whose objects are missing */
} mt_stitcher_report;

/* Set out->struct_size first. */
MT_API MT_MUST_CHECK mt_status mt_stitcher_get_report(const mt_stitcher *stitcher, mt_stitcher_report *out,
                                                      mt_error *err);

/* Ensembles
 *
 * The mean and the spread of several outputs of a network for the same batch: of a stochastic network, or of turned and
 * flipped inputs (test-time augmentation). Only the sums of one batch are kept. */

typedef struct mt_ensemble mt_ensemble;

/* shape: tiles, channels, (Z), Y, X; ndim is 4 or 5. The context, NULL being the default one, is retained. One thread at a
 * time uses an ensemble; pixels are added in the threads of the context. */
MT_API MT_MUST_CHECK mt_status mt_ensemble_new(mt_context *context, int ndim, const int64_t *shape, mt_ensemble **out,
                                               mt_error *err);

/* NULL is allowed. */
MT_API void mt_ensemble_free(mt_ensemble *ensemble);

/* Adds an output, in C order. symmetry is that of the input of the network, as in mt_batch.symmetries, and is undone;
 * if it swaps Y and X, so are their sizes in data. */
MT_API MT_MUST_CHECK mt_status mt_ensemble_add(mt_ensemble *ensemble, const void *data, mt_dtype dtype, int symmetry,
                                               mt_error *err);

/* Writes the mean, and the standard deviation of the population unless spread is NULL, of all outputs added, each of the
 * shape, and forgets them. The result depends on their order alone: Welford's updates, in float32 for the mean and the
 * squares. A pixel is NaN where an output is NaN, or where one is infinite in float32 and there are others. MT_E_ARGUMENT
 * if there are none. */
MT_API MT_MUST_CHECK mt_status mt_ensemble_take(mt_ensemble *ensemble, float *mean, float *spread, mt_error *err);

MT_END_DECLS

#endif
