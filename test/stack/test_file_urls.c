/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths and file URLs of local images, below a folder that the caller names and without one. */
#include "support/folder.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* An image whose pixel (1, 2) is 7. */
static void write_image(const char *name)
{
    uint8_t bytes[128 + 12];
    memset(bytes, ' ', sizeof bytes);
    static const char magic[] = "\x93NUMPY\1\0\x76",
                      header[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), }";
    memcpy(bytes, magic, sizeof magic); /* with a NUL at the end */
    memcpy(bytes + sizeof magic, header, sizeof header - 1);
    bytes[127] = '\n';
    for (int i = 0; i < 12; i++)
        bytes[128 + i] = (uint8_t)(i + 1);
    FILE *file = fopen(temporary_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
    assert_int_equal(fclose(file), 0);
}

static void check_image(const char *path, const char *above)
{
    const mt_open_options options = { .struct_size = sizeof options, .external_folder = above };
    static const int64_t size[2] = { 1, 1 }, at[2] = { 1, 2 };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    float pixel = 0;
    check_ok(mt_stack_open(NULL, path, &options, &stack, &err), &err);
    check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, at, size, 2, &pixel, &err), &err);
    assert_true(pixel == 7);
    mt_stack_close(stack);
}

static void check_refused(const char *path, const char *above, mt_status status, const char *message)
{
    const mt_open_options options = { .struct_size = sizeof options, .external_folder = above };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_stack_open(NULL, path, &options, &stack, &err);
    if (st != status || !strstr(err.message, message))
        fail_msg("%s: %s: \"%s\"", path, mt_status_name(st), err.message);
}

static void urls(void **state)
{
    (void)state;
    char url[600];
    write_image("a b.npy");
    static const char *const forms[] = { "file://%s/a%%20b.npy", "file://localhost%s/a%%20b.npy",
                                         "FILE://%s/a%%20b.npy", "file://%s/a b.npy", "%s/a b.npy" };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char *form = forms[i], *folder = strstr(form, "%s");
        snprintf(url, sizeof url, "%.*s%s%s", (int)(folder - form), form, temporary_folder(), folder + 2);
        for (char *percent = url; (percent = strstr(percent, "%%"));)
            memmove(percent, percent + 1, strlen(percent));
        check_image(url, NULL);
    }
    check_refused("file://elsewhere/a.npy", NULL, MT_E_ARGUMENT, "a file URL has three slashes: file:///folder/file");
    check_refused("file://a.npy", NULL, MT_E_ARGUMENT, "a file URL has three slashes");
    snprintf(url, sizeof url, "file://%s/absent.npy", temporary_folder());
    check_refused(url, NULL, MT_E_NOT_FOUND, "absent.npy");
}

static void folders_above(void **state)
{
    (void)state;
    char path[600], above[600];
    write_image("c.npy");
    snprintf(path, sizeof path, "%s/c.npy", temporary_folder());
    check_image(path, "/");
    check_image(path, temporary_folder());
    snprintf(above, sizeof above, "%s//", temporary_folder());
    check_image(path, above);
    snprintf(path, sizeof path, "%s/././c.npy", temporary_folder());
    check_image(path, above);
    check_refused(path, "/elsewhere", MT_E_ARGUMENT, "external_folder \"/elsewhere\" is not at the start of the path");
    snprintf(above, sizeof above, "%.*s", (int)strlen(temporary_folder()) - 1, temporary_folder());
    check_refused(path, above, MT_E_ARGUMENT, "is not at the start of the path");
    assert_int_equal(chdir(temporary_folder()), 0);
    check_image("c.npy", ".");
    check_image("./c.npy", ".");
    check_refused(path, ".", MT_E_ARGUMENT, "external_folder \".\" is not at the start of the path");
    assert_int_equal(chdir("/"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(urls), cmocka_unit_test(folders_above) };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
