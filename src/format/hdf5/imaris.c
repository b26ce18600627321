/* SPDX-License-Identifier: BSD-3-Clause */
/* Imaris 5.5 files (.ims), by the description in Bitplane's ImarisWriter: /DataSet/ResolutionLevel r/TimePoint
 * t/Channel c/Data, in Z, Y, X, padded to whole chunks. The true size and all metadata are in attributes that are
 * arrays of single characters. */
#include "base/checked.h"
#include "base/number.h"
#include "format/hdf5/hdf5.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_CHANNELS 4096
#define MAX_LOOKUPS 4096 /* lookups of volumes when a stack is opened */

mt_status h5_is_imaris(const h5_file *file, mt_arena *arena, bool *out, mt_error *err)
{
    static const char *const names[2] = { "DataSetInfo", "DataSet" };
    h5_object root;
    mt_status st = h5_read_object(file, arena, file->root, &root, err);
    *out = true;
    for (int i = 0; i < 2 && !st && *out; i++) {
        h5_link *link;
        st = h5_read_links(arena, &root, names[i], &link, err);
        *out = !st && link;
    }
    return st;
}

static void write_path(const h5_many *many, const int64_t *place, char *out, size_t size)
{
    snprintf(out, size, "DataSet/ResolutionLevel %d/TimePoint %lld/Channel %lld/Data", many->level, (long long)place[0],
             (long long)place[1]);
}

/* Counts the links "Name 0", "Name 1", ...: no number may be missing. */
static mt_status count_links(const h5_file *file, mt_arena *arena, const char *path, const char *prefix, int64_t *out,
                             mt_error *err)
{
    h5_object group;
    h5_link *link;
    size_t n = strlen(prefix);
    int64_t most = -1;
    *out = 0;
    mt_status st = h5_find_object(file, arena, path, &group, err);
    if (st || (st = h5_read_links(arena, &group, NULL, &link, err)))
        return st;
    for (; link; link = link->next)
        if (strncmp(link->name, prefix, n) == 0 && link->name[n] >= '0' && link->name[n] <= '9') {
            const char *digits = link->name + n;
            int64_t number;
            if (!mt_parse_integer(&digits, &number) || number > INT32_MAX)
                return mt_fail(err, MT_E_CORRUPT, "/%s has a group \"%s\"", path, link->name);
            most = number > most ? number : most;
            ++*out;
        }
    if (*out != most + 1)
        return mt_fail(err, MT_E_CORRUPT, "/%s has %lld groups \"%s\", the last of number %lld", path, (long long)*out,
                       prefix, (long long)most);
    return *out ? MT_OK : mt_fail(err, MT_E_CORRUPT, "/%s has no \"%s0\"", path, prefix);
}

static mt_status get_number(mt_arena *arena, const h5_object *object, const char *name, double *out, bool *found,
                            mt_error *err)
{
    const char *text;
    *out = 0;
    mt_status st = h5_get_text(arena, object, name, &text, err);
    *found = !st && text && mt_parse_real(&text, out);
    return st;
}

static mt_status read_shape(const h5_file *file, mt_arena *arena, const char *channel, int64_t shape[3], mt_error *err)
{
    static const char *const names[3] = { "ImageSizeZ", "ImageSizeY", "ImageSizeX" };
    h5_object object;
    mt_status st = h5_find_object(file, arena, channel, &object, err);
    for (int d = 0; d < 3 && !st; d++) {
        double size;
        bool found;
        st = get_number(arena, &object, names[d], &size, &found, err);
        if (!st && (!found || size < 1 || size > 1e15 || size != (double)(int64_t)size))
            st = mt_fail(err, MT_E_CORRUPT, "/%s has no size %s", channel, names[d]);
        shape[d] = st ? 0 : (int64_t)size;
    }
    return st;
}

/* The voxel size is the extent of the image divided by its size. */
static mt_status read_voxels(const h5_file *file, mt_arena *arena, mt_chunk_map *map, mt_error *err)
{
    h5_object info;
    const char *unit;
    mt_status st = h5_find_object(file, arena, "DataSetInfo/Image", &info, err);
    if (st || (st = h5_get_text(arena, &info, "Unit", &unit, err)))
        return st;
    for (int d = 0; d < 3; d++) {
        char low[8], high[8];
        double from, to;
        bool has_from, has_to;
        snprintf(low, sizeof low, "ExtMin%d", 2 - d);
        snprintf(high, sizeof high, "ExtMax%d", 2 - d);
        if ((st = get_number(arena, &info, low, &from, &has_from, err)) ||
            (st = get_number(arena, &info, high, &to, &has_to, err)))
            return st;
        if (!has_from || !has_to || !(to > from))
            continue;
        map->pixel_size[2 + d] = (to - from) / (double)map->shape[2 + d];
        if (unit && *unit && !(map->unit[2 + d] = mt_unit_name(map->arena, unit, err)))
            return MT_E_MEMORY;
    }
    return MT_OK;
}

static uint8_t part_of_color(double value) { return value <= 0 ? 0 : value >= 1 ? 255 : (uint8_t)lround(value * 255); }

/* A channel that is not described has no name. */
static mt_status read_channel(const h5_file *file, mt_arena *arena, mt_arena *keep, int64_t number, mt_channel *out,
                              mt_error *err)
{
    char path[64];
    h5_object object;
    const char *name, *color;
    mt_error own = MT_ERROR_INIT;
    *out = (mt_channel) { .name = "" };
    snprintf(path, sizeof path, "DataSetInfo/Channel %lld", (long long)number);
    mt_status st = h5_find_object(file, arena, path, &object, &own);
    if (st)
        return st == MT_E_NOT_FOUND ? MT_OK : mt_fail(err, st, "%s", own.message);
    if ((st = h5_get_text(arena, &object, "Name", &name, err)) ||
        (st = h5_get_text(arena, &object, "Color", &color, err)))
        return st;
    out->has_color = color != NULL;
    for (int i = 0; i < 3 && out->has_color; i++) {
        double value;
        out->has_color = mt_parse_real(&color, &value);
        out->rgb[i] = part_of_color(value);
    }
    out->name = name ? mt_arena_strndup(keep, name, strlen(name), err) : "";
    return out->name ? MT_OK : MT_E_MEMORY;
}

/* The first number in the descriptions of n channels: some writers count from 1. */
static mt_status find_first_channel(const h5_file *file, mt_arena *arena, int64_t n, int64_t *out, mt_error *err)
{
    h5_object info;
    h5_link *first, *last;
    char name[32];
    *out = 0;
    snprintf(name, sizeof name, "Channel %lld", (long long)n);
    mt_status st = h5_find_object(file, arena, "DataSetInfo", &info, err);
    if (st || (st = h5_read_links(arena, &info, "Channel 0", &first, err)) ||
        (st = h5_read_links(arena, &info, name, &last, err)))
        return st;
    *out = !first && last;
    return MT_OK;
}

static mt_status read_channels(const h5_file *file, mt_arena *arena, int64_t n, mt_chunk_map *map, mt_error *err)
{
    int64_t first;
    if (n > MAX_CHANNELS)
        return MT_OK;
    mt_status failed = find_first_channel(file, arena, n, &first, err);
    if (failed)
        return failed;
    mt_channel *channels = mt_arena_alloc(map->arena, (size_t)n, sizeof *channels, err);
    if (!channels)
        return MT_E_MEMORY;
    for (int64_t c = 0; c < n; c++) {
        mt_status st = read_channel(file, arena, map->arena, first + c, &channels[c], err);
        if (st)
            return st;
    }
    map->channels = channels;
    map->n_channels = (size_t)n;
    return MT_OK;
}

/* Reports missing volumes, unless the store is slow. */
static mt_status report_missing(const h5_file *file, const h5_many *many, mt_chunk_map *map, mt_error *err)
{
    int64_t n;
    if (file->store->costs.is_slow || mt_mul_i64(many->shape[0], many->shape[1], &n) || n > MAX_LOOKUPS)
        return MT_OK;
    mt_status st = MT_OK;
    for (int64_t i = 1; i < n && !st; i++) { /* the first was read */
        const int64_t place[2] = { i / many->shape[1], i % many->shape[1] };
        char path[128];
        mt_arena *arena;
        h5_object object;
        mt_error own = MT_ERROR_INIT;
        if ((st = mt_arena_new(file->env, &arena, err)))
            return st;
        write_path(many, place, path, sizeof path);
        st = h5_find_object(file, arena, path, &object, &own);
        mt_arena_free(arena);
        st = st == MT_E_NOT_FOUND ? mt_chunk_map_miss(map, err, "/%s", path) : h5_forgive(st, &own, err);
    }
    return st;
}

mt_status h5_open_imaris(const h5_file *file, mt_arena *arena, int level, mt_chunk_map *map, mt_error *err)
{
    h5_many many = { .leading = 2, .axes = "TC", .write_path = write_path, .level = level };
    h5_object object;
    h5_dataset dataset;
    int64_t levels, shape[3], origin[2] = { 0, 0 };
    char path[128];
    mt_status st = count_links(file, arena, "DataSet", "ResolutionLevel ", &levels, err);
    if (!st && level >= levels)
        st = mt_fail(err, MT_E_NOT_FOUND, "there is no level=%d; the image has %lld, counted from 0", level,
                     (long long)levels);
    if (st)
        return st;
    snprintf(path, sizeof path, "DataSet/ResolutionLevel %d", level);
    if ((st = count_links(file, arena, path, "TimePoint ", &many.shape[0], err)))
        return st;
    snprintf(path, sizeof path, "DataSet/ResolutionLevel %d/TimePoint 0", level);
    if ((st = count_links(file, arena, path, "Channel ", &many.shape[1], err)))
        return st;
    snprintf(path, sizeof path, "DataSet/ResolutionLevel %d/TimePoint 0/Channel 0", level);
    if ((st = read_shape(file, arena, path, shape, err)))
        return st;
    write_path(&many, origin, path, sizeof path);
    if ((st = h5_find_object(file, arena, path, &object, err)) || (st = h5_read_dataset(arena, &object, &dataset, err)))
        return st;
    if (dataset.rank != 3)
        return mt_fail(err, MT_E_UNSUPPORTED, "/%s has %d dimensions, not 3", path, dataset.rank);
    if ((st = h5_make_map(file, &dataset, &many, shape, map, err)))
        return st;
    memcpy(map->axes, "TCZYX", 6);
    map->level = level;
    map->n_levels = (int)(levels < 1000 ? levels : 1000);
    if ((st = report_missing(file, &many, map, err)))
        return st;
    mt_error of_voxels = MT_ERROR_INIT, of_channels = MT_ERROR_INIT;
    if ((st = h5_forgive(read_voxels(file, arena, map, &of_voxels), &of_voxels, err)))
        return st;
    return h5_forgive(read_channels(file, arena, many.shape[1], map, &of_channels), &of_channels, err);
}
