/* SPDX-License-Identifier: BSD-3-Clause */
/* Datatype messages, byte by byte, and filter parameters that describe the type. */
#include "support/support.h"

#include "engine/context.h"
#include "format/hdf5/hdf5.h"

#include <string.h>

/* Class and version, three bytes of flags, the size; of numbers, offset and precision in bits. */
#define ENUM 0x38, 0, 0, 0, 1, 0, 0, 0
#define BYTE 0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0

static void enumerations(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[40];
        size_t size;
        mt_status status;
        mt_dtype dtype;
        const char *obstacle;
    } cases[] = {
        { { ENUM, BYTE }, 20, MT_OK, MT_UINT8, NULL },
        { { ENUM, BYTE }, 18, MT_E_CORRUPT, (mt_dtype)0, NULL },
        { { ENUM, 0x38, 0, 0, 0, 2, 0, 0, 0 },
          16,
          MT_OK,
          (mt_dtype)0,
          "enumeration whose base type is not an integer" },
        /* in one another: the outer one says enough */
        { { ENUM, ENUM, ENUM, ENUM, ENUM }, 40, MT_OK, (mt_dtype)0, "enumeration whose base type is not an integer" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_reader r = mt_reader_over(cases[i].bytes, cases[i].size, false);
        h5_type type;
        mt_error err = MT_ERROR_INIT;
        assert_int_equal(h5_read_type(&r, &type, &err), cases[i].status);
        if (cases[i].status)
            continue;
        assert_int_equal(type.dtype, cases[i].dtype);
        if (cases[i].obstacle)
            assert_string_equal(type.obstacle, cases[i].obstacle);
    }
}

/* How many bits of how many bytes an integer may have. */
static void precisions(void **state)
{
    (void)state;
    static const struct {
        uint8_t size, bits;
        bool good;
    } cases[] = { { 1, 1, true },  { 1, 8, true },   { 1, 0, false }, { 1, 9, false },  { 2, 8, true },
                  { 2, 7, false }, { 2, 16, true },  { 4, 16, true }, { 4, 15, false }, { 4, 32, true },
                  { 8, 32, true }, { 8, 31, false }, { 8, 64, true }, { 8, 65, false } };
    for (int kind = 0; kind <= 4; kind += 4) /* fixed point, bit field */
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            const uint8_t bytes[12] = { (uint8_t)(0x10 | kind), 0, 0, 0, cases[i].size, 0, 0, 0, 0, 0, cases[i].bits };
            mt_reader r = mt_reader_over(bytes, sizeof bytes, false);
            h5_type type;
            mt_error err = MT_ERROR_INIT;
            check_ok(h5_read_type(&r, &type, &err), &err);
            assert_int_equal(type.dtype != 0, cases[i].good);
        }
}

/* Parameters of nbit for a type of 12 bits in 2 bytes. */
static void nbit_agrees_with_the_type(void **state)
{
    (void)state;
    static const struct {
        uint32_t values[8];
        int n_values;
        mt_status status;
    } cases[] = {
        { { 8, 0, 20, 1, 2, 0, 12, 0 }, 8, MT_OK },
        { { 8, 0, 20, 1, 2, 1, 12, 0 }, 8, MT_E_CORRUPT },         /* the other byte order */
        { { 9, 0, 20, 1, 2, 0, 12, 0 }, 8, MT_E_CORRUPT },         /* another number of parameters */
        { { 7, 0, 20, 1, 2, 0, 12, 0 }, 7, MT_E_UNSUPPORTED },     /* too few */
        { { 8, 0, 20, 2, 2, 0, 12, 0 }, 8, MT_E_UNSUPPORTED },     /* an array */
        { { 8, 0, 20, 1, 2, 0, 12, 4 }, 8, MT_E_UNSUPPORTED },     /* high bits */
        { { 8, 0, 20, 1, 1, 0, 12, 0 }, 8, MT_E_CORRUPT },         /* elements of another size */
        { { 8, 0, 20, 1, 4, 0, 12, 0 }, 8, MT_E_CORRUPT },         /* the same */
        { { 8, 0, 20, 1, 2, 0, 0, 0 }, 8, MT_E_CORRUPT },          /* no bits */
        { { 8, 0, 20, 1, 2, 0, 11, 0 }, 8, MT_E_CORRUPT },         /* fewer than the type has */
        { { 8, 0, 20, 1, 2, 0, 17, 0 }, 8, MT_E_CORRUPT },         /* more than an element has */
        { { 8, 0, 20, 1, 2, 0, UINT32_MAX, 0 }, 8, MT_E_CORRUPT }, /* likewise */
        { { 8, 1, 20, 1, 2, 0, 12, 0 }, 8, MT_E_CORRUPT },         /* stored whole, though of 12 bits */
    };
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    mt_arena *arena;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    check_ok(mt_arena_new(&context->env, &arena, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        h5_dataset d = { .type = { .kind = H5_INTEGER, .size = 2, .bits = 12, .dtype = MT_UINT16 },
                         .n_filters = 1,
                         .filters = { { .id = 5, .n_values = cases[i].n_values } } };
        mt_chain chain = { 0 };
        err = (mt_error)MT_ERROR_INIT;
        memcpy(d.filters[0].values, cases[i].values, sizeof cases[i].values);
        assert_int_equal(h5_make_chain(arena, &d, &chain, &err), cases[i].status);
        if (cases[i].status)
            assert_non_null(strstr(err.message, "nbit"));
    }
    mt_arena_free(arena);
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(enumerations), cmocka_unit_test(precisions),
                                        cmocka_unit_test(nbit_agrees_with_the_type) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
