/* SPDX-License-Identifier: BSD-3-Clause */
/* Objects that are too large for one request: uploaded in parts, of which the server makes one object at the end. */
#ifndef MT_STORE_S3_PARTS_H
#define MT_STORE_S3_PARTS_H

#include "store/s3/s3.h"
#include "store/target.h"

/* Publishes an object, in parts of part bytes, or larger ones if they would be too many. */
MT_MUST_CHECK mt_status mt_s3_put_parts(mt_s3_store *store, const char *key, const mt_piece *pieces, size_t n,
                                        uint64_t part, mt_error *err);

/* Sets the bytes of the largest object that one request publishes, and of a part of others. The defaults are 5 GiB, the
 * most that S3 takes, and 64 MiB; tests make them smaller. Of a target of mt_target_open_s3. */
void mt_s3_target_set_sizes(mt_target *target, uint64_t most, uint64_t part);

#endif
