/* SPDX-License-Identifier: BSD-3-Clause */
/* Stitching of samples to images of their own, some of which may be begun or finished. */
#include "stitcher_support.h"

#include <stdio.h>

/* Returns the batches that were put, most at most, and what the stitcher found. */
static uint64_t stitch_samples(const setting *s, mt_writer *plan, uint64_t most, mt_stitcher_report *found)
{
    mt_error err = MT_ERROR_INIT;
    mt_stitch_output output = to_array(s, NULL);
    output.sample_plan = plan;
    mt_stitcher *stitcher = new_stitcher(s, &output, 0, 0);
    *found = (mt_stitcher_report) { .struct_size = sizeof *found };
    check_ok(mt_stitcher_get_report(stitcher, found, &err), &err);
    uint64_t count = put_all(s, stitcher, most);
    if (most == UINT64_MAX)
        check_ok(mt_stitcher_flush(stitcher, &err), &err);
    mt_stitcher_free(stitcher);
    return count;
}

/* They are continued by another stitcher, also if some are finished already. */
static void samples_have_images_of_their_own(void **state)
{
    (void)state;
    static const char *const paths[] = { "samples.zarr/0", "samples.zarr/1", "samples.zarr/2" };
    setting s;
    stitch_case one = cases[1];
    mt_error err = MT_ERROR_INIT;
    mt_stitcher_report found;
    set_up(&cases[1], &s);
    float *expected = stitch_to_array(&s);
    setting single = s;
    single.samples = 1;
    single.values = s.values / 3;
    single.c = &one;
    one.chunk[0] = 0;
    mt_writer *plan = make(&single, temporary_path("samples.zarr/"), mt_writer_plan);
    const mt_collection_options collection = { .struct_size = sizeof collection, .n_images = 3 };
    check_ok(mt_collection_begin(s.context, temporary_path("samples.zarr"), &collection, &err), &err);
    const uint64_t batches = (s.info->n_tiles + BATCH - 1) / BATCH;
    assert_int_equal(stitch_samples(&s, plan, batches / 2, &found), batches / 2);
    assert_int_equal(found.n_needed, s.info->n_tiles);
    assert_int_equal(found.n_units, 3 * mt_writer_get_info(plan)->n_units);
    assert_int_equal(found.n_resumed, 0);
    finish(new_writer(&single, temporary_path(paths[0])));
    mt_writer *second = new_writer(&single, temporary_path(paths[1]));
    const mt_writer_progress progress = progress_of(second);
    assert_true(progress.n_done > 0 && progress.n_done < progress.n_units);
    mt_writer_close(second);

    assert_true(stitch_samples(&s, plan, UINT64_MAX, &found) < batches);
    assert_true(found.n_needed > s.info->n_tiles / 3 && found.n_needed < 2 * s.info->n_tiles / 3);
    assert_int_equal(found.n_units, 2 * progress.n_units);
    assert_int_equal(found.n_resumed, progress.n_done);
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            finish(new_writer(&single, temporary_path(paths[i])));
        check_file(&single, temporary_path(paths[i]), expected + i * single.values);
    }
    assert_int_equal(stitch_samples(&s, plan, UINT64_MAX, &found), 0);
    mt_writer_close(plan);
    free(expected);
    tear_down(&s);
}

/* More images than are open at once. */
static const stitch_case many = { "TYX", { 20, 9, 70 }, 2, { 8, 16 }, { 4, 4 }, 1, 1, 1, 1, MT_BLEND_CROP, { 0 } };

/* One sample of many. */
static stitch_case single_case(void)
{
    stitch_case c = many;
    c.shape[0] = 1;
    return c;
}

static mt_writer *begin_many(const setting *s, const setting *one, const char *name)
{
    mt_error err = MT_ERROR_INIT;
    const mt_collection_options collection = { .struct_size = sizeof collection, .n_images = (uint64_t)s->samples };
    check_ok(mt_collection_begin(s->context, temporary_path(name), &collection, &err), &err);
    return make(one, temporary_path(name), mt_writer_plan);
}

static void a_stitcher_that_nothing_is_put_to_writes_nothing(void **state)
{
    (void)state;
    setting s, one;
    const stitch_case c = single_case();
    mt_stitcher_report found;
    set_up(&many, &s);
    set_up(&c, &one);
    mt_writer *plan = begin_many(&s, &one, "looked.zarr");
    (void)stitch_samples(&s, plan, 1, &found);
    const char *document = temporary_path("looked.zarr/0/0/zarr.json");
    assert_int_equal(remove(document), 0);
    assert_int_equal(stitch_samples(&s, plan, 0, &found), 0);
    assert_int_equal(found.n_needed, s.info->n_tiles);
    assert_null(fopen(document, "rb"));
    mt_writer_close(plan);
    tear_down(&one);
    tear_down(&s);
}

/* Parts that begin and end within images; what else lies in the folder is no image. */
static void parts_of_samples_and_other_names(void **state)
{
    (void)state;
    static const char *const others[] = { "parts.zarr/0x", "parts.zarr/x1", "parts.zarr/20", "parts.zarr/-1" };
    enum { PARTS = 7 };
    setting s, one;
    stitch_case c = single_case();
    mt_error err = MT_ERROR_INIT;
    c.chunk[2] = 4;
    c.chunk[3] = 32;
    set_up(&many, &s);
    set_up(&c, &one);
    float *expected = stitch_to_array(&s);
    mt_writer *plan = begin_many(&s, &one, "parts.zarr");
    uint64_t units = 0;
    for (size_t i = 0; i < 4; i++)
        write_temporary_text(others[i], "");
    mt_stitch_output output = to_array(&s, NULL);
    output.sample_plan = plan;
    for (uint64_t k = PARTS; k-- > 0;) {
        mt_stitcher *stitcher = new_stitcher(&s, &output, k, PARTS);
        mt_stitcher_report found = { .struct_size = sizeof found };
        check_ok(mt_stitcher_get_report(stitcher, &found, &err), &err);
        units += found.n_units - found.n_resumed;
        (void)put_all(&s, stitcher, UINT64_MAX);
        check_ok(mt_stitcher_flush(stitcher, &err), &err);
        mt_stitcher_free(stitcher);
    }
    assert_true(units >= (uint64_t)s.samples * mt_writer_get_info(plan)->n_units);
    for (int64_t i = 0; i < s.samples; i++) {
        char name[32];
        snprintf(name, sizeof name, "parts.zarr/%d", (int)i);
        mt_writer *w = new_writer(&one, temporary_path(name));
        const mt_writer_progress progress = progress_of(w);
        assert_int_equal(progress.n_done, progress.n_units);
        finish(w);
        check_file(&one, temporary_path(name), expected + (size_t)i * one.values);
    }
    mt_writer_close(plan);
    free(expected);
    tear_down(&one);
    tear_down(&s);
}

/* What fails in an image that is closed, since others follow, is told, also to those who do not ask why. */
static void images_that_are_closed_are_whole(void **state)
{
    (void)state;
    setting s, one;
    const stitch_case c = single_case();
    set_up(&many, &s);
    set_up(&c, &one);
    mt_writer *plan = begin_many(&s, &one, "closed.zarr");
    mt_stitch_output output = to_array(&s, NULL);
    output.sample_plan = plan;
    mt_writer_close(new_writer(&one, temporary_path("closed.zarr/0")));
    write_temporary_text("closed.zarr/0/0/c/0/0/0/0/file", "in place of a chunk");
    mt_stitcher *stitcher = new_stitcher(&s, &output, 0, 0);
    mt_status st = MT_OK;
    for (uint64_t t = 0; !st && t < s.info->n_tiles; t++)
        st = put_batch(&s, stitcher, t, 1, NULL);
    assert_int_not_equal(st ? st : mt_stitcher_flush(stitcher, NULL), MT_OK);
    mt_stitcher_free(stitcher);
    mt_writer_close(plan);
    tear_down(&one);
    tear_down(&s);
}

/* While one allocation after another fails: one stitcher after another goes on, with what the ones before have left. */
static void failing_allocations_leave_samples_that_are_continued(void **state)
{
    (void)state;
    setting s;
    stitch_case one = cases[1];
    mt_error err = MT_ERROR_INIT;
    one.chunk[0] = 0;
    set_up(&cases[1], &s);
    setting single = s;
    single.samples = 1;
    single.c = &one;
    mt_writer *plan = make(&single, temporary_path("failing.zarr"), mt_writer_plan);
    const mt_collection_options collection = { .struct_size = sizeof collection, .n_images = 3 };
    check_ok(mt_collection_begin(s.context, temporary_path("failing.zarr"), &collection, &err), &err);
    mt_stitch_output output = to_array(&s, NULL);
    output.sample_plan = plan;
    mt_status st = MT_E_MEMORY;
    for (size_t at = 0; st; at += 1 + at / 4) { /* each leaves a journal to read */
        mt_stitcher *stitcher = NULL;
        const mt_stitcher_options options = { .struct_size = sizeof options, .blend = one.blend };
        s.memory = (failing_allocator) { .fail_at = at };
        st = mt_stitcher_new(s.tiling, &output, 1, &options, &stitcher, &err);
        for (uint64_t t = 0; !st && (t = mt_stitcher_next(stitcher, 1, t)) < s.info->n_tiles; t++)
            st = put_batch(&s, stitcher, t, 1, &err);
        st = st ? st : mt_stitcher_flush(stitcher, &err);
        assert_true(st == MT_OK || st == MT_E_MEMORY);
        mt_stitcher_free(stitcher);
        s.memory.fail_at = SIZE_MAX;
    }
    mt_writer_close(plan);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_have_images_of_their_own),
        cmocka_unit_test(a_stitcher_that_nothing_is_put_to_writes_nothing),
        cmocka_unit_test(parts_of_samples_and_other_names),
        cmocka_unit_test(images_that_are_closed_are_whole),
        cmocka_unit_test(failing_allocations_leave_samples_that_are_continued),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
