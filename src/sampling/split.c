/* SPDX-License-Identifier: BSD-3-Clause */
/* Validation split (CAREamics' create_val_split): cells of the grid that training never touches. */
#include "base/checked.h"
#include "base/random.h"
#include "sampling/stratified.h"
#include "sampling/sums.h"

#include <string.h>

/* A sample from which patches may be chosen. */
typedef struct source {
    size_t stack;
    int64_t sample;
    uint64_t patches;      /* in an epoch */
    uint64_t n_free;       /* cells that can be chosen */
    uint64_t chosen, most; /* patches chosen, and those that could be */
} source;

typedef struct split {
    mt_patching *patching;
    mt_random random;
    uint64_t n; /* patches to choose */
    size_t n_sources, bytes;
    source *sources;
    uint64_t *left; /* sums.h: the patches that are left in each source */
} split;

/* Cells of a sample that lie in the image. n: their number along each axis. */
static uint64_t count_inside(const mt_patching *p, size_t stack, int64_t n[3])
{
    uint64_t total = 1;
    for (size_t i = 0; i < p->n_spatial; i++) {
        n[i] = mt_patching_shape(p, stack)[i] / p->patch_size[i];
        total *= (uint64_t)n[i];
    }
    return total;
}

static void find_place(const mt_patching *p, const int64_t n[3], uint64_t number, int64_t place[3])
{
    for (size_t i = p->n_spatial; i-- > 0; number /= (uint64_t)n[i])
        place[i] = (int64_t)(number % (uint64_t)n[i]);
}

/* Whether a cell can be chosen. */
static bool is_free(const mt_region_grid *grid, const mt_region_plan *plan, const uint8_t *cells,
                    const int64_t place[3])
{
    uint64_t region = 0;
    for (size_t i = 0; i < grid->n_spatial; i++)
        region = region * (uint64_t)grid->n[i] + (uint64_t)place[i];
    return !(cells && cells[mt_region_cell(grid, place)]) && !(plan && plan->weights && plan->weights[region] == 0);
}

static uint64_t count_free(const mt_patching *p, size_t stack, int64_t sample)
{
    const mt_region_grid *grid = &mt_stratified_stack(p, stack)->grid;
    const mt_region_plan *plan = mt_stratified_plan(p, stack, sample);
    int64_t n[3], place[3] = { 0 };
    const uint64_t inside = count_inside(p, stack, n);
    if (!plan || (!plan->weights && !plan->is_excluded))
        return inside;
    uint64_t count = 0;
    for (uint64_t k = 0; k < inside; k++) {
        find_place(p, n, k, place);
        count += is_free(grid, plan, plan->is_excluded, place);
    }
    return count;
}

static mt_status add_sources(split *s, mt_error *err)
{
    const mt_patching *p = s->patching;
    void *memory;
    for (size_t i = 0; i < p->n_stacks; i++)
        s->n_sources += (size_t)mt_stratified_samples(p, i);
    s->bytes = s->n_sources * sizeof(source) + (s->n_sources + 1) * sizeof(uint64_t);
    mt_status st = mt_alloc(&p->context->env, s->bytes, &memory, err);
    if (st)
        return st;
    memset(memory, 0, s->bytes);
    s->sources = memory;
    s->left = (uint64_t *)(void *)(s->sources + s->n_sources);
    source *next = s->sources;
    for (size_t i = 0; i < p->n_stacks; i++)
        for (int64_t k = 0; k < mt_stratified_samples(p, i); k++, next++) {
            const mt_stack_regions *regions = mt_stratified_stack(p, i);
            *next = (source) { .stack = i, .sample = k };
            next->patches = mt_region_patches(&regions->grid, mt_stratified_plan(p, i, k));
            next->n_free = count_free(p, i, k);
            next->most = next->n_free < next->patches ? next->n_free : next->patches;
            if (next->most)
                mt_sums_add(s->left, s->n_sources, (size_t)(next - s->sources), next->patches);
        }
    return MT_OK;
}

static uint64_t count_all(const split *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->n_sources; i++)
        n += s->sources[i].most;
    return n;
}

/* Chooses the number of patches of each source: n times one of those that are left. */
static void choose_sources(split *s)
{
    for (uint64_t i = 0; i < s->n; i++) {
        uint64_t number = (uint64_t)(mt_random_double(&s->random) * (double)s->left[0]);
        const size_t k = mt_sums_find(s->left, s->n_sources, &number);
        source *from = &s->sources[k];
        from->chosen++;
        mt_sums_add(s->left, s->n_sources, k, 0 - (from->chosen < from->most ? 1 : from->patches - from->most + 1));
    }
}

/* The cells of a source. */
typedef struct cells {
    const mt_region_grid *grid;
    const mt_region_plan *plan;
    uint8_t *is_excluded; /* those that were chosen, too */
    int64_t n[3];         /* of those in the image, along each axis */
    uint64_t inside;      /* their product */
    uint64_t *listed;     /* numbers of free cells; NULL: cells are drawn until one is free */
    uint64_t n_listed;
    size_t bytes;
} cells;

/* If at the end a free cell would take more draws than this, free cells are listed. */
enum { MOST_DRAWS = 64 };

static mt_status list_free(split *s, const source *from, cells *c, mt_error *err)
{
    const mt_patching *p = s->patching;
    int64_t place[3] = { 0 };
    void *memory;
    if (c->inside / MOST_DRAWS <= from->n_free - from->chosen)
        return MT_OK;
    c->bytes = (size_t)from->n_free * sizeof *c->listed;
    mt_status st = mt_alloc(&p->context->env, c->bytes, &memory, err);
    if (st)
        return st;
    c->listed = memory;
    for (uint64_t k = 0; k < c->inside; k++) {
        find_place(p, c->n, k, place);
        if (is_free(c->grid, c->plan, c->is_excluded, place))
            c->listed[c->n_listed++] = k;
    }
    return MT_OK;
}

/* Draws a free cell, which is then excluded. */
static void draw_cell(split *s, cells *c, int64_t place[3])
{
    if (c->listed) {
        const uint64_t i = mt_random_below(&s->random, c->n_listed);
        find_place(s->patching, c->n, c->listed[i], place);
        c->listed[i] = c->listed[--c->n_listed];
    } else {
        do
            find_place(s->patching, c->n, mt_random_below(&s->random, c->inside), place);
        while (!is_free(c->grid, c->plan, c->is_excluded, place));
    }
    c->is_excluded[mt_region_cell(c->grid, place)] = 1;
}

static mt_status choose_cells(split *s, const source *from, mt_change *change, mt_patch_spec *specs, mt_error *err)
{
    const mt_patching *p = s->patching;
    cells c = { .grid = &mt_stratified_stack(p, from->stack)->grid,
                .plan = mt_stratified_plan(p, from->stack, from->sample) };
    int64_t place[3] = { 0 };
    mt_sample_change *of;
    c.inside = count_inside(p, from->stack, c.n);
    mt_status st = mt_change_add(change, from->stack, from->sample, &of, err);
    if (st || (st = mt_change_copy_cells(change, of, err)))
        return st;
    c.is_excluded = of->cells;
    if ((st = list_free(s, from, &c, err)))
        return st;
    for (uint64_t i = 0; i < from->chosen; i++) {
        mt_patch_spec *spec = &specs[i];
        draw_cell(s, &c, place);
        *spec = (mt_patch_spec) { .stack = from->stack, .sample = from->sample, .n_spatial = p->n_spatial };
        for (size_t d = 0; d < p->n_spatial; d++) {
            spec->coords[d] = place[d] * p->patch_size[d];
            spec->patch_size[d] = p->patch_size[d];
        }
    }
    if (c.listed)
        mt_release(&p->context->env, c.listed, c.bytes);
    return MT_OK;
}

static mt_status refuse(const split *s, uint64_t available, mt_error *err)
{
    mt_fact facts[MT_PATCHING_FACTS];
    mt_patching_fingerprint(s->patching, facts);
    return mt_fail(
        err, MT_E_ARGUMENT,
        "the number of validation patches is too large for the given images (got %llu, but only %llu patches "
        "of %s could be taken, and training needs at least one): use fewer validation patches, smaller "
        "patches, or more images",
        (unsigned long long)s->n, (unsigned long long)available, facts[2].value);
}

/* Makes the validation patches, and the training patching without them. specs: room for n. */
static mt_status choose(split *s, mt_patch_spec *specs, mt_patching **validation, mt_error *err)
{
    mt_patching *p = s->patching;
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = "coords", .specs = specs, .n_specs = (size_t)s->n
    };
    mt_change change = { .patching = p };
    mt_status st = MT_OK;
    uint64_t left, n = 0;
    choose_sources(s);
    for (size_t i = 0; !st && i < s->n_sources; n += s->sources[i++].chosen)
        if (s->sources[i].chosen)
            st = choose_cells(s, &s->sources[i], &change, specs + n, err);
    if (!st && !(st = mt_change_compute(&change, &left, err)) && left == 0)
        st = refuse(s, s->n, err);
    if (!st && !(st = mt_patching_new(p->stacks, p->n_stacks, &options, validation, err)))
        mt_change_make(&change);
    mt_change_end(&change);
    return st;
}

mt_status mt_patching_split(mt_patching *p, uint64_t n, const uint64_t *seed, mt_patching **validation, mt_error *err)
{
    mt_error_reset(err);
    split s = { .patching = p, .n = n ? n : MT_VALIDATION_PATCHES };
    void *specs;
    mt_status st = mt_patching_check_changeable(p, err);
    if (st)
        return st;
    mt_random_start(&s.random, seed ? *seed : p->seed, MT_STREAM_SPLIT, 0, 0, 0);
    if (!(st = add_sources(&s, err))) {
        uint64_t all = count_all(&s), patches = mt_patching_count(p);
        const size_t bytes = (size_t)s.n * sizeof(mt_patch_spec);
        if (s.n >= patches || s.n > all)
            st = refuse(&s, all < patches ? all : patches, err);
        else if (!(st = mt_alloc(&p->context->env, bytes, &specs, err))) {
            st = choose(&s, specs, validation, err);
            mt_release(&p->context->env, specs, bytes);
        }
    }
    if (s.sources)
        mt_release(&p->context->env, s.sources, s.bytes);
    return st;
}
