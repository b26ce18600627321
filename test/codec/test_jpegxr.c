/* SPDX-License-Identifier: BSD-3-Clause */
/* JPEG XR of all kinds: the seeds of its fuzz target, which jxrlib encoded, and what jxrlib decodes of them. */
#include "support/support.h"

#include "codec/codec.h"
#include "codec/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct picture {
    const char *name, *md5;
} pictures[] = {
    { "bgr24", "b3f4fd8a48686d5f53c03892f16111b3" },
    { "black_white", "b0bd92dd5a7645af31c897e2cb0ba15d" },
    { "channels_4", "84f568ba6b4cd3cde48ba5af369d7748" },
    { "cmyk32", "9c86dac105cdb7d6f998259c427eb8e9" },
    { "cmyk64", "ec7060c061cf4a29307626ff10546628" },
    { "gray16_sequential", "a8d80e1b1377c9454421a0e5eb531cd4" },
    { "gray16_tiles", "266328584d7607c5545a7d07538f267d" },
    { "gray8_hard_tiles", "36c3d6051fa048b18dfcd3517fafb28a" },
    { "gray8_macroblock_quantisers", "d15756f544be158d128d70bf814a7a65" },
    { "gray8_overlap", "f2d5ffc4bbfc500260e63dedcfcead56" },
    { "gray8_spatial", "43e8c274248f9960e342e0be8f0b369f" },
    { "gray8_trimmed", "e4477b943c1454bad29095eb1e5dc72e" },
    { "grayfixed16", "442798e33d3599fcc770304cdc69af03" },
    { "grayfixed32", "f9d06eee032afee2bbd5a3e40f5d1328" },
    { "grayfloat", "af7a6a5b33ad03a9473d4fb675b6ef75" },
    { "grayhalf", "df11e4c1e45c0ac65c24b536b544451e" },
    { "hd_photo", "d4fa9c8efbe6b913e6208df50de604fc" },
    { "hd_photo_420", "2780680e26979454fb4b8d54c80309e5" },
    { "hd_photo_422", "50834160ba6712bbd09ea4c9af1bdd35" },
    { "hd_photo_lowpass", "8652822cc989f38c62bc87f47ed14b56" },
    { "rgb24", "fdac1d885ada7aee010f085041be29f0" },
    { "rgb24_420", "ce9c68fdb7e89ff1255b93a4ef966109" },
    { "rgb24_420_narrow", "4f7208f7d6029ea2f4d4ee55634fdbc2" },
    { "rgb24_422", "525456dc52135095970ed3bcdff47805" },
    { "rgb24_dc", "06c138caab1bb533aade621835bb74c4" },
    { "rgb24_lowpass", "69e63b628020bc14c9c6ba1ab2abd33b" },
    { "rgb24_luma", "b2642dd4f30642a26ef94707ea6af83a" },
    { "rgb24_no_flexbits", "66413a4832dde42365dc04f54bf39417" },
    { "rgb48", "195d2b9b555a69c2ede12db719495da5" },
    { "rgb48_quantisers", "03a23257d47ecb33195e0bddc6e8f8ff" },
    { "rgba64_planes", "d5a9b8115b3d512251a1ad00f612e88a" },
    { "rgbafloat_tiles", "fbd85eccd5f412dfee934892c1f09c22" },
    { "rgbahalf_interleaved", "a1308469cad6a157338dba2cc33397ee" },
    { "rgbfixed16", "ce1a396a99bf343248fe593c69fda316" },
    { "rgbfixed32", "fbbb6a47f0b696bac10dcf19d9f2477c" },
    { "rgbfloat", "b96bcd3abab97ee4380cc1271135e24e" },
    { "rgbhalf", "8191da6da18ea0878671bd578941221f" },
};
#define PICTURES (sizeof pictures / sizeof *pictures)

/* A seed: 8 bytes with width - 1, height - 1, samples - 1, dtype - 1 and the size of the pixels, then the file. */
typedef struct seed {
    uint8_t *file;
    size_t size, capacity;
    mt_picture_params params;
} seed;

static seed read_seed(const char *name)
{
    char path[512];
    seed s;
    snprintf(path, sizeof path, "%s/fuzz/corpus/fuzz_codec_jpegxr/%s", getenv("MT_SOURCE_DIR"), name);
    s.file = read_file(path, &s.size);
    assert_true(s.size > 8);
    s.params = (mt_picture_params) {
        .width = 1 + s.file[0], .height = 1 + s.file[1], .samples = 1 + s.file[2], .dtype = (mt_dtype)(1 + s.file[3])
    };
    s.capacity = (size_t)(s.params.width * s.params.height * s.params.samples) * mt_dtype_size(s.params.dtype);
    s.size -= 8;
    memmove(s.file, s.file + 8, s.size);
    return s;
}

typedef struct decoder {
    mt_env env;
    mt_scratch *scratch;
} decoder;

static mt_status decode(decoder *d, const seed *s, uint8_t *out, size_t *written, mt_error *err)
{
    return mt_codec_find("jpegxr")->decode(&s->params, s->file, s->size, out, s->capacity, written, d->scratch, err);
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

static void pixels_are_those_of_jxrlib(void **state)
{
    for (size_t i = 0; i < PICTURES; i++) {
        seed s = read_seed(pictures[i].name);
        uint8_t *out = malloc(s.capacity);
        size_t written = 0;
        mt_error err = MT_ERROR_INIT;
        check_ok(decode(*state, &s, out, &written, &err), &err);
        assert_int_equal(written, s.capacity);
        if (strcmp(md5_hex(out, written), pictures[i].md5) != 0)
            fail_msg("%s: %s", pictures[i].name, md5_hex(out, written));
        free(out);
        free(s.file);
    }
}

/* RGB, BGR, and BGR with a byte of padding are coded alike: only the last byte of the format differs. */
static void formats_of_three_bytes(void **state)
{
    static const uint8_t start[] = { 0x24, 0xc3, 0xdd, 0x6f };
    for (uint8_t id = 0x0c; id <= 0x0e; id++) {
        seed s = read_seed("rgb24");
        uint8_t *guid = memmem(s.file, s.size, start, sizeof start), *out = malloc(s.capacity);
        size_t written;
        mt_error err = MT_ERROR_INIT;
        assert_non_null(guid);
        guid[15] = id;
        check_ok(decode(*state, &s, out, &written, &err), &err);
        assert_string_equal(md5_hex(out, written), "fdac1d885ada7aee010f085041be29f0");
        free(out);
        free(s.file);
    }
}

/* A picture in a chunk of another size: an error, or cut and filled with zeros where the chunk asks for that. */
static void another_size(void **state)
{
    static const int sizes[][2] = { { 10, 7 }, { 16, 16 }, { 17, 40 }, { 60, 5 }, { 70, 66 } };
    seed s = read_seed("rgb24_422");
    int w = (int)s.params.width, h = (int)s.params.height;
    size_t whole = s.capacity, written = 0;
    uint8_t *picture = malloc(whole), *out = malloc((size_t)70 * 66 * 3);
    mt_error err = MT_ERROR_INIT;
    check_ok(decode(*state, &s, picture, &written, &err), &err);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        s.params.width = sizes[i][0];
        s.params.height = sizes[i][1];
        s.params.fits = false;
        s.capacity = (size_t)(sizes[i][0] * sizes[i][1] * 3);
        if (sizes[i][0] != w || sizes[i][1] < h)
            assert_int_equal(decode(*state, &s, out, &written, NULL), MT_E_CORRUPT);
        s.params.fits = true;
        memset(out, 0xcc, s.capacity);
        check_ok(decode(*state, &s, out, &written, &err), &err);
        assert_int_equal(written, s.capacity);
        for (int y = 0; y < sizes[i][1]; y++)
            for (int x = 0; x < sizes[i][0] * 3; x++)
                assert_int_equal(out[y * sizes[i][0] * 3 + x], y < h && x < 3 * w ? picture[y * w * 3 + x] : 0);
    }
    free(picture);
    free(out);
    free(s.file);
}

/* The codestream starts behind this. */
static uint8_t *find_stream(const seed *s)
{
    for (size_t i = 0; i + 8 <= s->size; i++)
        if (memcmp(s->file + i, "WMPHOTO", 8) == 0)
            return s->file + i;
    fail_msg("there is no codestream");
    return NULL;
}

static void refusals_have_names(void **state)
{
    static const struct {
        int at, value;
        const char *message;
    } changes[] = { { 8, 0x12, "version 12" },
                    { 10, 0x20, "window" },
                    { 9, 0x43, "version" },
                    { 0, 0, "codestream" },
                    { 11, 0x71, "another image" } };
    uint8_t out[4096];
    size_t written;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        seed s = read_seed("gray8_spatial");
        mt_error err = MT_ERROR_INIT;
        uint8_t *byte = find_stream(&s) + changes[i].at;
        *byte = (uint8_t)(changes[i].at == 10 ? *byte | changes[i].value : changes[i].value);
        assert_int_not_equal(decode(*state, &s, out, &written, &err), MT_OK);
        if (!strstr(err.message, changes[i].message))
            fail_msg("%s: %s", changes[i].message, err.message);
        free(s.file);
    }
}

/* A picture whose rows alone need more memory than a chunk may: the limit is named. */
static void limits_hold(void **state)
{
    decoder *d = *state;
    seed s = read_seed("gray8_overlap");
    uint8_t *out = malloc(s.capacity);
    size_t written, limit = d->env.limits.max_chunk_bytes;
    mt_error err = MT_ERROR_INIT;
    d->env.limits.max_chunk_bytes = 10000;
    assert_int_equal(decode(d, &s, out, &written, &err), MT_E_LIMIT);
    assert_non_null(strstr(err.message, "max_chunk_bytes"));
    d->env.limits.max_chunk_bytes = limit;
    free(out);
    free(s.file);
}

/* An error or pixels, in bounds: the sanitizers watch. */
static void damage_does_no_harm(void **state)
{
    uint64_t random = 11;
    for (size_t i = 0; i < PICTURES; i++) {
        seed s = read_seed(pictures[i].name);
        uint8_t *out = malloc(s.capacity), *whole = s.file;
        size_t written = 0, size = s.size;
        for (int k = 0; k < 150; k++) {
            s.size = k < 30 ? size * (size_t)k / 30 : size;
            s.file = malloc(s.size + (s.size == 0));
            memcpy(s.file, whole, s.size);
            for (int n = 0; k >= 30 && n < 1 + k % 3; n++)
                s.file[random_between(&random, 0, (int64_t)size - 1)] = (uint8_t)next_random(&random);
            if (decode(*state, &s, out, &written, NULL) == MT_OK)
                assert_true(written <= s.capacity);
            free(s.file);
        }
        free(out);
        free(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_those_of_jxrlib), cmocka_unit_test(another_size),
        cmocka_unit_test(refusals_have_names),        cmocka_unit_test(limits_hold),
        cmocka_unit_test(damage_does_no_harm),        cmocka_unit_test(formats_of_three_bytes),
    };
    return cmocka_run_group_tests(tests, make_decoder, free_decoder);
}
