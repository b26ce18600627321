/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/turn.h"

#include "base/checked.h"

#include <string.h>

/* A block of converted elements, which stays in the first-level cache. */
enum { BLOCK_BYTES = 16 << 10, BLOCK_COLUMNS = 64, MIRRORED_ROWS = 4, LANES = 4 };

/* Four elements of four bytes. */
typedef uint32_t lanes __attribute__((vector_size(16)));

static lanes load(const uint8_t *from)
{
    lanes v;
    memcpy(&v, from, sizeof v);
    return v;
}

static void store(uint8_t *to, lanes v) { memcpy(to, &v, sizeof v); }

static lanes reversed(lanes v) { return __builtin_shufflevector(v, v, 3, 2, 1, 0); }

/* Copies n elements, of which step bytes lie between neighbours, to consecutive places. One loop for each size: a
 * constant one is a move. */
static void copy_elements(uint8_t *out, const uint8_t *in, int64_t step, int64_t n, int64_t size)
{
    switch (size) {
    case 1:
        for (int64_t i = 0; i < n; i++)
            out[i] = in[i * step];
        break;
    case 2:
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * 2, in + i * step, 2);
        break;
    case 4:
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * 4, in + i * step, 4);
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * 8, in + i * step, 8);
    }
}

/* Copies n elements, the last one first. */
static void reverse_row(uint8_t *out, const uint8_t *in, int64_t n, int64_t size)
{
    int64_t i = 0;
    if (size == 4)
        for (; i + LANES <= n; i += LANES)
            store(out + i * 4, reversed(load(in + (n - LANES - i) * 4)));
    if (i < n)
        copy_elements(out + i * size, in + (n - i - 1) * size, -size, n - i, size);
}

/* Swaps rows and columns of four by four elements. */
static void swap_16(uint8_t *out, int64_t out_row, const uint8_t *in, int64_t step)
{
    lanes a = load(in), b = load(in + step), c = load(in + 2 * step), d = load(in + 3 * step);
    lanes ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    lanes cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    store(out, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
    store(out + out_row, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
    store(out + 2 * out_row, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
    store(out + 3 * out_row, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
}

/* Swaps rows and columns of a block of rows of BLOCK_COLUMNS elements, of which columns are used. */
static void swap_block(uint8_t *out, int64_t out_row, const uint8_t *in, int64_t rows, int64_t columns, int64_t size)
{
    const int64_t step = BLOCK_COLUMNS * size;
    int64_t whole_rows = size == 4 ? rows / LANES * LANES : 0, whole_columns = columns / LANES * LANES;
    for (int64_t c = 0; c < whole_columns && whole_rows > 0; c += LANES)
        for (int64_t r = 0; r < whole_rows; r += LANES)
            swap_16(out + c * out_row + r * 4, out_row, in + r * step + c * 4, step);
    for (int64_t c = 0; c < columns; c++) {
        int64_t r = c < whole_columns ? whole_rows : 0;
        copy_elements(out + c * out_row + r * size, in + r * step + c * size, step, rows - r, size);
    }
}

static bool is_swapped(const mt_plane *p, int64_t in_size) { return p->in_row == in_size || p->in_row == -in_size; }

bool mt_plane_is_turned(const mt_plane *p, int64_t in_size, int64_t out_size)
{
    return p->columns >= LANES && p->out_column == out_size && (is_swapped(p, in_size) || p->in_column == -in_size);
}

/* Copies the rows of a plane backwards, few at a time, so that reading the next ones goes on meanwhile. */
static void copy_mirrored(mt_plane_copy copy, const mt_convert *convert, const mt_plane *p, uint8_t *out,
                          const uint8_t *in, int64_t out_size)
{
    uint8_t buffer[MIRRORED_ROWS * BLOCK_COLUMNS * 8];
    const int64_t step = BLOCK_COLUMNS * out_size;
    for (int64_t y = 0; y < p->rows; y += MIRRORED_ROWS)
        for (int64_t x = 0; x < p->columns; x += BLOCK_COLUMNS) {
            const mt_plane block = { .rows = mt_min_i64(MIRRORED_ROWS, p->rows - y),
                                     .columns = mt_min_i64(BLOCK_COLUMNS, p->columns - x),
                                     .out_row = step,
                                     .out_column = out_size,
                                     .in_row = p->in_row,
                                     .in_column = -p->in_column,
                                     .in_skip = y + MIRRORED_ROWS < p->rows ? 0 : p->in_skip };
            copy(convert, &block, buffer, in + y * p->in_row + (x + block.columns - 1) * p->in_column);
            for (int64_t r = 0; r < block.rows; r++)
                reverse_row(out + (y + r) * p->out_row + x * out_size, buffer + r * step, block.columns, out_size);
        }
}

/* Copies the columns of a plane, which are rows of the source, to its rows. */
static void copy_swapped(mt_plane_copy copy, const mt_convert *convert, const mt_plane *p, uint8_t *out,
                         const uint8_t *in, int64_t out_size)
{
    uint8_t buffer[BLOCK_BYTES];
    /* Then the rows of the source are read forwards, and written from the end. */
    const bool is_backwards = p->in_row < 0;
    const int64_t in_size = is_backwards ? -p->in_row : p->in_row, out_row = is_backwards ? -p->out_row : p->out_row;
    const int64_t step = BLOCK_COLUMNS * out_size, most = BLOCK_BYTES / step;
    if (is_backwards)
        in += (p->rows - 1) * p->in_row, out += (p->rows - 1) * p->out_row;
    for (int64_t y = 0; y < p->columns; y += most)
        for (int64_t x = 0; x < p->rows; x += BLOCK_COLUMNS) {
            const mt_plane block = { .rows = mt_min_i64(most, p->columns - y),
                                     .columns = mt_min_i64(BLOCK_COLUMNS, p->rows - x),
                                     .out_row = step,
                                     .out_column = out_size,
                                     .in_row = p->in_column,
                                     .in_column = in_size,
                                     .in_skip = y + most < p->columns ? 0 : -p->columns * p->in_column };
            copy(convert, &block, buffer, in + y * p->in_column + x * in_size);
            swap_block(out + x * out_row + y * out_size, out_row, buffer, block.rows, block.columns, out_size);
        }
}

void mt_copy_turned(mt_plane_copy copy, const mt_convert *convert, const mt_plane *p, uint8_t *out, const uint8_t *in,
                    int64_t out_size)
{
    if (is_swapped(p, (int64_t)mt_dtype_size(convert->from)))
        copy_swapped(copy, convert, p, out, in, out_size);
    else
        copy_mirrored(copy, convert, p, out, in, out_size);
}
