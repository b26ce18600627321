/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads an image once, reduces it to cells, and judges the windows.
 *
 * The sweep goes along the first axis of the image, layer of cells by layer, several layers at a time: as many as their
 * chunks are thick. The ring holds the summaries of these layers and of the one before. If it would be too large, the
 * image is cut along the next axis into strips that share one row of cells. */
#include "base/checked.h"
#include "pool/pool.h"
#include "sampling/filter.h"
#include "stack/visit.h"

#include <string.h>

enum { SLAB_BYTES = 32 << 20, SLAB_LEAST = 4 << 20, RING_LEAST = 64 << 20 };

typedef struct sweep {
    const mt_filter *f;
    mt_context *context;
    int along, across, rest; /* axes: of the sweep, of the strips, and the third */
    int64_t depth;           /* layers that are read at a time */
    int64_t width;           /* cells of a strip along across */
    int64_t slab[3];         /* most cells of a slab along each axis, ZYX */
    unsigned threads;

    uint8_t *ring;    /* summaries: depth + 1 layers, the last one where the first one was; width rows; rest */
    float *pixels;    /* of a slab, in pixels of the stack */
    uint8_t *scratch; /* for each thread: a cell of pixels, and what the filter needs */
    size_t cell_stride, scratch_stride, ring_bytes, pixel_bytes, scratch_bytes;

    int64_t strip; /* first cell of the strip along across */
    uint8_t *keep;
    float *values;
    uint64_t n_regions, n_done;
    _Atomic uint64_t n_kept, n_nan;
} sweep;

/* Cells or regions that the threads share: a box, and the next item of it. */
typedef struct work {
    sweep *s;
    mt_box box;              /* in cells or regions, ZYX */
    int64_t n;               /* items */
    int64_t low[3], size[3]; /* of a slab, in pixels of the stack */
    _Atomic int64_t next;
} work;

static int64_t min3(int64_t a, int64_t b, int64_t c) { return mt_min_i64(a, mt_min_i64(b, c)); }

/* Takes the next item. False: there is none. */
static bool take_item(work *w, int64_t *at)
{
    int64_t i = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed);
    if (i >= w->n)
        return false;
    for (int d = 2; d >= 0; d--) {
        at[d] = w->box.start[d] + i % w->box.extent[d];
        i /= w->box.extent[d];
    }
    return true;
}

static void share_out(sweep *s, work *w, void (*run)(void *, size_t))
{
    w->s = s;
    w->n = w->box.extent[0] * w->box.extent[1] * w->box.extent[2];
    if (w->n > 0)
        mt_pool_run(s->context->pool, (size_t)mt_min_i64(s->threads, w->n), run, w);
}

static void *find_cell(const sweep *s, const int64_t *cell)
{
    int64_t layer = cell[s->along] % (s->depth + 1), row = cell[s->across] - s->strip;
    int64_t i = (layer * s->width + row) * s->f->cells[s->rest] + cell[s->rest];
    return s->ring + (size_t)i * s->cell_stride;
}

/* --- Cells. --- */

/* Copies a row of pixels, of which those from inside on are outside the image. Returns how many are NaN. */
static int64_t copy_row(const work *w, const float *from, int64_t start, int64_t n, int64_t inside, float *to)
{
    int64_t n_nan = 0, factor = w->s->f->factor[2], last = w->low[2] + w->size[2] - 1;
    if (factor == 1)
        memcpy(to, from + start - w->low[2], (size_t)inside * sizeof *to);
    else
        for (int64_t i = 0; i < inside; i++)
            to[i] = from[mt_min_i64((start + i) / factor, last) - w->low[2]];
    for (int64_t i = 0; i < inside; i++)
        if (to[i] != to[i]) {
            to[i] = 0;
            n_nan++;
        }
    memset(to + inside, 0, (size_t)(n - inside) * sizeof *to);
    return n_nan;
}

/* Where pixel i of the image lies in a slab, along an axis. */
static int64_t place(const work *w, int axis, int64_t i)
{
    return mt_min_i64(i / w->s->f->factor[axis] - w->low[axis], w->size[axis] - 1);
}

static int64_t copy_cell(const work *w, const int64_t *cell, float *to)
{
    const mt_filter *f = w->s->f;
    const int64_t *patch = f->patch;
    int64_t start[3], inside[3], n_nan = 0;
    for (int d = 0; d < 3; d++) {
        start[d] = cell[d] * patch[d];
        inside[d] = mt_max_i64(0, mt_min_i64(patch[d], f->shape[d] - start[d]));
    }
    for (int64_t z = 0; z < patch[0]; z++)
        for (int64_t y = 0; y < patch[1]; y++, to += patch[2]) {
            if (z >= inside[0] || y >= inside[1] || inside[2] == 0) {
                memset(to, 0, (size_t)patch[2] * sizeof *to);
                continue;
            }
            int64_t row = place(w, 0, start[0] + z) * w->size[1] + place(w, 1, start[1] + y);
            n_nan += copy_row(w, w->s->pixels + row * w->size[2], start[2], patch[2], inside[2], to);
        }
    return n_nan;
}

static void reduce_cells(void *argument, size_t thread)
{
    work *w = argument;
    sweep *s = w->s;
    float *pixels = (float *)(void *)(s->scratch + thread * s->scratch_stride);
    int64_t cell[3];
    uint64_t n_nan = 0;
    while (take_item(w, cell)) {
        int64_t n = copy_cell(w, cell, pixels);
        bool is_new = cell[s->across] > s->strip || s->strip == 0; /* strips share a row of cells */
        n_nan += is_new ? (uint64_t)n : 0;
        s->f->kind->reduce(s->f, pixels, find_cell(s, cell), pixels + s->f->cell_pixels);
    }
    atomic_fetch_add(&s->n_nan, n_nan);
}

/* Reads the part of the image that some cells cover, and reduces them. */
static mt_status read_slab(sweep *s, const mt_box *cells, const mt_extract_options *reading, mt_error *err)
{
    const mt_filter *f = s->f;
    work w = { .box = *cells };
    bool is_empty = false;
    for (int d = 0; d < 3; d++) {
        int64_t start = cells->start[d] * f->patch[d], last = f->stack_shape[d] - 1;
        int64_t end = mt_min_i64(start + cells->extent[d] * f->patch[d], f->shape[d]);
        is_empty |= start >= end;
        w.low[d] = mt_min_i64(start / f->factor[d], last);
        w.size[d] = mt_min_i64((end - 1) / f->factor[d], last) - w.low[d] + 1;
    }
    size_t n = (size_t)f->n_spatial;
    const mt_patch_request request = { .stack = f->stack,
                                       .sample = f->sample,
                                       .channels = &f->options.ref_channel,
                                       .n_channels = 1,
                                       .n_spatial = n,
                                       .coords = w.low + 3 - n,
                                       .patch_size = w.size + 3 - n,
                                       .view = { .data = s->pixels } };
    mt_status st = is_empty ? MT_OK : mt_extract_patches(&request, 1, reading, err);
    if (!st)
        share_out(s, &w, reduce_cells);
    return st;
}

/* Reads some layers of a strip. */
static mt_status read_layers(sweep *s, const mt_box *layers, const mt_extract_options *reading, mt_error *err)
{
    mt_box cells = *layers;
    int64_t end[3];
    for (int d = 0; d < 3; d++)
        end[d] = layers->start[d] + layers->extent[d];
    for (int64_t y = layers->start[s->across]; y < end[s->across]; y += s->slab[s->across])
        for (int64_t x = 0; x < end[s->rest]; x += s->slab[s->rest]) {
            cells.start[s->across] = y;
            cells.extent[s->across] = mt_min_i64(s->slab[s->across], end[s->across] - y);
            cells.start[s->rest] = x;
            cells.extent[s->rest] = mt_min_i64(s->slab[s->rest], end[s->rest] - x);
            mt_status st = read_slab(s, &cells, reading, err);
            if (st)
                return st;
        }
    return MT_OK;
}

/* --- Windows. --- */

static void judge_regions(void *argument, size_t thread)
{
    work *w = argument;
    sweep *s = w->s;
    const mt_filter *f = s->f;
    void *scratch = s->scratch + thread * s->scratch_stride + f->cell_pixels * sizeof(float);
    int64_t at[3];
    uint64_t n_kept = 0;
    while (take_item(w, at)) {
        const void *cells[MT_MOST_CORNERS];
        float values[2];
        size_t region = (size_t)((at[0] * f->grid[1] + at[1]) * f->grid[2] + at[2]);
        for (size_t k = 0; k < f->n_corners; k++) {
            const int64_t cell[3] = { at[0] + (k >> 2 & 1), at[1] + (k >> 1 & 1), at[2] + (k & 1) };
            cells[k] = find_cell(s, cell);
        }
        bool kept = f->kind->judge(f, cells, scratch, s->values ? values : NULL);
        if (s->keep)
            s->keep[region] = kept;
        for (size_t i = 0; s->values && i < f->n_values; i++)
            s->values[i * s->n_regions + region] = values[i];
        n_kept += kept;
    }
    atomic_fetch_add(&s->n_kept, n_kept);
}

static void tell_progress(const sweep *s)
{
    const mt_filter_options *o = &s->f->options;
    if (o->progress)
        o->progress(o->user, s->n_done, s->n_regions);
}

/* Judges the regions of a strip of rows cells along across. */
static mt_status sweep_strip(sweep *s, int64_t rows, const mt_extract_options *reading, mt_error *err)
{
    const mt_filter *f = s->f;
    mt_box layers = { { 0 }, { 0 } };
    layers.start[s->across] = s->strip;
    layers.extent[s->across] = rows;
    layers.extent[s->rest] = f->cells[s->rest];
    for (int64_t layer = 0; layer < f->cells[s->along]; layer += s->depth) {
        layers.start[s->along] = layer;
        layers.extent[s->along] = mt_min_i64(s->depth, f->cells[s->along] - layer);
        tell_progress(s);
        mt_status st = read_layers(s, &layers, reading, err);
        if (st)
            return st;
        work w = { .box = layers };
        w.box.start[s->along] = mt_max_i64(layer - 1, 0);
        w.box.extent[s->along] = layer + layers.extent[s->along] - 1 - w.box.start[s->along];
        w.box.extent[s->across] = rows - 1;
        w.box.extent[s->rest] = f->grid[s->rest];
        share_out(s, &w, judge_regions);
        s->n_done += (uint64_t)w.n;
    }
    return MT_OK;
}

static mt_status sweep_all(sweep *s, mt_error *err)
{
    const mt_filter_options *o = &s->f->options;
    const mt_extract_options reading = { .struct_size = sizeof reading, .cancelled = o->cancelled, .user = o->user };
    int64_t cells = s->f->cells[s->across];
    for (s->strip = 0; s->strip < cells - 1; s->strip += s->width - 1) {
        mt_status st = sweep_strip(s, mt_min_i64(s->width, cells - s->strip), &reading, err);
        if (st)
            return st;
    }
    tell_progress(s);
    return MT_OK;
}

/* --- Memory. --- */

/* Layers of cells that cover a chunk. */
static int64_t chunk_depth(const sweep *s)
{
    const mt_filter *f = s->f;
    mt_stack_dims dims;
    int64_t chunk = 1;
    mt_stack_get_dims(f->stack, &dims);
    for (int d = 0; d < dims.ndim; d++)
        if (dims.axis[d] == MT_AXIS_Z + s->along)
            chunk = dims.chunk[d];
    return (chunk - 1) / mt_max_i64(1, f->patch[s->along] / f->factor[s->along]) + 1;
}

/* The largest number up to most whose product with each is at most total; at least 1. */
static int64_t fit(int64_t most, double each, double total)
{
    double n = total / each;
    return n < 1 ? 1 : n < (double)most ? (int64_t)n : most;
}

static void choose_sizes(sweep *s)
{
    const mt_filter *f = s->f;
    const int64_t *cells = f->cells;
    double cell = (double)f->cell_pixels * sizeof(float), rest = (double)cells[s->rest];
    double layer = rest * (double)cells[s->across], budget = (double)mt_cache_budget(s->context->chunks) / 2;
    double ring = budget > RING_LEAST ? budget : RING_LEAST, stride = (double)s->cell_stride;
    int64_t wanted = mt_max_i64(chunk_depth(s), fit(INT64_MAX / 2, cell * layer, SLAB_LEAST));
    int64_t most = min3(wanted, cells[s->along], fit(INT64_MAX / 2, cell, SLAB_BYTES));
    s->depth = mt_max_i64(1, fit(most + 1, stride * layer, ring) - 1);
    s->width = mt_max_i64(2, fit(cells[s->across], stride * rest * (double)(s->depth + 1), ring));
    s->slab[s->along] = s->depth;
    s->slab[s->rest] = fit(cells[s->rest], cell * (double)s->depth, SLAB_BYTES);
    s->slab[s->across] = fit(s->width, cell * (double)(s->depth * s->slab[s->rest]), SLAB_BYTES);
}

static bool multiply(const int64_t *factors, int n, size_t unit, size_t *out)
{
    int64_t items;
    return mt_product_i64(factors, n, &items) || mt_mul_size((size_t)items, unit, out);
}

static mt_status count_bytes(sweep *s, mt_error *err)
{
    const mt_filter *f = s->f;
    size_t cell = f->cell_pixels * sizeof(float);
    if (multiply((int64_t[]) { s->depth + 1, s->width, f->cells[s->rest] }, 3, s->cell_stride, &s->ring_bytes) ||
        multiply(s->slab, 3, cell, &s->pixel_bytes) || mt_add_size(cell, f->scratch_bytes, &s->scratch_stride) ||
        mt_add_size(s->scratch_stride, 63, &s->scratch_stride))
        return mt_fail(err, MT_E_MEMORY, "patches of %zu pixels", f->cell_pixels);
    s->scratch_stride &= ~(size_t)63;
    return mt_mul_size(s->scratch_stride, s->threads, &s->scratch_bytes)
               ? mt_fail(err, MT_E_MEMORY, "patches of %zu pixels", f->cell_pixels)
               : MT_OK;
}

static mt_status alloc_all(sweep *s, mt_error *err)
{
    mt_env *env = &s->context->env;
    void *ring = NULL, *pixels = NULL, *scratch = NULL;
    mt_status st = mt_alloc(env, s->ring_bytes, &ring, err);
    if (!st)
        st = mt_alloc(env, s->pixel_bytes, &pixels, err);
    if (!st)
        st = mt_alloc(env, s->scratch_bytes, &scratch, err);
    s->ring = ring;
    s->pixels = pixels;
    s->scratch = scratch;
    return st;
}

static void free_all(sweep *s)
{
    mt_env *env = &s->context->env;
    mt_release(env, s->ring, s->ring_bytes);
    mt_release(env, s->pixels, s->pixel_bytes);
    mt_release(env, s->scratch, s->scratch_bytes);
}

mt_status mt_filter_sweep(const mt_filter *f, mt_context *context, uint8_t *keep, float *values, mt_filter_info *info,
                          mt_error *err)
{
    sweep s = { .f = f, .context = context, .keep = keep, .values = values, .n_regions = info->n_regions };
    s.along = 3 - f->n_spatial;
    s.across = s.along + 1;
    s.rest = (s.along + 2) % 3;
    s.threads = mt_pool_threads(context->pool);
    s.cell_stride = (f->cell_bytes + 15) & ~(size_t)15;
    choose_sizes(&s);
    mt_status st = count_bytes(&s, err);
    if (st)
        return st;
    uint64_t charged = s.ring_bytes + s.pixel_bytes + s.scratch_bytes;
    atomic_fetch_add(&context->env.work_bytes, charged);
    st = alloc_all(&s, err);
    if (!st)
        st = sweep_all(&s, err);
    free_all(&s);
    atomic_fetch_sub(&context->env.work_bytes, charged);
    info->n_kept = s.n_kept;
    info->n_nan = s.n_nan;
    return st;
}
