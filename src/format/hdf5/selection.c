/* SPDX-License-Identifier: BSD-3-Clause */
/* Stored selections (IV.A.2.b, "Dataspace Selection"), and the intervals that they select along each dimension. */
#include "base/checked.h"
#include "format/hdf5/virtual.h"

#include <string.h>

/* Bound on coordinates, so that the sum of two does not overflow. */
#define FARTHEST ((uint64_t)INT64_MAX / 2)

static mt_status cut_off(mt_error *err) { return mt_fail(err, MT_E_CORRUPT, "a selection is cut off"); }

static mt_status read_regular(mt_reader *r, size_t width, h5_selection *s, mt_error *err)
{
    s->kind = H5_REGULAR;
    s->is_product = true;
    for (int d = 0; d < s->rank; d++) {
        uint64_t *numbers[4] = { &s->start[d], &s->stride[d], &s->count[d], &s->block[d] };
        for (int i = 0; i < 4; i++) {
            uint64_t most = width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * width) - 1;
            *numbers[i] = h5_read_number(r, width);
            if (i >= 2 && *numbers[i] == most)
                *numbers[i] = H5_UNDEFINED; /* unlimited */
            else if (*numbers[i] > FARTHEST)
                return mt_fail(err, MT_E_CORRUPT, "a selection reaches too far");
        }
        uint64_t end;
        bool open = s->count[d] == H5_UNDEFINED || s->block[d] == H5_UNDEFINED;
        if ((s->count[d] > 1 && (s->stride[d] == 0 || s->stride[d] < s->block[d])) ||
            (s->count[d] == H5_UNDEFINED && s->block[d] == 0) ||
            (!open && (mt_mul_u64(s->stride[d], s->count[d], &end) || end > FARTHEST)))
            return mt_fail(err, MT_E_CORRUPT, "a selection of %llu blocks of %llu elements, %llu apart",
                           (unsigned long long)s->count[d], (unsigned long long)s->block[d],
                           (unsigned long long)s->stride[d]);
    }
    return r->failed ? cut_off(err) : MT_OK;
}

static const h5_interval *block_of(const h5_selection *s, size_t i) { return s->blocks + i * (size_t)s->rank; }

/* Whether the blocks, in C order, are the product of intervals along each dimension. */
static bool find_product(h5_selection *s)
{
    size_t step = 1;
    for (int d = s->rank - 1; d >= 0; d--) {
        size_t n = 1, bytes = (size_t)d * sizeof(h5_interval);
        while ((n + 1) * step <= s->n_blocks && memcmp(block_of(s, n * step), s->blocks, bytes) == 0)
            n++;
        s->along[d] = n;
        step *= n;
    }
    if (step != s->n_blocks)
        return false;
    for (size_t i = 0; i < s->n_blocks; i++) {
        size_t below = 1;
        for (int d = s->rank - 1; d >= 0; d--) {
            size_t k = i / below % s->along[d];
            if (memcmp(block_of(s, i) + d, block_of(s, k * below) + d, sizeof(h5_interval)) != 0)
                return false;
            below *= s->along[d];
        }
    }
    return true;
}

/* The intervals along each dimension must rise: those of a product are merged and paired in order. */
static bool is_rising(const h5_selection *s)
{
    size_t below = 1;
    for (int d = s->rank - 1; d >= 0; d--) {
        for (size_t k = 1; k < s->along[d]; k++) {
            const h5_interval *a = block_of(s, (k - 1) * below) + d, *b = block_of(s, k * below) + d;
            if (a->start + a->n > b->start)
                return false;
        }
        below *= s->along[d];
    }
    return true;
}

static mt_status read_blocks(mt_reader *r, size_t width, mt_arena *arena, h5_selection *s, mt_error *err)
{
    uint64_t n = h5_read_number(r, width), each = 2 * width * (uint64_t)s->rank;
    s->kind = H5_BLOCKS;
    if (n == 0)
        s->kind = H5_NONE;
    if (r->failed || each == 0 || n > mt_read_left(r) / each)
        return cut_off(err);
    h5_interval *blocks = mt_arena_alloc(arena, (size_t)n * (size_t)s->rank, sizeof *blocks, err);
    if (!blocks)
        return MT_E_MEMORY;
    for (size_t i = 0; i < n; i++) {
        h5_interval *block = blocks + i * (size_t)s->rank;
        for (int d = 0; d < s->rank; d++)
            block[d].start = (int64_t)(h5_read_number(r, width) & INT64_MAX);
        for (int d = 0; d < s->rank; d++) {
            uint64_t last = h5_read_number(r, width);
            if (last < (uint64_t)block[d].start || last >= FARTHEST)
                return mt_fail(err, MT_E_CORRUPT, "a block of a selection ends at %llu", (unsigned long long)last);
            block[d].n = (int64_t)last - block[d].start + 1;
        }
    }
    s->blocks = blocks;
    s->n_blocks = (size_t)n;
    s->is_product = n > 0 && find_product(s) && is_rising(s);
    return MT_OK;
}

static mt_status read_rank(mt_reader *r, h5_selection *s, mt_error *err)
{
    uint32_t rank = mt_read_u32(r);
    if (r->failed || rank < 1 || rank > MT_MAX_DIMS)
        return mt_fail(err, MT_E_CORRUPT, "a selection of %u dimensions", rank);
    s->rank = (int)rank;
    return MT_OK;
}

static mt_status read_hyperslab(mt_reader *r, mt_arena *arena, h5_selection *s, mt_error *err)
{
    uint32_t version = mt_read_u32(r);
    size_t width = 4;
    bool regular = false;
    if (version == 1) {
        mt_read_skip(r, 8);
    } else if (version == 2) {
        regular = (mt_read_u8(r) & 1) != 0;
        mt_read_skip(r, 4);
        width = 8;
    } else if (version == 3) {
        regular = (mt_read_u8(r) & 1) != 0;
        width = mt_read_u8(r);
    } else {
        return mt_fail(err, MT_E_UNSUPPORTED, "hyperslab selections of version %u are not supported", version);
    }
    if (width != 2 && width != 4 && width != 8)
        return mt_fail(err, MT_E_CORRUPT, "a selection with numbers of %zu bytes", width);
    mt_status st = read_rank(r, s, err);
    if (st)
        return st;
    return regular ? read_regular(r, width, s, err) : read_blocks(r, width, arena, s, err);
}

mt_status h5_read_selection(mt_reader *r, mt_arena *arena, h5_selection *out, mt_error *err)
{
    memset(out, 0, sizeof *out);
    uint32_t kind = mt_read_u32(r);
    if (kind == 1)
        return mt_fail(err, MT_E_UNSUPPORTED, "selections of points are not supported");
    if (kind == 2)
        return read_hyperslab(r, arena, out, err);
    if (kind != 0 && kind != 3)
        return mt_fail(err, MT_E_CORRUPT, "a selection of type %u", kind);
    out->kind = kind == 3 ? H5_ALL : H5_NONE;
    out->is_product = true;
    mt_read_skip(r, 12);
    return r->failed ? cut_off(err) : MT_OK;
}

int h5_unlimited_dimension(const h5_selection *s)
{
    for (int d = 0; s->kind == H5_REGULAR && d < s->rank; d++)
        if (s->count[d] == H5_UNDEFINED || s->block[d] == H5_UNDEFINED)
            return d;
    return -1;
}

static void add_interval(h5_intervals *out, int64_t start, int64_t n)
{
    h5_interval *last = out->count ? &out->list[out->count - 1] : NULL;
    if (n <= 0)
        return;
    if (last && last->start + last->n == start)
        last->n += n;
    else
        out->list[out->count++] = (h5_interval) { start, n };
    out->total += n;
}

static int64_t divide_up(int64_t a, int64_t b) { return a / b + (a % b != 0); }

static mt_status select_regular(const h5_selection *s, int d, int64_t extent, int64_t most, mt_arena *arena,
                                h5_intervals *out, mt_error *err)
{
    bool endless = s->block[d] == H5_UNDEFINED, open = endless || s->count[d] == H5_UNDEFINED;
    int64_t start = (int64_t)s->start[d], block = endless ? INT64_MAX : (int64_t)s->block[d];
    int64_t stride = (int64_t)s->stride[d], room = open ? mt_max_i64(extent - start, 0) : INT64_MAX;
    int64_t n = endless ? 1 : (int64_t)s->count[d];
    most = open ? most : INT64_MAX;
    if (open && !endless)
        n = mt_min_i64(divide_up(room, stride), divide_up(most, block));
    if (stride == block && n > 0) {
        block = open ? INT64_MAX : block * n;
        n = 1;
    }
    out->list = mt_arena_alloc(arena, (size_t)n, sizeof *out->list, err);
    if (!out->list)
        return MT_E_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        int64_t left = mt_min_i64(n == 1 ? room : room - i * stride, most - out->total);
        add_interval(out, n == 1 ? start : start + i * stride, mt_min_i64(block, left));
    }
    return MT_OK;
}

mt_status h5_select_along(const h5_selection *s, int d, int64_t extent, int64_t most, mt_arena *arena,
                          h5_intervals *out, mt_error *err)
{
    *out = (h5_intervals) { 0 };
    if (s->kind == H5_REGULAR)
        return select_regular(s, d, extent, most, arena, out, err);
    size_t n = s->kind == H5_BLOCKS ? s->along[d] : 1, below = 1;
    out->list = mt_arena_alloc(arena, n, sizeof *out->list, err);
    if (!out->list)
        return MT_E_MEMORY;
    if (s->kind == H5_ALL)
        add_interval(out, 0, extent);
    for (int e = d + 1; s->kind == H5_BLOCKS && e < s->rank; e++)
        below *= s->along[e];
    for (size_t k = 0; s->kind == H5_BLOCKS && k < n; k++)
        add_interval(out, block_of(s, k * below)[d].start, block_of(s, k * below)[d].n);
    return MT_OK;
}
