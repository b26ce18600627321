/* SPDX-License-Identifier: BSD-3-Clause */
/* Datatype messages, byte by byte. */
#include "support/support.h"

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
          "an enumeration of something else than integers" },
        /* in one another: the outer one says enough */
        { { ENUM, ENUM, ENUM, ENUM, ENUM }, 40, MT_OK, (mt_dtype)0, "an enumeration of something else than integers" },
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(enumerations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
