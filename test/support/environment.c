/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/environment.h"

#include <stddef.h>
#include <stdlib.h>

void forget_s3_environment(void)
{
    static const char *const names[] = { "AWS_ACCESS_KEY_ID",
                                         "AWS_SECRET_ACCESS_KEY",
                                         "AWS_SESSION_TOKEN",
                                         "AWS_REGION",
                                         "AWS_DEFAULT_REGION",
                                         "AWS_PROFILE",
                                         "AWS_DEFAULT_PROFILE",
                                         "AWS_ENDPOINT_URL",
                                         "AWS_ENDPOINT_URL_S3",
                                         "AWS_SHARED_CREDENTIALS_FILE",
                                         "AWS_CONFIG_FILE",
                                         "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                         "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                         "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                         "HOME",
                                         "no_proxy",
                                         "NO_PROXY" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}
