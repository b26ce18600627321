/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/support.h"

#include "codec/codec.h"
#include "codec/params.h"

#include <microtome/build.h>

#include <string.h>

/* Every codec is known in any build; if it was left out, the error names the switch. */
static void a_missing_codec_names_its_switch(void **state)
{
    (void)state;
    size_t n = 0;
    for (const mt_codec *codec; (codec = mt_codec_at(n)); n++) {
        const char *build_switch = codec->build_switch, *name = mt_codec_name(n, &build_switch);
        assert_ptr_equal(mt_codec_find(codec->name), codec);
        assert_true(name ? !strcmp(name, codec->name) && *mt_codec_title(n) : !mt_codec_title(n));
        assert_true(!name || !strcmp(mt_codec_known_as(codec), name));
        mt_chain chain = { 0 };
        mt_error err = MT_ERROR_INIT;
        if (codec->check)
            continue; /* it needs parameters */
        mt_status st = mt_chain_add(&chain, codec, NULL, &err);
        if (codec->decode) {
            check_ok(st, &err);
            assert_true(!build_switch || !name);
            continue;
        }
        assert_int_equal(st, MT_E_UNSUPPORTED);
        assert_non_null(strstr(err.message, name ? name : mt_codec_known_as(codec)));
        assert_non_null(strstr(err.message, build_switch));
    }
    assert_true(n > 20);
    assert_null(mt_codec_find("no such codec"));
    assert_null(mt_codec_name(n, NULL));
}

/* What a format packs in its own way goes by the name that users know, in messages too. */
static void steps_have_the_names_of_users(void **state)
{
    (void)state;
    mt_chain chain = { 0 };
    mt_env env;
    mt_scratch *scratch = NULL;
    mt_error err = MT_ERROR_INIT;
    uint8_t out[4];
    assert_string_equal(mt_codec_known_as(mt_codec_find("lz4_blocks")), "lz4");
    assert_string_equal(mt_codec_known_as(mt_codec_find("zstd1")), "zstd");
    assert_null(mt_codec_known_as(mt_codec_find("byteswap")));
    const mt_block_params raw = { .ndim = 1 }, zipped = { .ndim = 1, .codec = mt_codec_find("n5_lz4") };
    assert_null(mt_step_known_as(&(mt_step) { mt_codec_find("n5_block"), &raw }));
    assert_string_equal(mt_step_known_as(&(mt_step) { mt_codec_find("n5_block"), &zipped }), "lz4");
    if (!mt_codec_find("lz4_blocks")->decode)
        skip();
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_scratch_new(&env, &scratch, &err), &err);
    check_ok(mt_chain_add(&chain, mt_codec_find("lz4_blocks"), NULL, &err), &err);
    assert_int_equal(mt_chain_decode(&chain, (const uint8_t *)"abc", 3, out, 4, 4, scratch, &err), MT_E_CORRUPT);
    assert_memory_equal(err.message, "lz4: ", 5);
    mt_scratch_free(scratch);
}

static void a_chain_has_an_end(void **state)
{
    (void)state;
    mt_chain chain = { 0 };
    for (int i = 0; i < MT_MAX_STEPS; i++)
        check_ok(mt_chain_add(&chain, mt_codec_find("bitround"), NULL, NULL), NULL);
    assert_int_equal(mt_chain_add(&chain, mt_codec_find("bitround"), NULL, NULL), MT_E_UNSUPPORTED);
}

/* What LZW and JPEG make of noise is larger than the noise; a long chain does not multiply that. */
static void encoders_may_enlarge(void **state)
{
    (void)state;
    const size_t n = (size_t)1 << 24;
    mt_chain chain = { 0 };
    check_ok(mt_chain_add(&chain, mt_codec_find("lzw"), NULL, NULL), NULL);
    assert_in_range(mt_chain_encoded_bound(&chain, n), 9 * n / 4, 4 * n);
    while (chain.n_steps < MT_MAX_STEPS)
        check_ok(mt_chain_add(&chain, mt_codec_find("lzw"), NULL, NULL), NULL);
    assert_in_range(mt_chain_encoded_bound(&chain, n), 9 * n / 4, 4 * n);
    assert_true(mt_chain_encoded_bound(&chain, SIZE_MAX / 2) == SIZE_MAX);
}

/* What no chunk could be decoded with is refused when the chain is made. */
static void parameters_are_checked(void **state)
{
    (void)state;
    const mt_picture_params deep = { .width = 8, .height = 8, .samples = 1, .dtype = MT_UINT16 };
    const mt_picture_params many = { .width = 8, .height = 8, .samples = 100, .dtype = MT_UINT8 };
    const mt_picture_params gray = { .width = 8, .height = 8, .samples = 1, .dtype = MT_UINT8 };
    mt_chain chain = { 0 };
    mt_error err = MT_ERROR_INIT;
    if (!mt_codec_find("jpeg")->decode)
        skip();
    assert_int_equal(mt_chain_add(&chain, mt_codec_find("jpeg"), &deep, &err), MT_E_UNSUPPORTED);
    assert_string_equal(err.message, "JPEG of uint16 is not supported");
    assert_int_equal(mt_chain_add(&chain, mt_codec_find("jpeg"), &many, NULL), MT_E_UNSUPPORTED);
    assert_int_equal(chain.n_steps, 0);
    check_ok(mt_chain_add(&chain, mt_codec_find("jpeg"), &gray, NULL), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_checked),        cmocka_unit_test(a_missing_codec_names_its_switch),
        cmocka_unit_test(steps_have_the_names_of_users), cmocka_unit_test(a_chain_has_an_end),
        cmocka_unit_test(encoders_may_enlarge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
