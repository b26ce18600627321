/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches from files outside the page cache, compared with bare reads of the same ranges and with the CPU work. Disks
 * are noisy: all variants are interleaved, the page cache is dropped before each, and the median is reported. */
#include "bench.h"
#include "disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_COLD 256
#define PATCHES "patches/s"
#define SHARD 1024
#define STAYED 0.01 /* fraction of pages that may stay in the cache */

typedef struct row {
    const char *name, *path, *part;
    int ndim;
    coding how;
    int64_t side; /* side of chunks; 0: contiguous or in strips */
} row;

static const row rows[] = {
    { "Zarr zstd 256^2", "zstd.zarr", "", 2, ZSTD, TILE },
    { "Zarr raw 256^2", "raw.zarr", "", 2, RAW, TILE },
    { "Zarr zstd 64^2, shards", "shards.zarr", "", 2, ZSTD, PATCH },
    { "TIFF deflate tiles", "zlib.tif", "", 2, ZLIB, TILE },
    { "TIFF raw tiles", "tiles.tif", "", 2, RAW, TILE },
    { "TIFF raw strips", "strips.tif", "", 2, RAW, 0 },
    { "HDF5 gzip 256^2", "plane.h5", "#gzip", 2, ZLIB, TILE }, /* written by bench/python/files.py */
    { "Zarr zstd 64^3", "zstd3.zarr", "", 3, ZSTD, CUBE },
    { "NPY volume", "volume.npy", "", 3, RAW, 0 },
};

static void write_row(const row *r, const image *from)
{
    if (access(r->path, R_OK) == 0)
        return;
    if (!r->side) {
        (r->ndim == 2 ? write_tiff_strips : write_npy)(r->path, from);
        return;
    }
    chunks c = chunks_make(from, r->how, r->side);
    if (strstr(r->path, ".tif"))
        write_tiff_tiles(r->path, from, &c);
    else if (r->side == PATCH && r->ndim == 2)
        write_sharded(r->path, from, &c, r->side, SHARD);
    else
        write_zarr(r->path, from, &c, r->side);
    chunks_free(&c);
}

/* Writes the corners, n * ndim int64, for other readers of the same patches. */
static void write_corners(const char *path, const patches *p)
{
    FILE *f = fopen(path, "wb");
    for (size_t i = 0; f && i < p->n; i++)
        fwrite(p->coords[i], sizeof(int64_t), (size_t)p->ndim, f);
    if (!f || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

/* A stack with its own context, all processors and no cache. */
typedef struct reader {
    mt_context *context;
    mt_stack *stack;
    job j;
} reader;

static reader reader_open(const char *path, patches *p, unsigned in_flight, recording *to)
{
    const mt_context_options o = { .struct_size = sizeof o, .cache_bytes = MT_NO_CACHE, .in_flight = in_flight };
    const mt_open_options options = { .struct_size = sizeof options, .axes = p->ndim == 3 ? "ZYX" : "YX" };
    mt_error err = MT_ERROR_INIT;
    reader r;
    need(mt_context_new(&o, &r.context, &err), &err);
    const mt_store_wrap wrap = { record_reads, to };
    need(mt_stack_open_wrapped(r.context, path, &options, to ? &wrap : NULL, &r.stack, &err), &err);
    r.j = job_make(r.stack, p, true);
    return r;
}

static void reader_close(reader *r)
{
    job_free(&r->j);
    mt_stack_close(r->stack);
    mt_context_free(r->context);
}

typedef struct turns {
    const row *r;
    const float *expected;
    bare_reads *bare;
    reader many, one;
} turns;

enum { OURS, AGAIN, BARE, SHALLOW, N_WAYS };

static double take_turn(turns *t, int way)
{
    reader *r = way == SHALLOW ? &t->one : &t->many;
    if (way != BARE) {
        memset(r->j.p->out, 0, r->j.p->n * r->j.p->elements * sizeof *r->j.p->out);
        mt_context_drop_cache(r->context); /* chunk locations must be found again */
    }
    drop_pages(t->r->path, false);
    double start = now();
    if (way == BARE)
        read_bare(t->bare, BARE_DEPTH);
    else
        extract(&r->j);
    double took = now() - start;
    if (way != BARE)
        check_pixels(&r->j, t->expected);
    return took;
}

typedef struct timing {
    double *took[N_WAYS], *processor;
    size_t n;
} timing;

static timing take_turns(turns *t)
{
    timing m = { .n = (size_t)asked.pairs };
    m.processor = calloc(m.n, sizeof *m.processor);
    for (int way = 0; way < N_WAYS; way++)
        m.took[way] = calloc(m.n, sizeof(double));
    for (size_t i = 0; i < m.n; i++)
        for (int k = 0; k < N_WAYS; k++) {
            int way = i % 2 ? N_WAYS - 1 - k : k;
            m.took[way][i] = take_turn(t, way);
            m.processor[i] = t->bare->processor;
        }
    return m;
}

/* The median of the pairwise ratios: disturbances longer than one run affect both. */
static double times_as_fast(const timing *m, const double *other)
{
    double ratios[1024];
    for (size_t i = 0; i < m->n; i++)
        ratios[i] = other[i] / m->took[OURS][i];
    return median(ratios, m->n);
}

static void print_row(const row *r, size_t n_patches, timing *m, double work)
{
    double n = (double)n_patches, cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    double bare = times_as_fast(m, m->took[BARE]), again = times_as_fast(m, m->took[AGAIN]);
    double shallow = times_as_fast(m, m->took[SHALLOW]), rate = n / median(m->took[OURS], m->n);
    double reads = median(m->took[BARE], m->n), processor = (work + median(m->processor, m->n)) / cores;
    bool disk = reads >= processor;
    double limit = disk ? rate / bare : n / processor;
    print_rate(r->name, rate, PATCHES, disk ? "bare preads" : "processors", limit, 0.75);
    print_rate("  bare preads, 16 at once", n / reads, PATCHES, NULL, 0, 0);
    print_rate("  CPU work: decode, gather, reads", n / processor, PATCHES, NULL, 0, 0);
    print_rate("  the same, one read in flight", n / median(m->took[SHALLOW], m->n), PATCHES, NULL, 0, 0);
    print_rate("  times as fast as with one", shallow * 100, "%", "one in flight", 100, 1.2);
    print_rate("  A/A: the same once more", n / median(m->took[AGAIN], m->n), PATCHES, "the first", rate * again, 0);
}

static void bench_row(const row *r, const image *from, patches *p, const float *expected)
{
    char path[64];
    snprintf(path, sizeof path, "%s%s", r->path, r->part);
    write_row(r, from);
    double stayed = drop_pages(r->path, true);
    recording made = { .lock = PTHREAD_MUTEX_INITIALIZER, .paused = true };
    reader recorded = reader_open(path, p, 0, &made);
    made.paused = false;
    mt_context_reset_counters(recorded.context);
    extract(&recorded.j);
    check_pixels(&recorded.j, expected);
    made.paused = true;
    mt_counters k;
    mt_context_get_counters(recorded.context, &k);

    double work = r->side ? gather_from_chunks(from, p, r->side, p->out) : gather_patches(from, p, p->out);
    if (r->how != RAW) {
        chunks c = find_chunks(recorded.stack, r->how);
        work += time_decoding(&c) * (double)k.chunks_decoded / (double)c.n;
        chunks_free(&c);
    }
    bare_reads bare = bare_reads_make(&made);
    turns t = { r, expected, &bare, reader_open(path, p, 0, NULL), reader_open(path, p, 1, NULL) };
    timing m = take_turns(&t);
    print_row(r, p->n, &m, work);
    printf("  %-46s %11zu %-9s %.1f MB of %zu files\n", "  ranges read", bare.n, "ranges", (double)bare.bytes / 1e6,
           bare.n_files);
    if (stayed > STAYED)
        printf("  NOT COLD: %.0f %% of the pages stayed in the page cache\n", stayed * 100);

    for (int way = 0; way < N_WAYS; way++)
        free(m.took[way]);
    free(m.processor);
    reader_close(&recorded);
    reader_close(&t.many);
    reader_close(&t.one);
    bare_reads_free(&bare);
    recording_free(&made);
}

void bench_cold(const image *plane, patches *unused)
{
    (void)unused;
    image volume = image_make(3);
    patches flat = patches_make(plane, BATCH_COLD, 3), deep = patches_make(&volume, BATCH_3D, 2);
    float *expected[] = { malloc(flat.n * flat.elements * sizeof(float)),
                          malloc(deep.n * deep.elements * sizeof(float)) };
    gather_patches(plane, &flat, expected[0]);
    gather_patches(&volume, &deep, expected[1]);
    write_corners("corners2.i64", &flat);
    write_corners("corners3.i64", &deep);
    char title[160];
    snprintf(title, sizeof title,
             "not in the page cache: 256 patches of 64 x 64 or 16 x 64 x 64, one batch; medians of %d turns",
             asked.pairs);
    print_title(title);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!*rows[i].part || access(rows[i].path, R_OK) == 0)
            bench_row(&rows[i], rows[i].ndim == 2 ? plane : &volume, rows[i].ndim == 2 ? &flat : &deep,
                      expected[rows[i].ndim - 2]);
    free(volume.pixels);
    for (int i = 0; i < 2; i++)
        free(expected[i]);
    free(flat.coords), free(flat.out), free(deep.coords), free(deep.out);
}
