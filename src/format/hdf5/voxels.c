/* SPDX-License-Identifier: BSD-3-Clause */
/* Attributes used in electron microscopy (format/voxels.c) of a dataset: axis_names, resolution or voxel_size, offset,
 * units. */
#include "format/hdf5/hdf5.h"

#include <string.h>

static bool has_names(const mt_chunk_map *map) { return strspn(map->axes, "?") < (size_t)map->ndim; }

static bool has_sizes(const mt_chunk_map *map)
{
    for (int d = 0; d < map->ndim; d++)
        if (map->pixel_size[d] > 0)
            return true;
    return false;
}

static mt_status read_names(mt_arena *arena, const h5_object *object, mt_chunk_map *map, mt_error *err)
{
    h5_attribute names;
    bool found = false;
    mt_status st = h5_find_attribute(arena, object, "axis_names", &found, &names, err);
    for (int d = 0; !st && found && names.count == (uint64_t)map->ndim && d < map->ndim; d++) {
        const char *name;
        if (!(st = h5_attribute_text(arena, &names, (uint64_t)d, &name, err)))
            map->axes[d] = mt_axis_letter(name);
    }
    mt_axes_drop_ambiguous(map->axes);
    return st;
}

/* The first of the attributes that has a number for some or all dimensions. */
static mt_status find_numbers(mt_arena *arena, const h5_object *object, int ndim, const char *const *names, size_t n,
                              mt_voxels *out, mt_error *err)
{
    for (size_t i = 0; i < n && out->n == 0; i++) {
        h5_attribute numbers;
        bool found = false;
        mt_status st = h5_find_attribute(arena, object, names[i], &found, &numbers, err);
        if (st)
            return st;
        bool fits = found && numbers.count >= 1 && numbers.count <= (uint64_t)ndim;
        for (uint64_t k = 0; fits && k < numbers.count; k++)
            fits = h5_attribute_number(&numbers, k, &out->size[k]);
        out->n = fits ? (int)numbers.count : 0;
    }
    return MT_OK;
}

/* A unit for each entry, or one for all. */
static mt_status read_units(mt_arena *arena, const h5_object *object, mt_voxels *out, mt_error *err)
{
    h5_attribute units;
    bool found = false;
    mt_status st = h5_find_attribute(arena, object, "units", &found, &units, err);
    for (int i = 0; !st && found && i < out->n; i++)
        st = h5_attribute_text(arena, &units, units.count == 1 ? 0 : (uint64_t)i, &out->unit[i], err);
    return st;
}

static mt_status describe(mt_arena *arena, const h5_object *object, mt_chunk_map *map, mt_error *err)
{
    static const char *const sizes[] = { "voxel_size", "resolution" }, *const offsets[] = { "offset" };
    mt_voxels voxels = { 0 };
    mt_status st = has_names(map) ? MT_OK : read_names(arena, object, map, err);
    if (st || has_sizes(map) || (st = find_numbers(arena, object, map->ndim, sizes, 2, &voxels, err)))
        return st;
    if (voxels.n > 0) {
        st = read_units(arena, object, &voxels, err);
    } else {
        st = find_numbers(arena, object, map->ndim, offsets, 1, &voxels, err);
        memset(voxels.size, 0, sizeof voxels.size); /* offset is the position of the image, not a pixel size */
    }
    return st ? st : mt_chunk_map_set_voxels(map, &voxels, has_names(map), err);
}

mt_status h5_describe_voxels(mt_arena *arena, const h5_object *object, mt_chunk_map *map, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    return h5_forgive(describe(arena, object, map, &own), &own, err);
}
