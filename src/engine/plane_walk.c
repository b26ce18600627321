/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/plane_walk.h"

static void set_dim(mt_plane_walk *w, int d, int64_t extent, int64_t out_stride, int64_t in_stride)
{
    w->extent[d] = extent, w->out_stride[d] = out_stride, w->in_stride[d] = in_stride;
}

/* Takes the dimensions of extents other than 1, those of the largest strides of out first. A dimension that is backwards
 * in out is walked backwards in both. */
static bool sort_dims(mt_plane_walk *w, int ndim, const int64_t *extent, const int64_t *out_stride,
                      const int64_t *in_stride)
{
    w->ndim = 0;
    for (int d = 0; d < ndim; d++) {
        if (extent[d] <= 0)
            return false;
        if (extent[d] == 1)
            continue;
        bool is_backwards = out_stride[d] < 0;
        int64_t forwards = is_backwards ? -out_stride[d] : out_stride[d];
        if (is_backwards)
            w->out += (extent[d] - 1) * out_stride[d], w->in += (extent[d] - 1) * in_stride[d];
        int at = w->ndim++;
        for (; at > 0 && w->out_stride[at - 1] < forwards; at--)
            set_dim(w, at, w->extent[at - 1], w->out_stride[at - 1], w->in_stride[at - 1]);
        set_dim(w, at, extent[d], forwards, is_backwards ? -in_stride[d] : in_stride[d]);
    }
    return true;
}

static void merge_dims(mt_plane_walk *w)
{
    int kept = 0;
    for (int d = 1; d < w->ndim; d++) {
        bool is_contiguous = w->out_stride[kept] == w->out_stride[d] * w->extent[d] &&
                             w->in_stride[kept] == w->in_stride[d] * w->extent[d];
        int64_t before = is_contiguous ? w->extent[kept] : 1;
        kept += !is_contiguous;
        set_dim(w, kept, before * w->extent[d], w->out_stride[d], w->in_stride[d]);
    }
    w->ndim = w->ndim ? kept + 1 : 0;
}

bool mt_plane_walk_begin(mt_plane_walk *w, int ndim, const int64_t *extent, uint8_t *out, const int64_t *out_stride,
                         const uint8_t *in, const int64_t *in_stride)
{
    w->out = out, w->in = in;
    if (!sort_dims(w, ndim, extent, out_stride, in_stride))
        return false;
    merge_dims(w);
    mt_plane p = { .rows = 1, .columns = 1 };
    int last = w->ndim - 1;
    if (last >= 0)
        p.columns = w->extent[last], p.out_column = w->out_stride[last], p.in_column = w->in_stride[last];
    if (last >= 1)
        p.rows = w->extent[last - 1], p.out_row = w->out_stride[last - 1], p.in_row = w->in_stride[last - 1];
    p.in_skip = (last >= 2 ? w->in_stride[last - 2] : 0) - p.rows * p.in_row;
    w->plane = p;
    w->ndim = last >= 2 ? last - 1 : 0;
    for (int d = 0; d < w->ndim; d++)
        w->index[d] = 0;
    return true;
}

bool mt_plane_walk_next(mt_plane_walk *w)
{
    for (int d = w->ndim - 1; d >= 0; d--) {
        w->out += w->out_stride[d], w->in += w->in_stride[d];
        if (++w->index[d] < w->extent[d])
            return true;
        w->out -= w->out_stride[d] * w->extent[d], w->in -= w->in_stride[d] * w->extent[d];
        w->index[d] = 0;
    }
    return false;
}
