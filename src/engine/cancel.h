/* SPDX-License-Identifier: BSD-3-Clause */
/* Cancellation of a call: polled in the caller's thread only, observed by all threads. */
#ifndef MT_ENGINE_CANCEL_H
#define MT_ENGINE_CANCEL_H

#include <microtome/stack.h>

#include <stdbool.h>

#define MT_CANCEL_MESSAGE "the caller asked to stop"

typedef struct mt_cancel {
    mt_extract_options options; /* of the call, or zeroed */
    const void *caller;         /* identifies the caller's thread */
    _Atomic bool stopped;       /* the caller has cancelled */
    _Atomic bool ended;         /* the library ends the call early */
} mt_cancel;

/* options may be NULL. */
MT_MUST_CHECK mt_status mt_cancel_init(mt_cancel *cancel, const mt_extract_options *options, mt_error *err);

/* Whether the call is cancelled or ended. In the caller's thread, calls options.cancelled. cancel may be NULL. */
bool mt_cancel_asked(mt_cancel *cancel);

/* MT_E_CANCELLED if the caller has cancelled, whatever else has failed, else status. */
mt_status mt_cancel_status(const mt_cancel *cancel, mt_status status, mt_error *err);

#endif
