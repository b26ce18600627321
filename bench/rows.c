/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows of the table. */
#include "bench.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATCHES "patches/s"
#define MEGABYTE (1024.0 * 1024.0)
#define SLACK_MB 64.0
#define NUMPY_MEMMAP 122000.0 /* patches per second on the reference machine */

static float *expected_patches(const image *from, const patches *p, double *seconds)
{
    float *out = malloc(p->n * p->elements * sizeof *out);
    *seconds = gather_patches(from, p, out);
    return out;
}

static void close_stack(mt_stack *stack, mt_context *context)
{
    mt_stack_close(stack);
    mt_context_free(context);
}

/* A demand of at most x times the time of the bare loop, as a fraction of its rate. */
#define TIMES(x) (1.0 / (x))

void bench_memory(const image *plane, patches *p)
{
    double limit;
    float *expected = expected_patches(plane, p, &limit);
    double n = (double)p->n;
    print_title("64 x 64 of a uint16 array in memory, to float32");
    print_rate("bare gather loop", n / limit, PATCHES, NULL, 0, 0);
    for (unsigned threads = 1; threads <= 2; threads++) {
        mt_context_options o = { .struct_size = sizeof o, .threads = threads };
        mt_error err = MT_ERROR_INIT;
        mt_context *context;
        mt_stack *stack;
        need(mt_context_new(&o, &context, &err), &err);
        need(mt_stack_from_array(context, plane->pixels, MT_UINT16, "YX", plane->shape, NULL, NULL, &stack, &err),
             &err);
        if (threads == 1)
            print_rate("one call each", n / time_patches(stack, p, expected, false), PATCHES, "bare gather", n / limit,
                       TIMES(1.5));
        print_rate(threads == 1 ? "one batch" : "one batch, 2 threads", n / time_patches(stack, p, expected, true),
                   PATCHES, "bare gather", n / limit, threads == 1 ? TIMES(1.1) : 0);
        close_stack(stack, context);
    }
    free(expected);
    image volume = image_make(3);
    patches boxes = patches_make(&volume, BATCH_3D, 2);
    free(expected_patches(&volume, &boxes, &limit));
    print_rate("bare gather loop, 16 x 64 x 64", (double)boxes.n / limit, PATCHES, NULL, 0, 0);
    free(volume.pixels), free(boxes.coords), free(boxes.out);
}

/* Reads without a cache: each row of each patch, one pread per chunk it touches. */
typedef struct row_reads {
    int fd;
    const patches *p;
    int64_t tile; /* 0: whole rows of the image */
    uint8_t *out;
} row_reads;

static void read_rows(void *argument)
{
    const row_reads *r = argument;
    for (size_t i = 0; i < r->p->n; i++)
        for (int64_t y = r->p->coords[i][0]; y < r->p->coords[i][0] + PATCH; y++)
            for (int64_t x = r->p->coords[i][1], end = x + PATCH, n; x < end; x += n) {
                int64_t at = y * PLANE + x;
                n = end - x;
                if (r->tile) {
                    n = r->tile - x % r->tile < n ? r->tile - x % r->tile : n;
                    at = (y / r->tile * (PLANE / r->tile) + x / r->tile) * r->tile * r->tile + y % r->tile * r->tile +
                         x % r->tile;
                }
                if (pread(r->fd, r->out, (size_t)n * 2, at * 2) != n * 2)
                    abort();
            }
}

double time_row_reads(const patches *p, int64_t tile)
{
    static uint8_t out[PATCH * 2];
    row_reads r = { open("bare.raw", O_RDONLY), p, tile, out };
    double took = best_time(read_rows, &r);
    close(r.fd);
    return took;
}

typedef struct layout {
    const char *name, *path;
    int64_t tile;
} layout;

static void bench_layout(const layout *l, const mt_open_options *options, patches *p, const float *expected,
                         double gather)
{
    double n = (double)p->n;
    char what[64];
    mt_context *context;
    mt_stack *stack = open_stack(l->path, options, 1, MT_NO_CACHE, false, &context);
    snprintf(what, sizeof what, "%s, nothing cached", l->name);
    double took = time_patches(stack, p, expected, false), rows = time_row_reads(p, l->tile);
    print_rate(what, n / took, PATCHES, "bare preads of the rows", n / rows, TIMES(1.3));
    snprintf(what, sizeof what, "%s, nothing cached, one batch", l->name);
    took = time_patches(stack, p, expected, true);
    print_rate(what, n / took, PATCHES, "bare preads of the rows", n / rows, TIMES(1.3));
    close_stack(stack, context);
    stack = open_stack(l->path, options, 1, 0, false, &context);
    snprintf(what, sizeof what, "%s, in the cache", l->name);
    print_rate(what, n / time_patches(stack, p, expected, false), PATCHES, "numpy.memmap, 122,000/s", NUMPY_MEMMAP, 2);
    snprintf(what, sizeof what, "%s, in the cache, one batch", l->name);
    took = time_patches(stack, p, expected, true);
    print_rate(what, n / took, PATCHES, "numpy.memmap, 122,000/s", NUMPY_MEMMAP, 2);
    print_rate("  the same", n / took, PATCHES, l->tile ? "bare gather from chunks" : "bare gather", n / gather,
               l->tile ? 0.8 : 0);
    close_stack(stack, context);
    stack = open_stack(l->path, options, 1, MT_NO_CACHE, true, &context);
    snprintf(what, sizeof what, "%s, mapped", l->name);
    print_rate(what, n / time_patches(stack, p, expected, false), PATCHES,
               l->tile ? "bare gather from chunks" : "bare gather", n / gather, 0);
    close_stack(stack, context);
}

void bench_layouts(const image *plane, patches *p)
{
    static const int64_t shape[] = { PLANE, PLANE };
    static const layout layouts[] = { { "NPY", "plane.npy", 0 },
                                      { "raw at an offset", "plane.raw", 0 },
                                      { "TIFF strips", "strips.tif", 0 },
                                      { "TIFF tiles", "tiles.tif", TILE },
                                      { "Zarr chunks", "raw.zarr", TILE } };
    const mt_open_options raw = { .struct_size = sizeof raw,
                                  .format = "raw",
                                  .axes = "YX",
                                  .raw_dtype = MT_UINT16,
                                  .raw_shape = shape,
                                  .raw_ndim = 2,
                                  .raw_offset = 2048 };
    const mt_open_options other = { .struct_size = sizeof other, .axes = "YX" };
    double gather;
    float *expected = expected_patches(plane, p, &gather);
    chunks c = chunks_make(plane, RAW, TILE);
    double from_tiles = gather_from_chunks(plane, p, TILE, p->out);
    print_title("the same, uncompressed on disk");
    print_rate("bare gather loop out of chunks of 256 x 256", (double)p->n / from_tiles, PATCHES, "bare gather",
               (double)p->n / gather, 0);
    write_raw("bare.raw", plane, 0);
    write_npy("plane.npy", plane);
    write_raw("plane.raw", plane, 2048);
    write_tiff_strips("strips.tif", plane);
    write_tiff_tiles("tiles.tif", plane, &c);
    write_zarr("raw.zarr", plane, &c, TILE);
    chunks_free(&c);
    sync(); /* else writeback disturbs the measurement */
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        bench_layout(&layouts[i], strcmp(layouts[i].path, "plane.raw") ? &other : &raw, p, expected,
                     layouts[i].tile ? from_tiles : gather);
    free(expected);
}

typedef struct decoding {
    const chunks *c;
    void *out;
} decoding;

static void decode_all(void *argument)
{
    const decoding *d = argument;
    for (size_t i = 0; i < d->c->n; i++)
        decode(d->c->how, d->c->data[i], d->c->sizes[i], d->out, d->c->raw_size);
}

double time_decoding(const chunks *c)
{
    decoding d = { c, malloc(c->raw_size) };
    double took = best_time(decode_all, &d);
    free(d.out);
    return took;
}

/* A batch that decodes each chunk once, at the rate of the bare codec. */
static void bench_batch(const char *name, const char *path, patches *p, const float *expected, const chunks *c,
                        double gather, double from_chunks)
{
    sync();
    char what[64];
    double codec = (double)c->n / time_decoding(c), one = 0;
    for (unsigned threads = 1; threads <= 2; threads++) {
        mt_context *context;
        mt_counters k;
        const mt_open_options options = { .struct_size = sizeof options, .axes = p->ndim == 3 ? "ZYX" : "YX" };
        mt_stack *stack = open_stack(path, &options, threads, MT_NO_CACHE, false, &context);
        double took = time_patches(stack, p, expected, true);
        mt_context_get_counters(context, &k);
        double decoded = (double)k.chunks_decoded * (double)p->n / (double)k.patches;
        snprintf(what, sizeof what, "%s%s", name, threads == 2 ? ", 2 threads" : "");
        print_rate(what, (double)p->n / took, PATCHES, NULL, 0, 0);
        if (threads == 1) {
            one = took;
            print_rate("  chunks decoded", decoded / took, "chunks/s", "bare codec", codec, 0.85);
            print_rate("  the same, less the bare gather", decoded / (took - gather), "chunks/s", "bare codec", codec,
                       0);
            print_value("  times a chunk is decoded", decoded / (double)c->n, "times", 1);
        } else {
            print_rate("  times as fast as with one thread", one / took * 100, "%", "one thread", 100, 1.8);
        }
        print_value("  memory taken", (double)k.memory_peak / MEGABYTE, "MiB", SLACK_MB);
        close_stack(stack, context);
    }
    mt_context *context;
    const mt_open_options options = { .struct_size = sizeof options, .axes = p->ndim == 3 ? "ZYX" : "YX" };
    mt_stack *stack = open_stack(path, &options, 1, 0, false, &context);
    double took = time_patches(stack, p, expected, true);
    mt_counters k;
    mt_context_get_counters(context, &k);
    print_rate("  again, in the default cache", (double)p->n / took, PATCHES, "bare gather from chunks",
               (double)p->n / from_chunks, 0.8);
    print_rate("  the same", (double)p->n / took, PATCHES, "bare gather", (double)p->n / gather, 0);
    print_value("  times a chunk is decoded", (double)k.chunks_decoded / (double)c->n, "times", 1);
    close_stack(stack, context);
}

void bench_codings(const image *plane, patches *p)
{
    double gather;
    float *expected = expected_patches(plane, p, &gather);
    double from_tiles = gather_from_chunks(plane, p, TILE, p->out);
    print_title("1,024 patches of 64 x 64 out of compressed chunks of 256 x 256, one batch, no cache");
    static const struct {
        coding how;
        const char *name, *path;
    } rows[] = { { ZLIB, "Zarr zlib", "zlib.zarr" },        { ZSTD, "Zarr zstd", "zstd.zarr" },
                 { BLOSC, "Zarr blosc-lz4", "blosc.zarr" }, { ZLIB, "TIFF deflate", "zlib.tif" },
                 { ZSTD, "TIFF zstd", "zstd.tif" },         { LZW, "TIFF LZW", "lzw.tif" },
                 { JPEG, "TIFF JPEG", "jpeg.tif" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        chunks c = chunks_make(plane, rows[i].how, TILE);
        if (strstr(rows[i].path, ".zarr"))
            write_zarr(rows[i].path, plane, &c, TILE);
        else
            write_tiff_tiles(rows[i].path, plane, &c);
        image lossy = { .ndim = 2, .shape = { PLANE, PLANE } };
        if (rows[i].how == JPEG) { /* expect the output of the bare codec */
            uint8_t *tile = malloc(c.raw_size);
            lossy.pixels = malloc((size_t)PLANE * PLANE * sizeof *lossy.pixels);
            for (size_t k = 0; k < c.n; k++) {
                decode(JPEG, c.data[k], c.sizes[k], tile, c.raw_size);
                uint16_t *to = lossy.pixels + k / (PLANE / TILE) * TILE * PLANE + k % (PLANE / TILE) * TILE;
                for (size_t y = 0; y < TILE; y++)
                    for (size_t x = 0; x < TILE; x++)
                        to[y * PLANE + x] = tile[y * TILE + x];
            }
            gather_patches(&lossy, p, expected);
            free(tile);
        }
        bench_batch(rows[i].name, rows[i].path, p, expected, &c, gather, from_tiles);
        free(lossy.pixels);
        chunks_free(&c);
    }
    free(expected);
}

void bench_volume(const image *plane, patches *of_plane)
{
    (void)plane, (void)of_plane;
    double gather;
    image volume = image_make(3);
    patches p = patches_make(&volume, BATCH_3D, 2);
    float *expected = expected_patches(&volume, &p, &gather);
    double from_cubes = gather_from_chunks(&volume, &p, CUBE, p.out);
    print_title("256 patches of 16 x 64 x 64 out of chunks of 64 x 64 x 64, one batch, no cache");
    static const struct {
        coding how;
        const char *name, *path;
    } rows[] = { { ZSTD, "Zarr zstd", "zstd3.zarr" }, { BLOSC, "Zarr blosc-lz4", "blosc3.zarr" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        chunks c = chunks_make(&volume, rows[i].how, CUBE);
        write_zarr(rows[i].path, &volume, &c, CUBE);
        bench_batch(rows[i].name, rows[i].path, &p, expected, &c, gather, from_cubes);
        chunks_free(&c);
    }
    free(expected);
    free(volume.pixels);
}

void bench_shards(const image *plane, patches *p)
{
    double gather;
    float *expected = expected_patches(plane, p, &gather);
    chunks c = chunks_make(plane, ZSTD, PATCH);
    print_title("64 x 64 out of zstd chunks of 64 x 64, no cache: 4,096 files, or 16 shards of 1,024 x 1,024");
    write_zarr("small.zarr", plane, &c, PATCH);
    write_sharded("shards.zarr", plane, &c, PATCH, 1024);
    sync();
    double rates[2][2];
    for (int sharded = 0; sharded < 2; sharded++) {
        mt_context *context;
        const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
        mt_stack *stack = open_stack(sharded ? "shards.zarr" : "small.zarr", &options, 1, MT_NO_CACHE, false, &context);
        for (int batch = 0; batch < 2; batch++) {
            rates[sharded][batch] = (double)p->n / time_patches(stack, p, expected, batch);
            print_rate(sharded ? batch ? "shards, one batch" : "shards, one call each"
                       : batch ? "no shards, one batch"
                               : "no shards, one call each",
                       rates[sharded][batch], PATCHES, sharded ? "no shards" : NULL, rates[0][batch],
                       sharded ? TIMES(1.2) : 0);
        }
        close_stack(stack, context);
    }
    mt_context *context;
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    mt_stack *stack = open_stack("shards.zarr", &options, 2, MT_NO_CACHE, false, &context);
    print_rate("shards, one batch, 2 threads", (double)p->n / time_patches(stack, p, expected, true), PATCHES,
               "one thread", rates[1][1], 1.8);
    close_stack(stack, context);
    chunks_free(&c);
    free(expected);
}

/* Opens several times: the best time, and the memory held. */
static double time_open(const char *path, const char *part, double *megabytes)
{
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        mt_context *context;
        mt_counters k;
        double start = now();
        const mt_open_options options = { .struct_size = sizeof options, .part = part };
        mt_stack *stack = open_stack(path, &options, 1, 0, false, &context);
        double took = now() - start;
        best = took < best ? took : best;
        mt_context_get_counters(context, &k);
        *megabytes = (double)k.memory_bytes / MEGABYTE;
        close_stack(stack, context);
    }
    return best * 1e3;
}

void bench_opening(const image *plane, patches *p)
{
    (void)plane, (void)p;
    double memory, few, many;
    const size_t pages = 100000;
    print_title("opening");
    write_zarr_metadata("few.zarr", 640, 64);
    write_zarr_metadata("many.zarr", 64000, 64);
    write_group("group.zarr", 1000);
    write_tiff_pages("pages.tif", pages, false);
    write_tiff_pages("shaped.tif", pages, true);
    few = time_open("few.zarr", NULL, &memory);
    print_value("Zarr of 100 chunks", few, "ms", 0);
    print_value("  memory held", memory, "MiB", 0);
    many = time_open("many.zarr", NULL, &memory);
    print_value("Zarr of 1,000,000 chunks", many, "ms", 2 * few + 0.5);
    print_value("  memory held", memory, "MiB", 0);
    print_value("one array of a group of 1,000", time_open("group.zarr", "array0500", &memory), "ms", 0);
    print_value("TIFF of 100,000 pages, not described", time_open("pages.tif", NULL, &memory), "ms", 1000);
    print_value("  memory held per page", memory * MEGABYTE / (double)pages, "bytes", 100);
    print_value("TIFF of 100,000 pages, described", time_open("shaped.tif", NULL, &memory), "ms", 1000);
    print_value("  memory held per page", memory * MEGABYTE / (double)pages, "bytes", 100);
    double start = now();
    mt_error err = MT_ERROR_INIT;
    mt_names *names;
    need(mt_list_parts(NULL, "group.zarr", NULL, &names, &err), &err);
    print_value("listing the 1,000 arrays of the group", (now() - start) * 1e3, "ms", 0);
    mt_names_free(names);
}
