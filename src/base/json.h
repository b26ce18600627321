/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON by jansson, within limits.max_json_bytes and max_json_depth, of as many values as fit max_metadata_bytes, and with what real Zarr metadata holds besides:
 * bare NaN, Infinity and -Infinity, and integers that do not fit 64 bits with a sign, come as strings. Duplicate keys
 * are refused. */
#ifndef MT_BASE_JSON_H
#define MT_BASE_JSON_H

#include "base/env.h"

#include <jansson.h>

/* Parses; what names the document in messages. *out is given up with json_decref. */
MT_MUST_CHECK mt_status mt_json_parse(mt_env *env, const char *text, size_t size, const char *what, json_t **out,
                                      mt_error *err);

#endif
