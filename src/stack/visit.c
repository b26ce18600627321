/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/visit.h"

#include "base/checked.h"

#include <string.h>

/* A stack of one's own is asked for blocks of at most so many channels, rows and columns of one plane. */
enum { BLOCK_CHANNELS = 8, BLOCK_SIDE = 1024 };
static const int64_t most_of_block[5] = { 1, BLOCK_CHANNELS, 1, BLOCK_SIDE, BLOCK_SIDE };

static void set_axis(const mt_role *role, const mt_chunk_map *map, int axis, mt_stack_dims *out)
{
    int64_t step = 1;
    for (int i = role->n - 1; i >= 0; i--) {
        int d = role->dims[i];
        out->axis[d] = axis;
        out->step[d] = step;
        step *= map->shape[d];
    }
}

static void get_stored_dims(const mt_stack *stack, mt_stack_dims *out)
{
    const mt_chunk_map *map = stack->map;
    out->ndim = map->ndim;
    out->dtype = map->dtype;
    memcpy(out->fill, map->fill, sizeof out->fill);
    for (int d = 0; d < map->ndim; d++) {
        out->shape[d] = map->shape[d];
        bool is_fastest = map->contiguous && map->piece_stride[d] == (int64_t)mt_dtype_size(map->dtype);
        out->chunk[d] = is_fastest ? mt_max_i64(map->shape[d], 1) : map->contiguous ? 1 : map->chunk_shape[d];
        out->axis[d] = MT_AXIS_S; /* of size 1, or set below */
        out->step[d] = 0;
    }
    set_axis(&stack->samples, map, MT_AXIS_S, out);
    set_axis(&stack->channels, map, MT_AXIS_C, out);
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

mt_status mt_stack_visit(mt_stack *stack, const mt_box *boxes, size_t n, const mt_visitor *visitor,
                         const mt_extract_options *options, mt_error *err)
{
    mt_cancel cancel;
    mt_status st = mt_cancel_init(&cancel, options, err);
    if (st)
        return st;
    if (!stack->map)
        return visit_own(stack, boxes, n, visitor, options, err);
    st = mt_engine_visit(&stack->image, boxes, n, visitor, &cancel, err);
    return mt_cancel_status(&cancel, st, err);
}
