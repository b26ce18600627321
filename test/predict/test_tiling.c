/* SPDX-License-Identifier: BSD-3-Clause */
/* Tilings: tiles of planes, whole axes, tiles aligned for networks that downsample, and sizes chosen by memory. That tiles
 * are those of CAREamics is tested with the patching "tiled", from which they come. */
#include "sampling/sampling_support.h"

#include <microtome/predict.h>

static mt_tiling *new_tiling(const char *axes, const int64_t *shape, const mt_tiling_options *options)
{
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack = new_stack(NULL, axes, shape);
    mt_tiling *tiling = NULL;
    check_ok(mt_tiling_new(stack, options, &tiling, &err), &err);
    mt_stack_close(stack);
    return tiling;
}

static void planes_are_tiled_one_by_one(void **state)
{
    (void)state;
    const mt_tiling_options options = {
        .struct_size = sizeof options, .tile = (int64_t[]) { 64, 0 }, .n_spatial = 2, .overlap = (int64_t[]) { 16, 0 }
    };
    mt_tiling *tiling = new_tiling("TZYX", (int64_t[]) { 2, 5, 113, 40 }, &options);
    const mt_tiling_info *info = mt_tiling_get_info(tiling);
    mt_error err = MT_ERROR_INIT;
    mt_patch_spec spec;
    assert_true(info->is_planar);
    assert_int_equal(info->n_spatial, 3);
    assert_int_equal(info->n_tiles, 2 * 5 * 3);
    assert_memory_equal(info->tile, ((int64_t[]) { 1, 64, 40 }), sizeof info->tile);
    assert_memory_equal(info->counts, ((int64_t[]) { 5, 3, 1 }), sizeof info->counts);
    check_ok(mt_tiling_get(tiling, 15 + 3 * 3 + 2, &spec, &err), &err);
    assert_int_equal(spec.sample, 1);
    assert_memory_equal(spec.coords, ((int64_t[]) { 3, 49, 0 }), sizeof spec.coords);
    assert_memory_equal(spec.stitch_coords, ((int64_t[]) { 3, 104, 0 }), sizeof spec.coords);
    assert_memory_equal(spec.crop_size, ((int64_t[]) { 1, 9, 40 }), sizeof spec.coords);
    assert_int_equal(mt_tiling_get(tiling, 30, &spec, &err), MT_E_RANGE);
    assert_int_equal(mt_patching_count(mt_tiling_get_patching(tiling)), 30);
    mt_tiling *second = mt_tiling_retain(tiling);
    mt_tiling_free(tiling);
    assert_int_equal(mt_tiling_get_info(second)->n_tiles, 30);
    mt_tiling_free(second);
}

/* Corners and the borders of crops are multiples, crops partition the image, and tiles reach beyond it by less than
 * that. */
static void aligned_tiles_partition_the_image(void **state)
{
    (void)state;
    for (int64_t align = 1; align <= 8; align *= 2)
        for (int64_t size = 1; size < 90; size++)
            for (int64_t overlap = 0; overlap < 32; overlap += 2 * align) {
                const mt_tiling_options options = { .struct_size = sizeof options,
                                                    .tile = (int64_t[]) { 0, 32 },
                                                    .n_spatial = 2,
                                                    .overlap = (int64_t[]) { 0, overlap },
                                                    .align = align };
                mt_tiling *tiling = new_tiling("YX", (int64_t[]) { 1, size }, &options);
                int64_t end = 0;
                for (uint64_t i = 0; i < mt_tiling_get_info(tiling)->n_tiles; i++) {
                    mt_patch_spec s;
                    check_ok(mt_tiling_get(tiling, i, &s, NULL), NULL);
                    assert_int_equal(s.coords[1] % align, 0);
                    assert_int_equal(s.stitch_coords[1], end);
                    assert_int_equal(end % align, 0);
                    assert_int_equal(s.crop_coords[1], s.stitch_coords[1] - s.coords[1]);
                    assert_true(s.crop_size[1] > 0 && s.crop_coords[1] + s.crop_size[1] <= 32);
                    assert_true(i == 0 || s.coords[1] + 32 < size + align);
                    end += s.crop_size[1];
                }
                assert_int_equal(end, size);
                mt_tiling_free(tiling);
            }
}

/* The sides are the greatest whose batch fits. */
static void memory_chooses_the_tile(void **state)
{
    (void)state;
    static const struct {
        const char *axes;
        int64_t shape[4];
        size_t n_spatial, bytes, batch;
        int64_t align, tile[3];
    } cases[] = {
        { "YX", { 1000, 1000 }, 2, 256 * 256 * 4, 1, 1, { 256, 256 } },
        { "YX", { 1000, 1000 }, 2, 256 * 256 * 4 - 1, 1, 1, { 224, 224 } },
        { "YX", { 1000, 1000 }, 2, 256 * 256 * 4 * 8, 8, 48, { 192, 192 } },
        { "YX", { 100, 5000 }, 2, 1 << 30, 0, 1, { 128, 5024 } },
        { "YX", { 100, 5000 }, 2, 128 * 320 * 4, 1, 1, { 128, 320 } },
        { "CZYX", { 2, 50, 200, 300 }, 3, 64 * 96 * 96 * 4 * 2, 1, 1, { 64, 96, 96 } },
        { "CZYX", { 2, 50, 200, 300 }, 2, 64 * 64 * 4 * 2, 1, 1, { 1, 64, 64 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_tiling_options options = { .struct_size = sizeof options,
                                            .n_spatial = cases[i].n_spatial,
                                            .tile_bytes = cases[i].bytes,
                                            .batch_size = cases[i].batch,
                                            .align = cases[i].align };
        mt_tiling *tiling = new_tiling(cases[i].axes, cases[i].shape, &options);
        const mt_tiling_info *info = mt_tiling_get_info(tiling);
        for (size_t a = 0; a < info->n_spatial; a++)
            if (info->tile[a] != cases[i].tile[a])
                fail_msg("case %zu, axis %zu: %d", i, a, (int)info->tile[a]);
        for (size_t a = 0; a < info->n_spatial; a++)
            assert_int_equal(info->overlap[a], 0);
        mt_tiling_free(tiling);
    }
}

static void refused(const char *axes, const mt_tiling_options *options, const char *message)
{
    mt_error err = MT_ERROR_INIT;
    mt_tiling *tiling;
    mt_stack *stack = new_stack(NULL, axes, (int64_t[]) { 50, 60, 70 });
    check_failed(mt_tiling_new(stack, options, &tiling, &err), MT_E_ARGUMENT, &err, message);
    mt_stack_close(stack);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    mt_tiling_options o = { .struct_size = sizeof o, .tile = (int64_t[]) { 8, 8 }, .n_spatial = 3 };
    refused("YX", &o, "3 tile sizes for an image with the spatial axes YX");
    o.n_spatial = 1;
    refused("ZYX", &o, "1 tile sizes for an image with the spatial axes ZYX");
    o.n_spatial = 2;
    o.align = 3;
    refused("YX", &o, "multiples of 3");
    o.align = -1;
    refused("YX", &o, "multiples of -1");
    o.align = 0;
    o.overlap = (int64_t[]) { 3, 2 };
    refused("YX", &o, "must be even");
    o.overlap = (int64_t[]) { 8, 2 };
    refused("YX", &o, "must be at least 0 and less than the patch size");
    o.overlap = NULL;
    o.tile = (int64_t[]) { -1, 8 };
    refused("YX", &o, "not positive");
    o.tile = NULL;
    o.tile_bytes = 4095;
    refused("YX", &o, "does not fit in 4095 bytes");
    o.struct_size = 0;
    refused("YX", &o, "struct_size");
}

/* Sides of images up to 2^61, alignments up to 2^31 - 1, batches of fewer than 2^63 bytes. */
static void the_largest_numbers(void **state)
{
    (void)state;
    const int64_t most = INT64_MAX / 4, align = INT32_MAX;
    const struct {
        int64_t shape[2], tile[2], align;
        size_t batch;
        const char *message;
    } cases[] = {
        { { 1, most }, { 1, 1 << 20 }, 0, 0, NULL },
        { { 1, most + 1 }, { 1, 1 << 20 }, 0, 0, "an axis of 2305843009213693952 pixels cannot be cut into tiles" },
        { { 0, 5 }, { 1, 5 }, 0, 0, "an axis of 0 pixels cannot be cut into tiles" },
        { { 9, 9 }, { align, 2 * align }, align, 0, NULL },
        { { 9, 9 }, { align + 1, align + 1 }, align + 1, 0, "tiles cannot be aligned to multiples of 2147483648" },
        { { 9, 9 }, { 0 }, 0, (size_t)1 << 50, NULL },
        { { 9, 9 }, { 0 }, 0, (size_t)1 << 52, "with sides of 32 and 1 channels does not fit" },
        { { 9, 9 }, { 0 }, 0, (size_t)1 << 58, "with sides of 32 and 1 channels does not fit" },
        { { 9, 9 }, { 0 }, 0, (size_t)1 << 62, "with sides of 32 and 1 channels does not fit" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_tiling_options options = { .struct_size = sizeof options,
                                            .tile = cases[i].batch ? NULL : cases[i].tile,
                                            .n_spatial = 2,
                                            .align = cases[i].align,
                                            .tile_bytes = SIZE_MAX,
                                            .batch_size = cases[i].batch };
        mt_stack *stack = new_stack(NULL, "YX", cases[i].shape);
        mt_tiling *tiling = NULL;
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_tiling_new(stack, &options, &tiling, &err);
        if (cases[i].message)
            check_failed(st, MT_E_ARGUMENT, &err, cases[i].message);
        else
            check_ok(st, &err);
        mt_tiling_free(tiling);
        mt_stack_close(stack);
    }
}

static void failing_allocations_give_no_tiling(void **state)
{
    (void)state;
    for (size_t at = 0, done = 0; !done; at++) {
        failing_allocator memory;
        mt_error err = MT_ERROR_INIT;
        const mt_context_options own = { .struct_size = sizeof own,
                                         .allocator = failing_allocator_make(&memory, SIZE_MAX, 0) };
        const mt_tiling_options options = { .struct_size = sizeof options, .tile = (int64_t[2]) { 0 }, .n_spatial = 2 };
        mt_context *context;
        mt_tiling *tiling = NULL;
        check_ok(mt_context_new(&own, &context, &err), &err);
        mt_stack *stack = new_stack(context, "YX", (int64_t[]) { 9, 9 });
        memory = (failing_allocator) { .fail_at = at };
        mt_status st = mt_tiling_new(stack, &options, &tiling, &err);
        memory.fail_at = SIZE_MAX;
        assert_true(st == MT_OK || st == MT_E_MEMORY);
        done = st == MT_OK;
        mt_tiling_free(tiling);
        mt_stack_close(stack);
        mt_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_are_tiled_one_by_one), cmocka_unit_test(aligned_tiles_partition_the_image),
        cmocka_unit_test(memory_chooses_the_tile),     cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(the_largest_numbers),         cmocka_unit_test(failing_allocations_give_no_tiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
