/* SPDX-License-Identifier: BSD-3-Clause */
/* Identities of stacks change with the file, and only with it. */
#include "support/contract.h"
#include "support/folder.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void write_npy(const char *path, uint8_t first)
{
    char head[128];
    FILE *file = fopen(path, "wb");
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    const char *text = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }";
    memcpy(head + 10, text, strlen(text));
    head[127] = '\n';
    assert_int_equal(fwrite(head, 1, sizeof head, file), sizeof head);
    for (int i = 0; i < 6; i++)
        fputc(first + i, file);
    fclose(file);
}

static void identify(const char *path, char *text, size_t room)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    check_ok(mt_stack_identify(stack, text, room, &err), &err);
    mt_stack_close(stack);
}

static void the_identity_follows_the_file(void **state)
{
    (void)state;
    const char *path = temporary_path("image.npy");
    char first[4096], again[4096], later[4096], start[600];
    write_npy(path, 1);
    identify(path, first, sizeof first);
    identify(path, again, sizeof again);
    assert_string_equal(first, again);
    snprintf(start, sizeof start, "%s, uint8 1x1x2x3 YX, 134 bytes, changed at ", path);
    assert_int_equal(strncmp(first, start, strlen(start)), 0);
    struct timespec wait = { 0, 20000000 };
    nanosleep(&wait, NULL); /* the clock of file systems ticks every 4 to 10 ms */
    write_npy(path, 2);
    identify(path, later, sizeof later);
    assert_string_not_equal(first, later);
}

static void arrays_have_no_file(void **state)
{
    (void)state;
    static const float pixels[6] = { 0 };
    char text[64];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, pixels, MT_FLOAT32, "YX", (int64_t[]) { 2, 3 }, NULL, "mine", &stack, &err),
             &err);
    check_ok(mt_stack_identify(stack, text, sizeof text, &err), &err);
    assert_string_equal(text, "mine, float32 1x1x2x3 YX");
    assert_int_equal(mt_stack_identify(stack, text, 24, &err), MT_E_ARGUMENT);
    check_ok(mt_stack_identify(stack, text, 25, &err), &err);
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_identity_follows_the_file),
        cmocka_unit_test(arrays_have_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
