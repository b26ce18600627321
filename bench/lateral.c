/* SPDX-License-Identifier: BSD-3-Clause */
/* Lateral context from memory, in one thread, in processor time. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#define SCALES 3
#define MOST 64 /* patches in one call, as in a batch of training */

typedef struct call {
    mt_patch_request *requests;
    size_t n;
} call;

/* The least of several runs, in milliseconds per patch. */
static double find_time(const call *c)
{
    double least = HUGE_VAL;
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < RUNS; i++) {
        clock_t start = clock();
        need(mt_lateral_extract(c->requests, c->n, SCALES, NULL, NULL, &err), &err);
        least = fmin(least, (double)(clock() - start) / CLOCKS_PER_SEC);
    }
    return 1e3 * least / (double)c->n;
}

static void measure(const char *what, const image *from, const int64_t *size)
{
    const mt_context_options options = { .struct_size = sizeof options, .threads = 1 };
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    mt_stack *stack;
    patches p = patches_make(from, MOST, 1);
    size_t elements = SCALES;
    for (int d = 0; d < from->ndim; d++)
        elements *= (size_t)size[d];
    need(mt_context_new(&options, &context, &err), &err);
    need(mt_stack_from_array(context, from->pixels, MT_UINT16, from->ndim == 3 ? "ZYX" : "YX", from->shape, NULL, NULL,
                             &stack, &err),
         &err);
    float *out = malloc(p.n * elements * sizeof *out);
    call c = { malloc(p.n * sizeof *c.requests), p.n };
    for (size_t i = 0; i < p.n; i++)
        c.requests[i] = (mt_patch_request) { .stack = stack,
                                             .n_spatial = (size_t)from->ndim,
                                             .coords = p.coords[i],
                                             .patch_size = size,
                                             .view = { .data = out + i * elements, .padding_mode = MT_PAD_REFLECT } };
    print_value(what, find_time(&c), "ms a patch", 0);
    free(c.requests), free(out), free(p.coords), free(p.out);
    mt_stack_close(stack);
    mt_context_free(context);
}

/* The 3-D patch takes scikit-image 209 ms; bench/python/lateral.py measures both in turns. */
void bench_lateral(const image *plane, patches *p)
{
    (void)p;
    image volume = image_make(3);
    print_title("lateral context of uint16 in memory, 3 scales, processor time");
    measure("64 x 64", plane, (int64_t[]) { 64, 64 });
    measure("8 x 64 x 64", &volume, (int64_t[]) { 8, 64, 64 });
    free(volume.pixels);
}
