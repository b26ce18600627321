/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies of stacks whose dimensions are not those of the output: samples and frames, custom stacks, parts of them; and
 * what does not fit. */
#include "support/contract.h"
#include "support/folder.h"
#include "support/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { S = 2, T = 3, C = 2, Y = 9, X = 11, PLANE = Y * X, ALL = S * T * C * PLANE };

static uint16_t pixels[ALL];

/* A custom stack of S, T, C, Y, X whose samples are S and T. */
static mt_status extract(void *self, int64_t sample, const int64_t *wanted, size_t n, const int64_t *coords,
                         const int64_t *size, float *out, mt_error *err)
{
    (void)self, (void)err;
    for (size_t c = 0; c < n; c++)
        for (int64_t y = 0; y < size[0]; y++)
            for (int64_t x = 0; x < size[1]; x++)
                *out++ = pixels[((sample * C + wanted[c]) * Y + coords[0] + y) * X + coords[1] + x];
    return MT_OK;
}

static mt_stack *make_stack(bool is_custom, const char *axes, const int64_t *shape)
{
    static const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract };
    mt_stack_info info = { .struct_size = sizeof info, .source = "custom", .dtype = MT_UINT16, .original_axes = axes };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < ALL; i++)
        pixels[i] = (uint16_t)(i + 1);
    if (!is_custom) {
        check_ok(mt_stack_from_array(NULL, pixels, MT_UINT16, axes, shape, NULL, "array", &stack, &err), &err);
        return stack;
    }
    info.original_ndim = (int)strlen(axes);
    memcpy(info.original_shape, shape, strlen(axes) * sizeof *shape);
    check_ok(mt_stack_new(NULL, &ops, NULL, &info, &stack, &err), &err);
    return stack;
}

static mt_writer *begin(const char *path, const char *axes, const int64_t *shape, const int64_t *chunk)
{
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    mt_writer_options options = { .struct_size = sizeof options,
                                  .axes = axes,
                                  .shape = shape,
                                  .dtype = MT_UINT16,
                                  .chunk_shape = chunk,
                                  .codec = "none",
                                  .durability = MT_DURABLE_NEVER };
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    return w;
}

static void check_finished(mt_writer *w, const char *path, const char *axes, const int64_t *shape,
                           const uint16_t *wanted)
{
    mt_stack *array, *found;
    mt_checksum a, b;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
    check_ok(mt_stack_open(NULL, path, NULL, &found, &err), &err);
    check_ok(mt_stack_from_array(NULL, wanted, MT_UINT16, axes, shape, NULL, "wanted", &array, &err), &err);
    check_ok(mt_stack_checksum(array, NULL, &a, &err), &err);
    check_ok(mt_stack_checksum(found, NULL, &b, &err), &err);
    assert_string_equal(a.text, b.text);
    mt_stack_close(array);
    mt_stack_close(found);
    remove_tree(path);
}

static const int64_t stored[] = { S, T, C, Y, X }, one_sample[] = { T, C, Y, X }, chunk[] = { 1, 1, 4, 4 };

/* Each sample becomes an image with its frames. */
static void a_sample_is_chosen(void **state)
{
    (void)state;
    for (int is_custom = 0; is_custom < 2; is_custom++)
        for (int64_t s = 0; s < S; s++) {
            const char *path = temporary_path("sample.zarr");
            mt_stack *stack = make_stack(is_custom, "STCYX", stored);
            mt_writer *w = begin(path, "TCYX", one_sample, chunk);
            mt_copy_options options = { .struct_size = sizeof options, .sample = s };
            mt_error err = MT_ERROR_INIT;
            check_ok(mt_writer_copy(w, stack, &options, &err), &err);
            check_finished(w, path, "TCYX", one_sample, pixels + s * T * C * PLANE);
            mt_stack_close(stack);
        }
}

static int64_t calls, last_done, last_total;

static void note(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    calls++;
    last_done = (int64_t)done;
    last_total = (int64_t)total;
}

/* A region of some frames and one channel, of which some units are there already. */
static void a_region_is_continued(void **state)
{
    (void)state;
    static const int64_t from[] = { 1, 1, 2, 3 }, extent[] = { 2, 1, 6, 8 }, thin[] = { 1, 1, 4, 4 };
    static uint16_t wanted[2 * 6 * 8];
    for (int is_custom = 0; is_custom < 2; is_custom++) {
        const char *path = temporary_path("region.zarr");
        mt_stack *stack = make_stack(is_custom, "STCYX", stored);
        mt_copy_options options = {
            .struct_size = sizeof options, .from = from, .extent = extent, .sample = 1, .progress = note
        };
        mt_error err = MT_ERROR_INIT;
        for (int t = 0; t < 2; t++)
            for (int y = 0; y < 6; y++)
                for (int x = 0; x < 8; x++)
                    wanted[(t * 6 + y) * 8 + x] = pixels[((((T + 1 + t) * C) + 1) * Y + 2 + y) * X + 3 + x];
        mt_writer *w = begin(path, "TCYX", extent, thin);
        options.part = 1; /* units in the middle */
        options.n_parts = 3;
        check_ok(mt_writer_copy(w, stack, &options, &err), &err);
        mt_writer_close(w);
        w = begin(path, "TCYX", extent, thin);
        options.n_parts = 0;
        calls = 0;
        check_ok(mt_writer_copy(w, stack, &options, &err), &err);
        assert_true(calls > 0 && last_done == last_total && last_total == 8);
        check_ok(mt_writer_copy(w, stack, &options, &err), &err); /* nothing is left to do */
        check_finished(w, path, "TCYX", extent, wanted);
        mt_stack_close(stack);
    }
}

/* Axes that only one of the two has, of one pixel. */
static void axes_of_one_pixel_come_and_go(void **state)
{
    (void)state;
    static const int64_t stacked[] = { 1, Y, X }, written[] = { 1, 1, Y, X }, thin[] = { 1, 1, 9, 4 };
    const char *path = temporary_path("thin.zarr");
    mt_stack *stack = make_stack(false, "ZYX", stacked);
    mt_writer *w = begin(path, "TCYX", written, thin);
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_copy(w, stack, NULL, &err), &err);
    check_finished(w, path, "TCYX", written, pixels);
    mt_stack_close(stack);
}

static void check_refused(mt_writer *w, mt_stack *stack, const mt_copy_options *options, mt_status status,
                          const char *words)
{
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_writer_copy(w, stack, options, &err), status);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.message);
    assert_non_null(strstr(err.message, "refused.zarr: ")); /* the output is named */
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const int64_t at[] = { 0, 0, 0, 1 }, before[] = { 0, 0, -1, 0 }, far[] = { 0, 0, 0, X + 1 };
    static const int64_t much[] = { T, C, Y + 1, X }, less[] = { T, C, Y, -1 };
    static const int64_t frames[] = { 2, Y, X };
    const char *path = temporary_path("refused.zarr");
    mt_stack *stack = make_stack(false, "STCYX", stored);
    mt_writer *w = begin(path, "TCYX", one_sample, chunk);
    mt_error err = MT_ERROR_INIT;
    const struct {
        mt_copy_options options;
        mt_status status;
        const char *words;
    } cases[] = {
        { { .sample = S }, MT_E_RANGE, "sample 2 of a stack with 2 along S" },
        { { .sample = -1 }, MT_E_RANGE, "sample -1" },
        { { .from = before }, MT_E_RANGE, "pixels from -1 on" },
        { { .from = far }, MT_E_RANGE, "pixels from 12 on" },
        { { .extent = much }, MT_E_RANGE, "10 of them, along Y of a stack with 9" },
        { { .extent = less }, MT_E_RANGE, "-1 of them" },
        { { .from = at, .extent = one_sample },
          MT_E_RANGE,
          "pixels from 1 on, 11 of them, along X of a stack with 11" },
        { { .to = at }, MT_E_RANGE, "11 pixels at 1 along X do not fit in an image with 11" },
        { { .to = before }, MT_E_RANGE, "at -1 along Y" },
        { { .part = 2, .n_parts = 2 }, MT_E_ARGUMENT, "part 2 of 2: parts are counted from 0" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_copy_options options = cases[i].options;
        options.struct_size = sizeof options;
        check_refused(w, stack, &options, cases[i].status, cases[i].words);
    }
    mt_stack *deep = make_stack(false, "ZYX", frames);
    check_refused(w, deep, NULL, MT_E_ARGUMENT, "the stack has 2 pixels along Z, an axis that the output lacks");
    assert_int_equal(progress_of(w).n_done, 0);
    mt_copy_source source = { .stack = stack };
    check_ok(mt_writer_copy_sources(w, &source, 0, NULL, &err), &err); /* nothing */
    assert_int_equal(mt_writer_copy_sources(w, &source, SIZE_MAX / 2, NULL, &err), MT_E_MEMORY);
    mt_writer_close(w);
    remove_tree(path);
    mt_stack_close(deep);
    mt_stack_close(stack);
}

/* A box without pixels fits everywhere, also behind the last pixel. */
static void boxes_without_pixels(void **state)
{
    (void)state;
    static const int64_t end[] = { T, C, Y, X }, none[] = { 0, 0, 0, 0 }, thin[] = { T, C, Y, 0 };
    static const int64_t right[] = { 0, 0, 0, X };
    const char *path = temporary_path("empty.zarr");
    mt_stack *stack = make_stack(false, "STCYX", stored);
    mt_writer *w = begin(path, "TCYX", one_sample, chunk);
    const mt_copy_options cases[] = {
        { .extent = none }, { .extent = thin }, { .from = end, .extent = none }, { .to = end, .extent = none },
        { .from = right },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_copy_options options = cases[i];
        mt_error err = MT_ERROR_INIT;
        options.struct_size = sizeof options;
        check_ok(mt_writer_copy(w, stack, &options, &err), &err);
        assert_int_equal(progress_of(w).bytes_put, 0);
    }
    mt_writer_close(w);
    remove_tree(path);
    mt_stack_close(stack);
}

/* Processes share the units of a whole image: each pixel is in one source, and in no other. */
static void sources_that_are_shared_cover_the_image(void **state)
{
    (void)state;
    static const int64_t frames[] = { T, Y, X }, thin[] = { 1, Y, X }, pixel[] = { 1, 1, 1 };
    static const int64_t at[T][3] = { { 0 }, { 1, 0, 0 }, { 2, 0, 0 } };
    static const struct {
        size_t n; /* sources: the frames, and a pixel of the last one */
        double lease;
        mt_status status;
    } cases[] = { { T - 1, 1, MT_E_ARGUMENT }, { T + 1, 1, MT_E_ARGUMENT }, { T, 1e9, MT_OK } };
    const char *path = temporary_path("refused.zarr");
    mt_stack *stack = make_stack(false, "TYX", frames);
    mt_writer *w = begin(path, "TYX", frames, thin);
    mt_copy_source sources[T + 1];
    for (int t = 0; t < T; t++)
        sources[t] = (mt_copy_source) { .stack = stack, .from = at[t], .to = at[t], .extent = thin };
    sources[T] = (mt_copy_source) { .stack = stack, .from = at[T - 1], .to = at[T - 1], .extent = pixel };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_copy_options options = { .struct_size = sizeof options, .lease = cases[i].lease };
        mt_error err = MT_ERROR_INIT;
        assert_int_equal(mt_writer_copy_sources(w, sources, cases[i].n, &options, &err), cases[i].status);
        assert_true(!cases[i].status || strstr(err.message, "must cover each pixel once"));
    }
    check_finished(w, path, "TYX", frames, pixels);
    mt_stack_close(stack);
}

/* The identity names all that decides what is copied, and is not cut. */
static void sources_are_identified(void **state)
{
    (void)state;
    static const int64_t from[] = { 1, 0, 2, -3 }, extent[] = { 2, 1, 6, 8 }, to[] = { 0, 1, 0, INT64_MAX };
    static const char many[] = "ABCDEFGHIJKLMNOPQ";
    mt_stack *stack = make_stack(false, "STCYX", stored);
    const mt_copy_source whole = { .stack = stack };
    const mt_copy_source part = { .stack = stack, .from = from, .extent = extent, .to = to, .sample = 1 };
    static const char start[] = "array, uint16 6x2x9x11 STCYX";
    char text[1000], wanted[1000];
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_copy_identify("TCYX", &whole, text, sizeof text, &err), &err);
    snprintf(wanted, sizeof wanted, "%s, sample 0, TCYX, from 0,0,0,0, to 0,0,0,0", start);
    assert_string_equal(text, wanted);
    check_ok(mt_copy_identify("TCYX", &part, text, sizeof text, &err), &err);
    snprintf(wanted, sizeof wanted, "%s, sample 1, TCYX, from 1,0,2,-3, pixels 2,1,6,8, to 0,1,0,9223372036854775807",
             start);
    assert_string_equal(text, wanted);
    size_t n = strlen(text);
    check_ok(mt_copy_identify("TCYX", &part, text, n + 1, &err), &err);
    assert_string_equal(text, wanted);
    text[n] = 'x'; /* behind the room that is given */
    assert_int_equal(mt_copy_identify("TCYX", &part, text, n, &err), MT_E_ARGUMENT);
    assert_int_equal(text[n], 'x');
    assert_non_null(strstr(err.message, "bytes do not hold the identity of a source"));
    assert_int_equal(mt_copy_identify(many, &whole, text, sizeof text, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "17 axes"));
    check_ok(mt_copy_identify(many + 1, &whole, text, sizeof text, &err), &err);
    mt_stack_close(stack);
}

/* Calls of progress whose number is new. */
typedef struct told {
    size_t n;
    uint64_t last;
} told;

static void note_change(void *user, uint64_t done, uint64_t total)
{
    told *t = user;
    assert_true(done <= total && (t->n == 0 || done >= t->last));
    t->n += t->n == 0 || done != t->last;
    t->last = done;
}

/* Neighbouring units are copied together, as many as fit into half of the budget and form a box. */
static void units_are_copied_in_blocks(void **state)
{
    (void)state;
    enum { UNIT = 4 * 4 * 2, PLANE_UNITS = 9, ALL_UNITS = T * C * PLANE_UNITS };
    static const struct {
        size_t fit, blocks; /* units that fit */
    } cases[] = { { ALL_UNITS, 1 },
                  { ALL_UNITS - 1, 2 },
                  { 2 * PLANE_UNITS - 1, T * C },
                  { PLANE_UNITS - 1, T * C * 2 },
                  { 2, T * C * 6 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = temporary_path("blocks.zarr");
        mt_stack *stack = make_stack(false, "TCYX", one_sample);
        mt_writer_options options = { .struct_size = sizeof options,
                                      .axes = "TCYX",
                                      .shape = one_sample,
                                      .dtype = MT_UINT16,
                                      .chunk_shape = chunk,
                                      .codec = "none",
                                      .durability = MT_DURABLE_NEVER,
                                      .memory = 2 * UNIT * cases[i].fit };
        told t = { 0, 0 };
        const mt_copy_options copy = { .struct_size = sizeof copy, .progress = note_change, .user = &t };
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        check_ok(mt_writer_copy(w, stack, &copy, &err), &err);
        assert_int_equal(t.last, ALL_UNITS);
        if (t.n != cases[i].blocks + 1) /* and the end */
            fail_msg("%zu units fit: %zu blocks, not %zu", cases[i].fit, t.n - 1, cases[i].blocks);
        check_finished(w, path, "TCYX", one_sample, pixels);
        mt_stack_close(stack);
    }
}

/* Of a block, only units that are missing are put. */
static void done_units_are_left_out(void **state)
{
    (void)state;
    for (uint64_t part = 1; part < 4; part += 2) {
        const char *path = temporary_path("rest.zarr");
        mt_stack *stack = make_stack(false, "TCYX", one_sample);
        mt_copy_options options = { .struct_size = sizeof options, .part = part, .n_parts = 4 };
        mt_error err = MT_ERROR_INIT;
        mt_writer *w = begin(path, "TCYX", one_sample, chunk);
        check_ok(mt_writer_copy(w, stack, &options, &err), &err);
        uint64_t n_units = mt_writer_get_info(w)->n_units, first, count;
        mt_writer_part(n_units, part, 4, &first, &count);
        for (uint64_t unit = 0; unit < n_units; unit++)
            assert_int_equal(mt_writer_is_done(w, unit), unit >= first && unit < first + count);
        mt_writer_close(w);
        w = begin(path, "TCYX", one_sample, chunk);
        options.n_parts = 0;
        check_ok(mt_writer_copy(w, stack, &options, &err), &err);
        assert_int_equal(progress_of(w).n_skipped, 0);
        check_finished(w, path, "TCYX", one_sample, pixels);
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_is_chosen),
        cmocka_unit_test(a_region_is_continued),
        cmocka_unit_test(axes_of_one_pixel_come_and_go),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(boxes_without_pixels),
        cmocka_unit_test(units_are_copied_in_blocks),
        cmocka_unit_test(done_units_are_left_out),
        cmocka_unit_test(sources_that_are_shared_cover_the_image),
        cmocka_unit_test(sources_are_identified),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
