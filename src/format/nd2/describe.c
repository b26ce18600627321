/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and colours of channels, sizes of pixels, and positions and times of samples. */
#include "format/nd2/nd2.h"

#include <math.h>
#include <string.h>

/* The mean distance of the time points at the first position of all other loops; 0: not known. */
static double find_interval(const nd2_file *file)
{
    uint64_t step = 1, n = 0;
    for (int i = file->loops.n - 1; i >= 0 && n == 0; i--)
        if (file->loops.loop[i].axis == 'T')
            n = (uint64_t)file->loops.loop[i].count;
        else
            step *= (uint64_t)file->loops.loop[i].count;
    uint64_t last = n > 0 ? (n - 1) * step : 0;
    return n > 1 && last < file->n_times ? (file->times[last] - file->times[0]) / (double)(n - 1) : 0;
}

static void set_size(mt_chunk_map *map, int d, double size, const char *unit)
{
    bool is_known = isfinite(size) && size > 0;
    map->pixel_size[d] = is_known ? size : 0;
    map->unit[d] = is_known ? unit : NULL;
}

static void set_sizes(const nd2_file *file, mt_chunk_map *map)
{
    double interval = find_interval(file), pixel = nd2_number(file->picture, "dCalibration", 0);
    if (nd2_number(file->picture, "bCalibrated", 1) == 0)
        pixel = 0;
    for (int d = 0; d < map->ndim; d++) {
        const nd2_loop *loop = d < file->loops.n ? &file->loops.loop[d] : NULL;
        if (map->axes[d] == 'Y' || map->axes[d] == 'X')
            set_size(map, d, pixel, "micrometer");
        else if (loop && loop->axis == 'Z')
            set_size(map, d, loop->step, "micrometer");
        else if (loop && loop->axis == 'T')
            set_size(map, d, interval > 0 ? interval : loop->step, "second");
    }
}

/* The lowest byte is red. */
static void set_color(uint32_t color, mt_channel *out)
{
    out->has_color = 1;
    for (int i = 0; i < 3; i++)
        out->rgb[i] = (uint8_t)(color >> (8 * i));
}

static mt_status name_colors(const char *name, bool is_only, mt_arena *arena, mt_channel *out, mt_error *err)
{
    static const char *const colors[3] = { "Red", "Green", "Blue" };
    for (int i = 0; i < 3; i++) {
        set_color(0xffu << (8 * i), &out[i]);
        out[i].name = is_only || *name == 0 ? colors[i] : mt_arena_printf(arena, err, "%s %s", name, colors[i]);
        if (!out[i].name)
            return MT_E_MEMORY;
    }
    return MT_OK;
}

static mt_status set_channels(const nd2_file *file, mt_chunk_map *map, mt_error *err)
{
    enum { MOST_CHANNELS = 4096 };
    const nd2_pixels *p = &file->pixels;
    const nd2_value *planes = nd2_find(file->picture, "sPicturePlanes"), *list = nd2_find(planes, "sPlaneNew");
    size_t n = (size_t)p->planes * (p->is_rgb ? 3 : 1), at = 0;
    if (n > MOST_CHANNELS || !planes)
        return MT_OK;
    mt_channel *channels = mt_arena_alloc(map->arena, n, sizeof *channels, err);
    if (!channels)
        return MT_E_MEMORY;
    for (size_t c = 0; c < n; c++)
        channels[c].name = "";
    list = list ? list : nd2_find(planes, "sPlane");
    mt_status st = MT_OK;
    for (const nd2_value *plane = list ? list->first : NULL; plane && at < n && !st; plane = plane->next) {
        const char *name = nd2_text(plane, "sDescription");
        double color = nd2_number(plane, "uiColor", -1);
        double components = nd2_number(plane, "uiCompCount", 1);
        if (p->is_rgb) {
            st = name_colors(name, p->planes == 1, map->arena, &channels[at], err);
            at += 3;
            continue;
        }
        channels[at].name = name;
        if (color >= 0 && color <= UINT32_MAX && components == 1)
            set_color((uint32_t)color, &channels[at]);
        at += components >= 1 && components <= (double)(n - at) ? (size_t)components : n - at;
    }
    map->channels = channels;
    map->n_channels = n;
    return st;
}

mt_status nd2_describe(const nd2_file *file, mt_chunk_map *map, mt_error *err)
{
    set_sizes(file, map);
    return set_channels(file, map, err);
}
