/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of known objects: what it keeps, and what it drops at its limits. */
#include "store/files.h"
#include "store/pieces.h"
#include "support/support.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 8, PIECES = 3, BYTES = 100, OBJECT_BYTES = 60 };

typedef struct fixture {
    mt_env env;
    mt_pieces *table;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&f.env, NULL, NULL);
    check_ok(mt_pieces_new(&f.env, OBJECTS, PIECES, BYTES, OBJECT_BYTES, &f.table, &err), &err);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mt_pieces_free(f->table);
    assert_int_equal(f->env.memory_bytes, 0);
    return 0;
}

/* The byte of an object at a place. */
static uint8_t byte_at(const char *key, uint64_t at) { return (uint8_t)(key[0] * 31 + (int)at); }

/* Adds bytes [start, start + size) of an object. */
static void add(fixture *f, const char *key, uint64_t start, size_t size, size_t room)
{
    void *bytes;
    mt_error err = MT_ERROR_INIT;
    uint32_t i = mt_pieces_enter(f->table, key);
    assert_int_not_equal(i, MT_NO_OBJECT);
    check_ok(mt_alloc(&f->env, room, &bytes, &err), &err);
    for (size_t k = 0; k < size; k++)
        ((uint8_t *)bytes)[k] = byte_at(key, start + k);
    mt_pieces_add(f->table, i, start, bytes, size, room);
}

/* Of bytes [start, start + size) of an object, the first n are known. */
static void check_known(fixture *f, const char *key, uint64_t start, size_t size, size_t n)
{
    uint8_t out[BYTES + 1];
    uint32_t i = mt_pieces_find(f->table, key);
    memset(out, 0xee, sizeof out);
    assert_int_equal(i == MT_NO_OBJECT ? 0 : mt_pieces_copy(f->table, i, start, out, size), n);
    for (size_t k = 0; k < n; k++)
        assert_int_equal(out[k], byte_at(key, start + k));
    assert_int_equal(out[n], 0xee);
}

static void ranges(void **state)
{
    fixture *f = *state;
    add(f, "a", 10, 20, 20);
    add(f, "a", 30, 10, 30); /* continues; not all of its room is used */
    check_known(f, "a", 10, 30, 30);
    check_known(f, "a", 10, 31, 30);
    check_known(f, "a", 10, 25, 25);
    check_known(f, "a", 10, 1, 1);
    check_known(f, "a", 39, 5, 1);
    check_known(f, "a", 40, 1, 0);
    check_known(f, "a", 9, 5, 0);
    check_known(f, "a", 29, 2, 2);
    check_known(f, "a", 10, 0, 0);
    check_known(f, "b", 10, 5, 0);
    assert_int_equal(mt_pieces_copy(f->table, mt_pieces_find(f->table, "a"), 15, NULL, 100), 25); /* counts only */
}

static void the_oldest_of_all_is_dropped(void **state)
{
    fixture *f = *state;
    add(f, "a", 0, 30, 30);
    add(f, "b", 0, 30, 30);
    add(f, "c", 0, 40, 40); /* 100 bytes, three pieces: as much as is kept */
    check_known(f, "b", 0, 30, 30);
    check_known(f, "a", 0, 30, 30);
    check_known(f, "c", 0, 40, 40);
    check_known(f, "a", 0, 30, 30);
    add(f, "d", 0, 1, 1); /* of four pieces, b was used longest ago */
    check_known(f, "b", 0, 30, 0);
    check_known(f, "a", 0, 30, 30);
    check_known(f, "c", 0, 40, 40);
    check_known(f, "d", 0, 1, 1);
    assert_int_equal(f->table->bytes, 71);
    assert_false(f->table->forgot);
    add(f, "e", 0, 60, 60); /* needs the room of a and c */
    check_known(f, "a", 0, 30, 0);
    check_known(f, "c", 0, 40, 0);
    check_known(f, "d", 0, 1, 1);
    check_known(f, "e", 0, 60, 60);
}

static void the_oldest_of_an_object_is_dropped(void **state)
{
    fixture *f = *state;
    add(f, "b", 0, 10, 10);
    add(f, "a", 0, 30, 30);
    add(f, "a", 30, 30, 30); /* 60 bytes, as much as an object may have */
    check_known(f, "a", 0, 60, 60);
    add(f, "a", 60, 1, 1);
    check_known(f, "a", 0, 30, 0);
    check_known(f, "a", 30, 31, 31);
    check_known(f, "b", 0, 10, 10); /* is older */
    add(f, "a", 100, 60, 60);       /* in place of all */
    check_known(f, "a", 30, 31, 0);
    check_known(f, "a", 100, 60, 60);
    add(f, "a", 200, 61, 61); /* too large */
    check_known(f, "a", 200, 61, 0);
    check_known(f, "a", 100, 60, 60);
    assert_int_equal(f->table->bytes, 70);
}

static void smaller_limits(void **state)
{
    fixture *f = *state;
    add(f, "a", 0, 20, 20);
    add(f, "b", 0, 20, 20);
    mt_pieces_shrink(f->table, 40);
    check_known(f, "a", 0, 20, 20);
    check_known(f, "b", 0, 20, 20);
    mt_pieces_shrink(f->table, 39);
    check_known(f, "b", 0, 20, 20);
    check_known(f, "a", 0, 20, 0);
    mt_pieces_shrink(f->table, 0);
    check_known(f, "b", 0, 20, 0);
    assert_int_equal(f->table->bytes, 0);
    assert_int_not_equal(mt_pieces_find(f->table, "a"), MT_NO_OBJECT);
}

/* Three quarters of the slots hold objects; then all are forgotten. */
static void many_objects(void **state)
{
    fixture *f = *state;
    char key[] = "0";
    for (int i = 0; i < OBJECTS / 4 * 3; i++, key[0]++)
        add(f, key, 0, 1, 1);
    assert_false(f->table->forgot);
    for (key[0] = '0'; key[0] < '0' + OBJECTS / 4 * 3; key[0]++)
        assert_int_not_equal(mt_pieces_find(f->table, key), MT_NO_OBJECT);
    check_known(f, "5", 0, 1, 1);
    assert_int_equal(mt_pieces_enter(f->table, "5"), mt_pieces_find(f->table, "5"));
    assert_false(f->table->forgot);
    add(f, key, 0, 1, 1);
    assert_true(f->table->forgot);
    assert_int_equal(f->table->n_objects, 1);
    assert_int_equal(f->table->bytes, 1);
    check_known(f, key, 0, 1, 1);
    for (key[0] = '0'; key[0] < '0' + OBJECTS / 4 * 3; key[0]++)
        assert_int_equal(mt_pieces_find(f->table, key), MT_NO_OBJECT);
}

/* Names whose hashes lead to the last slot: they use the next ones, from the first on. */
static void colliding_objects(void **state)
{
    fixture *f = *state;
    enum { N = 4 };
    char keys[N + 1][16];
    for (int i = 0, n = 0; n <= N; i++) {
        snprintf(keys[n], sizeof keys[n], "%d", i);
        n += mt_key_hash(keys[n]) % OBJECTS == OBJECTS - 1;
    }
    for (uint32_t n = 0; n < N; n++) {
        assert_int_equal(mt_pieces_find(f->table, keys[n]), MT_NO_OBJECT);
        assert_int_equal(mt_pieces_enter(f->table, keys[n]), (OBJECTS - 1 + n) % OBJECTS);
    }
    for (uint32_t n = 0; n < N; n++)
        assert_int_equal(mt_pieces_find(f->table, keys[n]), (OBJECTS - 1 + n) % OBJECTS);
    assert_int_equal(mt_pieces_find(f->table, keys[N]), MT_NO_OBJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ranges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_of_all_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_of_an_object_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(smaller_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_objects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(colliding_objects, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
