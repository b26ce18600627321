/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of neighbouring chunks. */
#ifndef MT_LOADER_BLOCKS_H
#define MT_LOADER_BLOCKS_H

#include "sampling/patching.h"

#include <microtome/loader.h>

enum { MT_BLOCK_DIMS = 4 }; /* samples, (Z), Y, X; the first 1 + n_spatial are used */

/* The blocks of one stack. */
typedef struct mt_block_grid {
    int64_t size[MT_BLOCK_DIMS];  /* of a block: samples, pixels */
    int64_t count[MT_BLOCK_DIMS]; /* number of blocks */
    uint64_t first;               /* number of the first block */
} mt_block_grid;

typedef struct mt_blocks {
    size_t n;              /* number of stacks */
    uint64_t n_blocks;     /* of all stacks */
    mt_block_grid grids[]; /* n of them */
} mt_blocks;

/* block: as in mt_loader_options. Freed by mt_blocks_free. */
MT_MUST_CHECK mt_status mt_blocks_new(const mt_patching *patching, const int64_t *block, mt_blocks **out,
                                      mt_error *err);
void mt_blocks_free(mt_env *env, mt_blocks *blocks);

/* The number of the block of a patch. */
uint64_t mt_blocks_find(const mt_blocks *blocks, const mt_patch_spec *spec);

/* The number of blocks that n patches come from. */
uint64_t mt_blocks_count(const mt_blocks *blocks, const mt_patch_spec *specs, size_t n);

#endif
