/* SPDX-License-Identifier: BSD-3-Clause */
/* libcurl that cannot start. The function below stands in front of its own. */
#include "support/support.h"

#include <curl/curl.h>
#include <microtome/microtome.h>

#include <string.h>

CURLcode curl_global_init(long flags)
{
    (void)flags;
    return CURLE_FAILED_INIT;
}

static void no_start(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* the first failure counts for all */
        mt_context *context;
        mt_error err = MT_ERROR_INIT;
        assert_int_equal(mt_context_new(NULL, &context, &err), MT_E_MEMORY);
        assert_int_equal(strncmp(err.message, "libcurl: ", 9), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_start) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
