/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/turn.h"

#include <string.h>

/* A block of converted elements, which stays in the first-level cache. */
enum { BLOCK_ROWS = 16, BLOCK_COLUMNS = 64, LANES = 4 };

/* Four elements of four bytes. */
typedef uint32_t lanes __attribute__((vector_size(16)));

static lanes load(const uint8_t *from)
{
    lanes v;
    memcpy(&v, from, sizeof v);
    return v;
}

static lanes reversed(lanes v) { return __builtin_shufflevector(v, v, 3, 2, 1, 0); }

static void store(uint8_t *to, lanes v) { memcpy(to, &v, sizeof v); }

/* Copies n elements, of which step bytes lie between neighbours. One loop for each size: a constant one is a move. */
static void copy_elements(uint8_t *out, int64_t out_step, const uint8_t *in, int64_t in_step, int64_t n, int64_t size)
{
    switch (size) {
    case 1:
        for (int64_t i = 0; i < n; i++)
            out[i * out_step] = in[i * in_step];
        break;
    case 2:
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * out_step, in + i * in_step, 2);
        break;
    case 4:
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * out_step, in + i * in_step, 4);
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * out_step, in + i * in_step, 8);
    }
}

/* Copies n elements to the places before out: the first one to out. */
static void reverse_row(uint8_t *out, const uint8_t *in, int64_t n, int64_t size)
{
    int64_t i = 0;
    if (size == 4)
        for (; i + LANES <= n; i += LANES)
            store(out - (i + LANES - 1) * 4, reversed(load(in + i * 4)));
    copy_elements(out - i * size, -size, in + i * size, size, n - i, size);
}

/* Swaps rows and columns of four by four elements. step: of the input, columns: of the output, of either sign. */
static void swap_16(uint8_t *out, int64_t out_row, int64_t out_column, const uint8_t *in, int64_t step)
{
    lanes a = load(in), b = load(in + step), c = load(in + 2 * step), d = load(in + 3 * step);
    lanes ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    lanes cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    lanes rows[LANES] = { __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
                          __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
                          __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
                          __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7) };
    for (int i = 0; i < LANES; i++)
        if (out_column > 0)
            store(out + i * out_row, rows[i]);
        else
            store(out + i * out_row - (LANES - 1) * 4, reversed(rows[i]));
}

/* Swaps rows and columns of a block of rows of BLOCK_COLUMNS elements, of which columns are used. */
static void swap_block(uint8_t *out, const mt_plane *p, const uint8_t *in, int64_t rows, int64_t columns, int64_t size)
{
    const int64_t step = BLOCK_COLUMNS * size;
    int64_t whole_rows = size == 4 ? rows / LANES * LANES : 0, whole_columns = columns / LANES * LANES;
    for (int64_t c = 0; c < whole_columns && whole_rows > 0; c += LANES)
        for (int64_t r = 0; r < whole_rows; r += LANES)
            swap_16(out + c * p->out_row + r * p->out_column, p->out_row, p->out_column, in + r * step + c * 4, step);
    for (int64_t c = 0; c < columns; c++) {
        int64_t r = c < whole_columns ? whole_rows : 0;
        copy_elements(out + c * p->out_row + r * p->out_column, p->out_column, in + r * step + c * size, step, rows - r,
                      size);
    }
}

static bool is_swapped(const mt_plane *p, int64_t in_size, int64_t out_size)
{
    return p->in_row == in_size && (p->out_column == out_size || p->out_column == -out_size);
}

bool mt_plane_is_turned(const mt_plane *p, int64_t in_size, int64_t out_size)
{
    if (p->columns < LANES)
        return false;
    return is_swapped(p, in_size, out_size) || (p->in_column == in_size && p->out_column == -out_size);
}

void mt_copy_turned(mt_plane_copy copy, const mt_convert *convert, const mt_plane *p, uint8_t *out, const uint8_t *in,
                    int64_t out_size)
{
    uint8_t buffer[BLOCK_ROWS * BLOCK_COLUMNS * 8];
    const int64_t step = BLOCK_COLUMNS * out_size;
    const bool swap = p->in_column != (int64_t)mt_dtype_size(convert->from);
    const int64_t n_rows = swap ? p->columns : p->rows, n_columns = swap ? p->rows : p->columns;
    const int64_t in_row = swap ? p->in_column : p->in_row, in_column = swap ? p->in_row : p->in_column;
    for (int64_t y = 0; y < n_rows; y += BLOCK_ROWS)
        for (int64_t x = 0; x < n_columns; x += BLOCK_COLUMNS) {
            const mt_plane block = { .rows = n_rows - y < BLOCK_ROWS ? n_rows - y : BLOCK_ROWS,
                                     .columns = n_columns - x < BLOCK_COLUMNS ? n_columns - x : BLOCK_COLUMNS,
                                     .out_row = step,
                                     .out_column = out_size,
                                     .in_row = in_row,
                                     .in_column = in_column };
            copy(convert, &block, buffer, in + y * in_row + x * in_column);
            if (swap)
                swap_block(out + x * p->out_row + y * p->out_column, p, buffer, block.rows, block.columns, out_size);
            else
                for (int64_t r = 0; r < block.rows; r++)
                    reverse_row(out + (y + r) * p->out_row + x * p->out_column, buffer + r * step, block.columns,
                                out_size);
        }
}
