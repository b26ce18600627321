/* SPDX-License-Identifier: BSD-3-Clause */
#include "loader/blocks.h"

#include "base/checked.h"
#include "stack/visit.h"

#include <string.h>

/* Blocks of 6 x 6 chunks, in a window of 16, decode an image of 8 times the cache about 1.3 times, and need about 780
 * chunks at a time; blocks of 2 x 4 x 4 chunks of a volume, about 1.7 times and 880 chunks (docs/loader.md). */
static const int64_t default_block[2][3] = { { 6, 6 }, { 2, 4, 4 } };

/* The chunk of a stack: samples, (Z), Y, X. */
static void get_chunk(const mt_stack *stack, size_t n_spatial, int64_t *out)
{
    mt_stack_dims dims;
    mt_stack_get_dims(stack, &dims);
    for (size_t i = 0; i <= n_spatial; i++)
        out[i] = 1;
    for (int d = 0; d < dims.ndim; d++) {
        int axis = dims.axis[d];
        if (axis == MT_AXIS_S && dims.step[d] == 1)
            out[0] = dims.chunk[d];
        else if (axis >= MT_AXIS_Y - (int)n_spatial + 2)
            out[axis - MT_AXIS_X + (int)n_spatial] = dims.chunk[d];
    }
}

/* Divides an axis into blocks of equal size, a multiple of the chunk, of about the wanted size. */
static void divide_axis(int64_t extent, int64_t chunk, int64_t wanted, int64_t *size, int64_t *count)
{
    int64_t blocks = mt_max_i64((extent + wanted / 2) / wanted, 1);
    int64_t chunks = (extent + chunk - 1) / chunk;
    *size = mt_max_i64((chunks + blocks - 1) / blocks, 1) * chunk;
    *count = mt_max_i64((extent + *size - 1) / *size, 1);
}

/* The wanted size of a block along an axis, no more than the axis. */
static int64_t wanted_size(int64_t extent, int64_t chunk, int64_t patch, int64_t n)
{
    int64_t size;
    if (mt_mul_i64(mt_max_i64(chunk, patch), n, &size))
        size = extent;
    return mt_max_i64(mt_min_i64(size, extent), 1);
}

static mt_status divide_stack(const mt_patching *p, size_t s, const int64_t *block, mt_block_grid *out, mt_error *err)
{
    const int64_t *shape = mt_patching_shape(p, s);
    int64_t chunk[MT_BLOCK_DIMS], samples = p->stacks[s]->info.data_shape[0], n;
    get_chunk(p->stacks[s], p->n_spatial, chunk);
    divide_axis(samples, mt_min_i64(chunk[0], mt_max_i64(samples, 1)), mt_max_i64(chunk[0], 1), &out->size[0],
                &out->count[0]);
    for (size_t i = 0; i < p->n_spatial; i++) {
        int64_t size = mt_max_i64(mt_min_i64(chunk[1 + i], shape[i]), 1);
        int64_t wanted = block[i] ? block[i] : default_block[p->n_spatial - 2][i];
        divide_axis(shape[i], size, wanted_size(shape[i], size, p->patch_size[i], wanted), &out->size[1 + i],
                    &out->count[1 + i]);
    }
    if (mt_product_i64(out->count, 1 + (int)p->n_spatial, &n) || n > UINT32_MAX - 1)
        return mt_fail(err, MT_E_LIMIT, "%s: more than 2^32 blocks; use larger blocks", p->stacks[s]->info.source);
    out[1].first = out->first + (uint64_t)n;
    if (out[1].first > UINT32_MAX - 1)
        return mt_fail(err, MT_E_LIMIT, "more than 2^32 blocks in %zu images; use larger blocks", s + 1);
    return MT_OK;
}

static size_t bytes_of(size_t n) { return sizeof(mt_blocks) + (n + 1) * sizeof(mt_block_grid); }

mt_status mt_blocks_new(const mt_patching *p, const int64_t *block, mt_blocks **out, mt_error *err)
{
    mt_env *env = &p->context->env;
    void *memory;
    if (p->n_stacks > SIZE_MAX / 2 / sizeof(mt_block_grid))
        return mt_fail(err, MT_E_MEMORY, "%zu images", p->n_stacks);
    mt_status st = mt_alloc(env, bytes_of(p->n_stacks), &memory, err);
    if (st)
        return st;
    mt_blocks *blocks = memset(memory, 0, bytes_of(p->n_stacks));
    blocks->n = p->n_stacks;
    for (size_t s = 0; !st && s < p->n_stacks; s++)
        st = divide_stack(p, s, block, &blocks->grids[s], err);
    blocks->n_blocks = blocks->grids[p->n_stacks].first;
    if (st)
        mt_blocks_free(env, blocks);
    else
        *out = blocks;
    return st;
}

void mt_blocks_free(mt_env *env, mt_blocks *blocks)
{
    if (blocks)
        mt_release(env, blocks, bytes_of(blocks->n));
}

uint64_t mt_blocks_find(const mt_blocks *blocks, const mt_patch_spec *spec)
{
    const mt_block_grid *grid = &blocks->grids[spec->stack];
    int64_t block = spec->sample / grid->size[0];
    for (size_t i = 0; i < spec->n_spatial; i++) {
        int64_t at = mt_min_i64(mt_max_i64(spec->coords[i], 0) / grid->size[1 + i], grid->count[1 + i] - 1);
        block = block * grid->count[1 + i] + at;
    }
    return grid->first + (uint64_t)block;
}

uint64_t mt_blocks_count(const mt_blocks *blocks, const mt_patch_spec *specs, size_t n)
{
    enum { SEEN = 256 }; /* a table of the blocks seen; in a batch of more blocks, the rest counts as seen */
    uint64_t seen[SEEN], count = 0;
    for (size_t i = 0; i < n && count < SEEN; i++) {
        uint64_t block = mt_blocks_find(blocks, &specs[i]), k = 0;
        while (k < count && seen[k] != block)
            k++;
        if (k == count)
            seen[count++] = block;
    }
    return count;
}
