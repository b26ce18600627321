/* SPDX-License-Identifier: BSD-3-Clause */
/* Pictures in JPEG 2000, WebP and JPEG: their pixels, and each reason for which one is refused. */
#include "support/support.h"

#include "codec/codec.h"
#include "codec/params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "streams.inc"

#define SIDE 8
#define STREAM(bytes) bytes, sizeof bytes

static mt_env env;
static mt_scratch *scratch;

static int make(void **state)
{
    (void)state;
    mt_env_init(&env, NULL, NULL);
    return mt_scratch_new(&env, &scratch, NULL);
}

static int clean(void **state)
{
    (void)state;
    mt_scratch_free(scratch);
    return env.memory_bytes != 0;
}

static int gray(int i) { return (i / SIDE * 17 + i % SIDE * 29) % 251; }

static int rgb(int i, int sample)
{
    int v = gray(i);
    return sample == 0 ? v : sample == 1 ? (v * 3 + 1) & 255 : 255 - v;
}

static mt_status decode(const char *name, const mt_picture_params *p, const uint8_t *bytes, size_t size, void *out,
                        size_t capacity, size_t *written, mt_error *err)
{
    mt_chain chain = { 0 };
    mt_status st = mt_chain_add(&chain, mt_codec_find(name), p, err);
    return st ? st : chain.steps[0].codec->decode(p, bytes, size, out, capacity, written, scratch, err);
}

static void pixels_of_jpeg2000(void **state)
{
    (void)state;
    if (!mt_codec_find("jpeg2000")->decode)
        skip();
    uint8_t narrow[SIDE * SIDE * 3];
    uint16_t wide[SIDE * SIDE];
    size_t written;
    mt_error err = MT_ERROR_INIT;
    mt_picture_params p = { .width = SIDE, .height = SIDE, .samples = 1, .dtype = MT_UINT8 };
    check_ok(decode("jpeg2000", &p, STREAM(j2k_gray), narrow, SIDE * SIDE, &written, &err), &err);
    assert_int_equal(written, SIDE * SIDE);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_int_equal(narrow[i], gray(i));

    p.dtype = MT_UINT16;
    check_ok(decode("jpeg2000", &p, STREAM(j2k_gray16), wide, sizeof wide, &written, &err), &err);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_int_equal(wide[i], (i / SIDE * 1700 + i % SIDE * 2900) % 65521);

    p.dtype = MT_UINT8, p.samples = 3;
    for (int ycbcr = 0; ycbcr < 2; ycbcr++) {
        p.ycbcr = ycbcr;
        check_ok(decode("jpeg2000", &p, STREAM(jp2_rgb), narrow, sizeof narrow, &written, &err), &err);
        for (int i = 0; i < SIDE * SIDE; i++) {
            double y = rgb(i, 0), b = rgb(i, 1) - 128, r = rgb(i, 2) - 128; /* ITU-R BT.601 */
            const double colors[3] = { y + 1.402 * r, y - 0.344136 * b - 0.714136 * r, y + 1.772 * b };
            for (int s = 0; s < 3; s++) {
                double expected = ycbcr ? fmax(0, fmin(255, colors[s])) : rgb(i, s);
                assert_true(fabs(narrow[3 * i + s] - expected) <= 0.51);
            }
        }
    }
}

static void pixels_of_webp_and_jpeg(void **state)
{
    (void)state;
    uint8_t out[SIDE * SIDE * 4];
    size_t written;
    mt_error err = MT_ERROR_INIT;
    for (int samples = 3; samples <= 4 && mt_codec_find("webp")->decode; samples++) {
        const mt_picture_params p = { .width = SIDE, .height = SIDE, .samples = samples, .dtype = MT_UINT8 };
        check_ok(decode("webp", &p, STREAM(webp_rgb), out, (size_t)(SIDE * SIDE * samples), &written, &err), &err);
        for (int i = 0; i < SIDE * SIDE * samples; i++)
            assert_int_equal(out[i], i % samples < 3 ? rgb(i / samples, i % samples) : 255);
    }
    for (int samples = 1; samples <= 4 && mt_codec_find("jpeg")->decode; samples += 3) {
        const mt_picture_params p = { .width = SIDE, .height = SIDE, .samples = samples, .dtype = MT_UINT8 };
        const uint8_t *bytes = samples == 1 ? jpeg_gray : jpeg_cmyk;
        size_t size = samples == 1 ? sizeof jpeg_gray : sizeof jpeg_cmyk;
        check_ok(decode("jpeg", &p, bytes, size, out, sizeof out, &written, &err), &err);
        assert_int_equal(written, SIDE * SIDE * samples);
        for (int i = 0; i < SIDE * SIDE * samples; i++) /* Pillow stores CMYK inverted */
            assert_int_equal(out[i], samples == 1 ? 77 : 55);
    }
}

static const struct refusal {
    const char *codec;
    const uint8_t *bytes;
    size_t size;
    mt_picture_params params;
    size_t capacity;
    mt_status status;
    const char *message;
} refusals[] = {
#define PARAMS(width, height, samples, dtype)                                                                          \
    {                                                                                                                  \
        width, height, samples, dtype, false, NULL, 0, false                                                           \
    }
    { "jpeg2000", STREAM(j2k_gray), PARAMS(8, 8, 3, MT_UINT8), 192, MT_E_CORRUPT, "1 components, not 3" },
    { "jpeg2000", STREAM(j2k_gray), PARAMS(7, 8, 1, MT_UINT8), 64, MT_E_CORRUPT, "8 x 8 of 8 bits" },
    { "jpeg2000", STREAM(j2k_gray), PARAMS(8, 7, 1, MT_UINT8), 64, MT_E_CORRUPT, "8 x 8 of 8 bits" },
    { "jpeg2000", STREAM(j2k_gray16), PARAMS(8, 8, 1, MT_UINT8), 64, MT_E_CORRUPT, "8 x 8 of 16 bits" },
    { "jpeg2000", STREAM(j2k_gray), PARAMS(8, 8, 1, MT_FLOAT32), 256, MT_E_CORRUPT, "float32" },
    { "jpeg2000", STREAM(j2k_gray), PARAMS(8, 8, 1, MT_UINT8), 63, MT_E_CORRUPT, "64 bytes, more than 63" },
    { "jpeg2000", j2k_gray, 20, PARAMS(8, 8, 1, MT_UINT8), 64, MT_E_CORRUPT, "too short" },
    { "jpeg2000", j2k_gray, 0, PARAMS(8, 8, 1, MT_UINT8), 64, MT_E_CORRUPT, "" },
    { "jpeg2000", j2k_gray, 150, PARAMS(8, 8, 1, MT_UINT8), 64, MT_E_CORRUPT, "" },
    { "jpeg2000", jp2_rgb, 60, PARAMS(8, 8, 3, MT_UINT8), 192, MT_E_CORRUPT, "" },
    { "webp", STREAM(webp_rgb), PARAMS(8, 8, 1, MT_UINT8), 64, MT_E_CORRUPT, "3 or 4 samples" },
    { "webp", STREAM(webp_rgb), PARAMS(8, 8, 3, MT_UINT16), 384, MT_E_CORRUPT, "uint8" },
    { "webp", STREAM(webp_rgb), PARAMS(7, 8, 3, MT_UINT8), 192, MT_E_CORRUPT, "8 x 8 in a chunk of 7 x 8" },
    { "webp", STREAM(webp_rgb), PARAMS(8, 7, 3, MT_UINT8), 192, MT_E_CORRUPT, "8 x 8 in a chunk of 8 x 7" },
    { "webp", STREAM(webp_rgb), PARAMS(8, 8, 3, MT_UINT8), 191, MT_E_CORRUPT, "8 x 8" },
    { "webp", webp_rgb, 10, PARAMS(8, 8, 3, MT_UINT8), 192, MT_E_CORRUPT, "header" },
    { "webp", webp_rgb, 50, PARAMS(8, 8, 3, MT_UINT8), 192, MT_E_CORRUPT, "data" },
    { "jpeg", STREAM(jpeg_gray), PARAMS(7, 8, 1, MT_UINT8), 64, MT_E_CORRUPT, "8 x 8 in a chunk of 7 x 8" },
    { "jpeg", STREAM(jpeg_gray), PARAMS(8, 8, 3, MT_UINT8), 192, MT_E_CORRUPT, "1 components, not 3" },
    { "jpeg", STREAM(jpeg_cmyk), PARAMS(8, 8, 3, MT_UINT8), 192, MT_E_CORRUPT, "4 components, not 3" },
    { "jpeg", jpeg_gray, 0, PARAMS(8, 8, 1, MT_UINT8), 64, MT_E_CORRUPT, "" },
    { "jpeg", jpeg_gray, sizeof jpeg_gray - 6, PARAMS(8, 8, 1, MT_UINT8), 64, MT_E_CORRUPT, "remature end" },
    { "jpeg", webp_rgb, 50, PARAMS(8, 8, 1, MT_UINT8), 64, MT_E_CORRUPT, "JPEG" },
};

static void pictures_that_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *r = &refusals[i];
        if (!mt_codec_find(r->codec)->decode)
            continue;
        uint8_t *in = malloc(r->size + !r->size), *out = malloc(r->capacity);
        size_t written;
        mt_error err = MT_ERROR_INIT;
        memcpy(in, r->bytes, r->size);
        mt_status st = decode(r->codec, &r->params, in, r->size, out, r->capacity, &written, &err);
        if (st != r->status || !strstr(err.message, r->message) || strlen(err.message) < 5)
            fail_msg("case %d of %s: %s: %s", (int)i, r->codec, mt_status_name(st), err.message);
        free(in), free(out);
    }
}

/* SIZ of a codestream: bytes 43 and 44 are the distances of the component's samples. And a JPEG of 12 bits. */
static void kinds_that_are_not_supported(void **state)
{
    (void)state;
    const mt_picture_params p = { .width = SIDE, .height = SIDE, .samples = 1, .dtype = MT_UINT8 };
    uint8_t out[SIDE * SIDE];
    size_t written;
    for (int i = 43; i <= 44 && mt_codec_find("jpeg2000")->decode; i++) {
        uint8_t bytes[sizeof j2k_gray];
        mt_error err = MT_ERROR_INIT;
        memcpy(bytes, j2k_gray, sizeof bytes);
        bytes[i] = 2;
        assert_int_equal(decode("jpeg2000", &p, STREAM(bytes), out, sizeof out, &written, &err), MT_E_UNSUPPORTED);
        assert_non_null(strstr(err.message, "subsampled"));
    }
    if (mt_codec_find("jpeg")->decode) {
        uint8_t bytes[sizeof jpeg_gray];
        mt_error err = MT_ERROR_INIT;
        memcpy(bytes, jpeg_gray, sizeof bytes);
        size_t at = 0;
        while (bytes[at] != 0xff || bytes[at + 1] != 0xc0)
            at++;
        bytes[at + 4] = 12;
        mt_status st = decode("jpeg", &p, STREAM(bytes), out, sizeof out, &written, &err);
        assert_int_not_equal(st, MT_OK);
        assert_non_null(strstr(err.message, "12"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_of_jpeg2000),
        cmocka_unit_test(pixels_of_webp_and_jpeg),
        cmocka_unit_test(pictures_that_are_refused),
        cmocka_unit_test(kinds_that_are_not_supported),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
