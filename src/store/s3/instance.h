/* SPDX-License-Identifier: BSD-3-Clause */
/* Credentials of the container or machine this runs on, from its metadata service. Used only on request: elsewhere the
 * address does not respond and costs a timeout. Sources: AWS SDKs and Tools Reference Guide, "Container credential
 * provider"; Amazon EC2 User Guide, "Use the Instance Metadata Service", version 2. */
#ifndef MT_STORE_S3_INSTANCE_H
#define MT_STORE_S3_INSTANCE_H

#include "base/arena.h"
#include "store/s3/sign.h"

typedef struct mt_s3_lent {
    mt_s3_keys keys;    /* in the arena */
    int64_t expires;    /* seconds since 1970; INT64_MAX: never */
    const char *origin; /* for messages */
} mt_s3_lent;

/* Requests credentials: up to three requests of at most a second each, independent of other threads of the library.
 * Must not be called from I/O threads. */
MT_MUST_CHECK mt_status mt_s3_ask_instance(mt_env *env, mt_arena *arena, mt_s3_lent *out, mt_error *err);

#endif
