/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_TEST_ENVIRONMENT_H
#define MT_TEST_ENVIRONMENT_H

/* Unsets the variables from which S3 takes its settings, and those that exempt hosts from a proxy. */
void forget_s3_environment(void);

#endif
