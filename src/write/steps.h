/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps of finishing an image: they are counted and told to the caller, who may stop between two of them. */
#ifndef MT_WRITE_STEPS_H
#define MT_WRITE_STEPS_H

#include "engine/cancel.h"

#include <microtome/write.h>

typedef struct mt_steps {
    mt_finish_options options;
    mt_cancel cancel;
    _Atomic uint64_t done;
    uint64_t total;
} mt_steps;

/* Takes the options of a caller, which may be NULL. The struct must not move. */
MT_MUST_CHECK mt_status mt_steps_begin(mt_steps *steps, const mt_finish_options *options, mt_error *err);

/* Counts n more steps as done. MT_E_CANCELLED if the caller asks to stop. Thread-safe. */
MT_MUST_CHECK mt_status mt_steps_take(mt_steps *steps, uint64_t n, mt_error *err);

/* Counts none, for mt_target_sync_asking; user is the mt_steps. */
MT_MUST_CHECK mt_status mt_steps_ask(void *user, mt_error *err);

/* Tells that all are done. */
void mt_steps_end(mt_steps *steps);

#endif
