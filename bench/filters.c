/* SPDX-License-Identifier: BSD-3-Clause */
/* Filters: milliseconds for a region, of an array in memory, on one thread and on all. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

typedef struct filter_run {
    mt_stack *stack;
    const image *from;
    const char *filter;
    float *values; /* NULL: decisions only */
    uint8_t *keep;
    uint64_t n_regions;
} filter_run;

static void run_filter(void *argument)
{
    static const int64_t patch[3] = { PATCH_Z, PATCH, PATCH };
    filter_run *r = argument;
    mt_error err = MT_ERROR_INIT;
    const mt_filter_options options = { .struct_size = sizeof options,
                                        .filter = r->filter,
                                        .threshold = 300,
                                        .mask = strcmp(r->filter, "mask") == 0 ? r->stack : NULL };
    mt_filter_info info = { .struct_size = sizeof info };
    size_t n = (size_t)r->from->ndim;
    need(mt_filter_apply(r->stack, 0, patch + 3 - n, n, &options, r->keep, r->values, &info, &err), &err);
    r->n_regions = info.n_regions;
}

static void print_filter(const char *what, filter_run *r, double most)
{
    double took = best_time(run_filter, r);
    print_value(what, 1e3 * took / (double)r->n_regions, "ms", most);
}

static void bench_threads(const image *from, unsigned threads)
{
    const mt_context_options options = { .struct_size = sizeof options, .threads = threads };
    filter_run r = { .from = from, .keep = malloc(1 << 16) };
    float *values = malloc(sizeof *values << 17);
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    char title[96];
    double most = from->ndim == 2 && threads == 1 ? 0.05 : 0;
    snprintf(title, sizeof title, "filters, a region, windows of %s, %s",
             from->ndim == 2 ? "128 x 128" : "32 x 128 x 128", threads == 1 ? "one thread" : "all threads");
    print_title(title);
    need(mt_context_new(&options, &context, &err), &err);
    need(mt_stack_from_array(context, from->pixels, MT_UINT16, from->ndim == 2 ? "YX" : "ZYX", from->shape, NULL, NULL,
                             &r.stack, &err),
         &err);
    r.filter = "max";
    print_filter("max", &r, most);
    r.values = values;
    print_filter("max, with the values of a map", &r, 0);
    r.values = NULL;
    r.filter = "mean_std";
    print_filter("mean_std", &r, 0);
    r.filter = "shannon";
    print_filter("shannon", &r, 0);
    r.filter = "mask";
    print_filter("mask", &r, 0);
    mt_stack_close(r.stack);
    mt_context_free(context);
    free(values);
    free(r.keep);
}

void bench_filters(const image *plane, patches *p)
{
    (void)p;
    bench_threads(plane, 1);
    bench_threads(plane, 0);
    image volume = image_make(3);
    bench_threads(&volume, 1);
    bench_threads(&volume, 0);
    free(volume.pixels);
}
