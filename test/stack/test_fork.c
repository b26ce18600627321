/* SPDX-License-Identifier: BSD-3-Clause */
/* Fork while threads read: parent and children continue, with equal pixels. The memory of workers. */
#include "cache/cache.h"
#include "engine/context.h"
#include "support/contract.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif"
enum { N = 24, SIZE = 48, FORKS = 30 };

typedef struct shared {
    mt_stack *stack;
    float expected[N][SIZE * SIZE];
    atomic_int stop;
} shared;

static int read_batch(shared *s, float (*out)[SIZE * SIZE])
{
    static const int64_t size[3] = { 1, SIZE, SIZE };
    static const int64_t channel = 1;
    int64_t coords[N][3];
    mt_patch_request requests[N];
    for (int i = 0; i < N; i++) {
        coords[i][0] = i % 3;
        coords[i][1] = 7 * i % 60 - 5;
        coords[i][2] = 11 * i % 90 - 5;
        requests[i] = (mt_patch_request) { .stack = s->stack,
                                           .channels = &channel,
                                           .n_channels = 1,
                                           .n_spatial = 3,
                                           .coords = coords[i],
                                           .patch_size = size,
                                           .view = { .data = out[i] } };
    }
    return mt_extract_patches(requests, N, NULL, NULL) == MT_OK;
}

static int is_right(shared *s)
{
    float(*out)[SIZE * SIZE] = calloc(N, sizeof *out);
    int good = out && read_batch(s, out) && memcmp(out, s->expected, sizeof s->expected) == 0;
    free(out);
    return good;
}

static void *read_on(void *argument)
{
    shared *s = argument;
    intptr_t good = 1;
    while (!s->stop)
        good &= is_right(s);
    return (void *)good;
}

static void fork_while_reading(int64_t cache)
{
    skip_if(UNDER_TSAN || UNDER_ASAN, "the sanitizers do not stand a fork while threads work");
    static shared s;
    mt_context_options options = { .struct_size = sizeof options, .threads = 3, .cache_bytes = cache };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    check_ok(mt_stack_open(context, data_path(NAME), NULL, &s.stack, &err), &err);
    assert_true(read_batch(&s, s.expected));
    s.stop = 0;
    pthread_t readers[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &s), 0);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(20); /* a deadlock ends the child */
            leave_child(is_right(&s) && is_right(&s) ? 0 : 1);
        }
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    s.stop = 1;
    for (int i = 0; i < 2; i++) {
        void *good;
        pthread_join(readers[i], &good);
        assert_true((intptr_t)good == 1);
    }
    mt_stack_close(s.stack);
    mt_context_free(context);
}

static void with_a_cache(void **state)
{
    (void)state;
    fork_while_reading(32 << 10); /* too small for all: there is always something to decode */
}

static void without_a_cache(void **state)
{
    (void)state;
    fork_while_reading(MT_NO_CACHE);
}

/* A context of a worker takes an eighth of the memory of others, also in a process that was not forked. */
static void workers_have_an_eighth(void **state)
{
    (void)state;
    uint64_t budgets[2];
    for (int is_worker = 0; is_worker < 2; is_worker++) {
        const mt_context_options options = { .struct_size = sizeof options, .threads = 1, .is_worker = is_worker };
        mt_context *context;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(&options, &context, &err), &err);
        budgets[is_worker] = mt_cache_budget(context->chunks);
        mt_context_free(context);
    }
    assert_int_equal(budgets[1], budgets[0] / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(workers_have_an_eighth), cmocka_unit_test(with_a_cache),
                                        cmocka_unit_test(without_a_cache) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
