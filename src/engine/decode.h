/* SPDX-License-Identifier: BSD-3-Clause */
/* The decode stage: decodes the bytes of a found chunk, adds it to the cache, and delivers it to its copies. */
#ifndef MT_ENGINE_DECODE_H
#define MT_ENGINE_DECODE_H

#include "engine/deliver.h"

/* Buffers of a scratch. Codecs use 2, 3 and 5. */
enum { MT_ENCODED_BUFFER, MT_DECODED_BUFFER, MT_WINDOW_BUFFER = 4 };

/* Decodes a chunk from size bytes, finishes its cache entry and fills its copies. On failure, fills nothing and leaves
 * the entry unchanged: the caller retries or fails the chunk. Any thread, with its own scratch. For a large chunk, the
 * caller has reserved memory (mt_context_reserve). */
MT_MUST_CHECK mt_status mt_decode(mt_call *call, mt_found *found, const uint8_t *bytes, size_t size,
                                  mt_scratch *scratch, mt_error *err);

/* The same for a chunk of any size whose encoded bytes are already counted: waits for memory. */
MT_MUST_CHECK mt_status mt_decode_within_budget(mt_call *call, mt_found *found, const uint8_t *bytes, size_t size,
                                                mt_scratch *scratch, mt_error *err);

/* The same for a raw chunk in a block from mt_alloc of exactly the chunk's size. Takes over the block. */
void mt_decode_in_place(mt_call *call, mt_found *found, uint8_t *block);

/* The same for a chunk that is not stored. */
void mt_decode_missing(mt_call *call, mt_found *found);

/* Checks the encoded size of a chunk before it is read. */
MT_MUST_CHECK mt_status mt_decode_check_size(const mt_call *call, const mt_found *found, uint64_t size, mt_error *err);

/* Whether only the bytes [*from, *to) of the chunk are decoded. */
bool mt_decode_is_partial(const mt_call *call, const mt_planned *planned, size_t *from, size_t *to);

/* Waits for a chunk that another call is making, and fills its copies. MT_E_CANCELLED: the caller of this call or of
 * the other has cancelled. Only in the thread of the call. */
MT_MUST_CHECK mt_status mt_decode_await(mt_call *call, mt_found *found, mt_error *err);

#endif
