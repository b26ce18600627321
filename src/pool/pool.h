/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread pool: started on first use, started anew in the child of a fork; the caller works too. */
#ifndef MT_POOL_POOL_H
#define MT_POOL_POOL_H

#include "base/env.h"

#include <stdbool.h>

typedef struct mt_pool mt_pool;

/* threads counts the caller; 1 means no thread is ever started. */
MT_MUST_CHECK mt_status mt_pool_new(mt_env *env, unsigned threads, mt_pool **out, mt_error *err);
void mt_pool_free(mt_pool *pool);
unsigned mt_pool_threads(const mt_pool *pool);

/* Calls work(argument, i) for each i < n, in rising order as threads get to it, and returns when all have returned.
 * Any number of threads may call at once; a call from inside work is run by the caller alone. If no thread can be
 * started, the caller does all. */
void mt_pool_run(mt_pool *pool, size_t n, void (*work)(void *argument, size_t i), void *argument);

/* Something to do once, in whatever thread. Owned by the caller until run is called. */
typedef struct mt_task {
    void (*run)(struct mt_task *task);
    struct mt_task *next; /* the pool's */
} mt_task;

/* Hands over a task, from any thread, and returns. A thread of the pool runs it, or one that waits in mt_pool_wait. With
 * a pool of one thread only the latter do. */
void mt_pool_submit(mt_pool *pool, mt_task *task);

/* Runs tasks, of any call, until is_done returns true. It is asked without a lock after each task, after each mt_pool_wake, and
 * at least every 20 ms. */
void mt_pool_wait(mt_pool *pool, bool (*is_done)(void *argument), void *argument);
void mt_pool_wake(mt_pool *pool);

#endif
