/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread pool. Threads start on first use, and again in a forked child. The caller works, too. */
#ifndef MT_POOL_POOL_H
#define MT_POOL_POOL_H

#include "base/env.h"

#include <stdbool.h>

typedef struct mt_pool mt_pool;

/* threads includes the caller; 1: no thread is started. */
MT_MUST_CHECK mt_status mt_pool_new(mt_env *env, unsigned threads, mt_pool **out, mt_error *err);
void mt_pool_free(mt_pool *pool);
unsigned mt_pool_threads(const mt_pool *pool);

/* Calls work(argument, i) for each i < n and returns when all have returned. Threads claim items in increasing order.
 * Any number of threads may call at once; the pool helps them only as long as no more than its number of threads work. A
 * nested call runs in the calling thread alone, as does every call if no thread can be started. */
void mt_pool_run(mt_pool *pool, size_t n, void (*work)(void *argument, size_t i), void *argument);

/* Work to run once, in any thread. Owned by the submitter; must stay valid until run is called. */
typedef struct mt_task {
    void (*run)(struct mt_task *task); /* may free the task */
    struct mt_task *next;              /* for the pool's queue */
} mt_task;

/* Queues a task, from any thread, and returns. A thread of the pool or one in mt_pool_wait runs it; with a pool of one
 * thread, only the latter. */
void mt_pool_submit(mt_pool *pool, mt_task *task);

/* Runs tasks of any call until is_done returns true. is_done is called without a lock after each task, after each
 * mt_pool_wake, and at least every 20 ms. */
void mt_pool_wait(mt_pool *pool, bool (*is_done)(void *argument), void *argument);
void mt_pool_wake(mt_pool *pool);

#endif
