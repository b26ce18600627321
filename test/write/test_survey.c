/* SPDX-License-Identifier: BSD-3-Clause */
/* How far an image is, as others see it: nothing, begun, finished, or something else; and what is left of a writer that
 * was killed at the very end. */
#include "support/folder.h"
#include "support/outputs.h"
#include "support/target.h"
#include "write/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct image {
    const char *name;
    output o;
} images[] = {
    { "image.zarr", { "YX", { 64, 64 }, { 16, 16 }, MT_UINT16, "none", 2 } },
    { "image.zarr", { "YX", { 64, 64 }, { 16, 16 }, MT_UINT16, "none", 1, { 0 }, "0.4" } },
    { "image.ome.tif", { "YX", { 64, 64 }, { 16, 16 }, MT_UINT16, "zstd", 2 } },
};
enum { N_IMAGES = sizeof images / sizeof *images, UNITS = 16 };

static void run(const char *format, const char *path)
{
    char command[4000];
    snprintf(command, sizeof command, format, path, path, path, path);
    assert_int_equal(system(command), 0);
}

static mt_writer *create(const char *path, const output *o)
{
    mt_writer_options options = output_options(o);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    return w;
}

static mt_writer *plan(const output *o, const char *path)
{
    mt_writer_options options = output_options(o);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_plan(NULL, path, &options, &w, &err), &err);
    return w;
}

static void put_row(mt_writer *w, const output *o, const uint8_t *pixels, int64_t rows)
{
    mt_error err = MT_ERROR_INIT;
    const output_box box = { { 0, 0 }, { rows, 64 } };
    check_ok(put_box(w, o, pixels, &box, &err), &err);
    check_ok(mt_writer_flush(w, &err), &err);
}

/* What a survey finds: units, and whether it is all. Nothing can be put into what it returns. */
static void check_survey(const mt_writer *planned, const char *path, uint64_t n_done, bool is_finished)
{
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    const uint16_t pixel = 1;
    const int64_t start[] = { 63, 63 }, one[] = { 1, 1 };
    const mt_writer_box box = { .start = start, .extent = one, .data = &pixel };
    check_ok(mt_writer_survey_as(planned, path, &w, &err), &err);
    assert_int_equal(w->is_finished, is_finished);
    if (!is_finished) {
        assert_int_equal(progress_of(w).n_done, n_done);
        for (uint64_t unit = 0; unit < UNITS; unit++)
            assert_int_equal(mt_writer_is_done(w, unit), unit < n_done);
    }
    assert_int_equal(mt_writer_put(w, &box, &err), MT_E_ARGUMENT);
    mt_writer_close(w);
}

static int is_finished(const char *path, const output *o)
{
    mt_writer_options options = output_options(o);
    int out = -1;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_is_finished(NULL, path, &options, &out, &err), &err);
    return out;
}

static void images_are_surveyed(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_IMAGES; i++) {
        const output *o = &images[i].o;
        const char *path = temporary_path(images[i].name);
        uint8_t *pixels = make_output_pixels(o, 5);
        mt_error err = MT_ERROR_INIT;
        mt_writer *planned = plan(o, path);
        for (size_t k = 0; k < output_elements(o) * 2; k++)
            pixels[k] |= 1; /* no zeros: each unit is stored */
        check_survey(planned, path, 0, false);
        run("test ! -e '%s' && test ! -e '%s.partial'", path);
        assert_int_equal(is_finished(path, o), 0);
        mt_writer *w = create(path, o);
        check_survey(planned, path, 0, false);
        put_row(w, o, pixels, 16);
        check_survey(planned, path, 4, false);
        assert_int_equal(is_finished(path, o), 0);
        check_ok(mt_writer_finish(w, NULL, &err), &err);
        mt_writer_close(w);
        check_survey(planned, path, 0, true);
        assert_int_equal(is_finished(path, o), 1);
        output other = *o;
        other.n_levels = 3 - o->n_levels; /* another request */
        assert_int_equal(is_finished(path, &other), 0);
        mt_writer_close(planned);
        remove_tree(path);
        free(pixels);
    }
}

/* Images of another plan, and folders of somebody else. */
static void other_images_are_in_the_way(void **state)
{
    (void)state;
    const char *path = temporary_path("other.zarr");
    mt_writer *planned = plan(&images[0].o, path), *w;
    mt_error err = MT_ERROR_INIT;
    mt_writer_close(create(path, &images[1].o));
    assert_int_equal(mt_writer_survey_as(planned, path, &w, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "an unfinished image with other options exists: its n_levels is 1, not 2"));
    remove_tree(path);
    mt_error_clear(&err);
    run("mkdir -p '%s' && touch '%s/mine'", path);
    assert_int_equal(mt_writer_survey_as(planned, path, &w, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "it has \"mine\""));
    remove_tree(path);
    mt_writer_close(planned);
}

/* A writer was killed when all was done but to remove its journal: it is removed by who asks. With a plan, the image is
 * not finished. */
static void what_is_left_is_removed(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_IMAGES; i++) {
        const output *o = &images[i].o;
        const char *path = temporary_path(images[i].name);
        bool is_folder = strstr(path, ".zarr");
        mt_error err = MT_ERROR_INIT;
        mt_writer *w = create(path, o);
        run(is_folder ? "cp -a '%s/.microtome' '%s-kept'" : "cp -a '%s.partial' '%s-kept'", path);
        check_ok(mt_writer_finish(w, NULL, &err), &err);
        mt_writer_close(w);
        run("rm -f '%s-kept'/claim*", path); /* this process has not ended */
        run(is_folder ? "cp -a '%s-kept' '%s/.microtome'" : "cp -a '%s-kept' '%s.partial'", path);
        assert_int_equal(is_finished(path, o), 0); /* the plan is there */
        run(is_folder ? "rm '%s/.microtome/plan.json'" : "rm '%s.partial/.microtome/plan.json'", path);
        assert_int_equal(is_finished(path, o), 1);
        run(is_folder ? "test ! -e '%s/.microtome'" : "test ! -e '%s.partial'", path);
        run("rm -r '%s-kept'", path);
        remove_tree(path);
    }
}

/* Who looks changes nothing. */
static void who_looks_does_not_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_IMAGES; i++) {
        const output *o = &images[i].o;
        const char *path = temporary_path(images[i].name);
        const mt_copy_options options = { .struct_size = sizeof options };
        const uint16_t pixels[64 * 64] = { 1 };
        mt_error err = MT_ERROR_INIT;
        mt_stack *stack;
        mt_writer *w;
        check_ok(mt_stack_from_array(NULL, pixels, o->dtype, o->axes, o->shape, NULL, "array", &stack, &err), &err);
        mt_writer_close(create(path, o));
        int n_files = count_files("");
        check_ok(mt_writer_look(NULL, path, NULL, &w, &err), &err);
        assert_int_equal(count_files(""), n_files);
        const mt_writer_box box = { .start = (int64_t[]) { 0, 0 }, .extent = o->shape, .data = pixels };
        assert_int_equal(mt_writer_put(w, &box, &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, "the image was opened to look at it, not to write"));
        assert_int_equal(mt_writer_copy(w, stack, &options, &err), MT_E_ARGUMENT);
        assert_int_equal(mt_writer_finish(w, NULL, &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, "the image was opened to look at it, not to write"));
        mt_writer_close(w);
        mt_stack_close(stack);
        run("rm -rf '%s' '%s.partial'", path);
    }
}

/* What a power cut leaves of the documents of an unfinished image is written again; a journal without a plan means
 * nothing. */
static void torn_documents_are_written_again(void **state)
{
    (void)state;
    static const char *const damages[] = { "printf '{\"zarr' > '%s/0/zarr.json'", "rm '%s/0/zarr.json'",
                                           "rm '%s/.microtome/plan.json' && rm -r '%s/0' '%s/1' '%s/zarr.json'" };
    const output *o = &images[0].o;
    uint8_t *pixels = make_output_pixels(o, 5);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const char *path = temporary_path("torn.zarr");
        mt_error err = MT_ERROR_INIT;
        mt_writer_close(create(path, o));
        run(damages[i], path);
        mt_writer *w = create(path, o);
        put_row(w, o, pixels, 64);
        check_ok(mt_writer_finish(w, NULL, &err), &err);
        mt_writer_close(w);
        check_output(path, o, pixels);
        remove_tree(path);
    }
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_surveyed),
        cmocka_unit_test(other_images_are_in_the_way),
        cmocka_unit_test(what_is_left_is_removed),
        cmocka_unit_test(who_looks_does_not_write),
        cmocka_unit_test(torn_documents_are_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
