/* SPDX-License-Identifier: BSD-3-Clause */
/* What cannot be drawn, and the message that says why. */
#include "picture_support.h"

static uint8_t pixels[64 * 64];
static const int64_t shape[2] = { 64, 64 }, origin[3] = { 0 };

static void check_refused(mt_status st, const mt_error *err, mt_status expected, const char *says)
{
    if (st != expected || !strstr(err->message, says))
        print_error("%d instead of %d, \"%s\" without \"%s\"\n", st, expected, err->message, says);
    assert_int_equal(st, expected);
    assert_non_null(strstr(err->message, says));
}

static void planes(void **state)
{
    (void)state;
    static const int64_t beyond[][4] = { { -1, 0, 1, 1 }, { 0, -1, 1, 1 }, { 0, 0, 0, 1 },  { 0, 0, 1, 0 },
                                         { 0, 0, 65, 1 }, { 0, 0, 1, 65 }, { 1, 0, 64, 1 }, { 0, 1, 1, 64 },
                                         { 64, 0, 1, 1 }, { 0, 64, 1, 1 } };
    static const int64_t inside[][4] = { { 0, 0, 64, 64 }, { 63, 63, 1, 1 } };
    const mt_projection project = MT_PROJECT_MAX;
    mt_stack *stack = stack_of(pixels, MT_UINT8, "YX", shape);
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        file f = { 0 };
        mt_error err = MT_ERROR_INIT;
        const mt_draw_options options = { .struct_size = sizeof options, .region = beyond[i] };
        check_refused(mt_draw_plane(stack, &options, append, &f, NULL, &err), &err, MT_E_RANGE,
                      "the region reaches beyond the plane of 64 x 64 pixels (width x height)");
        assert_null(f.bytes);
    }
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        const mt_draw_options options = { .struct_size = sizeof options, .region = inside[i] };
        free(draw_plane(stack, &options, NULL));
    }
    const struct {
        mt_draw_options options;
        mt_status status;
        const char *says;
    } cases[] = {
        { { .struct_size = 0 }, MT_E_ARGUMENT, "mt_draw_options needs its struct_size" },
        { { .struct_size = sizeof(mt_draw_options) + 1 }, MT_E_ARGUMENT, "mt_draw_options needs its struct_size" },
        { { .struct_size = sizeof(mt_draw_options), .max_size = -1 }, MT_E_ARGUMENT, "max_size -1 is not between 1" },
        { { .struct_size = sizeof(mt_draw_options), .max_size = 32769 }, MT_E_ARGUMENT, "is not between 1 and 32768" },
        { { .struct_size = sizeof(mt_draw_options), .sample = 1 }, MT_E_RANGE, "sample 1 is out of bounds" },
        { { .struct_size = sizeof(mt_draw_options), .project = project }, MT_E_ARGUMENT, "there is no Z to project" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file f = { 0 };
        mt_error err = MT_ERROR_INIT;
        check_refused(mt_draw_plane(stack, &cases[i].options, append, &f, NULL, &err), &err, cases[i].status,
                      cases[i].says);
    }
    mt_stack_close(stack);
}

static void images_without_pixels(void **state)
{
    (void)state;
    static const struct {
        const char *axes;
        int64_t shape[3];
    } cases[] = { { "YX", { 0, 5 } }, { "YX", { 5, 0 } }, { "ZYX", { 0, 5, 5 } } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file f = { 0 };
        mt_error err = MT_ERROR_INIT;
        mt_stack *stack = stack_of(pixels, MT_UINT8, cases[i].axes, cases[i].shape);
        check_refused(mt_draw_plane(stack, NULL, append, &f, NULL, &err), &err, MT_E_RANGE, "the image has no pixels");
        mt_stack_close(stack);
    }
}

static void sheets(void **state)
{
    (void)state;
    static const int64_t size[3] = { 8, 8, 8 }, other[2] = { 8, 9 }, none[2] = { 8, 0 }, cyx[3] = { 2, 32, 32 };
    static const int64_t tall[2] = { 30000, 1 };
    static const int64_t zero = 0;
    mt_stack *stack = stack_of(pixels, MT_UINT8, "YX", shape), *two = stack_of(pixels, MT_UINT8, "CYX", cyx);
    const mt_patch_request good = { .stack = stack, .n_spatial = 2, .coords = origin, .patch_size = size };
    const struct {
        mt_patch_request first, second;
        const char *says;
    } cases[] = {
        { { .stack = stack, .n_spatial = 3, .coords = origin, .patch_size = size }, good, "3 coordinates for an" },
        { good, { .stack = stack, .n_spatial = 2, .coords = origin, .patch_size = other }, "differ in size or" },
        { good, { .stack = two, .n_spatial = 2, .coords = origin, .patch_size = size }, "differ in size or channels" },
        { good,
          { .stack = stack, .channels = &zero, .n_channels = 1, .n_spatial = 2, .coords = origin, .patch_size = size },
          "differ in size or channels" },
        { { .stack = stack, .n_spatial = 2, .coords = origin, .patch_size = none },
          { .stack = stack, .n_spatial = 2, .coords = origin, .patch_size = none },
          "patches of size 0 cannot be drawn" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file f = { 0 };
        mt_error err = MT_ERROR_INIT;
        const mt_patch_request requests[2] = { cases[i].first, cases[i].second };
        check_refused(mt_draw_patches(requests, 2, NULL, append, &f, NULL, &err), &err, MT_E_ARGUMENT, cases[i].says);
        assert_null(f.bytes);
    }
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    mt_patch_request many[64];
    for (int i = 0; i < 64; i++)
        many[i] = (mt_patch_request) { .stack = stack, .n_spatial = 2, .coords = origin, .patch_size = tall };
    const mt_draw_options options = { .struct_size = sizeof options, .max_size = 30000 };
    check_refused(mt_draw_patches(many, 64, &options, append, &f, NULL, &err), &err, MT_E_ARGUMENT,
                  "is too large: choose max_size");
    mt_stack_close(two);
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes),
        cmocka_unit_test(images_without_pixels),
        cmocka_unit_test(sheets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
