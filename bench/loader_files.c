/* SPDX-License-Identifier: BSD-3-Clause */
/* Loaders of volumes, of many small files, and of a store that answers late. */
#include "loader.h"
#include "wrapped.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VOLUME_GRID 16 /* chunks of the volume along each axis: 4 times the cache */
#define FILES 20000    /* TIFF files */
#define DISTINCT 100   /* of them with an image of their own; the others are links */
#define SMALL 512      /* their height and width */
#define LATE 0.02      /* seconds */
#define IN_FLIGHT 32   /* reads */
#define BATCH_LATE 256 /* patches */
#define LATE_BATCHES 8 /* batches */

static void bench_volume_epochs(void)
{
    static const int64_t size[3] = { PATCH_Z, PATCH, PATCH };
    const double n_chunks = (double)VOLUME_GRID * VOLUME_GRID * VOLUME_GRID, each = (double)CUBE / PATCH_Z;
    const mt_open_options options = { .struct_size = sizeof options, .axes = "ZYX" };
    const linked array = { "volume-large.zarr",
                           "volume.zarr",
                           COMPRESSOR_ZSTD,
                           3,
                           CUBE,
                           { VOLUME_GRID, VOLUME_GRID, VOLUME_GRID },
                           { DEPTH / CUBE, SIDE / CUBE, SIDE / CUBE } };
    image volume = image_make(3);
    patches p = patches_make(&volume, BATCH_3D, 1);
    double gather = gather_patches(&volume, &p, p.out) / (double)p.n;
    chunks c = chunks_make(&volume, ZSTD, CUBE);
    double codec = time_decoding(&c) / (double)c.n;
    write_zarr("volume.zarr", &volume, &c, CUBE);
    chunks_free(&c);
    free(volume.pixels), free(p.coords), free(p.out);
    write_linked(&array);
    mt_context *context;
    mt_stack *stack =
        open_stack(array.path, &options, 2, (int64_t)CACHED_CHUNKS * CUBE * CUBE * CUBE * 2, false, &context);
    measured m = run_epochs(&stack, 1, context, size, 3, false);
    print_measured("volume of zstd 64^3, 16 x 64 x 64, 4 times the cache", &m, "codec and gather, 2 cores",
                   2 / (codec / each + gather), 0);
    print_value("  its chunks, decoded by two bare loops", m.first_chunks * codec / 2 * 1000, "ms", 0);
    print_value("  chunks decoded in an epoch, of each", m.decoded / n_chunks, "", 2);
    mt_stack_close(stack);
    mt_context_free(context);
}

static void write_files(const image *plane)
{
    uint16_t *pixels = malloc((size_t)SMALL * SMALL * sizeof *pixels);
    char name[64], target[64];
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "small-%05d.tif", i);
        if (i >= DISTINCT) {
            snprintf(target, sizeof target, "small-%05d.tif", i % DISTINCT);
            if (link(target, name) != 0)
                abort();
            continue;
        }
        const image small = { .ndim = 2, .shape = { SMALL, SMALL }, .pixels = pixels };
        for (int y = 0; y < SMALL; y++)
            memcpy(pixels + y * SMALL, plane->pixels + (size_t)(i / 8 * SMALL % PLANE + y) * PLANE + i % 8 * SMALL,
                   SMALL * sizeof *pixels);
        chunks c = chunks_make(&small, ZLIB, TILE);
        write_tiff_tiles(name, &small, &c);
        chunks_free(&c);
    }
    free(pixels);
}

static void bench_many_files(const image *plane, double gather)
{
    static const int64_t size[2] = { PATCH, PATCH };
    const double n_chunks = (double)FILES * (SMALL / TILE) * (SMALL / TILE),
                 each = (double)(TILE / PATCH) * (TILE / PATCH);
    const mt_context_options o = { .struct_size = sizeof o,
                                   .threads = 2,
                                   .cache_bytes = (int64_t)CACHED_CHUNKS * TILE * TILE * 2 };
    mt_stack **stacks = malloc(FILES * sizeof *stacks);
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    chunks c = chunks_make(plane, ZLIB, TILE);
    double codec = time_decoding(&c) / (double)c.n;
    chunks_free(&c);
    write_files(plane);
    need(mt_context_new(&o, &context, &err), &err);
    double start = now();
    for (int i = 0; i < FILES; i++) {
        char name[64];
        snprintf(name, sizeof name, "small-%05d.tif", i);
        need(mt_stack_open(context, name, NULL, &stacks[i], &err), &err);
    }
    print_value("20,000 zlib TIFFs of 512 x 512: opening one", (now() - start) * 1e3 / FILES, "ms", 0.2);
    measured m = run_epochs(stacks, FILES, context, size, 2, false);
    print_measured("  loader", &m, "codec and gather, 2 cores", 1 / (codec / each / 2 + gather), 0.8);
    print_value("  chunks decoded in an epoch, of each", m.decoded / n_chunks, "", 1.1);
    for (int i = 0; i < FILES; i++)
        mt_stack_close(stacks[i]);
    mt_context_free(context);
    free(stacks);
}

/* zstd-large.zarr, written by bench_loader, in a store that answers late. */
static mt_stack *open_late(delay *by, int64_t cache_bytes, mt_context **context)
{
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    const mt_context_options o = { .struct_size = sizeof o, .threads = 2, .cache_bytes = cache_bytes };
    const mt_store_wrap wrap = { delay_reads, by };
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    need(mt_context_new(&o, context, &err), &err);
    need(mt_stack_open_wrapped(*context, "zstd-large.zarr", &options, &wrap, &stack, &err), &err);
    return stack;
}

/* Reads a second of a batch of 256 patches, without a cache. */
static double bench_late_batch(const image *plane)
{
    delay by = { .seconds = LATE, .in_flight = IN_FLIGHT };
    mt_context *context;
    mt_stack *stack = open_late(&by, MT_NO_CACHE, &context);
    patches p = patches_make(plane, BATCH_LATE, 3);
    job j = job_make(stack, &p, true);
    size_t before = by.n;
    double start = now();
    for (int i = 0; i < LATE_BATCHES; i++)
        extract(&j);
    double took = now() - start;
    job_free(&j);
    free(p.coords), free(p.out);
    mt_stack_close(stack);
    mt_context_free(context);
    return (double)(by.n - before) / took;
}

static void bench_late_store(const image *plane)
{
    static const int64_t size[2] = { PATCH, PATCH };
    const double batch = bench_late_batch(plane);
    delay by = { .seconds = LATE, .in_flight = IN_FLIGHT };
    mt_context *context;
    mt_stack *stack = open_late(&by, (int64_t)CACHED_CHUNKS * TILE * TILE * 2, &context);
    size_t before = by.n;
    measured m = run_epochs(&stack, 1, context, size, 2, false);
    print_rate("Zarr zstd, 8 times the cache, 20 ms a read", m.patches / m.wall, PATCHES, NULL, 0, 0);
    print_rate("  reads", (double)(by.n - before) / (m.wall + m.first_batch), "reads/s", "a batch of 256 patches",
               batch, 0.9);
    print_rate("  a batch of 256 patches", batch, "reads/s", "32 in flight / 20 ms", IN_FLIGHT / LATE, 0);
    print_value("  first batch", m.first_batch * 1000, "ms", 0);
    mt_stack_close(stack);
    mt_context_free(context);
}

void bench_loader_files(const image *plane, double gather)
{
    bench_volume_epochs();
    bench_many_files(plane, gather);
    bench_late_store(plane);
}
