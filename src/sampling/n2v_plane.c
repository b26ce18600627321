/* SPDX-License-Identifier: BSD-3-Clause */
/* Chosen pixels of a plane, and the structN2V pattern around them. */
#include "base/checked.h"
#include "sampling/n2v.h"

#include <math.h>
#include <string.h>

bool mt_n2v_make_grid(mt_n2v *n2v, double percentage)
{
    const mt_planes *p = &n2v->planes;
    n2v->side = (float)pow(1 / (percentage / 100), 1.0 / (double)p->n_spatial);
    n2v->n_boxes = 1;
    for (int d = 0; d < 3; d++) {
        bool is_axis = (size_t)d + p->n_spatial >= 3;
        n2v->boxes[d] = is_axis ? (int64_t)ceilf((float)p->shape[d] / n2v->side) : 1;
        if (mt_mul_size(n2v->n_boxes, (size_t)n2v->boxes[d], &n2v->n_boxes))
            return true;
    }
    return false;
}

/* A pixel's coordinates ZYX come from one number of 64 bits: 21 for each axis. False: it lies outside the plane. */
static bool place_pixel(const mt_n2v *n2v, const int64_t box[3], uint64_t bits, int64_t at[3])
{
    const mt_planes *p = &n2v->planes;
    for (size_t d = 3 - p->n_spatial; d < 3; d++, bits >>= 21) {
        at[d] = mt_n2v_place(n2v->side, box[d], (float)(bits & 0x1FFFFF) * 0x1p-21F, p->shape[d]);
        if (at[d] == p->shape[d])
            return false;
    }
    return true;
}

static void choose_in_box(const mt_n2v *n2v, const int64_t box[3], mt_n2v_work *w)
{
    const int64_t *shape = n2v->planes.shape;
    int64_t at[3] = { 0 };
    mt_n2v_choice *choice = &w->choices[w->n_choices];
    if (place_pixel(n2v, box, mt_random_next(&w->places), at) && n2v->replace(n2v, w, at, &choice->value)) {
        choice->index = (size_t)((at[0] * shape[1] + at[1]) * shape[2] + at[2]);
        w->n_choices++;
    }
}

static void choose(const mt_n2v *n2v, mt_n2v_work *w)
{
    int64_t box[3];
    w->n_choices = 0;
    for (box[0] = 0; box[0] < n2v->boxes[0]; box[0]++)
        for (box[1] = 0; box[1] < n2v->boxes[1]; box[1]++)
            for (box[2] = 0; box[2] < n2v->boxes[2]; box[2]++)
                choose_in_box(n2v, box, w);
}

/* The range of the finite values. False if there are none. Integers are compared faster than numbers that may be NaN. */
static bool find_range(const float *values, size_t n, double *low, double *high)
{
    const int32_t infinity = mt_key_of(INFINITY);
    int32_t least = infinity, greatest = mt_key_of(-INFINITY);
    for (size_t i = 0; i < n; i++) {
        int32_t key = mt_key_of(values[i]);
        bool is_finite = key < infinity && key > mt_key_of(-INFINITY);
        least = is_finite && key < least ? key : least;
        greatest = is_finite && key > greatest ? key : greatest;
    }
    *low = (double)mt_value_of(least);
    *high = (double)mt_value_of(greatest);
    return least <= greatest;
}

/* Replaces the pixels at one distance from all chosen pixels. */
static void fill_around(const mt_n2v *n2v, mt_n2v_work *w, int64_t dy, int64_t dx, double low, double high, float *to)
{
    int64_t rows = n2v->planes.shape[1], columns = n2v->planes.shape[2];
    for (size_t i = 0; i < w->n_choices; i++) {
        int64_t index = (int64_t)w->choices[i].index, y = index / columns % rows + dy, x = index % columns + dx;
        if (y >= 0 && y < rows && x >= 0 && x < columns)
            to[index + dy * columns + dx] = (float)(low + mt_random_double(&w->values) * (high - low));
    }
}

static void fill_pattern(const mt_n2v *n2v, mt_n2v_work *w, float *to)
{
    double low, high;
    int64_t reach[2];
    if (!find_range(to, n2v->planes.elements, &low, &high))
        return;
    for (int axis = 0; axis < 2; axis++)
        reach[axis] = mt_max_i64(n2v->blind[0][axis], n2v->blind[1][axis]);
    for (int64_t dy = -reach[0]; dy <= reach[0]; dy++)
        for (int64_t dx = -reach[1]; dx <= reach[1]; dx++)
            if ((dy || dx) && mt_n2v_is_blind(n2v, dy, dx))
                fill_around(n2v, w, dy, dx, low, high, to);
}

void mt_n2v_manipulate_plane(const mt_n2v *n2v, size_t plane, mt_n2v_work *w, float *to, uint8_t *mask)
{
    const mt_planes *p = &n2v->planes;
    uint64_t item = n2v->first + plane / p->channels, channel = plane % p->channels;
    if (to != w->from)
        memcpy(to, w->from, p->elements * sizeof *to);
    memset(mask, 0, p->elements);
    mt_random_start(&w->places, n2v->seed, MT_STREAM_MASK, n2v->step, item, channel);
    mt_random_start(&w->values, n2v->seed, MT_STREAM_REPLACE, n2v->step, item, channel);
    choose(n2v, w);
    for (size_t i = 0; i < w->n_choices; i++) {
        to[w->choices[i].index] = w->choices[i].value;
        mask[w->choices[i].index] = 1;
    }
    if (n2v->has_pattern)
        fill_pattern(n2v, w, to);
}
