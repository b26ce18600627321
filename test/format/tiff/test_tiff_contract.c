/* SPDX-License-Identifier: BSD-3-Clause */
/* Small files of each kind of metadata and layout keep the contract: cut, without memory, and on disks that fail. */
#include "support/contract.h"

#include <microtome/microtome.h>

static void check_files(const char *const *names, size_t n, const char *part)
{
    const mt_open_options options = { .struct_size = sizeof options, .part = part };
    for (size_t i = 0; i < n; i++)
        check_contract(data_path(names[i]), &options);
}
#define CHECK_FILES(names, part) check_files((names), sizeof(names) / sizeof *(names), (part))

static void images_of_several_files(void **state)
{
    (void)state;
    static const char *const names[] = { "cases/D1/d_C0.ome.tif",
                                         "cases/F3/img_C0.ome.tif",
                                         "cases/real_ome_master/multifile-Z1.ome.tiff",
                                         "cases/real_ome_master/multifile-Z3.ome.tiff",
                                         "cases/G2_mm_4gb_split/x_MMStack_1.ome.tif",
                                         "cases/G1_positions_squared/MMStack_Pos1.ome.tif",
                                         "cases/D3/x.companion.ome" };
    CHECK_FILES(names, NULL);
}

static void documents_with_mistakes(void **state)
{
    (void)state;
    static const char *const names[] = {
        "cases/A10_latin1_mu/A10_latin1_mu.ome.tif", "cases/A4_one_indexed/A4_one_indexed.ome.tif",
        "cases/A2_renamed_mm/A2_renamed_mm.ome.tif", "cases/A3_abs_unix/A3_abs_unix.ome.tif",
        "cases/A11_ij_more/A11_ij_more.tif",         "cases/B17_ome_rgb_spp1/B17_ome_rgb_spp1.ome.tif"
    };
    CHECK_FILES(names, NULL);
}

static void formats_of_microscopes(void **state)
{
    (void)state;
    static const char *const names[] = {
        "cases/L3_lzw/L3_lzw.lsm", "cases/L8_txz/L8_txz.lsm",
        "cases/real_stk_pixelsize/benchmark_v1_2018_x64y64z5c1s1t11_Laser4054BD4BP.stk",
        "cases/B13_scanimage/B13_scanimage.tif", "cases/C2_ij_mixed/C2_ij_mixed.tif"
    };
    CHECK_FILES(names, NULL);
}

static void odd_layouts(void **state)
{
    (void)state;
    static const char *const names[] = { "cases/A34_var_rps/A34_var_rps.tif", "cases/E1_append/E1_append.tif",
                                         "cases/B1_zerocount/B1_zerocount.tif", "tiff/misc/subsubifds.tif" };
    CHECK_FILES(names, NULL);
    static const char *const pyramids[] = { "tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif" };
    CHECK_FILES(pyramids, "level=1");
    static const char *const series[] = { "cases/E6_names/E6_names.ome.tif" };
    CHECK_FILES(series, "series=1");
}

/* A level is smaller along Y and X only. */
static void levels_have_larger_pixels(void **state)
{
    (void)state;
    for (int level = 0; level < 2; level++) {
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        const mt_open_options options = { .struct_size = sizeof options, .part = level ? "level=1" : NULL };
        check_ok(mt_stack_open(NULL, data_path("tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif"), &options,
                               &stack, &err),
                 &err);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_string_equal(info->original_axes, "ZCYX");
        assert_true(info->pixel_size[0] == 2 && info->pixel_size[2] == 0);
        assert_true(info->pixel_size[3] == (level ? 1 : 0.5));
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_of_several_files),   cmocka_unit_test(documents_with_mistakes),
        cmocka_unit_test(formats_of_microscopes),    cmocka_unit_test(odd_layouts),
        cmocka_unit_test(levels_have_larger_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
