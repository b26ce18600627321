/* SPDX-License-Identifier: BSD-3-Clause */
/* Known answers of numcodecs, and what becomes of broken data. */
#include "support/support.h"

#include "codec/codec.h"
#include "codec/params.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static mt_env env;
static mt_scratch *scratch;

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* The pixels behind an NPY header of version 1. */
static const uint8_t *npy_data(const uint8_t *file, size_t size, size_t *bytes)
{
    size_t header = 10 + (size_t)(file[8] | file[9] << 8);
    assert_true(header <= size);
    *bytes = size - header;
    return file + header;
}

/* Cut or changed data: an error, or output within its bounds, which the sanitizers watch. */
static void check_broken(const mt_chain *chain, const uint8_t *encoded, size_t size, size_t bytes, uint64_t *seed)
{
    uint8_t *out = malloc(bytes ? bytes : 1);
    for (int i = 0; i < 40; i++) {
        size_t n = i % 2 ? size : (size_t)random_between(seed, 0, (int64_t)size - 1);
        uint8_t *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, encoded, n);
        for (int k = 0; i % 2 && n > 0 && k < 4; k++)
            copy[random_between(seed, 0, (int64_t)n - 1)] = (uint8_t)next_random(seed);
        mt_error err = MT_ERROR_INIT;
        if (mt_chain_decode(chain, copy, n, out, bytes, bytes, scratch, &err))
            assert_true(strlen(err.message) > 4);
        free(copy);
    }
    free(out);
}

static void check_part(const mt_chain *chain, const uint8_t *encoded, size_t size, const uint8_t *data, size_t bytes,
                       uint64_t *seed)
{
    uint8_t *out = malloc(bytes ? bytes : 1);
    for (int i = 0; bytes > 0 && i < 8; i++) {
        size_t from = (size_t)random_between(seed, 0, (int64_t)bytes - 1);
        size_t to = (size_t)random_between(seed, (int64_t)from, (int64_t)bytes);
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_chain_decode_part(chain, encoded, size, out, bytes, from, to, scratch, &err), &err);
        assert_memory_equal(out + from, data + from, to - from);
    }
    free(out);
}

static bool check_vector(const char *folder, int config, int array, const mt_chain *chain)
{
    char path[512];
    size_t size, npy_size, bytes;
    snprintf(path, sizeof path, "%s/codec.%02d/encoded.%02d.dat", folder, config, array);
    if (!is_there(data_path(path)))
        return false;
    uint8_t *encoded = read_file(data_path(path), &size);
    snprintf(path, sizeof path, "%s/array.%02d.npy", folder, array);
    uint8_t *npy = read_file(data_path(path), &npy_size);
    const uint8_t *data = npy_data(npy, npy_size, &bytes);
    uint8_t *out = malloc(bytes ? bytes : 1);
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_chain_decode(chain, encoded, size, out, bytes, bytes, scratch, &err), &err);
    if (memcmp(out, data, bytes) != 0)
        fail_msg("%s/codec.%02d/encoded.%02d: other bytes", folder, config, array);
    uint64_t seed = (uint64_t)(config * 100 + array + 1);
    check_broken(chain, encoded, size, bytes, &seed);
    if (mt_chain_is_partial(chain))
        check_part(chain, encoded, size, data, bytes, &seed);
    free(out), free(npy), free(encoded);
    return true;
}

/* All vectors of a codec whose parameters are the same for all; how many there were. */
static int check_codec(const char *name, const void *params)
{
    char folder[128];
    mt_chain chain = { 0 };
    int n = 0;
    snprintf(folder, sizeof folder, "zarr/numcodecs_codec_vectors/%s", name);
    if (mt_chain_add(&chain, mt_codec_find(name), params, NULL))
        return -1; /* this build lacks it */
    for (int config = 0; config < 30; config++)
        for (int array = 0; array < 30; array++)
            n += check_vector(folder, config, array, &chain);
    return n;
}

static void vectors_decode_as_known(void **state)
{
    (void)state;
    static const mt_checksum_params at_start = { .at_start = true };
    static const struct {
        const char *name;
        const void *params;
    } codecs[] = { { "zlib", NULL },         { "gzip", NULL },    { "zstd", NULL },   { "lz4", NULL },
                   { "blosc", NULL },        { "bz2", NULL },     { "crc32c", NULL }, { "crc32", &at_start },
                   { "adler32", &at_start }, { "packbits", NULL } };
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_scratch_new(&env, &scratch, NULL), NULL);
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        int n = check_codec(codecs[i].name, codecs[i].params);
        print_message("%s: %d vectors\n", codecs[i].name, n);
        assert_true(n != 0);
    }
    mt_scratch_free(scratch);
    assert_int_equal(env.memory_bytes, 0);
}

/* Sizes of blosc are signed numbers of 32 bits. */
static void more_than_blosc_decodes(void **state)
{
    (void)state;
    const mt_codec *codec = mt_codec_find("blosc");
    const uint8_t head[32] = { 2, 1, 2, 1, 0, 0, 0, 0x80, 0, 0, 1, 0, 32 };
    uint8_t out[1];
    size_t written, capacity = SIZE_MAX / 2;
    if (!codec->decode || capacity < UINT32_MAX)
        skip();
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(codec->decode(NULL, head, sizeof head, out, capacity, &written, NULL, &err), MT_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "2147483648 bytes"));
    assert_int_equal(codec->decode_part(NULL, head, sizeof head, out, capacity, 0, 1, NULL, &err), MT_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(vectors_decode_as_known),
                                        cmocka_unit_test(more_than_blosc_decodes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
