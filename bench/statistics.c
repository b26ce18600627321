/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics of a plane: all at once, per second of processor time, from memory and from chunks. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#define PIXELS "MPix/s a core"
#define ALL_AT_ONCE 400.0 /* MPix/s a core, uint16 in memory */
#define OF_CODEC 0.9      /* part of the speed of the bare codec */

static const double quantiles[] = { 0.01, 0.99 };

static void compute(mt_stack *stack)
{
    const mt_statistics_options o = { .struct_size = sizeof o, .quantiles = quantiles, .n_quantiles = 2 };
    mt_error err = MT_ERROR_INIT;
    mt_statistics *s;
    need(mt_statistics_new(&stack, 1, &o, &s, &err), &err);
    mt_statistics_free(s);
}

/* The least processor time of some runs, in seconds. */
static double time_statistics(mt_stack *stack)
{
    double best = 1e9;
    for (int i = 0; i < RUNS; i++) {
        double start = processor_time();
        compute(stack);
        double took = processor_time() - start;
        best = took < best ? took : best;
    }
    return best;
}

static double rate(double seconds) { return (double)PLANE * PLANE / seconds * 1e-6; }

static void print_array(const char *what, const void *pixels, mt_dtype dtype, double demand)
{
    const int64_t shape[2] = { PLANE, PLANE };
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    mt_stack *stack;
    need(mt_context_new(NULL, &context, &err), &err);
    need(mt_stack_from_array(context, pixels, dtype, "YX", shape, NULL, NULL, &stack, &err), &err);
    print_rate(what, rate(time_statistics(stack)), PIXELS, demand > 0 ? "demand" : NULL, demand, demand > 0 ? 1 : 0);
    mt_stack_close(stack);
    mt_context_free(context);
}

/* The same for the bare codec, on one core. */
static double time_codec(const chunks *c)
{
    double best = 1e9;
    void *raw = malloc(c->raw_size);
    for (int i = 0; i < RUNS; i++) {
        double start = processor_time();
        for (size_t k = 0; k < c->n; k++)
            decode(c->how, c->data[k], c->sizes[k], raw, c->raw_size);
        double took = processor_time() - start;
        best = took < best ? took : best;
    }
    free(raw);
    return best;
}

static void print_chunks(const char *what, const image *plane, coding how)
{
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    mt_context *context;
    chunks c = chunks_make(plane, how, TILE);
    write_zarr("statistics.zarr", plane, &c, TILE);
    mt_stack *stack = open_stack("statistics.zarr", &options, 0, MT_NO_CACHE, false, &context);
    print_rate(what, rate(time_statistics(stack)), PIXELS, "codec", rate(time_codec(&c)), OF_CODEC);
    chunks_free(&c);
    mt_stack_close(stack);
    mt_context_free(context);
}

void bench_statistics(const image *plane, patches *p)
{
    (void)p;
    size_t n = (size_t)PLANE * PLANE;
    uint8_t *bytes = malloc(n);
    float *floats = malloc(n * sizeof *floats);
    image_to_bytes(plane, bytes);
    for (size_t i = 0; i < n; i++)
        floats[i] = (float)plane->pixels[i];
    print_title("mean, std, minimum, maximum, two quantiles and a histogram of 4096 x 4096 pixels");
    print_array("uint8 in memory", bytes, MT_UINT8, ALL_AT_ONCE);
    print_array("uint16 in memory", plane->pixels, MT_UINT16, ALL_AT_ONCE);
    print_array("float32 in memory, two passes", floats, MT_FLOAT32, 0);
    print_chunks("uint16, Zarr zstd 256^2", plane, ZSTD);
    free(bytes);
    free(floats);
}
