/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata of images. Source: OME-Zarr 0.4 and 0.5: "multiscales", "omero", "labels". */
#include "write/zarr/zarr_sink.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

/* Appends an item, which may be NULL; then the list becomes NULL. */
static json_t *append(json_t *list, json_t *item)
{
    if (list && json_array_append_new(list, item) == 0)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *write_axis(const mt_plan *plan, int d)
{
    char letter = plan->axes[d], name[2] = { (char)(letter + ('a' - 'A')), 0 };
    const char *type = letter == 'T' ? "time" : letter == 'C' ? "channel" : "space";
    return letter != 'C' && plan->unit[d][0]
               ? json_pack("{ss ss ss}", "name", name, "type", type, "unit", plan->unit[d])
               : json_pack("{ss ss}", "name", name, "type", type);
}

static json_t *write_axes(const mt_plan *plan)
{
    json_t *list = json_array();
    for (int d = 0; d < plan->ndim; d++)
        list = append(list, write_axis(plan, d));
    return list;
}

static double pixel_size(const mt_plan *plan, int d) { return plan->pixel_size[d] > 0 ? plan->pixel_size[d] : 1; }

/* Sets, for each axis, how many pixels of the full resolution make one of a level. */
static void find_factors(const mt_plan *plan, int level, double *factor)
{
    for (int d = 0; d < plan->ndim; d++) {
        factor[d] = 1;
        for (int i = 1; i <= level; i++)
            factor[d] *= plan->levels[i].factor[d];
    }
}

/* The scale of a level, and, for levels whose pixels are centred between those below, the place of the first. */
static json_t *write_transformations(const mt_plan *plan, int level)
{
    double factor[MT_MAX_DIMS];
    json_t *scale = json_array(), *translation = json_array();
    find_factors(plan, level, factor);
    for (int d = 0; d < plan->ndim; d++) {
        scale = append(scale, json_real(pixel_size(plan, d) * factor[d]));
        translation = append(translation, json_real(pixel_size(plan, d) * (factor[d] - 1) / 2));
    }
    json_t *list = json_pack("[{ss so}]", "type", "scale", "scale", scale);
    if (level == 0 || strcmp(plan->downsample, "nearest") == 0) {
        json_decref(translation);
        return list;
    }
    return append(list, json_pack("{ss so}", "type", "translation", "translation", translation));
}

static json_t *write_datasets(const mt_plan *plan)
{
    json_t *list = json_array();
    for (int i = 0; i < plan->n_levels; i++) {
        char path[12];
        snprintf(path, sizeof path, "%d", i);
        list = append(list,
                      json_pack("{ss so}", "path", path, "coordinateTransformations", write_transformations(plan, i)));
    }
    return list;
}

static json_t *write_multiscales(const mt_plan *plan)
{
    json_t *multiscale = json_pack("{so so}", "axes", write_axes(plan), "datasets", write_datasets(plan));
    bool failed = !multiscale;
    if (!failed && plan->n_levels > 1)
        failed = json_object_set_new(multiscale, "type", json_string(plan->downsample)) != 0;
    if (!failed && zarr_is_v2(plan))
        failed = json_object_set_new(multiscale, "version", json_string(plan->ome)) != 0;
    if (failed)
        return json_decref(multiscale), NULL;
    return json_pack("[o]", multiscale);
}

/* The range of a type that is shown if a channel has no window. */
static void find_range(mt_dtype dtype, double *low, double *high)
{
    static const double highs[] = {
        [MT_BOOL] = 1,          [MT_UINT8] = UINT8_MAX,   [MT_INT8] = INT8_MAX,   [MT_UINT16] = UINT16_MAX,
        [MT_INT16] = INT16_MAX, [MT_UINT32] = UINT32_MAX, [MT_INT32] = INT32_MAX, [MT_UINT64] = 0x1p64,
        [MT_INT64] = 0x1p63,    [MT_FLOAT16] = 1,         [MT_FLOAT32] = 1,       [MT_FLOAT64] = 1
    };
    bool is_signed = dtype == MT_INT8 || dtype == MT_INT16 || dtype == MT_INT32 || dtype == MT_INT64;
    *high = highs[dtype];
    *low = is_signed ? -*high - 1 : 0;
}

/* A channel of "omero", where a colour and a window are required. */
static json_t *write_channel(const mt_plan *plan, const mt_channel *channel)
{
    char color[8] = "FFFFFF";
    double low, high;
    find_range(plan->dtype, &low, &high);
    double start = channel->has_window ? channel->window[0] : low,
           end = channel->has_window ? channel->window[1] : high;
    if (channel->has_color)
        snprintf(color, sizeof color, "%02X%02X%02X", channel->rgb[0], channel->rgb[1], channel->rgb[2]);
    return json_pack("{ss ss sb s{sf sf sf sf}}", "label", channel->name, "color", color, "active", 1, "window", "min",
                     start < low ? start : low, "max", end > high ? end : high, "start", start, "end", end);
}

static json_t *write_omero(const mt_plan *plan)
{
    json_t *list = json_array();
    for (size_t c = 0; c < plan->n_channels; c++)
        list = append(list, write_channel(plan, &plan->channels[c]));
    return json_pack("{so}", "channels", list);
}

static json_t *write_image_label(const mt_plan *plan)
{
    return zarr_is_v2(plan) ? json_pack("{ss}", "version", plan->ome) : json_object();
}

json_t *zarr_write_ome(const mt_plan *plan)
{
    json_t *ome = json_pack("{so}", "multiscales", write_multiscales(plan));
    bool failed = !ome;
    if (!failed && plan->channels)
        failed = json_object_set_new(ome, "omero", write_omero(plan)) != 0;
    if (!failed && plan->is_labels)
        failed = json_object_set_new(ome, "image-label", write_image_label(plan)) != 0;
    if (!failed && !zarr_is_v2(plan))
        failed = json_object_set_new(ome, "version", json_string(plan->ome)) != 0;
    if (failed)
        return json_decref(ome), NULL;
    return zarr_is_v2(plan) ? ome : json_pack("{so}", "ome", ome);
}
