/* SPDX-License-Identifier: BSD-3-Clause */
/* The filter "max": a maximum filter as long as a cell, in linear time (M. van Herk, A fast algorithm for local minimum
 * and maximum filters on rectangular and octagonal kernels, 1992; J. Gil and M. Werman, Computing 2-D min, median, and
 * max filters, 1993).
 *
 * Along an axis, let a and b be the cells of a window, of p pixels each, and h = p / 2. The filter at pixel i of the
 * window sees p pixels from i - h on. They are, with maxima from the start of a cell (heads) and to its end (tails):
 *     i < h            heads of a up to i - h + p - 1, and 0 from outside
 *     h <= i < h + p   the tail of a from i - h on, and the head of b up to i - h - 1
 *     h + p <= i       the tail of b from i - h - p on, and if i > h + p, 0 from outside
 * Only how many results are above a number matters: each axis leaves the middle p pixels where a was, and the others
 * where b was. Heads and tails along X are made once for each cell. */
#include "base/checked.h"
#include "sampling/filter.h"

#include <string.h>

enum { COLUMNS = 512 }; /* of a window, that are filtered along Z while they are in the processor's cache */

static int64_t count_rows(const mt_filter *f) { return f->patch[0] * f->patch[1]; }

/* A cell is a row of heads, then a row of tails, for each row of pixels. The scratch holds a window, followed by the half
 * that filter_axis needs. */
static mt_status begin(mt_filter *f, mt_error *err)
{
    (void)err;
    f->cell_bytes = 2 * f->cell_pixels * sizeof(float);
    f->scratch_bytes = (f->n_corners + f->n_corners / 2) * f->cell_pixels * sizeof(float);
    return MT_OK;
}

static void reduce(const mt_filter *f, const float *pixels, void *cell, void *scratch)
{
    int64_t p = f->patch[2], rows = count_rows(f);
    float *heads = cell;
    (void)scratch;
    for (int64_t r = 0; r < rows; r++, pixels += p, heads += 2 * p) {
        float *tails = heads + p, head = pixels[0], tail = pixels[p - 1];
        for (int64_t i = 0; i < p; i++) {
            head = pixels[i] > head ? pixels[i] : head;
            tail = pixels[p - 1 - i] > tail ? pixels[p - 1 - i] : tail;
            heads[i] = head;
            tails[p - 1 - i] = tail;
        }
    }
}

/* out = maximum of a and b. */
static void take_max(const float *restrict a, const float *restrict b, int64_t n, float *restrict out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = a[i] > b[i] ? a[i] : b[i];
}

/* a = maximum of a and b. */
static void raise_to(float *restrict a, const float *restrict b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        a[i] = a[i] > b[i] ? a[i] : b[i];
}

static void raise_to_zero(float *a, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        a[i] = a[i] > 0 ? a[i] : 0;
}

/* Filters a row of a window along X: a row of cell a and one of cell b. Returns its maximum. */
static float filter_row(const float *a, const float *b, int64_t p, float *out)
{
    int64_t h = p / 2;
    const float *tails_a = a + p, *tails_b = b + p;
    out[0] = tails_a[0];
    take_max(tails_a + 1, b, p - 1, out + 1);
    out += p;
    memcpy(out, a + p - 1 - h, (size_t)h * sizeof *out);
    memcpy(out + h, tails_b, (size_t)(p - h) * sizeof *out);
    raise_to_zero(out, h);
    raise_to_zero(out + h + 1, p - h - 1);
    return a[p - 1] > b[p - 1] ? a[p - 1] : b[p - 1];
}

/* Filters n columns of 2 * p rows, stride numbers apart, along the columns. t: memory for p rows of n numbers. */
static void filter_axis(float *a, int64_t p, int64_t stride, int64_t n, float *t)
{
    float *b = a + p * stride;
    int64_t h = p / 2;
    size_t row = (size_t)n * sizeof *t;
    if (h > 0) {
        memcpy(t, a, row);
        for (int64_t i = 1; i < p - h; i++)
            raise_to(t, a + i * stride, n);
        for (int64_t i = 1; i < h; i++)
            take_max(t + (i - 1) * n, a + (p - 1 - h + i) * stride, n, t + i * n);
    }
    memcpy(t + (p - 1) * n, b + (p - 1 - h) * stride, row);
    for (int64_t i = p - h; i < p; i++)
        raise_to(t + (p - 1) * n, b + i * stride, n);
    for (int64_t i = p - 2; i >= h; i--)
        take_max(t + (i + 1) * n, b + (i - h) * stride, n, t + i * n);
    raise_to_zero(t, h * n);
    raise_to_zero(t + (h + 1) * n, (p - h - 1) * n);
    for (int64_t i = p - 2; i >= 0; i--)
        raise_to(a + i * stride, a + (i + 1) * stride, n);
    for (int64_t i = 1; i < p; i++) {
        raise_to(a + i * stride, b + (i - 1) * stride, n);
        raise_to(b + i * stride, b + (i - 1) * stride, n);
    }
    for (int64_t i = 0; i < p; i++)
        memcpy(b + i * stride, t + i * n, row);
}

/* Filters a window. Returns its maximum before. */
static float filter_window(const mt_filter *f, const void *const *cells, float *window)
{
    int64_t px = f->patch[2], py = f->patch[1], pz = f->patch[0], row = 2 * px;
    int64_t planes = f->n_spatial == 3 ? 2 * pz : 1;
    float *half = window + f->n_corners * f->cell_pixels, highest = *(const float *)cells[0];
    for (int64_t z = 0; z < planes; z++) {
        float *plane = window + z * 2 * py * row;
        for (int64_t y = 0; y < 2 * py; y++) {
            const void *const *pair = cells + z / pz * 4 + y / py * 2;
            int64_t at = (z % pz * py + y % py) * row;
            float most = filter_row((const float *)pair[0] + at, (const float *)pair[1] + at, px, plane + y * row);
            highest = most > highest ? most : highest;
        }
        filter_axis(plane, py, row, row, half);
    }
    for (int64_t at = 0, n = 2 * py * row; planes > 1 && at < n; at += COLUMNS)
        filter_axis(window + at, pz, n, mt_min_i64(COLUMNS, n - at), half);
    return highest;
}

static int64_t count_above(const float *x, size_t n, float threshold)
{
    int64_t above = 0;
    for (size_t i = 0; i < n; i++)
        above += x[i] > threshold;
    return above;
}

/* Bits whose order as integers is that of the numbers. */
static uint32_t order_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

/* The k-th largest of n numbers, k from 1 on: its bits are found byte by byte. */
static float find_largest(const float *x, size_t n, uint64_t k)
{
    uint32_t found = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        uint64_t counts[256] = { 0 };
        uint32_t byte = 255;
        for (size_t i = 0; i < n; i++) {
            uint32_t bits = order_bits(x[i]);
            if ((uint64_t)bits >> (shift + 8) == (uint64_t)found >> (shift + 8))
                counts[bits >> shift & 255]++;
        }
        for (; k > counts[byte]; byte--)
            k -= counts[byte];
        found |= byte << shift;
    }
    float value;
    found = found >> 31 ? found & ~(UINT32_C(1) << 31) : ~found;
    memcpy(&value, &found, sizeof value);
    return value;
}

/* The least number of pixels, at least 1, that is the share coverage of n. */
static uint64_t count_covering(double coverage, double n)
{
    uint64_t k = (uint64_t)(coverage * n);
    k -= k > 0;
    while (k < 1 || (double)k / n < coverage)
        k++;
    return k;
}

static bool judge(const mt_filter *f, const void *const *cells, void *scratch, float *values)
{
    float threshold = (float)f->options.threshold, *window = scratch;
    float highest = filter_window(f, cells, window);
    size_t n = f->n_corners * f->cell_pixels;
    if (values) {
        float value = find_largest(window, n, count_covering(f->coverage, (double)n));
        values[0] = value < highest ? value : highest;
    }
    if (highest < threshold)
        return false;
    return !((double)count_above(window, n, threshold) / (double)n < f->coverage);
}

const mt_filter_kind mt_filter_max = { .name = "max", .begin = begin, .reduce = reduce, .judge = judge };
