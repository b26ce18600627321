/* SPDX-License-Identifier: BSD-3-Clause */
/* Channels by name. */
#include "support/support.h"

#include <microtome/stack.h>

#include <stdio.h>
#include <string.h>

#define INFO(list)                                                                                                     \
    {                                                                                                                  \
        .struct_size = sizeof(mt_stack_info), .data_ndim = 4, .channels = (list), .data_shape = {                      \
            1,                                                                                                         \
            sizeof(list) / sizeof *(list),                                                                             \
            2,                                                                                                         \
            2                                                                                                          \
        }                                                                                                              \
    }

static const mt_channel many[] = { { .name = "DAPI" },    { .name = "" },        { .name = "dapi" },
                                   { .name = "Gfp" },     { .name = "mCherry" }, { .name = "mCherry" },
                                   { .name = "\xc3\xa9" } };

static void check_found(const mt_stack_info *info, const char *name, int64_t expected)
{
    int64_t found = -7;
    mt_error err = { MT_E_IO, "of an earlier call" };
    check_ok(mt_channel_find(info, name, &found, &err), &err);
    assert_int_equal(found, expected);
    assert_int_equal(err.status, MT_OK);
}

static void check_refused(const mt_stack_info *info, const char *name, const char *message)
{
    int64_t found = -7;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_channel_find(info, name, &found, &err), MT_E_ARGUMENT);
    assert_int_equal(mt_channel_find(info, name, &found, NULL), MT_E_ARGUMENT);
    assert_string_equal(err.message, message);
    assert_int_equal(found, -7);
}

static void the_exact_name_goes_first(void **state)
{
    (void)state;
    const mt_stack_info info = INFO(many);
    check_found(&info, "DAPI", 0);
    check_found(&info, "dapi", 2);
    check_found(&info, "Gfp", 3);
    check_found(&info, "GFP", 3);
    check_found(&info, "gfp", 3);
    check_found(&info, "\xc3\xa9", 6);
}

static void no_name_is_guessed(void **state)
{
    (void)state;
    const mt_stack_info info = INFO(many);
    check_refused(&info, "Dapi", "channels 0 (DAPI) and 2 (dapi) both match \"Dapi\": use numbers");
    check_refused(&info, "mCherry", "channels 4 (mCherry) and 5 (mCherry) both match \"mCherry\": use numbers");
    static const char *const unknown[] = { "gf", "Gfp ", "GFPx", "\xc3\x89", "" };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char message[128];
        snprintf(message, sizeof message,
                 "there is no channel \"%s\": the image has DAPI, dapi, Gfp, mCherry, mCherry, \xc3\xa9", unknown[i]);
        check_refused(&info, unknown[i], message);
    }
}

static void images_without_names(void **state)
{
    (void)state;
    static const mt_channel unnamed[2] = { { .name = "" }, { .name = "" } };
    const mt_stack_info info = INFO(unnamed);
    mt_stack_info none = info;
    none.channels = NULL;
    check_refused(&info, "GFP", "there is no channel \"GFP\": the channels of this image have no names");
    check_refused(&none, "GFP", "there is no channel \"GFP\": the channels of this image have no names");
}

/* Names that do not fit into a message are cut. */
static void many_long_names(void **state)
{
    (void)state;
    static mt_channel channels[100];
    mt_error err = MT_ERROR_INIT;
    int64_t found;
    for (size_t c = 0; c < 100; c++)
        channels[c].name = "a rather long name of a channel";
    const mt_stack_info info = INFO(channels);
    assert_int_equal(mt_channel_find(&info, "b", &found, &err), MT_E_ARGUMENT);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exact_name_goes_first),
        cmocka_unit_test(no_name_is_guessed),
        cmocka_unit_test(images_without_names),
        cmocka_unit_test(many_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
