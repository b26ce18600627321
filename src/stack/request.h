/* SPDX-License-Identifier: BSD-3-Clause */
/* The requests of one call of mt_extract_patches, and what becomes of each. */
#ifndef MT_STACK_REQUEST_H
#define MT_STACK_REQUEST_H

#include "stack/stack.h"

/* Lives on the caller's stack. */
typedef struct mt_extraction {
    mt_context *context;
    const mt_patch_request *requests; /* checked */
    size_t n;
    mt_cancel cancel;                 /* with the options of the caller */
    const struct mt_visitor *visitor; /* gets the chunks instead of the views; NULL: none */

    /* The first request that failed as a whole; under the context's lock. */
    size_t failed; /* its number; SIZE_MAX: none */
    mt_status status;
    mt_error *err; /* may be NULL */
} mt_extraction;

/* Request number i failed: zeroes its patch, and sets its outcome. Thread-safe. */
void mt_extraction_fail(mt_extraction *x, size_t i, mt_status st, const mt_error *failure);

/* Whether mt_extract_patches would take the requests. */
MT_MUST_CHECK mt_status mt_requests_check(const mt_patch_request *requests, size_t n, mt_error *err);

/* Shows all chunks of checked requests, but for those of stacks of one's own, to the hold of a visitor (engine/visit.h). */
MT_MUST_CHECK mt_status mt_extraction_visit(const mt_patch_request *requests, size_t n,
                                            const mt_extract_options *options, const struct mt_visitor *visitor,
                                            mt_error *err);

static inline int64_t mt_request_channels(const mt_patch_request *r)
{
    return r->channels ? (int64_t)r->n_channels : r->stack->info.data_shape[1];
}

static inline mt_dtype mt_view_dtype(const mt_view *view) { return view->dtype ? view->dtype : MT_FLOAT32; }

/* Strides of the view, those of C order if it has none. */
void mt_request_strides(const mt_patch_request *r, int64_t *out);

#endif
