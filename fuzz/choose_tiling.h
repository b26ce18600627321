/* SPDX-License-Identifier: BSD-3-Clause */
/* An image of any axes, of which no pixel is read, and its tiles. */
#ifndef MT_FUZZ_CHOOSE_TILING_H
#define MT_FUZZ_CHOOSE_TILING_H

#include "choose.h"

#include "base/checked.h"

#include <string.h>

enum { MOST_PIXELS = 6000 };

static inline mt_stack *open_blank(choice *c, mt_context *context)
{
    static const char *const all_axes[] = { "YX", "ZYX", "SYX", "TYX", "TZYX", "CYX", "STZCYX", "SZYX" };
    static const uint8_t pixels[MOST_PIXELS];
    const char *axes = all_axes[take_below(c, 8)];
    int64_t shape[6], n = 1;
    size_t ndim = strlen(axes);
    mt_stack *stack = NULL;
    mt_error err = MT_ERROR_INIT;
    for (size_t d = 0; d < ndim; d++) {
        shape[d] = take_size(c, d + 2 >= ndim ? 40 : axes[d] == 'Z' ? 8 : 3);
        shape[d] = mt_min_i64(shape[d], MOST_PIXELS / n);
        n *= shape[d];
    }
    if (one_in(c, 32))
        shape[shape[0] % (int64_t)ndim] = take_wild(c, 1, 1000);
    (void)note_status(mt_stack_from_array(context, pixels, MT_UINT8, axes, shape, NULL, NULL, &stack, &err), &err);
    return stack;
}

static inline mt_tiling *new_tiling(choice *c, mt_stack *stack)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    size_t all = (size_t)info->data_ndim - 2, n = all == 3 && one_in(c, 3) ? 2 : all;
    int64_t align = one_in(c, 3) ? take_size(c, 4) : 1, tile[3], overlap[3], side = 1;
    for (size_t i = 0; i < 3; i++) {
        tile[i] = take_wild(c, 64, one_in(c, 6) ? 0 : (take_size(c, 24) + align - 1) / align * align);
        overlap[i] = one_in(c, 3) ? 0 : take_below(c, 1 + (int)mt_min_i64(tile[i] / (2 * align), 8)) * 2 * align;
        overlap[i] = take_wild(c, 64, overlap[i]);
        side *= i < n ? 32 * align : 1;
    }
    mt_tiling_options options = { .struct_size = take_struct_size(c, sizeof options) };
    options.tile = one_in(c, 6) ? NULL : tile;
    options.n_spatial = (size_t)take_wild(c, 64, (int64_t)n);
    options.overlap = one_in(c, 4) ? NULL : overlap;
    options.align = take_wild(c, 32, align == 1 ? take_below(c, 2) : align);
    options.batch_size = (size_t)take_below(c, 4);
    options.tile_bytes = (size_t)side * (size_t)info->data_shape[1] * 4 * (options.batch_size ? options.batch_size : 1);
    options.tile_bytes *= (size_t)(1 + take_below(c, 4));
    options.tile_bytes -= (size_t)take_below(c, 2);
    mt_tiling *tiling = NULL;
    mt_error err = MT_ERROR_INIT;
    (void)note_status(mt_tiling_new(stack, &options, &tiling, &err), &err);
    return tiling;
}

static inline void note_info(const mt_tiling_info *info)
{
    outcome_number((int64_t)info->n_tiles);
    outcome_number(info->is_planar);
    outcome_number(info->align);
    for (size_t i = 0; i < info->n_spatial; i++) {
        outcome_number(info->tile[i]);
        outcome_number(info->overlap[i]);
        outcome_number(info->counts[i]);
    }
}

#endif
