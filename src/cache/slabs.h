/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory for many blocks of few sizes, such as decoded chunks, in huge pages: short reads from distant blocks find the
 * addresses of far more of them in the processor's address tables (TLB), which took a third of the time of gathering
 * patches from 100 MB of chunks, and each block is not zeroed again by the kernel. Thread-safe. */
#ifndef MT_CACHE_SLABS_H
#define MT_CACHE_SLABS_H

#include "base/env.h"

#include <stdbool.h>

typedef struct mt_slabs mt_slabs;

/* Whether slabs may be used: an allocator of the caller must see all blocks. */
bool mt_slabs_are_allowed(const mt_env *env);

MT_MUST_CHECK mt_status mt_slabs_new(mt_env *env, mt_slabs **out, mt_error *err);
void mt_slabs_free(mt_slabs *slabs); /* all blocks have been given back */

/* Takes a block from a slab. Returns NULL if size is too small or too large, if there is no memory for another slab, or if
 * blocks of other sizes have left more than 16 MiB of slabs unused: the caller then allocates the block by other means. */
void *mt_slabs_take(mt_slabs *slabs, size_t size);

/* Gives a block back. False: it is not of a slab. */
bool mt_slabs_give(mt_slabs *slabs, void *block);

#endif
