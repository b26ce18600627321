/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON by jansson, within limits.max_json_bytes, max_json_depth and max_metadata_bytes. As an extension for Zarr
 * metadata, bare NaN, Infinity and -Infinity, and integers that do not fit an int64_t, are parsed as strings. Duplicate
 * keys are an error. */
#ifndef MT_BASE_JSON_H
#define MT_BASE_JSON_H

#include "base/buffer.h"

#include <jansson.h>
#include <stdbool.h>

/* Parses a document, which what names in messages. The caller releases *out with json_decref. */
MT_MUST_CHECK mt_status mt_json_parse(mt_env *env, const char *text, size_t size, const char *what, json_t **out,
                                      mt_error *err);

/* Appends the text of a value to a buffer: indented, or on one line. NULL is refused as a lack of memory, which is what
 * it means where values are made. */
MT_MUST_CHECK mt_status mt_json_write(const json_t *value, bool indented, mt_buffer *out, mt_error *err);

#endif
