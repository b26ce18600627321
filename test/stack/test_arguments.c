/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments of the public functions that make no sense: each is refused with a message that says what is wrong. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <string.h>

static uint8_t bytes[60];
static const int64_t yx[2] = { 4, 5 };

static void check_refused(mt_status st, const mt_error *err, mt_status expected, const char *says)
{
    if (st != expected || !strstr(err->message, says))
        print_error("%d instead of %d, \"%s\" without \"%s\"\n", st, expected, err->message, says);
    assert_int_equal(st, expected);
    assert_non_null(strstr(err->message, says));
}

static mt_stack *array_stack(mt_context *context, mt_dtype dtype, const char *axes, const int64_t *shape)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(context, bytes, dtype, axes, shape, NULL, NULL, &stack, &err), &err);
    return stack;
}

static void arrays(void **state)
{
    (void)state;
    static const int64_t negative[2] = { 4, -1 }, huge[2] = { INT64_MAX, 2 }, large[2] = { INT64_MAX / 8, 2 };
    static const struct {
        const void *data;
        mt_dtype dtype;
        const char *axes;
        const int64_t *shape;
        const char *says;
    } cases[] = { { bytes, (mt_dtype)99, "YX", yx, "99 is not a dtype" },
                  { bytes, (mt_dtype)0, "YX", yx, "0 is not a dtype" },
                  { NULL, MT_UINT8, "YX", yx, "an array needs data, a shape and axes of at most 6 letters" },
                  { bytes, MT_UINT8, NULL, yx, "an array needs data, a shape" },
                  { bytes, MT_UINT8, "YX", NULL, "an array needs data, a shape" },
                  { bytes, MT_UINT8, "STCZYXX", yx, "an array needs data, a shape" },
                  { bytes, MT_UINT8, "YX", negative, "shape -1 along axis X" },
                  { bytes, MT_UINT8, "YX", huge, "the array has more than 2^63 bytes" },
                  { bytes, MT_UINT64, "YX", large, "more than 2^63 bytes" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_refused(mt_stack_from_array(NULL, cases[i].data, cases[i].dtype, cases[i].axes, cases[i].shape, NULL,
                                          NULL, &stack, &err),
                      &err, MT_E_ARGUMENT, cases[i].says);
    }
}

static mt_status give_zeros(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                            const int64_t *coords, const int64_t *size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)channels, (void)coords, (void)err;
    memset(out, 0, n_channels * (size_t)(size[0] * size[1]) * sizeof *out);
    return MT_OK;
}

static void stacks_of_ones_own(void **state)
{
    (void)state;
    enum { OPS = sizeof(mt_stack_ops), INFO = sizeof(mt_stack_info) };
    static const struct {
        size_t ops_size, info_size;
        const char *source, *axes;
        int ndim;
        mt_dtype dtype;
        const char *says;
    } cases[] = { { OPS, INFO, "own", "YX", 2, MT_FLOAT32, NULL },
                  { 0, INFO, "own", "YX", 2, MT_FLOAT32, "mt_stack_ops needs its struct_size" },
                  { OPS + 1, INFO, "own", "YX", 2, MT_FLOAT32, "mt_stack_ops needs its struct_size" },
                  { OPS, INFO + 1, "own", "YX", 2, MT_FLOAT32, "a stack needs an info with its struct_size" },
                  { OPS, 0, "own", "YX", 2, MT_FLOAT32, "a stack needs an info" },
                  { OPS, INFO, NULL, "YX", 2, MT_FLOAT32, "a stack needs an info" },
                  { OPS, INFO, "own", NULL, 2, MT_FLOAT32, "a stack needs an info" },
                  { OPS, INFO, "own", "YX", 3, MT_FLOAT32, "an original_shape of as many dimensions" },
                  { OPS, INFO, "own", "STCZYXX", 7, MT_FLOAT32, "a stack needs an info" },
                  { OPS, INFO, "own", "YX", 2, (mt_dtype)0, "a stack needs an info" },
                  { OPS, INFO, "own", "YQ", 2, MT_FLOAT32, "Q" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        const mt_stack_ops ops = { .struct_size = cases[i].ops_size, .extract_patch = give_zeros };
        const mt_stack_info info = { .struct_size = cases[i].info_size,
                                     .source = cases[i].source,
                                     .original_axes = cases[i].axes,
                                     .original_ndim = cases[i].ndim,
                                     .original_shape = { 4, 5 },
                                     .dtype = cases[i].dtype };
        mt_status st = mt_stack_new(NULL, &ops, NULL, &info, &stack, &err);
        if (cases[i].says) {
            check_refused(st, &err, MT_E_ARGUMENT, cases[i].says);
        } else {
            check_ok(st, &err);
            mt_stack_close(stack);
        }
    }
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_refused(mt_stack_new(NULL, NULL, NULL, NULL, &stack, &err), &err, MT_E_ARGUMENT, "mt_stack_ops needs");
    const mt_stack_ops empty = { .struct_size = sizeof empty };
    check_refused(mt_stack_new(NULL, &empty, NULL, NULL, &stack, &err), &err, MT_E_ARGUMENT, "and extract_patch");
}

/* Requests to an array of uint8 of two channels, "CYX", of 4 x 5 pixels; the first is good. */
static void requests(void **state)
{
    (void)state;
    static const int64_t far = (INT64_C(1) << 46) + 1, shape[3] = { 2, 4, 5 }, good[2] = { 1, 1 };
    static const int64_t one = 0, two = 2, minus = -1;
    const float scale[2] = { 1, 1 };
    float out[40];
    const struct {
        int64_t sample, coords[2], size[2];
        const int64_t *channels;
        size_t n_channels, n_spatial;
        mt_view view;
        mt_status status;
        const char *says;
    } cases[] = {
        { 0, { -far + 1, far - 1 }, { 1, 1 }, &one, 1, 2, { .data = out }, MT_OK, "" },
        { 1, { 0, 0 }, { 1, 1 }, &one, 1, 2, { .data = out }, MT_E_RANGE, "sample 1 is out of bounds" },
        { -1, { 0, 0 }, { 1, 1 }, &one, 1, 2, { .data = out }, MT_E_RANGE, "sample -1 is out of bounds" },
        { 0, { 0, 0 }, { 1, 1 }, &one, 0, 2, { .data = out }, MT_E_ARGUMENT, "the list of channels is empty" },
        { 0, { 0, 0 }, { 1, 1 }, NULL, 3, 2, { .data = out }, MT_E_ARGUMENT, "3 channels and no list of them" },
        { 0, { 0, 0 }, { 1, 1 }, &two, 1, 2, { .data = out }, MT_E_RANGE, "channel 2 is out of bounds" },
        { 0, { 0, 0 }, { 1, 1 }, &minus, 1, 2, { .data = out }, MT_E_RANGE, "channel -1 is out of bounds" },
        { 0, { 0, 0 }, { 1, 1 }, &one, 1, 3, { .data = out }, MT_E_ARGUMENT, "3 coordinates for an image" },
        { 0, { 0, 0 }, { -1, 1 }, &one, 1, 2, { .data = out }, MT_E_ARGUMENT, "a patch size of -1 along Y" },
        { 0, { 0, 0 }, { 1, 0 }, &one, 1, 2, { .data = out }, MT_E_ARGUMENT, "a patch size of 0 along X" },
        { 0, { 0, 0 }, { 1, far }, &one, 1, 2, { .data = out }, MT_E_ARGUMENT, "is not from 1 to 2^46" },
        { 0, { -far, 0 }, { 1, 1 }, &one, 1, 2, { .data = out }, MT_E_ARGUMENT, "are not from -2^46 to 2^46" },
        { 0, { 0, far }, { 1, 1 }, &one, 1, 2, { .data = out }, MT_E_ARGUMENT, "coords of 70368744177665 along X" },
        { 0, { 0, 0 }, { far - 1, far - 1 }, &one, 1, 2, { .data = out }, MT_E_ARGUMENT, "more than 2^63 bytes" },
        { 0,
          { 0, 0 },
          { 1, 1 },
          &one,
          1,
          2,
          { .data = out, .dtype = MT_INT8 },
          MT_E_ARGUMENT,
          "patches of uint8 come as uint8 or" },
        { 0,
          { 0, 0 },
          { 1, 1 },
          &one,
          1,
          2,
          { .data = out, .dtype = MT_UINT8, .scale = scale },
          MT_E_ARGUMENT,
          "scale and offset need patches of float32" },
        { 0,
          { 0, 0 },
          { 1, 1 },
          &one,
          1,
          2,
          { .data = out, .dtype = MT_UINT8, .offset = scale },
          MT_E_ARGUMENT,
          "scale and offset need patches of float32" },
        { 0, { 0, 0 }, { 1, 1 }, &one, 1, 2, { .data = out, .padding_mode = 9 }, MT_E_ARGUMENT, "no padding mode 9" },
        { 0, { 0, 0 }, { 1, 1 }, &one, 1, 2, { .data = out, .padding_mode = -1 }, MT_E_ARGUMENT, "padding mode -1" },
    };
    mt_stack *stack = array_stack(NULL, MT_UINT8, "CYX", shape);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        const mt_patch_request r = { .stack = stack,
                                     .sample = cases[i].sample,
                                     .channels = cases[i].channels,
                                     .n_channels = cases[i].n_channels,
                                     .n_spatial = cases[i].n_spatial,
                                     .coords = cases[i].coords,
                                     .patch_size = cases[i].size,
                                     .view = cases[i].view };
        check_refused(mt_extract_patches(&r, 1, NULL, &err), &err, cases[i].status, cases[i].says);
    }
    mt_context *other;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &other, &err), &err);
    mt_stack *elsewhere = array_stack(other, MT_UINT8, "CYX", shape);
    mt_patch_request pair[2] = {
        { .stack = stack, .n_spatial = 2, .coords = good, .patch_size = good, .view = { .data = out } },
        { .stack = elsewhere, .n_spatial = 2, .coords = good, .patch_size = good, .view = { .data = out } }
    };
    check_refused(mt_extract_patches(pair, 2, NULL, &err), &err, MT_E_ARGUMENT, "belong to several contexts");
    mt_stack_close(elsewhere);
    mt_context_free(other);
    mt_stack_close(stack);
}

static void requests_to_odd_stacks(void **state)
{
    (void)state;
    static const int64_t origin[2] = { 0, 0 }, one[2] = { 1, 1 }, none[2] = { 0, 5 };
    float out[4];
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack = array_stack(NULL, MT_UINT8, "YX", none);
    mt_patch_request r = { .stack = stack,
                           .n_spatial = 2,
                           .coords = origin,
                           .patch_size = one,
                           .view = { .data = out, .padding_mode = MT_PAD_EDGE } };
    check_refused(mt_extract_patches(&r, 1, NULL, &err), &err, MT_E_ARGUMENT, "an image without pixels has none");
    mt_stack_close(stack);
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = give_zeros };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "own",
                                 .original_axes = "YX",
                                 .original_ndim = 2,
                                 .original_shape = { 4, 5 },
                                 .dtype = MT_UINT16 };
    check_ok(mt_stack_new(NULL, &ops, NULL, &info, &stack, &err), &err);
    r = (mt_patch_request) {
        .stack = stack, .n_spatial = 2, .coords = origin, .patch_size = one, .view = { .data = out, .dtype = MT_UINT16 }
    };
    check_refused(mt_extract_patches(&r, 1, NULL, &err), &err, MT_E_ARGUMENT, "provides patches of float32 only");
    mt_stack_close(stack);
}

static void raw_files(void **state)
{
    (void)state;
    static const int64_t negative[2] = { 4, -5 }, large[2] = { 4, 16 }, none[2] = { 0, 5 };
    static const int64_t ones[17] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    static const struct {
        mt_dtype dtype;
        const int64_t *shape;
        int ndim;
        int64_t offset;
        mt_status status;
        const char *says;
    } cases[] = {
        { MT_UINT8, yx, 2, 40, MT_OK, "" },
        { MT_UINT8, yx, 2, 41, MT_E_CORRUPT, "the file has 60 bytes, too few for 20 bytes of pixels from byte 41 on" },
        { MT_UINT8, large, 2, 0, MT_E_CORRUPT, "the file has 60 bytes, too few for 64 bytes of pixels from byte 0 on" },
        { (mt_dtype)0, yx, 2, 0, MT_E_ARGUMENT, "a raw file needs raw_dtype, raw_shape and raw_ndim" },
        { MT_UINT8, NULL, 2, 0, MT_E_ARGUMENT, "a raw file needs" },
        { MT_UINT8, yx, 1, 0, MT_OK, "" },
        { MT_UINT8, ones, 16, 0, MT_OK, "" },
        { MT_UINT8, ones, 17, 0, MT_E_ARGUMENT, "a raw file needs" },
        { MT_UINT8, none, 2, 60, MT_OK, "" },
        { MT_UINT8, none, 2, 61, MT_E_CORRUPT, "the file has 60 bytes, too few for 0 bytes of pixels from byte 61 on" },
        { MT_UINT8, yx, 0, 0, MT_E_ARGUMENT, "a raw file needs" },
        { MT_UINT8, yx, 1000, 0, MT_E_ARGUMENT, "a raw file needs" },
        { MT_UINT8, yx, 2, -1, MT_E_ARGUMENT, "raw_offset -1" },
        { MT_UINT8, negative, 2, 0, MT_E_ARGUMENT, "raw_shape -5" }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack *stack = NULL;
        mt_error err = MT_ERROR_INIT;
        const mt_open_options options = { .struct_size = sizeof options,
                                          .format = "raw",
                                          .raw_dtype = cases[i].dtype,
                                          .raw_shape = cases[i].shape,
                                          .raw_ndim = cases[i].ndim,
                                          .raw_offset = cases[i].offset };
        mt_status st = mt_stack_open_memory(NULL, "pixels.raw", bytes, sizeof bytes, &options, &stack, &err);
        check_refused(st, &err, cases[i].status, cases[i].says);
        mt_stack_close(stack);
    }
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    mt_open_options options = { .struct_size = sizeof options, .format = "raw", .raw_dtype = MT_UINT8 };
    check_refused(mt_stack_open(NULL, "/tmp", &options, &stack, &err), &err, MT_E_ARGUMENT,
                  "a folder is not a raw file");
    options = (mt_open_options) { .struct_size = sizeof options, .format = "bmp" };
    check_refused(mt_stack_open_memory(NULL, "a", bytes, 60, &options, &stack, &err), &err, MT_E_ARGUMENT,
                  "no format is called \"bmp\"; there are ");
    options = (mt_open_options) { .struct_size = sizeof options + 1 };
    check_refused(mt_stack_open_memory(NULL, "a", bytes, 60, &options, &stack, &err), &err, MT_E_ARGUMENT,
                  "mt_open_options.struct_size is ");
    options = (mt_open_options) { .struct_size = 0 };
    check_refused(mt_stack_open(NULL, "a", &options, &stack, &err), &err, MT_E_ARGUMENT, "struct_size is 0, not");
}

static void parts(void **state)
{
    (void)state;
    static const struct {
        const char *part;
        mt_status status;
        const char *says;
    } cases[] = { { "level=0", MT_OK, "" },
                  { "x", MT_E_NOT_FOUND, "there is no part \"x\": the file holds one image" },
                  { "level=1", MT_E_NOT_FOUND, "there is no part \"level=1\": the file holds one image" },
                  { "level=-1", MT_E_ARGUMENT, "\"level=-1\": levels, series and scenes count from 0" },
                  { "a&b&c", MT_E_NOT_FOUND, "there is no part \"a&b&c\": the file holds one image" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack *stack = NULL;
        mt_error err = MT_ERROR_INIT;
        const mt_open_options options = { .struct_size = sizeof options,
                                          .format = "raw",
                                          .part = cases[i].part,
                                          .raw_dtype = MT_UINT8,
                                          .raw_shape = yx,
                                          .raw_ndim = 2 };
        mt_status st = mt_stack_open_memory(NULL, "pixels.raw", bytes, sizeof bytes, &options, &stack, &err);
        check_refused(st, &err, cases[i].status, cases[i].says);
        mt_stack_close(stack);
    }
}

static mt_array array(int ndim, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return (mt_array) { .data = bytes, .dtype = MT_UINT8, .ndim = ndim, .shape = { a, b, c, d } };
}

static void reshaping(void **state)
{
    (void)state;
    static const int64_t tyx[3] = { 2, 3, 4 }, coords[2] = { 0, 0 }, far[2] = { -5, 0 }, size[2] = { 3, 4 };
    static const int64_t huge[2] = { INT64_MAX / 8, 4 };
    float floats[60];
    mt_array out = { .data = floats }, in = array(2, 3, 4, 0, 0);
    mt_error err = MT_ERROR_INIT;
    in.dtype = (mt_dtype)0;
    check_refused(mt_reshape_array(&in, "YX", &out, &err), &err, MT_E_ARGUMENT, "an array without an element type");
    in = array(2, INT64_MAX / 4, 4, 0, 0);
    in.dtype = MT_UINT16;
    check_refused(mt_reshape_array(&in, "YX", &out, &err), &err, MT_E_ARGUMENT, "an array of more than 2^63 bytes");
    in = array(2, 3, 4, 0, 0);
    check_refused(mt_reshape_patch(&in, "YQ", &out, &err), &err, MT_E_ARGUMENT, "Q");
    check_refused(mt_reshape_patch(&in, "SCYX", &out, &err), &err, MT_E_ARGUMENT,
                  "a patch of axes \"CYX\": an array of 2 dimensions, not 3");
    in = array(2, -3, 4, 0, 0);
    check_refused(mt_reshape_patch(&in, "YX", &out, &err), &err, MT_E_ARGUMENT, "dimension 0 has the size -3");

    mt_axes_transform original;
    check_ok(mt_axes_transform_init(&original, "TYX", tyx, 3, &err), &err);
    in = array(4, 3, 1, 3, 4);
    check_refused(mt_restore_array(&in, &original, NULL, &out, &err), &err, MT_E_ARGUMENT,
                  "3 samples, but the original has 2");
    in = array(4, 2, 3, 3, 4);
    check_refused(mt_restore_array(&in, &original, "TYX", &out, &err), &err, MT_E_ARGUMENT, "have no C for 3 channels");
    check_refused(mt_restore_array(&in, &original, "SCYX", &out, &err), &err, MT_E_ARGUMENT, "do not agree in S");
    check_refused(mt_restore_array(&in, &original, "CYX", &out, &err), &err, MT_E_ARGUMENT, "do not agree in T");
    check_refused(mt_restore_array(&in, &original, "TCZYX", &out, &err), &err, MT_E_ARGUMENT, "do not agree in Z");
    check_refused(mt_restore_array(&in, &original, "YY", &out, &err), &err, MT_E_ARGUMENT, "Y");
    in = array(3, 2, 3, 4, 0);
    check_refused(mt_restore_array(&in, &original, NULL, &out, &err), &err, MT_E_ARGUMENT, "3 dimensions, not 4");
    check_refused(mt_restore_tile(&in, &original, NULL, &out, &err), &err, MT_E_ARGUMENT, "no C for 2 channels");
    in = array(2, 3, 4, 0, 0);
    check_refused(mt_restore_tile(&in, &original, NULL, &out, &err), &err, MT_E_ARGUMENT, "2 dimensions, not 3");

    in = array(3, 1, 3, 4, 0);
    check_ok(mt_pad_patch(&in, coords, size, 2, floats, &err), &err);
    check_refused(mt_pad_patch(&in, coords, size, 4, floats, &err), &err, MT_E_ARGUMENT, "4 coordinates");
    check_refused(mt_pad_patch(&in, coords, size, 3, floats, &err), &err, MT_E_ARGUMENT, "3 dimensions, not 4");
    check_refused(mt_pad_patch(&in, far, size, 2, floats, &err), &err, MT_E_ARGUMENT, "3 pixels from -5 on do not fit");
    check_refused(mt_pad_patch(&in, coords, huge, 2, floats, &err), &err, MT_E_ARGUMENT, "more than 2^63 bytes");
}

static void reading_ahead(void **state)
{
    (void)state;
    static const int64_t origin[2] = { 0, 0 };
    mt_stack *stack = array_stack(NULL, MT_UINT8, "YX", yx);
    mt_error err = MT_ERROR_INIT;
    mt_prefetch *p;
    mt_prefetch_options options = { .struct_size = sizeof options + 1 };
    const mt_patch_request r = { .stack = stack, .n_spatial = 2, .coords = origin, .patch_size = yx };
    check_refused(mt_prefetch_patches(&r, 0, NULL, &p, &err), &err, MT_E_ARGUMENT, "no requests to prefetch");
    check_refused(mt_prefetch_patches(&r, 1, &options, &p, &err), &err, MT_E_ARGUMENT, "mt_prefetch_options.struct_s");
    options.struct_size = 0;
    check_refused(mt_prefetch_patches(&r, 1, &options, &p, &err), &err, MT_E_ARGUMENT, "struct_size is 0, not");
    check_ok(mt_prefetch_patches(&r, 1, NULL, &p, &err), &err);
    mt_prefetch_info info = { .struct_size = sizeof info + 1 };
    check_refused(mt_prefetch_wait(p, &info, &err), &err, MT_E_ARGUMENT, "mt_prefetch_info.struct_size is ");
    info.struct_size = 0;
    check_refused(mt_prefetch_wait(p, &info, &err), &err, MT_E_ARGUMENT, "struct_size is 0, not");
    check_ok(mt_prefetch_wait(p, NULL, &err), &err);
    mt_prefetch_end(p);
    mt_prefetch_end(NULL);
    mt_stack_close(stack);
}

static void contexts(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    mt_context_options options = { .struct_size = sizeof options + 1 };
    check_refused(mt_context_new(&options, &context, &err), &err, MT_E_ARGUMENT, "mt_context_options.struct_size is ");
    options = (mt_context_options) { .struct_size = 0 };
    check_refused(mt_context_set_default(&options, &err), &err, MT_E_ARGUMENT, "struct_size is 0, not");
    mt_stack_close(array_stack(NULL, MT_UINT8, "YX", yx)); /* uses the default context */
    options.struct_size = sizeof options;
    check_refused(mt_context_set_default(&options, &err), &err, MT_E_ARGUMENT, "the default context is in use already");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays),    cmocka_unit_test(stacks_of_ones_own),
        cmocka_unit_test(requests),  cmocka_unit_test(requests_to_odd_stacks),
        cmocka_unit_test(raw_files), cmocka_unit_test(parts),
        cmocka_unit_test(reshaping), cmocka_unit_test(reading_ahead),
        cmocka_unit_test(contexts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
