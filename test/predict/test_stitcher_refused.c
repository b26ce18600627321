/* SPDX-License-Identifier: BSD-3-Clause */
/* Stitchers that are refused, and tiles that are put in the wrong order or left out. */
#include "support/folder.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <string.h>

/* An image of 50 x 60 pixels in tiles of 16 x 20. */
typedef struct setting {
    mt_stack *stack;
    mt_tiling *tiling;
} setting;

static uint8_t pixels[50 * 60];

static void set_up(setting *s)
{
    mt_error err = MT_ERROR_INIT;
    const int64_t shape[] = { 50, 60 }, tile[] = { 16, 20 }, overlap[] = { 4, 6 };
    const mt_tiling_options options = {
        .struct_size = sizeof options, .tile = tile, .n_spatial = 2, .overlap = overlap
    };
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT8, "YX", shape, NULL, NULL, &s->stack, &err), &err);
    check_ok(mt_tiling_new(s->stack, &options, &s->tiling, &err), &err);
}

static void tear_down(setting *s)
{
    mt_tiling_free(s->tiling);
    mt_stack_close(s->stack);
}

static void refused(const setting *s, const mt_stitch_output *output, const mt_stitcher_options *options,
                    const char *message)
{
    mt_error err = MT_ERROR_INIT;
    mt_stitcher *stitcher;
    check_failed(mt_stitcher_new(s->tiling, output, 1, options, &stitcher, &err), MT_E_ARGUMENT, &err, message);
}

static void outputs_that_do_not_fit(void **state)
{
    (void)state;
    setting s;
    float values[1];
    set_up(&s);
    const mt_stitch_output good = { .data = values, .dtype = MT_FLOAT32, .n_channels = 1 };
    mt_stitch_output output = good;
    output.n_channels = 0;
    refused(&s, &output, NULL, "an output with 0 channels");
    output = good;
    output.down = 2;
    refused(&s, &output, NULL, "must be aligned to multiples of that, not of 1");
    output.up = 2;
    refused(&s, &output, NULL, "not by 2 / 2");
    output = good;
    output.data = NULL;
    refused(&s, &output, NULL, "needs a writer, a plan of samples, or an array");
    output = good;
    output.scale = values;
    refused(&s, &output, NULL, "together");
    refused(&s, &good, &(mt_stitcher_options) { .struct_size = sizeof(mt_stitcher_options), .blend = 9 }, "blend");
    refused(&s, &good, &(mt_stitcher_options) { .struct_size = sizeof(mt_stitcher_options), .part = 2, .n_parts = 2 },
            "part 2 of 2");
    refused(&s, &good, &(mt_stitcher_options) { 0 }, "struct_size");
    tear_down(&s);
}

static void tiles_in_the_wrong_order(void **state)
{
    (void)state;
    setting s;
    mt_writer *w;
    mt_stitcher *stitcher;
    mt_error err = MT_ERROR_INIT;
    static const float tile[16 * 20];
    const mt_stitch_values values = { tile, MT_FLOAT32 };
    set_up(&s);
    const mt_writer_options options = {
        .struct_size = sizeof options, .like = s.stack, .dtype = MT_FLOAT32, .codec = "none"
    };
    check_ok(mt_writer_create(NULL, temporary_path("out.zarr"), &options, &w, &err), &err);
    mt_stitch_output output = { .writer = w, .n_channels = 2 };
    refused(&s, &output, NULL, "has Y=50, X=60, and the prediction C=2, Y=50, X=60");
    output.n_channels = 1;
    check_ok(mt_stitcher_new(s.tiling, &output, 1, NULL, &stitcher, &err), &err);
    const uint64_t n = mt_tiling_get_info(s.tiling)->n_tiles;
    assert_int_equal(mt_stitcher_put(stitcher, n, 1, &values, &err), MT_E_RANGE);
    check_ok(mt_stitcher_put(stitcher, 2, 1, &values, &err), &err);
    assert_int_equal(mt_stitcher_put(stitcher, 2, 1, &values, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "increasing order"));
    assert_int_equal(mt_stitcher_flush(stitcher, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "tiles that are needed were not put"));
    mt_stitcher_free(stitcher);
    mt_writer_close(w);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(outputs_that_do_not_fit),
                                        cmocka_unit_test(tiles_in_the_wrong_order) };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
