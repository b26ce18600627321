/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/walk.h"

#include "base/checked.h"

#include <string.h>

void mt_walk_init(mt_walk *w, const mt_image *image, const mt_box *box)
{
    w->image = image;
    w->box = *box;
    w->done = false;
    for (int d = 0; d < image->map->ndim; d++) {
        w->first[d] = mt_image_chunk_at(image, d, box->start[d]);
        w->last[d] = mt_image_chunk_at(image, d, box->start[d] + box->extent[d] - 1);
        w->position[d] = w->first[d];
    }
}

/* Carries into the dimensions before d, after the end of dimension d. */
static bool carry(const mt_walk *w, int64_t *position, int d)
{
    for (; d >= 0; d--) {
        if (position[d] < w->last[d]) {
            position[d]++;
            return true;
        }
        position[d] = w->first[d];
    }
    return false;
}

void mt_walk_next(mt_walk *w) { w->done = !carry(w, w->position, w->image->map->ndim - 1); }

uint64_t mt_walk_count(const mt_walk *w)
{
    uint64_t n = 1;
    for (int d = 0; d < w->image->map->ndim; d++)
        if (mt_mul_u64(n, (uint64_t)(w->last[d] - w->first[d]) + 1, &n))
            return UINT64_MAX;
    return n;
}

/* The first position of the walk at or after target. False if there is none. */
static bool find_inside(const mt_walk *w, const int64_t *target, int64_t *out)
{
    int ndim = w->image->map->ndim;
    memcpy(out, target, (size_t)ndim * sizeof *out);
    for (int d = 0; d < ndim; d++) {
        bool before = out[d]<w->first[d], behind = out[d]> w->last[d];
        if (!before && !behind)
            continue;
        memcpy(out + d, w->first + d, (size_t)(ndim - d) * sizeof *out);
        return before || carry(w, out, d - 1);
    }
    return true;
}

static bool starts_rows(const mt_walk *w, int d)
{
    for (int e = d + 1; e < w->image->map->ndim; e++)
        if (w->position[e] != w->first[e])
            return false;
    return true;
}

static void make_box(const mt_walk *w, int d, int64_t end, mt_box *out, uint64_t *n)
{
    const mt_image *image = w->image;
    *n = 1;
    for (int e = 0; e < image->map->ndim; e++) {
        int64_t high = e < d ? w->position[e] : e == d ? end : w->last[e];
        int64_t from = mt_max_i64(mt_image_chunk_start(image, e, w->position[e]), w->box.start[e]);
        int64_t to = mt_min_i64(mt_image_chunk_end(image, e, high), w->box.start[e] + w->box.extent[e]);
        out->start[e] = from;
        out->extent[e] = to - from;
        if (mt_mul_u64(*n, (uint64_t)(high - w->position[e]) + 1, n))
            *n = UINT64_MAX;
    }
}

/* Takes the largest box that starts here: along dimension d up to target (exclusive) or to the end, whole along faster
 * dimensions. */
bool mt_walk_take(mt_walk *w, const int64_t *target, mt_box *out, uint64_t *n)
{
    int64_t to[MT_MAX_DIMS];
    int ndim = w->image->map->ndim;
    bool shared = !w->done && find_inside(w, target, to); /* the target has the same slower position */
    bool any = !w->done && !shared;
    for (int d = 0; shared && d < ndim; d++) {
        if (to[d] < w->position[d])
            return false;
        any |= to[d] > w->position[d];
        if (to[d] > w->position[d])
            break;
    }
    for (int d = 0; any && d < ndim; d++) {
        int64_t end = shared ? to[d] - 1 : w->last[d];
        if (end >= w->position[d] && starts_rows(w, d)) {
            make_box(w, d, end, out, n);
            for (int e = d; e < ndim; e++)
                w->position[e] = e == d ? end : w->last[e];
            mt_walk_next(w);
            return true;
        }
        shared = shared && to[d] == w->position[d];
    }
    return false;
}
