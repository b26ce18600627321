/* SPDX-License-Identifier: BSD-3-Clause */
/* Dimension scales ("HDF5 Dimension Scale Specification", and NetCDF-4's use of them): the datasets referred to by
 * DIMENSION_LIST name the axes of an image. Their values, if evenly spaced, give the pixel size. */
#include "format/hdf5/hdf5.h"

#include <math.h>
#include <string.h>

#define MOST_VALUES 65536 /* longer scales are not read for a pixel size */

static mt_status find_in_group(mt_arena *arena, const h5_object *scale, const char *group, const char **out,
                               mt_error *err)
{
    h5_object object;
    h5_link *link;
    mt_status st = h5_find_object(scale->file, arena, group, &object, err);
    if (st || (st = h5_read_links(arena, &object, NULL, &link, err)))
        return st;
    for (; link && !*out; link = link->next)
        if (link->kind == H5_HARD && link->address == scale->address)
            *out = link->name;
    return MT_OK;
}

/* Finds the name of a link to an object in the groups along a path: the name of a NetCDF dimension. */
static mt_status find_link(mt_arena *arena, const h5_object *scale, const char *path, const char **out, mt_error *err)
{
    *out = NULL;
    for (size_t n = 0; !*out;) {
        char *group = mt_arena_strndup(arena, path, n, err);
        mt_status st = group ? find_in_group(arena, scale, group, out, err) : MT_E_MEMORY;
        const char *slash = strchr(path + n + (path[n] != 0), '/');
        if (st || !slash)
            return st;
        n = (size_t)(slash - path);
    }
    return MT_OK;
}

/* Reads the values of a scale; count is 0 if they are not contiguous. */
static mt_status read_values(mt_arena *arena, const h5_object *scale, h5_attribute *out, mt_error *err)
{
    static const int64_t first[MT_MAX_DIMS] = { 0 };
    h5_dataset d;
    h5_chunk piece;
    *out = (h5_attribute) { .file = scale->file };
    mt_status st = h5_read_dataset(arena, scale, &d, err);
    if (st || d.rank != 1 || d.shape[0] > MOST_VALUES || d.layout == H5_VIRTUAL || d.external)
        return st;
    piece = (h5_chunk) { .address = d.address };
    if (d.layout == H5_CHUNKED && d.n_filters == 0 && d.chunk[0] >= d.shape[0])
        st = h5_find_chunk(scale->file, &d, first, &piece, err);
    else if (d.layout == H5_CHUNKED)
        return MT_OK;
    if (st || piece.address == H5_UNDEFINED)
        return st;
    out->type = d.type;
    out->count = (uint64_t)d.shape[0];
    return h5_load(scale->file, arena, piece.address, out->count * d.type.size, &out->data, err);
}

/* The step of evenly spaced values; 0 if they are not. */
static double find_step(const h5_attribute *values)
{
    double first = 0, last = 0, value;
    if (values->count < 2 || !h5_attribute_number(values, 0, &first) ||
        !h5_attribute_number(values, values->count - 1, &last))
        return 0;
    double step = (last - first) / (double)(values->count - 1);
    for (uint64_t i = 1; i < values->count; i++)
        if (!h5_attribute_number(values, i, &value) || !(fabs(first + (double)i * step - value) <= fabs(step) * 1e-3))
            return 0;
    return isfinite(step) ? fabs(step) : 0;
}

static mt_status name_axis(mt_arena *arena, const h5_object *scale, const char *path, char *axis, mt_error *err)
{
    static const char *const names[2] = { "axis", "NAME" }; /* axis is from the CF conventions */
    const char *text = NULL;
    for (int i = 0; i < 2 && *axis == '?'; i++) {
        mt_status st = h5_get_text(arena, scale, names[i], &text, err);
        if (st)
            return st;
        *axis = mt_axis_letter(text);
    }
    if (*axis != '?')
        return MT_OK;
    mt_status st = find_link(arena, scale, path, &text, err);
    *axis = mt_axis_letter(text);
    return st;
}

static mt_status describe(mt_arena *arena, const h5_object *scale, const char *path, int d, mt_chunk_map *map,
                          mt_error *err)
{
    h5_attribute values;
    const char *unit;
    mt_status st = map->axes[d] == '?' ? name_axis(arena, scale, path, &map->axes[d], err) : MT_OK;
    if (st || !strchr("TZYX", map->axes[d]) || (st = read_values(arena, scale, &values, err)))
        return st;
    if (values.count != (uint64_t)map->shape[d])
        return MT_OK;
    map->pixel_size[d] = find_step(&values);
    if (map->pixel_size[d] == 0 || (st = h5_get_text(arena, scale, "units", &unit, err)) || !unit || !*unit)
        return st;
    map->unit[d] = mt_unit_name(map->arena, unit, err);
    return map->unit[d] ? MT_OK : MT_E_MEMORY;
}

mt_status h5_describe_scales(mt_arena *arena, const h5_object *object, const char *path, mt_chunk_map *map,
                             mt_error *err)
{
    h5_attribute list;
    bool found = false;
    mt_status st = h5_find_attribute(arena, object, "DIMENSION_LIST", &found, &list, err);
    if (st || !found || list.count != (uint64_t)map->ndim)
        return st;
    for (int d = 0; d < map->ndim; d++) {
        uint64_t address;
        h5_object scale;
        if ((st = h5_attribute_reference(arena, &list, (uint64_t)d, &address, err)))
            return st;
        if (address != H5_UNDEFINED && ((st = h5_read_object(object->file, arena, address, &scale, err)) ||
                                        (st = describe(arena, &scale, path, d, map, err))))
            return st;
    }
    return MT_OK;
}
