/* SPDX-License-Identifier: BSD-3-Clause */
/* The contact sheet: patches in a nearly square array, small ones enlarged, large ones averaged down. */
#include "picture/picture.h"

#include "base/checked.h"
#include "picture/side.h"
#include "stack/stack.h"

#include <math.h>
#include <string.h>

enum { GUTTER = 2, LARGE = 256 };

typedef struct sheet {
    mt_picture picture; /* the patches, stacked vertically */
    const mt_draw_options *options;
    const mt_patch_request *requests;
    size_t n;
    mt_dtype dtype;        /* of the patches as read */
    mt_side rows, columns; /* of a patch */
    int64_t enlarge;
    int64_t across;   /* patches per row */
    int64_t place[2]; /* height and width of a patch on the sheet */
    int64_t height, width;
} sheet;

static mt_status check(const mt_patch_request *requests, size_t n, mt_error *err)
{
    const mt_patch_request *first = requests;
    if (n == 0 || n > MT_MOST_PATCHES)
        return mt_fail(err, MT_E_ARGUMENT, "%zu patches on a sheet: 1 to %d can be drawn", n, MT_MOST_PATCHES);
    mt_status st = mt_stack_check_axes(first->stack, err);
    if (st)
        return st;
    if (first->n_spatial != (size_t)first->stack->info.data_ndim - 2)
        return mt_fail(err, MT_E_ARGUMENT, "%zu coordinates for an image with the spatial axes %s", first->n_spatial,
                       first->stack->info.data_ndim == 5 ? "ZYX" : "YX");
    for (size_t i = 0; i < n; i++)
        if (requests[i].n_spatial != first->n_spatial || requests[i].n_channels != first->n_channels ||
            (!first->channels && requests[i].stack->info.data_shape[1] != first->stack->info.data_shape[1]) ||
            memcmp(requests[i].patch_size, first->patch_size, first->n_spatial * sizeof(int64_t)) != 0)
            return mt_fail(err, MT_E_ARGUMENT, "the patches of a sheet differ in size or channels");
    for (size_t d = 0; d < first->n_spatial; d++)
        if (first->patch_size[d] < 1 || first->patch_size[d] > MT_MOST_PIXELS)
            return mt_fail(err, MT_E_ARGUMENT, "patches of size %lld cannot be drawn", (long long)first->patch_size[d]);
    return MT_OK;
}

static void lay_out(sheet *s)
{
    int64_t most = s->options->max_size ? s->options->max_size : LARGE;
    const int64_t *size = s->requests->patch_size + s->requests->n_spatial - 2;
    int64_t longest = mt_max_i64(size[0], size[1]), drawn = mt_min_i64(longest, most);
    s->rows = (mt_side) { size[0], mt_max_i64(1, (2 * size[0] * drawn + longest) / (2 * longest)) };
    s->columns = (mt_side) { size[1], mt_max_i64(1, (2 * size[1] * drawn + longest) / (2 * longest)) };
    s->enlarge = mt_enlargement(longest, mt_min_i64(most, MT_SMALL_PATCH));
    s->place[0] = s->rows.drawn * s->enlarge;
    s->place[1] = s->columns.drawn * s->enlarge;
    for (s->across = 1; s->across * s->across < (int64_t)s->n;)
        s->across++;
    int64_t down = ((int64_t)s->n + s->across - 1) / s->across;
    s->height = down * (s->place[0] + GUTTER) - GUTTER;
    s->width = s->across * (s->place[1] + GUTTER) - GUTTER;
}

/* The average of the pixels of a patch in pixel (i, j) on the sheet, without NaN, which marks pixels outside the
 * image. */
static float average(const sheet *s, const float *patch, int64_t i, int64_t j)
{
    double sum = 0, weights = 0;
    for (int64_t y = mt_side_from(&s->rows, i); y < mt_side_to(&s->rows, i); y++)
        for (int64_t x = mt_side_from(&s->columns, j); x < mt_side_to(&s->columns, j); x++) {
            double value = (double)patch[y * s->columns.image + x];
            double weight = (double)mt_side_share(&s->rows, i, y) * (double)mt_side_share(&s->columns, j, x);
            if (!isnan(value))
                sum += weight * value, weights += weight;
        }
    return weights > 0 ? (float)(sum / weights) : NAN;
}

/* Averages a patch down into the picture, below the patches before it. */
static void shrink(sheet *s, const uint8_t *patch, size_t number)
{
    mt_picture *p = &s->picture;
    size_t element = mt_dtype_size(s->dtype);
    for (size_t c = 0; c < p->channels; c++, patch += (size_t)(s->rows.image * s->columns.image) * element)
        for (int64_t i = 0; i < s->rows.drawn; i++) {
            float *out = p->planes + (c * p->height + number * (size_t)s->rows.drawn + (size_t)i) * p->width;
            for (int64_t j = 0; j < s->columns.drawn; j++) {
                int64_t middle = mt_side_middle(&s->rows, i) * s->columns.image + mt_side_middle(&s->columns, j);
                if (p->kind != MT_CONTRAST_LABELS) {
                    out[j] = average(s, (const float *)(const void *)patch, i, j);
                    continue;
                }
                uint32_t key = mt_label_key(s->dtype, patch + (size_t)middle * element, false);
                memcpy(&out[j], &key, sizeof key);
            }
        }
}

/* Reads the middle plane of a patch. */
static mt_status read_patch(const sheet *s, const mt_patch_request *request, const mt_extract_options *options,
                            void *patch, mt_error *err)
{
    mt_patch_request middle = *request;
    size_t n = request->n_spatial;
    int64_t coords[3] = { 0 }, size[3] = { 1, 1, 1 };
    memcpy(coords, request->coords, n * sizeof *coords);
    memcpy(size, request->patch_size, n * sizeof *size);
    if (n == 3) {
        coords[0] += size[0] / 2;
        size[0] = 1;
    }
    middle.channels = request->channels ? request->channels : s->picture.list;
    middle.n_channels = s->picture.channels;
    middle.coords = coords;
    middle.patch_size = size;
    middle.view = (mt_view) { .data = patch, .dtype = s->dtype };
    if (s->picture.kind != MT_CONTRAST_LABELS)
        middle.view.padding = NAN; /* drawn black, ignored for the contrast */
    return mt_extract_patches(&middle, 1, options, err);
}

typedef struct watch {
    const sheet *sheet;
    size_t done;
} watch;

static int tell_progress(void *user)
{
    const watch *w = user;
    const mt_draw_options *o = w->sheet->options;
    return o->progress ? o->progress(o->user, (double)w->done / (double)w->sheet->n) : 0;
}

static mt_status read_patches(sheet *s, mt_error *err)
{
    mt_picture *p = &s->picture;
    watch w = { s, 0 };
    const mt_extract_options options = { .struct_size = sizeof options, .cancelled = tell_progress, .user = &w };
    s->dtype = p->kind == MT_CONTRAST_LABELS ? p->info->dtype : MT_FLOAT32;
    size_t bytes = p->channels * (size_t)(s->rows.image * s->columns.image) * mt_dtype_size(s->dtype);
    void *patch;
    mt_status st = mt_alloc(p->env, bytes, &patch, err);
    if (st)
        return st;
    for (; !st && w.done < s->n; w.done++) {
        st = read_patch(s, &s->requests[w.done], &options, patch, err);
        if (!st)
            shrink(s, patch, w.done);
    }
    mt_release(p->env, patch, bytes);
    return st;
}

static mt_status paint(const sheet *s, const mt_caption *caption, mt_canvas *canvas, mt_error *err)
{
    static const uint8_t gray[3] = { 128, 128, 128 };
    const mt_picture *p = &s->picture;
    mt_canvas_fill(canvas, 0, 0, s->height, s->width, gray);
    for (size_t i = 0; i < s->n; i++) {
        size_t top = (size_t)((int64_t)i / s->across * (s->place[0] + GUTTER));
        size_t left = (size_t)((int64_t)i % s->across * (s->place[1] + GUTTER));
        size_t rows = (size_t)s->rows.drawn;
        mt_status st = mt_picture_paint(p, i * rows, rows, (size_t)s->enlarge, canvas, top, left, err);
        if (st)
            return st;
    }
    mt_caption_draw(caption, canvas);
    return MT_OK;
}

static mt_status compose(sheet *s, mt_write_bytes write, void *user, mt_picture_info *out, mt_error *err)
{
    static const uint8_t black[3] = { 0, 0, 0 };
    mt_picture *p = &s->picture;
    double scale = (double)s->place[1] / (double)s->columns.image;
    int64_t room[2];
    mt_caption caption;
    mt_canvas canvas;
    mt_picture_set_contrast(p);
    mt_caption_init(&caption, p, s->height, s->width, scale, 2 * s->place[1]);
    mt_caption_room(&caption, &room[0], &room[1]);
    mt_status st = mt_canvas_init(&canvas, p->env, (size_t)room[0], (size_t)room[1], black, err);
    if (st)
        return st;
    st = paint(s, &caption, &canvas, err);
    mt_picture_tell(p, &caption, &canvas, scale, out);
    if (!st)
        st = mt_png_write(&canvas, write, user, err);
    mt_canvas_free(&canvas);
    return st;
}

mt_status mt_draw_patches(const mt_patch_request *requests, size_t n, const mt_draw_options *options,
                          mt_write_bytes write, void *user, mt_picture_info *out, mt_error *err)
{
    mt_error_reset(err);
    mt_draw_options given;
    mt_status st = check(requests, n, err);
    if (st || (st = mt_draw_options_take(options, &given, err)))
        return st;
    given.project = MT_PROJECT_NONE;
    sheet s = { .options = &given, .requests = requests, .n = n };
    const int64_t *channels = requests->channels;
    size_t n_channels = requests->n_channels;
    mt_default_channels(&requests->stack->info, &channels, &n_channels);
    lay_out(&s);
    if (s.height > MT_MOST_PIXELS || s.width > MT_MOST_PIXELS)
        return mt_fail(err, MT_E_ARGUMENT,
                       "a sheet of %lld x %lld pixels (width x height) is too large: choose max_size",
                       (long long)s.width, (long long)s.height);
    st = mt_picture_init(&s.picture, requests->stack, &given, channels, n_channels, (int64_t)n * s.rows.drawn,
                         s.columns.drawn, err);
    if (st)
        return st;
    st = read_patches(&s, err);
    if (!st)
        st = compose(&s, write, user, out, err);
    mt_picture_free(&s.picture);
    return st;
}
