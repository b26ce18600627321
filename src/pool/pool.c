/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/pool.h"

#include "platform/thread.h"

#include <string.h>

/* One call of mt_pool_run, on the caller's stack. Valid until no worker uses it. */
typedef struct job {
    void (*work)(void *argument, size_t i);
    void *argument;
    size_t n;
    _Atomic size_t next;
    unsigned workers; /* workers in this job; guarded by the lock */
    struct job *following;
} job;

struct mt_pool {
    mt_env *env;
    unsigned threads; /* including the caller */
    mt_lock lock;
    mt_condition wake, left; /* there is work; a worker has left a job */
    mt_condition waiting;    /* for mt_pool_wait: a task and no idle worker, or mt_pool_wake */
    job *jobs;               /* jobs with unclaimed items, oldest first */
    mt_task *first, *last;   /* queue of tasks; run before jobs, because the data they decode occupies memory */
    unsigned idle;           /* workers waiting for work */
    unsigned callers;        /* threads that do items of their own mt_pool_run */
    unsigned helpers;        /* workers that do items of others */
    uint64_t wakes;          /* calls of mt_pool_wake */
    bool stopping;
    unsigned started;
    mt_thread *workers;
};

static _Thread_local bool inside; /* in work: a nested mt_pool_run stays in this thread */

static void do_items(job *j)
{
    bool outer = inside;
    inside = true;
    for (size_t i; (i = atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed)) < j->n;)
        j->work(j->argument, i);
    inside = outer;
}

static void remove_job(mt_pool *pool, const job *j)
{
    for (job **at = &pool->jobs; *at; at = &(*at)->following)
        if (*at == j) {
            *at = j->following;
            return;
        }
}

/* Runs the next task, if there is one. Call with the lock held; it is released while the task runs. */
static bool run_task(mt_pool *pool)
{
    mt_task *task = pool->first;
    if (!task)
        return false;
    pool->first = task->next;
    mt_lock_give(&pool->lock);
    bool outer = inside;
    inside = true;
    task->run(task);
    inside = outer;
    mt_lock_take(&pool->lock);
    return true;
}

/* How many more threads may do items. Callers count: several of them at once keep as many processors busy. */
static unsigned free_threads(const mt_pool *pool)
{
    unsigned busy = pool->callers + pool->helpers;
    return busy < pool->threads ? pool->threads - busy : 0;
}

/* Does items of a job with the lock, which is free meanwhile. */
static void help(mt_pool *pool, job *j)
{
    j->workers++;
    pool->helpers++;
    mt_lock_give(&pool->lock);
    do_items(j);
    mt_lock_take(&pool->lock);
    pool->helpers--;
    remove_job(pool, j);
    if (--j->workers == 0)
        mt_condition_wake_all(&pool->left);
}

static void run_worker(void *argument)
{
    mt_pool *pool = argument;
    mt_lock_take(&pool->lock);
    while (!pool->stopping) {
        if (run_task(pool))
            continue;
        if (pool->jobs && free_threads(pool) > 0) {
            help(pool, pool->jobs);
            continue;
        }
        pool->idle++;
        mt_condition_wait(&pool->wake, &pool->lock);
        pool->idle--;
    }
    mt_lock_give(&pool->lock);
}

/* In a forked child: neither workers nor other callers exist. */
static void forget_threads(void *owner)
{
    mt_pool *pool = owner;
    pool->started = pool->idle = pool->callers = pool->helpers = 0;
    pool->jobs = NULL;
    pool->first = NULL;
    mt_condition_reset(&pool->wake);
    mt_condition_reset(&pool->left);
    mt_condition_reset(&pool->waiting);
}

mt_status mt_pool_new(mt_env *env, unsigned threads, mt_pool **out, mt_error *err)
{
    void *memory, *workers;
    mt_status st = mt_alloc(env, sizeof(mt_pool), &memory, err);
    if (st)
        return st;
    mt_pool *pool = memset(memory, 0, sizeof(mt_pool));
    pool->env = env;
    pool->threads = threads ? threads : 1;
    if ((st = mt_alloc(env, pool->threads * sizeof(mt_thread), &workers, err)))
        goto no_workers;
    pool->workers = workers;
    if ((st = mt_condition_init(&pool->wake, err)))
        goto no_wake;
    if ((st = mt_condition_init(&pool->left, err)))
        goto no_left;
    if ((st = mt_condition_init(&pool->waiting, err)))
        goto no_waiting;
    if ((st = mt_lock_init(&pool->lock, forget_threads, pool, err)))
        goto no_lock;
    *out = pool;
    return MT_OK;
no_lock:
    mt_condition_destroy(&pool->waiting);
no_waiting:
    mt_condition_destroy(&pool->left);
no_left:
    mt_condition_destroy(&pool->wake);
no_wake:
    mt_release(env, workers, pool->threads * sizeof(mt_thread));
no_workers:
    mt_release(env, pool, sizeof *pool);
    return st;
}

void mt_pool_free(mt_pool *pool)
{
    if (!pool)
        return;
    mt_lock_take(&pool->lock);
    pool->stopping = true;
    mt_condition_wake_all(&pool->wake);
    mt_lock_give(&pool->lock);
    for (unsigned i = 0; i < pool->started; i++)
        mt_thread_join(&pool->workers[i]);
    mt_lock_destroy(&pool->lock);
    mt_condition_destroy(&pool->wake);
    mt_condition_destroy(&pool->left);
    mt_condition_destroy(&pool->waiting);
    mt_release(pool->env, pool->workers, pool->threads * sizeof(mt_thread));
    mt_release(pool->env, pool, sizeof *pool);
}

unsigned mt_pool_threads(const mt_pool *pool) { return pool->threads; }

static bool start_worker(mt_pool *pool)
{
    if (pool->started + 1 >= pool->threads ||
        mt_thread_start(&pool->workers[pool->started], run_worker, pool, NULL) != MT_OK)
        return false;
    pool->started++;
    return true;
}

/* Queues a job and starts threads for it as needed. Call with the lock held. */
static void offer(mt_pool *pool, job *j)
{
    job **end = &pool->jobs;
    while (*end)
        end = &(*end)->following;
    *end = j;
    size_t wanted = free_threads(pool) < j->n - 1 ? free_threads(pool) : j->n - 1;
    while (pool->started < wanted && start_worker(pool))
        continue; /* if no thread can be started, the caller does the work */
    for (size_t i = 0; i < wanted && i < pool->started; i++)
        mt_condition_wake_one(&pool->wake);
}

/* Ends the work of a caller, in whose place a worker may do items of others. Call with the lock held. */
static void leave(mt_pool *pool, const job *j)
{
    remove_job(pool, j);
    pool->callers--;
    if (pool->jobs && pool->idle > 0 && free_threads(pool) > 0)
        mt_condition_wake_one(&pool->wake);
}

void mt_pool_run(mt_pool *pool, size_t n, void (*work)(void *argument, size_t i), void *argument)
{
    job j = { .work = work, .argument = argument, .n = n };
    if (n < 2 || pool->threads < 2 || inside) {
        do_items(&j);
        return;
    }
    mt_lock_take(&pool->lock);
    pool->callers++;
    offer(pool, &j);
    mt_lock_give(&pool->lock);
    do_items(&j);
    mt_lock_take(&pool->lock);
    leave(pool, &j);
    while (j.workers > 0)
        mt_condition_wait(&pool->left, &pool->lock);
    mt_lock_give(&pool->lock);
}

void mt_pool_submit(mt_pool *pool, mt_task *task)
{
    mt_lock_take(&pool->lock);
    task->next = NULL;
    *(pool->first ? &pool->last->next : &pool->first) = task;
    pool->last = task;
    if (pool->idle > 0 || start_worker(pool))
        mt_condition_wake_one(&pool->wake);
    else
        mt_condition_wake_one(&pool->waiting);
    mt_lock_give(&pool->lock);
}

void mt_pool_wait(mt_pool *pool, bool (*is_done)(void *argument), void *argument)
{
    enum { ASK_AGAIN_MS = 20 };
    mt_lock_take(&pool->lock);
    for (;;) {
        bool ran = run_task(pool);
        uint64_t wakes = pool->wakes;
        mt_lock_give(&pool->lock);
        bool done = is_done(argument);
        mt_lock_take(&pool->lock);
        if (done)
            break;
        if (!ran && !pool->first && pool->wakes == wakes)
            mt_condition_wait_for(&pool->waiting, &pool->lock, ASK_AGAIN_MS);
    }
    if (pool->first) /* this thread may have consumed the wake for it */
        mt_condition_wake_one(&pool->waiting);
    mt_lock_give(&pool->lock);
}

void mt_pool_wake(mt_pool *pool)
{
    mt_lock_take(&pool->lock);
    pool->wakes++;
    mt_condition_wake_all(&pool->waiting);
    mt_lock_give(&pool->lock);
}
