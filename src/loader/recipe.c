/* SPDX-License-Identifier: BSD-3-Clause */
#include "loader/recipe.h"

#include "base/checked.h"
#include "sampling/noise.h"

#include <stdio.h>
#include <string.h>

static mt_status check_shape(const mt_patching *p, const mt_stack *stack, size_t s, mt_error *err)
{
    const mt_stack_info *first = &p->stacks[s]->info, *info = &stack->info;
    mt_status st = mt_stack_check_axes(stack, err);
    if (st)
        return st;
    if (stack->context != p->context)
        return mt_fail(err, MT_E_ARGUMENT, "%s and %s belong to different contexts", first->source, info->source);
    bool is_same = first->data_ndim == info->data_ndim && first->data_shape[0] == info->data_shape[0];
    for (int i = 2; is_same && i < first->data_ndim; i++)
        is_same = first->data_shape[i] == info->data_shape[i];
    if (is_same)
        return MT_OK;
    char shapes[2][128];
    for (int i = 0; i < 2; i++) {
        const mt_stack_info *one = i == 0 ? info : first;
        int at = snprintf(shapes[i], sizeof shapes[i], "%lld", (long long)one->data_shape[0]);
        for (int d = 2; d < one->data_ndim; d++)
            at += snprintf(shapes[i] + at, sizeof shapes[i] - (size_t)at, " x %lld", (long long)one->data_shape[d]);
    }
    return mt_fail(err, MT_E_ARGUMENT, "%s has a shape (samples and spatial axes) of %s, %s of %s", info->source,
                   shapes[0], first->source, shapes[1]);
}

static mt_status check_pixels(const mt_loader_array *array, const mt_stack *stack, mt_error *err)
{
    const mt_stack_info *first = &array->stacks[0]->info, *info = &stack->info;
    if (info->data_shape[1] != first->data_shape[1])
        return mt_fail(err, MT_E_ARGUMENT, "%s has %lld channels, %s has %lld", first->source,
                       (long long)first->data_shape[1], info->source, (long long)info->data_shape[1]);
    if (mt_array_dtype(array) != MT_FLOAT32 && mt_array_dtype(array) != info->dtype)
        return mt_fail(err, MT_E_ARGUMENT, "%s holds %s and cannot be loaded as %s; load float32", info->source,
                       mt_dtype_name(info->dtype), mt_dtype_name(mt_array_dtype(array)));
    for (size_t c = 0; c < array->n_channels; c++)
        if (array->channels[c] < 0 || array->channels[c] >= info->data_shape[1])
            return mt_fail(err, MT_E_RANGE, "channel %lld is out of bounds: the image has %lld, counted from 0",
                           (long long)array->channels[c], (long long)info->data_shape[1]);
    return MT_OK;
}

static mt_status check_array(const mt_patching *p, const mt_loader_array *array, bool fill_missing, mt_error *err)
{
    if ((array->channels != NULL) != (array->n_channels != 0))
        return mt_fail(err, MT_E_ARGUMENT, "the list of channels is empty");
    for (size_t s = 0; s < p->n_stacks; s++) {
        const mt_stack *stack = array->stacks[s];
        mt_status st = check_shape(p, stack, s, err);
        if (st || (st = check_pixels(array, stack, err)))
            return st;
        if (stack->info.n_missing > 0 && !fill_missing)
            return mt_fail(err, MT_E_NOT_FOUND,
                           "%s: %llu files or frames are missing, such as %s; find them, or accept the fill value in "
                           "their place",
                           stack->info.source, (unsigned long long)stack->info.n_missing, stack->info.missing[0]);
    }
    return MT_OK;
}

/* Copies count items of size bytes to *next and advances it. */
static const void *keep(const void *items, size_t count, size_t size, uint8_t **next)
{
    if (!items)
        return NULL;
    void *copy = memcpy(*next, items, count * size);
    *next += (count * size + 7) / 8 * 8;
    return copy;
}

/* Bytes of what an array points to, and of noise; those of one more channel are for rounding up to 8 bytes. */
static mt_status count_bytes(const mt_patching *p, const mt_loader_array *array, size_t *bytes, mt_error *err)
{
    size_t channels = (size_t)mt_array_channels(array), each = sizeof(int64_t) + 4 * sizeof(double), more, stacks;
    if (mt_mul_size(channels + 1, each, &more) || mt_mul_size(p->n_stacks, sizeof(mt_stack *), &stacks) ||
        mt_add_size(*bytes, more, bytes) || mt_add_size(*bytes, stacks, bytes))
        return mt_fail(err, MT_E_MEMORY, "%zu images of %zu channels", p->n_stacks, channels);
    return MT_OK;
}

static void copy_array(const mt_patching *p, mt_loader_array *array, uint8_t **next)
{
    size_t channels = (size_t)mt_array_channels(array);
    array->channels = keep(array->channels, channels, sizeof *array->channels, next);
    array->view.scale = keep(array->view.scale, channels, sizeof *array->view.scale, next);
    array->view.offset = keep(array->view.offset, channels, sizeof *array->view.offset, next);
    array->stacks = keep(array->stacks, p->n_stacks, sizeof *array->stacks, next);
    array->view.data = NULL;
    array->view.strides = NULL;
    for (size_t s = 0; s < p->n_stacks; s++)
        mt_stack_retain(array->stacks[s]);
}

static mt_status copy_arrays(mt_recipe *recipe, const mt_loader_array *arrays, mt_error *err)
{
    const mt_patching *p = recipe->patching;
    void *memory;
    size_t bytes = recipe->n_arrays * sizeof *arrays;
    for (size_t a = 0; a < recipe->n_arrays; a++) {
        mt_status st = count_bytes(p, &arrays[a], &bytes, err);
        if (st)
            return st;
    }
    mt_status st = mt_alloc(&recipe->context->env, bytes, &memory, err);
    if (st)
        return st;
    recipe->memory = memory;
    recipe->bytes = bytes;
    recipe->arrays = memcpy(memory, arrays, recipe->n_arrays * sizeof *arrays);
    uint8_t *next = (uint8_t *)(recipe->arrays + recipe->n_arrays);
    for (size_t a = 0; a < recipe->n_arrays; a++)
        copy_array(p, &recipe->arrays[a], &next);
    size_t channels = (size_t)mt_array_channels(&recipe->arrays[0]);
    recipe->noise.photon_scale = keep(recipe->noise.photon_scale, channels, sizeof(double), &next);
    recipe->noise.photon_offset = keep(recipe->noise.photon_offset, channels, sizeof(double), &next);
    return MT_OK;
}

/* Checks the noise of the options for the first array, and takes it. */
static mt_status take_noise(mt_recipe *recipe, const mt_loader_array *array, const mt_noise_options *noise,
                            mt_error *err)
{
    if (!noise)
        return MT_OK;
    if (noise->struct_size == 0 || noise->struct_size > sizeof *noise)
        return mt_fail(err, MT_E_ARGUMENT, "mt_noise_options.struct_size is %zu, not %zu", noise->struct_size,
                       sizeof *noise);
    memcpy(&recipe->noise, noise, noise->struct_size);
    if (mt_array_dtype(array) != MT_FLOAT32)
        return mt_fail(err, MT_E_ARGUMENT, "noise needs an input of float32");
    mt_status st = mt_noise_check(&recipe->noise, (size_t)mt_array_channels(array), err);
    if (st)
        mt_error_prefix(err, "noise");
    return st;
}

/* A probability of the options; 0 is the default. */
static mt_status take_probability(double given, const char *name, double *out, mt_error *err)
{
    if (!(given >= 0 && given <= 1))
        return mt_fail(err, MT_E_ARGUMENT, "%s is %g, not from 0 to 1", name, given);
    *out = given == 0 ? 0.5 : given;
    return MT_OK;
}

static mt_status check_augment(const mt_patching *p, unsigned augment, mt_error *err)
{
    const unsigned flips = MT_AUGMENT_FLIP | MT_AUGMENT_FLIP_Y | MT_AUGMENT_FLIP_X, given = augment & flips;
    size_t n = p->n_spatial;
    if (augment & ~(flips | MT_AUGMENT_ROTATE90 | MT_AUGMENT_D4))
        return mt_fail(err, MT_E_ARGUMENT, "there is no augmentation with the flags %u", augment);
    if ((augment & MT_AUGMENT_D4) && augment != MT_AUGMENT_D4)
        return mt_fail(err, MT_E_ARGUMENT, "\"d4\" contains flips and quarter turns and is not combined with them");
    if (given & (given - 1))
        return mt_fail(err, MT_E_ARGUMENT, "only one of the flips \"flip\", \"flip_y\" and \"flip_x\" is possible");
    if (!(augment & ~flips) || !p->is_oblong)
        return MT_OK;
    if (p->patch_size[0] == 0)
        return mt_fail(err, MT_E_ARGUMENT, "some patches are not square (Y, X) and cannot be turned");
    return mt_fail(err, MT_E_ARGUMENT, "patches of %lld x %lld pixels (Y, X) are not square and cannot be turned",
                   (long long)p->patch_size[n - 2], (long long)p->patch_size[n - 1]);
}

/* The arrays of the options, with the default for stacks. arrays: room for them. */
static mt_status take_arrays(mt_recipe *recipe, mt_loader_array *arrays, const mt_loader_options *options,
                             mt_error *err)
{
    for (size_t a = 0; a < recipe->n_arrays; a++) {
        arrays[a] = options->arrays ? options->arrays[a] : (mt_loader_array) { 0 };
        if (!arrays[a].stacks)
            arrays[a].stacks = recipe->patching->stacks;
        mt_status st = check_array(recipe->patching, &arrays[a], options->fill_missing != 0, err);
        if (st && a > 0)
            mt_error_prefix(err, "target %zu", a);
        if (st)
            return st;
    }
    mt_status st = take_noise(recipe, &arrays[0], options->noise, err);
    return st ? st : copy_arrays(recipe, arrays, err);
}

mt_status mt_recipe_init(mt_recipe *recipe, mt_patching *patching, const mt_loader_options *options, mt_error *err)
{
    mt_env *env = &patching->context->env;
    if ((options->arrays != NULL) != (options->n_arrays != 0) || options->n_arrays > SIZE_MAX / sizeof(mt_loader_array))
        return mt_fail(err, MT_E_ARGUMENT, "the list of arrays is empty");
    if (options->on_corrupt < MT_ON_CORRUPT_FAIL || options->on_corrupt > MT_ON_CORRUPT_ZERO)
        return mt_fail(err, MT_E_ARGUMENT, "there is no mt_on_corrupt %d", options->on_corrupt);
    if (options->on_corrupt == MT_ON_CORRUPT_REDRAW && !patching->strategy->can_redraw)
        return mt_fail(err, MT_E_ARGUMENT, "the patches of strategy \"%s\" cannot be drawn again",
                       patching->strategy->name);
    mt_symmetries augment = { .flags = options->augment };
    mt_status st = check_augment(patching, options->augment, err);
    st = st ? st : take_probability(options->flip_probability, "flip_probability", &augment.flip, err);
    st = st ? st : take_probability(options->rotate_probability, "rotate_probability", &augment.rotate, err);
    if (st)
        return st;
    size_t n = options->arrays ? options->n_arrays : 1;
    void *arrays;
    if ((st = mt_alloc(env, n * sizeof(mt_loader_array), &arrays, err)))
        return st;
    *recipe = (mt_recipe) { .patching = mt_patching_retain(patching),
                            .n_arrays = n,
                            .context = mt_context_retain(patching->context, NULL),
                            .seed = options->seed,
                            .augment = augment,
                            .on_corrupt = options->on_corrupt };
    st = take_arrays(recipe, arrays, options, err);
    mt_release(env, arrays, n * sizeof(mt_loader_array));
    if (st)
        mt_recipe_end(recipe);
    return st;
}

void mt_recipe_end(mt_recipe *recipe)
{
    mt_context *context = recipe->context;
    for (size_t a = 0; recipe->arrays && a < recipe->n_arrays; a++)
        for (size_t s = 0; s < recipe->patching->n_stacks; s++)
            mt_stack_close(recipe->arrays[a].stacks[s]);
    mt_release(&context->env, recipe->memory, recipe->bytes);
    mt_patching_free(recipe->patching);
    mt_context_free(context);
}

bool mt_recipe_has(const mt_recipe *recipe, bool (*is_such)(const mt_stack *stack))
{
    for (size_t a = 0; a < recipe->n_arrays; a++)
        for (size_t s = 0; s < recipe->patching->n_stacks; s++)
            if (is_such(recipe->arrays[a].stacks[s]))
                return true;
    return false;
}
