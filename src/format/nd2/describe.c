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

/* A position of the stage: Z, Y and X in micrometres. */
typedef struct place {
    const char *name;
    double position[3];
} place;

static const char *const coordinates[3] = { "dPosZ", "dPosY", "dPosX" };

/* Old files have a list for each coordinate instead of one of points. */
static void read_lists(const nd2_loop *loop, place *out, size_t n)
{
    for (int k = 0; k < 3; k++) {
        nd2_walk walk = nd2_begin(nd2_find(loop->parameters, coordinates[k]), loop->are_valid);
        for (size_t i = 0; i < n; i++) {
            const nd2_value *value = nd2_next(&walk);
            out[i].position[k] = value ? value->number : NAN;
        }
    }
}

static void read_points(const nd2_loop *loop, place *out, size_t n)
{
    nd2_walk walk = nd2_begin(nd2_positions(loop), loop->are_valid);
    for (size_t i = 0; i < n; i++) {
        const nd2_value *point = nd2_next(&walk);
        const char *name = nd2_text(point, "dPosName");
        out[i].name = *name ? name : nd2_text(point, "pPosName");
        for (int k = 0; k < 3; k++)
            out[i].position[k] = nd2_number(point, coordinates[k], NAN);
    }
}

/* The n valid positions of the loop over them. Their X and Y may be relative; without a Z of their own they have that of
 * the first frame. */
static void read_places(const nd2_file *file, place *out, size_t n)
{
    const nd2_loop *loop = &file->positions;
    bool is_relative = nd2_number(loop->parameters, "bRelativeXY", 0) != 0;
    bool has_z = nd2_number(loop->parameters, "bUseZ", 0) != 0;
    if (nd2_find(loop->parameters, "Points"))
        read_points(loop, out, n);
    else
        read_lists(loop, out, n);
    double z = has_z ? NAN : nd2_number(file->picture, "dZPos", NAN);
    double y = is_relative ? nd2_number(loop->parameters, "dReferenceY", 0) : 0;
    double x = is_relative ? nd2_number(loop->parameters, "dReferenceX", 0) : 0;
    for (size_t i = 0; i < n; i++) {
        out[i].position[0] = has_z ? out[i].position[0] : z;
        out[i].position[1] += y;
        out[i].position[2] += x;
    }
}

/* The place of all samples of an acquisition without a loop over positions. */
static void read_place(const nd2_file *file, place *out)
{
    static const char *const names[3] = { "dZPos", "dYPos", "dXPos" };
    for (int k = 0; k < 3; k++)
        out->position[k] = nd2_number(file->picture, names[k], NAN);
}

/* The frame of the first plane of a sample, and its index along the loop over positions. */
static uint64_t find_frame(const nd2_file *file, uint64_t sample, uint64_t times, size_t *index)
{
    uint64_t number = 0, rest = sample / times, stride = 1;
    *index = 0;
    for (int i = file->loops.n - 1; i >= 0; i--) { /* the last is the fastest */
        const nd2_loop *loop = &file->loops.loop[i];
        uint64_t count = (uint64_t)loop->count, at = 0;
        if (loop->axis == 'T')
            at = sample % times;
        if (loop->axis == 'S') {
            at = rest % count;
            rest /= count;
        }
        if (file->positions.count > 0 && loop->parameters == file->positions.parameters)
            *index = (size_t)at;
        number += at * stride;
        stride *= count;
    }
    return number;
}

static void set_sample(const nd2_file *file, const place *at, uint64_t frame, mt_sample_info *out)
{
    out->name = at->name ? at->name : "";
    memcpy(out->position, at->position, sizeof out->position);
    out->has_position = isfinite(at->position[1]) && isfinite(at->position[2]);
    out->has_time = frame < file->n_times && isfinite(file->times[frame]);
    out->time = out->has_time ? file->times[frame] : 0;
}

static mt_status set_samples(const nd2_file *file, mt_chunk_map *map, mt_error *err)
{
    enum { MOST_SAMPLES = 1 << 20 };
    uint64_t n = 1, times = 1;
    for (int i = 0; i < file->loops.n; i++) {
        n *= file->loops.loop[i].axis == 'Z' ? 1 : (uint64_t)file->loops.loop[i].count;
        times = file->loops.loop[i].axis == 'T' ? (uint64_t)file->loops.loop[i].count : times;
    }
    if (n > MOST_SAMPLES)
        return mt_chunk_map_warn(map, err, "the positions and times of %llu samples are not shown",
                                 (unsigned long long)n);
    size_t n_places = file->positions.count > 0 ? (size_t)file->positions.count : 1;
    place *places = mt_arena_alloc(map->arena, n_places, sizeof *places, err);
    mt_sample_info *samples = places ? mt_arena_alloc(map->arena, (size_t)n, sizeof *samples, err) : NULL;
    if (!samples)
        return err && err->status ? err->status : MT_E_MEMORY;
    if (file->positions.count > 0)
        read_places(file, places, n_places);
    else
        read_place(file, places);
    bool is_known = false;
    for (uint64_t i = 0; i < n; i++) {
        size_t index;
        uint64_t frame = find_frame(file, i, times, &index);
        set_sample(file, &places[index], frame, &samples[i]);
        is_known |= *samples[i].name || samples[i].has_position || samples[i].has_time;
    }
    map->samples = is_known ? samples : NULL;
    map->n_samples = is_known ? (size_t)n : 0;
    return MT_OK;
}

mt_status nd2_describe(const nd2_file *file, mt_chunk_map *map, mt_error *err)
{
    set_sizes(file, map);
    mt_status st = set_channels(file, map, err);
    return st ? st : set_samples(file, map, err);
}
