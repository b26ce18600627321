/* SPDX-License-Identifier: BSD-3-Clause */
/* A plane as a picture, averaged down while it is visited chunk by chunk. */
#include "base/checked.h"
#include "picture/picture.h"
#include "stack/visit.h"

#include <stdlib.h>
#include <string.h>

typedef struct plane_job {
    mt_stack *stack;
    const mt_draw_options *options;
    mt_stack_dims dims;
    int64_t z, region[4]; /* first row and column, height, width */
    const int64_t *channels;
    size_t n_channels;
    int64_t factor; /* pixels averaged along each side: a square */
    mt_picture picture;
    mt_lock lock;          /* of sums */
    double *sums;          /* of the pixels of each square, where there are several: channel, row, column */
    _Atomic uint64_t done; /* pixels, all channels counted */
    double total;
} plane_job;

static mt_status check_region(plane_job *job, mt_error *err)
{
    const mt_stack_info *info = &job->stack->info;
    int64_t height = info->data_shape[info->data_ndim - 2], width = info->data_shape[info->data_ndim - 1];
    int64_t *r = job->region;
    r[0] = r[1] = 0;
    r[2] = height;
    r[3] = width;
    if (!height || !width)
        return mt_fail(err, MT_E_RANGE, "the image has no pixels");
    if (!job->options->region)
        return MT_OK;
    memcpy(r, job->options->region, sizeof job->region);
    if (r[0] < 0 || r[1] < 0 || r[2] < 1 || r[3] < 1 || r[2] > height || r[3] > width || r[0] > height - r[2] ||
        r[1] > width - r[3])
        return mt_fail(err, MT_E_RANGE, "the region reaches beyond the plane of %lld x %lld pixels", (long long)height,
                       (long long)width);
    return MT_OK;
}

static mt_status check_options(plane_job *job, mt_error *err)
{
    const mt_stack_info *info = &job->stack->info;
    const mt_draw_options *o = job->options;
    int64_t planes = info->data_ndim == 5 ? info->data_shape[2] : 1;
    job->z = o->z ? *o->z : planes / 2;
    job->channels = o->channels;
    job->n_channels = o->n_channels;
    mt_default_channels(info, &job->channels, &job->n_channels);
    if (o->sample < 0 || o->sample >= info->data_shape[0])
        return mt_fail(err, MT_E_RANGE, "sample %lld is out of bounds for an image of %lld samples",
                       (long long)o->sample, (long long)info->data_shape[0]);
    if (job->z < 0 || (planes && job->z >= planes))
        return mt_fail(err, MT_E_RANGE, "plane %lld is out of bounds for an image of %lld planes", (long long)job->z,
                       (long long)planes);
    if (o->max_size < 0 || o->max_size > MT_MOST_PIXELS)
        return mt_fail(err, MT_E_ARGUMENT, "max_size %lld is not between 1 and %d", (long long)o->max_size,
                       MT_MOST_PIXELS);
    return check_region(job, err);
}

/* Squares from first on, n of them, along an axis, that pixels from at on, length of them, lie in. All relative to the
 * region. */
typedef struct span {
    int64_t at, length, first, n;
} span;

static span make_span(const plane_job *job, int64_t at, int64_t length)
{
    int64_t first = at / job->factor;
    return (span) { at, length, first, (at + length - 1) / job->factor - first + 1 };
}

/* The pixels of the span that lie in its square i: from *from on, relative to the span. Returns how many. */
static int64_t pixels_of(const plane_job *job, const span *s, int64_t i, int64_t *from)
{
    int64_t start = (s->first + i) * job->factor - s->at;
    *from = mt_max_i64(start, 0);
    return mt_min_i64(start + job->factor, s->length) - *from;
}

/* A visited box in one channel. */
typedef struct slice {
    plane_job *job;
    const uint8_t *data; /* NULL: value everywhere */
    float value;
    mt_convert convert;  /* to float32 */
    int64_t down, along; /* strides */
    span rows, columns;
    double *sums; /* of one row of squares */
    float *row;   /* pixels */
} slice;

static void read_row(const slice *s, int64_t y, float *out)
{
    static const int64_t out_stride = sizeof(float);
    mt_gather(&s->convert, 1, &s->columns.length, (uint8_t *)out, &out_stride, s->data + y * s->down, &s->along);
}

static void sum_row(const slice *s, int64_t y)
{
    int64_t from;
    read_row(s, y, s->row);
    for (int64_t j = 0; j < s->columns.n; j++) {
        int64_t n = pixels_of(s->job, &s->columns, j, &from);
        for (int64_t x = from; x < from + n; x++)
            s->sums[j] += (double)s->row[x];
    }
}

static void sum_squares(const slice *s, int64_t i)
{
    int64_t top, left, rows = pixels_of(s->job, &s->rows, i, &top);
    memset(s->sums, 0, (size_t)s->columns.n * sizeof *s->sums);
    for (int64_t y = top; s->data && y < top + rows; y++)
        sum_row(s, y);
    for (int64_t j = 0; !s->data && j < s->columns.n; j++)
        s->sums[j] = (double)s->value * (double)rows * (double)pixels_of(s->job, &s->columns, j, &left);
}

/* Adds the slice to channel c of the picture. Several chunks may have a share in a square, but none in a pixel. */
static void add_slice(const slice *s, size_t c)
{
    plane_job *job = s->job;
    const mt_picture *p = &job->picture;
    for (int64_t i = 0; i < s->rows.n; i++) {
        size_t at = (c * p->height + (size_t)(s->rows.first + i)) * p->width + (size_t)s->columns.first;
        if (job->factor == 1 && s->data) {
            read_row(s, i, p->planes + at);
        } else if (job->factor == 1) {
            for (int64_t j = 0; j < s->columns.n; j++)
                p->planes[at + (size_t)j] = s->value;
        } else {
            sum_squares(s, i);
            mt_lock_take(&job->lock);
            for (int64_t j = 0; j < s->columns.n; j++)
                job->sums[at + (size_t)j] += s->sums[j];
            mt_lock_give(&job->lock);
        }
    }
}

/* -1: the array has no such dimension, which is then of size 1. */
static int find_dim(const mt_stack_dims *dims, int axis)
{
    for (int d = 0; d < dims->ndim; d++)
        if (dims->axis[d] == axis && dims->step[d] == 1)
            return d;
    return -1;
}

/* Each channel that a box shows, as often as it is asked for. Of the other dimensions it has one coordinate. */
static void add_channels(slice *s, const mt_visited *v, int d, int64_t channel)
{
    const plane_job *job = s->job;
    const mt_stack_dims *dims = &job->dims;
    while (d < dims->ndim && (dims->axis[d] != MT_AXIS_C || dims->step[d] == 0))
        d++;
    if (d < dims->ndim) {
        const uint8_t *data = s->data;
        for (int64_t i = 0; i < v->place.extent[d]; i++) {
            s->data = data ? data + i * v->stride[d] : NULL;
            add_channels(s, v, d + 1, channel + (v->place.start[d] + i) * dims->step[d]);
        }
        s->data = data;
        return;
    }
    for (size_t c = 0; c < job->n_channels; c++)
        if (job->channels[c] == channel)
            add_slice(s, c);
}

static void count_done(plane_job *job, const mt_visited *v)
{
    uint64_t n = 1;
    for (int d = 0; d < job->dims.ndim; d++)
        n *= (uint64_t)v->place.extent[d];
    atomic_fetch_add_explicit(&job->done, n, memory_order_relaxed);
}

static float find_fill(const plane_job *job)
{
    static const int64_t one = 1, stride = 0;
    mt_convert convert = { .from = job->dims.dtype, .to = MT_FLOAT32 };
    float value;
    mt_gather(&convert, 1, &one, (uint8_t *)&value, &stride, job->dims.fill, &stride);
    return value;
}

static mt_status visit(void *user, const mt_visited *v, mt_error *err)
{
    plane_job *job = user;
    int y = find_dim(&job->dims, MT_AXIS_Y), x = find_dim(&job->dims, MT_AXIS_X);
    slice s = { .job = job, .data = v->data, .rows = { .length = 1, .n = 1 }, .columns = { .length = 1, .n = 1 } };
    if (y >= 0) {
        s.down = v->stride[y];
        s.rows = make_span(job, v->place.start[y] - job->region[0], v->place.extent[y]);
    }
    if (x >= 0) {
        s.along = v->stride[x];
        s.columns = make_span(job, v->place.start[x] - job->region[1], v->place.extent[x]);
    }
    s.convert = (mt_convert) { .from = job->dims.dtype, .to = MT_FLOAT32, .swap = v->swap };
    s.value = v->data ? 0 : find_fill(job);
    count_done(job, v);
    if (!v->data && s.value == 0)
        return MT_OK; /* as the picture is at first */
    size_t bytes = (size_t)s.columns.n * sizeof(double) + (v->data ? (size_t)s.columns.length * sizeof(float) : 0);
    void *memory;
    mt_status st = mt_alloc(job->picture.env, bytes, &memory, err);
    if (st)
        return st;
    s.sums = memory;
    s.row = (float *)(void *)(s.sums + s.columns.n);
    add_channels(&s, v, 0, 0);
    mt_release(job->picture.env, memory, bytes);
    return MT_OK;
}

static int tell_progress(void *user)
{
    const plane_job *job = user;
    const mt_draw_options *o = job->options;
    return o->progress ? o->progress(o->user, (double)job->done / job->total) : 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Whether a channel goes into the box of the one before it: they are neighbours, or in one chunk. */
static bool is_joined(const mt_stack_dims *dims, int inner, int64_t before, int64_t channel)
{
    int64_t size = dims->shape[inner], chunk = dims->chunk[inner];
    return channel / size == before / size &&
           (channel == before + 1 || channel % size / chunk == before % size / chunk);
}

/* Boxes of the channels: sorted holds them in ascending order. Returns how many. */
static size_t make_boxes(const plane_job *job, const mt_box *plane, const int64_t *sorted, mt_box *boxes)
{
    const mt_stack_dims *dims = &job->dims;
    int inner = find_dim(dims, MT_AXIS_C);
    size_t n = 0;
    for (size_t i = 0; i < job->n_channels; i++) {
        if (i > 0 && sorted[i] == sorted[i - 1])
            continue;
        if (i > 0 && inner >= 0 && is_joined(dims, inner, sorted[i - 1], sorted[i])) {
            boxes[n - 1].extent[inner] = sorted[i] % dims->shape[inner] - boxes[n - 1].start[inner] + 1;
            continue;
        }
        boxes[n] = *plane;
        mt_stack_set_index(dims, MT_AXIS_C, sorted[i], &boxes[n++]);
    }
    return n;
}

static mt_status visit_boxes(plane_job *job, int64_t *sorted, mt_box *boxes, mt_error *err)
{
    const mt_stack_dims *dims = &job->dims;
    int y = find_dim(dims, MT_AXIS_Y), x = find_dim(dims, MT_AXIS_X);
    mt_box plane = { { 0 }, { 0 } };
    mt_visitor visitor = { .visit = visit, .user = job };
    mt_extract_options options = { .struct_size = sizeof options, .cancelled = tell_progress, .user = job };
    for (int d = 0; d < dims->ndim; d++)
        plane.extent[d] = 1;
    mt_stack_set_index(dims, MT_AXIS_S, job->options->sample, &plane);
    mt_stack_set_index(dims, MT_AXIS_Z, job->z, &plane);
    if (y >= 0)
        plane.start[y] = job->region[0], plane.extent[y] = job->region[2];
    if (x >= 0)
        plane.start[x] = job->region[1], plane.extent[x] = job->region[3];
    memcpy(sorted, job->channels, job->n_channels * sizeof *sorted);
    qsort(sorted, job->n_channels, sizeof *sorted, compare);
    size_t n = make_boxes(job, &plane, sorted, boxes);
    for (size_t i = 0; i < n; i++) {
        double pixels = 1;
        for (int d = 0; d < dims->ndim; d++)
            pixels *= (double)boxes[i].extent[d];
        job->total += pixels;
    }
    return mt_stack_visit(job->stack, boxes, n, &visitor, &options, err);
}

/* From sums to averages, each over the pixels of its square inside the region. */
static void average(plane_job *job)
{
    const mt_picture *p = &job->picture;
    int64_t k = job->factor;
    for (size_t i = 0; i < p->channels * p->height; i++) {
        double rows = (double)mt_min_i64(job->region[2] - (int64_t)(i % p->height) * k, k);
        for (size_t j = 0; j < p->width; j++) {
            double columns = (double)mt_min_i64(job->region[3] - (int64_t)j * k, k);
            p->planes[i * p->width + j] = (float)(1 / (rows * columns) * job->sums[i * p->width + j]);
        }
    }
}

static mt_status read_plane(plane_job *job, mt_error *err)
{
    mt_env *env = job->picture.env;
    const mt_picture *p = &job->picture;
    size_t n_sums = job->factor > 1 ? p->channels * p->height * p->width : 0;
    size_t bytes = n_sums * sizeof(double) + job->n_channels * (sizeof(mt_box) + sizeof(int64_t));
    void *memory;
    mt_status st = mt_alloc(env, bytes, &memory, err);
    if (st)
        return st;
    job->sums = memory;
    memset(job->sums, 0, n_sums * sizeof(double));
    mt_box *boxes = (mt_box *)(void *)(job->sums + n_sums);
    st = visit_boxes(job, (int64_t *)(void *)(boxes + job->n_channels), boxes, err);
    if (!st && n_sums)
        average(job);
    mt_release(env, memory, bytes);
    return st;
}

static mt_status draw(plane_job *job, mt_write_bytes write, void *user, mt_error *err)
{
    mt_status st = mt_lock_init(&job->lock, NULL, NULL, err);
    if (st)
        return st;
    st = read_plane(job, err);
    mt_lock_destroy(&job->lock);
    return st ? st : mt_picture_write(&job->picture, write, user, err);
}

mt_status mt_draw_plane(mt_stack *stack, const mt_draw_options *options, mt_write_bytes write, void *user,
                        mt_picture_size *out, mt_error *err)
{
    mt_error_reset(err);
    mt_draw_options given = { .struct_size = sizeof given };
    if (options && (options->struct_size == 0 || options->struct_size > sizeof given))
        return mt_fail(err, MT_E_ARGUMENT, "mt_draw_options needs its struct_size");
    if (options)
        memcpy(&given, options, options->struct_size);
    plane_job job = { .stack = stack, .options = &given };
    mt_status st = mt_stack_check_axes(stack, err);
    if (!st)
        st = check_options(&job, err);
    if (st) {
        mt_error_prefix(err, "%s", stack->info.source);
        return st;
    }
    mt_stack_get_dims(stack, &job.dims);
    int64_t height = job.region[2], width = job.region[3], most = given.max_size ? given.max_size : 1024;
    int64_t k = job.factor = (mt_max_i64(height, width) - 1) / most + 1;
    mt_picture_size size = { (height - 1) / k + 1, (width - 1) / k + 1, k, (int64_t)job.n_channels };
    if (out)
        *out = size;
    st = mt_picture_init(&job.picture, stack, job.channels, job.n_channels, size.height, size.width, err);
    if (st)
        return st;
    st = draw(&job, write, user, err);
    mt_picture_free(&job.picture);
    return st;
}
