/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/visit.h"

#include "base/checked.h"

#include <string.h>

/* The maximum block requested from a custom stack: channels, and rows and columns of one plane. */
enum { BLOCK_CHANNELS = 8, BLOCK_SIDE = 1024 };
static const int64_t most_of_block[5] = { 1, BLOCK_CHANNELS, 1, BLOCK_SIDE, BLOCK_SIDE };

static void set_axis(const mt_role *role, int axis, mt_stack_dims *out)
{
    int64_t step = 1;
    for (int i = role->n - 1; i >= 0; i--) {
        int d = role->axes[i];
        out->axis[d] = axis;
        out->step[d] = step;
        step *= out->shape[d];
    }
}

/* The number of pixels along a stored dimension that are read together. */
static int64_t find_run(const mt_chunk_map *map, int d)
{
    bool is_fastest = map->contiguous && map->piece_stride[d] == (int64_t)mt_dtype_size(map->dtype);
    return is_fastest ? mt_max_i64(map->shape[d], 1) : map->contiguous ? 1 : map->chunk_shape[d];
}

static void get_stored_dims(const mt_stack *stack, mt_stack_dims *out)
{
    const mt_chunk_map *map = stack->map;
    out->ndim = stack->n_axes;
    out->dtype = map->dtype;
    memcpy(out->fill, map->fill, sizeof out->fill);
    for (int d = 0; d < stack->n_axes; d++) {
        const mt_stack_axis *axis = &stack->axes[d];
        int64_t run = axis->dim < 0 ? 1 : find_run(map, axis->dim) / axis->step;
        out->shape[d] = axis->size;
        out->chunk[d] = stack->as_stored ? run : mt_max_i64(mt_min_i64(run, axis->size), 1);
        out->axis[d] = MT_AXIS_S; /* size 1, or set below */
        out->step[d] = 0;
    }
    set_axis(&stack->samples, MT_AXIS_S, out);
    set_axis(&stack->channels, MT_AXIS_C, out);
    for (int i = 0; i < 3; i++)
        if (stack->spatial[i] >= 0) {
            out->axis[stack->spatial[i]] = MT_AXIS_Z + i;
            out->step[stack->spatial[i]] = 1;
        }
}

void mt_stack_get_dims(const mt_stack *stack, mt_stack_dims *out)
{
    const mt_stack_info *info = &stack->info;
    memset(out, 0, sizeof *out);
    if (stack->map) {
        get_stored_dims(stack, out);
        return;
    }
    out->ndim = 5;
    out->dtype = MT_FLOAT32;
    for (int d = 0; d < 5; d++) {
        bool is_missing = d == MT_AXIS_Z && info->data_ndim == 4;
        int from = info->data_ndim == 4 && d > MT_AXIS_Z ? d - 1 : d;
        out->axis[d] = d;
        out->step[d] = out->chunk[d] = 1;
        out->shape[d] = is_missing ? 1 : info->data_shape[from];
    }
}

void mt_stack_set_index(const mt_stack_dims *dims, int axis, int64_t index, mt_box *box)
{
    for (int d = 0; d < dims->ndim; d++) {
        if (dims->axis[d] != axis || dims->step[d] == 0)
            continue;
        box->start[d] = index / dims->step[d] % dims->shape[d];
        box->extent[d] = 1;
    }
}

static mt_status show_block(mt_stack *stack, const mt_box *block, const mt_visitor *visitor, float *buffer,
                            const mt_extract_options *options, mt_error *err)
{
    size_t n = (size_t)stack->info.data_ndim - 2;
    int64_t channels[BLOCK_CHANNELS];
    for (int64_t c = 0; c < block->extent[MT_AXIS_C]; c++)
        channels[c] = block->start[MT_AXIS_C] + c;
    mt_patch_request request = { .stack = stack,
                                 .sample = block->start[MT_AXIS_S],
                                 .channels = channels,
                                 .n_channels = (size_t)block->extent[MT_AXIS_C],
                                 .n_spatial = n,
                                 .coords = block->start + 5 - n,
                                 .patch_size = block->extent + 5 - n,
                                 .view = { .data = buffer } };
    mt_visited visited = { .place = *block, .data = (const uint8_t *)buffer };
    visited.stride[MT_AXIS_X] = sizeof(float);
    visited.stride[MT_AXIS_Y] = visited.stride[MT_AXIS_X] * block->extent[MT_AXIS_X];
    visited.stride[MT_AXIS_C] = visited.stride[MT_AXIS_Y] * block->extent[MT_AXIS_Y];
    mt_status st = mt_extract_patches(&request, 1, options, err);
    return st ? st : visitor->visit(visitor->user, &visited, err);
}

static bool next_block(const mt_box *box, mt_box *block)
{
    for (int d = 4; d >= 0; d--) {
        int64_t end = box->start[d] + box->extent[d];
        block->start[d] += block->extent[d];
        bool more = block->start[d] < end;
        if (!more)
            block->start[d] = box->start[d];
        block->extent[d] = mt_min_i64(most_of_block[d], end - block->start[d]);
        if (more)
            return true;
    }
    return false;
}

static mt_status visit_own(mt_stack *stack, const mt_box *boxes, size_t n, const mt_visitor *visitor,
                           const mt_extract_options *options, mt_error *err)
{
    mt_env *env = &stack->context->env;
    size_t bytes = sizeof(float) * BLOCK_CHANNELS * BLOCK_SIDE * BLOCK_SIDE;
    void *buffer;
    mt_status st = mt_alloc(env, bytes, &buffer, err);
    if (st)
        return st;
    for (size_t i = 0; !st && i < n; i++) {
        mt_box block = boxes[i];
        bool any = true;
        for (int d = 0; d < 5; d++) {
            any &= boxes[i].extent[d] > 0;
            block.extent[d] = mt_min_i64(most_of_block[d], block.extent[d]);
        }
        while (!st && any) {
            st = show_block(stack, &block, visitor, buffer, options, err);
            any = next_block(&boxes[i], &block);
        }
    }
    mt_release(env, buffer, bytes);
    return st;
}

/* Splits a box along the axes of a stack into boxes of its stored dimensions. Along the axes marked in each, every
 * coordinate needs a separate box, because its neighbours in storage are not in the box. Returns the number of boxes;
 * -1: too many. */
static int64_t start_box(const mt_stack *stack, const mt_box *in, mt_box *out, bool *each)
{
    int64_t n = 1;
    for (int d = 0; d < stack->map->ndim; d++) {
        out->start[d] = 0;
        out->extent[d] = 1;
    }
    for (int i = stack->n_axes - 1; i >= 0; i--) {
        const mt_stack_axis *axis = &stack->axes[i];
        int d = axis->dim;
        each[i] = false;
        if (d < 0)
            continue;
        if (out->extent[d] == axis->step) { /* all of the faster axes */
            out->extent[d] *= in->extent[i];
        } else if (in->extent[i] != 1) {
            each[i] = true;
            if (mt_mul_i64(n, in->extent[i], &n))
                return -1;
        }
        out->start[d] += in->start[i] * axis->step;
    }
    return n;
}

/* Sets box k of these. */
static void set_box(const mt_stack *stack, const mt_box *in, const bool *each, int64_t k, mt_box *out)
{
    for (int i = stack->n_axes - 1; i >= 0; i--) {
        if (!each[i])
            continue;
        out->start[stack->axes[i].dim] += k % in->extent[i] * stack->axes[i].step;
        k /= in->extent[i];
    }
}

static mt_status store_boxes(const mt_stack *stack, const mt_box *boxes, size_t n, mt_box **out, size_t *n_out,
                             mt_error *err)
{
    mt_box first;
    bool each[MT_MAX_DIMS];
    int64_t count = 0;
    void *memory;
    for (size_t i = 0; i < n; i++) {
        int64_t more = start_box(stack, &boxes[i], &first, each);
        if (more < 0 || mt_add_i64(count, more, &count) || (uint64_t)count > SIZE_MAX / sizeof **out - 1)
            return mt_fail(err, MT_E_LIMIT, "%s: the planes lie in too many pieces", stack->info.source);
    }
    *n_out = (size_t)count;
    mt_status st = mt_alloc(&stack->context->env, ((size_t)count + 1) * sizeof **out, &memory, err);
    if (st)
        return st;
    mt_box *at = *out = memory;
    for (size_t i = 0; i < n; i++) {
        int64_t pieces = start_box(stack, &boxes[i], &first, each);
        for (int64_t k = 0; k < pieces; k++) {
            *at = first;
            set_box(stack, &boxes[i], each, k, at++);
        }
    }
    return MT_OK;
}

/* Converts visited boxes of stored dimensions to boxes along the axes. */
typedef struct splitter {
    const mt_stack *stack;
    const mt_visitor *visitor;
} splitter;

/* Splits the axes from i on. Axis i covers [from, from + n) of the rest of its dimension, in pixels. Makes the largest
 * possible boxes: a head, a middle of whole ones, and a tail. */
static mt_status split(const splitter *s, const mt_visited *visited, mt_visited *part, int i, int64_t from, int64_t n,
                       mt_error *err);

static mt_status split_rest(const splitter *s, const mt_visited *visited, mt_visited *part, int i, int64_t from,
                            int64_t n, mt_error *err)
{
    const mt_stack_axis *axis = &s->stack->axes[i];
    if (i == s->stack->n_axes)
        return s->visitor->visit(s->visitor->user, part, err);
    if (i == 0 || axis[-1].dim != axis->dim || axis->dim < 0) {
        from = axis->dim < 0 ? 0 : visited->place.start[axis->dim];
        n = axis->dim < 0 ? 1 : visited->place.extent[axis->dim];
    }
    return split(s, visited, part, i, from, n, err);
}

static mt_status split(const splitter *s, const mt_visited *visited, mt_visited *part, int i, int64_t from, int64_t n,
                       mt_error *err)
{
    const mt_stack_axis *axis = &s->stack->axes[i];
    const uint8_t *data = part->data;
    int64_t step = axis->dim < 0 ? 1 : axis->step, stride = axis->dim < 0 ? 0 : visited->stride[axis->dim];
    mt_status st = MT_OK;
    part->stride[i] = stride * step;
    for (int64_t done = 0, now; !st && done < n; done += now) {
        int64_t at = from + done, inner = at % step;
        bool is_whole = inner == 0 && n - done >= step;
        now = is_whole ? (n - done) / step * step : mt_min_i64(step - inner, n - done);
        part->place.start[i] = at / step;
        part->place.extent[i] = is_whole ? now / step : 1;
        part->data = data ? data + done * stride : NULL;
        st = split_rest(s, visited, part, i + 1, inner, is_whole ? step : now, err);
    }
    part->data = data;
    return st;
}

static mt_status visit_split(void *user, const mt_visited *visited, mt_error *err)
{
    const splitter *s = user;
    mt_visited part = { .data = visited->data, .swap = visited->swap };
    return split_rest(s, visited, &part, 0, 0, 0, err);
}

static mt_status visit_stored(mt_stack *stack, const mt_box *boxes, size_t n, const mt_visitor *visitor,
                              mt_cancel *cancel, mt_error *err)
{
    if (stack->as_stored)
        return mt_engine_visit(&stack->image, boxes, n, visitor, cancel, err);
    splitter s = { stack, visitor };
    mt_visitor splitting = { .visit = visit_split, .user = &s };
    mt_box *stored;
    size_t n_stored;
    mt_status st = store_boxes(stack, boxes, n, &stored, &n_stored, err);
    if (st)
        return st;
    st = mt_engine_visit(&stack->image, stored, n_stored, &splitting, cancel, err);
    mt_release(&stack->context->env, stored, (n_stored + 1) * sizeof *stored);
    return st;
}

mt_status mt_stack_visit(mt_stack *stack, const mt_box *boxes, size_t n, const mt_visitor *visitor,
                         const mt_extract_options *options, mt_error *err)
{
    mt_cancel cancel;
    mt_status st = mt_cancel_init(&cancel, options, err);
    if (st)
        return st;
    if (!stack->map)
        return visit_own(stack, boxes, n, visitor, options, err);
    st = visit_stored(stack, boxes, n, visitor, &cancel, err);
    return mt_cancel_status(&cancel, st, err);
}
