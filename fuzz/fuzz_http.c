/* SPDX-License-Identifier: BSD-3-Clause */
/* The head of a response: the first four bytes choose the request, the rest are header lines. An accepted response must
 * match the request. */
#include "outcome.h"

#include "base/env.h"
#include "store/http/response.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(const mt_response *r)
{
    const uint64_t numbers[] = { (uint64_t)r->code, r->has_range, r->bad_range, r->first,
                                 r->last,           r->total,     r->length,    r->ends_clearly };
    for (int i = 0; i < 8; i++)
        outcome_number((int64_t)numbers[i]);
    outcome_text(r->encoding);
    outcome_text(r->etag);
    outcome_text(r->modified);
    outcome_text(r->retry_after);
}

static void check(const mt_transfer *t, const mt_response *r)
{
    mt_body b;
    mt_error err = MT_ERROR_INIT;
    if (outcome_status(mt_response_plan(r, t, 1000, &b, &err), &err)) {
        if (!*err.message)
            __builtin_trap();
        return;
    }
    const uint64_t numbers[] = { b.kind, b.size, b.most, b.object_size };
    for (int i = 0; i < 4; i++)
        outcome_number((int64_t)numbers[i]);
    bool asked = t->span == MT_SPAN_RANGE ? b.size == t->size : b.size == MT_SIZE_UNKNOWN || b.size <= t->size;
    if (b.kind == MT_BODY_OUT && (!asked || b.most > t->size))
        __builtin_trap();
    if (b.kind == MT_BODY_WHOLE && b.most > 1000)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mt_response r;
    if (size < 4)
        return 0;
    mt_transfer t = { .name = "fuzz", .span = (mt_span)(data[0] % 5), .offset = data[1], .size = data[2] };
    const char *at = (const char *)data + 4, *end = (const char *)data + size;
    mt_response_init(&r);
    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        size_t n = line ? (size_t)(line - at) + 1 : (size_t)(end - at);
        mt_response_take_line(&r, at, n);
        at += n;
    }
    note(&r);
    check(&t, &r);
    return 0;
}
