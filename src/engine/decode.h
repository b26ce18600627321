/* SPDX-License-Identifier: BSD-3-Clause */
/* The decode stage: from the bytes of a found chunk to a decoded one, into the cache and to those who wait for it. */
#ifndef MT_ENGINE_DECODE_H
#define MT_ENGINE_DECODE_H

#include "engine/deliver.h"

/* Buffers of a scratch, beside those that codecs use (2, 3 and 5). */
enum { MT_ENCODED_BUFFER, MT_DECODED_BUFFER, MT_WINDOW_BUFFER = 4 };

/* Decodes a chunk out of its size bytes, ends its entry in the cache and fills its copies. On failure nothing is
 * filled, and the entry is as it was: the caller tries again, or fails the chunk. Any thread, with its own scratch. For a
 * large chunk the caller has reserved the memory (mt_context_reserve). */
MT_MUST_CHECK mt_status mt_decode(mt_call *call, mt_found *found, const uint8_t *bytes, size_t size,
                                  mt_scratch *scratch, mt_error *err);

/* The same for a chunk of any size, whose encoded bytes are counted elsewhere: waits until there is memory for it. */
MT_MUST_CHECK mt_status mt_decode_within_budget(mt_call *call, mt_found *found, const uint8_t *bytes, size_t size,
                                                mt_scratch *scratch, mt_error *err);

/* The same for a raw chunk whose bytes lie in a block of mt_alloc of exactly the chunk's size, which is taken over. */
void mt_decode_in_place(mt_call *call, mt_found *found, uint8_t *block);

/* The same for a chunk that is not stored. */
void mt_decode_missing(mt_call *call, mt_found *found);

/* Checks the encoded size of a chunk, before it is read. */
MT_MUST_CHECK mt_status mt_decode_check_size(const mt_call *call, const mt_found *found, uint64_t size, mt_error *err);

/* Whether a part of the chunk is decoded, and which. */
bool mt_decode_is_partial(const mt_call *call, const mt_planned *planned, size_t *from, size_t *to);

/* A chunk that another call makes: waits for it, and fills its copies. MT_E_CANCELLED: this caller has asked to stop, or
 * the other one has. Only for the thread of the call. */
MT_MUST_CHECK mt_status mt_decode_await(mt_call *call, mt_found *found, mt_error *err);

#endif
