/* SPDX-License-Identifier: BSD-3-Clause */
/* Axes, sizes, names and identities at their limits, and texts in exactly the room for them. */
#include "support/support.h"

#include "stack/fit.h"
#include "stack/pattern.h"
#include "stack/stack.h"

#include <microtome/microtome.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void transforms(void **state)
{
    (void)state;
    const int64_t half = (int64_t)1 << 31, more = (int64_t)1 << 32;
    const struct {
        const char *axes;
        int64_t shape[MT_MAX_AXES];
        int ndim;
        const char *says; /* NULL: no error */
    } cases[] = {
        { "STYX", { half, half, 1, 1 }, 4, NULL },
        { "STYX", { half, more, 1, 1 }, 4, "more than 2^63 samples" },
        { "ZYX", { 0, 0, 0 }, 3, NULL },
        { "ZYX", { 2, -1, 3 }, 3, "axis Y has the size -1" },
        { "ZYX", { 2, 1, INT64_MIN }, 3, "axis X has the size -9223372036854775808" },
        { "ZYX", { 2, 3 }, 2, "axes \"ZYX\" for an array of 2 dimensions" },
        { "aYX", { 2, 3, 4 }, 3, "axes \"aYX\": 'a' is not one of STCZYX" },
        { "sYX", { 2, 3, 4 }, 3, "axes \"sYX\": 's' is not one of STCZYX: write capital letters" },
        { "TYY", { 2, 3, 4 }, 3, "axes \"TYY\": 'Y' appears twice" },
        { "TZX", { 2, 3, 4 }, 3, "axes \"TZX\" lack Y or X" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_axes_transform t;
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_axes_transform_init(&t, cases[i].axes, cases[i].shape, cases[i].ndim, &err);
        if (!cases[i].says) {
            check_ok(st, &err);
            continue;
        }
        assert_int_equal(st, MT_E_ARGUMENT);
        assert_string_equal(err.message, cases[i].says);
    }
}

/* A box in an array of axes CZYX of 3 x 4 x 5 x 6. */
static void slices_of_boxes(void **state)
{
    (void)state;
    const int64_t most = INT64_MAX / 2, shape[] = { 3, 4, 5, 6 };
    static const int64_t list[] = { 2, 0, 3 };
    const struct {
        size_t n_channels, n_spatial;
        int64_t coords[3], size[3];
        mt_status status;
        const char *says;
    } cases[] = {
        { 2, 3, { 0, 0, 0 }, { 0, 0, 0 }, MT_OK, "" },
        { 2, 3, { most, -most, 0 }, { most, most, most }, MT_OK, "" },
        { 2, 3, { 0, most + 1, 0 }, { 1, 1, 1 }, MT_E_ARGUMENT, "coords of 4611686018427387904" },
        { 2, 3, { 0, 0, -most - 1 }, { 1, 1, 1 }, MT_E_ARGUMENT, "coords of -4611686018427387904" },
        { 2, 3, { 0, 0, 0 }, { 1, -1, 1 }, MT_E_ARGUMENT, "a patch size of -1" },
        { 2, 3, { 0, 0, 0 }, { 1, 1, most + 1 }, MT_E_ARGUMENT, "a patch size of 4611686018427387904" },
        { 2, 2, { 0, 0, 0 }, { 1, 1, 1 }, MT_E_ARGUMENT, "2 coordinates for an image of 3 spatial axes" },
        { 0, 3, { 0, 0, 0 }, { 1, 1, 1 }, MT_E_ARGUMENT, "an empty list of channels" },
        { 3, 3, { 0, 0, 0 }, { 1, 1, 1 }, MT_E_RANGE, "channel 3 is out of bounds: the image has 3, counted from 0" },
    };
    mt_axes_transform t;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_axes_transform_init(&t, "CZYX", shape, 4, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_slice slices[5], untouched;
        memset(slices, 0x77, sizeof slices);
        memset(&untouched, 0x77, sizeof untouched);
        mt_status st = mt_get_patch_slices(&t, 0, list, cases[i].n_channels, cases[i].coords, cases[i].size,
                                           cases[i].n_spatial, slices, &err);
        assert_int_equal(st, cases[i].status);
        assert_string_equal(err.message, cases[i].says);
        assert_memory_equal(&slices[4], &untouched, sizeof untouched);
        if (st)
            continue;
        assert_true(slices[0].axis == 'C' && slices[0].kind == MT_SLICE_LIST && slices[0].n == 2);
        for (int d = 1; d < 4; d++) {
            assert_true(slices[d].axis == "CZYX"[d] && slices[d].kind == MT_SLICE_RANGE);
            assert_int_equal(slices[d].start, cases[i].coords[d - 1]);
            assert_int_equal(slices[d].stop, cases[i].coords[d - 1] + cases[i].size[d - 1]);
        }
    }
}

static void axes_with_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *letters;
        int64_t sizes[MT_MAX_AXES];
        bool any_size;
    } cases[] = {
        { "YX", "YX", { 0 }, false },
        { "STCZYX", "STCZYX", { 0 }, false },
        { "T12C3YX", "TCYX", { 12, 3 }, true },
        { "YX7", "YX", { 0, 7 }, true },
        { "T999999999999999999YX", "TYX", { 999999999999999999 }, true },
        { "S1T2C3Z4Y5X6", "STCZYX", { 1, 2, 3, 4, 5, 6 }, true },
    };
    static const char *const wrong[][2] = {
        { "T1000000000000000000YX", "1000000000000000000 is not a size of an axis: sizes count from 1" },
        { "T00YX", "00 is not a size of an axis: sizes count from 1" },
        { "STCZYXS", "axes \"STCZYXS\" are more than the six STCZYX" },
    };
    mt_named_axes named;
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_ok(mt_named_axes_parse(cases[i].text, &named, &err), &err);
        assert_string_equal(named.letters, cases[i].letters);
        assert_int_equal(named.n, strlen(cases[i].letters));
        assert_int_equal(named.any_size, cases[i].any_size);
        assert_memory_equal(named.sizes, cases[i].sizes, sizeof named.sizes);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        mt_error_clear(&err);
        assert_int_equal(mt_named_axes_parse(wrong[i][0], &named, &err), MT_E_ARGUMENT);
        assert_string_equal(err.message, wrong[i][1]);
    }
}

/* What does not fit into the room is left out, and nothing is written behind it. */
static void texts_in_their_room(void **state)
{
    (void)state;
    static const int64_t shape[] = { 123456, 7, -89 };
    static const char whole[] = "123456 x 7 x -89";
    static const float pixels[6] = { 0 };
    static const char identity[] = "mine, float32 1x1x2x3 YX";
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, pixels, MT_FLOAT32, "YX", (int64_t[]) { 2, 3 }, NULL, "mine", &stack, &err),
             &err);
    for (size_t room = 1; room < 32; room++) {
        char text[64], behind[64];
        memset(text, '~', sizeof text);
        memset(behind, '~', sizeof behind);
        mt_shape_text(shape, 3, text, room);
        size_t kept = room <= sizeof whole - 1 ? room - 1 : sizeof whole - 1;
        assert_int_equal(strlen(text), kept);
        assert_memory_equal(text, whole, kept);
        assert_memory_equal(text + room, behind, sizeof text - room);
        memset(text, '~', sizeof text);
        mt_status st = mt_stack_identify(stack, text, room, &err);
        assert_memory_equal(text + room, behind, sizeof text - room);
        assert_int_equal(st, room < sizeof identity ? MT_E_ARGUMENT : MT_OK);
        kept = room < sizeof identity ? room - 1 : sizeof identity - 1;
        assert_memory_equal(text, identity, kept);
    }
    mt_stack_close(stack);
}

/* A part whose name is longer than what is shown is told by the end of it and a digest. */
static void identities_of_parts(void **state)
{
    (void)state;
    for (size_t n = MT_PART_SHOWN - 1; n < MT_PART_SHOWN + 2; n++) {
        char part[MT_PART_SHOWN + 2] = "", text[MT_IMAGE_IDENTITY], start[MT_PART_SHOWN + 16];
        memset(part, 'p', n);
        part[n] = 0;
        mt_stack stack = {
            .info = { .part = part, .dtype = MT_UINT8, .original_axes = "YX", .data_ndim = 2, .data_shape = { 2, 3 } }
        };
        mt_stack_identify_image(&stack, text);
        snprintf(start, sizeof start, "#%s, uint8 2x3 YX", part);
        if (n <= MT_PART_SHOWN)
            assert_string_equal(text, start);
        else
            assert_memory_equal(text, "#...ppp", 7);
    }
}

/* The last 60 characters, those that would confuse as their codes. */
static void ends_of_names(void **state)
{
    (void)state;
    enum { KEPT = MT_NAME_END - 4 };
    static const struct {
        char character;
        size_t n;
        const char *start;
        size_t shown; /* of the name itself */
    } cases[] = { { 'a', 0, "", 0 },
                  { 'a', KEPT, "a", KEPT },
                  { 'a', KEPT + 1, "...a", KEPT },
                  { ',', KEPT / 3, "%2C", KEPT },
                  { ',', KEPT / 3 + 1, "...%2C", KEPT },
                  { ',', KEPT, "...%2C", KEPT },
                  { '\x7f', 1, "%7F", 3 },
                  { ' ', 1, " ", 1 },
                  { '~', 1, "~", 1 },
                  { '\x1f', 1, "%1F", 3 },
                  { '"', 2, "%22%22", 6 },
                  { '\\', 1, "%5C", 3 },
                  { '%', 1, "%25", 3 },
                  { '\xff', 1, "%FF", 3 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[KEPT + 2] = "", out[MT_NAME_END];
        memset(name, cases[i].character, cases[i].n);
        mt_name_end(name, out);
        bool is_cut = strncmp(cases[i].start, "...", 3) == 0;
        assert_memory_equal(out, cases[i].start, strlen(cases[i].start));
        assert_int_equal(strlen(out), cases[i].shown + (is_cut ? 3 : 0));
    }
}

static void members_of_identities(void **state)
{
    (void)state;
    static const struct {
        const char *item;
        int n; /* length of the name; -1: none */
    } cases[] = { { "with a.tif 0123456789abcdef", 5 },
                  { "with a.tif 0123456789abcdef, with b.tif 0123456789abcdef", 5 },
                  { "with a.tif 0123456789abcdef\nother", 5 },
                  { "with a 0123456789abcdef\n, ", 1 },
                  { "with  0123456789abcdef", 0 },
                  { "with 0123456789abcdef", -1 },
                  { "with a", -1 },
                  { "wit a.tif 0123456789abcdef", -1 },
                  { "", -1 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 99;
        const char *name = mt_identity_find_member(cases[i].item, &n);
        assert_int_equal(name != NULL, cases[i].n >= 0);
        if (name) {
            assert_ptr_equal(name, cases[i].item + 5);
            assert_int_equal(n, cases[i].n);
        }
    }
}

static void ends_of_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        size_t n; /* its characters; what follows is no part of it */
        const char *name;
        bool fits;
    } cases[] = {
        { "[a-c]", 5, "a", true },   { "[a-c]", 5, "c", true },   { "[a-c]", 5, "d", false },
        { "[a-c]", 5, "`", false },  { "[!a-c]", 6, "`", true },  { "[!a-c]", 6, "a", false },
        { "[!a-c]", 6, "c", false }, { "[a-]", 4, "-", true },    { "[a-]", 4, "b", false },
        { "[]a]", 4, "]", true },    { "[]a]", 4, "a", true },    { "[!]a]", 5, "]", false },
        { "[a", 2, "a", false },     { "[a", 2, "xa", false },    { "[a", 2, "[a", true },
        { "[ac]b", 5, "cb", true },  { "[ac]b", 5, "bb", false }, { "a*", 1, "ab", false },
        { "a?", 1, "ab", false },    { "ab*", 2, "ab", true },    { "abc", 2, "abc", false },
        { "a*b", 3, "ab", true },    { "a*b", 3, "acb", true },   { "a*b", 3, "abc", false },
        { "a**", 3, "a", true },     { "*", 0, "", true },        { "?", 1, "", false },
        { "*a*a", 4, "aba", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (mt_pattern_fits(cases[i].pattern, cases[i].n, cases[i].name) != cases[i].fits)
            fail_msg("%zu of \"%s\" and \"%s\"", cases[i].n, cases[i].pattern, cases[i].name);
}

static mt_status no_patch(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                          const int64_t *patch_size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)channels, (void)n_channels, (void)coords, (void)patch_size, (void)out, (void)err;
    return MT_OK;
}

/* Six axes are the most that a stack of a program may have. */
static void stacks_of_programs(void **state)
{
    (void)state;
    static const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = no_patch };
    static const struct {
        const char *axes;
        int ndim;
        bool opens;
    } cases[] = { { "STCZYX", 6, true },   { "YX", 2, true },    { "STCZYX", 5, false },
                  { "STCZYXY", 7, false }, { "CZYX", 5, false }, { NULL, 2, false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack_info info = { .struct_size = sizeof info,
                               .source = "mine",
                               .dtype = MT_UINT8,
                               .original_axes = cases[i].axes,
                               .original_ndim = cases[i].ndim };
        for (int d = 0; d < 6; d++)
            info.original_shape[d] = d + 1;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_stack_new(NULL, &ops, NULL, &info, &stack, &err);
        assert_int_equal(st, cases[i].opens ? MT_OK : MT_E_ARGUMENT);
        if (st)
            continue;
        assert_int_equal(mt_stack_get_info(stack)->original_ndim, cases[i].ndim);
        mt_stack_close(stack);
    }
}

/* Of an image without pixels patches of size 0 are read along the axes that have none, and only along these. */
static void patches_of_nothing(void **state)
{
    (void)state;
    static const float pixels[6] = { 1, 2, 3, 4, 5, 6 };
    static const struct {
        int64_t shape[3], size[3];
        mt_status status;
        const char *says;
    } cases[] = {
        { { 2, 3, 0 }, { 2, 3, 0 }, MT_OK, "" },
        { { 2, 0, 3 }, { 2, 0, 3 }, MT_OK, "" },
        { { 0, 2, 3 }, { 0, 2, 3 }, MT_OK, "" },
        { { 2, 0, 3 }, { 2, 0, 0 }, MT_E_ARGUMENT, "a patch size of 0 along X is not from 1 to 2^46" },
        { { 2, 3, 0 }, { 2, 0, 0 }, MT_E_ARGUMENT, "a patch size of 0 along Y is not from 1 to 2^46" },
        { { 0, 3, 2 }, { 0, 3, 0 }, MT_E_ARGUMENT, "a patch size of 0 along X is not from 1 to 2^46" },
        { { 1, 3, 0 }, { 1, -1, 0 }, MT_E_ARGUMENT, "a patch size of -1 along Y is not from 1 to 2^46" },
        { { 1, 3, 0 }, { 1, 3, -1 }, MT_E_ARGUMENT, "a patch size of -1 along X is not from 0 to 2^46" },
        { { 1, 2, 3 }, { 1, 2, 3 }, MT_OK, "" },
        { { 1, 2, 3 }, { 1, 0, 3 }, MT_E_ARGUMENT, "a patch size of 0 along Y is not from 1 to 2^46" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const int64_t origin[3] = { 0 };
        float out[6] = { 0 };
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stack_from_array(NULL, pixels, MT_FLOAT32, "ZYX", cases[i].shape, NULL, "mine", &stack, &err),
                 &err);
        mt_status st = mt_stack_extract_patch(stack, 0, NULL, 0, origin, cases[i].size, 3, out, &err);
        if (st != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("row %zu: %s", i, err.message);
        mt_stack_close(stack);
    }
}

static void channels_of_patches(void **state)
{
    (void)state;
    static const float pixels[3] = { 1, 2, 3 };
    static const int64_t shape[] = { 3, 1, 1 }, origin[2] = { 0 }, size[2] = { 1, 1 };
    static const struct {
        int64_t list[3];
        size_t n;
        mt_status status;
        const char *says;
    } cases[] = { { { 0, 1, 0 }, 3, MT_OK, "" },
                  { { 0, 3, 0 }, 3, MT_E_RANGE, "channel 3 is out of bounds: the image has 3, counted from 0" },
                  { { 0, 1, -1 }, 3, MT_E_RANGE, "channel -1 is out of bounds" },
                  { { 0, 1, 2 }, 2, MT_OK, "" }, /* the third is no part of the list */
                  { { 2, 1, 0 }, 3, MT_OK, "" },
                  { { 0 }, 0, MT_E_ARGUMENT, "the list of channels is empty" } };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, pixels, MT_FLOAT32, "CYX", shape, NULL, "mine", &stack, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float out[3] = { 0 };
        mt_status st = mt_stack_extract_patch(stack, 0, cases[i].list, cases[i].n, origin, size, 2, out, &err);
        if (st != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("row %zu: %s", i, err.message);
        for (size_t c = 0; !st && c < 3; c++)
            assert_true(out[c] == (c < cases[i].n ? pixels[cases[i].list[c]] : 0));
    }
    check_failed(mt_stack_extract_patch(stack, 0, NULL, 2, origin, size, 2, (float[3]) { 0 }, &err), MT_E_ARGUMENT,
                 &err, "2 channels and no list of them");
    mt_stack_close(stack);
}

/* More boxes than are listed at first, in one call. */
static void thousands_of_patches(void **state)
{
    (void)state;
    enum { N = 5000, SIDE = 100 };
    static float pixels[SIDE * SIDE], out[N];
    static int64_t coords[N][2];
    static mt_patch_request requests[N];
    static const int64_t shape[] = { SIDE, SIDE }, size[] = { 1, 1 };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < SIDE * SIDE; i++)
        pixels[i] = (float)i;
    check_ok(mt_stack_from_array(NULL, pixels, MT_FLOAT32, "YX", shape, NULL, "mine", &stack, &err), &err);
    for (size_t i = 0; i < N; i++) {
        coords[i][0] = (int64_t)(i * 7 % SIDE);
        coords[i][1] = (int64_t)(i / SIDE);
        requests[i] = (mt_patch_request) {
            .stack = stack, .n_spatial = 2, .coords = coords[i], .patch_size = size, .view = { .data = &out[i] }
        };
    }
    check_ok(mt_extract_patches(requests, N, NULL, &err), &err);
    for (size_t i = 0; i < N; i++)
        assert_true(out[i] == pixels[coords[i][0] * SIDE + coords[i][1]]);
    mt_stack_close(stack);
}

/* Each patch counts, with the bytes that it has in the type of the image. */
static void counters_of_patches(void **state)
{
    (void)state;
    static const uint16_t pixels[2 * 4 * 5 * 6];
    static const int64_t shape[] = { 2, 4, 5, 6 }, origin[3] = { 0 }, list[] = { 1 };
    static const int64_t sizes[3][3] = { { 1, 2, 3 }, { 4, 5, 6 }, { 3, 1, 2 } };
    static float out[3][240];
    const mt_context_options options = { .struct_size = sizeof options, .threads = 1 };
    mt_context *context;
    mt_stack *stack;
    mt_counters counters;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    check_ok(mt_stack_from_array(context, pixels, MT_UINT16, "CZYX", shape, NULL, "mine", &stack, &err), &err);
    mt_patch_request requests[3];
    for (size_t i = 0; i < 3; i++)
        requests[i] = (mt_patch_request) { .stack = stack,
                                           .channels = i == 2 ? list : NULL,
                                           .n_channels = i == 2,
                                           .n_spatial = 3,
                                           .coords = origin,
                                           .patch_size = sizes[i],
                                           .view = { .data = out[i] } };
    check_ok(mt_extract_patches(requests, 3, NULL, &err), &err);
    mt_context_get_counters(context, &counters);
    assert_int_equal(counters.patches, 3);
    assert_int_equal(counters.bytes_delivered, 2 * (2 * 6 + 2 * 120 + 6));
    mt_stack_close(stack);
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transforms),
        cmocka_unit_test(slices_of_boxes),
        cmocka_unit_test(axes_with_sizes),
        cmocka_unit_test(texts_in_their_room),
        cmocka_unit_test(identities_of_parts),
        cmocka_unit_test(ends_of_names),
        cmocka_unit_test(members_of_identities),
        cmocka_unit_test(ends_of_patterns),
        cmocka_unit_test(stacks_of_programs),
        cmocka_unit_test(patches_of_nothing),
        cmocka_unit_test(channels_of_patches),
        cmocka_unit_test(thousands_of_patches),
        cmocka_unit_test(counters_of_patches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
