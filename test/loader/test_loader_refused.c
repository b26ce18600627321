/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of a loader that are refused, and images that do not fit together. */
#include "loader_support.h"

static void check_new(const set *s, mt_loader_options options, mt_status status, const char *message)
{
    mt_loader *loader = NULL;
    mt_error err = MT_ERROR_INIT;
    if (!options.struct_size)
        options.struct_size = sizeof options;
    mt_status st = mt_loader_new(s->patching, &options, &loader, &err);
    if (st != status || !strstr(err.message, message))
        fail_msg("%s: \"%s\", not \"%s\"", mt_status_name(st), err.message, message);
    mt_loader_free(loader);
}

static void options_out_of_range(void **state)
{
    (void)state;
    static const int64_t channels[] = { 0, CHANNELS };
    static const mt_loader_array ghosts = { .channels = channels, .n_channels = 2 }, nothing = { .channels = channels },
                                 other = { .view = { .dtype = MT_INT32 } }, stored = { .view = { .dtype = MT_UINT16 } };
    static const mt_noise_options noise = { .struct_size = sizeof noise, .gaussian = 1 },
                                  negative = { .struct_size = sizeof noise, .gaussian = -1 }, unset = { .gaussian = 1 },
                                  late = { .struct_size = sizeof noise + 1 };
    static const struct {
        mt_loader_options o;
        mt_status status;
        const char *message;
    } cases[] = {
        { { .struct_size = sizeof(mt_loader_options) + 1 }, MT_E_ARGUMENT, "mt_loader_options.struct_size is" },
        { { .n_arrays = 1 }, MT_E_ARGUMENT, "the list of arrays is empty" },
        { { .arrays = &stored }, MT_E_ARGUMENT, "the list of arrays is empty" },
        { { .arrays = &nothing, .n_arrays = 1 }, MT_E_ARGUMENT, "the list of channels is empty" },
        { { .arrays = &ghosts, .n_arrays = 1 },
          MT_E_RANGE,
          "channel 2 is out of bounds: the image has 2, counted from 0" },
        { { .arrays = &other, .n_arrays = 1 }, MT_E_ARGUMENT, "image holds uint16 and cannot be loaded as int32" },
        { { .arrays = &stored, .n_arrays = 1, .noise = &noise }, MT_E_ARGUMENT, "noise needs an input of float32" },
        { { .noise = &negative }, MT_E_ARGUMENT, "noise: " },
        { { .noise = &unset }, MT_E_ARGUMENT, "mt_noise_options.struct_size is 0" },
        { { .noise = &late }, MT_E_ARGUMENT, "mt_noise_options.struct_size is" },
        { { .augment = 1U << 20 }, MT_E_ARGUMENT, "there is no augmentation with the flags 1048576" },
        { { .augment = MT_AUGMENT_D4 | MT_AUGMENT_FLIP }, MT_E_ARGUMENT, "is not combined with them" },
        { { .augment = MT_AUGMENT_FLIP | MT_AUGMENT_FLIP_X }, MT_E_ARGUMENT, "only one of the flips" },
        { { .flip_probability = -0.5 }, MT_E_ARGUMENT, "is -0.5, not from 0 to 1" },
        { { .rotate_probability = NAN }, MT_E_ARGUMENT, "is nan, not from 0 to 1" },
        { { .on_corrupt = -1 }, MT_E_ARGUMENT, "there is no mt_on_corrupt -1" },
        { { .on_corrupt = MT_ON_CORRUPT_ZERO + 1 }, MT_E_ARGUMENT, "there is no mt_on_corrupt" },
        { { .uneven = -1 }, MT_E_ARGUMENT, "there is no mt_uneven -1" },
        { { .uneven = MT_UNEVEN_PAD + 1 }, MT_E_ARGUMENT, "there is no mt_uneven" },
        { { .rank = 2, .world_size = 2 }, MT_E_ARGUMENT, "rank" },
        { { .batch_size = SIZE_MAX / 2, .world_size = 9 }, MT_E_ARGUMENT, "patches for 9 ranks" },
        { { .block = { 1, -3 } }, MT_E_ARGUMENT, "a block of -3 chunks" },
        { { .prefetch = 65 }, MT_E_ARGUMENT, "65 batches ahead are more than 64" },
        { { .world_size = 100000, .locality_rank = 1, .uneven = MT_UNEVEN_SHORT },
          MT_E_ARGUMENT,
          "too few for windows of 100000 ranks" },
        { { .batch_size = 2, .world_size = 3, .uneven = MT_UNEVEN_SHORT }, MT_E_ARGUMENT, "drop the last batches" },
    };
    set s;
    open_set(&s, 1, "stratified");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_new(&s, cases[i].o, cases[i].status, cases[i].message);
    check_new(&s, (mt_loader_options) { .world_size = 157, .locality_rank = 1, .uneven = MT_UNEVEN_SHORT }, MT_OK, "");
    check_new(&s, (mt_loader_options) { .batch_size = 64, .world_size = 3, .uneven = MT_UNEVEN_SHORT }, MT_OK, "");
    check_new(&s, (mt_loader_options) { .window = 1, .block = { INT64_MAX, INT64_MAX } }, MT_OK, ""); /* the image */
    check_new(&s, (mt_loader_options) { .window = 1, .block = { 1, 1, -3 } }, MT_OK, ""); /* no third axis */
    mt_loader *loader = new_loader(&s, NULL);                                             /* one patch a batch */
    mt_loader_report report = { .struct_size = sizeof report + 1 };
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_loader_get_report(loader, &report, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "mt_loader_report.struct_size is"));
    report.struct_size = 0;
    assert_int_equal(mt_loader_get_report(loader, &report, &err), MT_E_ARGUMENT);
    uint64_t n = mt_loader_count(loader);
    assert_int_equal(mt_loader_seek(loader, 0, n + 1, &err), MT_E_ARGUMENT);
    assert_int_equal(mt_loader_seek(loader, UINT64_MAX, 0, &err), MT_E_ARGUMENT);
    check_ok(mt_loader_seek(loader, INT64_MAX, n - 1, &err), &err);
    check_ok(mt_loader_seek(loader, 5, n, &err), &err);
    mt_loader_free(loader);
    close_set(&s);
}

/* Tiles have one place each. */
static void patches_that_have_no_other_place(void **state)
{
    (void)state;
    set s;
    open_set(&s, 1, "tiled");
    check_new(&s, (mt_loader_options) { .on_corrupt = MT_ON_CORRUPT_REDRAW }, MT_E_ARGUMENT,
              "the patches of strategy \"tiled\" cannot be drawn again");
    check_new(&s, (mt_loader_options) { .on_corrupt = MT_ON_CORRUPT_ZERO }, MT_OK, "");
    close_set(&s);
}

static void open_pair(set *s, mt_stack *const stacks[2])
{
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = "random", .patch_size = patch_size, .n_spatial = 2
    };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_patching_new(stacks, 2, &options, &s->patching, &err), &err);
}

static void images_that_do_not_fit_together(void **state)
{
    (void)state;
    set s;
    mt_stack *small, *cube, *pair, *elsewhere;
    mt_error err = MT_ERROR_INIT;
    open_set(&s, 1, "random");
    check_ok(mt_stack_from_array(s.context, labels, MT_UINT16, "YX", (int64_t[]) { SIDE, SIDE - 1 },
                                 (int64_t[]) { SIDE, 1 }, "small", &small, &err),
             &err);
    check_ok(mt_stack_from_array(NULL, labels, MT_UINT16, "YX", (int64_t[]) { SIDE, SIDE }, NULL, "elsewhere",
                                 &elsewhere, &err),
             &err);
    check_ok(mt_stack_from_array(s.context, labels, MT_UINT16, "ZYX", (int64_t[]) { SIDE, SIDE, SIDE },
                                 (int64_t[]) { 0, SIDE, 1 }, "cube", &cube, &err),
             &err);
    check_ok(mt_stack_from_array(s.context, labels, MT_UINT16, "TYX", (int64_t[]) { 2, SIDE, SIDE },
                                 (int64_t[]) { 0, SIDE, 1 }, "pair", &pair, &err),
             &err);
    mt_loader_array arrays[2] = { { 0 }, { .stacks = &small } };
    const mt_loader_options options = { .arrays = arrays, .n_arrays = 2 };
    check_new(&s, options, MT_E_ARGUMENT, "target 1: small has a shape (samples and spatial axes) of 1 x 400 x 399");
    arrays[1].stacks = &cube;
    check_new(&s, options, MT_E_ARGUMENT, "of 1 x 400 x 400 x 400, image of 1 x 400 x 400");
    arrays[1].stacks = &pair;
    check_new(&s, options, MT_E_ARGUMENT, "of 2 x 400 x 400, image of 1 x 400 x 400");
    arrays[1].stacks = &elsewhere;
    check_new(&s, options, MT_E_ARGUMENT, "target 1: image and elsewhere belong to different contexts");
    mt_patching_free(s.patching);
    open_pair(&s, (mt_stack *[]) { s.stack, s.stack });
    arrays[1].stacks = (mt_stack *[]) { s.target, s.stack };
    check_new(&s, options, MT_E_ARGUMENT, "target 1: labels has 1 channels, image has 2");
    mt_loader *loader;
    const mt_loader_array first = { .stacks = &small };
    const mt_loader_options one = { .struct_size = sizeof one, .arrays = &first, .n_arrays = 1 };
    check_failed(mt_loader_new(s.patching, &one, &loader, &err), MT_E_ARGUMENT, &err, "small has a shape");
    assert_null(strstr(err.message, "target"));
    mt_stack_close(small);
    mt_stack_close(cube);
    mt_stack_close(pair);
    mt_stack_close(elsewhere);
    close_set(&s);
}

/* All patches of an epoch are excluded. */
static void epochs_without_patches(void **state)
{
    (void)state;
    set s;
    mt_error err = MT_ERROR_INIT;
    open_set(&s, 1, "stratified");
    const mt_patch_spec all = { .n_spatial = 2, .patch_size = { SIDE, SIDE } };
    check_ok(mt_patching_exclude(s.patching, &all, 1, &err), &err);
    assert_int_equal(mt_patching_count(s.patching), 0);
    check_new(&s, (mt_loader_options) { 0 }, MT_E_ARGUMENT, "an epoch without patches");
    close_set(&s);
}

/* The shape of volumes has one axis more, and nothing behind it counts. */
static void targets_of_volumes(void **state)
{
    (void)state;
    static const uint8_t image[4][20][20];
    static const int64_t patch[3] = { 2, 8, 8 };
    const mt_patching_options patching = {
        .struct_size = sizeof patching, .strategy = "random", .patch_size = patch, .n_spatial = 3
    };
    for (int depth = 3; depth <= 4; depth++) {
        set s;
        mt_loader *loader;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(NULL, &s.context, &err), &err);
        check_ok(mt_stack_from_array(s.context, image, MT_UINT8, "ZYX", (int64_t[]) { 4, 20, 20 }, NULL, "image",
                                     &s.stack, &err),
                 &err);
        check_ok(mt_stack_from_array(s.context, image, MT_UINT8, "TZYX", (int64_t[]) { 1, depth, 20, 20 }, NULL,
                                     "target", &s.target, &err),
                 &err);
        check_ok(mt_patching_new(&s.stack, 1, &patching, &s.patching, &err), &err);
        const mt_loader_array arrays[2] = { { 0 }, { .stacks = &s.target } };
        mt_loader_options options = options_of();
        options.arrays = arrays;
        options.n_arrays = 2;
        mt_status st = mt_loader_new(s.patching, &options, &loader, &err);
        if (depth == 4)
            check_ok(st, &err);
        else
            check_failed(st, MT_E_ARGUMENT, &err, "of 1 x 3 x 20 x 20, image of 1 x 4 x 20 x 20");
        mt_loader_free(loader);
        close_set(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_of_volumes),
        cmocka_unit_test(options_out_of_range),
        cmocka_unit_test(patches_that_have_no_other_place),
        cmocka_unit_test(images_that_do_not_fit_together),
        cmocka_unit_test(epochs_without_patches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
