/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/staged.h"

#include "base/checked.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { STAGED = 8192 }; /* bytes of a block that stays in the first-level cache */

/* The block of a plane from (y, x) on that has at most so many rows and columns. Its output is dense. */
static mt_plane block_at(const mt_plane *p, int64_t y, int64_t x, int64_t rows, int64_t columns, int64_t out_size)
{
    const int64_t width = mt_min_i64(columns, p->columns - x);
    return (mt_plane) { .rows = mt_min_i64(rows, p->rows - y),
                        .columns = width,
                        .out_row = width * out_size,
                        .out_column = out_size,
                        .in_row = p->in_row,
                        .in_column = p->in_column,
                        .in_skip = y + rows < p->rows ? 0 : p->in_skip };
}

static void copy_swapped(const mt_plane_copier *copier, const mt_plane *p, uint8_t *out, const uint8_t *in)
{
    uint8_t buffer[STAGED];
    const int64_t size = (int64_t)mt_dtype_size(copier->convert->from);
    const int64_t columns = mt_min_i64(p->columns, STAGED / size), rows = STAGED / (columns * size);
    for (int64_t y = 0; y < p->rows; y += rows)
        for (int64_t x = 0; x < p->columns; x += columns) {
            const mt_plane block = block_at(p, y, x, rows, columns, size);
            const mt_plane rest = { .rows = block.rows,
                                    .columns = block.columns,
                                    .out_row = p->out_row,
                                    .out_column = p->out_column,
                                    .in_row = block.out_row,
                                    .in_column = size };
            copier->swap(copier->convert, &block, buffer, in + y * p->in_row + x * p->in_column);
            copier->copy(copier->convert, &rest, out + y * p->out_row + x * p->out_column, buffer);
        }
}

void mt_copy_plane(const mt_plane_copier *copier, const mt_plane *p, uint8_t *out, const uint8_t *in)
{
    if (copier->swap)
        copy_swapped(copier, p, out, in);
    else
        copier->copy(copier->convert, p, out, in);
}

#ifdef __SSE2__

/* Writes the lines that it covers past the caches: an ordinary store first reads the line that it overwrites. */
static void write_lines(uint8_t *out, const uint8_t *in, int64_t n)
{
    enum { LINE = 64, WORD = 16 };
    int64_t at = mt_min_i64((int64_t)(-(uintptr_t)out & (LINE - 1)), n);
    memcpy(out, in, (size_t)at);
    for (; at + LINE <= n; at += LINE)
        for (int64_t i = at; i < at + LINE; i += WORD)
            _mm_stream_si128((__m128i *)(void *)(out + i), _mm_loadu_si128((const __m128i *)(const void *)(in + i)));
    memcpy(out + at, in + at, (size_t)(n - at));
}

bool mt_plane_can_go_past(const mt_plane *p, int64_t out_size)
{
    return p->out_column == out_size && (p->rows == 1 || p->out_row == p->columns * out_size);
}

void mt_copy_past(const mt_plane_copier *copier, const mt_plane *p, uint8_t *out, const uint8_t *in, int64_t out_size)
{
    uint8_t buffer[STAGED];
    const int64_t columns = mt_min_i64(p->columns, STAGED / out_size), rows = STAGED / (columns * out_size);
    for (int64_t y = 0; y < p->rows; y += rows)
        for (int64_t x = 0; x < p->columns; x += columns) {
            const mt_plane block = block_at(p, y, x, rows, columns, out_size);
            mt_copy_plane(copier, &block, buffer, in + y * p->in_row + x * p->in_column);
            write_lines(out + y * p->out_row + x * out_size, buffer, block.rows * block.out_row);
        }
}

void mt_end_past(void) { _mm_sfence(); }

#else

bool mt_plane_can_go_past(const mt_plane *p, int64_t out_size)
{
    (void)p;
    (void)out_size;
    return false;
}

void mt_copy_past(const mt_plane_copier *copier, const mt_plane *p, uint8_t *out, const uint8_t *in, int64_t out_size)
{
    (void)out_size;
    mt_copy_plane(copier, p, out, in);
}

void mt_end_past(void) {}

#endif
