/* SPDX-License-Identifier: BSD-3-Clause */
/* N5 on a web server, which cannot list: time points of BigDataViewer are looked for one after the other. */
#include "format/n5/n5_support.h"
#include "support/http_server.h"

static void write_time(int time)
{
    static const int64_t extent[] = { 2, 1, 1 };
    char name[100];
    const uint8_t elements[] = { (uint8_t)time, (uint8_t)(time + 1) };
    snprintf(name, sizeof name, "b.n5/setup0/timepoint%d/s0/attributes.json", time);
    write_temporary_text(name, DATASET("[2,1,1]", "[2,1,1]", "uint8", ""));
    snprintf(name, sizeof name, "b.n5/setup0/timepoint%d/s0/0/0/0", time);
    write_block(name, extent, 3, elements, sizeof elements);
}

static mt_status open_part(const http_server *server, const char *part, mt_stack **out, mt_error *err)
{
    char url[200];
    const mt_open_options options = { .struct_size = sizeof options, .part = part };
    snprintf(url, sizeof url, "%s/b.n5", http_server_url(server));
    *err = (mt_error)MT_ERROR_INIT;
    return mt_stack_open(NULL, url, &options, out, err);
}

/* More of them than are looked for at once. */
static void time_points(void **state)
{
    (void)state;
    enum { TIMES = 18 };
    mt_stack *stack;
    mt_error err;
    http_server *server = http_server_start("127.0.0.1", temporary_folder(), NULL, NULL);
    assert_non_null(server);
    write_temporary_text("b.n5/attributes.json", "{\"n5\":\"2.5.1\"}");
    write_temporary_text("b.n5/setup0/attributes.json", "{\"downsamplingFactors\":[[1,1,1]]}");
    for (int t = 0; t < TIMES; t++)
        write_time(t);
    write_time(TIMES + 1); /* after a gap */
    check_ok(open_part(server, "setup0", &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "TZYX");
    assert_int_equal(info->original_shape[0], TIMES);
    for (int t = 0; t < TIMES; t++) {
        static const int64_t origin[3] = { 0, 0, 1 }, one[] = { 1, 1, 1 };
        float pixel;
        check_ok(mt_stack_extract_patch(stack, t, NULL, 0, origin, one, 3, &pixel, &err), &err);
        assert_true(pixel == (float)(t + 1));
    }
    mt_stack_close(stack);
    assert_int_equal(open_part(server, NULL, &stack, &err), MT_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "the store cannot be listed: name a dataset"));
    assert_int_equal(open_part(server, "setup1", &stack, &err), MT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "there is no N5 metadata (attributes.json)"));
    http_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(time_points) };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
