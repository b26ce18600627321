/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/ahead.h"

#include "platform/thread.h"

#include <string.h>

struct mt_ahead {
    mt_env *env;
    mt_lock lock;
    mt_condition wake; /* a task is queued, or the thread must stop */
    mt_task *first, *last;
    bool is_started, is_stopping;
    mt_thread thread;
};

static void run_thread(void *argument)
{
    mt_ahead *a = argument;
    mt_lock_take(&a->lock);
    while (!a->is_stopping) {
        mt_task *task = a->first;
        if (!task) {
            mt_condition_wait(&a->wake, &a->lock);
            continue;
        }
        a->first = task->next;
        mt_lock_give(&a->lock);
        task->run(task); /* task may be freed from now on */
        mt_lock_take(&a->lock);
    }
    mt_lock_give(&a->lock);
}

/* In a forked child: neither the thread nor waiters exist. */
static void forget_thread(void *owner)
{
    mt_ahead *a = owner;
    a->first = NULL;
    a->is_started = false;
    mt_condition_reset(&a->wake);
}

mt_status mt_ahead_new(mt_env *env, mt_ahead **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(env, sizeof(mt_ahead), &memory, err);
    if (st)
        return st;
    mt_ahead *a = memset(memory, 0, sizeof(mt_ahead));
    a->env = env;
    if ((st = mt_condition_init(&a->wake, err))) {
        mt_release(env, a, sizeof *a);
        return st;
    }
    if ((st = mt_lock_init(&a->lock, forget_thread, a, err))) {
        mt_condition_destroy(&a->wake);
        mt_release(env, a, sizeof *a);
        return st;
    }
    *out = a;
    return MT_OK;
}

void mt_ahead_free(mt_ahead *a)
{
    if (!a)
        return;
    mt_lock_take(&a->lock);
    a->is_stopping = true;
    bool is_started = a->is_started;
    mt_condition_wake_all(&a->wake);
    mt_lock_give(&a->lock);
    if (is_started)
        mt_thread_join(&a->thread);
    mt_lock_destroy(&a->lock);
    mt_condition_destroy(&a->wake);
    mt_release(a->env, a, sizeof *a);
}

mt_status mt_ahead_submit(mt_ahead *a, mt_task *task, mt_error *err)
{
    mt_status st = MT_OK;
    task->next = NULL;
    mt_lock_take(&a->lock);
    if (!a->is_started)
        st = mt_thread_start(&a->thread, run_thread, a, err);
    if (!st) {
        a->is_started = true;
        *(a->first ? &a->last->next : &a->first) = task;
        a->last = task;
        mt_condition_wake_one(&a->wake);
    }
    mt_lock_give(&a->lock);
    return st;
}
