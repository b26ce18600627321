/* SPDX-License-Identifier: BSD-3-Clause */
/* The requests of one call of mt_extract_patches and their outcomes. */
#ifndef MT_STACK_REQUEST_H
#define MT_STACK_REQUEST_H

#include "stack/stack.h"

/* Lives on the caller's stack. */
typedef struct mt_extraction {
    mt_context *context;              /* of all stacks */
    const mt_patch_request *requests; /* checked, borrowed */
    size_t n;                         /* number of requests */
    mt_cancel cancel;                 /* with the caller's options */
    const struct mt_visitor *visitor; /* not NULL: receives the chunks instead of the views */

    /* The first request that failed as a whole; guarded by the context's lock. */
    size_t failed;    /* its number; SIZE_MAX: no failure */
    mt_status status; /* its status */
    mt_error *err;    /* its message; may be NULL */
} mt_extraction;

/* Fails request i: zeroes its patch and sets its outcome. Thread-safe. */
void mt_extraction_fail(mt_extraction *x, size_t i, mt_status st, const mt_error *failure);

/* Checks requests as mt_extract_patches does. */
MT_MUST_CHECK mt_status mt_requests_check(const mt_patch_request *requests, size_t n, mt_error *err);

/* Passes all chunks of checked requests, except to custom stacks, to visitor->hold (engine/visit.h). */
MT_MUST_CHECK mt_status mt_extraction_visit(const mt_patch_request *requests, size_t n,
                                            const mt_extract_options *options, const struct mt_visitor *visitor,
                                            mt_error *err);

static inline int64_t mt_request_channels(const mt_patch_request *r)
{
    return r->channels ? (int64_t)r->n_channels : r->stack->info.data_shape[1];
}

static inline mt_dtype mt_view_dtype(const mt_view *view) { return view->dtype ? view->dtype : MT_FLOAT32; }

/* The conversion to a view of pixels of a dtype, for the channel at place c of the request. */
mt_convert mt_view_convert(const mt_view *view, mt_dtype from, int64_t c);

/* Sets out to the element of the view outside the image, for the same channel. */
void mt_view_padding(const mt_view *view, int64_t c, uint8_t out[8]);

/* The strides of the view in bytes; those of C order if it has none. */
void mt_request_strides(const mt_patch_request *r, int64_t *out);

#endif
