/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads and locks.
 *
 * Every lock of the library is a leaf: no lock is taken while another is held. So a fork can take all locks in any
 * order, and the child finds the data that they guard consistent. */
#ifndef MT_PLATFORM_THREAD_H
#define MT_PLATFORM_THREAD_H

#include "base/env.h"

#include <pthread.h>
#include <stdbool.h>

/* A lock that survives fork. */
typedef struct mt_lock {
    pthread_mutex_t mutex;           /* the lock itself */
    struct mt_lock *next, *previous; /* list of all locks of the process */
    void (*on_child)(void *owner);   /* called in a forked child, with the lock free and one thread; or NULL */
    void *owner;                     /* passed to on_child */
} mt_lock;

MT_MUST_CHECK mt_status mt_lock_init(mt_lock *lock, void (*on_child)(void *owner), void *owner, mt_error *err);
void mt_lock_destroy(mt_lock *lock);
void mt_lock_take(mt_lock *lock);
void mt_lock_give(mt_lock *lock);

typedef struct mt_condition {
    pthread_cond_t condition; /* uses the monotonic clock */
} mt_condition;

MT_MUST_CHECK mt_status mt_condition_init(mt_condition *condition, mt_error *err);
void mt_condition_destroy(mt_condition *condition);
void mt_condition_wait(mt_condition *condition, mt_lock *lock);
/* Like mt_condition_wait, with a timeout. */
void mt_condition_wait_for(mt_condition *condition, mt_lock *lock, unsigned milliseconds);
void mt_sleep(unsigned milliseconds); /* or less, if a signal comes */
void mt_condition_wake_one(mt_condition *condition);
void mt_condition_wake_all(mt_condition *condition);
/* Reinitializes a condition in a forked child, where its waiters do not exist. */
void mt_condition_reset(mt_condition *condition);

typedef struct mt_thread {
    pthread_t handle;    /* for joining */
    void (*run)(void *); /* the thread's function */
    void *argument;      /* passed to run */
} mt_thread;

/* Starts a thread that blocks all signals. *thread must not move until it is joined. */
MT_MUST_CHECK mt_status mt_thread_start(mt_thread *thread, void (*run)(void *), void *argument, mt_error *err);
void mt_thread_join(mt_thread *thread);

/* Runs a function once per process; concurrent callers wait until it has returned. */
typedef pthread_once_t mt_once;
#define MT_ONCE_INIT PTHREAD_ONCE_INIT
void mt_once_run(mt_once *once, void (*run)(void));

bool mt_process_is_forked(void);   /* forked from a process that had a lock */
unsigned mt_processor_count(void); /* processors available to this process, at least 1 */
/* The processors that the control group in a folder may use, rounded up; UINT_MAX: no limit. Source: the Linux kernel's
 * cgroup-v2.rst, cpu.max, and sched-bwc.rst, cpu.cfs_quota_us. */
unsigned mt_processor_quota(const char *folder);
uint64_t mt_memory_size(void); /* bytes available to this process: the machine's, or its control group's limit */
uint64_t mt_clock_ns(void);    /* monotonic */

#endif
