/* SPDX-License-Identifier: BSD-3-Clause */
/* Prediction with a network that does nothing: float32 tiles of 256 x 256 with an overlap of 48 of a plane in memory,
 * stitched to an array and to OME-Zarr, in milliseconds of processor time a tile; and from OME-Zarr to OME-Zarr, beside
 * the sum of its parts: decoding all chunks, gathering all tiles, and encoding all chunks. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { OVERLAP = 48, BATCH_TILES = 8, SHARD = 2048 };

/* Where tiles go, and how. */
typedef struct prediction {
    const image *plane;
    mt_blend blend;
    float *out;        /* NULL: to OME-Zarr */
    const char *codec; /* of the latter */
    int64_t shard;     /* side; 0: none */
    const char *input; /* the plane as OME-Zarr; NULL: the array */
} prediction;

/* Seconds. */
typedef struct cost {
    double processor, wall;
} cost;

static cost begin_cost(void) { return (cost) { processor_time(), now() }; }

static void end_cost(cost *c)
{
    c->processor = processor_time() - c->processor;
    c->wall = now() - c->wall;
}

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

static mt_writer *open_writer(const prediction *p, const char *path, mt_dtype dtype)
{
    const int64_t shape[2] = { PLANE, PLANE }, chunk[2] = { TILE, TILE }, shard[2] = { p->shard, p->shard };
    const mt_writer_options options = { .struct_size = sizeof options,
                                        .axes = "YX",
                                        .shape = shape,
                                        .dtype = dtype,
                                        .chunk_shape = chunk,
                                        .shard_shape = p->shard ? shard : NULL,
                                        .codec = p->codec,
                                        .durability = MT_DURABLE_NEVER };
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    need(mt_writer_create(NULL, path, &options, &w, &err), &err);
    return w;
}

static void finish_writer(mt_writer *w)
{
    mt_error err = MT_ERROR_INIT;
    const mt_finish_options all = { .struct_size = sizeof all, .all_required = 1 };
    need(mt_writer_finish(w, &all, &err), &err);
    mt_writer_close(w);
}

/* Opens the plane, in a context without chunks in its cache. */
static mt_stack *open_input(const prediction *p, mt_context **context)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    need(mt_context_new(NULL, context, &err), &err);
    need(p->input ? mt_stack_open(*context, p->input, NULL, &stack, &err)
                  : mt_stack_from_array(*context, p->plane->pixels, MT_UINT16, "YX", p->plane->shape, NULL, NULL,
                                        &stack, &err),
         &err);
    return stack;
}

/* Tiles of the plane, and their batches. */
typedef struct tiles {
    mt_context *context;
    mt_stack *stack;
    mt_tiling *tiling;
    mt_loader *loader;
    uint64_t n;
} tiles;

static tiles open_tiles(const prediction *p)
{
    const int64_t tile[2] = { TILE, TILE }, overlap[2] = { OVERLAP, OVERLAP };
    const mt_tiling_options options = {
        .struct_size = sizeof options, .tile = tile, .n_spatial = 2, .overlap = overlap
    };
    const mt_loader_options loading = {
        .struct_size = sizeof loading, .batch_size = BATCH_TILES, .in_order = 1, .uneven = MT_UNEVEN_SHORT
    };
    mt_error err = MT_ERROR_INIT;
    tiles t;
    t.stack = open_input(p, &t.context);
    need(mt_tiling_new(t.stack, &options, &t.tiling, &err), &err);
    need(mt_loader_new(mt_tiling_get_patching(t.tiling), &loading, &t.loader, &err), &err);
    t.n = mt_tiling_get_info(t.tiling)->n_tiles;
    return t;
}

static void close_tiles(tiles *t)
{
    mt_loader_free(t->loader);
    mt_tiling_free(t->tiling);
    mt_stack_close(t->stack);
    mt_context_free(t->context);
}

/* One prediction; sets the number of tiles. */
static cost predict_once(const prediction *p, uint64_t *n_tiles)
{
    mt_error err = MT_ERROR_INIT;
    mt_stitcher *stitcher;
    const mt_stitcher_options how = { .struct_size = sizeof how, .blend = p->blend };
    cost took = begin_cost();
    mt_writer *w = p->out ? NULL : open_writer(p, "predict.zarr", MT_FLOAT32);
    tiles t = open_tiles(p);
    const mt_stitch_output output = { .writer = w, .data = p->out, .dtype = MT_FLOAT32, .n_channels = 1 };
    need(mt_stitcher_new(t.tiling, &output, 1, &how, &stitcher, &err), &err);
    put_batches(t.loader, stitcher, t.n);
    need(mt_stitcher_flush(stitcher, &err), &err);
    mt_stitcher_free(stitcher);
    if (w)
        finish_writer(w);
    end_cost(&took);
    *n_tiles = t.n;
    close_tiles(&t);
    remove_tree("predict.zarr");
    return took;
}

/* Milliseconds a tile, median of RUNS. */
static double measure(const prediction *p)
{
    double took[RUNS];
    uint64_t n = 1;
    for (int i = 0; i < RUNS; i++)
        took[i] = predict_once(p, &n).processor;
    for (size_t i = 0; p->out && i < (size_t)PLANE * PLANE; i++)
        if (p->blend == MT_BLEND_CROP && p->out[i] != (float)p->plane->pixels[i])
            abort();
    return median(took, RUNS) / (double)n * 1e3;
}

/* --- End to end, and its parts. --- */

static cost decode_once(const prediction *p)
{
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    const int64_t corner[2] = { 0, 0 }, size[2] = { PLANE, PLANE };
    uint16_t *out = malloc((size_t)PLANE * PLANE * sizeof *out);
    memset(out, 0, (size_t)PLANE * PLANE * sizeof *out);
    cost took = begin_cost();
    mt_stack *stack = open_input(p, &context);
    const mt_patch_request request = { .stack = stack,
                                       .n_spatial = 2,
                                       .coords = corner,
                                       .patch_size = size,
                                       .view = { .data = out, .dtype = MT_UINT16 } };
    need(mt_extract_patches(&request, 1, NULL, &err), &err);
    end_cost(&took);
    mt_stack_close(stack);
    mt_context_free(context);
    free(out);
    return took;
}

static cost gather_once(const prediction *p)
{
    mt_error err = MT_ERROR_INIT;
    cost took = begin_cost();
    tiles t = open_tiles(&(prediction) { .plane = p->plane });
    for (uint64_t first = 0; first < t.n;) {
        mt_batch *batch;
        need(mt_loader_next(t.loader, NULL, &batch, &err), &err);
        first += batch->n;
        mt_batch_release(batch);
    }
    end_cost(&took);
    close_tiles(&t);
    return took;
}

static cost encode_once(const prediction *p, const float *floats)
{
    mt_error err = MT_ERROR_INIT;
    cost took = begin_cost();
    mt_writer *w = open_writer(p, "encode.zarr", MT_FLOAT32);
    for (int64_t y = 0; y < PLANE; y += TILE) {
        const int64_t start[2] = { y, 0 }, extent[2] = { TILE, PLANE };
        const mt_writer_box box = { .start = start, .extent = extent, .data = floats + y * PLANE };
        need(mt_writer_put(w, &box, &err), &err);
    }
    finish_writer(w);
    end_cost(&took);
    remove_tree("encode.zarr");
    return took;
}

static void write_input(const prediction *p)
{
    mt_error err = MT_ERROR_INIT;
    const int64_t start[2] = { 0, 0 }, extent[2] = { PLANE, PLANE };
    const mt_writer_box box = { .start = start, .extent = extent, .data = p->plane->pixels };
    mt_writer *w = open_writer(&(prediction) { .codec = "blosc-zstd", .shard = SHARD }, p->input, MT_UINT16);
    need(mt_writer_put(w, &box, &err), &err);
    finish_writer(w);
}

/* All in turns, since other work on the machine slows one as the other; medians. */
static void print_whole(const image *plane, const float *floats)
{
    enum { DECODE, GATHER, ENCODE, WHOLE, N };
    const prediction p = { .plane = plane, .codec = "blosc-lz4", .shard = SHARD, .input = "input.zarr" };
    double processor[N][RUNS], wall[N][RUNS], parts[2] = { 0, 0 };
    uint64_t n;
    write_input(&p);
    for (int i = 0; i < RUNS; i++) {
        const cost took[N] = { decode_once(&p), gather_once(&p), encode_once(&p, floats), predict_once(&p, &n) };
        for (int k = 0; k < N; k++) {
            processor[k][i] = took[k].processor;
            wall[k][i] = took[k].wall;
        }
    }
    for (int k = DECODE; k < WHOLE; k++) {
        parts[0] += median(processor[k], RUNS);
        parts[1] += median(wall[k], RUNS);
    }
    print_title("from OME-Zarr (blosc-zstd) to OME-Zarr (blosc-lz4), shards of 2048 x 2048, cropped");
    static const char *const names[] = { "decoding all chunks", "gathering all tiles", "encoding all chunks" };
    for (int k = DECODE; k < WHOLE; k++)
        print_value(names[k], median(processor[k], RUNS) / (double)n * 1e3, "CPU ms a tile", 0);
    print_rate("end to end, by processor time", (double)n / median(processor[WHOLE], RUNS), "tiles/s", "these three",
               (double)n / parts[0], 0.9);
    print_rate("the same, by the clock, all cores", (double)n / median(wall[WHOLE], RUNS), "tiles/s", "these three",
               (double)n / parts[1], 0);
}

/* Beside the writing of the same chunks, in turns. most, most_beside: what is demanded of the whole, and of the rest. */
static void print_zarr(const char *title, const prediction *p, const float *floats, double most, double most_beside)
{
    double written[RUNS], predicted[RUNS];
    uint64_t n;
    for (int i = 0; i < RUNS; i++) {
        written[i] = encode_once(p, floats).processor;
        predicted[i] = predict_once(p, &n).processor;
    }
    double total = median(predicted, RUNS), rest = total - median(written, RUNS);
    print_value(title, total / (double)n * 1e3, "CPU ms a tile", most);
    print_value("  without that of writing the same chunks", rest / (double)n * 1e3, "CPU ms a tile", most_beside);
}

void bench_predict(const image *plane, patches *p)
{
    (void)p;
    const size_t n = (size_t)PLANE * PLANE;
    prediction what = { .plane = plane, .out = malloc(n * sizeof(float)) };
    float *floats = malloc(n * sizeof *floats);
    memset(what.out, 0, n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        floats[i] = (float)plane->pixels[i];
    print_title("tiles of 256 x 256 with an overlap of 48, identity");
    print_value("to memory, cropped", measure(&what), "CPU ms a tile", 0.12);
    what.blend = MT_BLEND_GAUSSIAN;
    print_value("to memory, Gaussian weights", measure(&what), "CPU ms a tile", 0.2);
    free(what.out);
    what.out = NULL;
    what.blend = MT_BLEND_CROP;
    what.codec = "none";
    print_zarr("to OME-Zarr without a codec, cropped", &what, floats, 0.2, 0);
    what.codec = "blosc-lz4";
    print_zarr("to OME-Zarr, blosc-lz4, cropped", &what, floats, 0, 0.2);
    what.blend = MT_BLEND_GAUSSIAN;
    print_zarr("to OME-Zarr, blosc-lz4, Gaussian weights", &what, floats, 0, 0);
    print_whole(plane, floats);
    free(floats);
}
