/* SPDX-License-Identifier: BSD-3-Clause */
/* HDF5's scaleoffset: numbers of a few bits, and those that need all of them, in both byte orders of a dataset. */
#include "support/support.h"

#include "base/reader.h"
#include "codec/codec.h"
#include "codec/params.h"

#include <stdbool.h>
#include <string.h>

enum { HEAD = 21, N = 3 };

/* The smallest number is 100: 1, 2, 3 are added in two bits each; or all numbers stand in 16 bits, as they are. */
static void scaled_integers(void **state)
{
    (void)state;
    static const struct {
        uint8_t bits, bytes[6];
        size_t size;
        uint16_t values[N];
    } cases[] = { { 2, { 0x6c }, 1, { 101, 102, 103 } },
                  { 16, { 0x34, 0x12, 1, 0, 0xff, 0xff }, 6, { 0x1234, 1, 0xffff } } };
    mt_env env;
    mt_scratch *scratch;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_scratch_new(&env, &scratch, NULL), NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int big = 0; big < 2; big++) {
            mt_scaleoffset_params p = { .count = N, .element_size = 2, .big_endian = big };
            uint8_t encoded[HEAD + 6] = { cases[i].bits, 0, 0, 0, 8, 100 }, out[2 * N], expected[2 * N];
            size_t written;
            mt_error err = MT_ERROR_INIT;
            memcpy(encoded + HEAD, cases[i].bytes, 6);
            for (int k = 0; k < N; k++) {
                expected[2 * k + !big] = (uint8_t)(cases[i].values[k] >> 8);
                expected[2 * k + big] = (uint8_t)cases[i].values[k];
            }
            check_ok(mt_codec_find("scaleoffset")
                         ->decode(&p, encoded, HEAD + cases[i].size, out, sizeof out, &written, scratch, &err),
                     &err);
            assert_int_equal(written, sizeof out);
            assert_memory_equal(out, expected, sizeof out);
        }
    mt_scratch_free(scratch);
    assert_int_equal(env.memory_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(scaled_integers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
