/* SPDX-License-Identifier: BSD-3-Clause */
/* The loader: batches of 64 normalized, flipped and turned patches. */
#include "loader.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMES_CACHE 8         /* chunks of the image, per chunk in the cache */
#define ACROSS (PLANE / TILE) /* chunks of the plane along an axis */
#define GRID_Y 90             /* chunks of the large image: GRID_Y * GRID_X is about 8,192 */
#define GRID_X 91
#define SECONDS 2.0 /* of each measurement, at least */

static mt_loader *new_loader(mt_stack *const *stacks, size_t n, const int64_t *size, size_t n_spatial)
{
    const float scale = 1.0F / 50, offset = -2;
    const mt_loader_array array = { .view = { .scale = &scale, .offset = &offset } };
    const mt_patching_options po = {
        .struct_size = sizeof po, .strategy = "stratified", .patch_size = size, .n_spatial = n_spatial, .seed = 1
    };
    const mt_loader_options lo = { .struct_size = sizeof lo,
                                   .batch_size = LOADER_BATCH,
                                   .seed = 1,
                                   .arrays = &array,
                                   .n_arrays = 1,
                                   .augment = MT_AUGMENT_FLIP | MT_AUGMENT_ROTATE90 };
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching;
    mt_loader *loader;
    need(mt_patching_new(stacks, n, &po, &patching, &err), &err);
    need(mt_loader_new(patching, &lo, &loader, &err), &err);
    mt_patching_free(patching);
    return loader;
}

static bool take_batch(mt_loader *loader, measured *m)
{
    mt_error err = MT_ERROR_INIT;
    mt_batch *batch;
    need(mt_loader_next(loader, NULL, &batch, &err), &err);
    if (!batch)
        return false;
    m->patches += (double)batch->n;
    mt_batch_release(batch);
    return true;
}

measured run_epochs(mt_stack *const *stacks, size_t n, mt_context *context, const int64_t *size, size_t n_spatial,
                    bool warm)
{
    measured m = { 0 };
    mt_counters counters;
    double start = now();
    mt_loader *loader = new_loader(stacks, n, size, n_spatial);
    take_batch(loader, &m);
    m.first_batch = now() - start;
    mt_context_get_counters(context, &counters);
    m.first_chunks = (double)counters.chunks_decoded;
    while (warm && take_batch(loader, &m))
        ;
    m.patches = 0;
    mt_context_reset_counters(context);
    double cpu = processor_time(), epochs = 0;
    start = now();
    do {
        while (take_batch(loader, &m))
            ;
        epochs++;
    } while (now() - start < SECONDS);
    m.wall = now() - start;
    m.processor = processor_time() - cpu;
    mt_context_get_counters(context, &counters);
    m.decoded = (double)counters.chunks_decoded / epochs;
    mt_loader_free(loader);
    return m;
}

void print_measured(const char *what, const measured *m, const char *limit_name, double limit, double demand)
{
    print_rate(what, m->patches / m->wall, PATCHES, limit_name, limit, 0);
    print_rate("  the same, by processor time", 2 * m->patches / m->processor, PATCHES, limit_name, limit, demand);
    print_value("  first batch", m->first_batch * 1000, "ms", 50);
}

void write_linked(const linked *array)
{
    char name[128], target[128], shape[64] = "", chunks_text[64] = "";
    int n = 1;
    mkdir(array->path, 0777);
    for (int d = 0; d < array->ndim; d++) {
        size_t a = strlen(shape), b = strlen(chunks_text);
        snprintf(shape + a, sizeof shape - a, "%s%d", d ? "," : "", array->grid[d] * array->side);
        snprintf(chunks_text + b, sizeof chunks_text - b, "%s%d", d ? "," : "", array->side);
        n *= array->grid[d];
    }
    snprintf(name, sizeof name, "%s/.zarray", array->path);
    FILE *f = fopen(name, "w");
    if (!f)
        abort();
    fprintf(f,
            "{\"zarr_format\":2,\"shape\":[%s],\"chunks\":[%s],\"dtype\":\"<u2\",\"compressor\":%s,"
            "\"fill_value\":0,\"filters\":null,\"order\":\"C\"}",
            shape, chunks_text, array->compressor);
    fclose(f);
    for (int i = 0; i < n; i++) {
        int at[3], left = i;
        for (int d = array->ndim - 1; d >= 0; d--) {
            at[d] = left % array->grid[d];
            left /= array->grid[d];
        }
        int a = snprintf(name, sizeof name, "%s/", array->path),
            b = snprintf(target, sizeof target, "%s/", array->from);
        for (int d = 0; d < array->ndim; d++) {
            a += snprintf(name + a, sizeof name - (size_t)a, "%s%d", d ? "." : "", at[d]);
            b += snprintf(target + b, sizeof target - (size_t)b, "%s%d", d ? "." : "", at[d] % array->from_grid[d]);
        }
        if (link(target, name) != 0)
            abort();
    }
}

/* Processor seconds to open, read and close the file of a chunk. */
static double read_chunk(const linked *array)
{
    enum { MOST = 2 * TILE * TILE * 2 };
    void *bytes = malloc(MOST);
    char name[128];
    double start = processor_time();
    for (int round = 0; round < 4; round++)
        for (int y = 0; y < array->from_grid[0]; y++)
            for (int x = 0; x < array->from_grid[1]; x++) {
                snprintf(name, sizeof name, "%s/%d.%d", array->from, y, x);
                int fd = open(name, O_RDONLY | O_CLOEXEC);
                if (fd < 0 || read(fd, bytes, MOST) <= 0 || close(fd))
                    abort();
            }
    free(bytes);
    return (processor_time() - start) / (4.0 * array->from_grid[0] * array->from_grid[1]);
}

static void bench_large_image(const char *what, const linked *array, double codec, double gather)
{
    static const int64_t size[2] = { PATCH, PATCH };
    const double n_chunks = (double)GRID_Y * GRID_X, each = (double)(TILE / PATCH) * (TILE / PATCH);
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    char row[96];
    mt_context *context;
    write_linked(array);
    mt_stack *stack = open_stack(array->path, &options, 2, (int64_t)CACHED_CHUNKS * TILE * TILE * 2, false, &context);
    measured m = run_epochs(&stack, 1, context, size, 2, false);
    double limit = 1 / (codec / each / 2 + gather); /* patches/s, if each chunk is decoded once */
    snprintf(row, sizeof row, "%s, %d times the cache", what, TIMES_CACHE);
    print_measured(row, &m, "codec and gather, 2 cores", limit, 0.8);
    print_value("  chunks decoded in an epoch, of each", m.decoded / n_chunks, "", 1.4);
    limit = 1 / (m.decoded / n_chunks * (codec + read_chunk(array)) / each / 2 + gather);
    print_rate("  all these decodes, with reads and gather", limit, PATCHES, NULL, 0, 0);
    mt_stack_close(stack);
    mt_context_free(context);
}

/* A thread that gathers patches of an epoch, at random, into the memory of two batches. */
typedef struct gatherer {
    pthread_t thread;
    const image *from;
    patches p;
    double end;  /* time at which it stops */
    double done; /* patches */
} gatherer;

static void *gather_bare(void *argument)
{
    gatherer *g = argument;
    float *out = malloc(2 * LOADER_BATCH * g->p.elements * sizeof *out);
    while (now() < g->end)
        for (size_t i = 0; i < g->p.n; i++, g->done++) {
            float *restrict d = out + i % ((size_t)2 * LOADER_BATCH) * g->p.elements;
            for (int64_t y = 0; y < PATCH; y++) {
                const uint16_t *restrict s = g->from->pixels + (g->p.coords[i][0] + y) * PLANE + g->p.coords[i][1];
                for (int x = 0; x < PATCH; x++)
                    *d++ = (float)s[x] * (1.0F / 50) - 2;
            }
        }
    free(out);
    return NULL;
}

/* Patches per second that a loop gathers on two cores, from the processor time that it takes. */
static double gather_on_two(const image *plane)
{
    gatherer threads[2];
    double done = 0, cpu, end;
    for (unsigned i = 0; i < 2; i++)
        threads[i] =
            (gatherer) { .from = plane, .p = patches_make(plane, (size_t)PLANE / PATCH * (PLANE / PATCH) / 2, i + 1) };
    cpu = processor_time();
    end = now() + 1;
    for (unsigned i = 0; i < 2; i++) {
        threads[i].end = end;
        if (pthread_create(&threads[i].thread, NULL, gather_bare, &threads[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i].thread, NULL);
        done += threads[i].done;
        free(threads[i].p.coords);
        free(threads[i].p.out);
    }
    return 2 * done / (processor_time() - cpu);
}

void bench_loader(const image *plane, patches *p)
{
    (void)p;
    static const int64_t size[2] = { PATCH, PATCH };
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    mt_context_options o = { .struct_size = sizeof o, .threads = 2 };
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    mt_stack *stack;
    double gather = 1 / gather_on_two(plane);
    print_title("loader: batches of 64 of 64 x 64, normalized, flipped and turned, 2 threads");
    print_rate("bare gather loop, 2 cores", 1 / gather, PATCHES, NULL, 0, 0);
    need(mt_context_new(&o, &context, &err), &err);
    need(mt_stack_from_array(context, plane->pixels, MT_UINT16, "YX", plane->shape, NULL, NULL, &stack, &err), &err);
    measured m = run_epochs(&stack, 1, context, size, 2, true);
    print_measured("array in memory", &m, "bare gather, 2 cores", 1 / gather, 0.8);
    mt_stack_close(stack);
    mt_context_free(context);

    chunks c = chunks_make(plane, ZSTD, TILE);
    double zstd = time_decoding(&c) / (double)c.n;
    write_zarr("zstd.zarr", plane, &c, TILE);
    chunks_free(&c);
    c = chunks_make(plane, BLOSC, TILE);
    double blosc = time_decoding(&c) / (double)c.n;
    write_zarr("blosc.zarr", plane, &c, TILE);
    chunks_free(&c);
    stack = open_stack("zstd.zarr", &options, 2, 0, false, &context);
    m = run_epochs(&stack, 1, context, size, 2, true);
    print_measured("Zarr zstd, in the cache", &m, "bare gather, 2 cores", 1 / gather, 0);
    mt_stack_close(stack);
    mt_context_free(context);
    linked large = { "zstd-large.zarr", "zstd.zarr", COMPRESSOR_ZSTD, 2, TILE, { GRID_Y, GRID_X }, { ACROSS, ACROSS } };
    bench_large_image("Zarr zstd", &large, zstd, gather);
    large.path = "blosc-large.zarr", large.from = "blosc.zarr", large.compressor = COMPRESSOR_BLOSC;
    bench_large_image("Zarr blosc-lz4", &large, blosc, gather);
    bench_loader_files(plane, gather);
}
