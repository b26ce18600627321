/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/support.h"

#include "cache/cache.h"
#include "cache/slabs.h"

#include <stdlib.h>
#include <string.h>

static mt_env env;

static mt_slabs *new_slabs(void)
{
    mt_slabs *slabs;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_slabs_new(&env, &slabs, &err), &err);
    return slabs;
}

/* False where there are no huge pages. */
static bool has_slabs(void)
{
    mt_slabs *slabs = new_slabs();
    void *block = mt_slabs_take(slabs, 1 << 17);
    if (block)
        mt_slabs_give(slabs, block);
    mt_slabs_free(slabs);
    return block != NULL;
}

typedef struct held {
    uint8_t *block;
    size_t size;
    uint8_t value;
} held;

static void check_held(const held *h)
{
    for (size_t i = 0; i < h->size; i += 509)
        assert_int_equal(h->block[i], h->value);
    assert_int_equal(h->block[h->size - 1], h->value);
}

/* Blocks keep what was written into them, so none overlap. */
static void blocks_are_apart(void **state)
{
    (void)state;
    enum { MOST = 200, STEPS = 4000 };
    static const size_t sizes[] = { 16 << 10, 17 << 10, 100001, 128 << 10, 300000, 1 << 20 };
    held all[MOST];
    uint64_t random = 1;
    size_t n = 0;
    skip_if(!has_slabs(), "no huge pages");
    mt_slabs *slabs = new_slabs();
    for (int step = 0; step < STEPS; step++) {
        size_t size = sizes[random_between(&random, 0, 5)];
        if (n < MOST && random_between(&random, 0, 9) < 6) {
            all[n] = (held) { .block = mt_slabs_take(slabs, size), .size = size, .value = (uint8_t)step };
            assert_int_equal((uintptr_t)all[n].block % 64, 0);
            if (all[n].block)
                memset(all[n].block, all[n].value, size), n++;
        } else if (n > 0) {
            size_t i = (size_t)random_between(&random, 0, (int64_t)n - 1);
            check_held(&all[i]);
            assert_true(mt_slabs_give(slabs, all[i].block));
            all[i] = all[--n];
        }
    }
    assert_true(n > MOST / 2);
    while (n-- > 0) {
        check_held(&all[n]);
        assert_true(mt_slabs_give(slabs, all[n].block));
    }
    mt_slabs_free(slabs);
    assert_int_equal(env.memory_bytes, 0);
}

static void other_memory_is_told_apart(void **state)
{
    (void)state;
    uint8_t own[64];
    mt_slabs *slabs = new_slabs();
    assert_null(mt_slabs_take(slabs, (16 << 10) - 1));
    assert_null(mt_slabs_take(slabs, (1 << 20) + 1));
    assert_false(mt_slabs_give(slabs, own));
    void *block = mt_slabs_take(slabs, 1 << 17), *after = malloc(1 << 17);
    assert_false(mt_slabs_give(slabs, own));
    assert_false(mt_slabs_give(slabs, after));
    free(after);
    if (block)
        assert_true(mt_slabs_give(slabs, block));
    mt_slabs_free(slabs);
    assert_int_equal(env.memory_bytes, 0);
}

/* A block in each slab is left: their memory is not taken for blocks of another size without end. */
static void little_is_unused(void **state)
{
    (void)state;
    enum { N = 1024, SIZE = 128 << 10, A_SLAB = (2 << 20) / SIZE };
    void *blocks[N], *others[N];
    size_t n = 0;
    skip_if(!has_slabs(), "no huge pages");
    mt_slabs *slabs = new_slabs();
    for (size_t i = 0; i < N; i++)
        assert_non_null(blocks[i] = mt_slabs_take(slabs, SIZE));
    for (size_t i = 0; i < N; i++)
        if (i % A_SLAB != 0)
            assert_true(mt_slabs_give(slabs, blocks[i]));
    while (n < N && (others[n] = mt_slabs_take(slabs, SIZE / 2)))
        n++;
    assert_int_equal(n, 0);
    for (size_t i = 0; i < N; i += A_SLAB)
        assert_true(mt_slabs_give(slabs, blocks[i]));
    assert_int_equal(mt_slabs_give(slabs, blocks[0]), false);
    assert_non_null(others[0] = mt_slabs_take(slabs, SIZE / 2));
    assert_true(mt_slabs_give(slabs, others[0]));
    mt_slabs_free(slabs);
    assert_int_equal(env.memory_bytes, 0);
}

static void failing_allocations_give_no_block(void **state)
{
    (void)state;
    for (size_t k = 0;; k++) {
        failing_allocator failing;
        mt_allocator allocator = failing_allocator_make(&failing, k, 0);
        mt_env_init(&env, &allocator, NULL);
        mt_slabs *slabs = NULL;
        if (!mt_slabs_new(&env, &slabs, NULL)) {
            void *block = mt_slabs_take(slabs, 1 << 17);
            if (block)
                assert_true(mt_slabs_give(slabs, block));
        }
        mt_slabs_free(slabs);
        assert_int_equal(env.memory_bytes, 0);
        if (failing.count <= k)
            return;
    }
}

/* A cache takes the first 16 MiB from its allocator, and then slabs; it keeps its budget all the same. */
static void a_cache_fills_slabs(void **state)
{
    (void)state;
    enum { SIZE = 128 << 10, BUDGET = 64 << 20, N = 2000 };
    mt_cache *cache;
    mt_error err = MT_ERROR_INIT, none = MT_ERROR_INIT;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_cache_new(&env, BUDGET, &cache, &err), &err);
    check_ok(mt_cache_use_slabs(cache, &err), &err);
    for (uint64_t id = 0; id < N; id++) {
        mt_cache_entry *entry;
        void *data;
        assert_int_equal(mt_cache_begin(cache, 1, id, &entry), MT_CACHE_MAKE);
        check_ok(mt_cache_alloc(cache, SIZE, &data, &err), &err);
        memset(data, (int)id, SIZE);
        if (id % 5 == 0) {
            mt_cache_dealloc(cache, data, SIZE);
            mt_cache_fail(cache, entry, MT_E_CORRUPT, &none);
        } else {
            mt_cache_finish(cache, entry, data, SIZE);
            mt_cache_release(cache, entry);
        }
        assert_true(env.memory_bytes < BUDGET + (4 << 20));
    }
    for (uint64_t id = N - 400; id < N; id++) {
        mt_cache_entry *entry = mt_cache_peek(cache, 1, id);
        assert_int_equal(entry != NULL, id % 5 != 0);
        for (size_t i = 0; entry && i < SIZE; i += 4096)
            assert_int_equal(((uint8_t *)entry->data)[i], (uint8_t)id);
        if (entry)
            mt_cache_release(cache, entry);
    }
    mt_cache_free(cache);
    assert_int_equal(env.memory_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_apart),    cmocka_unit_test(other_memory_is_told_apart),
        cmocka_unit_test(little_is_unused),    cmocka_unit_test(failing_allocations_give_no_block),
        cmocka_unit_test(a_cache_fills_slabs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
