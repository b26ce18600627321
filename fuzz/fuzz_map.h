/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads a corner of a chunk map. */
#ifndef MT_FUZZ_MAP_H
#define MT_FUZZ_MAP_H

#include "outcome.h"

#include "engine/context.h"
#include "engine/engine.h"

#include <stdlib.h>

static void note_texts(const mt_texts *texts)
{
    outcome_number((int64_t)texts->n);
    for (size_t i = 0; i < texts->n && i < 10; i++)
        outcome_text(texts->items[i]);
}

static void note_dimension(const mt_chunk_map *map, int d)
{
    outcome_number(map->shape[d]);
    outcome_number(map->chunk_shape[d]);
    outcome_number(map->chunk_stride[d]);
    outcome_number(map->shard_shape[d]);
    outcome_real(map->pixel_size[d]);
    outcome_text(map->unit[d]);
}

/* Where the first and the last chunk of a grid are, or the first two chunks of boxes. */
static void note_places(const mt_chunk_map *map)
{
    for (int last = 0; map->locate && last < 2; last++) {
        int64_t position[MT_MAX_DIMS] = { last };
        mt_chunk_ref ref = { .key = "" };
        mt_error err = MT_ERROR_INIT;
        for (int d = 0; !map->find_boxes && d < map->ndim; d++) {
            if (map->shape[d] == 0 || map->chunk_edges[d])
                return;
            position[d] = last ? (map->shape[d] - 1) / map->chunk_shape[d] : 0;
        }
        if (outcome_status(map->locate(map, position, &ref, &err), &err))
            return;
        outcome_number(ref.missing);
        if (ref.missing)
            continue;
        outcome_text(ref.key);
        outcome_number((int64_t)ref.offset);
        outcome_number((int64_t)ref.size);
    }
}

static void note_names(const mt_chunk_map *map)
{
    for (size_t i = 0; i < map->n_channels && i < 10; i++) {
        outcome_text(map->channels[i].name);
        outcome_bytes(map->channels[i].rgb, map->channels[i].has_color ? 3 : 0);
        outcome_real(map->channels[i].has_window ? map->channels[i].window[0] + map->channels[i].window[1] : 0);
    }
    for (size_t i = 0; i < map->n_samples && i < 10; i++) {
        outcome_text(map->samples[i].name);
        outcome_real(map->samples[i].has_time ? map->samples[i].time : 0);
        outcome_real(map->samples[i].has_position ? map->samples[i].position[2] : 0);
    }
    outcome_text(map->part);
    outcome_text(map->document);
    note_texts(&map->warnings);
    note_texts(&map->missing);
    note_texts(&map->members);
}

static void note_map(const mt_chunk_map *map)
{
    outcome_text(map->axes);
    for (int d = 0; d < map->ndim; d++)
        note_dimension(map, d);
    for (int i = 0; i < 3; i++)
        outcome_real(map->axis_size[i]);
    const int64_t numbers[] = {
        map->ask_axes, map->dtype,    map->swap,      map->chunk_first,  map->cut_at_edge,         map->contiguous,
        map->level,    map->n_levels, map->is_labels, map->axes_assumed, (int64_t)map->chunk_bytes
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        outcome_number(numbers[i]);
    outcome_bytes(map->fill, mt_dtype_size(map->dtype));
    outcome_real(map->value_scale);
    outcome_real(map->value_offset);
    for (int i = 0; i < map->chain.n_steps; i++)
        outcome_text(map->chain.steps[i].codec->name);
    note_names(map);
    note_places(map);
}

/* Reads a box of at most 8 elements along each dimension, which begins before the image. */
static void read_corner(mt_context *context, const mt_chunk_map *map)
{
    mt_image image;
    note_map(map);
    mt_image_init(&image, context, map, map->store, "fuzz", NULL, NULL);
    mt_read read = { .image = &image, .convert = { .from = map->dtype, .to = map->dtype, .swap = map->swap } };
    int64_t stride = (int64_t)mt_dtype_size(map->dtype);
    for (int d = map->ndim - 1; d >= 0; d--) {
        read.start[d] = -1;
        read.extent[d] = map->ndim > 5 ? 2 : 8;
        read.out_stride[d] = stride;
        stride *= read.extent[d];
    }
    read.out = calloc(1, (size_t)stride);
    mt_error err = MT_ERROR_INIT;
    if (read.out && !outcome_status(mt_engine_read(context, &read, 1, NULL, &err), &err))
        outcome_bytes(read.out, (size_t)stride);
    free(read.out);
    mt_image_forget(&image);
}

#endif
