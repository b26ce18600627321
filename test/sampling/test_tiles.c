/* SPDX-License-Identifier: BSD-3-Clause */
/* Tiles and sequential patches: the values of CAREamics, and the crops of tiles partition every image. Whole samples and
 * given patches. */
#include "sampling/sampling_support.h"

enum { MOST_TILES = 3 };

/* Tiles along an axis of n pixels, of size p with overlap o. */
typedef struct worked {
    int64_t n, p, o;
    size_t tiles;
    int64_t coords[MOST_TILES], stitch[MOST_TILES], crop[MOST_TILES], size[MOST_TILES];
} worked;

static const worked cases[] = {
    { 1, 64, 16, 1, { 0 }, { 0 }, { 0 }, { 1 } },
    { 63, 64, 16, 1, { 0 }, { 0 }, { 0 }, { 63 } },
    { 64, 64, 16, 1, { 0 }, { 0 }, { 0 }, { 64 } },
    { 65, 64, 16, 2, { 0, 1 }, { 0, 56 }, { 0, 55 }, { 56, 9 } },
    { 100, 64, 16, 2, { 0, 36 }, { 0, 56 }, { 0, 20 }, { 56, 44 } },
    { 112, 64, 16, 2, { 0, 48 }, { 0, 56 }, { 0, 8 }, { 56, 56 } },
    { 113, 64, 16, 3, { 0, 48, 49 }, { 0, 56, 104 }, { 0, 8, 55 }, { 56, 48, 9 } },
    { 129, 64, 0, 3, { 0, 64, 65 }, { 0, 64, 128 }, { 0, 0, 63 }, { 64, 64, 1 } },
    { 160, 64, 16, 3, { 0, 48, 96 }, { 0, 56, 104 }, { 0, 8, 8 }, { 56, 48, 56 } },
    { 7, 4, 2, 3, { 0, 2, 3 }, { 0, 3, 5 }, { 0, 1, 2 }, { 3, 2, 2 } },
    { 32, 64, 16, 1, { 0 }, { 0 }, { 0 }, { 32 } },
};

static void tiles_are_those_of_careamics(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const worked *w = &cases[i];
        const int64_t shape[2] = { 5, w->n }, size[2] = { 8, w->p }, overlap[2] = { 0, w->o };
        mt_patching *patching = new_patching("tiled", 2, shape, size, overlap);
        assert_int_equal(mt_patching_count(patching), w->tiles);
        for (uint64_t k = 0; k < w->tiles; k++) {
            mt_patch_spec tile = get_patch(patching, 0, k);
            assert_int_equal(tile.coords[1], w->coords[k]);
            assert_int_equal(tile.stitch_coords[1], w->stitch[k]);
            assert_int_equal(tile.crop_coords[1], w->crop[k]);
            assert_int_equal(tile.crop_size[1], w->size[k]);
            assert_int_equal(tile.crop_size[0], 5);
            assert_int_equal(tile.total_tiles, w->tiles);
        }
        mt_patching_free(patching);
    }
}

/* Counts how many crops cover each pixel. */
static void check_partition(const int64_t *shape, const int64_t *size, const int64_t *overlap)
{
    enum { MOST = 40 };
    static uint8_t covered[3][MOST][MOST][MOST];
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching;
    mt_stack *stack = new_stack(NULL, "TZYX", (int64_t[]) { 3, shape[0], shape[1], shape[2] });
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = "tiled", .patch_size = size, .n_spatial = 3, .overlap = overlap
    };
    check_ok(mt_patching_new(&stack, 1, &options, &patching, &err), &err);
    memset(covered, 0, sizeof covered);
    const uint64_t n = mt_patching_count(patching);
    for (uint64_t i = 0; i < n; i++) {
        mt_patch_spec t = get_patch(patching, 0, i);
        assert_int_equal(t.total_tiles, n);
        for (int d = 0; d < 3; d++) {
            assert_int_equal(t.stitch_coords[d], t.coords[d] + t.crop_coords[d]);
            assert_in_range(t.crop_coords[d] + t.crop_size[d], 1, size[d]);
            assert_true(t.crop_size[d] > 0 && t.crop_coords[d] >= 0);
            assert_true(t.coords[d] == 0 || t.coords[d] + size[d] <= shape[d]);
        }
        for (int64_t z = 0; z < t.crop_size[0]; z++)
            for (int64_t y = 0; y < t.crop_size[1]; y++)
                for (int64_t x = 0; x < t.crop_size[2]; x++)
                    covered[t.sample][t.stitch_coords[0] + z][t.stitch_coords[1] + y][t.stitch_coords[2] + x]++;
    }
    for (int s = 0; s < 3; s++)
        for (int z = 0; z < MOST; z++)
            for (int y = 0; y < MOST; y++)
                for (int x = 0; x < MOST; x++)
                    assert_int_equal(covered[s][z][y][x], z < shape[0] && y < shape[1] && x < shape[2]);
    mt_patching_free(patching);
    mt_stack_close(stack);
}

static void crops_partition_the_image(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (int i = 0; i < 60; i++) {
        int64_t shape[3], size[3], overlap[3];
        for (int d = 0; d < 3; d++) {
            shape[d] = random_between(&random, 1, 40);
            size[d] = random_between(&random, 1, 24);
            overlap[d] = random_between(&random, 0, size[d] - 1) / 2 * 2;
        }
        check_partition(shape, size, overlap);
    }
}

static void sequential_patches_are_those_of_careamics(void **state)
{
    (void)state;
    static const worked sequential[] = {
        { .n = 100, .p = 64, .o = 16, .tiles = 2, .coords = { 0, 36 } },
        { .n = 65, .p = 64, .tiles = 2, .coords = { 0, 1 } },
        { .n = 64, .p = 64, .o = 63, .tiles = 1, .coords = { 0 } },
        { .n = 66, .p = 64, .o = 63, .tiles = 3, .coords = { 0, 1, 2 } },
    };
    for (size_t i = 0; i < sizeof sequential / sizeof *sequential; i++) {
        const worked *w = &sequential[i];
        const int64_t shape[2] = { w->n, 8 }, size[2] = { w->p, 8 }, overlap[2] = { w->o, 0 };
        mt_patching *patching = new_patching("sequential", 2, shape, size, overlap);
        assert_int_equal(mt_patching_count(patching), w->tiles);
        for (uint64_t k = 0; k < w->tiles; k++) {
            mt_patch_spec patch = get_patch(patching, 0, k);
            assert_int_equal(patch.coords[0], w->coords[k]);
            assert_int_equal(patch.total_tiles, 0);
            assert_memory_equal(patch.stitch_coords, patch.coords, sizeof patch.coords);
            assert_memory_equal(patch.crop_size, patch.patch_size, sizeof patch.crop_size);
        }
        mt_patching_free(patching);
    }
}

/* Tries options over an image of 20 x 30, and checks the message. */
static void check_refusal(const mt_patching_options *options, mt_status status, const char *message)
{
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching = NULL;
    mt_stack *stack = new_stack(NULL, "YX", (int64_t[]) { 20, 30 });
    assert_int_equal(mt_patching_new(&stack, 1, options, &patching, &err), status);
    assert_string_equal(err.message, message);
    mt_stack_close(stack);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    const int64_t size[2] = { 16, 16 }, odd[2] = { 0, 3 }, large[2] = { 16, 0 }, negative[2] = { 0, -2 };
    mt_patching_options o = { .struct_size = sizeof o, .strategy = "tiled", .patch_size = size, .n_spatial = 2 };
    o.overlap = odd;
    check_refusal(&o, MT_E_ARGUMENT, "the overlap of tiles must be even, not 3: half of it is cropped on each side");
    o.overlap = large;
    check_refusal(&o, MT_E_ARGUMENT, "an overlap of 16: it must be at least 0 and less than the patch size of 16");
    o.overlap = NULL;
    o.align = (const int64_t[]) { 1, 0 };
    check_refusal(&o, MT_E_ARGUMENT, "tiles cannot be aligned to multiples of 0");
    o.align = (const int64_t[]) { 1, 5 };
    check_refusal(&o, MT_E_ARGUMENT,
                  "tiles of 16 pixels with an overlap of 0: both, the overlap by half, must be multiples of 5");
    o.align = (const int64_t[]) { 4, 1 };
    o.overlap = (const int64_t[]) { 4, 0 };
    check_refusal(&o, MT_E_ARGUMENT,
                  "tiles of 16 pixels with an overlap of 4: both, the overlap by half, must be multiples of 4");
    o.strategy = "sequential";
    o.overlap = negative;
    check_refusal(&o, MT_E_ARGUMENT, "an overlap of -2: it must be at least 0 and less than the patch size of 16");
    o.overlap = NULL;
    o.patch_size = (const int64_t[]) { 16, 31 };
    check_refusal(&o, MT_E_ARGUMENT, "image: 30 pixels along X are less than a patch of 31");
    o.patch_size = (const int64_t[]) { 0, 16 };
    check_refusal(&o, MT_E_ARGUMENT, "a patch size of 0 along Y is not positive");
    o.n_spatial = 3;
    check_refusal(&o, MT_E_ARGUMENT, "3 patch sizes for images with the spatial axes YX");
    o.strategy = "spiral";
    check_refusal(&o, MT_E_ARGUMENT, "there is no patching strategy \"spiral\"");
}

static void whole_samples_have_the_size_of_their_stack(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching;
    mt_stack *stacks[2] = { new_stack(NULL, "YX", (int64_t[]) { 20, 30 }),
                            new_stack(NULL, "TYX", (int64_t[]) { 2, 5, 6 }) };
    const mt_patching_options options = { .struct_size = sizeof options, .strategy = "whole" };
    check_ok(mt_patching_new(stacks, 2, &options, &patching, &err), &err);
    assert_int_equal(mt_patching_count(patching), 3);
    for (uint64_t i = 0; i < 3; i++) {
        mt_patch_spec spec = get_patch(patching, 0, i);
        assert_int_equal(spec.stack, i > 0);
        assert_int_equal(spec.sample, i == 2);
        assert_int_equal(spec.patch_size[0], i ? 5 : 20);
        assert_int_equal(spec.crop_size[1], i ? 6 : 30);
        assert_int_equal(spec.coords[0], 0);
    }
    mt_patching_free(patching);
    mt_stack_close(stacks[0]);
    mt_stack_close(stacks[1]);
}

static void given_patches_keep_their_order_and_crops(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching;
    mt_stack *stacks[2] = { new_stack(NULL, "YX", (int64_t[]) { 20, 30 }),
                            new_stack(NULL, "TYX", (int64_t[]) { 2, 50, 60 }) };
    const mt_patch_spec specs[] = {
        { .stack = 1, .sample = 1, .coords = { 34, 44 }, .patch_size = { 16, 16 } },
        { .stack = 0, .coords = { 0, 14 }, .patch_size = { 8, 16 } },
        { .stack = 1,
          .coords = { 2, 0 },
          .patch_size = { 16, 16 },
          .crop_coords = { 4, 0 },
          .crop_size = { 8, 12 },
          .stitch_coords = { 6, 0 },
          .total_tiles = 9 },
    };
    mt_patching_options options = { .struct_size = sizeof options, .strategy = "coords", .specs = specs, .n_specs = 3 };
    check_ok(mt_patching_new(stacks, 2, &options, &patching, &err), &err);
    assert_int_equal(mt_patching_count(patching), 3);
    for (uint64_t i = 0; i < 3; i++) {
        mt_patch_spec spec = get_patch(patching, i, i);
        assert_int_equal(spec.stack, specs[i].stack);
        assert_int_equal(spec.sample, specs[i].sample);
        assert_memory_equal(spec.coords, specs[i].coords, sizeof spec.coords);
        assert_memory_equal(spec.patch_size, specs[i].patch_size, sizeof spec.patch_size);
        assert_int_equal(spec.crop_size[1], i == 2 ? 12 : 16);
        assert_int_equal(spec.stitch_coords[0], i == 2 ? 6 : spec.coords[0]);
        assert_int_equal(spec.total_tiles, i == 2 ? 9 : 0);
        assert_int_equal(mt_patching_get(patching, 0, i, 1, &spec, &err), MT_E_ARGUMENT);
        assert_string_equal(err.message, "the patches of strategy \"coords\" cannot be drawn again");
    }
    mt_patching_free(patching);
    options.n_specs = 0;
    check_ok(mt_patching_new(stacks, 2, &options, &patching, &err), &err);
    assert_int_equal(mt_patching_count(patching), 0);
    mt_patching_free(patching);
    mt_stack_close(stacks[0]);
    mt_stack_close(stacks[1]);
}

static void given_patches_are_checked(void **state)
{
    (void)state;
    static const struct {
        mt_patch_spec spec;
        mt_status status;
        const char *message;
    } wrong[] = {
        { { .stack = 1, .patch_size = { 1, 1 } }, MT_E_RANGE, "patch 1: stack 1 is out of bounds for 1 stacks" },
        { { .sample = 1, .patch_size = { 1, 1 } }, MT_E_RANGE, "patch 1: sample 1 is out of bounds for 1 samples" },
        { { .sample = -1, .patch_size = { 1, 1 } }, MT_E_RANGE, "patch 1: sample -1 is out of bounds for 1 samples" },
        { { .n_spatial = 3, .patch_size = { 1, 1, 1 } },
          MT_E_ARGUMENT,
          "patch 1 has 3 coordinates, for images with the spatial axes YX" },
        { { .patch_size = { 1, 0 } }, MT_E_ARGUMENT, "patch 1: a patch size of 0 along X is not positive" },
        { { .coords = { 13, 0 }, .patch_size = { 8, 8 } },
          MT_E_ARGUMENT,
          "patch 1: 8 pixels from 13 along Y do not lie in an image of 20, and padding is not allowed" },
        { { .coords = { 0, -1 }, .patch_size = { 8, 8 } },
          MT_E_ARGUMENT,
          "patch 1: 8 pixels from -1 along X do not lie in an image of 30, and padding is not allowed" },
        { { .patch_size = { 8, 8 }, .crop_size = { 8, 8 }, .crop_coords = { 0, 1 }, .total_tiles = 1 },
          MT_E_ARGUMENT,
          "patch 1: the crop of 8 pixels from 1 along X is not inside" },
        { { .patch_size = { 8, 8 }, .crop_size = { 0, 8 }, .total_tiles = 1 },
          MT_E_ARGUMENT,
          "patch 1: the crop of 0 pixels from 0 along Y is not inside" },
        { { .patch_size = { 8, 8 }, .crop_size = { 8, 7 }, .crop_coords = { 0, -1 }, .total_tiles = 1 },
          MT_E_ARGUMENT,
          "patch 1: the crop of 7 pixels from -1 along X is not inside" },
        { { .patch_size = { 8, 31 } },
          MT_E_ARGUMENT,
          "patch 1: 31 pixels from 0 along X do not lie in an image of 30, and padding is not allowed" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const mt_patch_spec specs[] = { { .patch_size = { 4, 4 } }, wrong[i].spec };
        const mt_patching_options options = {
            .struct_size = sizeof options, .strategy = "coords", .specs = specs, .n_specs = 2
        };
        check_refusal(&options, wrong[i].status, wrong[i].message);
    }
}

/* The whole image, its last pixel, and a crop of one pixel in a corner. */
static void given_patches_may_reach_the_border(void **state)
{
    (void)state;
    const mt_patch_spec specs[] = {
        { .n_spatial = 2, .patch_size = { 20, 30 } },
        { .coords = { 19, 29 }, .patch_size = { 1, 1 } },
        { .patch_size = { 8, 8 }, .crop_coords = { 7, 7 }, .crop_size = { 1, 1 }, .total_tiles = 1 },
    };
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = "coords", .specs = specs, .n_specs = 3
    };
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching;
    mt_stack *stack = new_stack(NULL, "YX", (int64_t[]) { 20, 30 });
    check_ok(mt_patching_new(&stack, 1, &options, &patching, &err), &err);
    assert_int_equal(get_patch(patching, 0, 2).crop_coords[1], 7);
    check_failed(mt_patching_get(patching, 0, 3, 0, &(mt_patch_spec) { 0 }, &err), MT_E_RANGE, &err,
                 "patch 3 is out of bounds for 3 patches");
    mt_patching_free(patching);
    mt_stack_close(stack);
    check_refusal(&(mt_patching_options) { .struct_size = sizeof options }, MT_E_ARGUMENT,
                  "there is no patching strategy \"\"");
    check_failed(mt_patching_new(NULL, 0, &options, &patching, &err), MT_E_ARGUMENT, &err,
                 "no images to cut patches from");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_are_those_of_careamics),
        cmocka_unit_test(crops_partition_the_image),
        cmocka_unit_test(sequential_patches_are_those_of_careamics),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(whole_samples_have_the_size_of_their_stack),
        cmocka_unit_test(given_patches_keep_their_order_and_crops),
        cmocka_unit_test(given_patches_are_checked),
        cmocka_unit_test(given_patches_may_reach_the_border),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
