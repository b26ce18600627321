/* SPDX-License-Identifier: BSD-3-Clause */
/* The filter "shannon". A cell is reduced to its distinct values and how often each occurs, in ascending order of their
 * bits; a window counts the values by merging its cells. */
#include "sampling/filter.h"

#include <math.h>
#include <string.h>

typedef struct run {
    uint32_t bits, n; /* of a float32; its occurrences */
} run;

#define END UINT32_MAX /* bits of a NaN, which no cell has */

static mt_status begin(mt_filter *f, mt_error *err)
{
    if (f->options.threshold < 0)
        return mt_fail(err, MT_E_ARGUMENT, "the threshold of the entropy, %g, is negative", f->options.threshold);
    if (f->cell_pixels > UINT32_MAX)
        return mt_fail(err, MT_E_LIMIT, "patches of more than 2^32 pixels");
    f->cell_bytes = (f->cell_pixels + 1) * sizeof(run);
    f->scratch_bytes = 2 * f->cell_pixels * sizeof(uint32_t);
    return MT_OK;
}

/* Sorts by one byte: a pass of a radix sort. from and to do not overlap. False: all have the same byte, and to is not
 * written. */
static bool sort_byte(const uint32_t *from, uint32_t *to, size_t n, int shift)
{
    size_t at[256] = { 0 }, sum = 0;
    for (size_t i = 0; i < n; i++)
        at[from[i] >> shift & 255]++;
    if (at[from[0] >> shift & 255] == n)
        return false;
    for (int k = 0; k < 256; k++) {
        size_t count = at[k];
        at[k] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[at[from[i] >> shift & 255]++] = from[i];
    return true;
}

static void reduce(const mt_filter *f, const float *pixels, void *cell, void *scratch)
{
    size_t n = f->cell_pixels;
    uint32_t *sorted = scratch, *other = sorted + n;
    for (size_t i = 0; i < n; i++) {
        float value = pixels[i] + 0.0f; /* -0 is 0 */
        memcpy(&sorted[i], &value, sizeof value);
    }
    for (int shift = 0; shift < 32; shift += 8)
        if (sort_byte(sorted, other, n, shift)) {
            uint32_t *swapped = sorted;
            sorted = other;
            other = swapped;
        }
    run *last = cell;
    *last = (run) { sorted[0], 0 };
    for (size_t i = 0; i < n; i++) {
        if (sorted[i] != last->bits)
            *++last = (run) { sorted[i], 0 };
        last->n++;
    }
    last[1] = (run) { END, 0 };
}

/* With c[i] occurrences of value i among n: -sum(c / n * log2(c / n)) = log2(n) - sum(c * log2(c)) / n. */
static bool judge(const mt_filter *f, const void *const *cells, void *scratch, float *values)
{
    const run *next[MT_MOST_CORNERS];
    double n = mt_filter_window_pixels(f), sum = 0;
    (void)scratch;
    for (size_t k = 0; k < f->n_corners; k++)
        next[k] = cells[k];
    for (;;) {
        uint32_t least = END;
        uint64_t count = 0;
        for (size_t k = 0; k < f->n_corners; k++)
            least = next[k]->bits < least ? next[k]->bits : least;
        if (least == END)
            break;
        for (size_t k = 0; k < f->n_corners; k++)
            if (next[k]->bits == least)
                count += next[k]++->n;
        if (count > 1)
            sum += (double)count * log2((double)count);
    }
    double entropy = fmax(0, log2(n) - sum / n);
    if (values)
        values[0] = (float)entropy;
    return !(entropy < f->options.threshold);
}

const mt_filter_kind mt_filter_shannon = { .name = "shannon", .begin = begin, .reduce = reduce, .judge = judge };
