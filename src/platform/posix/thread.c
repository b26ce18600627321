/* SPDX-License-Identifier: BSD-3-Clause */
#include "platform/thread.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Guards the list of all locks, which a fork takes. With the default context, the only global state of the library. */
static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
static mt_lock *all_locks;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static int fork_error;
static bool forked;

static void before_fork(void)
{
    pthread_mutex_lock(&list_mutex);
    for (mt_lock *l = all_locks; l; l = l->next)
        pthread_mutex_lock(&l->mutex);
}

static void after_fork_in_parent(void)
{
    for (mt_lock *l = all_locks; l; l = l->next)
        pthread_mutex_unlock(&l->mutex);
    pthread_mutex_unlock(&list_mutex);
}

static void after_fork_in_child(void)
{
    forked = true;
    for (mt_lock *l = all_locks; l; l = l->next) {
        pthread_mutex_init(&l->mutex, NULL);
        if (l->on_child)
            l->on_child(l->owner);
    }
    pthread_mutex_init(&list_mutex, NULL);
}

bool mt_process_is_forked(void) { return forked; }

static void watch_forks(void) { fork_error = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); }

mt_status mt_lock_init(mt_lock *lock, void (*on_child)(void *owner), void *owner, mt_error *err)
{
    pthread_once(&fork_once, watch_forks);
    int code = fork_error ? fork_error : pthread_mutex_init(&lock->mutex, NULL);
    if (code)
        return mt_fail(err, MT_E_MEMORY, "cannot make a lock: %s", strerror(code));
    lock->on_child = on_child;
    lock->owner = owner;
    lock->previous = NULL;
    pthread_mutex_lock(&list_mutex);
    lock->next = all_locks;
    if (all_locks)
        all_locks->previous = lock;
    all_locks = lock;
    pthread_mutex_unlock(&list_mutex);
    return MT_OK;
}

void mt_lock_destroy(mt_lock *lock)
{
    pthread_mutex_lock(&list_mutex);
    *(lock->previous ? &lock->previous->next : &all_locks) = lock->next;
    if (lock->next)
        lock->next->previous = lock->previous;
    pthread_mutex_unlock(&list_mutex);
    pthread_mutex_destroy(&lock->mutex);
}

void mt_lock_take(mt_lock *lock) { pthread_mutex_lock(&lock->mutex); }
void mt_lock_give(mt_lock *lock) { pthread_mutex_unlock(&lock->mutex); }

/* Timed waits use the monotonic clock: setting the system time does not affect them. */
static int init_condition(mt_condition *condition)
{
    pthread_condattr_t monotonic;
    int code = pthread_condattr_init(&monotonic);
    if (code)
        return code;
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    code = pthread_cond_init(&condition->condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return code;
}

mt_status mt_condition_init(mt_condition *condition, mt_error *err)
{
    int code = init_condition(condition);
    return code ? mt_fail(err, MT_E_MEMORY, "cannot make a condition: %s", strerror(code)) : MT_OK;
}

void mt_condition_destroy(mt_condition *condition) { pthread_cond_destroy(&condition->condition); }
void mt_condition_wait(mt_condition *condition, mt_lock *lock)
{
    pthread_cond_wait(&condition->condition, &lock->mutex);
}

void mt_condition_wait_for(mt_condition *condition, mt_lock *lock, unsigned milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + (uint64_t)milliseconds * 1000000;
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_cond_timedwait(&condition->condition, &lock->mutex, &until);
}

void mt_sleep(unsigned milliseconds)
{
    const struct timespec time = { milliseconds / 1000, (long)(milliseconds % 1000) * 1000000 };
    (void)nanosleep(&time, NULL);
}

void mt_condition_wake_one(mt_condition *condition) { pthread_cond_signal(&condition->condition); }
void mt_condition_wake_all(mt_condition *condition) { pthread_cond_broadcast(&condition->condition); }
void mt_condition_reset(mt_condition *condition) { (void)init_condition(condition); }

static void *run_thread(void *argument)
{
    const mt_thread *thread = argument;
    thread->run(thread->argument);
    return NULL;
}

mt_status mt_thread_start(mt_thread *thread, void (*run)(void *), void *argument, mt_error *err)
{
    thread->run = run;
    thread->argument = argument;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* inherited by the thread: the program handles signals */
    int code = pthread_create(&thread->handle, NULL, run_thread, thread);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return code ? mt_fail(err, MT_E_MEMORY, "cannot start a thread: %s", strerror(code)) : MT_OK;
}

void mt_thread_join(mt_thread *thread) { pthread_join(thread->handle, NULL); }
void mt_once_run(mt_once *once, void (*run)(void)) { pthread_once(once, run); }

/* Reads at most n numbers from a file of the control group and returns how many: 0 if it contains "max" or "-1". */
static int read_numbers(const char *folder, const char *name, uint64_t *out, int n)
{
    char path[4096], text[64] = "";
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    char *at = fgets(text, sizeof text, file);
    fclose(file);
    int found = 0;
    for (; at && found < n && *at >= '0' && *at <= '9'; found++) {
        out[found] = strtoull(at, &at, 10);
        at += strspn(at, " ");
    }
    return found;
}

unsigned mt_processor_quota(const char *folder)
{
    uint64_t quota[2]; /* microseconds of processor time per period; period in microseconds */
    if (read_numbers(folder, "cpu.max", quota, 2) != 2 &&
        (!read_numbers(folder, "cpu/cpu.cfs_quota_us", &quota[0], 1) ||
         !read_numbers(folder, "cpu/cpu.cfs_period_us", &quota[1], 1)))
        return UINT_MAX;
    if (quota[1] == 0 || quota[0] / quota[1] >= UINT_MAX)
        return UINT_MAX;
    unsigned n = (unsigned)(quota[0] / quota[1] + (quota[0] % quota[1] != 0));
    return n > 0 ? n : 1;
}

static unsigned count_processors(void)
{
#ifdef CPU_COUNT
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

#define CONTROL_GROUP "/sys/fs/cgroup"

unsigned mt_processor_count(void)
{
    unsigned n = count_processors(), quota = mt_processor_quota(CONTROL_GROUP);
    return quota < n ? quota : n;
}

uint64_t mt_memory_size(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t size = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : (uint64_t)1 << 30;
    const char *const limits[] = { "memory.max", "memory/memory.limit_in_bytes" };
    for (int i = 0; i < 2; i++) {
        uint64_t limit;
        if (read_numbers(CONTROL_GROUP, limits[i], &limit, 1) && limit < size)
            size = limit;
    }
    return size;
}

uint64_t mt_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
