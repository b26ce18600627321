/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of ND2 metadata: what is refused, what follows from others, and what a failed read does not change. */
#include "support/failures.h"
#include "support/nd2_writer.h"

#include <microtome/microtome.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Before the name of a value stand its type and the number of letters. */
static void unknown_types(void **state)
{
    (void)state;
    static const char letters[] = "u\0i\0W\0i\0d\0t\0h";
    char path[] = "/tmp/microtome-nd2-XXXXXX";
    mt_stack *stack;
    size_t size;
    mt_error err = MT_ERROR_INIT;
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    write_nd2(path, &(nd2_writer_spec) { .width = 4, .height = 3, .frames = 1 });
    uint8_t *bytes = read_file(path, &size), *name = memmem(bytes, size, letters, sizeof letters);
    assert_non_null(name);
    name[-2] = 127;
    mt_status st = mt_stack_open_memory(NULL, "a.nd2", bytes, size, NULL, &stack, &err);
    check_failed(st, MT_E_CORRUPT, &err, "uiWidth has the unknown type 127");
    free(bytes);
    unlink(path);
}

/* Without a step, the distance of planes follows from the first and the last one. */
static void distance_of_planes(void **state)
{
    (void)state;
    static const struct {
        uint32_t n;
        double step, range, distance;
    } cases[] = { { 5, 0, 8, 2 }, { 5, 3, 8, 3 }, { 2, 0, 8, 8 }, { 5, 0, 0, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const nd2_writer_loop z = { .type = 4, .count = cases[i].n, .step = cases[i].step, .range = cases[i].range };
        char path[] = "/tmp/microtome-nd2-XXXXXX.nd2";
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        int file = mkstemps(path, 4);
        assert_true(file >= 0);
        close(file);
        write_nd2(path, &(nd2_writer_spec) { .width = 4, .height = 3, .frames = z.count, .loops = &z, .n_loops = 1 });
        check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_int_equal(info->original_axes[0], 'Z');
        assert_true(info->pixel_size[0] == cases[i].distance);
        mt_stack_close(stack);
        unlink(path);
    }
}

/* The times lie before the end of the file, which is read first: a read of its own fetches them. */
static void times_that_cannot_be_read(void **state)
{
    (void)state;
    static const nd2_writer_loop t = { .type = 1, .count = 2500, .step = 500 };
    char path[] = "/tmp/microtome-nd2-XXXXXX.nd2";
    int file = mkstemps(path, 4);
    assert_true(file >= 0);
    close(file);
    write_nd2(path, &(nd2_writer_spec) { .width = 4,
                                         .height = 3,
                                         .frames = t.count,
                                         .loops = &t,
                                         .n_loops = 1,
                                         .name_bytes = 32,
                                         .has_times = true });
    assert_true(fail_each_read(path, &(opening) { 0 }));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(unknown_types), cmocka_unit_test(distance_of_planes),
                                        cmocka_unit_test(times_that_cannot_be_read) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
