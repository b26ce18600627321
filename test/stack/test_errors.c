/* SPDX-License-Identifier: BSD-3-Clause */
/* An error is used again by the next call: nothing of the one before is left in it. */
#include "support/contract.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static float pixels[4][5];
static mt_stack *stack;
static const int64_t shape[] = { 4, 5 }, origin[] = { 0, 0 };

static mt_status open_missing(mt_error *err) { return mt_stack_open(NULL, "missing.npy", NULL, &stack, err); }

static mt_status open_memory(mt_error *err)
{
    return mt_stack_open_memory(NULL, "noise", "noise", 5, NULL, &stack, err);
}

static mt_status open_all(mt_error *err)
{
    static const char *const paths[] = { "missing.npy" };
    mt_stacks *list;
    return mt_stacks_open(NULL, paths, 1, NULL, &list, err);
}

static mt_status list_parts(mt_error *err)
{
    mt_names *names;
    return mt_list_parts(NULL, "missing.npy", NULL, &names, err);
}

static mt_status extract_sample(mt_error *err)
{
    float out[20];
    return mt_stack_extract_patch(stack, 1, NULL, 0, origin, shape, 2, out, err);
}

static mt_status from_array(mt_error *err)
{
    mt_stack *other;
    return mt_stack_from_array(NULL, pixels, MT_FLOAT32, "YQ", shape, NULL, NULL, &other, err);
}

static mt_status stack_new(mt_error *err)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops };
    mt_stack *other;
    return mt_stack_new(NULL, &ops, NULL, NULL, &other, err);
}

static mt_status save_map(mt_error *err) { return mt_stack_save_map(stack, NULL, NULL, err); }

static mt_status context_new(mt_error *err)
{
    const mt_context_options options = { .struct_size = 0 };
    mt_context *context;
    return mt_context_new(&options, &context, err);
}

static mt_status axes_check(mt_error *err) { return mt_axes_check("YXQ", err); }

static void an_error_can_be_used_again(void **state)
{
    (void)state;
    static mt_status (*const calls[])(mt_error *) = { open_missing, open_memory, open_all, list_parts,  extract_sample,
                                                      from_array,   stack_new,   save_map, context_new, axes_check };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, pixels, MT_FLOAT32, "YX", shape, NULL, NULL, &stack, &err), &err);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        mt_error fresh = MT_ERROR_INIT, used = { MT_E_IO, "of an earlier call" };
        mt_status st = calls[i](&fresh);
        assert_true(st && st == fresh.status && *fresh.message);
        assert_true(calls[i](&used) == st && used.status == st);
        assert_string_equal(used.message, fresh.message);
    }
    mt_stack_close(stack);
}

static void a_call_that_succeeds_leaves_no_error(void **state)
{
    (void)state;
    float out[20];
    mt_error err = { MT_E_IO, "of an earlier call" };
    assert_true(!mt_stack_from_array(NULL, pixels, MT_FLOAT32, "YX", shape, NULL, NULL, &stack, &err));
    assert_true(err.status == MT_OK && !*err.message);
    err = (mt_error) { MT_E_IO, "of an earlier call" };
    assert_true(!mt_stack_extract_patch(stack, 0, NULL, 0, origin, shape, 2, out, &err));
    assert_true(err.status == MT_OK && !*err.message);
    mt_stack_close(stack);
}

/* Whether opening or reading fails: "path: format: ", with the path once. */
static void messages_begin_with_the_path(void **state)
{
    (void)state;
    static const struct {
        const char *name, *after; /* follows the path */
        bool is_opened;
    } files[] = {
        { "tiff/malformed/pillow/crash-86214e58da443d2b80820cff9677a38a33dcbbca.tif", "tiff", false },
        { "tiff/malformed/gofuzz/fe722cb6ea26eedbbc29dd7900d9aa6d4ce9f529-5", "tiff", true },
        { "tiff/malformed/gofuzz/1ae7c1fc2cffc57db9e38743aec652263640ba66-5", "tiff", true },
        { "zip/syn/bad_crc.zip", "zarr.json", false }, /* before the format is known */
        { "zarr_malformed/zstd_garbage", "zarr", true },
        { "zarr_malformed/unknown_codec", "zarr", false },
        { "czi/malformed/fileposition_self.czi", "czi", true },
        { "czi/malformed/trunc_header.czi", "czi", false },
        { "npy/generated/bad_header_garbage.npy", "npy", false },
        { "hdf5/malformed/cve/cve-2021-45830.h5", "hdf5", false },
        { "mrc/bad_trunc.mrc", "mrc", false },
        { "nifti/bad_trunc.nii", "nifti", false },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *path = data_path(files[i].name), *name = strrchr(files[i].name, '/') + 1;
        char start[1024];
        mt_error err = MT_ERROR_INIT;
        whole_image whole;
        mt_status st = mt_stack_open(NULL, path, NULL, &stack, &err);
        assert_int_equal(!st, files[i].is_opened);
        if (!st) {
            st = read_whole(stack, &whole, &err);
            mt_stack_close(stack);
        }
        assert_int_not_equal(st, MT_OK);
        int n = snprintf(start, sizeof start, "%s: %s: ", path, files[i].after);
        if (strncmp(err.message, start, (size_t)n) != 0)
            fail_msg("not \"%s\": %s", start, err.message);
        if (strstr(err.message + n, name))
            fail_msg("named twice: %s", err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_begin_with_the_path),
        cmocka_unit_test(an_error_can_be_used_again),
        cmocka_unit_test(a_call_that_succeeds_leaves_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
