/* SPDX-License-Identifier: BSD-3-Clause */
/* Background tasks, run one after the other by a dedicated thread of the context, which starts with the first task.
 * Like a caller, it waits for reads and decodes with the pool. */
#ifndef MT_ENGINE_AHEAD_H
#define MT_ENGINE_AHEAD_H

#include "pool/pool.h"

typedef struct mt_ahead mt_ahead;

MT_MUST_CHECK mt_status mt_ahead_new(mt_env *env, mt_ahead **out, mt_error *err);

/* Ends the thread. No task may be queued: the submitter retains the context until its task has run. */
void mt_ahead_free(mt_ahead *ahead);

/* Queues a task, from any thread, and returns. In a forked child, tasks queued before the fork never run. */
MT_MUST_CHECK mt_status mt_ahead_submit(mt_ahead *ahead, mt_task *task, mt_error *err);

#endif
