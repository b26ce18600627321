/* SPDX-License-Identifier: BSD-3-Clause */
/* Places of samples: those of tiles on the stage. */
#include "base/checked.h"
#include "format/lif/lif.h"

#include <math.h>

#define MOST_SAMPLES 65536
#define MICROMETERS 1e6

/* The number of samples, and of those from one tile to the next: all of S in their order, then T. 0: too many. */
static int64_t count_samples(const lif_layout *layout, const lif_dimension *tiles, int64_t *tile_step)
{
    int64_t n = 1, step = 1;
    for (int d = 0; d < layout->n_axes; d++)
        if (layout->axes[d].letter == 'T' && mt_mul_i64(n, layout->axes[d].n, &n))
            return 0;
    for (int d = layout->n_axes - 1; d >= 0; d--) {
        const lif_axis *axis = &layout->axes[d];
        if (axis->letter != 'S')
            continue;
        step = axis->named == tiles ? n : step;
        if (mt_mul_i64(n, axis->n, &n))
            return 0;
    }
    *tile_step = step;
    return n <= MOST_SAMPLES ? n : 0;
}

static mt_sample_info describe(const lif_tile *tile)
{
    return (mt_sample_info) { .name = "",
                              .has_position = isfinite(tile->x) || isfinite(tile->y),
                              .position = { tile->z * MICROMETERS, tile->y * MICROMETERS, tile->x * MICROMETERS } };
}

mt_status lif_set_samples(const lif_image *image, const lif_layout *layout, mt_chunk_map *map, mt_error *err)
{
    const lif_dimension *tiles = lif_find_dimension(image, LIF_TILES);
    int64_t n_tiles = tiles ? tiles->n : 1, step, n = count_samples(layout, tiles, &step);
    if (n < 1 || image->n_tiles != (size_t)n_tiles)
        return MT_OK;
    mt_sample_info *samples = mt_arena_alloc(map->arena, (size_t)n, sizeof *samples, err);
    if (!samples)
        return MT_E_MEMORY;
    for (int64_t i = 0; i < n; i++)
        samples[i] = describe(&image->tiles[i / step % n_tiles]);
    map->samples = samples;
    map->n_samples = (size_t)n;
    return MT_OK;
}
