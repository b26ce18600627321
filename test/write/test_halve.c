/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/strided.h"
#include "support/support.h"

#include "base/float16.h"
#include "write/halve.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 int128;

/* The pixels of one cell, found by their coordinates. */
typedef struct pixels {
    int n;
    uint8_t bits[64][8];
    real value[64];
} pixels;

static void collect(const mt_halving *h, const strided *in, int64_t index, pixels *cell)
{
    int64_t first[MT_MAX_DIMS];
    for (int d = h->ndim - 1; d >= 0; d--) {
        first[d] = index % mt_halved_extent(h, d) * (h->is_halved[d] ? 2 : 1);
        index /= mt_halved_extent(h, d);
    }
    cell->n = 0;
    for (int corner = 0; corner < 1 << h->ndim; corner++) {
        int64_t at = in->first;
        bool exists = true;
        for (int d = 0; d < h->ndim; d++) {
            int64_t step = corner >> (h->ndim - 1 - d) & 1, x = first[d] + step;
            exists = exists && x < h->extent[d] && (h->is_halved[d] || step == 0);
            at += x * in->stride[d];
        }
        if (!exists)
            continue;
        memcpy(cell->bits[cell->n], in->bytes + at, mt_dtype_size(h->dtype));
        cell->value[cell->n++] = read_element(h->dtype, in->bytes + at);
    }
}

static real integer_mean(const pixels *cell)
{
    int128 sum = 0, n = cell->n;
    for (int i = 0; i < cell->n; i++)
        sum += (int128)cell->value[i];
    int128 floor = sum / n - (sum % n < 0), rest = sum - floor * n;
    if (2 * rest > n || (2 * rest == n && floor % 2 != 0))
        floor++;
    return (real)floor;
}

/* Stores each intermediate result as the type that sums are made in. */
static real real_mean(mt_dtype dtype, const pixels *cell)
{
    real total = 0;
    double wide = -0.0;
    float narrow = -0.0f;
    int n_numbers = 0;
    for (int i = 0; i < cell->n; i++)
        if (!isnan(cell->value[i])) {
            total += cell->value[i];
            n_numbers++;
        }
    if (n_numbers == 0)
        return (real)NAN;
    if (cell->n == 1)
        return cell->value[0];
    for (int i = 0; i < cell->n; i += 2) {
        volatile double w = (double)cell->value[i] + (double)cell->value[i + 1];
        volatile float f = (float)cell->value[i] + (float)cell->value[i + 1];
        wide += w;
        narrow += f;
    }
    if (dtype == MT_FLOAT64)
        return isfinite(wide) ? (real)(wide / cell->n) : total / n_numbers;
    if (isfinite(narrow))
        return (real)(narrow / (float)cell->n);
    return (real)(float)(total / n_numbers);
}

static real round_half(real v)
{
    uint16_t half = mt_float16_from_double((double)v);
    return read_element(MT_FLOAT16, &half);
}

static bool is_mean(mt_dtype dtype, const pixels *cell, const uint8_t *at)
{
    if (dtype < MT_FLOAT16)
        return read_element(dtype, at) == (cell->n == 1 ? cell->value[0] : integer_mean(cell));
    real mean = real_mean(dtype, cell), got = read_element(dtype, at);
    if (dtype == MT_FLOAT16)
        mean = round_half(mean);
    if (is_same_real(mean, got))
        return true;
    /* Means of part of a cell, and those of sums that overflow, are rounded as they come. */
    bool is_plain = true;
    real sum = 0;
    for (int i = 0; i < cell->n; i++)
        sum += cell->value[i];
    is_plain = !isnan(sum) && fabsl(sum) < (dtype == MT_FLOAT64 ? (real)DBL_MAX : (real)FLT_MAX) / 2;
    real unit = dtype == MT_FLOAT64 ? 0x1p-52L : dtype == MT_FLOAT32 ? 0x1p-23L : 0x1p-10L, largest = 0;
    for (int i = 0; i < cell->n; i++)
        largest = fmaxl(largest, isnan(cell->value[i]) ? 0 : fabsl(cell->value[i]));
    return !is_plain && fabsl(mean - got) <= 2 * unit * largest;
}

static int compare(const void *a, const void *b)
{
    real x = *(const real *)a, y = *(const real *)b;
    return isnan(x) || isnan(y) ? !!isnan(x) - !!isnan(y) : (x > y) - (x < y);
}

/* The longest run of the sorted values; then the first pixel of that value. */
static const uint8_t *mode_of(const pixels *cell)
{
    real sorted[64];
    memcpy(sorted, cell->value, sizeof sorted);
    qsort(sorted, (size_t)cell->n, sizeof *sorted, compare);
    int best = 0, longest = 0;
    for (int i = 0, j; i < cell->n; i = j) {
        for (j = i; j < cell->n && compare(&sorted[i], &sorted[j]) == 0;)
            j++;
        if (j - i > longest)
            best = i, longest = j - i;
    }
    for (int i = 0; i < cell->n; i++)
        if (compare(&cell->value[i], &sorted[best]) == 0)
            return cell->bits[i];
    return NULL;
}

static void check_pixel(const mt_halving *h, const pixels *cell, const uint8_t *at)
{
    const size_t size = mt_dtype_size(h->dtype);
    if (h->method == MT_HALVE_MEAN ? is_mean(h->dtype, cell, at)
                                   : memcmp(at, h->method == MT_HALVE_MODE ? mode_of(cell) : cell->bits[0], size) == 0)
        return;
    for (int i = 0; i < cell->n; i++)
        print_message("%.20Lg ", cell->value[i]);
    fail_msg("method %d, %s: %.20Lg", (int)h->method, mt_dtype_name(h->dtype), read_element(h->dtype, at));
}

/* few: pixels of few different values, as labels are. */
static void check_halving(mt_halving *h, bool is_dense, bool few, uint64_t *seed)
{
    const int64_t size = (int64_t)mt_dtype_size(h->dtype);
    int64_t out_extent[MT_MAX_DIMS], n_in = 1, n_out = 1;
    for (int d = 0; d < h->ndim; d++) {
        out_extent[d] = mt_halved_extent(h, d);
        n_in *= h->extent[d], n_out *= out_extent[d];
    }
    strided in = make_strided(h->ndim, h->extent, size, is_dense, seed);
    strided out = make_strided(h->ndim, out_extent, size, is_dense, seed);
    uint8_t palette[3][8];
    for (int i = 0; i < 3; i++)
        draw_element(h->dtype, palette[i], seed);
    for (int64_t i = 0; i < n_in; i++) {
        uint8_t *at = in.bytes + strided_position(&in, i, h->ndim, h->extent);
        if (few)
            memcpy(at, palette[random_between(seed, 0, 2)], (size_t)size);
        else
            draw_element(h->dtype, at, seed);
    }
    memcpy(h->in_stride, in.stride, sizeof in.stride);
    memcpy(h->out_stride, out.stride, sizeof out.stride);
    uint8_t *before = malloc((size_t)out.room + 1);
    memcpy(before, out.bytes, (size_t)out.room);
    mt_halve(h, in.bytes + in.first, out.bytes + out.first);
    for (int64_t i = 0; i < n_out; i++) {
        pixels cell;
        int64_t at = strided_position(&out, i, h->ndim, out_extent);
        collect(h, &in, i, &cell);
        check_pixel(h, &cell, out.bytes + at);
        memcpy(before + at, out.bytes + at, (size_t)size);
    }
    assert_memory_equal(before, out.bytes, (size_t)out.room); /* nothing between the pixels */
    free(before), free(in.bytes), free(out.bytes);
}

static void boxes_equal_the_naive_answer(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int dtype = MT_BOOL; dtype <= MT_FLOAT64; dtype++)
        for (int method = MT_HALVE_MEAN; method <= MT_HALVE_MODE; method++)
            for (int round = 0; round < 40; round++) {
                mt_halving h = { .method = (mt_halving_method)method, .dtype = (mt_dtype)dtype };
                h.ndim = (int)random_between(&seed, 0, 6);
                for (int d = 0; d < h.ndim; d++) {
                    h.extent[d] = random_between(&seed, 1, d == h.ndim - 1 ? 30 : 4);
                    h.is_halved[d] = random_between(&seed, 0, 3) > 0;
                }
                if (h.ndim == 2) /* rows of more than one run */
                    h.extent[1] = random_between(&seed, 1000, 2200);
                check_halving(&h, round & 1, round & 2, &seed);
            }
}

/* By hand, so that the naive answer is tested, too. */
static void ties_go_to_even_and_edges_are_narrower(void **state)
{
    (void)state;
    static const int16_t in[3][3] = { { 1, 2, -5 }, { 3, 4, -2 }, { 7, 8, 9 } };
    int16_t out[2][2];
    mt_halving h = { .method = MT_HALVE_MEAN, .dtype = MT_INT16, .ndim = 2, .extent = { 3, 3 } };
    h.is_halved[0] = h.is_halved[1] = true;
    h.in_stride[0] = 6, h.in_stride[1] = 2, h.out_stride[0] = 4, h.out_stride[1] = 2;
    mt_halve(&h, (const uint8_t *)in, (uint8_t *)out);
    assert_int_equal(out[0][0], 2);  /* 2.5 */
    assert_int_equal(out[0][1], -4); /* -3.5 */
    assert_int_equal(out[1][0], 8);  /* 7.5 */
    assert_int_equal(out[1][1], 9);
    h.method = MT_HALVE_NEAREST;
    mt_halve(&h, (const uint8_t *)in, (uint8_t *)out);
    assert_int_equal(out[0][0], 1);
    assert_int_equal(out[0][1], -5);
    assert_int_equal(out[1][0], 7);
    h.method = MT_HALVE_MODE; /* all values once: the smallest */
    mt_halve(&h, (const uint8_t *)in, (uint8_t *)out);
    assert_int_equal(out[0][0], 1);
    assert_int_equal(out[0][1], -5);
    assert_int_equal(out[1][0], 7);
}

static mt_halving row_of(mt_halving_method method, mt_dtype dtype, int64_t n)
{
    mt_halving h = { .method = method, .dtype = dtype, .ndim = 1, .extent = { n }, .is_halved = { true } };
    h.in_stride[0] = h.out_stride[0] = (int64_t)mt_dtype_size(dtype);
    return h;
}

static void the_limits_of_integers_have_exact_means(void **state)
{
    (void)state;
    static const uint64_t large[] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX - 2, 0, UINT64_MAX };
    static const int64_t wide[] = { INT64_MIN, INT64_MIN, INT64_MIN, INT64_MAX, INT64_MAX, INT64_MAX - 1 };
    uint64_t large_out[3];
    int64_t wide_out[3];
    mt_halving h = row_of(MT_HALVE_MEAN, MT_UINT64, 6);
    mt_halve(&h, (const uint8_t *)large, (uint8_t *)large_out);
    assert_true(large_out[0] == UINT64_MAX && large_out[1] == UINT64_MAX - 1 && large_out[2] == (uint64_t)1 << 63);
    h.dtype = MT_INT64;
    mt_halve(&h, (const uint8_t *)wide, (uint8_t *)wide_out);
    assert_true(wide_out[0] == INT64_MIN && wide_out[1] == 0 && wide_out[2] == INT64_MAX - 1);
}

static void means_leave_out_nan(void **state)
{
    (void)state;
    static const float in[] = { NAN, 3, 5, NAN, NAN, NAN, INFINITY, 1, INFINITY, -INFINITY, -0.0f, -0.0f, NAN };
    static const float nan = NAN;
    float out[7];
    mt_halving h = row_of(MT_HALVE_MEAN, MT_FLOAT32, 13);
    mt_halve(&h, (const uint8_t *)in, (uint8_t *)out);
    assert_true(out[0] == 3 && out[1] == 5 && isnan(out[2]) && out[3] == INFINITY && isnan(out[4]));
    assert_true(out[5] == 0 && signbit(out[5]) && isnan(out[6]));
    assert_memory_equal(&out[2], &nan, sizeof nan);
    assert_memory_equal(&out[4], &nan, sizeof nan);
}

/* Cells of all sizes, with any number of NaN. */
static void finite_pixels_have_finite_means(void **state)
{
    (void)state;
    for (int n_dims = 1; n_dims <= MT_MOST_HALVED; n_dims++)
        for (int n_nan = 0; n_nan < 1 << n_dims; n_nan++) {
            double in[64], out;
            float in_single[64], out_single;
            mt_halving h = { .method = MT_HALVE_MEAN, .dtype = MT_FLOAT64, .ndim = n_dims };
            for (int d = 0; d < n_dims; d++)
                h.extent[d] = 2, h.is_halved[d] = true, h.in_stride[d] = (int64_t)sizeof(double) << d;
            for (int i = 0; i < 64; i++) {
                in[i] = i < n_nan ? (double)NAN : -DBL_MAX;
                in_single[i] = i < n_nan ? NAN : FLT_MAX;
            }
            mt_halve(&h, (const uint8_t *)in, (uint8_t *)&out);
            assert_true(out >= -DBL_MAX && out <= -DBL_MAX * (1 - 0x1p-50));
            h.dtype = MT_FLOAT32;
            for (int d = 0; d < n_dims; d++)
                h.in_stride[d] /= 2;
            mt_halve(&h, (const uint8_t *)in_single, (uint8_t *)&out_single);
            assert_true(out_single == FLT_MAX);
        }
}

static void the_mode_of_labels(void **state)
{
    (void)state;
    static const uint32_t in[2][6] = { { 0, 7, 9, 9, 5, 4 }, { 7, 7, 8, 8, 3, 4000000000 } };
    uint32_t out[3];
    mt_halving h = { .method = MT_HALVE_MODE, .dtype = MT_UINT32, .ndim = 2, .extent = { 2, 6 } };
    h.is_halved[0] = h.is_halved[1] = true;
    h.in_stride[0] = 24, h.in_stride[1] = 4, h.out_stride[0] = 12, h.out_stride[1] = 4;
    mt_halve(&h, (const uint8_t *)in, (uint8_t *)out);
    assert_int_equal(out[0], 7);
    assert_int_equal(out[1], 8);
    assert_int_equal(out[2], 3);
    static const float reals[] = { NAN, -1, 0.0f, -0.0f };
    float real_out[2];
    h = row_of(MT_HALVE_MODE, MT_FLOAT32, 4);
    mt_halve(&h, (const uint8_t *)reals, (uint8_t *)real_out);
    assert_true(real_out[0] == -1 && real_out[1] == 0 && !signbit(real_out[1]));
}

static void an_empty_box_writes_nothing(void **state)
{
    (void)state;
    for (int method = MT_HALVE_MEAN; method <= MT_HALVE_MODE; method++) {
        uint8_t in = 5, out = 77;
        mt_halving h = { .method = (mt_halving_method)method, .dtype = MT_UINT8, .ndim = 3, .extent = { 3, 0, 5 } };
        h.is_halved[0] = h.is_halved[1] = true;
        assert_int_equal(mt_halved_extent(&h, 0), 2);
        assert_int_equal(mt_halved_extent(&h, 1), 0);
        mt_halve(&h, &in, &out);
        assert_int_equal(out, 77);
    }
}

/* The sums of real numbers are made in one order, whatever the strides. */
static void strides_do_not_change_means(void **state)
{
    (void)state;
    uint64_t seed = 5;
    enum { Z = 6, Y = 8, X = 10, N = Z * Y * X };
    float in[N], turned[N], out[N / 8], turned_out[N / 8];
    for (int i = 0; i < N; i++) {
        in[i] = (float)next_random(&seed) * 0x1p-60f;
        turned[i % X * (Z * Y) + i / X] = in[i];
    }
    mt_halving h = { .method = MT_HALVE_MEAN, .dtype = MT_FLOAT32, .ndim = 3, .extent = { Z, Y, X } };
    for (int d = 0; d < 3; d++)
        h.is_halved[d] = true;
    h.in_stride[0] = Y * X * 4, h.in_stride[1] = X * 4, h.in_stride[2] = 4;
    h.out_stride[0] = Y * X, h.out_stride[1] = X * 2, h.out_stride[2] = 4;
    mt_halve(&h, (const uint8_t *)in, (uint8_t *)out);
    h.in_stride[0] = Y * 4, h.in_stride[1] = 4, h.in_stride[2] = Z * Y * 4;
    mt_halve(&h, (const uint8_t *)turned, (uint8_t *)turned_out);
    assert_memory_equal(out, turned_out, sizeof out);
    h.out_stride[0] = Y * 2, h.out_stride[1] = 4, h.out_stride[2] = Z * Y;
    mt_halve(&h, (const uint8_t *)turned, (uint8_t *)turned_out);
    for (int i = 0; i < N / 8; i++)
        assert_true(out[i] == turned_out[i % (X / 2) * (Z * Y / 4) + i / (X / 2)]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_equal_the_naive_answer),
        cmocka_unit_test(ties_go_to_even_and_edges_are_narrower),
        cmocka_unit_test(the_limits_of_integers_have_exact_means),
        cmocka_unit_test(means_leave_out_nan),
        cmocka_unit_test(finite_pixels_have_finite_means),
        cmocka_unit_test(the_mode_of_labels),
        cmocka_unit_test(an_empty_box_writes_nothing),
        cmocka_unit_test(strides_do_not_change_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
