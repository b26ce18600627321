/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that is counted, arenas, and the reader and the buffer of bytes: at their bounds. */
#include "support/support.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/reader.h"

#include <string.h>

static void memory_is_counted(void **state)
{
    (void)state;
    static const size_t sizes[] = { 100, 40, 40, 300, 200, 250 };
    static const uint64_t peaks[] = { 107, 107, 107, 307, 307, 307 };
    mt_env env;
    void *other, *memory = NULL;
    char *text;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_alloc(&env, 0, &other, &err), &err); /* one byte */
    check_ok(mt_copy_text(&env, "abcde", &text, &err), &err);
    assert_string_equal(text, "abcde");
    for (size_t i = 0, old = 0; i < sizeof sizes / sizeof *sizes; old = sizes[i++]) {
        memory = mt_resize(&env, memory, old, sizes[i]);
        assert_non_null(memory);
        assert_int_equal(env.memory_bytes, 7 + sizes[i]);
        assert_int_equal(env.memory_peak, peaks[i]);
    }
    mt_release(&env, memory, 250);
    assert_int_equal(env.memory_bytes, 7);
    mt_release(&env, NULL, 250);
    mt_release(&env, other, 0);
    mt_release(&env, text, 6);
    assert_int_equal(env.memory_bytes, 0);
    assert_int_equal(env.memory_peak, 307);
}

/* A block that cannot grow stays, and so does its count. */
static void memory_that_is_refused(void **state)
{
    (void)state;
    failing_allocator failing;
    mt_allocator allocator = failing_allocator_make(&failing, 1, 1);
    mt_env env;
    void *memory, *none;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&env, &allocator, NULL);
    check_ok(mt_alloc(&env, 10, &memory, &err), &err);
    assert_null(mt_resize(&env, memory, 10, 20));
    assert_int_equal(env.memory_bytes, 10);
    check_failed(mt_alloc(&env, 5, &none, &err), MT_E_MEMORY, &err, "out of memory (5 bytes)");
    assert_int_equal(env.memory_bytes, 10);
    assert_int_equal(env.memory_peak, 10);
    mt_release(&env, memory, 10);
    assert_int_equal(env.memory_bytes, 0);
}

/* What two items take, in an arena of its own, whose limit is max_metadata_bytes; 0: they are refused. */
static uint64_t memory_of_items(const size_t bytes[2], size_t limit)
{
    mt_limits limits = { .max_metadata_bytes = limit };
    mt_env env;
    mt_arena *arena;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&env, NULL, &limits);
    check_ok(mt_arena_new(&env, &arena, &err), &err);
    uint64_t empty = env.memory_bytes, taken = 0;
    char *items[2] = { NULL, NULL };
    for (int i = 0; i < 2; i++)
        if ((i == 0 || items[0]) && (items[i] = mt_arena_alloc(arena, 1, bytes[i], &err)))
            for (size_t k = 0; k < bytes[i]; k++)
                assert_int_equal(items[i][k]++, 0);
    if (items[0] && items[1])
        taken = env.memory_bytes - empty;
    else
        check_failed(err.status, MT_E_LIMIT, &err, "max_metadata_bytes");
    mt_arena_free(arena);
    assert_int_equal(env.memory_bytes, 0);
    return taken;
}

/* The blocks of an arena, and not only its items, take no more than the limit. */
static void arenas_as_large_as_allowed(void **state)
{
    (void)state;
    static const size_t items[][2] = { { 1, 1 }, { 4000, 4000 }, { 5001, 1 }, { 5001, 5001 }, { 1, 5000 } };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        uint64_t taken = memory_of_items(items[i], 0);
        assert_true(taken >= items[i][0] + items[i][1]);
        assert_int_equal(memory_of_items(items[i], taken), taken);
        assert_int_equal(memory_of_items(items[i], taken - 1), 0);
    }
}

/* Items of an arena are apart from each other and aligned, and lists move when they are full. */
static void items_of_arenas(void **state)
{
    (void)state;
    mt_env env;
    mt_arena *arena;
    size_t room = 0;
    uint64_t *list = NULL;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_arena_new(&env, &arena, &err), &err);
    for (size_t n = 0; n < 1000; n++) {
        char *byte = mt_arena_alloc(arena, 1, n % 40, &err);
        assert_int_equal((uintptr_t)byte % _Alignof(max_align_t), 0);
        memset(byte, 0xff, n % 40);
        list = mt_arena_grow(arena, list, n, &room, 3, sizeof *list, &err);
        assert_true(room > n && room < 2 * n + 4);
        list[n] = n;
    }
    for (size_t n = 0; n < 1000; n++)
        assert_int_equal(list[n], n);
    assert_string_equal(mt_arena_strndup(arena, "abcd", 3, &err), "abc");
    assert_string_equal(mt_arena_printf(arena, &err, "%s%d", "", 1234), "1234");
    mt_arena_free(arena);
    assert_int_equal(env.memory_bytes, 0);
}

static void numbers_that_are_read(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 1,    2, 3, 4,    5,    6, 7, 8, 0x88, 0xff, 0xfe, 0xfd, 0xfc, 0x3f,
                                     0x80, 0, 0, 0x40, 0x20, 0, 0, 0, 0,    0,    0,    1,    9,    9 };
    mt_reader r = mt_reader_over(bytes, sizeof bytes, false);
    assert_int_equal(mt_read_u64(&r), 0x0807060504030201);
    assert_int_equal(mt_read_u8(&r), 0x88);
    assert_int_equal(mt_read_i32(&r), (int32_t)0xfcfdfeff);
    mt_read_seek(&r, 7);
    assert_int_equal(mt_read_u16(&r), 0x8808);
    assert_int_equal(mt_read_u32(&r), 0xfcfdfeff);
    assert_int_equal(mt_read_left(&r), sizeof bytes - 13);
    r = mt_reader_over(bytes, 27, true);
    assert_int_equal(mt_read_u64(&r), 0x0102030405060708);
    assert_int_equal(mt_read_u8(&r), 0x88);
    assert_int_equal(mt_read_u32(&r), 0xfffefdfc);
    assert_true(mt_read_f32(&r) == 1.0f);
    assert_true(mt_read_f64(&r) == 8.0);
    assert_int_equal(mt_read_u16(&r), 0x0109);
    assert_int_equal(mt_read_left(&r), 0);
    mt_read_skip(&r, 0);
    mt_read_seek(&r, 27);
    assert_false(r.failed);
    mt_read_skip(&r, 1);
    assert_true(r.failed);
    mt_read_seek(&r, 0);
    assert_int_equal(mt_read_u8(&r), 0); /* once it failed, all is lost */
}

/* Ten bytes at most, of which the last has one bit. */
static void varints_at_their_limits(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        uint64_t value;
        bool failed;
    } cases[] = {
        { "\x7f", 1, 127, false },
        { "\x80\x01", 2, 128, false },
        { "\x80", 1, 0, true },
        { "", 0, 0, true },
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_MAX, false },
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, 0, true },
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11, 0, true },
        { "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 10, 0, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_reader r = mt_reader_over(cases[i].bytes, cases[i].size, false);
        assert_int_equal(mt_read_varint(&r), cases[i].value);
        assert_int_equal(r.failed, cases[i].failed);
    }
}

/* What a buffer holds is read again, whatever the size to which it grew. */
static void buffers_that_grow(void **state)
{
    (void)state;
    static const uint64_t numbers[] = { 0, 127, 128, 16383, 16384, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX };
    enum { N = sizeof numbers / sizeof *numbers };
    static const size_t sizes[] = { 0, 1, 255, 256, 257, 511, 512, 513, 3000 };
    mt_env env;
    mt_env_init(&env, NULL, NULL);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        char bytes[3000];
        mt_buffer b = mt_buffer_on(&env);
        memset(bytes, 'x', sizeof bytes);
        mt_put_bytes(&b, bytes, sizes[k]);
        for (size_t i = 0; i < N; i++) {
            mt_put_varint(&b, numbers[i]);
            mt_put_signed(&b, (int64_t)numbers[i]);
            mt_put_u64(&b, numbers[i]);
            mt_put_u32(&b, (uint32_t)numbers[i]);
            mt_put_u8(&b, (uint8_t)numbers[i]);
        }
        mt_put_f64(&b, -2.5);
        mt_put_text(&b, "text");
        mt_reader r = mt_reader_over(b.data, b.size, false);
        assert_int_equal(b.status, MT_OK);
        assert_true(b.size <= b.room && b.room == env.memory_bytes);
        assert_memory_equal(mt_read_bytes(&r, sizes[k]), bytes, sizes[k]);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(mt_read_varint(&r), numbers[i]);
            assert_int_equal(mt_read_signed(&r), (int64_t)numbers[i]);
            assert_int_equal(mt_read_u64(&r), numbers[i]);
            assert_int_equal(mt_read_u32(&r), (uint32_t)numbers[i]);
            assert_int_equal(mt_read_u8(&r), (uint8_t)numbers[i]);
        }
        assert_true(mt_read_f64(&r) == -2.5);
        assert_int_equal(mt_read_varint(&r), 4);
        assert_memory_equal(mt_read_bytes(&r, 4), "text", 4);
        assert_int_equal(mt_read_left(&r), 0);
        mt_buffer_free(&b);
        assert_int_equal(env.memory_bytes, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_counted),          cmocka_unit_test(memory_that_is_refused),
        cmocka_unit_test(arenas_as_large_as_allowed), cmocka_unit_test(items_of_arenas),
        cmocka_unit_test(numbers_that_are_read),      cmocka_unit_test(varints_at_their_limits),
        cmocka_unit_test(buffers_that_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
