/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/stack.h"

#include "base/checked.h"
#include "store/blocks.h"

#include <stdbool.h>
#include <string.h>

static void destroy(mt_stack *stack)
{
    mt_context *context = stack->context;
    if (stack->ops.close)
        stack->ops.close(stack->self);
    if (stack->image.map)
        mt_image_forget(&stack->image);
    mt_chunk_map_free(stack->map);
    mt_arena_free(stack->arena);
    mt_release(&context->env, stack, sizeof *stack);
    mt_context_free(context);
}

static mt_status new_stack(mt_context *given, mt_stack **out, mt_error *err)
{
    mt_context *context = mt_context_retain(given, err);
    if (!context)
        return MT_E_MEMORY;
    void *memory;
    mt_status st = mt_alloc(&context->env, sizeof(mt_stack), &memory, err);
    if (st) {
        mt_context_free(context);
        return st;
    }
    mt_stack *stack = memset(memory, 0, sizeof(mt_stack));
    stack->context = context;
    stack->owners = 1;
    stack->info.struct_size = sizeof stack->info;
    if ((st = mt_arena_new(&context->env, &stack->arena, err)))
        destroy(stack);
    else
        *out = stack;
    return st;
}

static mt_status copy_text(mt_stack *stack, const char *text, const char **out, mt_error *err)
{
    char *copy = mt_arena_strndup(stack->arena, text, strlen(text), err);
    *out = copy;
    return copy ? MT_OK : MT_E_MEMORY;
}

mt_status mt_open_options_take(const mt_open_options *given, mt_open_options *out, mt_error *err)
{
    *out = (mt_open_options) { 0 };
    if (given && (given->struct_size == 0 || given->struct_size > sizeof *out))
        return mt_fail(err, MT_E_ARGUMENT, "mt_open_options.struct_size is %zu, not %zu", given->struct_size,
                       sizeof *out);
    if (given)
        memcpy(out, given, given->struct_size);
    out->struct_size = sizeof *out;
    return MT_OK;
}

static mt_status check_complete(const mt_stack_info *info, mt_error *err)
{
    if (info->n_missing == 0)
        return MT_OK;
    return mt_fail(err, MT_E_NOT_FOUND, "%llu of its files or frames are missing, the first is %s",
                   (unsigned long long)info->n_missing, info->missing[0]);
}

/* The store has just read the object, so nothing is requested, unless it has forgotten it since: of groups with
 * thousands of arrays. */
static mt_status identify(mt_stack *stack, const mt_container *container, mt_error *err)
{
    const char *key = container->source.folder ? stack->map->document : container->source.key;
    mt_error own = MT_ERROR_INIT;
    mt_status st = key ? mt_store_identify(stack->map->store, key, &stack->identity, &own) : MT_E_UNSUPPORTED;
    stack->is_identified = st == MT_OK;
    if (st)
        return st == MT_E_UNSUPPORTED ? MT_OK : mt_fail(err, st, "%s", own.message);
    return mt_stack_identify_members(stack, err);
}

static mt_status fill_stack(mt_stack *stack, mt_container *container, const mt_selection *part,
                            const mt_open_options *options, mt_error *err)
{
    const char *asked = part->text;
    mt_status st = options->map ? mt_stack_load_map(stack, container, part, options, &asked, err) : MT_OK;
    if (st)
        return st;
    const char *source = mt_arena_printf(stack->arena, err, "%s%s%s", container->source.text, *asked ? "#" : "", asked);
    if (!source)
        return MT_E_MEMORY;
    stack->asked = source + strlen(container->source.text) + (*asked != 0);
    stack->has_saved_map = options->map != NULL;
    stack->depth_view = options->depth_axis != NULL;
    stack->masks = options->use_masks != 0;
    stack->scaled = options->scaled != 0;
    stack->merged = options->merge_tiles != 0;
    stack->raw_offset = options->raw_offset;
    stack->raw_big_endian = options->raw_big_endian != 0;
    if (!options->map)
        st = mt_container_map(container, part, &stack->map, err);
    if (!st && !options->map)
        st = identify(stack, container, err);
    if (!st)
        st = mt_stack_describe(stack, options, err);
    if (!st && options->missing_is_error)
        st = check_complete(&stack->info, err);
    if (st) {
        mt_error_prefix(err, "%s", source);
        return st;
    }
    stack->info.source = source;
    /* Pixel reads bypass the cache of metadata. */
    mt_image_init(&stack->image, stack->context, stack->map, mt_blocks_inner(stack->map->store), source, NULL, NULL);
    if (!options->map) /* a saved map is checked at the first read */
        mt_image_use_view(&stack->image);
    stack->image.missing_is_error = options->missing_is_error != 0;
    return MT_OK;
}

mt_status mt_stack_open_part(mt_context *context, mt_container *container, const mt_selection *part,
                             const mt_open_options *options, mt_stack **out, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    mt_stack *stack;
    err = err ? err : &own;
    mt_status st = new_stack(context, &stack, err);
    if (st)
        return st;
    st = fill_stack(stack, container, part, options, err);
    if (st)
        mt_stack_close(stack);
    else
        *out = stack;
    return st == MT_E_MEMORY && err->status == MT_E_LIMIT ? MT_E_LIMIT : st; /* from an arena */
}

static mt_status open_found(mt_context *context, mt_container *container, const mt_selection *part,
                            const mt_open_options *options, mt_stack **out, mt_error *err)
{
    mt_stack *stack;
    mt_status st = options->map ? MT_OK : mt_source_open(container, part, err);
    if (st || (st = mt_stack_open_part(context, container, part, options, &stack, err)))
        return st;
    if ((st = mt_source_settle(container, err)))
        mt_stack_close(stack);
    else
        *out = stack;
    return st;
}

mt_status mt_stack_open_wrapped(mt_context *given, const char *path, const mt_open_options *given_options,
                                const mt_store_wrap *wrap, mt_stack **out, mt_error *err)
{
    mt_open_options options;
    mt_container *container;
    mt_selection part;
    mt_status st = mt_open_options_take(given_options, &options, err);
    mt_context *context = st ? NULL : mt_context_retain(given, err);
    if (!context)
        return st ? st : MT_E_MEMORY;
    st = mt_source_find(&context->env, path, &options, wrap, &container, &part, err);
    if (!st) {
        st = open_found(context, container, &part, &options, out, err);
        mt_container_close(container);
    }
    mt_context_free(context);
    return st;
}

mt_status mt_stack_open(mt_context *context, const char *path, const mt_open_options *options, mt_stack **out,
                        mt_error *err)
{
    mt_error_reset(err);
    return mt_stack_open_wrapped(context, path, options, NULL, out, err);
}

mt_status mt_stack_open_memory(mt_context *given, const char *name, const void *bytes, size_t size,
                               const mt_open_options *given_options, mt_stack **out, mt_error *err)
{
    mt_error_reset(err);
    mt_open_options options;
    mt_container *container;
    mt_selection part;
    mt_status st = mt_open_options_take(given_options, &options, err);
    mt_context *context = st ? NULL : mt_context_retain(given, err);
    if (!context)
        return st ? st : MT_E_MEMORY;
    st = mt_source_find_memory(&context->env, name, bytes, size, &options, &container, &part, err);
    if (!st) {
        st = open_found(context, container, &part, &options, out, err);
        mt_container_close(container);
    }
    mt_context_free(context);
    return st;
}

/* An array is one chunk that is never loaded: the engine copies directly from it. */
static mt_status describe_array(mt_stack *stack, mt_dtype dtype, const char *axes, const int64_t *shape,
                                const int64_t *strides, mt_error *err)
{
    mt_chunk_map *map;
    mt_status st = mt_chunk_map_new(&stack->context->env, NULL, "array", &stack->map, err);
    if (st)
        return st;
    map = stack->map;
    map->ndim = (int)strlen(axes);
    map->dtype = dtype;
    map->contiguous = true;
    int64_t stride = (int64_t)mt_dtype_size(dtype), elements;
    memcpy(map->axes, axes, (size_t)map->ndim);
    memcpy(map->shape, shape, (size_t)map->ndim * sizeof *shape);
    for (int d = map->ndim - 1; d >= 0; d--) {
        if (shape[d] < 0)
            return mt_fail(err, MT_E_ARGUMENT, "shape %lld along axis %c", (long long)shape[d], axes[d]);
        map->chunk_shape[d] = mt_max_i64(shape[d], 1);
    }
    if (mt_product_i64(map->chunk_shape, map->ndim, &elements) || mt_mul_i64(elements, stride, &elements))
        return mt_fail(err, MT_E_ARGUMENT, "the array has more than 2^63 bytes");
    mt_open_options options = { .axes = axes };
    if ((st = mt_axes_check(axes, err)) || (st = mt_stack_describe(stack, &options, err))) /* letters without sizes */
        return st;
    for (int d = map->ndim - 1; d >= 0; d--) {
        map->piece_stride[d] = strides ? strides[d] : stride;
        stride *= map->chunk_shape[d];
    }
    return MT_OK;
}

mt_status mt_stack_from_array(mt_context *context, const void *data, mt_dtype dtype, const char *axes,
                              const int64_t *shape, const int64_t *strides, const char *source, mt_stack **out,
                              mt_error *err)
{
    mt_error_reset(err);
    if (mt_dtype_size(dtype) == 0)
        return mt_fail(err, MT_E_ARGUMENT, "%d is not a dtype", (int)dtype);
    if (!data || !axes || !shape || strlen(axes) > 6)
        return mt_fail(err, MT_E_ARGUMENT, "an array needs data, a shape and axes of at most 6 letters");
    mt_stack *stack;
    mt_status st = new_stack(context, &stack, err);
    if (st)
        return st;
    st = describe_array(stack, dtype, axes, shape, strides, err);
    if (!st)
        st = copy_text(stack, source ? source : "array", &stack->info.source, err);
    if (st) {
        mt_stack_close(stack);
        return st;
    }
    mt_image_init(&stack->image, stack->context, stack->map, NULL, stack->info.source, data, NULL);
    *out = stack;
    return MT_OK;
}

/* data_shape must be set. */
static mt_status copy_channels(mt_stack *stack, const mt_channel *channels, mt_error *err)
{
    size_t n = (size_t)stack->info.data_shape[1];
    mt_channel *copy = mt_arena_alloc(stack->arena, n, sizeof *copy, err);
    if (!copy)
        return MT_E_MEMORY;
    mt_status st = MT_OK;
    for (size_t c = 0; !st && c < n; c++) {
        copy[c] = channels[c];
        st = copy_text(stack, channels[c].name ? channels[c].name : "", &copy[c].name, err);
    }
    stack->info.channels = copy;
    return st;
}

/* Describes a custom stack. The map is temporary, to derive the shape SC(Z)YX. */
static mt_status describe_own(mt_stack *stack, const mt_stack_info *info, mt_error *err)
{
    mt_status st = describe_array(stack, info->dtype, info->original_axes, info->original_shape, NULL, err);
    mt_chunk_map_free(stack->map);
    stack->map = NULL;
    if (st)
        return st;
    memcpy(stack->info.pixel_size, info->pixel_size, sizeof info->pixel_size);
    memcpy(stack->info.chunk_shape, info->chunk_shape, sizeof info->chunk_shape);
    if (info->channels && (st = copy_channels(stack, info->channels, err)))
        return st;
    for (int d = 0; d < info->original_ndim; d++)
        if ((st = copy_text(stack, info->unit[d] ? info->unit[d] : "", &stack->info.unit[d], err)))
            return st;
    stack->info.format = "custom";
    return copy_text(stack, info->source, &stack->info.source, err);
}

mt_status mt_stack_new(mt_context *context, const mt_stack_ops *ops, void *self, const mt_stack_info *info,
                       mt_stack **out, mt_error *err)
{
    mt_error_reset(err);
    mt_stack_info given = { 0 };
    if (info && info->struct_size <= sizeof given)
        memcpy(&given, info, info->struct_size);
    info = &given;
    if (!ops || ops->struct_size == 0 || ops->struct_size > sizeof *ops || !ops->extract_patch)
        return mt_fail(err, MT_E_ARGUMENT, "mt_stack_ops needs its struct_size and extract_patch");
    if (!info->source || !info->original_axes || mt_dtype_size(info->dtype) == 0 ||
        info->original_ndim != (int)strlen(info->original_axes) || info->original_ndim > 6)
        return mt_fail(err, MT_E_ARGUMENT,
                       "a stack needs an info with its struct_size, source, dtype, original_axes and an original_shape "
                       "of as many dimensions");
    mt_stack *stack;
    mt_status st = new_stack(context, &stack, err);
    if (st)
        return st;
    if ((st = describe_own(stack, info, err))) {
        mt_stack_close(stack);
        return st;
    }
    memcpy(&stack->ops, ops, ops->struct_size);
    stack->self = self;
    *out = stack;
    return MT_OK;
}

mt_stack *mt_stack_retain(mt_stack *stack)
{
    atomic_fetch_add(&stack->owners, 1);
    return stack;
}

void mt_stack_close(mt_stack *stack)
{
    if (stack && atomic_fetch_sub(&stack->owners, 1) == 1)
        destroy(stack);
}

void mt_stack_count_chunks(const mt_stack *stack, uint64_t *absent, uint64_t *present)
{
    *absent = atomic_load_explicit(&stack->image.absent, memory_order_relaxed);
    *present = atomic_load_explicit(&stack->image.present, memory_order_relaxed);
}

const mt_stack_info *mt_stack_get_info(const mt_stack *stack) { return &stack->info; }
