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

/* Parses the document that both services return: AccessKeyId, SecretAccessKey, Token, Expiration. */
MT_MUST_CHECK mt_status mt_s3_parse_lent(mt_arena *arena, const char *text, size_t size, mt_s3_lent *out,
                                         mt_error *err);

/* The time of "2026-11-29T06:00:00Z", in seconds since 1970; false if invalid. */
bool mt_s3_parse_time(const char *text, int64_t *out);

/* Whether a container's URL is acceptable: https, or a loopback address, or one of the addresses Amazon reserves for
 * this. */
bool mt_s3_is_local(const char *url);

#endif
