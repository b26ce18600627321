/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t random_state = 88172645463325252U;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static int64_t random_below(int64_t n) { return (int64_t)(next_random() % (uint64_t)n); }

/* Nearly normal: the sum of four uniform numbers. */
static double noise(void)
{
    uint64_t r = next_random();
    double sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (double)(r >> 16 * i & 0xffff) / 65536 - 0.5;
    return sum * 1.73;
}

image image_make(int ndim)
{
    image im = { .ndim = ndim, .shape = { PLANE, PLANE } };
    if (ndim == 3)
        im = (image) { .ndim = 3, .shape = { DEPTH, SIDE, SIDE } };
    int64_t planes = ndim == 3 ? DEPTH : 1, height = im.shape[ndim - 2], width = im.shape[ndim - 1];
    im.pixels = malloc((size_t)(planes * height * width) * sizeof *im.pixels);
    uint16_t *p = im.pixels;
    for (int64_t z = 0; z < planes; z++)
        for (int64_t y = 0; y < height; y++)
            for (int64_t x = 0; x < width; x++) {
                double scene = 400 + 300 * sin((double)x / 40) * sin((double)y / 55 + (double)z / 9);
                *p++ = (uint16_t)(100 + scene + sqrt(scene) * noise());
            }
    return im;
}

void image_to_bytes(const image *from, uint8_t *out)
{
    for (int64_t i = 0; i < from->shape[0] * from->shape[1]; i++)
        out[i] = (uint8_t)(from->pixels[i] >> 2);
}

patches patches_make(const image *from, size_t n, uint64_t seed)
{
    patches p = { .ndim = from->ndim, .n = n, .elements = PATCH * PATCH, .size = { PATCH, PATCH } };
    if (from->ndim == 3) {
        p.elements *= PATCH_Z;
        p.size[0] = PATCH_Z;
        p.size[2] = PATCH;
    }
    random_state = seed * 2 + 1;
    p.coords = malloc(n * sizeof *p.coords);
    p.out = malloc(n * p.elements * sizeof *p.out);
    memset(p.out, 0, n * p.elements * sizeof *p.out);
    for (size_t i = 0; i < n; i++)
        for (int d = 0; d < p.ndim; d++)
            p.coords[i][d] = random_below(from->shape[d] - p.size[d] + 1);
    return p;
}

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double best_time(void (*run)(void *), void *argument)
{
    double best = INFINITY, end = now() + LONG_ENOUGH;
    for (int i = 0; i < RUNS && (i < FEW_RUNS || now() < end); i++) {
        double start = now();
        run(argument);
        double took = now() - start;
        best = took < best ? took : best;
    }
    return best;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *figures, size_t n)
{
    qsort(figures, n, sizeof *figures, compare);
    return n % 2 ? figures[n / 2] : (figures[n / 2 - 1] + figures[n / 2]) / 2;
}

void need(mt_status status, const mt_error *err)
{
    if (status) {
        fprintf(stderr, "bench: %s\n", err->message);
        exit(1);
    }
}

static int missed;

int missed_demands(void) { return missed; }

void print_title(const char *title) { printf("\n%s\n", title); }

void print_rate(const char *what, double rate, const char *unit, const char *limit_name, double limit, double demand)
{
    bool good = demand == 0 || rate >= demand * limit;
    missed += !good;
    printf("  %-46s %11.0f %-9s", what, rate, unit);
    if (limit_name)
        printf(" %5.2f of %-24s", rate / limit, limit_name);
    if (demand > 0)
        printf(" demanded %4.2f %s", demand, good ? "" : "MISSED");
    putchar('\n');
    fflush(stdout);
}

void print_value(const char *what, double value, const char *unit, double most)
{
    bool good = most == 0 || value <= most;
    missed += !good;
    printf("  %-46s %11.3f %-9s", what, value, unit);
    if (most > 0)
        printf(" demanded at most %g %s", most, good ? "" : "MISSED");
    putchar('\n');
    fflush(stdout);
}

mt_stack *open_stack(const char *path, const mt_open_options *options, unsigned threads, int64_t cache, bool allow_mmap,
                     mt_context **context)
{
    mt_context_options o = {
        .struct_size = sizeof o, .threads = threads, .cache_bytes = cache, .allow_mmap = allow_mmap
    };
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    need(mt_context_new(&o, context, &err), &err);
    need(mt_stack_open(*context, path, options, &stack, &err), &err);
    return stack;
}

job job_make(mt_stack *stack, patches *p, bool batch)
{
    job j = { stack, p, batch ? calloc(p->n, sizeof *j.requests) : NULL };
    for (size_t i = 0; batch && i < p->n; i++)
        j.requests[i] = (mt_patch_request) { .stack = stack,
                                             .n_spatial = (size_t)p->ndim,
                                             .coords = p->coords[i],
                                             .patch_size = p->size,
                                             .view = { .data = p->out + i * p->elements } };
    memset(p->out, 0, p->n * p->elements * sizeof *p->out);
    return j;
}

void job_free(job *j) { free(j->requests); }

void extract(void *a_job)
{
    const job *j = a_job;
    mt_error err = MT_ERROR_INIT;
    if (j->requests) {
        need(mt_extract_patches(j->requests, j->p->n, NULL, &err), &err);
        return;
    }
    for (size_t i = 0; i < j->p->n; i++)
        need(mt_stack_extract_patch(j->stack, 0, NULL, 0, j->p->coords[i], j->p->size, (size_t)j->p->ndim,
                                    j->p->out + i * j->p->elements, &err),
             &err);
}

void check_pixels(const job *j, const float *expected)
{
    if (memcmp(j->p->out, expected, j->p->n * j->p->elements * sizeof *expected) != 0) {
        fprintf(stderr, "bench: wrong pixels from %s\n", mt_stack_get_info(j->stack)->source);
        exit(1);
    }
}

double time_patches(mt_stack *stack, patches *p, const float *expected, bool batch)
{
    job j = job_make(stack, p, batch);
    extract(&j);
    check_pixels(&j, expected);
    double took = best_time(extract, &j);
    job_free(&j);
    return took;
}

typedef struct gathering {
    const image *from;
    const patches *p;
    float *out;
    int64_t side;     /* side of chunks, or 0 */
    uint8_t **chunks; /* a copy of each part of the image */
} gathering;

static void gather(void *argument)
{
    const gathering *g = argument;
    int64_t width = g->from->shape[g->from->ndim - 1], height = g->from->shape[g->from->ndim - 2];
    int64_t planes = g->p->ndim == 3 ? PATCH_Z : 1;
    for (size_t i = 0; i < g->p->n; i++) {
        const int64_t *at = g->p->coords[i];
        int64_t z0 = g->p->ndim == 3 ? at[0] : 0;
        at += g->p->ndim - 2;
        float *restrict d = g->out + i * g->p->elements;
        for (int64_t z = z0; z < z0 + planes; z++)
            for (int64_t y = at[0]; y < at[0] + PATCH; y++) {
                const uint16_t *restrict s = g->from->pixels + (z * height + y) * width + at[1];
                for (int x = 0; x < PATCH; x++)
                    *d++ = s[x];
            }
    }
}

double gather_patches(const image *from, const patches *p, float *out)
{
    gathering g = { .from = from, .p = p, .out = out };
    gather(&g);
    return best_time(gather, &g);
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Gathers the rows of a patch from one chunk; 2-D patches have one plane. */
static void gather_part(const gathering *g, const int64_t *at, const int64_t *from, const int64_t *to, float *out)
{
    int64_t side = g->side, grid[3] = { 1, 1, 1 }, chunk = 0;
    int first = 3 - g->p->ndim;
    for (int d = first; d < 3; d++) {
        grid[d] = g->from->shape[d - first] / side;
        chunk = chunk * grid[d] + from[d] / side;
    }
    const uint16_t *in = (const uint16_t *)(const void *)g->chunks[chunk];
    for (int64_t z = from[0]; z < to[0]; z++)
        for (int64_t y = from[1]; y < to[1]; y++) {
            int64_t plane = first ? 0 : z % side, n = to[2] - from[2];
            const uint16_t *restrict s = in + (plane * side + y % side) * side + from[2] % side;
            float *restrict d = out + ((z - at[0]) * PATCH + y - at[1]) * PATCH + from[2] - at[2];
            for (int64_t x = 0; x < n; x++)
                d[x] = s[x];
        }
}

static void gather_chunks(void *argument)
{
    const gathering *g = argument;
    int first = 3 - g->p->ndim;
    for (size_t i = 0; i < g->p->n; i++) {
        int64_t at[3] = { 0 }, end[3] = { 1 }, from[3] = { 0 }, to[3] = { 1 };
        for (int d = first; d < 3; d++) {
            at[d] = g->p->coords[i][d - first];
            end[d] = at[d] + g->p->size[d - first];
        }
        for (from[0] = at[0]; from[0] < end[0]; from[0] = to[0]) {
            to[0] = first ? 1 : smaller(end[0], (from[0] / g->side + 1) * g->side);
            for (from[1] = at[1]; from[1] < end[1]; from[1] = to[1]) {
                to[1] = smaller(end[1], (from[1] / g->side + 1) * g->side);
                for (from[2] = at[2]; from[2] < end[2]; from[2] = to[2]) {
                    to[2] = smaller(end[2], (from[2] / g->side + 1) * g->side);
                    gather_part(g, at, from, to, g->out + i * g->p->elements);
                }
            }
        }
    }
}

double gather_from_chunks(const image *from, const patches *p, int64_t side, float *out)
{
    chunks c = chunks_make(from, RAW, side);
    gathering g = { from, p, out, side, c.data };
    gather_chunks(&g);
    double took = best_time(gather_chunks, &g);
    chunks_free(&c);
    return took;
}

double processor_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static int empty_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)at;
    return type == FTW_F ? truncate(path, 0) : 0;
}

void empty_tree(const char *path) { nftw(path, empty_one, 16, FTW_PHYS); }
