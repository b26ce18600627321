/* SPDX-License-Identifier: BSD-3-Clause */
/* Internals of the sink of Zarr: documents of arrays and groups, and OME-Zarr's metadata. */
#ifndef MT_WRITE_ZARR_SINK_H
#define MT_WRITE_ZARR_SINK_H

#include "write/sink.h"

/* Whether the output has Zarr version 2 and OME-Zarr 0.4, not 3 and 0.5. */
bool zarr_is_v2(const mt_plan *plan);

/* The codec level that the documents name and the encoder uses. */
int zarr_codec_level(const mt_plan *plan);

/* The document of the array of a level: zarr.json, or .zarray. NULL if memory runs out, as below. */
json_t *zarr_write_array(const mt_plan *plan, const mt_level *level);

/* The attributes of the root of a finished image: "ome" and its members, or those members alone for 0.4. */
json_t *zarr_write_ome(const mt_plan *plan);

#define ZARR_FOLDER_BYTES 320

/* Publish a document, or the documents of a group with attributes, and release them. folder is "" or ends with '/', and
 * is shorter than ZARR_FOLDER_BYTES. A document of NULL is MT_E_MEMORY. */
MT_MUST_CHECK mt_status zarr_publish_json(mt_env *env, mt_target *target, const char *key, json_t *document,
                                          mt_error *err);
MT_MUST_CHECK mt_status zarr_publish_group(mt_env *env, mt_target *target, const char *folder, bool is_v2,
                                           bool only_new, json_t *attributes, mt_error *err);

#endif
