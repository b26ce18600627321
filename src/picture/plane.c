/* SPDX-License-Identifier: BSD-3-Clause */
/* mt_draw_plane: options, sizes and the order of steps. */
#include "picture/plane.h"

#include <string.h>

enum { LARGE = 1024 };

/* The maximum length of a side: products of sides then do not overflow. */
static const int64_t most_rows = (int64_t)1 << 46;

static mt_status check_region(mt_plane_job *job, mt_error *err)
{
    const mt_stack_info *info = &job->stack->info;
    int64_t height = info->data_shape[info->data_ndim - 2], width = info->data_shape[info->data_ndim - 1];
    int64_t *r = job->region;
    r[0] = r[1] = 0;
    r[2] = height;
    r[3] = width;
    if (!height || !width || (info->data_ndim == 5 && !info->data_shape[2]))
        return mt_fail(err, MT_E_RANGE, "the image has no pixels");
    if (job->options->region) {
        memcpy(r, job->options->region, sizeof job->region);
        if (r[0] < 0 || r[1] < 0 || r[2] < 1 || r[3] < 1 || r[2] > height || r[3] > width || r[0] > height - r[2] ||
            r[1] > width - r[3])
            return mt_fail(err, MT_E_RANGE,
                           "the region reaches beyond the plane of %lld x %lld pixels (width x height)",
                           (long long)width, (long long)height);
    }
    if (r[2] > most_rows || r[3] > most_rows)
        return mt_fail(err, MT_E_ARGUMENT,
                       "a plane with sides of more than 2^46 pixels cannot be drawn: choose a region");
    return MT_OK;
}

static mt_status check_options(mt_plane_job *job, mt_error *err)
{
    const mt_stack_info *info = &job->stack->info;
    const mt_draw_options *o = job->options;
    int64_t planes = info->data_ndim == 5 ? info->data_shape[2] : 1;
    job->z = o->project ? 0 : o->z ? *o->z : planes / 2;
    job->n_planes = o->project ? planes : 1;
    job->channels = o->channels;
    job->n_channels = o->n_channels;
    mt_default_channels(info, &job->channels, &job->n_channels);
    if (o->sample < 0 || o->sample >= info->data_shape[0])
        return mt_fail(err, MT_E_RANGE, "sample %lld is out of bounds: the image has %lld, counted from 0",
                       (long long)o->sample, (long long)info->data_shape[0]);
    if (o->project && info->data_ndim != 5)
        return mt_fail(err, MT_E_ARGUMENT, "there is no Z to project along");
    if (o->project && o->z)
        return mt_fail(err, MT_E_ARGUMENT, "a projection is of all planes: z and project exclude each other");
    if (job->z < 0 || (planes && job->z >= planes))
        return mt_fail(err, MT_E_RANGE, "plane %lld is out of bounds: the image has %lld, counted from 0",
                       (long long)job->z, (long long)planes);
    return check_region(job, err);
}

/* Sets the sides of the picture before enlargement, the longer one at most `most`. */
static void set_sides(mt_plane_job *job, int64_t most)
{
    int64_t height = job->region[2], width = job->region[3], longest = mt_max_i64(height, width);
    int64_t drawn = mt_min_i64(longest, most);
    job->rows = (mt_side) { height, mt_max_i64(1, (2 * height * drawn + longest) / (2 * longest)) };
    job->columns = (mt_side) { width, mt_max_i64(1, (2 * width * drawn + longest) / (2 * longest)) };
}

/* Where a pixel of the image begins in the picture, or one pixel outside it. */
static int64_t place(const mt_side *side, int64_t first, int64_t pixel, int64_t drawn)
{
    double at = ((double)pixel - (double)first) * (double)drawn / (double)side->image;
    return at < 0 ? -1 : at > (double)drawn ? drawn + 1 : (int64_t)at;
}

/* Draws the outlines over a picture of height rows and width columns. */
static void draw_boxes(const mt_plane_job *job, mt_canvas *canvas, int64_t height, int64_t width)
{
    for (size_t i = 0; i < job->options->n_boxes; i++) {
        const mt_draw_box *b = &job->options->boxes[i];
        const int64_t *r = job->region;
        int64_t top = place(&job->rows, r[0], b->box[0], height);
        int64_t bottom = place(&job->rows, r[0], b->box[0] + b->box[2], height) - 1;
        int64_t left = place(&job->columns, r[1], b->box[1], width);
        int64_t right = place(&job->columns, r[1], b->box[1] + b->box[3], width) - 1;
        int64_t rows[2] = { mt_max_i64(top, 0), mt_min_i64(bottom + 1, height) };
        int64_t columns[2] = { mt_max_i64(left, 0), mt_min_i64(right + 1, width) };
        int64_t h = rows[1] - rows[0], w = columns[1] - columns[0];
        if (h <= 0 || w <= 0)
            continue;
        for (int k = 0; k < 2; k++) {
            int64_t y = k ? bottom : top, x = k ? right : left;
            if (y >= 0 && y < height)
                mt_canvas_fill(canvas, y, columns[0], 1, w, b->color);
            if (x >= 0 && x < width)
                mt_canvas_fill(canvas, rows[0], x, h, 1, b->color);
        }
    }
}

static mt_status compose(mt_plane_job *job, mt_write_bytes write, void *user, mt_picture_info *out, mt_error *err)
{
    static const uint8_t black[3] = { 0, 0, 0 };
    mt_picture *p = &job->picture;
    int64_t most = job->options->max_size ? job->options->max_size : LARGE;
    int64_t k = mt_enlargement(mt_max_i64(job->rows.drawn, job->columns.drawn), mt_min_i64(most, MT_SMALL_PICTURE));
    int64_t width = job->columns.drawn * k, height = job->rows.drawn * k, room[2];
    double scale = (double)width / (double)job->columns.image;
    mt_caption caption;
    mt_canvas canvas;
    mt_picture_set_contrast(p);
    mt_caption_init(&caption, p, height, width, scale, width);
    mt_caption_room(&caption, &room[0], &room[1]);
    mt_status st = mt_canvas_init(&canvas, p->env, (size_t)room[0], (size_t)room[1], black, err);
    if (st)
        return st;
    st = mt_picture_paint(p, 0, p->height, (size_t)k, &canvas, 0, 0, err);
    draw_boxes(job, &canvas, height, width);
    mt_caption_draw(&caption, &canvas);
    if (job->rows.image > job->columns.image)
        scale = (double)height / (double)job->rows.image;
    mt_picture_tell(p, &caption, &canvas, scale, out);
    if (!st)
        st = mt_png_write(&canvas, write, user, err);
    mt_canvas_free(&canvas);
    return st;
}

mt_status mt_draw_plane(mt_stack *stack, const mt_draw_options *options, mt_write_bytes write, void *user,
                        mt_picture_info *out, mt_error *err)
{
    mt_error_reset(err);
    mt_draw_options given;
    mt_plane_job job = { .stack = stack, .options = &given };
    mt_status st = mt_draw_options_take(options, &given, err);
    if (!st)
        st = mt_stack_check_axes(stack, err);
    if (!st)
        st = check_options(&job, err);
    if (st) {
        mt_error_prefix(err, "%s", stack->info.source);
        return st;
    }
    mt_stack_get_dims(stack, &job.dims);
    set_sides(&job, given.max_size ? given.max_size : LARGE);
    st = mt_picture_init(&job.picture, stack, &given, job.channels, job.n_channels, job.rows.drawn, job.columns.drawn,
                         err);
    if (st)
        return st;
    st = mt_read_plane(&job, err);
    if (!st)
        st = compose(&job, write, user, out, err);
    mt_picture_free(&job.picture);
    return st;
}
