/* SPDX-License-Identifier: BSD-3-Clause */
/* Visits a plane chunk by chunk and averages it down. A maximum projection is computed in blocks of a bounded number of
 * pixels, which are then averaged down in the same way. */
#include "picture/plane.h"

#include "base/checked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Maximum pixels of a block, in all channels, unless one row is longer. */
enum { BLOCK = 1 << 24 };

/* Along one side: image pixels from at on, relative to the region, and the n picture pixels from first on that contain
 * them. */
typedef struct span {
    const mt_side *side;
    int64_t at, length, first, n;
} span;

static span make_span(const mt_side *side, int64_t at, int64_t length)
{
    int64_t first = mt_side_first(side, at);
    return (span) { side, at, length, first, mt_side_last(side, at + length - 1) - first + 1 };
}

/* The image pixels [*from, result) of the span that lie in picture pixel i. */
static int64_t covered(const span *s, int64_t i, int64_t *from)
{
    *from = mt_max_i64(mt_side_from(s->side, i), s->at);
    return mt_min_i64(mt_side_to(s->side, i), s->at + s->length);
}

/* One channel and plane of a visited box. */
typedef struct slice {
    mt_plane_job *job;
    const uint8_t *data; /* NULL: all pixels have the fill value */
    float value;
    mt_convert convert;  /* to float32 */
    int64_t down, along; /* strides between rows and columns, in bytes */
    span rows, columns;
    double *sums; /* of one row of the picture */
    float *row;   /* one row of image pixels */
} slice;

static bool is_copied(const mt_plane_job *job)
{
    return job->rows.image == job->rows.drawn && job->columns.image == job->columns.drawn &&
           (job->n_planes == 1 || job->block);
}

/* Reads row y of the span as floats. */
static void read_row(const slice *s, int64_t y, float *out)
{
    static const int64_t out_stride = sizeof(float);
    if (s->data)
        mt_gather(&s->convert, 1, &s->columns.length, (uint8_t *)out, &out_stride, s->data + y * s->down, &s->along);
    for (int64_t x = 0; !s->data && x < s->columns.length; x++)
        out[x] = s->value;
}

/* Adds the row to the sums: each pixel times its share of the picture pixel and times weight. */
static void sum_row(const slice *s, double weight)
{
    const span *c = &s->columns;
    for (int64_t j = 0; j < c->n; j++) {
        int64_t i = c->first + j, from, to = covered(c, i, &from), last = to - 1;
        double inner = 0, sum = (double)s->row[from - c->at] * (double)mt_side_share(c->side, i, from);
        for (int64_t x = from + 1; x < last; x++)
            inner += (double)s->row[x - c->at];
        sum += inner * (double)c->side->drawn;
        if (last > from)
            sum += (double)s->row[last - c->at] * (double)mt_side_share(c->side, i, last);
        s->sums[j] += sum * weight;
    }
}

static void sum_rows(const slice *s, int64_t i)
{
    int64_t from, to = covered(&s->rows, i, &from);
    memset(s->sums, 0, (size_t)s->columns.n * sizeof *s->sums);
    for (int64_t y = from; y < to; y++) {
        if (s->data || y == from)
            read_row(s, y - s->rows.at, s->row);
        sum_row(s, (double)mt_side_share(s->rows.side, i, y));
    }
}

/* Labels are not averaged: each picture pixel is the image pixel at its centre. */
static void pick_labels(const slice *s, float *out, int64_t i)
{
    mt_dtype dtype = s->job->dims.dtype;
    int64_t y = mt_side_middle(s->rows.side, i) - s->rows.at;
    if (y < 0 || y >= s->rows.length)
        return;
    for (int64_t j = 0; j < s->columns.n; j++) {
        int64_t x = mt_side_middle(s->columns.side, s->columns.first + j) - s->columns.at;
        if (x < 0 || x >= s->columns.length)
            continue;
        const uint8_t *element = s->data ? s->data + y * s->down + x * s->along : s->job->dims.fill;
        uint32_t key = mt_label_key(dtype, element, s->data && s->convert.swap);
        memcpy(&out[j], &key, sizeof key);
    }
}

/* Adds the slice to channel c of the picture. Several chunks may contribute to one picture pixel. */
static void add_slice(const slice *s, size_t c)
{
    mt_plane_job *job = s->job;
    const mt_picture *p = &job->picture;
    for (int64_t i = 0; i < s->rows.n; i++) {
        size_t at = (c * p->height + (size_t)(s->rows.first + i)) * p->width + (size_t)s->columns.first;
        if (p->kind == MT_CONTRAST_LABELS) {
            pick_labels(s, p->planes + at, s->rows.first + i);
        } else if (is_copied(job)) {
            read_row(s, i, p->planes + at);
        } else {
            sum_rows(s, s->rows.first + i);
            mt_lock_take(&job->lock);
            for (int64_t j = 0; j < s->columns.n; j++)
                job->sums[at + (size_t)j] += s->sums[j];
            mt_lock_give(&job->lock);
        }
    }
}

/* Updates the maxima of the block. The spans are relative to the block here. */
static void add_to_block(const slice *s, size_t c)
{
    mt_plane_job *job = s->job;
    int64_t height = job->block_at[2], width = job->block_at[3];
    for (int64_t y = 0; y < s->rows.length; y++) {
        float *out = job->block + ((int64_t)c * height + s->rows.at + y) * width + s->columns.at;
        if (s->data || y == 0)
            read_row(s, y, s->row);
        mt_lock_take(&job->lock);
        for (int64_t x = 0; x < s->columns.length; x++)
            out[x] = s->row[x] > out[x] ? s->row[x] : out[x];
        mt_lock_give(&job->lock);
    }
}

/* The dimension of an axis; -1: the array lacks it, size 1. */
static int find_dim(const mt_stack_dims *dims, int axis)
{
    for (int d = 0; d < dims->ndim; d++)
        if (dims->axis[d] == axis && dims->step[d] == 1)
            return d;
    return -1;
}

/* Adds each plane of each channel of a box, as often as the channel is requested. The box has size 1 along the other
 * dimensions. */
static void add_planes(slice *s, const mt_visited *v, int d, int64_t channel)
{
    mt_plane_job *job = s->job;
    const mt_stack_dims *dims = &job->dims;
    while (d < dims->ndim && ((dims->axis[d] != MT_AXIS_C && dims->axis[d] != MT_AXIS_Z) || dims->step[d] == 0))
        d++;
    if (d < dims->ndim) {
        const uint8_t *data = s->data;
        int64_t step = dims->axis[d] == MT_AXIS_C ? dims->step[d] : 0;
        for (int64_t i = 0; i < v->place.extent[d]; i++) {
            s->data = data ? data + i * v->stride[d] : NULL;
            add_planes(s, v, d + 1, channel + (v->place.start[d] + i) * step);
        }
        s->data = data;
        return;
    }
    for (size_t c = 0; c < job->n_channels; c++)
        if (job->channels[c] == channel && job->block)
            add_to_block(s, c);
        else if (job->channels[c] == channel)
            add_slice(s, c);
}

static void count_done(mt_plane_job *job, const mt_visited *v)
{
    uint64_t n = 1;
    for (int d = 0; d < job->dims.ndim; d++)
        n *= (uint64_t)v->place.extent[d];
    atomic_fetch_add_explicit(&job->done, n, memory_order_relaxed);
}

static float find_fill(const mt_plane_job *job)
{
    static const int64_t one = 1, stride = 0;
    mt_convert convert = { .from = job->dims.dtype, .to = MT_FLOAT32 };
    float value;
    mt_gather(&convert, 1, &one, (uint8_t *)&value, &stride, job->dims.fill, &stride);
    return value;
}

/* The span along dimension d of the array (-1: none). For a block, spans are relative to it. */
static span visited_span(const mt_plane_job *job, const mt_visited *v, int d, const mt_side *side, int axis)
{
    int64_t at = d < 0 ? 0 : v->place.start[d], length = d < 0 ? 1 : v->place.extent[d];
    if (job->block)
        return (span) { side, d < 0 ? 0 : at - job->block_at[axis], length, 0, length };
    return make_span(side, d < 0 ? 0 : at - job->region[axis], length);
}

static mt_status alloc_rows(slice *s, size_t *bytes, mt_error *err)
{
    void *memory;
    *bytes = (size_t)s->columns.n * sizeof(double) + (size_t)s->columns.length * sizeof(float);
    mt_status st = mt_alloc(s->job->picture.env, *bytes, &memory, err);
    if (st)
        return st;
    s->sums = memory;
    s->row = (float *)(void *)(s->sums + s->columns.n);
    return MT_OK;
}

static mt_status visit(void *user, const mt_visited *v, mt_error *err)
{
    mt_plane_job *job = user;
    int y = find_dim(&job->dims, MT_AXIS_Y), x = find_dim(&job->dims, MT_AXIS_X);
    slice s = { .job = job, .data = v->data };
    s.down = y < 0 ? 0 : v->stride[y];
    s.along = x < 0 ? 0 : v->stride[x];
    s.rows = visited_span(job, v, y, &job->rows, 0);
    s.columns = visited_span(job, v, x, &job->columns, 1);
    s.convert = (mt_convert) { .from = job->dims.dtype, .to = MT_FLOAT32, .swap = v->swap };
    s.value = v->data ? 0 : find_fill(job);
    count_done(job, v);
    if (!v->data && s.value == 0 && !job->block)
        return MT_OK; /* the initial value of the picture */
    size_t bytes;
    mt_status st = alloc_rows(&s, &bytes, err);
    if (st)
        return st;
    add_planes(&s, v, 0, 0);
    mt_release(job->picture.env, s.sums, bytes);
    return MT_OK;
}

static int tell_progress(void *user)
{
    const mt_plane_job *job = user;
    const mt_draw_options *o = job->options;
    return o->progress ? o->progress(o->user, (double)job->done / job->total) : 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Whether a channel joins the box of the previous one: they are adjacent, or in one chunk. */
static bool is_joined(const mt_stack_dims *dims, int inner, int64_t before, int64_t channel)
{
    int64_t size = dims->shape[inner], chunk = dims->chunk[inner];
    return channel / size == before / size &&
           (channel == before + 1 || channel % size / chunk == before % size / chunk);
}

/* Makes boxes for the channels, which sorted holds in ascending order. Returns the number of boxes. */
static size_t make_boxes(const mt_plane_job *job, const mt_box *plane, const int64_t *sorted, mt_box *boxes)
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

/* place: first row, first column, height, width, in image pixels. memory: boxes, followed by as many integers. */
static size_t place_boxes(const mt_plane_job *job, const int64_t *place, mt_box *memory)
{
    const mt_stack_dims *dims = &job->dims;
    int y = find_dim(dims, MT_AXIS_Y), x = find_dim(dims, MT_AXIS_X), z = find_dim(dims, MT_AXIS_Z);
    int64_t *sorted = (int64_t *)(void *)(memory + job->n_channels);
    mt_box plane = { { 0 }, { 0 } };
    for (int d = 0; d < dims->ndim; d++)
        plane.extent[d] = 1;
    mt_stack_set_index(dims, MT_AXIS_S, job->options->sample, &plane);
    mt_stack_set_index(dims, MT_AXIS_Z, job->z, &plane);
    if (z >= 0)
        plane.extent[z] = job->n_planes;
    if (y >= 0)
        plane.start[y] = place[0], plane.extent[y] = place[2];
    if (x >= 0)
        plane.start[x] = place[1], plane.extent[x] = place[3];
    memcpy(sorted, job->channels, job->n_channels * sizeof *sorted);
    qsort(sorted, job->n_channels, sizeof *sorted, compare);
    return make_boxes(job, &plane, sorted, memory);
}

static void count_total(mt_plane_job *job, mt_box *boxes)
{
    size_t n = place_boxes(job, job->region, boxes);
    for (size_t i = 0; i < n; i++) {
        double pixels = 1;
        for (int d = 0; d < job->dims.ndim; d++)
            pixels *= (double)boxes[i].extent[d];
        job->total += pixels;
    }
}

static mt_status visit_place(mt_plane_job *job, const int64_t *place, mt_box *boxes, mt_error *err)
{
    const mt_visitor visitor = { .visit = visit, .user = job };
    const mt_extract_options options = { .struct_size = sizeof options, .cancelled = tell_progress, .user = job };
    return mt_stack_visit(job->stack, boxes, place_boxes(job, place, boxes), &visitor, &options, err);
}

/* The side of a block along an axis: as many whole chunks as room allows. */
static int64_t block_side(const mt_plane_job *job, int axis, int64_t region, int64_t room)
{
    int d = find_dim(&job->dims, axis);
    int64_t chunk = d < 0 ? 1 : mt_max_i64(1, job->dims.chunk[d]);
    return mt_max_i64(1, room >= region ? region : room >= chunk ? room / chunk * chunk : room);
}

/* The length of the block at start: to the end of the region or the next multiple of side, aligned with chunks. */
static int64_t block_length(int64_t start, int64_t side, int64_t end)
{
    return end - start <= side ? end - start : (start / side + 1) * side - start;
}

/* Averages down a projected block. */
static mt_status draw_block(mt_plane_job *job, mt_error *err)
{
    int64_t height = job->block_at[2], width = job->block_at[3];
    slice s = { .job = job,
                .convert = { .from = MT_FLOAT32, .to = MT_FLOAT32 },
                .down = width * (int64_t)sizeof(float),
                .along = sizeof(float),
                .rows = make_span(&job->rows, job->block_at[0] - job->region[0], height),
                .columns = make_span(&job->columns, job->block_at[1] - job->region[1], width) };
    size_t bytes;
    mt_status st = alloc_rows(&s, &bytes, err);
    for (size_t c = 0; !st && c < job->n_channels; c++) {
        s.data = (const uint8_t *)(job->block + (int64_t)c * height * width);
        add_slice(&s, c);
    }
    if (!st)
        mt_release(job->picture.env, s.sums, bytes);
    return st;
}

static mt_status project_block(mt_plane_job *job, mt_box *boxes, mt_error *err)
{
    for (int64_t i = 0; i < (int64_t)job->n_channels * job->block_at[2] * job->block_at[3]; i++)
        job->block[i] = -INFINITY;
    mt_status st = visit_place(job, job->block_at, boxes, err);
    return st ? st : draw_block(job, err);
}

static mt_status project_largest(mt_plane_job *job, mt_box *boxes, mt_error *err)
{
    const int64_t *r = job->region;
    int y = find_dim(&job->dims, MT_AXIS_Y);
    int64_t room = mt_max_i64(1, BLOCK / mt_max_i64(1, (int64_t)job->n_channels));
    int64_t chunk = y < 0 ? 1 : mt_min_i64(r[2], mt_max_i64(1, job->dims.chunk[y]));
    int64_t width = block_side(job, MT_AXIS_X, r[3], room / mt_min_i64(room, chunk));
    int64_t height = block_side(job, MT_AXIS_Y, r[2], room / width);
    size_t bytes = job->n_channels * (size_t)(height * width) * sizeof(float);
    void *block;
    mt_status st = mt_alloc(job->picture.env, bytes, &block, err);
    if (st)
        return st;
    job->block = block;
    int64_t *at = job->block_at;
    for (at[0] = r[0]; !st && at[0] < r[0] + r[2]; at[0] += at[2]) {
        at[2] = block_length(at[0], height, r[0] + r[2]);
        for (at[1] = r[1]; !st && at[1] < r[1] + r[3]; at[1] += at[3]) {
            at[3] = block_length(at[1], width, r[1] + r[3]);
            st = project_block(job, boxes, err);
        }
    }
    mt_release(job->picture.env, block, bytes);
    return st;
}

/* Divides the sums by the number of image pixels per picture pixel; for MT_PROJECT_SUM, only by those of one plane. */
static void average(mt_plane_job *job)
{
    const mt_picture *p = &job->picture;
    double n = (double)job->rows.image * (double)job->columns.image;
    if (job->options->project == MT_PROJECT_MEAN)
        n *= (double)job->n_planes;
    for (size_t i = 0; i < p->channels * p->height * p->width; i++)
        p->planes[i] = (float)(job->sums[i] / n);
}

static mt_status read_with_lock(mt_plane_job *job, mt_error *err)
{
    mt_env *env = job->picture.env;
    const mt_picture *p = &job->picture;
    bool by_blocks = job->options->project == MT_PROJECT_MAX;
    bool is_summed = job->rows.image != job->rows.drawn || job->columns.image != job->columns.drawn ||
                     (job->n_planes > 1 && !by_blocks);
    size_t n_sums = is_summed && p->kind != MT_CONTRAST_LABELS ? p->channels * p->height * p->width : 0;
    size_t bytes = n_sums * sizeof(double) + job->n_channels * (sizeof(mt_box) + sizeof(int64_t));
    void *memory;
    mt_status st = mt_alloc(env, bytes, &memory, err);
    if (st)
        return st;
    job->sums = memory;
    memset(job->sums, 0, n_sums * sizeof(double));
    mt_box *boxes = (mt_box *)(void *)(job->sums + n_sums);
    count_total(job, boxes);
    st = by_blocks ? project_largest(job, boxes, err) : visit_place(job, job->region, boxes, err);
    if (!st && n_sums)
        average(job);
    mt_release(env, memory, bytes);
    return st;
}

mt_status mt_read_plane(mt_plane_job *job, mt_error *err)
{
    mt_status st = mt_lock_init(&job->lock, NULL, NULL, err);
    if (st)
        return st;
    st = read_with_lock(job, err);
    mt_lock_destroy(&job->lock);
    return st;
}
