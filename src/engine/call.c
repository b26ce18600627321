/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/call.h"

#include "engine/deliver.h"
#include "engine/fetch.h"

static void note(mt_call *call, size_t rank, mt_status st, const mt_error *failure)
{
    bool given_up = st == MT_E_CANCELLED && call->failed != SIZE_MAX; /* cancelled because of another failure */
    if (rank >= call->failed || given_up)
        return;
    call->failed = rank;
    call->status = st;
    if (call->err)
        *call->err = *failure;
}

static void set_outcome(const mt_read *read, mt_status st, const mt_error *failure)
{
    if (read->status && *read->status == MT_OK)
        *read->status = st;
    if (!read->reason || read->reason->status)
        return;
    *read->reason = *failure;
    mt_fail(read->reason, st, MT_CANCEL_MESSAGE); /* only MT_E_CANCELLED comes without a message */
}

void mt_call_fail_found(mt_call *call, mt_found *found, mt_status st, const mt_error *failure)
{
    const mt_planned *planned = found->planned;
    mt_error named = *failure;
    mt_image_prefix(planned->use->image, planned->id, found->key ? found->key : "", found->offset, &named);
    mt_call_fail_named(call, found, st, &named);
}

void mt_call_fail_named(mt_call *call, mt_found *found, mt_status st, const mt_error *failure)
{
    const mt_planned *planned = found->planned;
    if (found->entry)
        mt_cache_fail(call->context->chunks, found->entry, st, failure);
    found->entry = NULL;
    mt_deliver_zero(call, planned);
    mt_lock_take(&call->context->lock);
    note(call, mt_found_rank(call, found), st, failure);
    MT_FOR_EACH_COPY(c, call, planned)
    set_outcome(&call->reads[call->plan->copies[c].read], st, failure);
    mt_lock_give(&call->context->lock);
}

bool mt_call_stops_found(mt_call *call, mt_found *found)
{
    if (!mt_cancel_asked(call->cancel))
        return false;
    mt_call_fail_found(call, found, MT_E_CANCELLED, &(mt_error)MT_ERROR_INIT);
    return true;
}

void mt_call_end(mt_call *call, mt_status st, const mt_error *failure)
{
    mt_lock_take(&call->context->lock);
    note(call, 0, st, failure);
    mt_lock_give(&call->context->lock);
    call->cancel->ended = true;
}

void mt_call_fail_reads(mt_call *call, size_t first, size_t end, mt_status st, const mt_error *failure)
{
    for (size_t i = first; i < end; i++)
        mt_zero_read(&call->reads[i]);
    mt_lock_take(&call->context->lock);
    note(call, first, st, failure);
    for (size_t i = first; i < end; i++)
        set_outcome(&call->reads[i], st, failure);
    mt_lock_give(&call->context->lock);
}

void mt_fail_rows(mt_call *call, mt_found *found, const mt_read *read, const mt_row_batch *batch, mt_status st,
                  mt_error *failure)
{
    static const uint8_t zero[8] = { 0 };
    const mt_image *image = found->planned->use->image;
    if (st == MT_E_NOT_FOUND && found->absent_is_fill) {
        mt_rows_fill(batch, &read->convert, image->map->fill);
        mt_image_count(found->planned->use->image, 1, 0);
        return;
    }
    mt_convert as_is = { .from = read->convert.to, .to = read->convert.to };
    mt_rows_fill(batch, &as_is, zero);
    mt_image_prefix(image, found->planned->id, found->key, found->offset, failure);
    mt_lock_take(&call->context->lock);
    note(call, mt_found_rank(call, found), st, failure);
    set_outcome(read, st, failure);
    mt_lock_give(&call->context->lock);
}
