/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/contract.h"

static void small_arrays_keep_the_contract(void **state)
{
    (void)state;
    static const char *const names[] = { "npy/generated/v1_le_u2.npy",      "npy/generated/v1_be_f4.npy",
                                         "npy/generated/v1_fortran_u2.npy", "npy/generated/v1_fortran_be_f4.npy",
                                         "npy/generated/v3_u2.npy",         "npy/npy_test.uint64-be.npy",
                                         "npy/generated/v1_b1.npy",         "npy/generated/v1_le_f2.npy" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_contract(data_path(names[i]), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(small_arrays_keep_the_contract) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
