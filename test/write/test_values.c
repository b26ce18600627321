/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/strided.h"
#include "support/support.h"

#include "base/reader.h"
#include "write/values.h"

#include <microtome/stack.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const real lowest[] = { [MT_UINT8] = 0,  [MT_INT8] = INT8_MIN,   [MT_UINT16] = 0, [MT_INT16] = INT16_MIN,
                               [MT_UINT32] = 0, [MT_INT32] = INT32_MIN, [MT_UINT64] = 0, [MT_INT64] = INT64_MIN };
static const real highest[] = {
    [MT_UINT8] = UINT8_MAX,   [MT_INT8] = INT8_MAX,   [MT_UINT16] = UINT16_MAX, [MT_INT16] = INT16_MAX,
    [MT_UINT32] = UINT32_MAX, [MT_INT32] = INT32_MAX, [MT_UINT64] = UINT64_MAX, [MT_INT64] = INT64_MAX
};

static bool is_integer(mt_dtype dtype) { return dtype >= MT_UINT8 && dtype <= MT_INT64; }

/* Rounds to a binary format by its definition: units of the last place at the exponent of the value. */
static real round_real(real v, int digits, int least_exponent, real limit)
{
    if (isnan(v) || isinf(v) || v == 0)
        return v;
    int exponent;
    frexpl(v, &exponent);
    int unit = exponent - digits < least_exponent ? least_exponent : exponent - digits;
    real rounded = ldexpl(rintl(ldexpl(v, -unit)), unit);
    return fabsl(rounded) > limit ? copysignl(INFINITY, v) : rounded;
}

/* The value of v in another dtype, and what is counted. */
static real convert_value(mt_dtype to, real v, mt_value_counts *counts)
{
    if (to == MT_BOOL || is_integer(to)) {
        if (isnan(v)) {
            counts->nan++;
            return 0;
        }
        if (to == MT_BOOL)
            return v != 0;
        real rounded = rintl(v), clipped = fminl(fmaxl(rounded, lowest[to]), highest[to]);
        counts->clipped += rounded != clipped;
        return clipped;
    }
    real rounded = to == MT_FLOAT16   ? round_real(v, 11, -24, 65504)
                   : to == MT_FLOAT32 ? round_real(v, 24, -149, FLT_MAX)
                                      : round_real(v, 53, -1074, DBL_MAX);
    counts->clipped += isinf(rounded) && !isinf(v);
    return rounded;
}

static void fill(const strided *b, int ndim, const int64_t *extent, int64_t total, mt_dtype dtype, bool swapped,
                 uint64_t *seed)
{
    for (int64_t i = 0; i < total; i++) {
        uint8_t *at = b->bytes + strided_position(b, i, ndim, extent);
        draw_element(dtype, at, seed);
        if (swapped)
            mt_swap_bytes(at, 1, mt_dtype_size(dtype));
    }
}

/* Compares each element of the result, and what lies between the elements, which must not change. */
static void check_box(mt_dtype from, mt_dtype to, int ndim, const int64_t *extent, bool is_dense, uint64_t *seed)
{
    const size_t in_size = mt_dtype_size(from), out_size = mt_dtype_size(to);
    int64_t total = 1;
    for (int d = 0; d < ndim; d++)
        total *= extent[d];
    bool swapped = !is_dense && (next_random(seed) & 1);
    strided in = make_strided(ndim, extent, (int64_t)in_size, is_dense, seed);
    strided out = make_strided(ndim, extent, (int64_t)out_size, is_dense, seed);
    fill(&in, ndim, extent, total, from, swapped, seed);
    uint8_t *before = malloc((size_t)out.room + 1);
    memcpy(before, out.bytes, (size_t)out.room);

    mt_value_counts counts = { 3, 5 }, expected = { 3, 5 };
    mt_values_in source = { .data = in.bytes + in.first, .stride = in.stride, .dtype = from, .swapped = swapped };
    mt_values_out target = { .data = out.bytes + out.first, .stride = out.stride, .dtype = to };
    mt_values_convert(ndim, extent, &target, &source, &counts);
    for (int64_t i = 0; i < total; i++) {
        uint8_t element[8], *at = out.bytes + strided_position(&out, i, ndim, extent);
        memcpy(element, in.bytes + strided_position(&in, i, ndim, extent), in_size);
        if (swapped)
            mt_swap_bytes(element, 1, in_size);
        if (from == to) {
            assert_memory_equal(at, element, in_size);
        } else {
            real value = read_element(from, element), converted = read_element(to, at);
            real right = convert_value(to, value, &expected);
            if (!is_same_real(converted, right) && !(right == 0 && converted == 0 && to < MT_FLOAT16))
                fail_msg("%s to %s: %.25Lg became %.25Lg, not %.25Lg", mt_dtype_name(from), mt_dtype_name(to), value,
                         converted, right);
            assert_true(to != MT_BOOL || *at <= 1);
        }
        memcpy(before + (at - out.bytes), at, out_size);
    }
    assert_memory_equal(before, out.bytes, (size_t)out.room);
    assert_int_equal(counts.nan, expected.nan);
    assert_int_equal(counts.clipped, expected.clipped);
    free(before), free(in.bytes), free(out.bytes);
}

static void all_pairs_equal_the_naive_answer(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int from = MT_BOOL; from <= MT_FLOAT64; from++)
        for (int to = MT_BOOL; to <= MT_FLOAT64; to++)
            for (int round = 0; round < 12; round++) {
                int ndim = (int)random_between(&seed, 0, 5);
                int64_t extent[5];
                for (int d = 0; d < ndim; d++)
                    extent[d] = random_between(&seed, 1, d == ndim - 1 ? 40 : 5);
                if (ndim == 2) /* rows of more than one run */
                    extent[1] = random_between(&seed, 500, 1100);
                check_box((mt_dtype)from, (mt_dtype)to, ndim, extent, round & 1, &seed);
            }
}

static void an_empty_box_writes_nothing(void **state)
{
    (void)state;
    static const int64_t extent[] = { 3, 0, 5 }, stride[] = { 0, 0, 0 };
    for (int from = MT_BOOL; from <= MT_FLOAT64; from++) {
        float in = NAN;
        uint8_t out = 77;
        mt_value_counts counts = { 0 };
        mt_values_in source = { .data = (const uint8_t *)&in, .stride = stride, .dtype = (mt_dtype)from };
        mt_values_out target = { .data = &out, .stride = stride, .dtype = MT_UINT8 };
        mt_values_convert(3, extent, &target, &source, &counts);
        assert_int_equal(out, 77);
        assert_int_equal(counts.nan + counts.clipped, 0);
    }
}

static double convert_one(mt_dtype from, mt_dtype to, const void *in, mt_value_counts *counts)
{
    uint8_t out[8];
    *counts = (mt_value_counts) { 0 };
    mt_values_in source = { .data = in, .dtype = from };
    mt_values_out target = { .data = out, .dtype = to };
    mt_values_convert(0, NULL, &target, &source, counts);
    return (double)read_element(to, out);
}

/* By hand, so that the naive answer of the other tests is tested, too. */
static void halves_are_rounded_to_even_and_limits_clipped(void **state)
{
    (void)state;
    static const struct {
        mt_dtype to;
        float in;
        double out;
        uint64_t nan, clipped;
    } cases[] = {
        { MT_UINT8, 0.5f, 0, 0, 0 },
        { MT_UINT8, 1.5f, 2, 0, 0 },
        { MT_UINT8, 2.5f, 2, 0, 0 },
        { MT_UINT8, 0.49999997f, 0, 0, 0 },
        { MT_UINT8, 254.5f, 254, 0, 0 },
        { MT_UINT8, 255.49998f, 255, 0, 0 },
        { MT_UINT8, 255.5f, 255, 0, 1 },
        { MT_UINT8, -0.5f, 0, 0, 0 },
        { MT_UINT8, -0.50000006f, 0, 0, 1 },
        { MT_INT8, -128.5f, -128, 0, 0 },
        { MT_INT8, -128.50002f, -128, 0, 1 },
        { MT_INT8, -2.5f, -2, 0, 0 },
        { MT_UINT16, INFINITY, 65535, 0, 1 },
        { MT_INT16, -INFINITY, -32768, 0, 1 },
        { MT_INT32, 0x1p31f, 2147483647., 0, 1 },
        { MT_INT32, -0x1p31f, -2147483648., 0, 0 },
        { MT_INT64, NAN, 0, 1, 0 },
        { MT_BOOL, NAN, 0, 1, 0 },
        { MT_BOOL, 0.1f, 1, 0, 0 },
        { MT_BOOL, -0.0f, 0, 0, 0 },
        { MT_UINT64, 0x1p64f, 0x1p64, 0, 1 },
        { MT_FLOAT16, 65519.996f, 65504, 0, 0 },
        { MT_FLOAT16, 65520, INFINITY, 0, 1 },
        { MT_FLOAT16, -INFINITY, -INFINITY, 0, 0 },
        { MT_FLOAT16, 0x1p-25f, 0, 0, 0 },
        { MT_FLOAT16, 0x1.000002p-25f, 0x1p-24, 0, 0 },
        { MT_FLOAT16, 2049, 2048, 0, 0 },
        { MT_FLOAT16, 2051, 2052, 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_value_counts counts;
        double out = convert_one(MT_FLOAT32, cases[i].to, &cases[i].in, &counts);
        if (out != cases[i].out || counts.nan != cases[i].nan || counts.clipped != cases[i].clipped)
            fail_msg("%.9g to %s: %.17g", (double)cases[i].in, mt_dtype_name(cases[i].to), out);
    }
}

/* Each of these is rounded wrongly if it is rounded to another type before. */
static void numbers_are_rounded_once(void **state)
{
    (void)state;
    mt_value_counts counts;
    double above_tie = 1 + 0x1p-11 + 0x1p-52; /* float32 loses the last bit, and the tie goes to even */
    assert_true(convert_one(MT_FLOAT64, MT_FLOAT16, &above_tie, &counts) == 1 + 0x1p-10);
    double below_tie = -(1 + 0x1p-10 + 0x1p-11 - 0x1p-52);
    assert_true(convert_one(MT_FLOAT64, MT_FLOAT16, &below_tie, &counts) == -(1 + 0x1p-10));
    double almost_infinite = nextafter(65520, 0);
    assert_true(convert_one(MT_FLOAT64, MT_FLOAT16, &almost_infinite, &counts) == 65504);
    assert_int_equal(counts.clipped, 0);
    int64_t wide = ((int64_t)1 << 60) + ((int64_t)1 << 36) + 1; /* float64 loses the last bit */
    assert_true(convert_one(MT_INT64, MT_FLOAT32, &wide, &counts) == 0x1p60 + 0x1p37);
    double huge = DBL_MAX, infinite = INFINITY;
    assert_true(isinf(convert_one(MT_FLOAT64, MT_FLOAT32, &huge, &counts)));
    assert_int_equal(counts.clipped, 1);
    assert_true(isinf(convert_one(MT_FLOAT64, MT_FLOAT32, &infinite, &counts)));
    assert_int_equal(counts.clipped, 0);
    uint64_t large = UINT64_MAX;
    assert_true(convert_one(MT_UINT64, MT_FLOAT64, &large, &counts) == 0x1p64);
    assert_true(convert_one(MT_UINT64, MT_INT64, &large, &counts) == 0x1p63);
    assert_int_equal(counts.clipped, 1);
}

static void one_element_fills_a_box(void **state)
{
    (void)state;
    static const int64_t extent[] = { 3, 700 }, none[] = { 0, 0 }, stride[] = { 700, 1 };
    uint8_t out[2100];
    double in = 300;
    mt_value_counts counts = { 0 };
    mt_values_in source = { .data = (const uint8_t *)&in, .stride = none, .dtype = MT_FLOAT64 };
    mt_values_out target = { .data = out, .stride = stride, .dtype = MT_UINT8 };
    mt_values_convert(2, extent, &target, &source, &counts);
    for (int i = 0; i < 2100; i++)
        assert_int_equal(out[i], 255);
    assert_int_equal(counts.clipped, 2100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_pairs_equal_the_naive_answer),
        cmocka_unit_test(an_empty_box_writes_nothing),
        cmocka_unit_test(halves_are_rounded_to_even_and_limits_clipped),
        cmocka_unit_test(numbers_are_rounded_once),
        cmocka_unit_test(one_element_fills_a_box),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
