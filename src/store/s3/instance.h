/* SPDX-License-Identifier: BSD-3-Clause */
/* Credentials of the container or machine that this runs on, from the address where it tells them. Asked only at the
 * caller's request: elsewhere the address leads nowhere, and is waited for. Sources: AWS SDKs and Tools Reference Guide,
 * "Container credential provider"; Amazon EC2 User Guide, "Use the Instance Metadata Service", version 2. */
#ifndef MT_STORE_S3_INSTANCE_H
#define MT_STORE_S3_INSTANCE_H

#include "base/arena.h"
#include "store/s3/sign.h"

typedef struct mt_s3_lent {
    mt_s3_keys keys;    /* in the arena */
    int64_t expires;    /* seconds since 1970; INT64_MAX: never */
    const char *origin; /* for messages */
} mt_s3_lent;

/* Asks, which takes a second at most for each of up to three requests, and needs no other thread of the library. Not for
 * threads that do I/O. */
MT_MUST_CHECK mt_status mt_s3_ask_instance(mt_env *env, mt_arena *arena, mt_s3_lent *out, mt_error *err);

/* The document that both tell: AccessKeyId, SecretAccessKey, Token, Expiration. */
MT_MUST_CHECK mt_status mt_s3_parse_lent(mt_arena *arena, const char *text, size_t size, mt_s3_lent *out,
                                         mt_error *err);

/* The time of "2026-11-29T06:00:00Z", in seconds since 1970; false if it is none. */
bool mt_s3_parse_time(const char *text, int64_t *out);

/* Whether a container's URL may be asked: https, or a host that is this machine's: loopback, or an address that
 * Amazon's containers have for this. */
bool mt_s3_is_local(const char *url);

#endif
