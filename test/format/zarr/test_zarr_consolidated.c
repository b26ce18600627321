/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays of stores that cannot list are found by consolidated metadata, and opened by their own. */
#include "support/support.h"

#include "stack/stack.h"
#include "support/delayed_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define V2_ARRAY                                                                                                       \
    "{\"zarr_format\":2,\"shape\":[4,4],\"chunks\":[4,4],\"dtype\":\"<u2\",\"compressor\":null,\"fill_value\":7,"      \
    "\"order\":\"C\",\"filters\":null}"
#define V3_ARRAY                                                                                                       \
    "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[4,4],\"data_type\":\"uint16\","                             \
    "\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4,4]}},"                                 \
    "\"chunk_key_encoding\":{\"name\":\"default\"},\"fill_value\":7,"                                                  \
    "\"codecs\":[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}]}"

static char folder[64];

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0777);
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void start(void)
{
    snprintf(folder, sizeof folder, "/tmp/mt-consolidated-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* Opens the folder without listing. */
static mt_status try_open(const char *part, mt_stack **out, mt_error *err)
{
    static delayed_log log = { .delay_ms = 0, .no_list = true };
    mt_open_options options = { .struct_size = sizeof options, .part = part };
    return mt_stack_open_wrapped(NULL, folder, &options, &(mt_store_wrap) { delayed_wrap, &log }, out, err);
}

static void check_fails(const char *part, mt_status status, const char *text)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(try_open(part, &stack, &err), status);
    if (!strstr(err.message, text))
        fail_msg("%s", err.message);
}

static void check_opens(const char *part, const char *expected)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(try_open(part, &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->part, expected);
    mt_stack_close(stack);
}

static void version_2(void **state)
{
    (void)state;
    start();
    put(".zgroup", "{\"zarr_format\":2}");
    put("g/b/.zarray", V2_ARRAY);
    put("g/.zgroup", "{\"zarr_format\":2}");
    check_fails(NULL, MT_E_UNSUPPORTED, "has no consolidated metadata: name an array");
    check_opens("g/b", "g/b");
    put(".zmetadata",
        "{\"zarr_consolidated_format\":1,\"metadata\":{\".zgroup\":{},\"g/.zgroup\":{},\"g/b/.zarray\":{},"
        "\"a/.zarray\":{},\"gone/.zarray\":{}}}");
    put("a/.zarray", V2_ARRAY);
    check_opens("g", "g"); /* by that of the root */
    /* a deleted array is not an image, even if the consolidated metadata lists it */
    check_fails(NULL, MT_E_NOT_FOUND, "name one: '#a', '#g/b'");
    put("gone/.zarray", V2_ARRAY);
    check_fails(NULL, MT_E_NOT_FOUND, "'#a', '#g/b', '#gone'");
    end();
}

static void version_3(void **state)
{
    (void)state;
    start();
    put("zarr.json", "{\"zarr_format\":3,\"node_type\":\"group\"}");
    put("a/zarr.json", V3_ARRAY);
    check_fails(NULL, MT_E_UNSUPPORTED, "has no consolidated metadata: name an array");
    put("zarr.json", "{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":{\"kind\":\"inline\","
                     "\"must_understand\":false,\"metadata\":{\"b\":{},\"a\":{},\"../x\":{}}}}");
    check_opens(NULL, "a");
    put("b/zarr.json", V3_ARRAY);
    check_fails(NULL, MT_E_NOT_FOUND, "'#a', '#b'");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(version_2), cmocka_unit_test(version_3) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
