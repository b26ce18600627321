/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/patching.h"

#include "base/checked.h"
#include "sampling/sums.h"

#include <string.h>

static const mt_strategy *const strategies[] = {
    &mt_strategy_random, &mt_strategy_fixed_random, &mt_strategy_stratified, &mt_strategy_sequential,
    &mt_strategy_tiled,  &mt_strategy_whole,        &mt_strategy_coords,
};
enum { N_STRATEGIES = sizeof strategies / sizeof *strategies };

static mt_status find_strategy(const char *name, const mt_strategy **out, mt_error *err)
{
    for (int i = 0; name && i < N_STRATEGIES; i++)
        if (strcmp(name, strategies[i]->name) == 0) {
            *out = strategies[i];
            return MT_OK;
        }
    return mt_fail(err, MT_E_ARGUMENT, "there is no patching strategy \"%s\"", name ? name : "");
}

static mt_status check_stacks(mt_stack *const *stacks, size_t n, mt_error *err)
{
    if (n == 0)
        return mt_fail(err, MT_E_ARGUMENT, "no images to cut patches from");
    const mt_stack_info *first = &stacks[0]->info;
    for (size_t i = 0; i < n; i++) {
        const mt_stack_info *info = &stacks[i]->info;
        mt_status st = mt_stack_check_axes(stacks[i], err);
        if (st) {
            mt_stack_prefix(stacks, n, i, err);
            return st;
        }
        if (stacks[i]->context != stacks[0]->context)
            return mt_fail(err, MT_E_ARGUMENT, "stack 0 (%s) and stack %zu (%s) belong to different contexts",
                           first->source, i, info->source);
        if (info->data_ndim != first->data_ndim)
            return mt_fail(err, MT_E_ARGUMENT, "stack 0 (%s) has %d spatial axes, stack %zu (%s) has %d", first->source,
                           first->data_ndim - 2, i, info->source, info->data_ndim - 2);
        if (info->data_shape[1] != first->data_shape[1])
            return mt_fail(err, MT_E_ARGUMENT, "stack 0 (%s) has %lld channels, stack %zu (%s) has %lld", first->source,
                           (long long)first->data_shape[1], i, info->source, (long long)info->data_shape[1]);
    }
    return MT_OK;
}

static mt_status new_patching(mt_stack *const *stacks, size_t n, mt_patching **out, mt_error *err)
{
    mt_env *env = &stacks[0]->context->env;
    size_t bytes;
    void *memory;
    if (mt_mul_size(n + 1, sizeof(mt_stack *) + sizeof(uint64_t), &bytes) ||
        mt_add_size(bytes, sizeof(mt_patching), &bytes))
        return mt_fail(err, MT_E_MEMORY, "%zu images", n);
    mt_status st = mt_alloc(env, bytes, &memory, err);
    if (st)
        return st;
    mt_patching *p = memset(memory, 0, bytes);
    p->context = mt_context_retain(stacks[0]->context, NULL);
    p->owners = 1;
    p->n_stacks = n;
    p->counts = (uint64_t *)(p + 1);
    p->stacks = (mt_stack **)(void *)(p->counts + n + 1);
    p->n_spatial = (size_t)stacks[0]->info.data_ndim - 2;
    for (size_t i = 0; i < n; i++)
        p->stacks[i] = mt_stack_retain(stacks[i]);
    *out = p;
    return MT_OK;
}

mt_status mt_patching_check_size(const int64_t *size, size_t n_spatial, mt_error *err)
{
    for (size_t i = 0; i < n_spatial; i++)
        if (size[i] <= 0)
            return mt_fail(err, MT_E_ARGUMENT, "a patch size of %lld along %c is not positive", (long long)size[i],
                           "ZYX"[3 - n_spatial + i]);
    return MT_OK;
}

static mt_status take_patch_size(mt_patching *p, const mt_patching_options *options, mt_error *err)
{
    if (!p->strategy->has_patch_size)
        return MT_OK;
    if (options->n_spatial != p->n_spatial || !options->patch_size)
        return mt_fail(err, MT_E_ARGUMENT, "%zu patch sizes for images with the spatial axes %s", options->n_spatial,
                       p->n_spatial == 3 ? "ZYX" : "YX");
    mt_status st = mt_patching_check_size(options->patch_size, p->n_spatial, err);
    if (st)
        return st;
    memcpy(p->patch_size, options->patch_size, p->n_spatial * sizeof *p->patch_size);
    p->is_oblong = p->patch_size[p->n_spatial - 1] != p->patch_size[p->n_spatial - 2];
    return MT_OK;
}

mt_status mt_patching_new(mt_stack *const *stacks, size_t n, const mt_patching_options *given, mt_patching **out,
                          mt_error *err)
{
    mt_patching_options options = { .struct_size = given ? given->struct_size : 0 };
    mt_error_reset(err);
    if (options.struct_size == 0 || options.struct_size > sizeof options)
        return mt_fail(err, MT_E_ARGUMENT, "mt_patching_options.struct_size is %zu, not %zu", options.struct_size,
                       sizeof options);
    memcpy(&options, given, given->struct_size);
    mt_patching *p;
    const mt_strategy *strategy;
    mt_status st = find_strategy(options.strategy, &strategy, err);
    if (st || (st = check_stacks(stacks, n, err)) || (st = new_patching(stacks, n, &p, err)))
        return st;
    p->strategy = strategy;
    p->seed = options.seed;
    p->pad = options.pad != 0;
    if ((st = take_patch_size(p, &options, err)) || (st = strategy->begin(p, &options, err)))
        mt_patching_free(p);
    else
        *out = p;
    return st;
}

mt_patching *mt_patching_retain(mt_patching *p)
{
    atomic_fetch_add_explicit(&p->owners, 1, memory_order_relaxed);
    return p;
}

void mt_patching_free(mt_patching *p)
{
    if (!p || atomic_fetch_sub(&p->owners, 1) != 1)
        return;
    mt_context *context = p->context;
    if (p->strategy->end)
        p->strategy->end(p);
    for (size_t i = 0; i < p->n_stacks; i++)
        mt_stack_close(p->stacks[i]);
    mt_release(&context->env, p, sizeof *p + (p->n_stacks + 1) * (sizeof *p->counts + sizeof *p->stacks));
    mt_context_free(context);
}

void mt_patching_freeze(mt_patching *p) { p->is_frozen = true; }

mt_status mt_patching_check_sizes(const mt_patching *p, mt_error *err)
{
    for (size_t s = 0; s < p->n_stacks && !p->pad; s++)
        for (size_t i = 0; i < p->n_spatial; i++) {
            const int64_t size = mt_patching_shape(p, s)[i], patch = p->patch_size[i];
            if (size >= patch)
                continue;
            mt_status st = mt_fail(err, MT_E_ARGUMENT, "%lld pixels along %c are less than a patch of %lld",
                                   (long long)size, "ZYX"[i + 3 - p->n_spatial], (long long)patch);
            mt_stack_prefix(p->stacks, p->n_stacks, s, err);
            return st;
        }
    return MT_OK;
}

mt_status mt_patching_set_count(mt_patching *p, size_t stack, uint64_t per_sample, mt_error *err)
{
    uint64_t n, all;
    if (mt_mul_u64((uint64_t)p->stacks[stack]->info.data_shape[0], per_sample, &n) ||
        mt_add_u64(mt_patching_count(p), n, &all)) {
        mt_status st = mt_fail(err, MT_E_LIMIT, "more than 2^64 patches");
        mt_stack_prefix(p->stacks, p->n_stacks, stack, err);
        return st;
    }
    mt_sums_add(p->counts, p->n_stacks, stack, n);
    return MT_OK;
}

uint64_t mt_patching_count(const mt_patching *p) { return p->counts[0]; }

uint64_t mt_patching_move(const mt_patching *p, mt_random *random, mt_patch_spec *out)
{
    uint64_t number = mt_random_below(random, mt_patching_count(p));
    out->stack = mt_sums_find(p->counts, p->n_stacks, &number);
    return number;
}

mt_status mt_patching_get(const mt_patching *p, uint64_t epoch, uint64_t index, uint64_t redraw, mt_patch_spec *out,
                          mt_error *err)
{
    mt_error_reset(err);
    if (index >= mt_patching_count(p))
        return mt_fail(err, MT_E_RANGE, "patch %llu is out of bounds for %llu patches", (unsigned long long)index,
                       (unsigned long long)mt_patching_count(p));
    if (redraw != 0 && !p->strategy->can_redraw)
        return mt_fail(err, MT_E_ARGUMENT, "the patches of strategy \"%s\" cannot be drawn again", p->strategy->name);
    memset(out, 0, sizeof *out);
    uint64_t number = index;
    out->stack = mt_sums_find(p->counts, p->n_stacks, &number);
    out->n_spatial = p->n_spatial;
    memcpy(out->patch_size, p->patch_size, sizeof out->patch_size);
    p->strategy->get(p, epoch, index, redraw, number, out);
    if (out->total_tiles == 0) {
        memcpy(out->crop_size, out->patch_size, sizeof out->crop_size);
        memcpy(out->stitch_coords, out->coords, sizeof out->stitch_coords);
    }
    return MT_OK;
}
