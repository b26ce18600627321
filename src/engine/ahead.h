/* SPDX-License-Identifier: BSD-3-Clause */
/* Work ahead of time: tasks that a thread of the context's own does one after the other, while callers do other things.
 * The thread starts with the first task. It works like a caller: it waits for reads, and decodes with the pool. */
#ifndef MT_ENGINE_AHEAD_H
#define MT_ENGINE_AHEAD_H

#include "pool/pool.h"

typedef struct mt_ahead mt_ahead;

MT_MUST_CHECK mt_status mt_ahead_new(mt_env *env, mt_ahead **out, mt_error *err);

/* Ends the thread. No task may be left: whoever submits one keeps the context until it has run. */
void mt_ahead_free(mt_ahead *ahead);

/* Queues a task, from any thread, and returns. In the child of a fork, tasks that were queued before never run. */
MT_MUST_CHECK mt_status mt_ahead_submit(mt_ahead *ahead, mt_task *task, mt_error *err);

#endif
