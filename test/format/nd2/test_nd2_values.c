/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of ND2 metadata: what is refused. */
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(unknown_types) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
