/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/strategy.h"

#include "base/checked.h"

/* A raw chunk that is larger is never kept: a few rows of it would have to wait for all others. */
#define LARGEST_RAW ((size_t)16 << 20)

static bool is_raw(const mt_image *image) { return image->map->chain.n_steps == 0; }

bool mt_strategy_needs_cost(const mt_image *image)
{
    return is_raw(image) && !image->array && !image->store->costs.is_memory;
}

static void choose_raw(mt_use *use, mt_image *image, uint64_t row_cost)
{
    const mt_store_costs *costs = &image->store->costs;
    uint64_t total = atomic_load_explicit(&image->row_cost, memory_order_relaxed);
    if (total < image->bytes && mt_add_u64(total, row_cost, &total))
        total = UINT64_MAX;
    atomic_store_explicit(&image->row_cost, total, memory_order_relaxed); /* an estimate: losing a sum does no harm */
    bool can_keep = image->is_cacheable && image->chunk.bytes <= LARGEST_RAW;
    if (can_keep && image->fits_in_cache && (costs->is_slow || total >= image->bytes))
        use->keep = true;
    else if (can_keep && costs->is_slow && image->chunk.bytes <= costs->most_joined)
        use->keep = true;
    else if (!image->map->contiguous || row_cost <= image->bytes)
        use->strategy = MT_BY_ROWS;
}

void mt_strategy_choose(mt_use *use, mt_image *image, uint64_t row_cost)
{
    *use = (mt_use) { .image = image, .strategy = MT_BY_CHUNKS };
    if (mt_strategy_needs_cost(image)) {
        choose_raw(use, image, row_cost);
    } else if (is_raw(image)) {
        use->strategy = MT_BY_ROWS;
    } else {
        use->keep = image->is_cacheable;
        if (!image->fits_in_cache && mt_chain_is_partial(&image->map->chain))
            use->strategy = MT_BY_PARTS;
    }
}

void mt_strategy_visit(mt_use *use, const mt_image *image)
{
    bool is_partial = mt_chain_is_partial(&image->map->chain);
    *use = (mt_use) { .image = image, .strategy = is_partial ? MT_BY_PARTS : MT_BY_CHUNKS, .peek = true };
}
