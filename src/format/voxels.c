/* SPDX-License-Identifier: BSD-3-Clause */
/* Attributes of electron microscopy: resolution or voxel_size, offset and units (CREMI, gunpowder, funlib.persistence). */
#include "format/format.h"

#include <math.h>
#include <string.h>

/* Fewer entries than dimensions are for the spatial ones, which are the last unless names say otherwise. */
static void choose_dims(const mt_voxels *voxels, const mt_chunk_map *map, int *dims)
{
    int n = 0, spatial[MT_MAX_DIMS] = { 0 };
    for (int d = 0; d < map->ndim; d++)
        if (strchr("ZYX?", map->axes[d]))
            spatial[n++] = d;
    for (int i = 0; i < voxels->n; i++)
        dims[i] = n == voxels->n ? spatial[i] : map->ndim - voxels->n + i;
}

/* Without names two entries are for Y and X, and three for Z, Y and X. */
static void name_spatial(mt_chunk_map *map, int n)
{
    static const char zyx[] = "ZYX";
    if ((n == 2 || n == 3) && strspn(map->axes, "?") == (size_t)map->ndim)
        memcpy(map->axes + map->ndim - n, zyx + 3 - n, (size_t)n);
}

mt_status mt_chunk_map_set_voxels(mt_chunk_map *map, const mt_voxels *voxels, bool has_names, mt_error *err)
{
    int dims[MT_MAX_DIMS];
    if (voxels->n < 1 || voxels->n > map->ndim)
        return MT_OK;
    if (!has_names)
        name_spatial(map, voxels->n);
    choose_dims(voxels, map, dims);
    for (int i = 0; i < voxels->n; i++) {
        const char *unit = voxels->unit[i];
        int d = dims[i];
        if (!(voxels->size[i] > 0) || !isfinite(voxels->size[i]) || strchr("CS", map->axes[d]))
            continue;
        map->pixel_size[d] = voxels->size[i];
        if (unit && *unit && !(map->unit[d] = mt_unit_name(map->arena, unit, err)))
            return err && err->status ? err->status : MT_E_MEMORY;
    }
    return MT_OK;
}
