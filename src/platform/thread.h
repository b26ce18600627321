/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads and locks.
 *
 * Every lock of the library is a leaf: no lock is taken while another is held. So a fork can take them all, in any
 * order, and find the data behind each consistent in the child. */
#ifndef MT_PLATFORM_THREAD_H
#define MT_PLATFORM_THREAD_H

#include "base/env.h"

#include <pthread.h>
#include <stdbool.h>

/* A lock that survives fork. After a fork the child runs on_child (NULL: nothing) for it, with the lock free and no
 * other thread alive. */
typedef struct mt_lock {
    pthread_mutex_t mutex;
    struct mt_lock *next, *previous; /* all locks of the process */
    void (*on_child)(void *owner);
    void *owner;
} mt_lock;

MT_MUST_CHECK mt_status mt_lock_init(mt_lock *lock, void (*on_child)(void *owner), void *owner, mt_error *err);
void mt_lock_destroy(mt_lock *lock);
void mt_lock_take(mt_lock *lock);
void mt_lock_give(mt_lock *lock);

typedef struct mt_condition {
    pthread_cond_t condition;
} mt_condition;

MT_MUST_CHECK mt_status mt_condition_init(mt_condition *condition, mt_error *err);
void mt_condition_destroy(mt_condition *condition);
void mt_condition_wait(mt_condition *condition, mt_lock *lock);
/* As mt_condition_wait, but not longer than so many milliseconds. */
void mt_condition_wait_for(mt_condition *condition, mt_lock *lock, unsigned milliseconds);
void mt_condition_wake_one(mt_condition *condition);
void mt_condition_wake_all(mt_condition *condition);
/* In the child of a fork, for one whose waiters no longer exist. */
void mt_condition_reset(mt_condition *condition);

typedef struct mt_thread {
    pthread_t handle;
    void (*run)(void *);
    void *argument;
} mt_thread;

/* Starts a thread that blocks all signals. *thread stays where it is until it is joined. */
MT_MUST_CHECK mt_status mt_thread_start(mt_thread *thread, void (*run)(void *), void *argument, mt_error *err);
void mt_thread_join(mt_thread *thread);

/* Runs once per process; later and concurrent callers wait until it has run. */
typedef pthread_once_t mt_once;
#define MT_ONCE_INIT PTHREAD_ONCE_INIT
void mt_once_run(mt_once *once, void (*run)(void));

bool mt_process_is_forked(void);   /* from one that had a lock */
unsigned mt_processor_count(void); /* those this process may use; at least 1 */
/* As many processors as the control group below a folder may use, rounded up; UINT_MAX: no limit. Source: the Linux
 * kernel's cgroup-v2.rst, cpu.max, and sched-bwc.rst, cpu.cfs_quota_us. */
unsigned mt_processor_quota(const char *folder);
uint64_t mt_memory_size(void); /* bytes this process may use: the machine's, or its control group's */
uint64_t mt_clock_ns(void);    /* monotonic */

#endif
