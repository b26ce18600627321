/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunk maps: what is refused of the shapes, axes, grids and strides that formats give, and the blocks of data in one
 * piece. */
#include "format/container.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

static mt_env env;
static mt_chunk_map *map;

static int set_up(void **state)
{
    (void)state;
    mt_env_init(&env, NULL, NULL);
    return mt_chunk_map_new(&env, NULL, "test", &map, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    mt_chunk_map_free(map);
    return env.memory_bytes != 0;
}

/* An image of uint16 in C order. */
static void make(const char *axes, const int64_t *shape, const int64_t *chunk)
{
    map->ndim = (int)strlen(axes);
    map->dtype = MT_UINT16;
    map->chunk_first = 0;
    map->chunk_bytes = 0;
    map->contiguous = false;
    snprintf(map->axes, sizeof map->axes, "%s", axes);
    for (int d = 0; d < map->ndim; d++) {
        map->shape[d] = shape[d];
        map->chunk_shape[d] = chunk[d];
        map->chunk_edges[d] = NULL;
    }
    mt_chunk_map_c_order(map);
}

static void check(mt_status status, const char *words)
{
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_chunk_map_check(map, &err);
    if (st != status || !strstr(err.message, words))
        fail_msg("%s: \"%s\", not \"%s\"", mt_status_name(st), err.message, words);
}

#define MAX INT64_MAX

static void shapes(void **state)
{
    (void)state;
    static const struct {
        const char *axes;
        int64_t shape[3], chunk[3];
        mt_status status;
        const char *words;
    } cases[] = { { "YX", { 10, 20 }, { 4, 5 }, MT_OK, "" },
                  { "YX", { 0, 20 }, { 1, 20 }, MT_OK, "" },
                  { "YX", { 10, -1 }, { 4, 5 }, MT_E_CORRUPT, "dimension 1 has the size -1" },
                  { "YX", { 10, 20 }, { 0, 5 }, MT_E_CORRUPT, "dimension 0 has chunks of size 0" },
                  { "YX", { 10, 20 }, { 4, -5 }, MT_E_CORRUPT, "dimension 1 has chunks of size -5" },
                  { "X", { MAX / 2 }, { 4 }, MT_OK, "" },
                  { "X", { MAX / 2 + 1 }, { 4 }, MT_E_CORRUPT, "the image has more than 2^63 bytes" },
                  { "X", { MAX - 4 }, { 4 }, MT_E_CORRUPT, "the image has more than 2^63 bytes" },
                  { "X", { MAX - 3 }, { 4 }, MT_E_CORRUPT, "dimension 0 has the size 9223372036854775804" },
                  { "YX", { 1 << 30, (int64_t)1 << 33 }, { 1, 1 }, MT_E_CORRUPT, "the image has more than 2^63 bytes" },
                  { "YXZ", { 10, 20 }, { 4, 5 }, MT_E_CORRUPT, "dimension 2 has chunks of size 0" },
                  { "Yx", { 10, 20 }, { 4, 5 }, MT_E_CORRUPT, "axis 'x' is not one of STCZYX" },
                  { "TT", { 10, 20 }, { 4, 5 }, MT_E_CORRUPT, "axis T is given twice" },
                  { "ZYZ", { 10, 20, 3 }, { 4, 5, 3 }, MT_E_CORRUPT, "axis Z is given twice" },
                  { "YYX", { 10, 20, 3 }, { 4, 5, 3 }, MT_E_CORRUPT, "axis Y is given twice" },
                  { "YXX", { 10, 20, 3 }, { 4, 5, 3 }, MT_E_CORRUPT, "axis X is given twice" },
                  { "SSX", { 10, 20, 3 }, { 4, 5, 3 }, MT_OK, "" },
                  { "CCX", { 10, 20, 3 }, { 4, 5, 3 }, MT_OK, "" },
                  { "???", { 10, 20, 3 }, { 4, 5, 3 }, MT_OK, "" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make(cases[i].axes, cases[i].shape, cases[i].chunk);
        check(cases[i].status, cases[i].words);
    }
    make("", NULL, NULL);
    check(MT_OK, "");
    make("ZYX", (int64_t[]) { 2, 3, 4 }, (int64_t[]) { 2, 3, 4 });
    assert_true(map->chunk_stride[0] == 12 && map->chunk_stride[1] == 4 && map->chunk_stride[2] == 1);
    make("YX", cases[0].shape, cases[0].chunk);
    map->axes[1] = 0;
    check(MT_E_CORRUPT, "1 axes for 2 dimensions");
    map->dtype = (mt_dtype)0;
    check(MT_E_CORRUPT, "the image has no element type");
}

static void numbers_of_dimensions(void **state)
{
    (void)state;
    static const char axes[] = "CCCCCCCCCCCCCCCC";
    int64_t one[MT_MAX_DIMS];
    for (int d = 0; d < MT_MAX_DIMS; d++)
        one[d] = 1;
    make(axes, one, one);
    check(MT_OK, "");
    map->ndim = MT_MAX_DIMS + 1;
    check(MT_E_LIMIT, "17 dimensions are more than max_dimensions (16)");
    env.limits.max_dimensions = 20; /* more than there is room for */
    check(MT_E_LIMIT, "17 dimensions are more");
    env.limits.max_dimensions = 3;
    make("CCC", one, one);
    check(MT_OK, "");
    make("CCCC", one, one);
    check(MT_E_LIMIT, "4 dimensions are more than max_dimensions (3)");
    map->ndim = -1;
    check(MT_E_LIMIT, "-1 dimensions");
}

static void grids_of_edges(void **state)
{
    (void)state;
    static const struct {
        int64_t edges[5], chunk;
        const char *words;
        int64_t n;
    } cases[] = { { { 0, 4, 10 }, 6, "", 2 },
                  { { 0, 6, 10 }, 6, "", 2 },
                  { { 0, 6, 12 }, 6, "", 2 },
                  { { 0, 10 }, 10, "", 1 },
                  { { 0, 1, 2, 10 }, 8, "", 3 },
                  { { 1, 5, 10 }, 6, "the grid along dimension 1 does not start at 0", 0 },
                  { { 0, 4, 4, 10 }, 6, "chunk 1 along dimension 1 has a wrong size", 0 },
                  { { 0, 4, 3, 10 }, 6, "chunk 1 along dimension 1 has a wrong size", 0 },
                  { { 0, 7, 10 }, 6, "chunk 0 along dimension 1 has a wrong size", 0 },
                  { { 0, 6, 13 }, 6, "chunk 1 along dimension 1 has a wrong size", 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make("YX", (int64_t[]) { 3, 10 }, (int64_t[]) { 2, cases[i].chunk });
        map->chunk_edges[1] = cases[i].edges;
        check(*cases[i].words ? MT_E_CORRUPT : MT_OK, cases[i].words);
        assert_int_equal(mt_chunk_map_grid(map, 0), 2);
        if (cases[i].n)
            assert_int_equal(mt_chunk_map_grid(map, 1), cases[i].n);
    }
    make("YX", (int64_t[]) { 3, 10 }, (int64_t[]) { 3, 3 });
    assert_int_equal(mt_chunk_map_grid(map, 0), 1);
    assert_int_equal(mt_chunk_map_grid(map, 1), 4);
}

/* One dimension of 10 elements in chunks of 5. */
static void strides_of_chunks(void **state)
{
    (void)state;
    static const int64_t edges[] = { 0, 5, 10 };
    static const struct {
        int64_t stride, first;
        size_t bytes;
        bool has_edges, contiguous;
        const char *words;
    } cases[] = { { 1, 0, 0, false, false, "" },
                  { -1, 4, 0, false, false, "" },
                  { -1, 3, 0, false, false, "the strides leave the chunk" },
                  { -1, 5, 0, false, false, "the strides leave the chunk" },
                  { 1, 1, 0, false, false, "the strides leave the chunk" },
                  { 1, -1, 0, false, false, "the strides leave the chunk" },
                  { 2, 0, 0, false, false, "the strides leave the chunk" },
                  { 2, 0, 18, false, false, "" },
                  { 2, 0, 17, false, false, "the strides leave the chunk" },
                  { 1, 0, 10, false, false, "" },
                  { 1, 0, 8, false, false, "the strides leave the chunk" },
                  { 2, 0, 0, false, true, "" }, /* with gaps, read row by row */
                  { -1, 0, 0, false, true, "chunks that differ in size are stored backwards or with gaps" },
                  { 1, 0, 0, true, false, "" },
                  { 1, 0, 10, true, false, "chunks that differ in size are stored backwards or with gaps" },
                  { -1, 4, 0, true, false, "chunks that differ in size are stored backwards or with gaps" },
                  { MAX, 0, 0, false, false, "the strides of dimension 0 leave the chunk" },
                  { INT64_MIN, 0, 0, false, false, "the strides of dimension 0 leave the chunk" },
                  { MAX / 4, 4, 0, false, false, "the strides of dimension 0 leave the chunk" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make("X", (int64_t[]) { 10 }, (int64_t[]) { 5 });
        map->chunk_stride[0] = cases[i].stride;
        map->chunk_first = cases[i].first;
        map->chunk_bytes = cases[i].bytes;
        map->contiguous = cases[i].contiguous;
        map->chunk_edges[0] = cases[i].has_edges ? edges : NULL;
        check(*cases[i].words ? MT_E_CORRUPT : MT_OK, cases[i].words);
    }
}

static void sizes_of_chunks(void **state)
{
    (void)state;
    make("YX", (int64_t[]) { 10, 20 }, (int64_t[]) { 4, 5 });
    env.limits.max_chunk_bytes = 40;
    check(MT_OK, "");
    map->chunk_bytes = 40;
    check(MT_OK, "");
    map->chunk_bytes = 41;
    check(MT_E_LIMIT, "a chunk has more bytes than max_chunk_bytes (40)");
    map->chunk_bytes = 0;
    env.limits.max_chunk_bytes = 39;
    check(MT_E_LIMIT, "a chunk has more bytes than max_chunk_bytes (39)");
    env.limits.max_chunk_bytes = SIZE_MAX;
    make("YX", (int64_t[]) { 0, 0 }, (int64_t[]) { (int64_t)1 << 32, (int64_t)1 << 31 });
    check(MT_E_LIMIT, "a chunk has more bytes");
    assert_true(mt_chunk_map_elements(map) == MAX);
    make("X", (int64_t[]) { 0 }, (int64_t[]) { MAX / 2 + 1 });
    check(MT_E_LIMIT, "a chunk has more bytes");
    assert_true(mt_chunk_map_elements(map) == MAX / 2 + 1);
}

/* --- Data in one piece. --- */

static void piece_of(const int64_t *shape, mt_dtype dtype, bool fortran)
{
    make("ZYX", shape, (int64_t[]) { 1, 1, 1 });
    map->dtype = dtype;
    check_ok(mt_chunk_map_contiguous(map, "key", 7, fortran, NULL), NULL);
    check(MT_OK, "");
}

/* Blocks are of whole rows, or of a part of one: of 128 KiB at most. */
static void blocks(void **state)
{
    (void)state;
    static const struct {
        int64_t shape[3];
        mt_dtype dtype;
        bool fortran;
        int64_t chunk[3], stride[3];
    } cases[] = {
        { { 2, 3, 131072 }, MT_UINT8, false, { 1, 1, 131072 }, { 0, 0, 1 } },
        { { 2, 3, 131073 }, MT_UINT8, false, { 1, 1, 131072 }, { 0, 0, 1 } },
        { { 2, 3, 65536 }, MT_UINT16, false, { 1, 1, 65536 }, { 0, 0, 1 } },
        { { 2, 3, 65536 }, MT_UINT8, false, { 1, 2, 65536 }, { 0, 65536, 1 } },
        { { 4, 2, 32768 }, MT_UINT8, false, { 2, 2, 32768 }, { 65536, 32768, 1 } },
        { { 2, 3, 4 }, MT_FLOAT64, false, { 2, 3, 4 }, { 12, 4, 1 } },
        { { 2, 3, 4 }, MT_FLOAT64, true, { 2, 3, 4 }, { 1, 2, 6 } },
        { { 131072, 3, 2 }, MT_UINT8, true, { 131072, 1, 1 }, { 1, 0, 0 } },
        { { 1, 5, 1 }, MT_UINT8, false, { 1, 5, 1 }, { 0, 1, 0 } },
        { { 1, 1, 1 }, MT_UINT8, false, { 1, 1, 1 }, { 0, 0, 0 } },
        { { 3, 0, 2 }, MT_UINT8, false, { 3, 1, 2 }, { 2, 0, 1 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        piece_of(cases[i].shape, cases[i].dtype, cases[i].fortran);
        for (int d = 0; d < 3; d++)
            if (map->chunk_shape[d] != cases[i].chunk[d] || map->chunk_stride[d] != cases[i].stride[d])
                fail_msg("case %zu, dimension %d: %d by %d", i, d, (int)map->chunk_shape[d], (int)map->chunk_stride[d]);
        assert_true(map->contiguous && map->cut_at_edge);
    }
}

static void places_of_blocks(void **state)
{
    (void)state;
    static const struct {
        int64_t position[3];
        uint64_t offset, size;
    } cases[] = { { { 0, 0, 0 }, 7, 131072 },
                  { { 0, 1, 0 }, 7 + 131072, 65536 }, /* the last of three rows */
                  { { 1, 0, 0 }, 7 + 3 * 65536, 131072 },
                  { { 1, 1, 0 }, 7 + 5 * 65536, 65536 } };
    const char *key;
    uint64_t offset;
    bool fortran = true;
    piece_of((int64_t[]) { 2, 3, 65536 }, MT_UINT8, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_chunk_ref ref = { 0 };
        check_ok(map->locate(map, cases[i].position, &ref, NULL), NULL);
        assert_string_equal(ref.key, "key");
        assert_true(ref.offset == cases[i].offset && ref.size == cases[i].size);
    }
    assert_true(mt_chunk_map_get_piece(map, &key, &offset, &fortran));
    assert_true(strcmp(key, "key") == 0 && offset == 7 && !fortran);
    map->contiguous = false;
    assert_false(mt_chunk_map_get_piece(map, &key, &offset, &fortran));
}

static void pieces_end_below_2_63(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    make("YX", (int64_t[]) { 10, 20 }, (int64_t[]) { 1, 1 });
    check_ok(mt_chunk_map_contiguous(map, "k", MAX - 400, false, &err), &err);
    assert_int_equal(mt_chunk_map_contiguous(map, "k", MAX - 399, false, &err), MT_E_CORRUPT);
    assert_string_equal(err.message, "the image has more than 2^63 bytes");
    map->shape[0] = MAX / 40;
    check_ok(mt_chunk_map_contiguous(map, "k", 0, false, NULL), NULL);
    map->shape[0]++;
    assert_int_equal(mt_chunk_map_contiguous(map, "k", 0, false, NULL), MT_E_CORRUPT);
    map->shape[0] = MAX;
    assert_int_equal(mt_chunk_map_contiguous(map, "k", 0, false, NULL), MT_E_CORRUPT);
    make("YXC", (int64_t[]) { MAX, MAX, 0 }, (int64_t[]) { 1, 1, 1 }); /* without elements */
    check_ok(mt_chunk_map_contiguous(map, "k", 0, true, NULL), NULL);
}

/* --- Positions, members, values. --- */

static void positions(void **state)
{
    (void)state;
    const int64_t low[] = { 1, 0, 5 }, high[] = { 3, 1, 7 }, shape[] = { 4, 3, 10 };
    int64_t position[] = { 1, 0, 5 };
    static const uint64_t numbers[] = { 35, 36, 65, 66 };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(mt_position_number(3, shape, position), numbers[i]);
        assert_int_equal(mt_position_next(3, low, high, position), i < 3);
    }
    assert_memory_equal(position, low, sizeof low); /* it begins anew */
    assert_int_equal(mt_position_number(0, shape, position), 0);
    assert_false(mt_position_next(0, low, high, position));
}

static void members(void **state)
{
    (void)state;
    static const char *const keys[] = { "a", "a", "b", "a", "c", "d", "e" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        check_ok(mt_chunk_map_add_member(map, keys[i], NULL), NULL);
    assert_int_equal(map->members.n, 6); /* without the repetition */
    assert_string_equal(map->members.items[0], "a");
    assert_string_equal(map->members.items[2], "a");
    assert_string_equal(map->members.items[5], "e");
}

static void scaled_values(void **state)
{
    (void)state;
    static const struct {
        mt_dtype stored, scaled;
    } cases[] = { { MT_UINT8, MT_FLOAT32 },  { MT_INT16, MT_FLOAT32 },  { MT_UINT16, MT_FLOAT32 },
                  { MT_UINT32, MT_FLOAT64 }, { MT_INT32, MT_FLOAT64 },  { MT_FLOAT32, MT_FLOAT32 },
                  { MT_INT64, MT_FLOAT64 },  { MT_FLOAT64, MT_FLOAT64 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        map->dtype = cases[i].stored;
        memset(&map->chain, 0, sizeof map->chain);
        map->value_scale = 2;
        map->value_offset = 1;
        map->swap = map->contiguous = true;
        check_ok(mt_chunk_map_scale(map, NULL), NULL);
        assert_int_equal(map->dtype, cases[i].scaled);
        assert_true(!map->swap && !map->contiguous && map->value_scale == 0 && map->value_offset == 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shapes),           TEST(numbers_of_dimensions),
        TEST(grids_of_edges),   TEST(strides_of_chunks),
        TEST(sizes_of_chunks),  TEST(blocks),
        TEST(places_of_blocks), TEST(pieces_end_below_2_63),
        TEST(positions),        TEST(members),
        TEST(scaled_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
