/* SPDX-License-Identifier: BSD-3-Clause */
/* The levels of an output: how many there are, which axes are halved, and the grids of their chunks and units. */
#include "support/support.h"
#include "write/sink.h"

#include <string.h>

/* An output, and what its level n - 1 is. */
typedef struct levels {
    const char *format, *axes;
    int64_t shape[3], chunk[3], shard[3]; /* 0: the defaults, or none */
    double pixel_size[3];
    int n_levels, n; /* asked for; found */
    int64_t last_shape[3], last_chunk[3], last_unit[3];
} levels;

#define NONE                                                                                                           \
    {                                                                                                                  \
        0                                                                                                              \
    }

static const levels cases[] = {
    { "zarr", "YX", { 256, 256 }, NONE, NONE, NONE, -1, 1, { 256, 256 }, { 256, 256 }, { 256, 256 } },
    { "zarr", "YX", { 257, 256 }, NONE, NONE, NONE, -1, 2, { 129, 128 }, { 129, 128 }, { 129, 128 } },
    { "zarr", "YX", { 256, 257 }, NONE, NONE, NONE, -1, 2, { 128, 129 }, { 128, 129 }, { 128, 129 } },
    { "zarr", "YX", { 513, 512 }, NONE, NONE, NONE, -1, 3, { 129, 128 }, { 129, 128 }, { 129, 128 } },
    { "zarr", "YX", { 1000, 1000 }, NONE, NONE, NONE, 0, 1, { 1000, 1000 }, { 256, 256 }, { 256, 256 } },
    { "zarr", "YX", { 1, 5 }, { 1, 2 }, NONE, NONE, -1, 3, { 1, 2 }, { 1, 2 }, { 1, 2 } },
    { "zarr", "YX", { 5, 1 }, { 2, 1 }, NONE, NONE, 4, 4, { 1, 1 }, { 1, 1 }, { 1, 1 } },
    { "zarr", "YX", { 1, 1 }, { 1, 1 }, NONE, NONE, -1, 1, { 1, 1 }, { 1, 1 }, { 1, 1 } },
    { "zarr", "YX", { 17, 34 }, { 17, 34 }, NONE, NONE, 2, 2, { 9, 17 }, { 9, 17 }, { 9, 17 } }, /* odd, and one */
    /* planes */
    { "zarr", "ZYX", { 4, 16, 16 }, { 1, 8, 8 }, NONE, NONE, 2, 2, { 4, 8, 8 }, { 1, 8, 8 }, { 1, 8, 8 } },
    { "zarr", "ZYX", { 4, 16, 16 }, { 2, 8, 8 }, NONE, NONE, 2, 2, { 2, 8, 8 }, { 2, 8, 8 }, { 2, 8, 8 } },
    { "zarr", "ZYX", { 4, 16, 16 }, { 2, 8, 8 }, NONE, { 3, 2, 2 }, 2, 2, { 2, 8, 8 }, { 2, 8, 8 }, { 2, 8, 8 } },
    { "zarr", "ZYX", { 4, 16, 16 }, { 2, 8, 8 }, NONE, { 3.1, 2, 2 }, 2, 2, { 4, 8, 8 }, { 2, 8, 8 }, { 2, 8, 8 } },
    { "zarr", "ZYX", { 4, 16, 16 }, { 2, 8, 8 }, NONE, { 3.1, 2, 2 }, 3, 3, { 2, 4, 4 }, { 2, 4, 4 }, { 2, 4, 4 } },
    { "zarr", "ZYX", { 4, 16, 16 }, { 2, 8, 8 }, NONE, { 5, 1, 0 }, 2, 2, { 2, 8, 8 }, { 2, 8, 8 }, { 2, 8, 8 } },
    { "zarr", "TYX", { 4, 16, 16 }, { 2, 8, 8 }, NONE, NONE, 2, 2, { 4, 8, 8 }, { 2, 8, 8 }, { 2, 8, 8 } },
    { "zarr", "ZYX", { 4, 16, 16 }, { 3, 8, 8 }, NONE, { 9, 1, 1 }, 2, 2, { 4, 8, 8 }, { 3, 8, 8 }, { 3, 8, 8 } },
    /* shards have as many chunks, or all of the level */
    { "zarr", "YX", { 100, 100 }, { 16, 16 }, { 32, 64 }, NONE, 2, 2, { 50, 50 }, { 16, 16 }, { 32, 64 } },
    { "zarr", "YX", { 100, 100 }, { 16, 16 }, { 32, 64 }, NONE, 3, 3, { 25, 25 }, { 16, 16 }, { 32, 32 } },
    { "zarr", "YX", { 100, 100 }, { 16, 16 }, { 32, 64 }, NONE, 4, 4, { 13, 13 }, { 13, 13 }, { 13, 13 } },
    /* tiles are not cut */
    { "tiff", "YX", { 40, 40 }, { 32, 32 }, NONE, NONE, 3, 3, { 10, 10 }, { 32, 32 }, { 32, 32 } },
    /* no more than 32 levels */
    { "zarr", "YX", { 1, INT64_C(1) << 40 }, { 1, 2 }, NONE, NONE, 31, 31, { 1, 1024 }, { 1, 2 }, { 1, 2 } },
    { "zarr", "YX", { 1, INT64_C(1) << 40 }, { 1, 2 }, NONE, NONE, 32, 32, { 1, 512 }, { 1, 2 }, { 1, 2 } },
    { "zarr", "YX", { 1, INT64_C(1) << 40 }, { 1, 2 }, NONE, NONE, -1, 32, { 1, 512 }, { 1, 2 }, { 1, 2 } },
};

static mt_env env;
static mt_arena *arena;

static int open_arena(void **state)
{
    (void)state;
    mt_env_init(&env, NULL, NULL);
    return mt_arena_new(&env, &arena, NULL);
}

static int close_arena(void **state)
{
    (void)state;
    mt_arena_free(arena);
    return 0;
}

static const mt_plan *lay_out(const levels *c)
{
    const mt_writer_options options = { .struct_size = sizeof options,
                                        .axes = c->axes,
                                        .shape = c->shape,
                                        .dtype = MT_UINT16,
                                        .chunk_shape = c->chunk,
                                        .shard_shape = c->shard[0] ? c->shard : NULL,
                                        .no_shards = !c->shard[0],
                                        .pixel_size = c->pixel_size,
                                        .n_levels = c->n_levels };
    mt_plan *plan;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_sink_plan(mt_sink_find(c->format), arena, &options, &plan, &err), &err);
    return plan;
}

static void check_sizes(size_t i, const char *what, int ndim, const int64_t *is, const int64_t *wanted)
{
    for (int d = 0; d < ndim; d++)
        if (is[d] != wanted[d])
            fail_msg("case %zu: %s of the last level has %lld pixels along axis %d, not %lld", i, what,
                     (long long)is[d], d, (long long)wanted[d]);
}

static void levels_are_halves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_plan *plan = lay_out(&cases[i]);
        const mt_level *last = &plan->levels[plan->n_levels - 1];
        if (plan->n_levels != cases[i].n)
            fail_msg("case %zu: %d levels, not %d", i, plan->n_levels, cases[i].n);
        check_sizes(i, "the image", plan->ndim, last->shape, cases[i].last_shape);
        check_sizes(i, "a chunk", plan->ndim, last->chunk, cases[i].last_chunk);
        check_sizes(i, "a unit", plan->ndim, last->unit, cases[i].last_unit);
    }
}

/* --- Grids. --- */

/* Counts the chunks that lie in a unit, and checks that all of them say so. */
static size_t check_unit(const mt_plan *plan, const mt_level *level, uint64_t unit)
{
    mt_extent all, one;
    size_t n = 0, pixels = 1, found = 0;
    mt_level_unit_extent(plan, level, unit, &all);
    for (uint64_t chunk = 0; chunk < level->n_chunks; chunk++) {
        int64_t position[MT_MAX_DIMS];
        size_t inner, size = 1;
        mt_level_chunk_at(plan, level, chunk, position);
        assert_int_equal(mt_level_chunk_number(plan, level, position), chunk);
        if (mt_level_unit_of(plan, level, position, &inner) != unit)
            continue;
        assert_true(inner < level->inner);
        mt_level_chunk_extent(plan, level, position, &one);
        for (int d = 0; d < plan->ndim; d++) {
            assert_true(one.start[d] >= all.start[d] && one.extent[d] > 0);
            assert_true(one.start[d] + one.extent[d] <= all.start[d] + all.extent[d]);
            size *= (size_t)one.extent[d];
        }
        n++;
        found += size;
    }
    for (int d = 0; d < plan->ndim; d++)
        pixels *= (size_t)all.extent[d];
    assert_int_equal(found, pixels);
    assert_int_equal(mt_level_unit_chunks(plan, level, unit), n);
    return n;
}

static void units_consist_of_chunks(void **state)
{
    (void)state;
    static const levels grids[] = {
        { .format = "zarr",
          .axes = "YX",
          .shape = { 100, 70 },
          .chunk = { 16, 16 },
          .shard = { 32, 48 },
          .n_levels = 3 },
        { .format = "zarr", .axes = "CYX", .shape = { 3, 33, 32 }, .chunk = { 1, 16, 16 }, .shard = { 2, 32, 16 } },
        { .format = "zarr", .axes = "ZYX", .shape = { 5, 17, 16 }, .chunk = { 2, 8, 8 }, .n_levels = 2 },
    };
    for (size_t i = 0; i < sizeof grids / sizeof *grids; i++) {
        const mt_plan *plan = lay_out(&grids[i]);
        uint64_t n_units = 0, n_chunks = 0;
        for (int k = 0; k < plan->n_levels; k++) {
            const mt_level *level = &plan->levels[k];
            size_t n = 0;
            assert_int_equal(level->first_unit, n_units);
            assert_int_equal(level->first_chunk, n_chunks);
            for (uint64_t unit = 0; unit < level->n_units; unit++)
                n += check_unit(plan, level, unit);
            assert_int_equal(n, level->n_chunks);
            n_units += level->n_units;
            n_chunks += level->n_chunks;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(levels_are_halves, open_arena, close_arena),
                                        cmocka_unit_test_setup_teardown(units_consist_of_chunks, open_arena,
                                                                        close_arena) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
