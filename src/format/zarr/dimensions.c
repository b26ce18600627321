/* SPDX-License-Identifier: BSD-3-Clause */
/* Axes and pixel sizes of an array outside a multiscale image, from its own metadata. */
#include "format/zarr/zarr.h"

static bool has_names(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_is_string(json_array_get(list, i)))
            return true;
    return false;
}

/* dimension_names of version 3, xarray's convention for version 2 (also found in version 3), axis_names. */
const json_t *zarr_dimension_names(const mt_node *array)
{
    const json_t *const lists[] = { array->version == 3 ? json_object_get(array->document, "dimension_names") : NULL,
                                    json_object_get(array->attributes, "_ARRAY_DIMENSIONS"),
                                    json_object_get(array->attributes, "axis_names") };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (has_names(lists[i]))
            return lists[i];
    return NULL;
}

/* A list of one to ndim numbers, or NULL. */
static const json_t *get_numbers(const mt_node *array, const char *name, int ndim)
{
    const json_t *list = json_object_get(array->attributes, name);
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++)
        if (!json_is_number(json_array_get(list, i)))
            return NULL;
    return n > 0 && n <= (size_t)ndim ? list : NULL;
}

static void read_voxels(const mt_node *array, int ndim, mt_voxels *out)
{
    const json_t *units = json_object_get(array->attributes, "units");
    const json_t *sizes = get_numbers(array, "voxel_size", ndim);
    if (!sizes)
        sizes = get_numbers(array, "resolution", ndim);
    out->n = (int)json_array_size(sizes ? sizes : get_numbers(array, "offset", ndim));
    for (int i = 0; i < out->n; i++) {
        out->size[i] = json_number_value(json_array_get(sizes, (size_t)i));
        out->unit[i] = json_string_value(json_is_array(units) ? json_array_get(units, (size_t)i) : units);
    }
}

mt_status zarr_describe_array(const mt_node *array, mt_chunk_map *map, mt_error *err)
{
    const json_t *names = zarr_dimension_names(array);
    mt_voxels voxels = { 0 };
    for (int d = 0; d < map->ndim; d++)
        map->axes[d] = mt_axis_letter(json_string_value(json_array_get(names, (size_t)d)));
    mt_axes_drop_ambiguous(map->axes);
    read_voxels(array, map->ndim, &voxels);
    return mt_chunk_map_set_voxels(map, &voxels, names != NULL, err);
}
