/* SPDX-License-Identifier: BSD-3-Clause */
/* From "s3://bucket/key" to the URL that is asked. Pure functions. */
#ifndef MT_STORE_S3_PLACE_H
#define MT_STORE_S3_PLACE_H

#include "base/arena.h"
#include "store/s3/config.h"

/* Splits a URL behind its "scheme://". The key is taken as it stands, not decoded, as the tools of AWS do, but without
 * '/' at its end. Strings live in the arena. MT_E_ARGUMENT for a name that no bucket can have; what may hold a
 * password is not shown. */
MT_MUST_CHECK mt_status mt_s3_split_url(mt_arena *arena, const char *url, const char **bucket, const char **key,
                                        mt_error *err);

/* Where the objects of a bucket are asked for. */
typedef struct mt_s3_place {
    char url[900];  /* "https://bucket.s3.region.amazonaws.com/": what stands before an encoded key */
    char host[600]; /* of the header Host */
    char path[600]; /* what stands before the key in the path that is signed: "/" or "/bucket/" */
    bool encrypted; /* https */
} mt_s3_place;

/* The bucket is part of the path if there is an endpoint or its name is not a host name that the certificate covers: with
 * a dot or a capital. Else it is part of the host. */
MT_MUST_CHECK mt_status mt_s3_place_bucket(const mt_s3_config *config, const char *region, const char *bucket,
                                           mt_s3_place *out, mt_error *err);

#endif
