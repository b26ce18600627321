/* SPDX-License-Identifier: BSD-3-Clause */
/* Who asks S3, and where: credentials, region and endpoint, from what the caller gives, the environment and the files
 * of profiles. No network is touched here. Source: AWS SDKs and Tools Reference Guide, "Settings reference". */
#ifndef MT_STORE_S3_CONFIG_H
#define MT_STORE_S3_CONFIG_H

#include "base/arena.h"
#include "store/s3/sign.h"

#include <microtome/stores.h>

typedef struct mt_s3_config {
    mt_s3_keys keys;      /* id is NULL: requests are not signed */
    const char *origin;   /* whose keys, for messages: "the environment" */
    const char *region;   /* never NULL */
    const char *endpoint; /* "https://host[:port]"; NULL: that of AWS for the region */
} mt_s3_config;

/* Of s3://. Strings live in the arena. MT_E_ARGUMENT for a half of credentials, a profile that is in no file or whose
 * credentials come from where we do not ask, and texts that are not a region or endpoint. */
MT_MUST_CHECK mt_status mt_s3_configure(mt_arena *arena, const mt_s3_options *given, mt_s3_config *out, mt_error *err);

/* Of gs://: the HMAC keys of GS_ACCESS_KEY_ID and GS_SECRET_ACCESS_KEY, or none. Keys of AWS are not sent there. */
MT_MUST_CHECK mt_status mt_s3_configure_gs(mt_arena *arena, mt_s3_config *out, mt_error *err);

/* Whether a text may stand in the name of a host as region: letters, digits and '-'. */
bool mt_s3_is_region(const char *text);

#endif
