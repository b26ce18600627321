/* SPDX-License-Identifier: BSD-3-Clause */
/* Patching strategies: patches lie in the image unless it is padded, and what is refused has a message. */
#include "choose_stack.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_STACKS = 2, MOST_SPECS = 4, MOST_REGIONS = 600 };

typedef struct plan {
    choice choice;
    mt_stack *stacks[MOST_STACKS];
    size_t n_stacks, n_spatial;
    mt_patch_spec specs[MOST_SPECS];
    int64_t patch_size[3], overlap[3], align[3];
    mt_patching_options options;
    mt_patching *patching;
} plan;

static void choose_stacks(plan *p)
{
    choice *c = &p->choice;
    p->n_spatial = 2 + (size_t)take_range(c, 0, 1);
    p->n_stacks = 1 + (size_t)take_range(c, 0, MOST_STACKS - 1);
    for (size_t i = 0; i < p->n_stacks; i++) {
        size_t n_spatial = one_in(c, 20) ? 5 - p->n_spatial : p->n_spatial;
        int64_t n_samples = take_range(c, 1, 3), n_channels = one_in(c, 20) ? 2 : 1;
        p->stacks[i] = choose_array(c, n_spatial, n_samples, n_channels, MT_UINT8);
    }
}

/* The size of the first image along spatial axis d. */
static int64_t image_size(const plan *p, size_t d)
{
    const mt_stack_info *info = mt_stack_get_info(p->stacks[0]);
    return d + 2 < (size_t)info->data_ndim ? info->data_shape[2 + d] : 1;
}

static mt_patch_spec choose_spec(plan *p)
{
    choice *c = &p->choice;
    mt_patch_spec spec = { 0 };
    spec.stack = (size_t)take_range(c, 0, 8) / 4;
    spec.sample = take_range(c, -1, 12) / 4;
    spec.n_spatial = one_in(c, 16) ? 5 - p->n_spatial : p->n_spatial;
    for (size_t d = 0; d < p->n_spatial; d++) {
        spec.coords[d] = take_range(c, -2, 12);
        spec.patch_size[d] = one_in(c, 4) ? image_size(p, d) - spec.coords[d] : take_fit(c, image_size(p, d));
    }
    return spec;
}

static void choose_options(plan *p)
{
    static const char *const strategies[] = { "random",     "fixed_random", "stratified", "stratified",
                                              "stratified", "sequential",   "tiled",      "tiled",
                                              "whole",      "coords",       "grid",       NULL };
    choice *c = &p->choice;
    for (size_t d = 0; d < p->n_spatial; d++) {
        p->patch_size[d] = take_fit(c, image_size(p, d));
        p->overlap[d] = one_in(c, 2) ? 2 * take_range(c, 0, 2) : take_fit(c, p->patch_size[d]);
        p->align[d] = take_range(c, 0, 15) < 12 ? 1 : take_range(c, -1, 4);
    }
    for (size_t i = 0; i < MOST_SPECS; i++)
        p->specs[i] = choose_spec(p);
    p->options = (mt_patching_options) { .specs = p->specs };
    p->options.struct_size = one_in(c, 40) ? 8 : sizeof p->options;
    p->options.strategy = TAKE(c, strategies);
    p->options.patch_size = one_in(c, 30) ? NULL : p->patch_size;
    p->options.n_spatial = one_in(c, 30) ? (size_t)take_range(c, 0, 4) : p->n_spatial;
    p->options.overlap = one_in(c, 3) ? p->overlap : NULL;
    p->options.seed = take_byte(c);
    p->options.pad = one_in(c, 2);
    p->options.n_specs = (size_t)take_range(c, 0, MOST_SPECS);
    p->options.align = one_in(c, 4) ? p->align : NULL;
}

static void check_spec(const plan *p, const mt_patch_spec *s)
{
    const mt_stack_info *info = mt_stack_get_info(p->stacks[s->stack]);
    bool may_reach_outside = p->options.pad || strcmp(p->options.strategy, "tiled") == 0;
    if (s->sample < 0 || s->sample >= info->data_shape[0])
        __builtin_trap();
    for (size_t d = 0; d < s->n_spatial; d++) {
        int64_t end = s->coords[d] + s->patch_size[d];
        if (!may_reach_outside && (s->coords[d] < 0 || end > info->data_shape[2 + d]))
            __builtin_trap();
        if (s->crop_coords[d] < 0 || s->crop_size[d] < 1 || s->crop_coords[d] + s->crop_size[d] > s->patch_size[d])
            __builtin_trap();
    }
}

static void get(const plan *p, uint64_t epoch, uint64_t index, uint64_t redraw)
{
    mt_patch_spec s;
    mt_error err = MT_ERROR_INIT;
    if (note_status(mt_patching_get(p->patching, epoch, index, redraw, &s, &err), &err))
        return;
    if (strcmp(p->options.strategy, "coords") != 0)
        check_spec(p, &s);
    outcome_number((int64_t)s.stack);
    outcome_number(s.sample);
    for (size_t d = 0; d < 3; d++) {
        outcome_number(s.coords[d]);
        outcome_number(s.patch_size[d]);
        outcome_number(s.crop_coords[d]);
        outcome_number(s.crop_size[d]);
        outcome_number(s.stitch_coords[d]);
    }
    outcome_number((int64_t)s.total_tiles);
}

static void get_some(plan *p)
{
    uint64_t n = mt_patching_count(p->patching);
    outcome_number((int64_t)n);
    for (uint64_t i = 0; i < n && i < 20; i++)
        get(p, take_byte(&p->choice) % 3, i, 0);
    if (n > 0)
        get(p, 1, n - 1, take_byte(&p->choice) % 3);
    get(p, 0, n, 0);
}

static void note_regions(plan *p, size_t stack, int64_t sample)
{
    static int64_t areas[MOST_REGIONS];
    static double parts[MOST_REGIONS];
    static uint64_t bins[MOST_REGIONS];
    mt_region_info info = { .struct_size = sizeof info };
    mt_error err = MT_ERROR_INIT;
    if (note_status(mt_patching_get_grid(p->patching, stack, sample, &info, &err), &err))
        return;
    outcome_number((int64_t)info.n_patches);
    outcome_real(info.bin_size);
    for (size_t d = 0; d < 3; d++)
        outcome_number(info.shape[d]);
    if (info.n_regions > MOST_REGIONS ||
        note_status(mt_patching_get_regions(p->patching, stack, sample, areas, parts, bins, &err), &err))
        return;
    for (size_t i = 0; i < info.n_regions; i++) {
        outcome_number(areas[i]);
        outcome_real(parts[i]);
        outcome_number((int64_t)bins[i]);
    }
}

static void weigh(plan *p, size_t stack, int64_t sample)
{
    static double weights[MOST_REGIONS];
    choice *c = &p->choice;
    mt_region_info info = { .struct_size = sizeof info };
    mt_error err = MT_ERROR_INIT;
    size_t n = mt_patching_get_grid(p->patching, stack, sample, &info, NULL) ? 1 : (size_t)info.n_regions;
    if (n > MOST_REGIONS)
        return;
    for (size_t i = 0; i < n; i++)
        weights[i] = one_in(c, 3) ? 0 : one_in(c, 3) ? take_range(c, 0, 8) / 8.0 : 1;
    if (one_in(c, 10))
        weights[0] = take_range(c, -1, 9) / 8.0;
    note_status(mt_patching_weigh(p->patching, stack, sample, weights, one_in(c, 10) ? n + 1 : n, &err), &err);
}

static void change(plan *p)
{
    choice *c = &p->choice;
    mt_error err = MT_ERROR_INIT;
    size_t stack = (size_t)take_range(c, 0, 9) / 5;
    int64_t sample = take_range(c, -1, 14) / 5;
    uint64_t seed = take_byte(c);
    mt_patching *validation;
    if (one_in(c, 2))
        weigh(p, stack, sample);
    if (one_in(c, 3))
        note_status(mt_patching_exclude(p->patching, p->specs, (size_t)take_range(c, 0, MOST_SPECS), &err), &err);
    uint64_t n = (uint64_t)take_range(c, 0, 5);
    const uint64_t *chosen = one_in(c, 2) ? &seed : NULL;
    if (one_in(c, 2) && !note_status(mt_patching_split(p->patching, n, chosen, &validation, &err), &err)) {
        plan other = *p;
        other.patching = validation;
        other.options.strategy = "coords";
        get_some(&other);
        mt_patching_free(validation);
    }
    note_regions(p, stack, sample);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plan p = { .choice = { .at = data, .end = data + size } };
    mt_error err = MT_ERROR_INIT;
    if (size < 8)
        return 0;
    choose_stacks(&p);
    choose_options(&p);
    if (!note_status(mt_patching_new(p.stacks, p.n_stacks, &p.options, &p.patching, &err), &err)) {
        get_some(&p);
        note_regions(&p, 0, 0);
        change(&p);
        get_some(&p);
        mt_patching_free(p.patching);
    }
    for (size_t i = 0; i < p.n_stacks; i++)
        mt_stack_close(p.stacks[i]);
    return 0;
}
