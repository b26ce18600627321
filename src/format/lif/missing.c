/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks that end before their image does, as after an interrupted acquisition. */
#include "base/checked.h"
#include "format/lif/lif.h"

#include <stdio.h>
#include <string.h>

/* The number of axes before the last two in space that have a length. */
static int find_outer(const lif_layout *layout)
{
    int outer = layout->n_axes;
    for (int found = 0; found < 2 && outer > 0; outer--)
        found += layout->axes[outer - 1].n > 1 && strchr("XYZ", layout->axes[outer - 1].letter) != NULL;
    return outer;
}

/* The number of frames that end within room bytes. Frames lie in the order of their indices. */
static int64_t count_complete(const lif_layout *layout, int outer, int64_t room)
{
    int64_t last = 0;
    room -= (int64_t)mt_dtype_size(layout->dtype);
    for (int i = outer; i < layout->n_axes; i++)
        room -= (layout->axes[i].n - 1) * layout->axes[i].step;
    if (room < 0)
        return 0;
    for (int i = 0; i < outer; i++) {
        const lif_axis *a = &layout->axes[i];
        int64_t most = a->n < 2 ? 0 : mt_min_i64(a->n - 1, room / a->step);
        room -= most * a->step;
        last = last * a->n + most;
    }
    return last + 1;
}

static mt_status miss(const lif_layout *layout, int outer, int64_t frame, mt_chunk_map *map, mt_error *err)
{
    char text[LIF_MAX_AXES * 24] = "";
    int64_t index[LIF_MAX_AXES];
    size_t n = 0;
    for (int i = outer - 1; i >= 0; i--) {
        int64_t size = mt_max_i64(layout->axes[i].n, 1);
        index[i] = frame % size;
        frame /= size;
    }
    for (int i = 0; i < outer; i++)
        if (layout->axes[i].n > 1)
            n += (size_t)snprintf(text + n, sizeof text - n, " %c=%lld", layout->axes[i].letter, (long long)index[i]);
    return mt_chunk_map_miss(map, err, "frame%s", n ? text : " 0");
}

mt_status lif_find_missing(const lif_layout *layout, uint64_t size, mt_chunk_map *map, int *outer, mt_error *err)
{
    int64_t sizes[LIF_MAX_AXES], total = 0, room = (int64_t)size - layout->base;
    *outer = find_outer(layout);
    for (int i = 0; i < *outer; i++)
        sizes[i] = layout->axes[i].n;
    if (mt_product_i64(sizes, *outer, &total))
        return mt_fail(err, MT_E_CORRUPT, "the image has more than 2^63 frames");
    int64_t frame = layout->span > 0 ? count_complete(layout, *outer, room) : total;
    mt_status st = MT_OK;
    for (; !st && frame < total && map->n_missing < MT_MAX_MISSING_NAMES; frame++)
        st = miss(layout, *outer, frame, map, err);
    map->n_missing += (uint64_t)(total - frame);
    return st;
}
