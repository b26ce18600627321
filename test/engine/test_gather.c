/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/support.h"

#include "base/reader.h"
#include "engine/gather.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A random box of random strides, each element copied by index, against mt_gather. */
static void check_random_copy(uint64_t *seed, mt_dtype dtype, bool swap, bool past_caches)
{
    int64_t size = (int64_t)mt_dtype_size(dtype);
    int ndim = (int)random_between(seed, 0, 5);
    int64_t extent[5], in_stride[5], out_stride[5], order[5], in_room = size, out_room = size;
    for (int d = 0; d < ndim; d++) {
        extent[d] = random_between(seed, 1, d == ndim - 1 ? 300 : 4);
        order[d] = d;
    }
    for (int d = 0; d < ndim; d++) { /* a random order of the destination's axes: transposes, with gaps and flips */
        int64_t other = random_between(seed, d, ndim - 1), swapped = order[d];
        order[d] = order[other], order[other] = swapped;
    }
    for (int d = ndim - 1; d >= 0; d--) {
        in_stride[d] = in_room + random_between(seed, 0, 2);
        in_room = in_stride[d] * extent[d];
        out_stride[order[d]] = out_room;
        out_room *= extent[order[d]];
    }
    uint8_t *in = malloc((size_t)in_room), *out = malloc((size_t)out_room), *expected = malloc((size_t)out_room);
    for (int64_t i = 0; i < in_room; i++)
        in[i] = (uint8_t)next_random(seed);
    int64_t first = 0;
    for (int d = 0; d < ndim; d++)
        if (next_random(seed) & 1) {
            first += out_stride[d] * (extent[d] - 1);
            out_stride[d] = -out_stride[d];
        }
    int64_t total = 1;
    for (int d = 0; d < ndim; d++)
        total *= extent[d];
    for (int64_t i = 0; i < total; i++) {
        int64_t left = i, from = 0, to = first;
        for (int d = ndim - 1; d >= 0; d--) {
            from += left % extent[d] * in_stride[d];
            to += left % extent[d] * out_stride[d];
            left /= extent[d];
        }
        memcpy(expected + to, in + from, (size_t)size);
        if (swap)
            mt_swap_bytes(expected + to, 1, (size_t)size);
    }
    mt_convert convert = { .from = dtype, .to = dtype, .swap = swap, .past_caches = past_caches };
    mt_gather(&convert, ndim, extent, out + first, out_stride, in, in_stride);
    assert_memory_equal(out, expected, (size_t)out_room);
    free(in), free(out), free(expected);
}

static void copies_equal_the_naive_answer(void **state)
{
    (void)state;
    uint64_t seed = 1;
    static const mt_dtype dtypes[] = { MT_UINT8, MT_UINT16, MT_FLOAT32, MT_FLOAT64 };
    for (int i = 0; i < 400; i++)
        check_random_copy(&seed, dtypes[i % 4], i % 8 >= 4, i % 16 >= 8);
}

/* Rows longer than the buffers between, and dense planes that begin and end within a line of the caches. */
static void long_rows_and_dense_planes(void **state)
{
    (void)state;
    enum { ROOM = 40000 };
    static const int64_t shapes[][2] = { { 1, 20000 }, { 3, 5000 }, { 300, 64 }, { 2, 31 }, { 1, 1 }, { 40, 500 } };
    static uint8_t in[2 * ROOM + 2], first[4 * ROOM + 80], second[sizeof first];
    uint64_t seed = 5;
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)next_random(&seed);
    for (int i = 0; i < 120; i++) {
        const int64_t *shape = shapes[i % 6], gap = i % 4 ? 0 : 6, start = random_between(&seed, 0, 70);
        const int64_t in_stride[2] = { 2 * shape[1] + gap, 2 }, out_stride[2] = { 4 * shape[1], 4 };
        mt_convert convert = { .from = MT_UINT16, .to = MT_FLOAT32, .swap = i & 8 };
        memset(first, 0xee, sizeof first);
        memset(second, 0xee, sizeof second);
        for (int64_t y = 0; y < shape[0]; y++)
            for (int64_t x = 0; x < shape[1]; x++) {
                const uint8_t *at = in + y * in_stride[0] + x * 2;
                float value = (float)(convert.swap ? at[0] << 8 | at[1] : at[1] << 8 | at[0]);
                memcpy(first + start + y * out_stride[0] + x * 4, &value, sizeof value);
            }
        convert.swap ^= mt_host_big_endian();
        convert.past_caches = i & 16;
        mt_gather(&convert, 2, shape, second + start, out_stride, in, in_stride);
        assert_memory_equal(first, second, sizeof first);
    }
}

/* All flips and quarter turns of planes with fewer and more rows and columns than the blocks of a copy. */
static void planes_are_flipped_and_turned(void **state)
{
    (void)state;
    enum { MOST_PIXELS = 300 * 70 };
    static const mt_convert converts[] = {
        { .from = MT_UINT8, .to = MT_UINT8 },     { .from = MT_UINT16, .to = MT_UINT16 },
        { .from = MT_UINT16, .to = MT_FLOAT32 },  { .from = MT_FLOAT32, .to = MT_FLOAT32 },
        { .from = MT_FLOAT64, .to = MT_FLOAT64 }, { .from = MT_FLOAT64, .to = MT_FLOAT32 }
    };
    static const int64_t shapes[][2] = { { 64, 64 }, { 3, 5 }, { 5, 3 }, { 70, 131 }, { 131, 70 }, { 300, 70 } };
    static uint8_t in[8 * MOST_PIXELS], out[8 * MOST_PIXELS];
    for (int i = 0; i < 6 * 6 * 8; i++) {
        const mt_convert *convert = &converts[i % 6];
        const int64_t *shape = shapes[i / 6 % 6], size = (int64_t)mt_dtype_size(convert->from);
        const int64_t in_stride[2] = { size * shape[1], size };
        int64_t to = (int64_t)mt_dtype_size(convert->to), out_stride[2] = { to * shape[1], to }, first = 0;
        if (i / 36 & 4)
            out_stride[0] = to, out_stride[1] = to * shape[0];
        for (int d = 0; d < 2; d++)
            if (i / 36 & 1 << d) {
                first += (shape[d] - 1) * out_stride[d];
                out_stride[d] = -out_stride[d];
            }
        for (int64_t k = 0; k < shape[0] * shape[1]; k++) {
            const double value = (double)(k % 251);
            mt_element_from_double(convert->from, value, in + k * size);
        }
        mt_gather(convert, 2, shape, out + first, out_stride, in, in_stride);
        for (int64_t k = 0; k < shape[0] * shape[1]; k++) {
            uint8_t expected[8];
            mt_element_from_double(convert->to, (double)(k % 251), expected);
            const uint8_t *got = out + first + k / shape[1] * out_stride[0] + k % shape[1] * out_stride[1];
            assert_memory_equal(got, expected, (size_t)to);
        }
    }
}

#define MOST 200

typedef struct scaling_case {
    mt_convert convert;
    int64_t n, in_stride, out_stride;
} scaling_case;

/* Each element converted and scaled on its own, with every intermediate result stored as float32. */
static void check_scaling(const scaling_case *c, uint64_t *seed)
{
    uint8_t in[MOST * 16], element[8];
    float out[MOST * 2];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)next_random(seed);
    mt_gather(&c->convert, 1, &c->n, (uint8_t *)out, &c->out_stride, in, &c->in_stride);
    const mt_convert plain = { .from = c->convert.from, .to = MT_FLOAT32 };
    static const int64_t one = 1, none = 0;
    for (int64_t i = 0; i < c->n; i++) {
        memcpy(element, in + i * c->in_stride, mt_dtype_size(c->convert.from));
        if (c->convert.swap)
            mt_swap_bytes(element, 1, mt_dtype_size(c->convert.from));
        volatile float value;
        float got = out[i * c->out_stride / (int64_t)sizeof(float)], loaded;
        mt_gather(&plain, 1, &one, (uint8_t *)&loaded, &none, element, &none);
        if (c->convert.scaling == MT_MULTIPLY) {
            value = loaded * c->convert.scale;
            value = value + c->convert.offset;
        } else {
            value = loaded - c->convert.offset;
            value = value / c->convert.scale;
        }
        float expected = value;
        assert_true(isnan(expected) ? isnan(got) : memcmp(&got, &expected, sizeof got) == 0);
    }
}

/* All dtypes, dense and strided, of all lengths around those of the unrolled loops. */
static void scaling_is_done_in_float32(void **state)
{
    (void)state;
    uint64_t seed = 3;
    static const float scales[] = { 0.1f, 3, -7.3f, 1e-3f, 49.99999f, 0 };
    static const float offsets[] = { -3, 0, 149.79f, 1e9f, -0.0f, 1e-30f };
    for (mt_dtype from = MT_BOOL; from <= MT_FLOAT64; from++)
        for (int64_t n = 1; n < MOST; n += random_between(&seed, 1, 7)) {
            scaling_case c = { .convert = { .from = from, .to = MT_FLOAT32, .swap = next_random(&seed) & 1 }, .n = n };
            c.convert.scaling = next_random(&seed) & 1 ? MT_MULTIPLY : MT_DIVIDE;
            c.convert.scale = scales[random_between(&seed, 0, 5)];
            c.convert.offset = offsets[random_between(&seed, 0, 5)];
            c.in_stride = (int64_t)mt_dtype_size(from) * random_between(&seed, 1, 2);
            c.out_stride = (int64_t)sizeof(float) * random_between(&seed, 1, 2);
            check_scaling(&c, &seed);
        }
}

static void every_float16_is_converted(void **state)
{
    (void)state;
    int64_t one = 1, stride = 0;
    mt_convert convert = { .from = MT_FLOAT16, .to = MT_FLOAT32 };
    for (uint32_t h = 0; h < 65536; h++) {
        uint16_t half = (uint16_t)h, back;
        float value;
        mt_gather(&convert, 1, &one, (uint8_t *)&value, &stride, (uint8_t *)&half, &stride);
        int exponent = h >> 10 & 31, fraction = h & 1023;
        if (exponent == 31 && fraction) {
            assert_true(isnan(value));
            continue;
        }
        double m = exponent == 31 ? (double)INFINITY
                   : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                  : ldexp(fraction, -24);
        assert_true((double)value == (h & 0x8000 ? -m : m));
        mt_element_from_double(MT_FLOAT16, (double)value, &back);
        assert_int_equal(back, half);
    }
}

/* Nothing is copied if a box has no elements along any dimension. */
static void boxes_without_elements(void **state)
{
    (void)state;
    static const uint8_t in[64];
    const int64_t in_stride[4] = { 8, 4, 2, 1 }, out_stride[4] = { 1, 5, 11, 17 };
    const mt_convert same = { .from = MT_UINT8, .to = MT_UINT8 };
    for (int empty = 0; empty < 4; empty++)
        for (int64_t others = 1; others <= 2; others++) {
            uint8_t out[64];
            int64_t extent[4] = { others, others, others, others };
            extent[empty] = 0;
            memset(out, 9, sizeof out);
            mt_gather(&same, 4, extent, out, out_stride, in, in_stride);
            for (int i = 0; i < 64; i++)
                assert_int_equal(out[i], 9);
        }
}

/* A number of each kind, rounded to the nearest, ties to even. */
static int64_t integer_of(mt_dtype dtype, double value)
{
    union {
        uint8_t u8;
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
    } out;
    mt_element_from_double(dtype, value, &out);
    switch (dtype) {
    case MT_BOOL:
    case MT_UINT8: return out.u8;
    case MT_INT8: return out.i8;
    case MT_UINT16: return out.u16;
    case MT_INT16: return out.i16;
    case MT_UINT32: return out.u32;
    case MT_INT32: return out.i32;
    case MT_UINT64: return (int64_t)out.u64;
    default: return out.i64;
    }
}

static void every_integer_is_rounded(void **state)
{
    (void)state;
    static const struct {
        double value;
        int64_t expected;
    } cases[] = { { 0, 0 }, { 0.4, 0 }, { 0.6, 1 }, { 2.5, 2 }, { 3.5, 4 }, { 2.6, 3 }, { 99.7, 100 }, { 100, 100 } };
    for (mt_dtype dtype = MT_UINT8; dtype <= MT_INT64; dtype++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            assert_int_equal(integer_of(dtype, cases[i].value), cases[i].expected);
            const bool is_signed = dtype == MT_INT8 || dtype == MT_INT16 || dtype == MT_INT32 || dtype == MT_INT64;
            assert_int_equal(integer_of(dtype, -cases[i].value), is_signed ? -cases[i].expected : 0);
        }
    assert_int_equal(integer_of(MT_BOOL, 0), 0);
    assert_int_equal(integer_of(MT_BOOL, 0.4), 1);
    assert_int_equal(integer_of(MT_BOOL, -3), 1);
    float single;
    double whole;
    mt_element_from_double(MT_FLOAT32, 2.625, &single);
    mt_element_from_double(MT_FLOAT64, 2.625, &whole);
    assert_true(single == 2.625F && whole == 2.625);
}

static void elements_are_rounded_and_clamped(void **state)
{
    (void)state;
    uint8_t u8;
    int16_t i16;
    int64_t i64;
    mt_element_from_double(MT_UINT8, -1, &u8);
    assert_int_equal(u8, 0);
    mt_element_from_double(MT_UINT8, 255.4, &u8);
    assert_int_equal(u8, 255);
    mt_element_from_double(MT_INT16, -1e9, &i16);
    assert_int_equal(i16, INT16_MIN);
    mt_element_from_double(MT_INT64, 1e300, &i64);
    assert_true(i64 == INT64_MAX);
    mt_element_from_double(MT_INT16, (double)NAN, &i16);
    assert_int_equal(i16, 0);
}

static void only_the_border_is_filled(void **state)
{
    (void)state;
    uint16_t out[4][5], value = 7;
    int64_t extent[2] = { 4, 5 }, low[2] = { 1, 2 }, high[2] = { 3, 4 }, stride[2] = { 10, 2 };
    memset(out, 0, sizeof out);
    mt_fill_border(&value, 2, 2, extent, low, high, (uint8_t *)out, stride);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 5; x++)
            assert_int_equal(out[y][x], y >= 1 && y < 3 && x >= 2 && x < 4 ? 0 : 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_equal_the_naive_answer), cmocka_unit_test(scaling_is_done_in_float32),
        cmocka_unit_test(every_float16_is_converted),    cmocka_unit_test(elements_are_rounded_and_clamped),
        cmocka_unit_test(every_integer_is_rounded),      cmocka_unit_test(boxes_without_elements),
        cmocka_unit_test(only_the_border_is_filled),     cmocka_unit_test(long_rows_and_dense_planes),
        cmocka_unit_test(planes_are_flipped_and_turned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
