/* SPDX-License-Identifier: BSD-3-Clause */
/* The contract test of a format, on each image in test/samples/FORMAT. Usage: contract FORMAT */
#include "support/contract.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static const char *format;

/* Raw files must be asked for, and described. */
static mt_open_options options_of_format(void)
{
    static const int64_t shape[] = { 3, 6, 7 };
    mt_open_options options = { .struct_size = sizeof options };
    if (strcmp(format, "raw") == 0) {
        options.format = format;
        options.axes = "ZYX";
        options.raw_dtype = MT_UINT16;
        options.raw_shape = shape;
        options.raw_ndim = 3;
    }
    return options;
}

static void check_is_recognised(const char *path, mt_open_options options)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    options.allow_unknown_axes = 1;
    check_ok(mt_stack_open(NULL, path, &options, &stack, &err), &err);
    const char *found = mt_stack_get_info(stack)->format;
    if (strcmp(found, format) != 0)
        fail_msg("%s: was taken for %s, not for %s", path, found, format);
    mt_stack_close(stack);
}

static void samples_keep_the_contract(void **state)
{
    (void)state;
    const mt_open_options options = options_of_format();
    char folder[256], path[600];
    int n = 0;
    snprintf(folder, sizeof folder, "test/samples/%s", format);
    DIR *dir = opendir(folder);
    if (!dir)
        fail_msg("there is no folder %s", folder);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        check_is_recognised(path, options);
        check_contract(path, &options);
        n++;
    }
    closedir(dir);
    assert_true(n > 0);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: %s FORMAT\n", argv[0]), 2;
    format = argv[1];
    const struct CMUnitTest tests[] = { cmocka_unit_test(samples_keep_the_contract) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
