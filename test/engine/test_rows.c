/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranges of rows: together they bring each byte of a box once, and nothing that lies far from it. */
#include "engine/rows.h"
#include "support/grid.h"

#include <stdbool.h>

#include <string.h>

enum { DIMS = 3, SIDE = 12, BYTES = SIDE * SIDE * SIDE * 2 };

static void check_box(const int64_t *low, const int64_t *extent, const int *order, size_t gap, int64_t most)
{
    static uint8_t object[BYTES], rows_read[BYTES * 2];
    uint16_t out[SIDE * SIDE * SIDE], expected[SIDE * SIDE * SIDE];
    int64_t stride[DIMS], out_stride[DIMS], step = 2, offset = 100;
    for (int i = DIMS - 1; i >= 0; i--, step *= SIDE)
        stride[order[i]] = step;
    for (int d = DIMS - 1; d >= 0; d--)
        out_stride[d] = d == DIMS - 1 ? 2 : out_stride[d + 1] * extent[d + 1];
    for (int i = 0; i < BYTES; i++)
        object[i] = (uint8_t)(i * 7 + i / 256);
    for (int d = 0; d < DIMS; d++)
        offset += low[d] * stride[d];
    memset(out, 0, sizeof out);
    memset(expected, 0, sizeof expected);
    size_t n = 0;
    for (int64_t z = 0; z < extent[0]; z++)
        for (int64_t y = 0; y < extent[1]; y++)
            for (int64_t x = 0; x < extent[2]; x++, n++)
                memcpy(&expected[n], object + offset - 100 + z * stride[0] + y * stride[1] + x * stride[2], 2);

    mt_rows rows;
    mt_row_batch batch;
    mt_convert same = { .from = MT_UINT16, .to = MT_UINT16 };
    uint64_t end = 0, wasted = 0, ranges = 0;
    mt_rows_init(&rows, DIMS, extent, stride, 2, gap, (uint64_t)offset, (uint8_t *)out, out_stride);
    if (most)
        rows.most = most;
    while (mt_rows_next(&rows, &batch)) {
        assert_in_range(batch.n, 1, rows.most);
        for (int64_t i = 0; i < batch.n; i++, ranges++) {
            mt_range r = mt_row_range(&batch, i, rows_read);
            assert_true(r.offset >= 100 && r.offset + r.size <= 100 + BYTES);
            assert_true(r.offset >= end); /* in the order of storage */
            wasted += r.size;
            end = r.offset + r.size;
            memcpy(r.out, object + (r.offset - 100), r.size);
        }
        mt_rows_gather(&batch, &same, rows_read);
    }
    assert_memory_equal(out, expected, n * 2);
    wasted -= n * 2;
    assert_true(wasted <= gap * (n + ranges)); /* only gaps are read along */
    if (gap == 0)
        assert_int_equal(wasted, 0);
}

static void any_box(void **state)
{
    (void)state;
    static const int orders[][DIMS] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 } };
    static const size_t gaps[] = { 0, 8, 64, 100000 };
    uint64_t seed = 5;
    for (int i = 0; i < 3000; i++) {
        int64_t low[DIMS], extent[DIMS];
        for (int d = 0; d < DIMS; d++) {
            low[d] = random_between(&seed, 0, SIDE - 1);
            extent[d] = random_between(&seed, 1, SIDE - low[d]);
        }
        check_box(low, extent, orders[i % 3], gaps[i / 3 % 4], i % 5);
    }
}

static void filled_instead(void **state)
{
    (void)state;
    int64_t extent[2] = { 5, 3 }, stride[2] = { 100, 2 }, out_stride[2] = { 8, 2 };
    uint16_t out[20] = { 0 }, value = 7;
    mt_rows rows;
    mt_row_batch batch;
    mt_convert same = { .from = MT_UINT16, .to = MT_UINT16 };
    mt_rows_init(&rows, 2, extent, stride, 2, 0, 0, (uint8_t *)out, out_stride);
    rows.most = 2;
    while (mt_rows_next(&rows, &batch))
        mt_rows_fill(&batch, &same, &value);
    for (int i = 0; i < 20; i++)
        assert_int_equal(out[i], i % 4 < 3 ? 7 : 0);
}

/* Rows are read together if no more bytes lie between them than are cheaper to read, up to 256 KiB. */
static void rows_that_are_read_together(void **state)
{
    (void)state;
    static const struct {
        int64_t extent[2], stride;
        size_t gap;
        int64_t ranges;
    } cases[] = {
        { { 4, 10 }, 10, 0, 1 },
        { { 4, 10 }, 11, 0, 4 },
        { { 4, 10 }, 18, 8, 1 },
        { { 4, 10 }, 19, 8, 4 },
        { { 2, 128 << 10 }, 128 << 10, 8, 1 },
        { { 2, (128 << 10) + 1 }, (128 << 10) + 1, 8, 2 },
        { { 2, 10 }, (256 << 10) - 10, 1 << 20, 1 },
        { { 2, 10 }, (256 << 10) - 9, 1 << 20, 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t stride[2] = { cases[i].stride, 1 }, out_stride[2] = { cases[i].extent[1], 1 };
        mt_rows rows;
        mt_row_batch batch;
        int64_t n = 0;
        mt_rows_init(&rows, 2, cases[i].extent, stride, 1, cases[i].gap, 0, NULL, out_stride);
        while (mt_rows_next(&rows, &batch))
            n += batch.n;
        assert_int_equal(n, cases[i].ranges);
    }
}

static mt_status nowhere(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)map, (void)position, (void)out;
    return mt_fail(err, MT_E_UNSUPPORTED, "costs locate nothing");
}

/* 4 x 4 chunks of 8 x 8 bytes, or all of it in one piece: the bytes of the ranges and the cost of their requests. */
static void costs_of_rows(void **state)
{
    (void)state;
    static const struct {
        int64_t extent[2];
        bool is_piece;
        size_t request;
        uint64_t cost;
    } cases[] = {
        { { 1, 1 }, false, 100, 101 },
        { { 1, 8 }, false, 100, 108 },
        { { 8, 8 }, false, 100, 164 },
        { { 2, 8 }, false, 100, 116 },
        { { 2, 4 }, false, 100, 2 * 104 },
        { { 9, 8 }, false, 100, 2 * 164 }, /* at least two chunks */
        { { 16, 8 }, false, 100, 2 * 164 },
        { { 17, 8 }, false, 100, 3 * 164 },
        { { 32, 32 }, false, 100, 16 * 164 },
        { { 40, 8 }, false, 100, 4 * 164 }, /* clipped */
        { { 0, 5 }, false, 100, 0 },
        { { 5, 0 }, false, 100, 0 },
        { { 2, 4 }, true, 100, 2 * 104 },
        { { 2, 32 }, true, 100, 164 },
        { { 9, 8 }, true, 100, 9 * 108 },
        { { 2, 4 }, false, (size_t)1 << 63, UINT64_MAX },
        { { 9, 8 }, false, (size_t)1 << 63, UINT64_MAX },
    };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_store_costs costs = { .in_flight = 1, .io_threads = 1, .request = cases[i].request };
        grid g;
        grid_open(&g, context, 4, 8, NULL, NULL, &costs, nowhere);
        g.map->contiguous = cases[i].is_piece;
        g.map->piece_stride[0] = 32;
        g.map->piece_stride[1] = 1;
        mt_image_init(&g.image, context, g.map, &g.store, "grid", NULL, NULL);
        assert_true(mt_rows_cost(&g.image, cases[i].extent) == cases[i].cost);
        grid_close(&g);
    }
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_box),
        cmocka_unit_test(filled_instead),
        cmocka_unit_test(rows_that_are_read_together),
        cmocka_unit_test(costs_of_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
