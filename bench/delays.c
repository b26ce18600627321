/* SPDX-License-Identifier: BSD-3-Clause */
/* A batch over a store that delays each read: concurrent reads cost one delay, and decoding overlaps them. */
#include "bench.h"
#include "wrapped.h"

#include <stdlib.h>

#define BATCH_LATE 256
#define IN_FLIGHT 32
#define PATH "zstd.zarr"
#define SLACK 1.15 /* allowed factor over the longer of fetching and decoding; one delay is added */

typedef struct late_run {
    delay *by;
    job j;
    size_t reads; /* of the last run */
} late_run;

static void extract_late(void *argument)
{
    late_run *l = argument;
    size_t before = l->by->n;
    extract(&l->j);
    l->reads = l->by->n - before;
}

/* decode: seconds of the batch without delays. */
static size_t bench_delay(double seconds, unsigned in_flight, patches *p, const float *expected, double decode)
{
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    const mt_context_options o = { .struct_size = sizeof o, .cache_bytes = MT_NO_CACHE };
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    mt_stack *stack;
    delay by = { .seconds = seconds, .in_flight = in_flight };
    need(mt_context_new(&o, &context, &err), &err);
    const mt_store_wrap wrap = { delay_reads, &by };
    need(mt_stack_open_wrapped(context, PATH, &options, &wrap, &stack, &err), &err);
    late_run l = { &by, job_make(stack, p, true), 0 };
    by.most = 0;
    extract_late(&l);
    check_pixels(&l.j, expected);
    double took = best_time(extract_late, &l);
    double fetch = (double)((l.reads + in_flight - 1) / in_flight) * seconds, longer = fetch > decode ? fetch : decode;
    char what[96];
    snprintf(what, sizeof what, "%g ms a read, %u in flight", seconds * 1e3, in_flight);
    print_rate(what, (double)p->n / took, "patches/s", "the longer + one delay", (double)p->n / (longer + seconds),
               (longer + seconds) / (SLACK * longer + seconds));
    printf("  %-46s %11.1f %-9s fetching %.1f ms, decoding %.1f ms, %zu reads, at most %zu at once\n", "  time",
           took * 1e3, "ms", fetch * 1e3, decode * 1e3, l.reads, (size_t)by.most);
    job_free(&l.j);
    mt_stack_close(stack);
    mt_context_free(context);
    return l.reads;
}

void bench_delays(const image *plane, patches *unused)
{
    (void)unused;
    static const double delays[] = { 0.005, 0.02, 0.05, 0.1 };
    patches p = patches_make(plane, BATCH_LATE, 3);
    float *expected = malloc(p.n * p.elements * sizeof *expected);
    chunks c = chunks_make(plane, ZSTD, TILE);
    gather_patches(plane, &p, expected);
    write_zarr(PATH, plane, &c, TILE);
    chunks_free(&c);
    print_title("256 patches of 64 x 64 out of Zarr zstd 256 x 256 in a store that answers late, one batch, no cache");
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    mt_context *context;
    mt_stack *stack = open_stack(PATH, &options, 0, MT_NO_CACHE, false, &context);
    double decode = time_patches(stack, &p, expected, true);
    print_rate("without delay", (double)p.n / decode, "patches/s", NULL, 0, 0);
    mt_stack_close(stack);
    mt_context_free(context);
    size_t reads = 0;
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++)
        reads = bench_delay(delays[i], IN_FLIGHT, &p, expected, decode);
    unsigned rounds = (unsigned)(decode / delays[0] + 0.5); /* rounds of reads in flight during decoding */
    rounds = rounds ? rounds : 1;
    print_title("the same, fetching about as long as decoding");
    bench_delay(delays[0], (unsigned)((reads + rounds - 1) / rounds), &p, expected, decode);
    free(expected);
    free(p.coords), free(p.out);
}
