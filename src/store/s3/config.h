/* SPDX-License-Identifier: BSD-3-Clause */
/* S3 configuration: credentials, region and endpoint from the options, the environment and profile files. Makes no
 * requests. Source: AWS SDKs and Tools Reference Guide, "Settings reference". */
#ifndef MT_STORE_S3_CONFIG_H
#define MT_STORE_S3_CONFIG_H

#include "base/arena.h"
#include "store/s3/sign.h"

#include <microtome/stores.h>

typedef struct mt_s3_config {
    mt_s3_keys keys;      /* id is NULL: requests are not signed */
    const char *origin;   /* origin of the keys for messages: "the environment" */
    const char *region;   /* never NULL */
    const char *endpoint; /* "https://host[:port]"; NULL: that of AWS for the region */
} mt_s3_config;

/* For s3://. Strings live in the arena. MT_E_ARGUMENT for incomplete credentials, a profile that is missing or has
 * credentials from an unsupported source, and an invalid region or endpoint. */
MT_MUST_CHECK mt_status mt_s3_configure(mt_arena *arena, const mt_s3_options *given, mt_s3_config *out, mt_error *err);

/* For gs://: the HMAC keys in GS_ACCESS_KEY_ID and GS_SECRET_ACCESS_KEY, or none. AWS keys are not used. */
MT_MUST_CHECK mt_status mt_s3_configure_gs(mt_arena *arena, mt_s3_config *out, mt_error *err);

/* Whether a text is safe as a region in a host name: letters, digits and '-'. */
bool mt_s3_is_region(const char *text);

#endif
