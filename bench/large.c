/* SPDX-License-Identifier: BSD-3-Clause */
/* Files larger than the chunk cache: bytes fetched and memory used. */
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEGABYTE (1024.0 * 1024.0)
#define N_LARGE 1000
#define CHANNEL 2

char *large_path(const char *name, bool *there)
{
    size_t room = (asked.folder ? strlen(asked.folder) : 0) + strlen(name) + 3;
    char *path = malloc(room);
    snprintf(path, room, "%s/%s", asked.folder ? asked.folder : ".", name);
    *there = access(path, R_OK) == 0;
    return path;
}

/* Writes a file, atomically, unless it exists. */
static char *make_large(const char *name, void (*write)(const char *path, const image *plane), const image *plane)
{
    bool there;
    char *path = large_path(name, &there), part[4096];
    if (there)
        return path;
    snprintf(part, sizeof part, "%s.part", path);
    write(part, plane);
    if (rename(part, path) != 0) {
        perror(path);
        exit(1);
    }
    sync();
    return path;
}

/* Patches of one channel, all in one batch or one call each. */
typedef struct first_time {
    const char *path;
    patches p;
    float *expected;
    bool batch;
} first_time;

static double extract_first(const first_time *f, int64_t cache, uint64_t *fetched)
{
    static const int64_t channel[] = { CHANNEL };
    const mt_open_options options = { .struct_size = sizeof options, .axes = "CYX" };
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    mt_stack *stack = open_stack(f->path, &options, 0, cache, false, &context);
    mt_patch_request *requests = calloc(f->p.n, sizeof *requests);
    for (size_t i = 0; i < f->p.n; i++)
        requests[i] = (mt_patch_request) { .stack = stack,
                                           .channels = channel,
                                           .n_channels = 1,
                                           .n_spatial = 2,
                                           .coords = f->p.coords[i],
                                           .patch_size = f->p.size,
                                           .view = { .data = f->p.out + i * f->p.elements } };
    memset(f->p.out, 0, f->p.n * f->p.elements * sizeof *f->p.out);
    mt_context_reset_counters(context);
    double start = now();
    for (size_t i = 0; i < f->p.n; i += f->batch ? f->p.n : 1)
        need(mt_extract_patches(requests + i, f->batch ? f->p.n : 1, NULL, &err), &err);
    double took = now() - start;
    mt_counters k;
    mt_context_get_counters(context, &k);
    *fetched = k.bytes_fetched;
    if (memcmp(f->p.out, f->expected, f->p.n * f->p.elements * sizeof *f->expected) != 0) {
        fprintf(stderr, "bench: wrong pixels from %s\n", f->path);
        exit(1);
    }
    free(requests);
    mt_stack_close(stack);
    mt_context_free(context);
    return took;
}

static void bench_first(const first_time *f)
{
    enum { MOST = 1024 };
    double took[2][MOST], ratios[MOST];
    uint64_t fetched[2];
    size_t n = (size_t)asked.pairs;
    for (int way = 0; way < 2; way++) /* into the page cache */
        extract_first(f, way ? MT_NO_CACHE : 0, &fetched[way]);
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < 2; k++) {
            int way = (int)((i + (size_t)k) % 2);
            took[way][i] = extract_first(f, way ? MT_NO_CACHE : 0, &fetched[way]);
        }
        ratios[i] = took[0][i] / took[1][i];
    }
    double times = median(ratios, n);
    print_value(f->batch ? "one batch, default cache" : "one call each, default cache", median(took[0], n) * 1e3, "ms",
                0);
    print_value("  the same without a cache", median(took[1], n) * 1e3, "ms", 0);
    print_value("  times as long", times, "times", 1.2);
    print_value("  fetched, default cache", (double)fetched[0] / 1e6, "MB", 0);
    print_value("  fetched without a cache", (double)fetched[1] / 1e6, "MB", 0);
    print_value("  times as many bytes", (double)fetched[0] / (double)fetched[1], "times", 1.5);
}

void bench_large(const image *plane, patches *unused)
{
    (void)unused;
    const image large = { .ndim = 2, .shape = { LARGE, LARGE } };
    char *path = make_large("large.tif", write_large_tiff, plane);
    first_time f = { path, patches_make(&large, N_LARGE, 4), NULL, false };
    f.expected = malloc(f.p.n * f.p.elements * sizeof *f.expected);
    float *to = f.expected;
    for (size_t i = 0; i < f.p.n; i++)
        for (int64_t y = 0; y < PATCH; y++)
            for (int64_t x = 0; x < PATCH; x++)
                *to++ = large_pixel(plane, CHANNEL, f.p.coords[i][0] + y, f.p.coords[i][1] + x);
    print_title("1,000 patches of 64 x 64 of one channel, for the first time, from a raw tiled TIFF of 2 GiB");
    bench_first(&f);
    f.batch = true;
    bench_first(&f);
    free(f.expected), free(f.p.coords), free(f.p.out);
    free(path);
}

/* Memory of a separate process, in bytes. */
typedef struct taken {
    uint64_t peak, held; /* of the context: peak, and after the cache was dropped */
    uint64_t resident;   /* peak resident growth of the process */
} taken;

static uint64_t status_bytes(const char *name)
{
    char line[256];
    uint64_t kilobytes = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            kilobytes = strtoull(line + strlen(name) + 1, NULL, 10);
    if (f)
        fclose(f);
    return kilobytes * 1024;
}

typedef struct caller {
    job j;
    size_t first, step;
} caller;

static void *call(void *argument)
{
    const caller *c = argument;
    mt_error err = MT_ERROR_INIT;
    for (size_t i = c->first; i < c->j.p->n; i += c->step)
        need(mt_extract_patches(&c->j.requests[i], 1, NULL, &err), &err);
    return NULL;
}

enum { THREADS = 16, N_STRIPS = 64 };

static void extract_by_callers(const job *j)
{
    pthread_t threads[THREADS];
    caller callers[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        callers[i] = (caller) { *j, i, THREADS };
        if (pthread_create(&threads[i], NULL, call, &callers[i]) != 0)
            exit(1);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* Runs in a separate process. */
static taken read_strips(const char *path, const image *plane, int64_t cache, bool callers)
{
    const image all = { .ndim = 2, .shape = { STRIP_ROWS * STRIPS, STRIP_WIDTH } };
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    uint64_t before = status_bytes("VmRSS");
    patches p = patches_make(&all, N_STRIPS, 5);
    for (size_t i = 0; i < p.n; i++) /* inside one strip */
        p.coords[i][0] = (int64_t)(i % STRIPS) * STRIP_ROWS + p.coords[i][0] % (STRIP_ROWS - PATCH);
    mt_context *context;
    mt_stack *stack = open_stack(path, &options, THREADS, cache, false, &context);
    job j = job_make(stack, &p, true);
    if (callers)
        extract_by_callers(&j);
    else
        extract(&j);
    const float *at = p.out;
    for (size_t i = 0; i < p.n; i++)
        for (int64_t y = 0; y < PATCH; y++)
            for (int64_t x = 0; x < PATCH; x++)
                if (*at++ != strip_pixel(plane, p.coords[i][0] + y, p.coords[i][1] + x)) {
                    fprintf(stderr, "bench: wrong pixels from %s\n", path);
                    exit(1);
                }
    mt_counters k;
    mt_context_get_counters(context, &k);
    taken t = { .peak = k.memory_peak, .resident = status_bytes("VmHWM") - before };
    mt_context_drop_cache(context);
    mt_context_get_counters(context, &k);
    t.held = k.memory_bytes;
    return t;
}

static taken in_process(const char *path, const image *plane, int64_t cache, bool callers)
{
    int ends[2], status;
    taken t = { 0 };
    fflush(stdout);
    pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child == 0) {
        t = read_strips(path, plane, cache, callers);
        _exit(write(ends[1], &t, sizeof t) != (ssize_t)sizeof t);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0 ||
        read(ends[0], &t, sizeof t) != (ssize_t)sizeof t) {
        fputs("bench: the process that reads strips failed\n", stderr);
        exit(1);
    }
    close(ends[0]), close(ends[1]);
    return t;
}

void bench_strips(const image *plane, patches *unused)
{
    (void)unused;
    static const struct {
        const char *name;
        int64_t cache;
        bool callers;
    } ways[] = { { "one batch, no cache", MT_NO_CACHE, false },
                 { "one batch, cache of 256 MiB", (int64_t)256 << 20, false },
                 { "16 callers, no cache", MT_NO_CACHE, true },
                 { "16 callers, cache of 256 MiB", (int64_t)256 << 20, true } };
    char *path = make_large("strips64.tif", write_tiff_large_strips, plane);
    struct stat st;
    if (stat(path, &st) != 0)
        exit(1);
    double chunk = (double)st.st_size / STRIPS + (double)STRIP_ROWS * STRIP_WIDTH * sizeof(uint16_t);
    double output = (double)N_STRIPS * PATCH * PATCH * sizeof(float), slack = 64 * MEGABYTE;
    print_title("memory with 16 threads over strips of 64 MiB, Zstandard: 64 patches of 64 x 64");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        taken t = in_process(path, plane, ways[i].cache, ways[i].callers);
        double most = ((double)ways[i].cache > chunk ? (double)ways[i].cache : chunk) + output + slack;
        print_value(ways[i].name, (double)t.peak / MEGABYTE, "MiB", most / MEGABYTE);
        print_value("  resident growth", (double)t.resident / MEGABYTE, "MiB", most / MEGABYTE);
        print_value("  held after the cache was dropped", (double)t.held / MEGABYTE, "MiB", 0);
    }
    free(path);
}
