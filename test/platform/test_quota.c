/* SPDX-License-Identifier: BSD-3-Clause */
/* How many processors a control group allows: that of version 2, and that of version 1. */
#include "support/support.h"

#include "platform/thread.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/microtome-quota-XXXXXX";

static const char *const names[] = { "cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us" };

static const char *path_of(int i)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    return path;
}

/* A file for each text. */
static unsigned quota(const char *const *texts)
{
    for (int i = 0; i < 3; i++) {
        unlink(path_of(i));
        FILE *file = texts[i] ? fopen(path_of(i), "w") : NULL;
        if (texts[i]) {
            assert_non_null(file);
            fputs(texts[i], file);
            fclose(file);
        }
    }
    return mt_processor_quota(folder);
}

static void quotas_of_control_groups(void **state)
{
    (void)state;
    static const struct {
        const char *texts[3];
        unsigned expected;
    } cases[] = {
        { { NULL, NULL, NULL }, UINT_MAX },           { { "200000 100000\n", NULL, NULL }, 2 },
        { { "250000 100000\n", NULL, NULL }, 3 },     { { "1000 100000\n", NULL, NULL }, 1 },
        { { "max 100000\n", NULL, NULL }, UINT_MAX }, { { "0 100000\n", NULL, NULL }, 1 },
        { { "200000 0\n", NULL, NULL }, UINT_MAX },   { { "99999999999999999999 1\n", NULL, NULL }, UINT_MAX },
        { { "rubbish", NULL, NULL }, UINT_MAX },      { { NULL, "400000\n", "100000\n" }, 4 },
        { { "200000 100000 5\n", NULL, NULL }, 2 },   { { "8589934591 2\n", NULL, NULL }, UINT_MAX },
        { { NULL, "-1\n", "100000\n" }, UINT_MAX },   { { NULL, "400000\n", NULL }, UINT_MAX },
    };
    char cpu[256];
    assert_non_null(mkdtemp(folder));
    snprintf(cpu, sizeof cpu, "%s/cpu", folder);
    assert_int_equal(mkdir(cpu, 0700), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (quota(cases[i].texts) != cases[i].expected)
            fail_msg("case %d: %u, not %u", (int)i, mt_processor_quota(folder), cases[i].expected);
    for (int i = 0; i < 3; i++)
        unlink(path_of(i));
    rmdir(cpu);
    rmdir(folder);
    assert_in_range(mt_processor_count(), 1, 1 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(quotas_of_control_groups) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
