/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks a chunk map and reads a corner of it. */
#ifndef MT_FUZZ_MAP_H
#define MT_FUZZ_MAP_H

#include "engine/context.h"
#include "engine/engine.h"

#include <stdlib.h>

/* Reads a box of at most 8 elements along each dimension, which begins before the image. */
static void read_corner(mt_context *context, const mt_chunk_map *map)
{
    mt_image image;
    mt_image_init(&image, context, map, map->store, "fuzz", NULL, NULL);
    mt_read read = { .image = &image, .convert = { .from = map->dtype, .to = map->dtype, .swap = map->swap } };
    int64_t stride = (int64_t)mt_dtype_size(map->dtype);
    for (int d = map->ndim - 1; d >= 0; d--) {
        read.start[d] = -1;
        read.extent[d] = map->ndim > 5 ? 2 : 8;
        read.out_stride[d] = stride;
        stride *= read.extent[d];
    }
    read.out = malloc((size_t)stride);
    if (read.out)
        (void)!mt_engine_read(context, &read, 1, NULL, NULL);
    free(read.out);
    mt_image_forget(&image);
}

#endif
