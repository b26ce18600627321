/* SPDX-License-Identifier: BSD-3-Clause */
/* The real files of the data folder, and those of fuzz/corpus, each opened and read while one allocation or one read
 * fails. */
#include "support/failures.h"
#include "support/support.h"

#include <glob.h>
#include <string.h>

static void each_of(const char *pattern, const opening *how, bool (*check)(const char *path, const opening *how))
{
    glob_t found;
    size_t n = 0;
    bool is_own = strncmp(pattern, "fuzz/", 5) == 0;
    assert_int_equal(glob(is_own ? pattern : data_path(pattern), 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        n += check(found.gl_pathv[i], how);
    assert_true(n > 1);
    globfree(&found);
}

static const opening as_stored = { 0 };
static const char *const patterns[] = { "cases/*",    "hdf5/bio/*[5ls]", "hdf5/layouts/*",
                                        "tiff/ome/*", "tiff/lsm/*",      "fuzz/corpus/fuzz_hdf5/*" };

static void allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        each_of(patterns[i], &as_stored, fail_each_allocation);
}

static void reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        each_of(patterns[i], &as_stored, fail_each_read);
}

/* Images without known axes, which are not read without them. */
static void reads_with_axes(void **state)
{
    (void)state;
    each_of("cases/zarr*", &(opening) { .axes = "ZYX" }, fail_each_read);
}

static void slow_reads(void **state)
{
    (void)state;
    each_of("cases/*", &(opening) { .is_slow = true }, fail_each_read);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(allocations), cmocka_unit_test(reads),
                                        cmocka_unit_test(reads_with_axes), cmocka_unit_test(slow_reads) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
