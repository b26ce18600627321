/* SPDX-License-Identifier: BSD-3-Clause */
/* Patches of many images in one call. */
#include "support/folder.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdio.h>
#include <string.h>

enum { IMAGES = 150, SIDE = 16, PATCHES = 600, PATCH = 5 };

static uint16_t pixel(int image, int y, int x) { return (uint16_t)(image * 300 + y * SIDE + x); }

/* NPY files of 16 x 16 pixels, which tell image and place. */
static void write_images(void)
{
    for (int i = 0; i < IMAGES; i++) {
        char name[32], header[128];
        uint16_t pixels[SIDE][SIDE];
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                pixels[y][x] = pixel(i, y, x);
        snprintf(name, sizeof name, "%d.npy", i);
        int n =
            snprintf(header, sizeof header,
                     "\x93NUMPY%c%c%c%c{'descr': '<u2', 'fortran_order': False, 'shape': (16, 16), }", 1, 0, 118, 0);
        memset(header + n, ' ', sizeof header - (size_t)n);
        header[127] = '\n';
        FILE *file = fopen(temporary_path(name), "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(header, 1, 128, file), 128);
        assert_int_equal(fwrite(pixels, 1, sizeof pixels, file), sizeof pixels);
        assert_int_equal(fclose(file), 0);
    }
}

/* Requests of patches in an order that returns to each image. */
static mt_status extract(mt_stack **stacks, uint16_t out[PATCHES][PATCH][PATCH], mt_error *err)
{
    static const int64_t size[2] = { PATCH, PATCH };
    static mt_patch_request requests[PATCHES];
    static int64_t coords[PATCHES][2];
    for (int i = 0; i < PATCHES; i++) {
        coords[i][0] = i % 11;
        coords[i][1] = i % 7;
        requests[i] = (mt_patch_request) { .stack = stacks[i * 7 % IMAGES],
                                           .n_spatial = 2,
                                           .coords = coords[i],
                                           .patch_size = size,
                                           .view = { .data = out[i], .dtype = MT_UINT16 } };
    }
    return mt_extract_patches(requests, PATCHES, NULL, err);
}

static void check_pixels(uint16_t out[PATCHES][PATCH][PATCH])
{
    for (int i = 0; i < PATCHES; i++)
        for (int y = 0; y < PATCH; y++)
            for (int x = 0; x < PATCH; x++)
                assert_int_equal(out[i][y][x], pixel(i * 7 % IMAGES, i % 11 + y, i % 7 + x));
}

/* Each allocation of the call fails in turn, until there are none left. */
static void one_call(void **state)
{
    (void)state;
    static uint16_t out[PATCHES][PATCH][PATCH];
    failing_allocator memory;
    mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = MT_NO_CACHE };
    options.allocator = failing_allocator_make(&memory, SIZE_MAX, 0);
    mt_context *context;
    mt_stack *stacks[IMAGES];
    mt_error err = MT_ERROR_INIT;
    write_images();
    check_ok(mt_context_new(&options, &context, &err), &err);
    for (int i = 0; i < IMAGES; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.npy", i);
        check_ok(mt_stack_open(context, temporary_path(name), NULL, &stacks[i], &err), &err);
    }
    for (size_t k = 0, failures = 0;; k++) {
        memory = (failing_allocator) { .fail_at = k };
        memset(out, 0, sizeof out);
        mt_status st = extract(stacks, out, &err);
        if (!st)
            check_pixels(out);
        else
            assert_int_equal(st, MT_E_MEMORY);
        failures += st != MT_OK;
        if (memory.count <= k) {
            check_ok(st, &err);
            assert_true(failures > 0);
            break;
        }
    }
    for (int i = 0; i < IMAGES; i++)
        mt_stack_close(stacks[i]);
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(one_call) };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
