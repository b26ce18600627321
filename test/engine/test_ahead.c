/* SPDX-License-Identifier: BSD-3-Clause */
/* Background tasks: one after the other, in a thread of their own, also in a forked child. */
#include "engine/ahead.h"
#include "support/support.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TASKS = 200 };

typedef struct job {
    mt_task task; /* first */
    struct list *list;
    int number;
} job;

typedef struct list {
    mt_env env;
    mt_ahead *ahead;
    job jobs[TASKS];
    _Atomic int n_begun, n_done;
    int order[TASKS];     /* numbers of the jobs that have run */
    pthread_t thread;     /* of the first of them */
    bool is_elsewhere;    /* one ran in another thread, or while another one ran */
    _Atomic bool is_held; /* jobs wait */
} list;

static void run(mt_task *task)
{
    job *j = (job *)(void *)task;
    list *l = j->list;
    const int n = l->n_begun++;
    while (l->is_held)
        sched_yield();
    if (n == 0)
        l->thread = pthread_self();
    l->is_elsewhere |= !pthread_equal(l->thread, pthread_self()) || l->n_done != n;
    l->order[n] = j->number;
    if (j->number + TASKS / 2 < TASKS) { /* a task may queue another one */
        job *next = &l->jobs[j->number + TASKS / 2];
        l->is_elsewhere |= mt_ahead_submit(l->ahead, &next->task, NULL) != MT_OK;
    }
    l->n_done++;
}

static void open_list(list *l)
{
    mt_error err = MT_ERROR_INIT;
    memset(l, 0, sizeof *l);
    mt_env_init(&l->env, NULL, NULL);
    check_ok(mt_ahead_new(&l->env, &l->ahead, &err), &err);
    for (int i = 0; i < TASKS; i++)
        l->jobs[i] = (job) { .task = { .run = run }, .list = l, .number = i };
}

static void wait_for(const list *l, int n)
{
    while (l->n_done < n)
        sched_yield();
}

static void tasks_run_one_after_the_other(void **state)
{
    (void)state;
    static list l;
    mt_error err = MT_ERROR_INIT;
    open_list(&l);
    l.is_held = true;
    for (int i = 0; i < TASKS / 2; i++)
        check_ok(mt_ahead_submit(l.ahead, &l.jobs[i].task, &err), &err);
    while (l.n_begun == 0) /* submitting does not wait for the tasks */
        sched_yield();
    assert_int_equal(l.n_done, 0);
    l.is_held = false;
    wait_for(&l, TASKS);
    mt_ahead_free(l.ahead);
    assert_false(l.is_elsewhere);
    assert_false(pthread_equal(l.thread, pthread_self()));
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(l.order[i], i);
    assert_int_equal(l.env.memory_bytes, 0);
}

static void without_a_task(void **state)
{
    (void)state;
    static list l;
    open_list(&l);
    mt_ahead_free(l.ahead);
    mt_ahead_free(NULL);
    assert_int_equal(l.env.memory_bytes, 0);
}

/* What was queued before the fork runs in the parent only. */
static void a_child_has_a_thread_of_its_own(void **state)
{
    (void)state;
    skip_if(UNDER_TSAN || UNDER_ASAN, "the sanitizers do not stand a fork while threads work");
    static list l;
    mt_error err = MT_ERROR_INIT;
    open_list(&l);
    l.is_held = true;
    for (int i = TASKS / 2; i < TASKS - 1; i++)
        check_ok(mt_ahead_submit(l.ahead, &l.jobs[i].task, &err), &err);
    while (l.n_begun == 0)
        sched_yield();
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        l.is_held = false;
        l.n_begun = 0;
        if (mt_ahead_submit(l.ahead, &l.jobs[TASKS - 1].task, NULL))
            leave_child(1);
        wait_for(&l, 1);
        mt_ahead_free(l.ahead);
        leave_child(l.n_done == 1 && l.order[0] == TASKS - 1 && !l.is_elsewhere ? 0 : 2);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    l.is_held = false;
    wait_for(&l, TASKS / 2 - 1);
    mt_ahead_free(l.ahead);
    assert_int_equal(l.order[0], TASKS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_run_one_after_the_other),
        cmocka_unit_test(without_a_task),
        cmocka_unit_test(a_child_has_a_thread_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
