/* SPDX-License-Identifier: BSD-3-Clause */
/* A caller's wish to stop: asked for in the caller's thread only, heeded in all. */
#ifndef MT_ENGINE_CANCEL_H
#define MT_ENGINE_CANCEL_H

#include <microtome/stack.h>

#include <stdbool.h>

#define MT_CANCEL_MESSAGE "the caller asked to stop"

typedef struct mt_cancel {
    mt_extract_options options;
    const void *caller; /* its thread */
    _Atomic bool stopped;
    _Atomic bool ended; /* the work ends by itself: the rest is not wanted */
} mt_cancel;

/* options may be NULL. */
MT_MUST_CHECK mt_status mt_cancel_init(mt_cancel *cancel, const mt_extract_options *options, mt_error *err);

/* Whether to stop, or the work has ended. Asks the caller where this is its thread. cancel may be NULL. */
bool mt_cancel_asked(mt_cancel *cancel);

/* MT_E_CANCELLED, whatever else went wrong meanwhile, if the caller wanted to stop, else status. */
mt_status mt_cancel_status(const mt_cancel *cancel, mt_status status, mt_error *err);

#endif
