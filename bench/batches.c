/* SPDX-License-Identifier: BSD-3-Clause */
/* N2V and noise of batches of 64 patches of 64 x 64 in memory, against gathering them. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS = 64, ROUNDS = 64 };

typedef struct batch {
    job gather;
    mt_context *context;
    mt_n2v_options n2v;
    mt_noise_options noise;
    float *original, *masked; /* of one batch, 64 x 64 x 64 */
    uint8_t *mask;
} batch;

static const int64_t shape[] = { ITEMS, 1, PATCH, PATCH };
static const size_t elements = (size_t)ITEMS * PATCH * PATCH;

/* Each turn works on one batch, so that it is as warm as after gathering. */
static void copy(void *argument)
{
    batch *b = argument;
    for (int i = 0; i < ROUNDS; i++)
        for (size_t k = 0; k < ITEMS; k++) {
            memcpy(b->masked + k * PATCH * PATCH, b->original + k * PATCH * PATCH, PATCH * PATCH * sizeof *b->masked);
            memset(b->mask + k * PATCH * PATCH, 0, PATCH * PATCH);
            __asm__ volatile("" : : "r"(b->masked), "r"(b->mask) : "memory");
        }
}

/* Each batch has other pixels, as in training: otherwise the processor learns the branches. */
static void manipulate(void *argument)
{
    batch *b = argument;
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < ROUNDS; i++) {
        b->n2v.step++;
        need(mt_n2v_manipulate(b->context, b->original, shape, 4, &b->n2v, b->masked, b->mask, &err), &err);
    }
}

static void add_noise(void *argument)
{
    batch *b = argument;
    mt_error err = MT_ERROR_INIT;
    b->noise.step++;
    need(mt_noise_add(b->context, b->original, shape, 4, &b->noise, b->masked, &err), &err);
}

static void gather(void *argument)
{
    batch *b = argument;
    for (size_t first = 0; first + ITEMS <= b->gather.p->n; first += ITEMS) {
        mt_error err = MT_ERROR_INIT;
        need(mt_extract_patches(b->gather.requests + first, ITEMS, NULL, &err), &err);
    }
}

static void measure(batch *b, const char *what, const char *strategy, const char *pattern, double gathering,
                    double copying, double demand)
{
    b->n2v = (mt_n2v_options) { .struct_size = sizeof b->n2v, .strategy = strategy, .struct_axes = pattern };
    double took = best_time(manipulate, b) / ROUNDS;
    print_value(what, took * 1e6, "us a batch", 0);
    print_value("  beyond the copies, of gathering", (took - copying) / gathering * 100, "%", demand);
}

static void measure_noise(batch *b, const char *what, const double *photons, double gaussian)
{
    b->noise = (mt_noise_options) { .struct_size = sizeof b->noise, .photon_scale = photons, .gaussian = gaussian };
    print_value(what, best_time(add_noise, b) / (double)elements * 1e9, "ns a pixel", 0);
}

void bench_batches(const image *plane, patches *p)
{
    const mt_context_options one = { .struct_size = sizeof one, .threads = 1 };
    batch b = { .original = malloc(elements * sizeof *b.original),
                .masked = malloc(elements * sizeof *b.masked),
                .mask = malloc(elements) };
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    need(mt_context_new(&one, &b.context, &err), &err);
    need(mt_stack_from_array(b.context, plane->pixels, MT_UINT16, "YX", plane->shape, NULL, NULL, &stack, &err), &err);
    b.gather = job_make(stack, p, true);
    double gathering = best_time(gather, &b) / (double)(p->n / ITEMS);
    memcpy(b.original, p->out, elements * sizeof *b.original);
    double copying = best_time(copy, &b) / ROUNDS;
    print_title("N2V and noise of batches of 64 patches of 64 x 64, 0.2 % of the pixels, one thread");
    print_value("gathering from an array", gathering * 1e6, "us a batch", 0);
    print_value("copies of original and mask", copying * 1e6, "us a batch", 0);
    measure(&b, "N2V, uniform", "uniform", NULL, gathering, copying, 10);
    measure(&b, "N2V, median", "median", NULL, gathering, copying, 0);
    measure(&b, "N2V, uniform, horizontal pattern", "uniform", "horizontal", gathering, copying, 0);
    measure_noise(&b, "Gaussian noise", NULL, 1);
    measure_noise(&b, "shot noise, mean of the pixels", (const double[]) { 1 }, 0);
    job_free(&b.gather);
    mt_stack_close(stack);
    mt_context_free(b.context);
    free(b.original);
    free(b.masked);
    free(b.mask);
}
