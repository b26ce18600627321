/* SPDX-License-Identifier: BSD-3-Clause */
/* Prediction with a network that does nothing: float32 tiles of 256 x 256 with an overlap of 48 of a plane in memory,
 * stitched to an array and to OME-Zarr. In milliseconds of processor time a tile. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { OVERLAP = 48, BATCH_TILES = 8 };

/* Where tiles go, and how. */
typedef struct prediction {
    const image *plane;
    mt_blend blend;
    float *out;        /* NULL: to OME-Zarr */
    const char *codec; /* of the latter */
} prediction;

static void put_batches(mt_loader *loader, mt_stitcher *stitcher, uint64_t n_tiles)
{
    mt_error err = MT_ERROR_INIT;
    uint64_t first = 0;
    while (first < n_tiles) {
        mt_batch *batch;
        need(mt_loader_next(loader, NULL, &batch, &err), &err);
        const mt_stitch_values values = { batch->arrays[0].data, MT_FLOAT32 };
        need(mt_stitcher_put(stitcher, first, batch->n, &values, &err), &err);
        first += batch->n;
        mt_batch_release(batch);
    }
}

static mt_writer *open_writer(const prediction *p)
{
    const int64_t shape[2] = { PLANE, PLANE };
    const mt_writer_options options = { .struct_size = sizeof options,
                                        .axes = "YX",
                                        .shape = shape,
                                        .dtype = MT_FLOAT32,
                                        .codec = p->codec,
                                        .durability = MT_DURABLE_NEVER };
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    need(mt_writer_create(NULL, "predict.zarr", &options, &w, &err), &err);
    return w;
}

/* Processor time of one prediction in seconds; sets the number of tiles. */
static double predict_once(const prediction *p, uint64_t *n_tiles)
{
    const int64_t tile[2] = { TILE, TILE }, overlap[2] = { OVERLAP, OVERLAP };
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    mt_tiling *tiling;
    mt_loader *loader;
    mt_stitcher *stitcher;
    need(mt_stack_from_array(NULL, p->plane->pixels, MT_UINT16, "YX", p->plane->shape, NULL, NULL, &stack, &err), &err);
    double start = processor_time();
    mt_writer *w = p->out ? NULL : open_writer(p);
    const mt_tiling_options tiles = { .struct_size = sizeof tiles, .tile = tile, .n_spatial = 2, .overlap = overlap };
    need(mt_tiling_new(stack, &tiles, &tiling, &err), &err);
    const mt_loader_options loading = {
        .struct_size = sizeof loading, .batch_size = BATCH_TILES, .in_order = 1, .uneven = MT_UNEVEN_SHORT
    };
    need(mt_loader_new(mt_tiling_get_patching(tiling), &loading, &loader, &err), &err);
    mt_stitch_output output = { .data = p->out, .dtype = MT_FLOAT32, .n_channels = 1 };
    if (w) {
        output.writers = &w;
        output.n_writers = 1;
    }
    const mt_stitcher_options how = { .struct_size = sizeof how, .blend = p->blend };
    need(mt_stitcher_new(tiling, &output, 1, &how, &stitcher, &err), &err);
    *n_tiles = mt_tiling_get_info(tiling)->n_tiles;
    put_batches(loader, stitcher, *n_tiles);
    need(mt_stitcher_flush(stitcher, &err), &err);
    mt_stitcher_free(stitcher);
    if (w) {
        need(mt_writer_finish(w, &(mt_finish_options) { .struct_size = sizeof(mt_finish_options), .all_required = 1 },
                              &err),
             &err);
        mt_writer_close(w);
    }
    double took = processor_time() - start;
    mt_loader_free(loader);
    mt_tiling_free(tiling);
    mt_stack_close(stack);
    remove_tree("predict.zarr");
    return took;
}

/* Milliseconds a tile, median of RUNS. */
static double measure(const prediction *p)
{
    double took[RUNS];
    uint64_t n = 1;
    for (int i = 0; i < RUNS; i++)
        took[i] = predict_once(p, &n);
    for (size_t i = 0; p->out && i < (size_t)PLANE * PLANE; i++)
        if (p->blend == MT_BLEND_CROP && p->out[i] != (float)p->plane->pixels[i])
            abort();
    return median(took, RUNS) / (double)n * 1e3;
}

void bench_predict(const image *plane, patches *p)
{
    (void)p;
    prediction what = { .plane = plane, .out = malloc((size_t)PLANE * PLANE * sizeof(float)) };
    memset(what.out, 0, (size_t)PLANE * PLANE * sizeof(float));
    print_title("tiles of 256 x 256 with an overlap of 48, identity");
    print_value("to memory, cropped", measure(&what), "CPU ms a tile", 0.12);
    what.blend = MT_BLEND_GAUSSIAN;
    print_value("to memory, Gaussian weights", measure(&what), "CPU ms a tile", 0.2);
    free(what.out);
    what.out = NULL;
    what.blend = MT_BLEND_CROP;
    what.codec = "none";
    print_value("to OME-Zarr without a codec, cropped", measure(&what), "CPU ms a tile", 0.2);
    what.codec = "blosc-lz4";
    print_value("to OME-Zarr, blosc-lz4, cropped", measure(&what), "CPU ms a tile", 0);
    what.blend = MT_BLEND_GAUSSIAN;
    print_value("to OME-Zarr, blosc-lz4, Gaussian weights", measure(&what), "CPU ms a tile", 0);
}
