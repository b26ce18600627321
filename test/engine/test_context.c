/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory that a context keeps between calls, and what large chunks wait for. */
#include "engine/context.h"
#include "support/support.h"

#include "codec/codec.h"

#include <string.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static mt_context *new_context(int64_t cache)
{
    const mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = cache };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

/* Scratch with a buffer of exactly so many bytes. */
static mt_scratch *new_scratch(mt_context *context, size_t bytes)
{
    mt_scratch *scratch;
    uint8_t *data;
    size_t wanted = bytes < 64 ? 0 : (bytes - 64) * 4 / 5;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_scratch_new(&context->env, &scratch, &err), &err);
    if (bytes > 0) {
        while (wanted + wanted / 4 + 64 < bytes) /* buffers have a quarter to spare */
            wanted++;
        check_ok(mt_scratch_buffer(scratch, 0, wanted, &data, &err), &err);
    }
    assert_int_equal(mt_scratch_bytes(scratch), bytes);
    return scratch;
}

/* Of the scratch of threads that are done, at most 32 MiB and a number of pieces are kept for the next ones. */
static void scratch_that_is_kept(void **state)
{
    (void)state;
    static const struct {
        size_t bytes[3], kept;
    } cases[] = {
        { { 16 * MIB, 16 * MIB, 0 }, 32 * MIB },
        { { 16 * MIB, 16 * MIB, 100 }, 32 * MIB },
        { { 16 * MIB, 16 * MIB + 1, 16 * MIB }, 32 * MIB },
        { { 32 * MIB + 2, 100, 200 }, 300 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_context *context = new_context(0);
        for (int k = 0; k < 3; k++)
            mt_context_give_scratch(context, new_scratch(context, cases[i].bytes[k]));
        size_t kept = 0;
        for (unsigned k = 0; k < context->n_spares; k++)
            kept += mt_scratch_bytes(context->spares[k]);
        assert_int_equal(kept, cases[i].kept);
        mt_context_drop_cache(context);
        assert_int_equal(context->n_spares, 0);
        mt_context_free(context);
    }
    mt_context *context = new_context(0);
    for (int k = 0; k < MT_MAX_SPARES + 2; k++)
        mt_context_give_scratch(context, new_scratch(context, 0));
    assert_int_equal(context->n_spares, MT_MAX_SPARES);
    const uint64_t before = context->env.memory_bytes;
    mt_context_drop_cache(context);
    assert_true(context->env.memory_bytes < before);
    mt_context_free(context);
}

/* What is given back is taken again, and its bytes make room for others. */
static void scratch_that_is_taken_again(void **state)
{
    (void)state;
    mt_context *context = new_context(0);
    mt_scratch *taken, *large = new_scratch(context, 20 * MIB);
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < 3; i++) {
        mt_context_give_scratch(context, large);
        check_ok(mt_context_take_scratch(context, &taken, &err), &err);
        assert_ptr_equal(taken, large);
    }
    mt_context_give_scratch(context, new_scratch(context, 20 * MIB));
    check_ok(mt_context_take_scratch(context, &taken, &err), &err);
    assert_int_equal(mt_scratch_bytes(taken), 20 * MIB);
    mt_scratch_free(taken);
    mt_scratch_free(large);
    mt_context_free(context);
}

/* After a large chunk, a thread keeps its part of a quarter of the cache, or of 16 MiB. */
static void scratch_after_a_large_chunk(void **state)
{
    (void)state;
    static const struct {
        int64_t cache;
        size_t bytes, left;
    } cases[] = {
        { MT_NO_CACHE, 16 * MIB, 16 * MIB },    { MT_NO_CACHE, 16 * MIB + 1, 0 },
        { 64 * (int64_t)MIB, 16 * MIB + 1, 0 }, { 80 * (int64_t)MIB, 20 * MIB, 20 * MIB },
        { 80 * (int64_t)MIB, 20 * MIB + 1, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_context *context = new_context(cases[i].cache);
        mt_scratch *scratch = new_scratch(context, cases[i].bytes);
        assert_true(mt_context_reserve(context, 2 * MIB));
        mt_context_unreserve(context, 2 * MIB, scratch);
        assert_int_equal(mt_scratch_bytes(scratch), cases[i].left);
        mt_scratch_free(scratch);
        mt_context_free(context);
    }
}

/* Chunks of more than 1 MiB are counted. Two that fit the budget together do not wait; one too large for it does not
 * wait if it is alone. */
static void reservations_that_need_not_wait(void **state)
{
    (void)state;
    mt_context *context = new_context(5 * (int64_t)MIB);
    mt_scratch *scratch = new_scratch(context, 0);
    alarm(20);
    assert_false(mt_context_reserve(context, 1 * MIB));
    assert_int_equal(context->large_bytes, 0);
    assert_true(mt_context_reserve(context, 1 * MIB + 1));
    assert_true(mt_context_reserve(context, 4 * MIB - 1)); /* together as much as the budget */
    assert_int_equal(context->large_bytes, 5 * MIB);
    assert_true(context->env.work_bytes >= 5 * MIB);
    mt_context_unreserve(context, 1 * MIB + 1, scratch);
    mt_context_unreserve(context, 4 * MIB - 1, scratch);
    assert_true(mt_context_reserve(context, 9 * MIB));
    mt_context_unreserve(context, 9 * MIB, scratch);
    assert_int_equal(context->large_bytes, 0);
    alarm(0);
    mt_scratch_free(scratch);
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scratch_that_is_kept),
        cmocka_unit_test(scratch_that_is_taken_again),
        cmocka_unit_test(scratch_after_a_large_chunk),
        cmocka_unit_test(reservations_that_need_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
