/* SPDX-License-Identifier: BSD-3-Clause */
/* Every NPY file of the test data, element by element; and headers that lie. */
#include "support/contract.h"

#include "base/reader.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is refused, and the words that say why. */
static const struct {
    const char *file, *word;
} refused[] = {
    { "npy/py2-np0-objarr.npy", "pickle" },
    { "npy/py2-objarr.npy", "pickle" },
    { "npy/py3-objarr.npy", "pickle" },
    { "npy/generated/bad_header_garbage.npy", "descr" },
    { "npy/generated/bad_shape_overflow.npy", "shape" },
    { "npy/generated/bad_truncated_data.npy", "too few for 800 bytes of pixels" },
    { "npy/generated/v1_le_c8.npy", "complex" },
    { "npy/generated/v1_le_c16.npy", "complex" },
    { "npy/generated/v1_structured.npy", "structured" },
    { "npy/generated/v3_unicode_field.npy", "structured" },
};

static const char *refusal_of(const char *file)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcmp(refused[i].file, file) == 0)
            return refused[i].word;
    return NULL;
}

/* Element i in C order of shape, straight out of the file: the bytes of a native element. */
static void naive_element(const uint8_t *bytes, size_t data_at, const mt_stack_info *info, bool fortran, bool big,
                          int64_t i, uint8_t *out)
{
    size_t size = mt_dtype_size(info->dtype);
    int64_t index[MT_MAX_DIMS], at = 0;
    for (int d = info->original_ndim - 1; d >= 0; d--) {
        index[d] = i % info->original_shape[d];
        i /= info->original_shape[d];
    }
    for (int k = 0; k < info->original_ndim; k++) {
        int d = fortran ? info->original_ndim - 1 - k : k;
        at = at * info->original_shape[d] + index[d];
    }
    memcpy(out, bytes + data_at + (size_t)at * size, size);
    if (big != mt_host_big_endian())
        mt_swap_bytes(out, 1, size);
}

static void check_values(const char *path, mt_stack *stack)
{
    size_t size;
    uint8_t *bytes = read_file(path, &size);
    const mt_stack_info *info = mt_stack_get_info(stack);
    size_t data_at = bytes[6] == 1 ? 10u + mt_load_u16le(bytes + 8) : 12u + mt_load_u32le(bytes + 8);
    bool fortran = memmem(bytes, data_at, "True", 4) != NULL, big = memmem(bytes, data_at, "'>", 2) != NULL;
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_whole(stack, &image, &err), &err);
    size_t element = mt_dtype_size(info->dtype);
    for (size_t i = 0; i < image.bytes / element; i++) {
        uint8_t expected[8];
        naive_element(bytes, data_at, info, fortran, big, (int64_t)i, expected);
        assert_memory_equal(image.pixels + i * element, expected, element);
    }
    free_whole(&image);
    free(bytes);
}

static int check_folder(const char *folder)
{
    int n = 0;
    char base[512];
    snprintf(base, sizeof base, "%s", data_path(folder));
    DIR *dir = opendir(base);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        char name[600], path[1200];
        size_t length = strlen(entry->d_name);
        if (length < 4 || strcmp(entry->d_name + length - 4, ".npy") != 0)
            continue;
        snprintf(name, sizeof name, "%s/%.255s", folder, entry->d_name);
        snprintf(path, sizeof path, "%s/%.255s", base, entry->d_name);
        const char *word = refusal_of(name);
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        mt_status st = open_any(path, &stack, &err);
        n++;
        if (word) {
            assert_int_not_equal(st, MT_OK);
            if (!strstr(err.message, word))
                fail_msg("\"%s\" lacks \"%s\"", err.message, word);
            continue;
        }
        check_ok(st, &err);
        if (mt_stack_get_info(stack)->original_ndim >= 2)
            check_values(path, stack);
        mt_stack_close(stack);
    }
    closedir(dir);
    return n;
}

static void all_files_by_value(void **state)
{
    (void)state;
    int n = check_folder("npy") + check_folder("npy/generated");
    print_message("%d NPY files\n", n);
    assert_true(n > 40);
}

/* Integers of 64 bits are written as text. */
static float number(const json_t *value)
{
    return json_is_string(value) ? (float)strtoull(json_string_value(value), NULL, 10)
                                 : (float)json_number_value(value);
}

/* Values computed by another program. */
static void values_of_another_program(void **state)
{
    (void)state;
    static const char *const types[] = { "uint8", "uint16", "uint32", "uint64", "float32" };
    for (size_t t = 0; t < 5; t++)
        for (int big = 0; big < (t ? 2 : 1); big++) {
            char name[64];
            snprintf(name, sizeof name, "npy/npy_test.%s.json", types[t]);
            json_t *json = read_json(name), *values = json_object_get(json, "data");
            snprintf(name, sizeof name, "npy/npy_test.%s%s.npy", types[t], !t ? "" : big ? "-be" : "-le");
            mt_stack *stack;
            mt_error err = MT_ERROR_INIT;
            check_ok(open_any(data_path(name), &stack, &err), &err);
            const int64_t origin[2] = { 0 }, size[2] = { 4, 5 };
            for (int64_t s = 0; s < 3; s++) {
                float patch[20];
                check_ok(mt_stack_extract_patch(stack, s, NULL, 0, origin, size, 2, patch, &err), &err);
                for (size_t i = 0; i < 20; i++)
                    assert_true(patch[i] == number(json_array_get(values, (size_t)s * 20 + i)));
            }
            mt_stack_close(stack);
            json_decref(json);
        }
}

/* A file that begins with a version of the format and a length, followed by n bytes. */
static mt_status open_version(int major, int minor, uint32_t length, size_t n, mt_error *err)
{
    static const char dict[] = "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), }";
    static uint8_t bytes[70000];
    memset(bytes, ' ', sizeof bytes);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (uint8_t)major;
    bytes[7] = (uint8_t)minor;
    for (int i = 0; i < 4; i++)
        bytes[8 + i] = (uint8_t)(length >> 8 * i);
    memcpy(bytes + (major == 1 ? 10 : 12), dict, sizeof dict - 1);
    mt_stack *stack;
    mt_status st = mt_stack_open_memory(NULL, "x.npy", bytes, n, NULL, &stack, err);
    if (!st)
        mt_stack_close(stack);
    return st;
}

static void versions(void **state)
{
    (void)state;
    static const struct {
        int major, minor;
        uint32_t length;
        size_t n;
        mt_status status;
        const char *words;
    } cases[] = { { 1, 0, 100, 122, MT_OK, "" },
                  { 2, 0, 100, 124, MT_OK, "" },
                  { 3, 0, 100, 124, MT_OK, "" },
                  { 3, 0, 100, 123, MT_E_CORRUPT,
                    "the file has 123 bytes, too few for 12 bytes of pixels from byte 112 on" },
                  { 0, 0, 100, 124, MT_E_UNSUPPORTED, "version 0.0" },
                  { 4, 0, 100, 124, MT_E_UNSUPPORTED, "version 4.0" },
                  { 1, 1, 100, 124, MT_E_UNSUPPORTED, "version 1.1" },
                  { 2, 0, 65536, 65536 + 24, MT_OK, "" },
                  { 2, 0, 65537, 65537 + 24, MT_E_CORRUPT, "a header of 65537 bytes" },
                  { 2, 0, 65537, 12, MT_E_CORRUPT, "a header of 65537 bytes" },
                  { 2, 0, 100, 11, MT_E_CORRUPT, "the file ends inside its header" },
                  { 1, 0, 100, 9, MT_E_CORRUPT, "the file ends inside its header" },
                  { 1, 0, 100, 6, MT_E_UNSUPPORTED, "version 0.0" },
                  { 1, 0, 100, 5, MT_E_NOT_AN_IMAGE, "" },
                  { 1, 0, 100, 109, MT_E_CORRUPT, "100 were expected at byte 10" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        mt_status st = open_version(cases[i].major, cases[i].minor, cases[i].length, cases[i].n, &err);
        if (st != cases[i].status || !strstr(err.message, cases[i].words))
            fail_msg("case %zu: %s: %s", i, mt_status_name(st), err.message);
    }
}

/* A header of text, followed by n bytes of data. */
static mt_status open_header(const char *text, size_t data, mt_error *err)
{
    static uint8_t bytes[70000];
    size_t n = strlen(text);
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, "\x93NUMPY\x01\0", 8);
    bytes[8] = (uint8_t)n;
    bytes[9] = (uint8_t)(n >> 8);
    memcpy(bytes + 10, text, n);
    mt_stack *stack;
    mt_status st = mt_stack_open_memory(NULL, "x.npy", bytes, 10 + n + data, NULL, &stack, err);
    if (!st)
        mt_stack_close(stack);
    return st;
}

static void headers_that_lie(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        { "", "not a dict" },
        { "{", "not a dict" },
        { "{'descr", "not a dict" },
        { "{'descr' '<u2'}", "not a dict" },
        { "{'descr': '<u2", "descr is not a type" },
        { "{'descr': '<u2', 'fortran_order': False, 'shape': (100000000000000000,)}",
          "too few for 200000000000000000 bytes" }, /* 18 digits */
        { "{'fortran': False}", "unknown or repeated key 'fortran'" },
        { "{'a_fortran_key': False}", "unknown or repeated key 'a_fortran_key'" },
        { "{'desc': '<u2'}", "unknown or repeated key 'desc'" },
        { "{'shap': (2, 3)}", "unknown or repeated key 'shap'" },
        { "{'shade': (2, 3)}", "unknown or repeated key 'shade'" },
        { "{'': (2, 3)}", "unknown or repeated key ''" },
        { "{'shape': (1000000000000000000,)}", "not a size" }, /* 19 digits */
        { "{'shape': (,)}", "not a size" },
        { "{'shape': (2, 3}", "tuple of sizes" },
        { "{'descr': 2}", "descr is not a type" },
        { "{'descr': 'u'}", "descr is not a type" },
        { "{'descr': '<u'}", "the type '<u' is not supported" },
        { "{'descr': 'u16'}", "the type 'u16' is not supported" },
        { "{'descr': '<f16'}", "the type '<f16' is not supported" },
        { "{'descr': '<U2'}", "the type '<U2' is not supported" },
        { "{'descr': '<f44'}", "the type '<f44' is not supported" },
        { "{'descr': 'xu2'}", "the type 'xu2' is not supported" },
        { "{'descr': '<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}", "the type '<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is" },
        { "{'descr': '<u2' 'fortran_order': False}", "ends early" },
        { "{'fortran_orders': False}", "unknown or repeated key 'fortran_orders'" },
        { "{'descr': '<u2', 'fortran_order': False, }", "lacks a key" },
        { "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3), }", "unknown or repeated" },
        { "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), 'x': 1, }", "unknown or repeated" },
        { "{'descr': '<u2', 'fortran_order': 0, 'shape': (2, 3), }", "not a bool" },
        { "{'descr': '<u2', 'fortran_order': False, 'shape': (2, -3), }", "not a size" },
        { "{'descr': '<u2', 'fortran_order': False, 'shape': [2, 3], }", "tuple" },
        { "{'descr': '<u2', 'fortran_order': False, 'shape': (2 3), }", "tuple" },
        { "{'descr': '<u2', 'fortran_order': False, 'shape': (999999999999, 999999999999), }", "2^63" },
        { "{'descr': '<u2', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1), }",
          "max_dimensions" },
        { "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 4), }", "too few for 16 bytes" },
        { "{'descr': '<q9', 'fortran_order': False, 'shape': (2, 3), }", "'<q9'" },
        { "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3)", "ends early" },
        { "{'descr': '<u2, 'fortran_order': False, 'shape': (2, 3), }", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        assert_int_not_equal(open_header(cases[i].text, 12, &err), MT_OK);
        if (!strstr(err.message, cases[i].word))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].text, err.message, cases[i].word);
    }
    static const char *const good[] = {
        "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), }",
        "{\"shape\":(2L,3L),\"descr\":\"<u2\",\"fortran_order\":False}",
        " { 'shape' : ( 2 , 3 ) , 'descr' : '|u1' , 'fortran_order' : True } ",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        mt_error err = MT_ERROR_INIT;
        check_ok(open_header(good[i], 12, &err), &err);
    }
}

/* The byte order that the type says: '=' and '|' are that of the machine. */
static void byte_orders(void **state)
{
    (void)state;
    static const char orders[] = "<>=|";
    uint8_t bytes[128] = "\x93NUMPY\x01\0\x64\0";
    for (size_t i = 0; i < 4; i++) {
        const int64_t origin[2] = { 0 }, size[2] = { 2, 3 };
        const bool is_big = orders[i] == '>' || (orders[i] != '<' && mt_host_big_endian());
        float patch[6];
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        memset(bytes + 10, ' ', 100);
        snprintf((char *)bytes + 10, 100, "{'descr': '%cu2', 'fortran_order': False, 'shape': (2, 3)}", orders[i]);
        bytes[10 + strlen((char *)bytes + 10)] = ' ';
        for (int k = 0; k < 6; k++) {
            bytes[110 + 2 * k + is_big] = (uint8_t)(k + 1);
            bytes[110 + 2 * k + !is_big] = 0;
        }
        check_ok(mt_stack_open_memory(NULL, "x.npy", bytes, 122, NULL, &stack, &err), &err);
        check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 2, patch, &err), &err);
        for (int k = 0; k < 6; k++)
            assert_true(patch[k] == (float)(k + 1));
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_files_by_value),
                                        cmocka_unit_test(values_of_another_program), cmocka_unit_test(headers_that_lie),
                                        cmocka_unit_test(versions), cmocka_unit_test(byte_orders) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
