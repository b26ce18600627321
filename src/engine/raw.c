/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of raw chunks, read straight from the store in as few and as short ranges as cost least. */
#include "base/checked.h"
#include "engine/engine.h"

enum { RANGES, ROWS }; /* buffers of the scratch: nothing is decoded meanwhile */

#define MAX_SPAN ((int64_t)256 << 10)
#define MAX_BATCH ((int64_t)1 << 20)

/* A box in the order of storage: dimensions [0, outer) select ranges, the others lie within one range of span bytes. */
typedef struct layout {
    int ndim, outer;
    int64_t extent[MT_MAX_DIMS], in[MT_MAX_DIMS], out[MT_MAX_DIMS];
    int64_t span;
} layout;

static void sort_dimensions(layout *l, const mt_image *image, const int64_t *extent, const int64_t *out_stride)
{
    l->ndim = 0;
    for (int d = 0; d < image->map->ndim; d++) {
        if (extent[d] == 1)
            continue;
        int at = l->ndim++;
        for (; at > 0 && l->in[at - 1] < image->stride[d]; at--)
            l->extent[at] = l->extent[at - 1], l->in[at] = l->in[at - 1], l->out[at] = l->out[at - 1];
        l->extent[at] = extent[d], l->in[at] = image->stride[d], l->out[at] = out_stride[d];
    }
}

/* From the fastest dimension on: what lies between two rows is read along where that is cheaper than another range. */
static void choose_span(layout *l, size_t element_size, size_t merge_gap)
{
    l->span = (int64_t)element_size;
    l->outer = l->ndim;
    while (l->outer > 0) {
        int d = l->outer - 1;
        int64_t gap = l->in[d] - l->span, span = (l->extent[d] - 1) * l->in[d] + l->span;
        if (gap > (int64_t)merge_gap || span > MAX_SPAN)
            break;
        l->span = span;
        l->outer--;
    }
}

/* As many bytes are read in the time that one more range takes. */
#define RANGE_BYTES 8192

uint64_t mt_raw_cost(const mt_image *image, const int64_t *extent)
{
    static const int64_t nowhere[MT_MAX_DIMS] = { 0 };
    int64_t inside[MT_MAX_DIMS];
    layout l;
    for (int d = 0; d < image->map->ndim; d++) {
        inside[d] = mt_min_i64(extent[d], image->map->shape[d]);
        if (inside[d] == 0)
            return 0;
    }
    sort_dimensions(&l, image, inside, nowhere);
    choose_span(&l, image->element_size, image->store->costs.gap);
    uint64_t cost = (uint64_t)l.span + RANGE_BYTES;
    for (int d = 0; d < l.outer; d++)
        if (mt_mul_u64(cost, (uint64_t)l.extent[d], &cost))
            return UINT64_MAX;
    return cost;
}

typedef struct job {
    const mt_image *image;
    const mt_chunk_ref *ref;
    const mt_convert *convert;
    mt_scratch *scratch;
    mt_cancel *cancel;
    int64_t unasked; /* bytes read since the caller was last asked whether to stop */
} job;

/* n ranges along the last outer dimension, the first at offset, and their gather. */
static mt_status read_batch(job *j, const layout *l, int64_t n, uint64_t offset, uint8_t *out, mt_error *err)
{
    if (j->unasked >= MAX_BATCH) {
        j->unasked = 0;
        if (mt_cancel_asked(j->cancel))
            return MT_E_CANCELLED;
    }
    j->unasked += n * l->span;
    uint8_t *memory, *rows;
    mt_status st = mt_scratch_buffer(j->scratch, RANGES, (size_t)n * sizeof(mt_range), &memory, err);
    if (st || (st = mt_scratch_buffer(j->scratch, ROWS, (size_t)(n * l->span), &rows, err)))
        return st;
    mt_range *ranges = (mt_range *)(void *)memory;
    int64_t step = l->outer ? l->in[l->outer - 1] : 0;
    for (int64_t i = 0; i < n; i++)
        ranges[i] = (mt_range) { offset + (uint64_t)(i * step), (size_t)l->span, rows + i * l->span };
    if ((st = mt_store_read(j->image->store, j->ref->key, ranges, (size_t)n, err)))
        return st;

    int first = l->outer ? l->outer - 1 : 0;
    int64_t extent[MT_MAX_DIMS + 1], in[MT_MAX_DIMS + 1];
    for (int d = first; d < l->ndim; d++)
        extent[d - first] = l->extent[d], in[d - first] = l->in[d];
    if (l->outer)
        extent[0] = n, in[0] = l->span;
    mt_gather(j->convert, l->ndim - first, extent, out, l->out + first, rows, in);
    return MT_OK;
}

/* All ranges along the last outer dimension, in batches. */
static mt_status read_line(job *j, const layout *l, uint64_t offset, uint8_t *out, mt_error *err)
{
    if (l->outer == 0)
        return read_batch(j, l, 1, offset, out, err);
    int last = l->outer - 1;
    int64_t batch = MAX_BATCH / l->span > 0 ? MAX_BATCH / l->span : 1;
    for (int64_t i = 0; i < l->extent[last]; i += batch) {
        int64_t n = l->extent[last] - i < batch ? l->extent[last] - i : batch;
        mt_status st = read_batch(j, l, n, offset + (uint64_t)(i * l->in[last]), out + i * l->out[last], err);
        if (st)
            return st;
    }
    return MT_OK;
}

mt_status mt_raw_read(const mt_image *image, const mt_chunk_ref *ref, const uint8_t *view, const mt_convert *convert,
                      const int64_t *low, const int64_t *extent, uint8_t *out, const int64_t *out_stride,
                      mt_scratch *scratch, mt_cancel *cancel, mt_error *err)
{
    int64_t within = 0;
    for (int d = 0; d < image->map->ndim; d++)
        within += low[d] * image->stride[d];
    if (view) {
        mt_gather(convert, image->map->ndim, extent, out, out_stride, view + within, image->stride);
        return MT_OK;
    }
    layout l;
    sort_dimensions(&l, image, extent, out_stride);
    choose_span(&l, image->element_size, image->store->costs.gap);

    job j = { image, ref, convert, scratch, cancel, 0 };
    uint64_t offset = ref->offset + (uint64_t)within;
    int64_t index[MT_MAX_DIMS] = { 0 };
    for (;;) { /* over the outer dimensions but the last */
        mt_status st = read_line(&j, &l, offset, out, err);
        if (st)
            return st;
        int d = l.outer - 2;
        for (; d >= 0; d--) {
            offset += (uint64_t)l.in[d], out += l.out[d];
            if (++index[d] < l.extent[d])
                break;
            offset -= (uint64_t)(l.in[d] * l.extent[d]), out -= l.out[d] * l.extent[d];
            index[d] = 0;
        }
        if (d < 0)
            return MT_OK;
    }
}
