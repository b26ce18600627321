/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of a loader knows its images: another image is refused, with what differs, and a moved one is not. */
#include "stack/stack.h"
#include "support/delayed_store.h"
#include "support/folder.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 16, IMAGES = 3, TEXT = 8192 };

static void set_time(const char *name, time_t second, long nanosecond)
{
    const struct timespec when = { .tv_sec = second, .tv_nsec = nanosecond }, times[2] = { when, when };
    assert_int_equal(utimensat(AT_FDCWD, temporary_path(name), times, 0), 0);
}

/* A NumPy file of SIDE x SIDE elements, with more bytes behind them, that was changed at some second. */
static void write_image(const char *name, const char *type, size_t more, time_t second)
{
    uint8_t bytes[128 + 4 * SIDE * SIDE] = "\x93NUMPY\x01\x00\x76\x00";
    const size_t size = 128 + (size_t)(type[2] - '0') * SIDE * SIDE + more;
    const int n = snprintf((char *)bytes + 10, 117, "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }",
                           type, SIDE, SIDE);
    memset(bytes + 10 + n, ' ', (size_t)(117 - n));
    bytes[127] = '\n';
    write_temporary(name, bytes, size);
    set_time(name, second, 0);
}

typedef struct set {
    mt_context *context;
    size_t n;
    mt_stack *images[IMAGES], *targets[IMAGES];
    mt_loader *loader;
} set;

/* A loader of n images and their targets, without copies of these if shared. Takes over the stacks. */
static void make_loader(set *s, bool shared)
{
    const int64_t patch_size[2] = { 8, 8 };
    const mt_patching_options how = {
        .struct_size = sizeof how, .strategy = "tiled", .patch_size = patch_size, .n_spatial = 2
    };
    const mt_loader_array arrays[2] = { { .stacks = NULL }, { .stacks = shared ? s->images : s->targets } };
    const mt_loader_options options = { .struct_size = sizeof options, .arrays = arrays, .n_arrays = 2 };
    mt_patching *patching;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_patching_new(s->images, s->n, &how, &patching, &err), &err);
    check_ok(mt_loader_new(patching, &options, &s->loader, &err), &err);
    mt_patching_free(patching);
}

static void open_images(set *s, const char *const *names, size_t n)
{
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    *s = (set) { .n = n };
    check_ok(mt_context_new(NULL, &s->context, &err), &err);
    for (size_t i = 0; i < n; i++) {
        check_ok(mt_stack_open(s->context, temporary_path(names[i]), &options, &s->images[i], &err), &err);
        check_ok(mt_stack_open(s->context, temporary_path("target.npy"), &options, &s->targets[i], &err), &err);
    }
    make_loader(s, false);
}

static void close_set(set *s)
{
    mt_loader_free(s->loader);
    for (size_t i = 0; i < s->n; i++) {
        mt_stack_close(s->images[i]);
        mt_stack_close(s->targets[i]);
    }
    mt_context_free(s->context);
}

static const char *const names[IMAGES] = { "a.npy", "b.npy", "c.npy" };

static void write_images(void)
{
    for (int i = 0; i < IMAGES; i++)
        write_image(names[i], "|u1", 0, 1000000);
    write_image("target.npy", "|u1", 0, 1000000);
}

/* Opens the images anew and gives them a state. expected NULL: it is accepted; else the end of the message. */
static void check(const char *const *opened, size_t n, const char *state, const char *expected)
{
    set s;
    mt_error err;
    open_images(&s, opened, n);
    const mt_status st = mt_loader_set_state(s.loader, state, strlen(state), &err);
    if (!expected)
        check_ok(st, &err);
    else
        check_failed(st, MT_E_ARGUMENT, &err, expected);
    close_set(&s);
}

static void other_images_are_refused(void **state)
{
    (void)state;
    static const char *const fewer[] = { "a.npy", "b.npy" };
    static const struct {
        const char *name, *type;
        size_t more;
        time_t second;
        const char *message;
    } changes[] = {
        { "c.npy", "|u1", 0, 1000000, NULL },
        { "c.npy", "|u1", 1, 1000000, "c.npy): the image is not the one of the state: 384 bytes then, 385 bytes now" },
        { "b.npy", "|u1", 0, 1000001,
          "b.npy): the image is not the one of the state: changed at 1970-01-12 13:46:40 UTC then, changed at "
          "1970-01-12 13:46:41 UTC now; if its pixels are the same, set \"images\" of the state to null" },
        { "a.npy", "|i1", 0, 1000000,
          "a.npy): the image is not the one of the state: uint8 1x1x16x16 YX then, int8 1x1x16x16 YX now" },
        { "target.npy", "<u2", 0, 1000000, "uint8 1x1x16x16 YX then, uint16 1x1x16x16 YX now" },
    };
    set s;
    char saved[TEXT];
    write_images();
    open_images(&s, names, IMAGES);
    assert_in_range(mt_loader_get_state(s.loader, saved, sizeof saved), 100, sizeof saved - 1);
    close_set(&s);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        write_images();
        write_image(changes[i].name, changes[i].type, changes[i].more, changes[i].second);
        check(names, IMAGES, saved, changes[i].message);
    }
    check(names, IMAGES, saved, "target 1: stack 0 (");
    write_images();
    check(fewer, 2, saved, "the state belongs to other images: 3, not 2");
}

/* As for pickles: what a file is counts, not where it lies. */
static void a_moved_image_is_the_same(void **state)
{
    (void)state;
    static const char *const moved[IMAGES] = { "a.npy", "elsewhere.npy", "c.npy" };
    set s;
    char saved[TEXT];
    write_images();
    open_images(&s, names, IMAGES);
    mt_loader_get_state(s.loader, saved, sizeof saved);
    close_set(&s);
    assert_int_equal(rename(temporary_path("b.npy"), temporary_path("elsewhere.npy")), 0);
    check(moved, IMAGES, saved, NULL);
}

/* Of two times, of which one has no fraction, the seconds are compared. */
static void times_without_a_fraction(void **state)
{
    (void)state;
    set s;
    char saved[TEXT];
    write_images();
    set_time("b.npy", 1000000, 5000);
    open_images(&s, names, IMAGES);
    mt_loader_get_state(s.loader, saved, sizeof saved);
    close_set(&s);
    check(names, IMAGES, saved, NULL);
    set_time("b.npy", 1000000, 0);
    set_time("a.npy", 1000000, 7000);
    check(names, IMAGES, saved, NULL);
    set_time("b.npy", 1000000, 6000);
    check(names, IMAGES, saved, "stack 1 (");
    set_time("b.npy", 1000001, 0);
    check(names, IMAGES, saved, "stack 1 (");
}

/* A state whose images are null fits images of the same shapes. */
static void images_that_the_caller_vouches_for(void **state)
{
    (void)state;
    set s;
    char saved[TEXT], cut[TEXT];
    write_images();
    open_images(&s, names, IMAGES);
    mt_loader_get_state(s.loader, saved, sizeof saved);
    close_set(&s);
    const char *from = strstr(saved, "\"images\": "), *end = strstr(saved, ", \"epoch\"");
    assert_true(from && end);
    snprintf(cut, sizeof cut, "%.*s\"images\": null%s", (int)(from - saved), saved, end);
    write_image("b.npy", "|u1", 1, 1000001);
    check(names, IMAGES, saved, "stack 1 (");
    check(names, IMAGES, cut, NULL);
    check(names, 2, cut, "another plan");
}

/* An image without an identity in the state is another one: that its pixels are the same cannot be supposed. */
static void images_that_the_state_does_not_name(void **state)
{
    (void)state;
    static const char text[] = "{\"version\": 2, \"epoch\": 0, \"batch\": 0, \"images\": [[\"\"], [\"\"]]}";
    set s;
    mt_error err;
    write_images();
    open_images(&s, names, 1);
    check_failed(mt_loader_set_state(s.loader, text, strlen(text), &err), MT_E_ARGUMENT, &err,
                 "a.npy: the image is not the one of the state: nothing then, ");
    assert_null(strstr(err.message, "if its pixels are the same"));
    close_set(&s);
}

/* Targets that are the images, and the same files opened once more, are the same. */
static void targets_opened_apart(void **state)
{
    (void)state;
    set s;
    char saved[TEXT];
    static const char *const target[] = { "target.npy" };
    write_images();
    open_images(&s, target, 1);
    mt_loader_free(s.loader);
    make_loader(&s, true);
    mt_loader_get_state(s.loader, saved, sizeof saved);
    assert_non_null(strstr(saved, "], null], "));
    close_set(&s);
    check(target, 1, saved, NULL);
}

/* The state is that of the images that are open, whatever has happened to their files since. */
static void the_images_are_those_that_were_opened(void **state)
{
    (void)state;
    set s;
    mt_error err;
    char before[TEXT], after[TEXT];
    write_images();
    open_images(&s, names, IMAGES);
    mt_loader_get_state(s.loader, before, sizeof before);
    write_image("b.npy", "|u1", 0, 1000009);
    mt_loader_get_state(s.loader, after, sizeof after);
    assert_string_equal(before, after);
    check_ok(mt_loader_set_state(s.loader, after, strlen(after), &err), &err);
    close_set(&s);
    check(names, IMAGES, after, "stack 1 (");
}

static mt_status no_patch(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                          const int64_t *patch_size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)channels, (void)n_channels, (void)coords, (void)patch_size, (void)out;
    return mt_fail(err, MT_E_UNSUPPORTED, "not read by this test");
}

/* Arrays and custom stacks have no file: shape and type count. */
static void open_sourceless(set *s, mt_dtype dtype, const char *name, bool custom)
{
    static const uint16_t pixels[SIDE * SIDE];
    const int64_t shape[] = { SIDE, SIDE };
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = no_patch };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = name,
                                 .dtype = dtype,
                                 .original_axes = "YX",
                                 .original_ndim = 2,
                                 .original_shape = { SIDE, SIDE } };
    mt_error err = MT_ERROR_INIT;
    *s = (set) { .n = 1 };
    check_ok(mt_context_new(NULL, &s->context, &err), &err);
    check_ok(custom ? mt_stack_new(s->context, &ops, NULL, &info, &s->images[0], &err)
                    : mt_stack_from_array(s->context, pixels, dtype, "YX", shape, NULL, name, &s->images[0], &err),
             &err);
    s->targets[0] = mt_stack_retain(s->images[0]);
    make_loader(s, true);
}

static void images_without_a_file(void **state)
{
    (void)state;
    for (int custom = 0; custom < 2; custom++) {
        set s, same, other;
        mt_error err;
        char saved[TEXT];
        open_sourceless(&s, MT_UINT8, "one", custom);
        mt_loader_get_state(s.loader, saved, sizeof saved);
        assert_non_null(strstr(saved, "\"images\": [[\"uint8 1x1x16x16 YX\"], null], "));
        open_sourceless(&same, MT_UINT8, "another", custom);
        check_ok(mt_loader_set_state(same.loader, saved, strlen(saved), &err), &err);
        open_sourceless(&other, MT_UINT16, "one", custom);
        assert_int_equal(mt_loader_set_state(other.loader, saved, strlen(saved), &err), MT_E_ARGUMENT);
        assert_string_equal(err.message, "one: the image is not the one of the state: uint8 1x1x16x16 YX then, uint16 "
                                         "1x1x16x16 YX now");
        close_set(&other);
        close_set(&same);
        close_set(&s);
    }
}

/* What one of them does not have is shown as nothing. */
static void an_array_in_place_of_a_file(void **state)
{
    (void)state;
    set s, array;
    mt_error err;
    char saved[TEXT];
    static const char *const one[] = { "target.npy" };
    write_images();
    open_images(&s, one, 1);
    mt_loader_get_state(s.loader, saved, sizeof saved);
    open_sourceless(&array, MT_UINT8, "array", false);
    check_failed(mt_loader_set_state(array.loader, saved, strlen(saved), &err), MT_E_ARGUMENT, &err,
                 "384 bytes then, nothing now");
    mt_loader_get_state(array.loader, saved, sizeof saved);
    check_failed(mt_loader_set_state(s.loader, saved, strlen(saved), &err), MT_E_ARGUMENT, &err,
                 "nothing then, 384 bytes now");
    close_set(&array);
    close_set(&s);
}

/* Images of one file with the same shape are told apart; their names need not be ASCII. */
static void parts_of_a_file(void **state)
{
    (void)state;
    static const char *const parts[] = { "gr\xc3\xb6\xc3\x9f"
                                         "er",
                                         "s\\1" };
    set s;
    char saved[2][TEXT], key[64];
    mt_error err = MT_ERROR_INIT;
    write_temporary_text("two.zarr/.zgroup", "{\"zarr_format\": 2}");
    for (int i = 0; i < 2; i++) {
        snprintf(key, sizeof key, "two.zarr/%s/.zarray", parts[i]);
        write_temporary_text(key, "{\"zarr_format\": 2, \"shape\": [16, 16], \"chunks\": [16, 16], \"dtype\": \"|u1\", "
                                  "\"compressor\": null, \"filters\": null, \"fill_value\": 0, \"order\": \"C\"}");
    }
    for (int i = 0; i < 2; i++) {
        const mt_open_options options = { .struct_size = sizeof options, .axes = "YX", .part = parts[i] };
        s = (set) { .n = 1 };
        check_ok(mt_context_new(NULL, &s.context, &err), &err);
        check_ok(mt_stack_open(s.context, temporary_path("two.zarr"), &options, &s.images[0], &err), &err);
        s.targets[0] = mt_stack_retain(s.images[0]);
        make_loader(&s, true);
        mt_loader_get_state(s.loader, saved[i], sizeof saved[i]);
        check_ok(mt_loader_set_state(s.loader, saved[i], strlen(saved[i]), &err), &err);
        if (i == 1)
            check_failed(mt_loader_set_state(s.loader, saved[0], strlen(saved[0]), &err), MT_E_ARGUMENT, &err,
                         "#gr%C3%B6%C3%9Fer then, #s%5C1 now");
        close_set(&s);
    }
}

/* A state that was saved by an earlier program still fits. The digests are of bytes in memory. */
static void a_state_of_an_earlier_program(void **state)
{
    (void)state;
    static const char before[] =
        "{\"version\": 2, \"plan\": {\"strategy\": \"random\", \"number of spatial axes\": \"2\", \"patch size\": "
        "\"4x4\", "
        "\"overlap\": \"0x0\", \"seed\": \"7\", \"padding of small images\": \"no\", \"number of stacks\": \"2\", "
        "\"number of samples\": \"2\", \"digest of the shapes\": \"ff502e9fb044059a\", \"number of patches\": \"32\", "
        "\"digest of weights, exclusions and given patches\": \"cbf29ce484222325\", \"batch size\": \"2\", "
        "\"order\": \"windows\", \"blocks in a window\": \"3\", \"digest of the block sizes\": \"6a050a2d95c310fa\", "
        "\"ranks with windows of their own\": \"0\", \"augmentation\": \"1 0.25 0.5\", "
        "\"treatment of damaged chunks\": \"0\", "
        "\"digest of channels, conversion and noise\": \"edcfbbee5f9c6ace\"}, \"seed\": \"9\", "
        "\"images\": [[\"uint16 1x3x16x16 CYX\", \"uint16 1x3x16x15 CYX\"], null], \"epoch\": 0, \"batch\": 0}";
    static const uint16_t pixels[3][SIDE][SIDE];
    static const int64_t channels[] = { 2, 0 };
    static const float scale[] = { 2, 3 }, offset[] = { 4, 5, 6 };
    static const mt_loader_array arrays[] = { { .channels = channels, .n_channels = 2, .view = { .scale = scale } },
                                              { .view = { .offset = offset, .padding = 3 } } };
    static const mt_noise_options noise = { .struct_size = sizeof noise, .gaussian = 0.5 };
    const mt_patching_options how = {
        .struct_size = sizeof how, .strategy = "random", .patch_size = (int64_t[]) { 4, 4 }, .n_spatial = 2, .seed = 7
    };
    const mt_loader_options options = { .struct_size = sizeof options,
                                        .arrays = arrays,
                                        .n_arrays = 2,
                                        .noise = &noise,
                                        .window = 3,
                                        .batch_size = 2,
                                        .seed = 9,
                                        .block = { 2, 1 },
                                        .augment = MT_AUGMENT_FLIP,
                                        .flip_probability = 0.25 };
    set s = { .n = 2 };
    char now[TEXT];
    mt_patching *patching;
    mt_error err = MT_ERROR_INIT;
    if (*(const uint8_t *)&(uint16_t) { 1 } != 1)
        skip(); /* the other byte order */
    check_ok(mt_context_new(NULL, &s.context, &err), &err);
    for (int i = 0; i < 2; i++)
        check_ok(mt_stack_from_array(s.context, pixels, MT_UINT16, "CYX", (int64_t[]) { 3, SIDE, SIDE - i }, NULL,
                                     "image", &s.images[i], &err),
                 &err);
    check_ok(mt_patching_new(s.images, 2, &how, &patching, &err), &err);
    check_ok(mt_loader_new(patching, &options, &s.loader, &err), &err);
    mt_patching_free(patching);
    check_ok(mt_loader_set_state(s.loader, before, strlen(before), &err), &err);
    assert_int_equal(mt_loader_get_state(s.loader, now, sizeof now), strlen(before));
    assert_string_equal(now, before);
    for (size_t room = 0; room <= sizeof before; room++) { /* a buffer that is too short takes the beginning */
        memset(now, '?', sizeof now);
        assert_int_equal(mt_loader_get_state(s.loader, now, room), strlen(before));
        for (size_t i = room; i < sizeof before + 10; i++)
            assert_int_equal(now[i], '?');
        if (room > 0)
            assert_int_equal(strncmp(now, before, room - 1), 0);
    }
    close_set(&s);
}

/* What was read to open an image is enough to identify it. */
static void nothing_is_requested_for_a_state(void **state)
{
    (void)state;
    delayed_log log = { .delay_ms = 0 };
    const mt_store_wrap wrap = { delayed_wrap, &log };
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    set s = { .n = 1 };
    char saved[TEXT];
    mt_error err = MT_ERROR_INIT;
    write_images();
    check_ok(mt_context_new(NULL, &s.context, &err), &err);
    check_ok(mt_stack_open_wrapped(s.context, temporary_path("a.npy"), &options, &wrap, &s.images[0], &err), &err);
    s.targets[0] = mt_stack_retain(s.images[0]);
    assert_int_equal(log.trips, 1);
    make_loader(&s, true);
    mt_loader_get_state(s.loader, saved, sizeof saved);
    assert_non_null(strstr(saved, ", 384 bytes, changed at 1000000000000000 ns\""));
    check_ok(mt_loader_set_state(s.loader, saved, strlen(saved), &err), &err);
    assert_int_equal(log.trips, 1);
    close_set(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_images_are_refused),
        cmocka_unit_test(a_moved_image_is_the_same),
        cmocka_unit_test(the_images_are_those_that_were_opened),
        cmocka_unit_test(images_without_a_file),
        cmocka_unit_test(an_array_in_place_of_a_file),
        cmocka_unit_test(times_without_a_fraction),
        cmocka_unit_test(images_that_the_caller_vouches_for),
        cmocka_unit_test(images_that_the_state_does_not_name),
        cmocka_unit_test(targets_opened_apart),
        cmocka_unit_test(parts_of_a_file),
        cmocka_unit_test(a_state_of_an_earlier_program),
        cmocka_unit_test(nothing_is_requested_for_a_state),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
