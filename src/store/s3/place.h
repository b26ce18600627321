/* SPDX-License-Identifier: BSD-3-Clause */
/* Maps "s3://bucket/key" to a URL. Pure functions. */
#ifndef MT_STORE_S3_PLACE_H
#define MT_STORE_S3_PLACE_H

#include "base/arena.h"
#include "store/s3/config.h"

/* Splits the URL after "scheme://". The key is not decoded, as in the AWS tools; a trailing '/' is removed. Strings
 * live in the arena. MT_E_ARGUMENT for an invalid bucket name; possible passwords are not shown. */
MT_MUST_CHECK mt_status mt_s3_split_url(mt_arena *arena, const char *url, const char **bucket, const char **key,
                                        mt_error *err);

/* The location of a bucket. */
typedef struct mt_s3_place {
    char url[900];  /* prefix of encoded keys: "https://bucket.s3.region.amazonaws.com/" */
    char host[600]; /* value of the header Host */
    char path[600]; /* prefix of keys in the signed path: "/" or "/bucket/" */
    bool encrypted; /* https */
} mt_s3_place;

/* The bucket is part of the path if there is a custom endpoint, or if its name (with a dot or capital) is not covered
 * by the certificate. Else it is part of the host. */
MT_MUST_CHECK mt_status mt_s3_place_bucket(const mt_s3_config *config, const char *region, const char *bucket,
                                           mt_s3_place *out, mt_error *err);

#endif
