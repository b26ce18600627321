/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies of the S3 options of a context, for env->s3. */
#ifndef MT_STORE_S3_OPTIONS_H
#define MT_STORE_S3_OPTIONS_H

#include "base/env.h"

#include <microtome/stores.h>

/* A copy that owns its strings. */
MT_MUST_CHECK mt_status mt_s3_options_copy(mt_env *env, const mt_s3_options *given, mt_s3_options **out, mt_error *err);

/* NULL is allowed. */
void mt_s3_options_free(mt_env *env, mt_s3_options *options);

#endif
