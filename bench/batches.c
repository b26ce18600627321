/* SPDX-License-Identifier: BSD-3-Clause */
/* What is done with batches of 64 patches of 64 x 64 in memory, against the gathering of them. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS = 64, ROUNDS = 64 };

typedef struct batch {
    job gather;
    mt_context *context;
    const mt_n2v_options *options;
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

static void manipulate(void *argument)
{
    batch *b = argument;
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < ROUNDS; i++)
        need(mt_n2v_manipulate(b->context, b->original, shape, 4, b->options, b->masked, b->mask, &err), &err);
}

static void gather(void *argument)
{
    batch *b = argument;
    for (size_t first = 0; first + ITEMS <= b->gather.p->n; first += ITEMS) {
        mt_error err = MT_ERROR_INIT;
        need(mt_extract_patches(b->gather.requests + first, ITEMS, NULL, &err), &err);
    }
}

static void measure(batch *b, const char *what, double gathering, double copying, double demand)
{
    double took = best_time(manipulate, b) / ROUNDS;
    char text[96];
    print_value(what, took * 1e6, "us a batch", 0);
    snprintf(text, sizeof text, "  beyond the copies, of gathering");
    print_value(text, (took - copying) / gathering * 100, "%", demand);
}

void bench_n2v(const image *plane, patches *p)
{
    const mt_context_options one = { .struct_size = sizeof one, .threads = 1 };
    mt_n2v_options options = { .struct_size = sizeof options, .percentage = 0.2 };
    batch b = { .options = &options };
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    need(mt_context_new(&one, &b.context, &err), &err);
    need(mt_stack_from_array(b.context, plane->pixels, MT_UINT16, "YX", plane->shape, NULL, NULL, &stack, &err), &err);
    b.gather = job_make(stack, p, true);
    b.original = calloc(elements, sizeof *b.original);
    b.masked = malloc(elements * sizeof *b.masked);
    b.mask = malloc(elements);
    print_title("N2V of batches of 64 patches of 64 x 64, 0.2 % of the pixels, one thread");
    double gathering = best_time(gather, &b) / (double)(p->n / ITEMS), copying = best_time(copy, &b) / ROUNDS;
    print_value("gathering from an array", gathering * 1e6, "us a batch", 0);
    print_value("copies of original and mask", copying * 1e6, "us a batch", 0);
    measure(&b, "uniform", gathering, copying, 10);
    options.strategy = "median";
    measure(&b, "median", gathering, copying, 0);
    options.strategy = NULL;
    options.struct_axes = "horizontal";
    measure(&b, "uniform, horizontal pattern", gathering, copying, 0);
    job_free(&b.gather);
    mt_stack_close(stack);
    mt_context_free(b.context);
    free(b.original);
    free(b.masked);
    free(b.mask);
}
