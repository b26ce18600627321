/* SPDX-License-Identifier: BSD-3-Clause */
/* Codecs of whole images: what encoders made of known pixels comes back, and damage is found or does no harm. */
#include "support/support.h"

#include "codec/codec.h"
#include "codec/params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pictures.inc"

#define SIDE 8

static double pixel(mt_dtype dtype, int64_t samples, int y, int x, int s)
{
    if (dtype == MT_FLOAT32)
        return y * 0.5 - x * 1.25;
    int v = dtype == MT_UINT8 ? (y * 17 + x * 29) % 251 : (y * 1700 + x * 2900) % 65521;
    if (samples == 1 || s == 0)
        return v;
    if (s == 2)
        return (dtype == MT_UINT8 ? 255 : 65535) - v;
    return dtype == MT_UINT8 ? (v * 3 + 1) & 255 : v / 2;
}

static double load(mt_dtype dtype, const uint8_t *p)
{
    uint16_t u;
    float f;
    memcpy(&u, p, dtype == MT_UINT16 ? sizeof u : 1);
    memcpy(&f, p, dtype == MT_FLOAT32 ? sizeof f : 1);
    return dtype == MT_UINT8 ? *p : dtype == MT_UINT16 ? u : (double)f;
}

#define VECTOR(codec, name, dtype, samples)                                                                            \
    {                                                                                                                  \
        codec, name, sizeof name, dtype, samples                                                                       \
    }

static const struct vector {
    const char *codec;
    const uint8_t *bytes;
    size_t size;
    mt_dtype dtype;
    int64_t samples;
} vectors[] = {
    VECTOR("jpegxr", jpegxr_gray8, MT_UINT8, 1),     VECTOR("jpegxr", jpegxr_gray16, MT_UINT16, 1),
    VECTOR("jpegxr", jpegxr_rgb8, MT_UINT8, 3),      VECTOR("jpegxr", jpegxr_rgb16, MT_UINT16, 3),
    VECTOR("jpegxr", jpegxr_float32, MT_FLOAT32, 1), VECTOR("lerc", lerc_u16, MT_UINT16, 1),
    VECTOR("lerc", lerc_rgb8, MT_UINT8, 3),          VECTOR("lerc", lerc_f32, MT_FLOAT32, 1),
};

typedef struct decoder {
    mt_env env;
    mt_scratch *scratch;
} decoder;

static mt_status decode(decoder *d, const struct vector *v, const uint8_t *bytes, size_t size, uint8_t *out,
                        size_t *written, mt_error *err)
{
    mt_picture_params p = { .width = SIDE, .height = SIDE, .samples = v->samples, .dtype = v->dtype };
    size_t capacity = (size_t)(SIDE * SIDE * v->samples) * mt_dtype_size(v->dtype);
    return mt_codec_find(v->codec)->decode(&p, bytes, size, out, capacity, written, d->scratch, err);
}

static int make_decoder(void **state)
{
    static decoder d;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&d.env, NULL, NULL);
    check_ok(mt_scratch_new(&d.env, &d.scratch, &err), &err);
    *state = &d;
    return 0;
}

static int free_decoder(void **state)
{
    mt_scratch_free(((decoder *)*state)->scratch);
    return 0;
}

static void pixels_come_back(void **state)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *v = &vectors[i];
        if (!mt_codec_find(v->codec)->decode)
            continue;
        uint8_t out[SIDE * SIDE * 3 * 4];
        size_t written, size = mt_dtype_size(v->dtype);
        mt_error err = MT_ERROR_INIT;
        check_ok(decode(*state, v, v->bytes, v->size, out, &written, &err), &err);
        assert_int_equal(written, (size_t)(SIDE * SIDE * v->samples) * size);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                for (int s = 0; s < v->samples; s++) {
                    double got = load(v->dtype, out + (size_t)((y * SIDE + x) * v->samples + s) * size);
                    if (got != pixel(v->dtype, v->samples, y, x, s))
                        fail_msg("%s %s x %d: %g at %d, %d, %d", v->codec, mt_dtype_name(v->dtype), (int)v->samples,
                                 got, y, x, s);
                }
    }
}

/* Another type, more samples or another size than the stream has. */
static void streams_of_other_images(void **state)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct vector v = vectors[i];
        if (!mt_codec_find(v.codec)->decode)
            continue;
        uint8_t out[SIDE * SIDE * 3 * 8];
        size_t written;
        v.dtype = v.dtype == MT_UINT8 ? MT_UINT16 : MT_UINT8;
        mt_error err = MT_ERROR_INIT;
        assert_int_not_equal(decode(*state, &v, v.bytes, v.size, out, &written, &err), MT_OK);
        assert_true(strlen(err.message) > 5);
        v = vectors[i];
        v.samples = v.samples == 1 ? 3 : 1;
        assert_int_not_equal(decode(*state, &v, v.bytes, v.size, out, &written, NULL), MT_OK);
    }
}

/* An error or pixels, in bounds: the sanitizers watch. */
static void damage_does_no_harm(void **state)
{
    uint64_t random = 7;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *v = &vectors[i];
        if (!mt_codec_find(v->codec)->decode)
            continue;
        for (int k = 0; k < 300; k++) {
            uint8_t *bytes = malloc(v->size), out[SIDE * SIDE * 3 * 4];
            memcpy(bytes, v->bytes, v->size);
            size_t size = k < 100 ? v->size * (size_t)k / 100 : v->size, written;
            for (int n = 0; k >= 100 && n < 1 + k % 4; n++)
                bytes[random_between(&random, 0, (int64_t)v->size - 1)] = (uint8_t)next_random(&random);
            if (decode(*state, v, bytes, size, out, &written, NULL) == MT_OK)
                assert_true(written <= sizeof out);
            free(bytes);
        }
    }
}

/* Pixels that LERC masks are NaN. */
static void lerc_masks(void **state)
{
    struct vector v = VECTOR("lerc", lerc_masked, MT_FLOAT32, 1);
    if (!mt_codec_find("lerc")->decode)
        skip();
    float out[SIDE * SIDE];
    size_t written;
    mt_error err = MT_ERROR_INIT;
    check_ok(decode(*state, &v, v.bytes, v.size, (uint8_t *)out, &written, &err), &err);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_true(i == 2 * SIDE + 3 ? isnan(out[i]) : out[i] == (float)pixel(MT_FLOAT32, 1, i / SIDE, i % SIDE, 0));
}

/* A scan that is repeated changes nothing but the time that it takes. */
static void many_scans_of_jpeg(void **state)
{
    enum { SCAN = 117, TAIL = 2, LENGTH = sizeof jpeg_progressive - SCAN - TAIL, MOST = 600 };
    static const int repeats[] = { 1, 499, 500, MOST };
    const struct vector v = { "jpeg", NULL, 0, MT_UINT8, 1 };
    if (!mt_codec_find("jpeg")->decode)
        skip();
    uint8_t *bytes = malloc(SCAN + MOST * LENGTH + TAIL), once[SIDE * SIDE], out[SIDE * SIDE];
    assert_non_null(bytes);
    memcpy(bytes, jpeg_progressive, SCAN);
    for (size_t i = 0; i < sizeof repeats / sizeof *repeats; i++) {
        size_t size = SCAN, written;
        mt_error err = MT_ERROR_INIT;
        for (int k = 0; k < repeats[i]; k++, size += LENGTH)
            memcpy(bytes + size, jpeg_progressive + SCAN, LENGTH);
        memcpy(bytes + size, jpeg_progressive + SCAN + LENGTH, TAIL);
        mt_status st = decode(*state, &v, bytes, size + TAIL, i ? out : once, &written, &err);
        if (repeats[i] < 500)
            check_ok(st, &err);
        else
            assert_int_equal(st, MT_E_LIMIT);
        if (i == 1)
            assert_memory_equal(out, once, sizeof once);
        assert_int_equal(strstr(err.message, "500 scans") != NULL, repeats[i] >= 500);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_come_back),    cmocka_unit_test(streams_of_other_images),
        cmocka_unit_test(damage_does_no_harm), cmocka_unit_test(lerc_masks),
        cmocka_unit_test(many_scans_of_jpeg),
    };
    return cmocka_run_group_tests(tests, make_decoder, free_decoder);
}
