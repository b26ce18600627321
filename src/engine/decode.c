/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/decode.h"

#include "base/reader.h"

#include <string.h>

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void count_decoded(mt_call *call, const mt_found *found, size_t bytes)
{
    mt_image_count(found->planned->use->image, 0, 1);
    count(&call->context->env.chunks_decoded, 1);
    count(&call->context->env.bytes_decoded, bytes);
}

static void swap_bytes(const mt_image *image, uint8_t *data, size_t bytes)
{
    if (image->map->swap)
        mt_swap_bytes(data, bytes / image->element_size, image->element_size);
}

/* Adds a block to the cache and delivers it. */
static void finish(mt_call *call, mt_found *found, uint8_t *block, size_t size)
{
    mt_cache *cache = call->context->chunks;
    mt_cache_finish(cache, found->entry, block, size);
    mt_deliver(call, found->planned, &(mt_chunk) { .data = block });
    mt_cache_release(cache, found->entry);
    found->entry = NULL;
}

void mt_decode_missing(mt_call *call, mt_found *found)
{
    mt_image_count(found->planned->use->image, 1, 0);
    if (found->entry)
        finish(call, found, NULL, 0);
    else
        mt_deliver(call, found->planned, &(mt_chunk) { .data = NULL });
}

mt_status mt_decode_check_size(const mt_call *call, const mt_found *found, uint64_t size, mt_error *err)
{
    const mt_planned *planned = found->planned;
    const mt_image *image = planned->use->image;
    mt_layout storage;
    const mt_layout *layout = mt_planned_layout(call, planned, &storage);
    if (found->chain->n_steps == 0) {
        size_t least = mt_image_least_bytes(image, planned->id, layout);
        if (size < least || (found->size == MT_WHOLE && size > layout->bytes))
            return mt_fail(err, MT_E_CORRUPT, "%s: has %llu bytes for a raw chunk of %zu", found->key,
                           (unsigned long long)size, least);
    } else if (size > mt_chain_encoded_bound(found->chain, layout->bytes)) {
        return mt_fail(err, MT_E_CORRUPT, "%llu encoded bytes for a chunk of %zu", (unsigned long long)size,
                       layout->bytes);
    }
    return MT_OK;
}

bool mt_decode_is_partial(const mt_call *call, const mt_planned *planned, size_t *from, size_t *to)
{
    mt_layout storage;
    const mt_layout *layout = mt_planned_layout(call, planned, &storage);
    if (planned->use->strategy != MT_BY_PARTS)
        return false;
    mt_find_needed(call, planned, layout, from, to);
    return *to - *from <= layout->bytes / 2;
}

void mt_decode_in_place(mt_call *call, mt_found *found, uint8_t *block)
{
    const mt_image *image = found->planned->use->image;
    mt_layout storage;
    const mt_layout *layout = mt_planned_layout(call, found->planned, &storage);
    size_t least = mt_image_least_bytes(image, found->planned->id, layout);
    swap_bytes(image, block, least);
    count_decoded(call, found, least);
    finish(call, found, block, layout->bytes);
}

/* Raw bytes need no decoding, but may be in the other byte order. */
static mt_status decode_raw(mt_call *call, mt_found *found, const uint8_t *bytes, const mt_layout *layout,
                            mt_error *err)
{
    const mt_image *image = found->planned->use->image;
    size_t least = mt_image_least_bytes(image, found->planned->id, layout);
    if (!found->entry) {
        count_decoded(call, found, least);
        mt_deliver(call, found->planned, &(mt_chunk) { .data = bytes, .swap = image->map->swap });
        return MT_OK;
    }
    void *block;
    mt_status st = mt_cache_alloc(call->context->chunks, layout->bytes, &block, err);
    if (!st)
        mt_decode_in_place(call, found, memcpy(block, bytes, least));
    return st;
}

static mt_status decode_part(mt_call *call, mt_found *found, const uint8_t *bytes, size_t size, size_t from, size_t to,
                             mt_scratch *scratch, mt_error *err)
{
    const mt_image *image = found->planned->use->image;
    mt_layout storage;
    size_t whole = mt_planned_layout(call, found->planned, &storage)->bytes;
    uint8_t *data;
    mt_status st = mt_scratch_buffer(scratch, MT_DECODED_BUFFER, whole, &data, err);
    if (st || (st = mt_chain_decode_part(found->chain, bytes, size, data, whole, from, to, scratch, err)))
        return st;
    count_decoded(call, found, to - from);
    mt_deliver(call, found->planned, &(mt_chunk) { .data = data, .swap = image->map->swap });
    return MT_OK;
}

static mt_status decode_whole(mt_call *call, mt_found *found, const uint8_t *bytes, size_t size,
                              const mt_layout *layout, mt_scratch *scratch, mt_error *err)
{
    const mt_image *image = found->planned->use->image;
    size_t least = mt_image_least_bytes(image, found->planned->id, layout);
    mt_cache *cache = call->context->chunks;
    void *block = NULL;
    uint8_t *data = NULL;
    mt_status st = found->entry ? mt_cache_alloc(cache, layout->bytes, &block, err)
                                : mt_scratch_buffer(scratch, MT_DECODED_BUFFER, layout->bytes, &data, err);
    if (st)
        return st;
    data = block ? block : data;
    if ((st = mt_chain_decode(found->chain, bytes, size, data, least, layout->bytes, scratch, err))) {
        mt_cache_dealloc(cache, block, layout->bytes);
        return st;
    }
    swap_bytes(image, data, least);
    count_decoded(call, found, least);
    if (block)
        finish(call, found, data, layout->bytes);
    else
        mt_deliver(call, found->planned, &(mt_chunk) { .data = data });
    return MT_OK;
}

mt_status mt_decode(mt_call *call, mt_found *found, const uint8_t *bytes, size_t size, mt_scratch *scratch,
                    mt_error *err)
{
    size_t from, to;
    mt_layout storage;
    const mt_layout *layout = mt_planned_layout(call, found->planned, &storage);
    if (found->chain->n_steps == 0)
        return decode_raw(call, found, bytes, layout, err);
    if (!found->entry && mt_chain_is_partial(found->chain) && mt_decode_is_partial(call, found->planned, &from, &to))
        return decode_part(call, found, bytes, size, from, to, scratch, err);
    return decode_whole(call, found, bytes, size, layout, scratch, err);
}

mt_status mt_decode_within_budget(mt_call *call, mt_found *found, const uint8_t *bytes, size_t size,
                                  mt_scratch *scratch, mt_error *err)
{
    mt_layout storage;
    size_t need = mt_planned_layout(call, found->planned, &storage)->bytes;
    bool reserved = mt_context_reserve(call->context, need);
    mt_status st = mt_decode(call, found, bytes, size, scratch, err);
    if (reserved)
        mt_context_unreserve(call->context, need, scratch);
    return st;
}

static bool is_stopped(void *cancel) { return mt_cancel_asked(cancel); }

mt_status mt_decode_await(mt_call *call, mt_found *found, mt_error *err)
{
    mt_cache *cache = call->context->chunks;
    mt_cache_entry *entry = found->entry;
    found->entry = NULL;
    mt_status st = mt_cache_await(cache, entry, is_stopped, call->cancel, err);
    if (st)
        return st;
    count(&call->context->env.cache_hits, 1);
    mt_deliver(call, found->planned, &(mt_chunk) { .data = entry->data });
    mt_cache_release(cache, entry);
    return MT_OK;
}
