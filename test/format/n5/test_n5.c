/* SPDX-License-Identifier: BSD-3-Clause */
/* The N5 containers of the data folder, and the contract. */
#include "support/contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MD5 of the pixels, little-endian and in C order of the reversed dimensions, as TensorStore reads them; those of
 * lz4_java are what its generator stored. */
static const struct {
    const char *name, *md5;
} expected[] = {
    { "syn/blosc_f32", "8ed08c06f0455920ed1e5d2500634ef4" },
    { "syn/bzip2_u16", "d124b0e0f8901e910b201ccc66d9d748" },
    { "syn/gzip_u16", "d124b0e0f8901e910b201ccc66d9d748" },
    { "syn/lz4_java", "8219990a304fad00a4a9e8b74277fa3c" },
    { "syn/raw_f64_2d", "a85571712b4b232c24bf3669ce470bfe" },
    { "syn/raw_u16", "d124b0e0f8901e910b201ccc66d9d748" },
    { "syn/xz_u16", "d124b0e0f8901e910b201ccc66d9d748" },
    { "syn/zstd_u8", "f6c9df1be66465c96e7d2df01bdccde2" },
    { "tensorstore/blosc", "cd6fd01860107ccad80fc1c00a132940" },
    { "tensorstore/bzip2", "cd6fd01860107ccad80fc1c00a132940" },
    { "tensorstore/gzip", "cd6fd01860107ccad80fc1c00a132940" },
    { "tensorstore/raw", "cd6fd01860107ccad80fc1c00a132940" },
    { "tensorstore/xz", "cd6fd01860107ccad80fc1c00a132940" },
};

static void real_pixels(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        char path[100];
        mt_stack *stack;
        whole_image image;
        mt_error err = MT_ERROR_INIT;
        snprintf(path, sizeof path, "n5/%s", expected[i].name);
        check_ok(open_any(data_path(path), &stack, &err), &err);
        assert_string_equal(mt_stack_get_info(stack)->format, "n5");
        check_ok(read_whole(stack, &image, &err), &err);
        if (strcmp(md5_hex(image.pixels, image.bytes), expected[i].md5) != 0)
            fail_msg("%s has other pixels", expected[i].name);
        free_whole(&image);
        mt_stack_close(stack);
    }
}

static void small_containers_keep_the_contract(void **state)
{
    (void)state;
    static const char *const names[] = { "n5/syn/raw_f64_2d", "n5/syn/blosc_f32", "n5/tensorstore/gzip" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_contract(data_path(names[i]), NULL);
}

/* A container without an image of its own lists all datasets. */
static void datasets_are_listed(void **state)
{
    (void)state;
    mt_names *names;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_list_parts(NULL, data_path("n5/syn"), NULL, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 8);
    assert_string_equal(mt_names_get(names, 0), "blosc_f32");
    assert_string_equal(mt_names_get(names, 7), "zstd_u8");
    mt_names_free(names);
    assert_int_equal(mt_stack_open(NULL, data_path("n5/syn"), NULL, &stack, &err), MT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "there are several images, name one: '#blosc_f32', '#bzip2_u16'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(real_pixels),
                                        cmocka_unit_test(small_containers_keep_the_contract),
                                        cmocka_unit_test(datasets_are_listed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
