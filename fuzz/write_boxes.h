/* SPDX-License-Identifier: BSD-3-Clause */
/* The boxes in which an image is written, and what its pixels should become. */
#ifndef MT_FUZZ_WRITE_BOXES_H
#define MT_FUZZ_WRITE_BOXES_H

#include "choose_writer.h"
#include "scratch.h"

#include "base/checked.h"

enum { MOST_PIXELS = 3000 };

typedef struct job {
    choice *c;
    mt_context *context;
    writer_choice w;
    char path[SCRATCH_PATH];
    int64_t n;                 /* pixels */
    int64_t step[WRITER_DIMS]; /* of the grid of boxes */
    mt_dtype source;           /* of boxes */
    int factor, modulus;       /* of the values */
    bool is_exact, has_specials;
    bool is_sure; /* what each pixel should be is known */
    double expected[MOST_PIXELS];
} job;

static uint8_t pixels[8 * MOST_PIXELS];

static inline double get_value(const job *j, int64_t i)
{
    static const double specials[] = { (double)NAN, (double)INFINITY, -(double)INFINITY, 1e30, -1e30, 3e9 };
    return j->has_specials && i % 13 == 5 ? specials[i % 6] : (double)(i * j->factor % j->modulus - j->modulus / 3) / 2;
}

/* Copies the pixels of a box, converted to a type, and notes what they should become. */
static inline void fill_box(job *j, const int64_t *start, const int64_t *extent, mt_dtype dtype, bool backward)
{
    const size_t size = mt_dtype_size(dtype);
    int64_t n = 1;
    for (int d = 0; d < j->w.ndim; d++)
        n *= extent[d];
    for (int64_t k = 0; k < n; k++) {
        int64_t rest = k, at = 0, step = 1;
        bool is_inside = true;
        for (int d = j->w.ndim - 1; d >= 0; d--) {
            int64_t place = start[d] + rest % extent[d];
            is_inside = is_inside && place >= 0 && place < j->w.shape[d];
            at += place * step;
            step *= j->w.shape[d];
            rest /= extent[d];
        }
        double value = is_inside ? convert_pixel(dtype, get_value(j, at)) : 0;
        store_pixel(dtype, pixels + (size_t)(backward ? n - 1 - k : k) * size, value);
        if (is_inside)
            j->expected[at] = convert_pixel(j->w.options.dtype, value);
    }
}

static inline mt_status put_box(job *j, mt_writer *w, const int64_t *start, const int64_t *extent)
{
    choice *c = j->c;
    const mt_dtype dtype = j->source;
    bool backward = one_in(c, 4), named = dtype != j->w.options.dtype || one_in(c, 2);
    int64_t strides[WRITER_DIMS], step = (int64_t)mt_dtype_size(dtype), n = 1;
    mt_error err = MT_ERROR_INIT;
    for (int d = j->w.ndim - 1; d >= 0; d--) {
        strides[d] = backward ? -n * step : n * step;
        n *= extent[d];
    }
    if (n > MOST_PIXELS)
        return MT_OK;
    fill_box(j, start, extent, dtype, backward);
    mt_writer_box box = { .start = start, .extent = extent, .data = pixels, .dtype = named ? dtype : 0 };
    if (backward && n)
        box.data = pixels + (n - 1) * (int64_t)mt_dtype_size(dtype);
    if (one_in(c, 256))
        box.dtype = (mt_dtype)99;
    if (backward || one_in(c, 4))
        box.strides = strides;
    return note_written(mt_writer_put(w, &box, &err), &err);
}

/* Puts the boxes of a grid, sometimes in reverse; stops at the first refusal. */
static inline bool put_boxes(job *j, mt_writer *w, int64_t most)
{
    choice *c = j->c;
    int64_t grid[WRITER_DIMS], n = 1, skipped = one_in(c, 6) ? take_below(c, 8) : -1;
    bool backward = one_in(c, 3), goes_on = true;
    for (int d = 0; d < j->w.ndim; d++)
        n *= grid[d] = (j->w.shape[d] + j->step[d] - 1) / j->step[d];
    for (int64_t i = 0; i < n && i < most && goes_on; i++) {
        int64_t start[WRITER_DIMS], extent[WRITER_DIMS], rest = backward ? n - 1 - i : i;
        for (int d = j->w.ndim - 1; d >= 0; d--) {
            start[d] = rest % grid[d] * j->step[d];
            extent[d] = mt_min_i64(j->step[d], j->w.shape[d] - start[d]);
            rest /= grid[d];
        }
        int wild = take_below(c, 128), d = wild % j->w.ndim;
        int64_t *change = wild < 4 ? start : extent;
        if (i == skipped)
            j->is_sure = false;
        else if (wild < 8) { /* beyond the image, or over another box, or empty */
            change[d] += take_below(c, 4) - 2;
            extent[d] = extent[d] < 0 ? 0 : extent[d];
            (void)put_box(j, w, start, extent);
            j->is_sure = false;
        } else
            goes_on = !put_box(j, w, start, extent);
    }
    return goes_on;
}

#endif
