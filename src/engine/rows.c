/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/rows.h"

#include "base/checked.h"

#define MAX_SPAN ((int64_t)256 << 10)
#define MAX_BATCH ((int64_t)1 << 20)

/* Dimensions that are stored backwards are read forwards and written backwards. */
static void sort_dimensions(mt_rows *r, int ndim, const int64_t *extent, const int64_t *stride,
                            const int64_t *out_stride)
{
    r->ndim = 0;
    for (int d = 0; d < ndim; d++) {
        if (extent[d] == 1)
            continue;
        bool backwards = stride[d] < 0;
        int64_t in = backwards ? -stride[d] : stride[d], out = backwards ? -out_stride[d] : out_stride[d];
        if (backwards)
            r->at -= (uint64_t)((extent[d] - 1) * in), r->to -= (extent[d] - 1) * out;
        int at = r->ndim++;
        for (; at > 0 && r->in[at - 1] < in; at--)
            r->extent[at] = r->extent[at - 1], r->in[at] = r->in[at - 1], r->out[at] = r->out[at - 1];
        r->extent[at] = extent[d], r->in[at] = in, r->out[at] = out;
    }
}

/* Starting at the fastest dimension, merges rows into one range if reading the gap is cheaper than another range. */
static void choose_span(mt_rows *r, size_t element_size, size_t gap)
{
    r->span = (int64_t)element_size;
    r->outer = r->ndim;
    while (r->outer > 0) {
        int d = r->outer - 1;
        int64_t between = r->in[d] - r->span, span = (r->extent[d] - 1) * r->in[d] + r->span;
        if (between > (int64_t)gap || span > MAX_SPAN)
            break;
        r->span = span;
        r->outer--;
    }
}

void mt_rows_init(mt_rows *r, int ndim, const int64_t *extent, const int64_t *stride, size_t element_size, size_t gap,
                  uint64_t offset, uint8_t *out, const int64_t *out_stride)
{
    r->at = offset;
    r->to = out;
    sort_dimensions(r, ndim, extent, stride, out_stride);
    choose_span(r, element_size, gap);
    r->most = mt_max_i64(MAX_BATCH / r->span, 1);
    r->done = false;
    for (int d = 0; d < r->outer; d++)
        r->index[d] = 0;
}

/* Advances by n ranges along the last outer dimension, with a carry at its end. */
static void advance(mt_rows *r, int64_t n)
{
    for (int d = r->outer - 1; d >= 0; d--, n = 1) {
        r->index[d] += n;
        r->at += (uint64_t)(n * r->in[d]), r->to += n * r->out[d];
        if (r->index[d] < r->extent[d])
            return;
        r->at -= (uint64_t)(r->in[d] * r->extent[d]), r->to -= r->out[d] * r->extent[d];
        r->index[d] = 0;
    }
    r->done = true;
}

bool mt_rows_next(mt_rows *r, mt_row_batch *out)
{
    if (r->done)
        return false;
    int last = r->outer - 1, first = r->outer ? last : 0;
    out->offset = r->at;
    out->to = r->to;
    out->span = r->span;
    out->step = r->outer ? r->in[last] : 0;
    out->n = r->outer ? mt_min_i64(r->most, r->extent[last] - r->index[last]) : 1;
    out->ndim = r->ndim - first;
    for (int d = first; d < r->ndim; d++)
        out->extent[d - first] = r->extent[d], out->in[d - first] = r->in[d], out->out[d - first] = r->out[d];
    if (r->outer)
        out->extent[0] = out->n, out->in[0] = r->span;
    advance(r, out->n);
    return true;
}

mt_range mt_row_range(const mt_row_batch *batch, int64_t i, uint8_t *buffer)
{
    return (mt_range) { batch->offset + (uint64_t)(i * batch->step), (size_t)batch->span, buffer + i * batch->span };
}

void mt_rows_gather(const mt_row_batch *batch, const mt_convert *convert, const uint8_t *buffer)
{
    mt_gather(convert, batch->ndim, batch->extent, batch->to, batch->out, buffer, batch->in);
}

void mt_rows_fill(const mt_row_batch *batch, const mt_convert *convert, const void *element)
{
    static const int64_t same_element[MT_MAX_DIMS + 1] = { 0 };
    mt_convert as_is = *convert;
    as_is.swap = false;
    mt_gather(&as_is, batch->ndim, batch->extent, batch->to, batch->out, element, same_element);
}

/* Chunks are counted for the most favourable position of the box. */
uint64_t mt_rows_cost(const mt_image *image, const int64_t *extent)
{
    static const int64_t nowhere[MT_MAX_DIMS] = { 0 };
    const mt_chunk_map *map = image->map;
    const mt_layout *layout = map->contiguous ? &image->piece : &image->chunk;
    int64_t inside[MT_MAX_DIMS];
    uint64_t chunks = 1, cost;
    mt_rows rows;
    for (int d = 0; d < map->ndim; d++) {
        inside[d] = mt_min_i64(extent[d], map->shape[d]);
        if (inside[d] == 0)
            return 0;
        if (map->contiguous)
            continue;
        chunks *= (uint64_t)((inside[d] - 1) / map->chunk_shape[d]) + 1;
        inside[d] = mt_min_i64(inside[d], map->chunk_shape[d]);
    }
    mt_rows_init(&rows, map->ndim, inside, layout->stride, image->element_size, image->store->costs.gap, 0, NULL,
                 nowhere);
    cost = (uint64_t)rows.span + image->store->costs.request;
    for (int d = 0; d < rows.outer; d++)
        if (mt_mul_u64(cost, (uint64_t)rows.extent[d], &cost))
            return UINT64_MAX;
    return mt_mul_u64(cost, chunks, &cost) ? UINT64_MAX : cost;
}
