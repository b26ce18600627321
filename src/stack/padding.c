/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/padding.h"

#include "base/checked.h"
#include "stack/request.h"

#include <string.h>

/* No patch extends beyond 2^47 pixels, so a longer axis has the same reflections as one of this length. */
#define LONGEST_AXIS ((int64_t)1 << 50)

static void add_run(mt_runs *runs, int64_t in, int64_t extent, bool is_mirrored)
{
    runs->items[runs->n++] = (mt_run) { runs->high, in, extent, is_mirrored };
    runs->high += extent;
}

static void find_inside(int64_t length, int64_t coord, int64_t size, mt_runs *out)
{
    int64_t low = mt_min_i64(mt_max_i64(-coord, 0), size);
    int64_t high = mt_max_i64(mt_min_i64(length, coord + size) - coord, low);
    *out = (mt_runs) { .low = low, .high = low };
    if (high > low)
        add_run(out, coord + low, high - low, false);
}

/* Edge padding. If the patch lies outside the image, uses the nearest pixel. */
static void find_edge(int64_t length, int64_t coord, int64_t size, mt_runs *out)
{
    find_inside(length, coord, size, out);
    if (out->n > 0 || size == 0)
        return;
    out->low = out->high = coord < 0 ? size - 1 : 0;
    add_run(out, coord < 0 ? 0 : length - 1, 1, false);
}

/* Reflect padding. It has the period 2 * (length - 1), one forward and one mirrored; one period has at most three
 * runs. */
static void find_reflected(int64_t length, int64_t coord, int64_t size, mt_runs *out)
{
    const int64_t n = mt_min_i64(length, LONGEST_AXIS), period = n > 1 ? 2 * (n - 1) : 1;
    const int64_t covered = mt_min_i64(size, period);
    int64_t phase = (coord % period + period) % period;
    *out = (mt_runs) { .n = 0 };
    while (out->high < covered) {
        bool is_mirrored = phase >= n;
        int64_t extent = mt_min_i64((is_mirrored ? period : n) - phase, covered - out->high);
        add_run(out, is_mirrored ? period - phase - extent + 1 : phase, extent, is_mirrored);
        phase = (phase + extent) % period;
    }
}

void mt_padding_init(mt_padding *p, const mt_patch_request *r)
{
    p->request = r;
    p->n_boxes = 1;
    for (size_t i = 0; i < r->n_spatial; i++) {
        int64_t length = r->stack->info.data_shape[2 + i];
        if (r->view.padding_mode == MT_PAD_REFLECT)
            find_reflected(length, r->coords[i], r->patch_size[i], &p->axes[i]);
        else if (r->view.padding_mode == MT_PAD_EDGE)
            find_edge(length, r->coords[i], r->patch_size[i], &p->axes[i]);
        else
            find_inside(length, r->coords[i], r->patch_size[i], &p->axes[i]);
        p->n_boxes *= p->axes[i].n;
    }
}

bool mt_padding_is_whole(const mt_padding *p)
{
    bool whole = p->n_boxes == 1;
    for (size_t i = 0; i < p->request->n_spatial; i++) {
        const mt_runs *runs = &p->axes[i];
        whole &=
            runs->low == 0 && runs->high == p->request->patch_size[i] && runs->items[0].in == p->request->coords[i];
    }
    return whole;
}

void mt_padding_get(const mt_padding *p, int i, mt_padding_box *out)
{
    const mt_patch_request *r = p->request;
    uint8_t *data = r->view.data;
    mt_request_strides(r, out->strides);
    for (size_t d = 0; d < r->n_spatial; d++) {
        const mt_run *run = &p->axes[d].items[i % p->axes[d].n];
        int64_t *stride = &out->strides[1 + d];
        i /= p->axes[d].n;
        out->coords[d] = run->in;
        out->size[d] = run->extent;
        data += (run->is_mirrored ? run->out + run->extent - 1 : run->out) * *stride;
        *stride = run->is_mirrored ? -*stride : *stride;
    }
    out->request = *r;
    out->request.coords = out->coords;
    out->request.patch_size = out->size;
    out->request.view.data = data;
    out->request.view.strides = out->strides;
}

/* A copy within a patch along one axis: n pixels at from are copied to to. */
typedef struct shift {
    int64_t from, to, n;
    bool is_repeated; /* the one pixel at from is copied to all n positions */
} shift;

/* Copies whole extents along the axes before axis, and the part covered by runs along those after it. */
static void copy_slab(const mt_padding *p, int axis, const shift *s)
{
    const mt_patch_request *r = p->request;
    int n = (int)r->n_spatial;
    int64_t extent[4] = { mt_request_channels(r) }, strides[4], in[4];
    uint8_t *data = r->view.data;
    mt_request_strides(r, strides);
    memcpy(in, strides, sizeof in);
    for (int d = 0; d < n; d++) {
        extent[1 + d] = d < axis ? r->patch_size[d] : p->axes[d].high - p->axes[d].low;
        data += d > axis ? p->axes[d].low * strides[1 + d] : 0;
    }
    extent[1 + axis] = s->n;
    in[1 + axis] = s->is_repeated ? 0 : in[1 + axis];
    mt_convert as_is = { .from = mt_view_dtype(&r->view), .to = mt_view_dtype(&r->view) };
    mt_gather(&as_is, 1 + n, extent, data + s->to * strides[1 + axis], strides, data + s->from * strides[1 + axis], in);
}

void mt_padding_fill(const mt_padding *p)
{
    const mt_patch_request *r = p->request;
    if (r->view.padding_mode == MT_PAD_CONSTANT)
        return;
    for (int d = 0; d < (int)r->n_spatial; d++) {
        const int64_t low = p->axes[d].low, high = p->axes[d].high, size = r->patch_size[d];
        if (r->view.padding_mode == MT_PAD_EDGE && low > 0)
            copy_slab(p, d, &(shift) { low, 0, low, true });
        if (r->view.padding_mode == MT_PAD_EDGE && high < size)
            copy_slab(p, d, &(shift) { high - 1, high, size - high, true });
        for (int64_t at = high; r->view.padding_mode == MT_PAD_REFLECT && at < size; at += high)
            copy_slab(p, d, &(shift) { at - high, at, mt_min_i64(high, size - at), false });
    }
}
