/* SPDX-License-Identifier: BSD-3-Clause */
/* The locate stage: from chunk numbers to bytes of objects, for all chunks of a call at once.
 *
 * What a format reads for that (shard indices, tables of pages, nodes of B-trees) is collected and read together: as
 * many round trips as the index is deep. Called by the thread of the call, which waits; threads of the pool help. */
#ifndef MT_ENGINE_LOCATE_H
#define MT_ENGINE_LOCATE_H

#include "engine/call.h"

/* Locates all of call->found, fails those that cannot be, and brings the others into storage order: by object, in the
 * order in which chunk numbers lead to it, and offset. MT_E_MEMORY: none was located. */
MT_MUST_CHECK mt_status mt_locate(mt_call *call, mt_error *err);

/* Locates a chunk anew, after its map has learnt that its object is called otherwise. Any thread; may read the store. */
MT_MUST_CHECK mt_status mt_locate_again(mt_call *call, mt_found *found, mt_error *err);

#endif
