/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of names, and sizes of voxels that formats give to maps. */
#include "format/format.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void count_release(void *owner) { ++*(int *)owner; }

static void names_in_order(void **state)
{
    (void)state;
    enum { MANY = 40 };
    mt_env env;
    mt_names *names;
    mt_error why = MT_ERROR_INIT;
    int released = 0;
    mt_env_init(&env, NULL, NULL);
    (void)!mt_fail(&why, MT_E_IO, "the network is down");
    check_ok(mt_names_new(&env, &names, NULL), NULL);
    mt_names_own(names, &released, count_release);
    assert_int_equal(mt_names_count(names), 0);
    assert_null(mt_names_get(names, 0));
    for (int i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(mt_names_count(names), i);
        if (i == 20)
            check_ok(mt_names_add_failed(names, name, &why, NULL), NULL);
        else if (i == 30)
            check_ok(mt_names_add_part(names, &(mt_part) { name, "title", "type", 7, 8, 9 }, NULL), NULL);
        else
            check_ok(mt_names_add(names, name, NULL), NULL);
        snprintf(name, sizeof name, "n%d", i);
        assert_string_equal(mt_names_get(names, (size_t)i), name);
    }
    assert_null(mt_names_get(names, MANY));
    assert_null(mt_names_get_part(names, MANY));
    assert_null(mt_names_get_failure(names, MANY));
    assert_null(mt_names_get_failure(names, 19));
    assert_string_equal(mt_names_get_failure(names, 20)->message, "the network is down");
    const mt_part *part = mt_names_get_part(names, 30), *plain = mt_names_get_part(names, MANY - 1);
    assert_string_equal(part->title, "title");
    assert_string_equal(part->type, "type");
    assert_true(part->size == 7 && part->height == 8 && part->width == 9);
    assert_true(!*plain->title && !*plain->type && plain->size == 0);
    mt_names_free(names);
    mt_names_free(NULL);
    assert_int_equal(released, 1);
    assert_int_equal(env.memory_bytes, 0);
}

/* With each allocation failing in turn, the names that were added stay. */
static void names_without_memory(void **state)
{
    (void)state;
    for (size_t k = 0;; k++) {
        failing_allocator failing;
        mt_allocator allocator = failing_allocator_make(&failing, k, 0);
        mt_env env;
        mt_names *names;
        mt_error why = MT_ERROR_INIT, err = MT_ERROR_INIT;
        size_t added = 0;
        mt_env_init(&env, &allocator, NULL);
        mt_status st = mt_names_new(&env, &names, &err);
        if (!st) {
            for (int i = 0; i < 17 && !st; i++, added += !st)
                st = mt_names_add(names, "name", &err);
            for (int i = 0; i < 3 && !st; i++, added += !st)
                st = mt_names_add_failed(names, "name", &why, &err);
            assert_int_equal(mt_names_count(names), added);
            mt_names_free(names);
        }
        assert_int_equal(env.memory_bytes, 0);
        assert_int_equal(err.status, st);
        if (failing.count <= k) {
            check_ok(st, &err);
            break;
        }
        assert_int_equal(st, MT_E_MEMORY);
    }
}

/* What becomes of the axes and of the sizes along them. */
static void voxels(void **state)
{
    (void)state;
    static const struct {
        const char *axes;
        bool has_names;
        mt_voxels given;
        const char *named;
        double size[4];
        const char *unit;
    } cases[] = {
        { "???", false, { 3, { 3, 2, 1 }, { "nm", "nm", "nm" } }, "ZYX", { 3, 2, 1 }, "nanometer" },
        { "???", false, { 2, { 2, 1 }, { "nm", "nm" } }, "?YX", { 0, 2, 1 }, "nanometer" },
        { "??", false, { 2, { 2, 1 }, { "nm", "own" } }, "YX", { 2, 1 }, "own" },
        { "??", false, { 1, { 1 }, { "nm" } }, "??", { 0, 1 }, "nanometer" },
        { "????", false, { 4, { 4, 3, 2, 1 }, { NULL } }, "????", { 4, 3, 2, 1 }, NULL },
        { "????", false, { 3, { 3, 2, 1 }, { NULL, NULL, "" } }, "?ZYX", { 0, 3, 2, 1 }, NULL },
        { "???", true, { 3, { 3, 2, 1 }, { NULL } }, "???", { 3, 2, 1 }, NULL },
        { "??", false, { 3, { 3, 2, 1 }, { "nm", "nm", "nm" } }, "??", { 0 }, NULL },
        { "??", false, { 0, { 3, 2, 1 }, { "nm", "nm", "nm" } }, "??", { 0 }, NULL },
        { "C?", false, { 2, { 2, 1 }, { NULL, "nm" } }, "C?", { 0, 1 }, "nanometer" },
        { "SYX", false, { 3, { 3, 2, 1 }, { NULL } }, "SYX", { 0, 2, 1 }, NULL },
        { "TYX", false, { 2, { 2, 1 }, { NULL } }, "TYX", { 0, 2, 1 }, NULL },
        { "YXT", false, { 2, { 2, 1 }, { NULL } }, "YXT", { 2, 1, 0 }, NULL },
        { "TYX", false, { 3, { 3, 2, 1 }, { NULL } }, "TYX", { 3, 2, 1 }, NULL },
        { "YX", false, { 2, { 0, INFINITY }, { "nm", "nm" } }, "YX", { 0 }, NULL },
        { "YX", false, { 2, { 1, 0 }, { "nm", "nm" } }, "YX", { 1, 0 }, NULL },
        { "YX", false, { 2, { -1, NAN }, { "nm", "nm" } }, "YX", { 0 }, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_env env;
        mt_chunk_map map = { .ndim = (int)strlen(cases[i].axes) };
        mt_env_init(&env, NULL, NULL);
        check_ok(mt_arena_new(&env, &map.arena, NULL), NULL);
        snprintf(map.axes, sizeof map.axes, "%s", cases[i].axes);
        check_ok(mt_chunk_map_set_voxels(&map, &cases[i].given, cases[i].has_names, NULL), NULL);
        assert_string_equal(map.axes, cases[i].named);
        for (int d = 0; d < map.ndim; d++)
            if (map.pixel_size[d] != cases[i].size[d])
                fail_msg("case %zu, dimension %d: %g", i, d, map.pixel_size[d]);
        const char *unit = map.unit[map.ndim - 1];
        assert_string_equal(unit ? unit : "none", cases[i].unit ? cases[i].unit : "none");
        mt_arena_free(map.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_in_order), cmocka_unit_test(names_without_memory),
                                        cmocka_unit_test(voxels) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
