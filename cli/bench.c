/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome bench: how fast the loader gives batches of the user's images, what limits it, and what would help. */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Busier processors than this limit the loader; below, it waits for reads. */
static const double busy = 0.7;

typedef struct bench_job {
    const struct args *args;
    mt_context *context;
    struct images images;
    const mt_stack_info *info; /* of the first image */
    int64_t size[3];           /* of a patch, (Z)YX */
    size_t n_spatial;
    int64_t batch, seconds, threads, window;
    mt_patching *patching;
    mt_loader *loader;
} bench_job;

/* What was measured. Times in seconds. */
typedef struct bench_result {
    double first, wall, processor; /* first batch; the others; processor time of the others */
    double patches;                /* of the others */
    double copy;                   /* processor time to copy one patch from the cache */
    mt_loader_report report;       /* of all batches */
} bench_result;

static double processor_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* Patches of the whole images have no size to choose. */
static int check_strategy(const bench_job *job)
{
    static const char *const known[] = { "stratified", "random", "tiled", "sequential" };
    const char *strategy = args_get(job->args, "strategy", 0);
    bool is_known = !strategy;
    for (size_t i = 0; !is_known && i < sizeof known / sizeof *known; i++)
        is_known = strcmp(strategy, known[i]) == 0;
    return is_known
               ? EXIT_OK
               : usage_error(job->args, "--strategy is stratified, random, tiled or sequential, not \"%s\"", strategy);
}

static int read_options(bench_job *job)
{
    int status = args_list(job->args, "patch", 0, 1, INT32_MAX, 3, job->size, &job->n_spatial);
    if (!args_count(job->args, "patch"))
        return usage_error(job->args, "--patch is required, such as --patch 64x64");
    job->batch = 64;
    job->seconds = 5;
    job->window = -1;
    job->threads = sysconf(_SC_NPROCESSORS_ONLN);
    if (!status)
        status = args_integer(job->args, "batch", 1, 65536, &job->batch);
    if (!status)
        status = args_integer(job->args, "seconds", 1, 86400, &job->seconds);
    if (!status)
        status = args_integer(job->args, "window", 0, INT32_MAX, &job->window);
    if (!status)
        status = args_integer(job->args, "threads", 1, INT32_MAX, &job->threads);
    return status ? status : check_strategy(job);
}

static int open_images(bench_job *job)
{
    struct open_options open;
    int status = open_options_get(&open, job->args);
    if (status || (status = context_open(&job->context, job->args)))
        return status;
    for (size_t i = 0; i < job->args->n_paths; i++)
        images_add(&job->images, job->context, job->args->paths[i], &open.options);
    if (job->images.failed)
        return EXIT_FAILED;
    for (size_t i = 0; i < job->images.n; i++)
        note_opened(mt_stack_get_info(job->images.stacks[i]));
    job->info = mt_stack_get_info(job->images.stacks[0]);
    return EXIT_OK;
}

static int open_loader(bench_job *job)
{
    const char *strategy = args_get(job->args, "strategy", 0);
    const mt_patching_options patching = { .struct_size = sizeof patching,
                                           .strategy = strategy ? strategy : "stratified",
                                           .patch_size = job->size,
                                           .n_spatial = job->n_spatial };
    mt_loader_options loader = {
        .struct_size = sizeof loader, .batch_size = (size_t)job->batch, .uneven = MT_UNEVEN_SHORT, .fill_missing = 1
    };
    mt_error err = MT_ERROR_INIT;
    size_t n = job->n_spatial;
    bool is_square = n > 1 && job->size[n - 1] == job->size[n - 2];
    loader.augment = is_square ? MT_AUGMENT_D4 : MT_AUGMENT_FLIP;
    if (job->window >= 0)
        loader.window = job->window > 0 ? (uint64_t)job->window : MT_WINDOW_ALL;
    if (mt_patching_new(job->images.stacks, job->images.n, &patching, &job->patching, &err) ||
        mt_loader_new(job->patching, &loader, &job->loader, &err))
        return report(&err);
    return EXIT_OK;
}

static int take_batch(const bench_job *job, double *patches)
{
    mt_batch *batch = NULL;
    mt_error err = MT_ERROR_INIT;
    mt_status st = MT_OK;
    for (int i = 0; i < 2 && !st && !batch; i++) /* once more at the end of an epoch */
        st = mt_loader_next(job->loader, &until_interrupted, &batch, &err);
    if (st)
        return report(&err);
    *patches += (double)batch->n;
    mt_batch_release(batch);
    return EXIT_OK;
}

/* Measures how long it takes to copy a patch when all chunks are in the cache: the same few patches again and again. */
static int measure_copy(const bench_job *job, double *seconds)
{
    enum { MOST = 64, FEWEST_RUNS = 10 };
    uint64_t positions[MOST], n = mt_patching_count(job->patching);
    mt_error err = MT_ERROR_INIT;
    n = n < MOST ? n : MOST;
    for (uint64_t i = 0; i < n; i++)
        positions[i] = i;
    double start = 0, runs = 0;
    for (int i = 0; i <= FEWEST_RUNS; i++) {
        mt_batch *batch;
        if (mt_loader_read(job->loader, 0, positions, (size_t)n, &until_interrupted, &batch, &err))
            return report(&err);
        mt_batch_release(batch);
        if (i == 0)
            start = processor_seconds();
        else
            runs++;
    }
    *seconds = (processor_seconds() - start) / (runs * (double)n);
    return EXIT_OK;
}

static int measure(bench_job *job, bench_result *out)
{
    struct progress progress;
    mt_error err = MT_ERROR_INIT;
    double patches = 0, start = clock_seconds();
    int status = open_loader(job);
    if (!status)
        status = take_batch(job, &patches);
    out->first = clock_seconds() - start;
    double cpu = processor_seconds();
    start = clock_seconds();
    progress_start(&progress);
    while (!status && clock_seconds() - start < (double)job->seconds) {
        status = take_batch(job, &out->patches);
        progress_show(&progress, clock_seconds() - start, (double)job->seconds);
    }
    progress_end(&progress);
    out->wall = clock_seconds() - start;
    out->processor = processor_seconds() - cpu;
    out->report.struct_size = sizeof out->report;
    if (!status && mt_loader_get_report(job->loader, &out->report, &err))
        status = report(&err);
    return status ? status : measure_copy(job, &out->copy);
}

/* The share of the time in which the processors were busy. */
static double busy_share(const bench_job *job, const bench_result *r)
{
    double share = r->processor / (r->wall * (double)job->threads);
    return share < 1 ? share : 1;
}

/* The share of the busy time that was spent on copying. */
static double copy_share(const bench_result *r)
{
    double share = r->copy * r->patches / r->processor;
    return share < 1 ? share : 1;
}

typedef enum bench_limit { READING, DECODING, COPYING, NEITHER } bench_limit;

/* If little was fetched, the processors were not idle because of reads. */
static bench_limit find_limit(const bench_job *job, const bench_result *r)
{
    double fetched = (double)r->report.bytes_fetched / (double)(r->report.bytes_delivered + 1);
    if (busy_share(job, r) < busy)
        return fetched > 0.02 ? READING : NEITHER;
    return copy_share(r) < 0.5 ? DECODING : COPYING;
}

/* Chunks decoded per chunk, in an epoch; 0: the images have no chunks. */
static double count_decodes(const bench_job *job, const bench_result *r)
{
    double epochs = (double)r->report.patches / (double)mt_patching_count(job->patching);
    return r->report.chunks ? (double)r->report.chunks_decoded / ((double)r->report.chunks * epochs) : 0;
}

static void print_advice(const bench_job *job, const bench_result *r)
{
    int64_t chunk[3];
    char text[96];
    double decodes = count_decodes(job, r), area = 1, wanted = 1;
    if (r->report.chunks && r->report.blocks == 0 && decodes > 2)
        printf("  windows would decode fewer chunks: --window 16\n");
    if (r->report.blocks && decodes > 2 && r->report.epochs > 0) {
        double window = (double)r->report.chunks / (double)r->report.blocks * (double)r->report.window * 1.5;
        double bytes = window * (double)r->report.bytes_decoded / (double)r->report.chunks_decoded;
        printf("  the chunks of a window need about %s of cache: --cache\n", bytes_text(bytes, text, sizeof text));
    }
    suggest_chunk(job->info, job->size, job->n_spatial, chunk);
    for (int d = 0; d < job->info->original_ndim; d++)
        area *= (double)job->info->chunk_shape[d];
    for (size_t d = 0; d < job->n_spatial; d++)
        wanted *= (double)chunk[d];
    if (area > 64 * wanted)
        printf("  smaller chunks would suit these patches, such as %s pixels\n",
               shape_text(chunk, (int)job->n_spatial, text, sizeof text));
    if (find_limit(job, r) == READING)
        printf("  the processors are idle %.0f %% of the time: a faster disk or network would help\n",
               100 * (1 - busy_share(job, r)));
    if (find_limit(job, r) == NEITHER)
        printf("  other programs use the processors, or larger batches would keep all %" PRId64 " threads busy\n",
               job->threads);
}

static const char *limit_text(const bench_job *job, const bench_result *r)
{
    static const char *const texts[] = { [READING] = "reading",
                                         [DECODING] = "decoding",
                                         [COPYING] = "copying",
                                         [NEITHER] = "neither reading nor the processors" };
    return texts[find_limit(job, r)];
}

static void print_rows(const bench_job *job, const bench_result *r)
{
    char text[96];
    const mt_loader_report *all = &r->report;
    double n = (double)all->patches, delivered = all->bytes_delivered ? (double)all->bytes_delivered : 1;
    printf("%zu image%s, patches of %s pixels, batches of %" PRId64 ", %s\n", job->images.n,
           job->images.n == 1 ? "" : "s", shape_text(job->size, (int)job->n_spatial, text, sizeof text), job->batch,
           all->blocks ? "in windows" : "shuffled as a whole");
    printf("  %-18s%.0f/s\n", "patches", r->patches / r->wall);
    printf("  %-18s%.1f ms\n", "first batch", r->first * 1000);
    printf("  %-18s%s a patch, %.2f times its size\n", "fetched",
           bytes_text((double)all->bytes_fetched / n, text, sizeof text), (double)all->bytes_fetched / delivered);
    printf("  %-18s%s a patch, %.2f times its size\n", "decoded",
           bytes_text((double)all->bytes_decoded / n, text, sizeof text), (double)all->bytes_decoded / delivered);
    if (all->blocks)
        printf("  %-18s%.1f blocks, %" PRIu64 " at least\n", "a batch mixes", all->mean_blocks, all->fewest_blocks);
    printf("  %-18s%s\n", "limited by", limit_text(job, r));
    printf("  %-18sbusy %.0f %% of the time: %.0f %% of that copying, %.0f %% decoding and other work\n", "processors",
           100 * busy_share(job, r), 100 * copy_share(r), 100 * (1 - copy_share(r)));
}

static void print_json(const bench_job *job, const bench_result *r)
{
    const mt_loader_report *all = &r->report;
    double n = (double)all->patches;
    printf("{\"images\": %zu, \"batch\": %" PRId64 ", \"patches_per_second\": %.1f, \"first_batch_ms\": %.2f, "
           "\"patches\": %.0f, \"seconds\": %.3f, \"processor_seconds\": %.3f, \"fetched_bytes_per_patch\": %.1f, "
           "\"decoded_bytes_per_patch\": %.1f, \"delivered_bytes_per_patch\": %.1f, \"chunks_decoded\": %" PRIu64
           ", \"window\": %" PRIu64 ", \"limited_by\": \"%s\"}\n",
           job->images.n, job->batch, r->patches / r->wall, r->first * 1000, r->patches, r->wall, r->processor,
           (double)all->bytes_fetched / n, (double)all->bytes_decoded / n, (double)all->bytes_delivered / n,
           all->chunks_decoded, all->blocks ? all->window : 0, limit_text(job, r));
}

static int run_job(bench_job *job)
{
    bench_result result = { 0 };
    int status = open_images(job);
    if (!status)
        status = measure(job, &result);
    if (status)
        return status;
    if (args_count(job->args, "json")) {
        print_json(job, &result);
    } else {
        print_rows(job, &result);
        print_advice(job, &result);
    }
    return job->images.skipped ? EXIT_FAILED : EXIT_OK;
}

int run_bench(const struct args *args)
{
    bench_job job = { .args = args };
    int status = read_options(&job);
    interrupt_catch();
    if (!status)
        status = run_job(&job);
    mt_loader_free(job.loader);
    mt_patching_free(job.patching);
    images_free(&job.images);
    mt_context_free(job.context);
    return status;
}
