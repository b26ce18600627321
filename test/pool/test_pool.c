/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/support.h"

#include "pool/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 1000 };

typedef struct job {
    mt_pool *pool;
    atomic_int done[N];
    atomic_int nested;
} job;

static void mark(void *argument, size_t i)
{
    job *j = argument;
    j->done[i]++;
}

static void check_all(job *j, int times)
{
    for (size_t i = 0; i < N; i++)
        assert_int_equal(j->done[i], times);
}

static mt_pool *new_pool(mt_env *env, unsigned threads)
{
    mt_pool *pool;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(env, NULL, NULL);
    check_ok(mt_pool_new(env, threads, &pool, &err), &err);
    assert_int_equal(mt_pool_threads(pool), threads);
    return pool;
}

static void each_piece_once(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 8; threads *= 2) {
        static job j;
        memset(&j, 0, sizeof j);
        mt_env env;
        mt_pool *pool = new_pool(&env, threads);
        for (int run = 1; run <= 20; run++) {
            mt_pool_run(pool, N, mark, &j);
            check_all(&j, run);
        }
        mt_pool_run(pool, 0, mark, &j);
        mt_pool_free(pool);
        assert_int_equal(env.memory_bytes, 0);
    }
}

static void *run_ten(void *argument)
{
    job *j = argument;
    for (int i = 0; i < 10; i++)
        mt_pool_run(j->pool, N, mark, j);
    return NULL;
}

static void several_callers(void **state)
{
    (void)state;
    static job jobs[4];
    pthread_t callers[4];
    mt_env env;
    mt_pool *pool = new_pool(&env, 4);
    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < 4; i++) {
        jobs[i].pool = pool;
        assert_int_equal(pthread_create(&callers[i], NULL, run_ten, &jobs[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(callers[i], NULL);
        check_all(&jobs[i], 10);
    }
    mt_pool_free(pool);
}

/* A caller with an item of its own and one for the worker of a pool of two; each item ends when it is allowed to. */
typedef struct pair {
    mt_pool *pool;
    pthread_t caller;
    atomic_int n_inside, may_end[2]; /* of the caller's item, of the worker's */
} pair;

static void hold(void *argument, size_t i)
{
    pair *p = argument;
    (void)i;
    bool is_worker = !pthread_equal(pthread_self(), p->caller);
    p->n_inside++;
    while (!p->may_end[is_worker])
        usleep(100);
}

static void *run_pair(void *argument)
{
    pair *p = argument;
    p->caller = pthread_self();
    mt_pool_run(p->pool, 2, hold, p);
    return NULL;
}

/* A second caller. */
typedef struct second {
    pair *first;
    pthread_t caller;
    atomic_int helped, early; /* items done by the worker; those among the first */
} second;

/* The worker is free after item 0, and may help after item 50, when the first caller has left. */
static void watch(void *argument, size_t i)
{
    enum { LAST_ALONE = 50, LONG = 100000 };
    second *s = argument;
    s->helped += !pthread_equal(pthread_self(), s->caller);
    if (i == 0) {
        s->first->may_end[1] = 1;
        usleep(50000);
    } else if (i <= LAST_ALONE) {
        usleep(100);
        s->early = s->helped;
    }
    if (i == LAST_ALONE)
        s->first->may_end[0] = 1;
    for (int k = 0; i > LAST_ALONE && k < LONG && s->helped == 0; k++)
        usleep(100);
}

static void callers_count_as_threads(void **state)
{
    (void)state;
    mt_env env;
    pthread_t thread;
    pair first = { .pool = new_pool(&env, 2) };
    second s = { .first = &first, .caller = pthread_self() };
    assert_int_equal(pthread_create(&thread, NULL, run_pair, &first), 0);
    while (first.n_inside < 2)
        usleep(100);
    mt_pool_run(first.pool, 100, watch, &s);
    assert_int_equal(s.early, 0);
    assert_true(s.helped > 0);
    pthread_join(thread, NULL);
    mt_pool_free(first.pool);
}

static void count_nested(void *argument, size_t i)
{
    (void)i;
    ((job *)argument)->nested++;
}

static void call_again(void *argument, size_t i)
{
    job *j = argument;
    (void)i;
    mt_pool_run(j->pool, 10, count_nested, j);
}

static void calls_from_inside(void **state)
{
    (void)state;
    static job j;
    mt_env env;
    memset(&j, 0, sizeof j);
    j.pool = new_pool(&env, 4);
    mt_pool_run(j.pool, 100, call_again, &j);
    assert_int_equal(j.nested, 1000);
    mt_pool_free(j.pool);
}

/* A child has none of the threads, and makes new ones. */
static void children(void **state)
{
    (void)state;
    skip_if(UNDER_TSAN, "the thread sanitizer does not follow a fork");
    static job j;
    mt_env env;
    memset(&j, 0, sizeof j);
    mt_pool *pool = new_pool(&env, 4);
    mt_pool_run(pool, N, mark, &j);
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            mt_pool_run(pool, N, mark, &j);
            mt_pool_free(pool);
            leave_child(j.done[0] == 2 && j.done[N - 1] == 2 ? 0 : 1);
        }
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    mt_pool_run(pool, N, mark, &j);
    check_all(&j, 2);
    mt_pool_free(pool);
}

typedef struct counted_task {
    mt_task task;
    mt_pool *pool;
    atomic_int *left;
} counted_task;

static void count_down(mt_task *task)
{
    counted_task *t = (counted_task *)(void *)task;
    mt_pool *pool = t->pool;
    if (atomic_fetch_sub(t->left, 1) == 1)
        mt_pool_wake(pool);
}

static bool is_zero(void *argument) { return atomic_load((atomic_int *)argument) == 0; }

/* All tasks run, also with no worker at all, while the caller waits. */
static void tasks_while_the_caller_waits(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads++) {
        static counted_task tasks[N];
        mt_env env;
        mt_pool *pool = new_pool(&env, threads);
        for (int run = 0; run < 20; run++) {
            atomic_int left = N;
            for (size_t i = 0; i < N; i++) {
                tasks[i] = (counted_task) { { count_down, NULL }, pool, &left };
                mt_pool_submit(pool, &tasks[i].task);
            }
            mt_pool_wait(pool, is_zero, &left);
            assert_int_equal(left, 0);
        }
        mt_pool_free(pool);
        assert_int_equal(env.memory_bytes, 0);
    }
}

typedef struct submitter {
    mt_pool *pool;
    atomic_int left;
    counted_task tasks[N];
} submitter;

static void *submit_all(void *argument)
{
    submitter *s = argument;
    for (size_t i = 0; i < N; i++) {
        s->tasks[i] = (counted_task) { { count_down, NULL }, s->pool, &s->left };
        mt_pool_submit(s->pool, &s->tasks[i].task);
    }
    return NULL;
}

/* Tasks come from another thread, as a store's do, while jobs run. */
static void tasks_from_elsewhere(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads += 3) {
        static submitter s;
        static job j;
        mt_env env;
        memset(&j, 0, sizeof j);
        s.pool = new_pool(&env, threads);
        for (int run = 1; run <= 20; run++) {
            pthread_t thread;
            s.left = N;
            assert_int_equal(pthread_create(&thread, NULL, submit_all, &s), 0);
            mt_pool_run(s.pool, N, mark, &j);
            mt_pool_wait(s.pool, is_zero, &s.left);
            pthread_join(thread, NULL);
            check_all(&j, run);
        }
        mt_pool_free(s.pool);
        assert_int_equal(env.memory_bytes, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tasks_while_the_caller_waits),
                                        cmocka_unit_test(tasks_from_elsewhere),
                                        cmocka_unit_test(each_piece_once),
                                        cmocka_unit_test(several_callers),
                                        cmocka_unit_test(callers_count_as_threads),
                                        cmocka_unit_test(calls_from_inside),
                                        cmocka_unit_test(children) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
