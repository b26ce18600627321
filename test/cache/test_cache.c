/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/support.h"

#include "cache/cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct maker {
    mt_env *env;
    size_t size;
    uint8_t value;
    mt_status fail;
    _Atomic int calls;
    _Atomic int hold; /* spins while set */
} maker;

static mt_status make(void *argument, void **data, size_t *size, mt_error *err)
{
    maker *m = argument;
    m->calls++;
    while (m->hold)
        usleep(100);
    if (m->fail)
        return mt_fail(err, m->fail, "made to fail");
    mt_status st = mt_alloc(m->env, m->size, data, err);
    if (st)
        return st;
    memset(*data, m->value, m->size);
    *size = m->size;
    return MT_OK;
}

static mt_env env;

static mt_cache *new_cache(uint64_t budget)
{
    mt_cache *cache;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_cache_new(&env, budget, &cache, &err), &err);
    return cache;
}

static mt_cache_entry *get(mt_cache *cache, uint64_t id, maker *m)
{
    mt_cache_entry *entry;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_cache_get(cache, 1, id, make, m, &entry, &err), &err);
    return entry;
}

static void an_entry_is_made_once(void **state)
{
    (void)state;
    mt_cache *cache = new_cache(100000);
    maker m = { .env = &env, .size = 100, .value = 7 };
    assert_null(mt_cache_peek(cache, 1, 5));
    mt_cache_release(cache, get(cache, 5, &m));
    mt_cache_entry *again = get(cache, 5, &m);
    assert_int_equal(m.calls, 1);
    assert_int_equal(again->size, 100);
    assert_int_equal(((uint8_t *)again->data)[99], 7);
    assert_int_equal(mt_cache_bytes(cache), mt_cache_cost(100));
    mt_cache_release(cache, again);
    mt_cache_free(cache);
    assert_int_equal(env.memory_bytes, 0);
}

static void the_budget_is_kept(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 100; size += 100) {
        mt_cache *cache = new_cache(10 * mt_cache_cost(size));
        uint64_t empty = env.memory_bytes;
        maker m = { .env = &env, .size = size };
        for (uint64_t id = 0; id < 200; id++) {
            mt_cache_release(cache, get(cache, id, &m));
            assert_true(mt_cache_bytes(cache) <= 10 * mt_cache_cost(size));
            assert_true(env.memory_bytes <= empty + 10 * mt_cache_cost(size + 1));
        }
        assert_int_equal(mt_cache_bytes(cache), 10 * mt_cache_cost(size));
        mt_cache_free(cache);
        assert_int_equal(env.memory_bytes, 0);
    }
}

/* Also where the budget holds so few that most parts of the cache have none. */
static void what_is_new_is_kept(void **state)
{
    (void)state;
    mt_cache *cache = new_cache(3 * mt_cache_cost(100));
    maker m = { .env = &env, .size = 100 };
    for (uint64_t id = 0; id < 200; id++) {
        mt_cache_release(cache, get(cache, id, &m));
        mt_cache_entry *again = mt_cache_peek(cache, 1, id);
        assert_non_null(again);
        mt_cache_release(cache, again);
    }
    mt_cache_free(cache);
}

static bool is_kept(mt_cache *cache, uint64_t id)
{
    mt_cache_entry *entry = mt_cache_peek(cache, 1, id);
    if (entry)
        mt_cache_release(cache, entry);
    return entry != NULL;
}

/* After any number of uses, what was used last is kept, whichever parts of the cache it lies in. The time is the number
 * of entries made. */
static void what_was_used_last_is_kept(void **state)
{
    (void)state;
    enum { ROOM = 10, MOST = 120 };
    for (uint64_t n = ROOM; n < MOST; n++) {
        uint64_t last_use[MOST] = { 0 }, seed = n;
        mt_cache *cache = new_cache(ROOM * mt_cache_cost(100));
        maker m = { .env = &env, .size = 100 };
        for (uint64_t id = 0; id < n; id++) {
            mt_cache_release(cache, get(cache, id, &m));
            const uint64_t again = (uint64_t)random_between(&seed, (int64_t)(id < 4 ? 0 : id - 4), (int64_t)id);
            assert_true(is_kept(cache, again));
            last_use[id] = last_use[again] = id + 1;
        }
        for (uint64_t id = 0; id < n; id++) {
            uint64_t later = 0, as_late = 0;
            for (uint64_t other = 0; other < n; other++) {
                later += last_use[other] > last_use[id];
                as_late += last_use[other] >= last_use[id];
            }
            if (later >= ROOM || as_late <= ROOM) /* else one of two that were used at the same time */
                assert_int_equal(is_kept(cache, id), later < ROOM);
        }
        mt_cache_free(cache);
    }
}

/* Entries in use are dropped last, but they are: the budget is kept. */
static void entries_in_use(void **state)
{
    (void)state;
    enum { ROOM = 8, HELD = 200 };
    mt_cache_entry *held[HELD];
    mt_cache *cache = new_cache(ROOM * mt_cache_cost(100));
    maker m = { .env = &env, .size = 100 };
    held[0] = get(cache, 0, &m);
    held[1] = get(cache, 1, &m);
    for (uint64_t id = 2; id < 60; id++) {
        mt_cache_release(cache, get(cache, id, &m));
        assert_true(is_kept(cache, id));
    }
    for (int i = 0; i < 2; i++) {
        mt_cache_entry *same = mt_cache_peek(cache, 1, (uint64_t)i);
        assert_ptr_equal(same, held[i]);
        mt_cache_release(cache, same);
        mt_cache_release(cache, same);
    }
    for (uint64_t budget = 0; budget < 3; budget++) {
        mt_cache_set_budget(cache, budget * mt_cache_cost(100));
        for (uint64_t i = 0; i < HELD; i++) {
            held[i] = get(cache, 1000 * (budget + 1) + i, &m);
            assert_true(mt_cache_bytes(cache) <= budget * mt_cache_cost(100));
        }
        for (int i = 0; i < HELD; i++)
            mt_cache_release(cache, held[i]);
    }
    mt_cache_free(cache);
    assert_int_equal(env.memory_bytes, 0);
}

/* Owner 0 means all: no owner has this number, and each has another. */
static void owners_are_numbered(void **state)
{
    (void)state;
    mt_cache *cache = new_cache(100000);
    maker m = { .env = &env, .size = 10 };
    uint64_t owners[3];
    for (int i = 0; i < 3; i++) {
        mt_cache_entry *entry;
        mt_error err = MT_ERROR_INIT;
        owners[i] = mt_cache_new_owner(cache);
        assert_int_not_equal(owners[i], 0);
        check_ok(mt_cache_get(cache, owners[i], 5, make, &m, &entry, &err), &err);
        mt_cache_release(cache, entry);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mt_cache_bytes(cache), (uint64_t)(3 - i) * mt_cache_cost(10));
        mt_cache_drop(cache, owners[i]);
    }
    mt_cache_free(cache);
}

/* Up to 16 MiB of entries, blocks take no more memory than they need; then those that slabs suit come from slabs. */
static void blocks_of_the_cache(void **state)
{
    (void)state;
    enum { BLOCK = 64 << 10 };
    static const struct {
        bool has_slabs;
        uint64_t bytes;
        bool is_in_slab;
    } cases[] = {
        { false, 0, false },      { false, 32 << 20, false }, { true, 0, false }, { true, (16 << 20) - 1, false },
        { true, 16 << 20, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_cache *cache = new_cache((uint64_t)1 << 30);
        mt_cache_entry *entry;
        void *block;
        mt_error err = MT_ERROR_INIT;
        if (cases[i].has_slabs)
            check_ok(mt_cache_use_slabs(cache, &err), &err);
        if (cases[i].bytes) {
            assert_int_equal(mt_cache_begin(cache, 1, 1, &entry), MT_CACHE_MAKE);
            mt_cache_finish(cache, entry, NULL, cases[i].bytes - mt_cache_cost(0));
            mt_cache_release(cache, entry);
            assert_int_equal(mt_cache_bytes(cache), cases[i].bytes);
        }
        const uint64_t before = env.memory_bytes;
        check_ok(mt_cache_alloc(cache, BLOCK, &block, &err), &err);
        memset(block, 1, BLOCK);
        if (!cases[i].is_in_slab)
            assert_int_equal(env.memory_bytes, before + BLOCK);
        else if (!UNDER_ASAN) /* it has no huge pages */
            assert_true(env.memory_bytes > before + BLOCK);
        mt_cache_dealloc(cache, block, BLOCK);
        mt_cache_free(cache);
        assert_int_equal(env.memory_bytes, 0);
    }
}

static void a_dropped_entry_lives_for_its_users(void **state)
{
    (void)state;
    mt_cache *cache = new_cache(0);
    maker m = { .env = &env, .size = 100, .value = 3 };
    mt_cache_entry *entry = get(cache, 1, &m);
    assert_int_equal(mt_cache_bytes(cache), 0);
    assert_null(mt_cache_peek(cache, 1, 1));
    mt_cache_drop(cache, 1);
    assert_int_equal(((uint8_t *)entry->data)[0], 3);
    mt_cache_release(cache, entry);
    mt_cache_free(cache);
    assert_int_equal(env.memory_bytes, 0);
}

static void a_failure_is_not_kept(void **state)
{
    (void)state;
    mt_cache *cache = new_cache(100000);
    maker m = { .env = &env, .size = 10, .fail = MT_E_CORRUPT };
    mt_cache_entry *entry;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_cache_get(cache, 1, 1, make, &m, &entry, &err), MT_E_CORRUPT);
    assert_string_equal(err.message, "made to fail");
    m.fail = MT_OK;
    mt_cache_release(cache, get(cache, 1, &m));
    assert_int_equal(m.calls, 2);
    mt_cache_free(cache);
    assert_int_equal(env.memory_bytes, 0);
}

static void an_owner_is_dropped_alone(void **state)
{
    (void)state;
    mt_cache *cache = new_cache(100000);
    maker m = { .env = &env, .size = 10 };
    mt_cache_entry *entry;
    mt_error err = MT_ERROR_INIT;
    for (uint64_t owner = 1; owner <= 2; owner++)
        for (uint64_t id = 0; id < 50; id++) {
            check_ok(mt_cache_get(cache, owner, id, make, &m, &entry, &err), &err);
            mt_cache_release(cache, entry);
        }
    mt_cache_drop(cache, 1);
    assert_int_equal(mt_cache_bytes(cache), 50 * mt_cache_cost(10));
    assert_null(mt_cache_peek(cache, 1, 3));
    entry = mt_cache_peek(cache, 2, 3);
    assert_non_null(entry);
    mt_cache_release(cache, entry);
    mt_cache_free(cache);
}

typedef struct asker {
    mt_cache *cache;
    maker *m;
    mt_status status;
} asker;

static void *ask(void *argument)
{
    asker *a = argument;
    mt_cache_entry *entry;
    a->status = mt_cache_get(a->cache, 1, 1, make, a->m, &entry, NULL);
    if (!a->status)
        mt_cache_release(a->cache, entry);
    return NULL;
}

static void those_who_ask_meanwhile_wait(void **state)
{
    (void)state;
    for (int fails = 0; fails < 2; fails++) {
        mt_cache *cache = new_cache(100000);
        maker m = { .env = &env, .size = 100, .hold = 1, .fail = fails ? MT_E_IO : MT_OK };
        pthread_t threads[8];
        asker askers[8];
        for (int i = 0; i < 8; i++) {
            askers[i] = (asker) { .cache = cache, .m = &m };
            assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
        }
        usleep(20000);
        m.hold = 0;
        for (int i = 0; i < 8; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(askers[i].status, m.fail);
        }
        if (!fails)
            assert_int_equal(m.calls, 1);
        mt_cache_free(cache);
        assert_int_equal(env.memory_bytes, 0);
    }
}

/* A maker that collects its reads gives up with MT_WAIT, which must not become the outcome of those who wait for it. */
static void whoever_waited_makes_what_another_put_off(void **state)
{
    (void)state;
    mt_cache *cache = new_cache(100000);
    maker held = { .env = &env, .size = 100, .hold = 1, .fail = MT_WAIT }, own = { .env = &env, .size = 100 };
    asker first = { .cache = cache, .m = &held }, second = { .cache = cache, .m = &own };
    pthread_t threads[2];
    assert_int_equal(pthread_create(&threads[0], NULL, ask, &first), 0);
    while (held.calls == 0)
        usleep(100);
    assert_int_equal(pthread_create(&threads[1], NULL, ask, &second), 0);
    usleep(20000); /* the second waits for the first */
    held.hold = 0;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(first.status, MT_WAIT);
    assert_int_equal(second.status, MT_OK);
    assert_int_equal(own.calls, 1);
    mt_cache_free(cache);
}

static void a_child_makes_what_its_parent_was_making(void **state)
{
    (void)state;
    mt_cache *cache = new_cache(100000);
    maker held = { .env = &env, .size = 100, .hold = 1 }, own = { .env = &env, .size = 100, .value = 9 };
    asker a = { .cache = cache, .m = &held };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ask, &a), 0);
    while (held.calls == 0)
        usleep(100);
    pid_t child = fork();
    if (child == 0) {
        mt_cache_entry *entry;
        mt_status st = mt_cache_get(cache, 1, 1, make, &own, &entry, NULL);
        leave_child(st == MT_OK && ((uint8_t *)entry->data)[0] == 9 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    held.hold = 0;
    pthread_join(thread, NULL);
    assert_int_equal(a.status, MT_OK);
    assert_int_equal(status, 0);
    mt_cache_free(cache);
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    for (size_t k = 0;; k++) {
        failing_allocator failing;
        mt_allocator allocator = failing_allocator_make(&failing, k, 0);
        mt_env_init(&env, &allocator, NULL);
        mt_cache *cache = NULL;
        maker m = { .env = &env, .size = 100 };
        mt_status st = mt_cache_new(&env, 1000000, &cache, NULL);
        for (uint64_t id = 0; !st && id < 2000; id += 1) {
            mt_cache_entry *entry;
            st = mt_cache_get(cache, 1, id * 16, make, &m, &entry, NULL);
            if (!st)
                mt_cache_release(cache, entry);
        }
        mt_cache_free(cache);
        assert_int_equal(env.memory_bytes, 0);
        if (failing.count <= k || k > 60)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_made_once),
        cmocka_unit_test(the_budget_is_kept),
        cmocka_unit_test(what_is_new_is_kept),
        cmocka_unit_test(what_was_used_last_is_kept),
        cmocka_unit_test(entries_in_use),
        cmocka_unit_test(owners_are_numbered),
        cmocka_unit_test(blocks_of_the_cache),
        cmocka_unit_test(a_dropped_entry_lives_for_its_users),
        cmocka_unit_test(a_failure_is_not_kept),
        cmocka_unit_test(an_owner_is_dropped_alone),
        cmocka_unit_test(those_who_ask_meanwhile_wait),
        cmocka_unit_test(whoever_waited_makes_what_another_put_off),
        cmocka_unit_test(a_child_makes_what_its_parent_was_making),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
