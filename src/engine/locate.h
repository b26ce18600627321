/* SPDX-License-Identifier: BSD-3-Clause */
/* The locate stage: maps chunk numbers to byte ranges of objects, for all chunks of a call at once.
 *
 * The reads that formats need for this (shard indices, page tables, B-tree nodes) are collected and done together: one
 * round trip per level of the index. Runs in the thread of the call, with the help of the pool. */
#ifndef MT_ENGINE_LOCATE_H
#define MT_ENGINE_LOCATE_H

#include "engine/call.h"

/* Locates all of call->found, fails the chunks that cannot be located, and sorts the others in storage order: by
 * object, in order of first use, then by offset. MT_E_MEMORY: no chunk was located. */
MT_MUST_CHECK mt_status mt_locate(mt_call *call, mt_error *err);

/* Locates a chunk again, after the map has found another key for its object. Any thread; may read the store. */
MT_MUST_CHECK mt_status mt_locate_again(mt_call *call, mt_found *found, mt_error *err);

#endif
