/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/strategy.h"

#include "base/checked.h"

/* A larger raw chunk is never cached: a few of its rows would have to wait for the whole chunk. */
#define LARGEST_RAW ((size_t)16 << 20)

static bool is_raw(const mt_image *image) { return image->map->chain.n_steps == 0; }

static bool can_keep_raw(const mt_image *image) { return image->is_cacheable && image->chunk.bytes <= LARGEST_RAW; }

/* Whether raw chunks are read as a whole and cached, whatever the call needs. */
static bool keeps_raw(const mt_image *image)
{
    const mt_store_costs *costs = &image->store->costs;
    if (!can_keep_raw(image))
        return false;
    if (costs->is_slow)
        return image->fits_in_cache || image->chunk.bytes <= costs->most_joined;
    return image->fits_in_cache && atomic_load_explicit(&image->row_cost, memory_order_relaxed) >= image->bytes;
}

bool mt_strategy_needs_cost(const mt_image *image)
{
    if (!is_raw(image) || image->array || image->store->costs.is_memory || keeps_raw(image))
        return false;
    return image->map->contiguous || (!image->map->find_boxes && image->chunk.bytes <= LARGEST_RAW) ||
           (image->fits_in_cache && can_keep_raw(image));
}

static void choose_raw(mt_use *use, mt_image *image, uint64_t row_cost)
{
    uint64_t total = atomic_load_explicit(&image->row_cost, memory_order_relaxed);
    if (row_cost > 0 && total < image->bytes) {
        if (mt_add_u64(total, row_cost, &total))
            total = UINT64_MAX;
        atomic_store_explicit(&image->row_cost, total,
                              memory_order_relaxed); /* an estimate: a lost update is harmless */
    }
    use->keep = keeps_raw(image);
    if (!use->keep && row_cost <= image->bytes)
        use->strategy = MT_BY_ROWS;
}

void mt_strategy_choose(mt_use *use, mt_image *image, uint64_t row_cost, bool keep)
{
    *use = (mt_use) { .image = image, .strategy = MT_BY_CHUNKS };
    if (is_raw(image) && image->store->costs.is_memory) {
        use->strategy = MT_BY_ROWS;
    } else if (is_raw(image)) {
        choose_raw(use, image, row_cost);
    } else {
        use->keep = image->is_cacheable;
        if (!image->fits_in_cache && !(keep && image->is_cacheable) && mt_chain_is_partial(&image->map->chain))
            use->strategy = MT_BY_PARTS;
    }
}

void mt_strategy_visit(mt_use *use, mt_image *image)
{
    bool is_partial = mt_chain_is_partial(&image->map->chain);
    *use = (mt_use) { .image = image, .strategy = is_partial ? MT_BY_PARTS : MT_BY_CHUNKS, .peek = true };
}

void mt_strategy_ahead(mt_use *use, mt_image *image)
{
    bool keeps = is_raw(image) ? !image->store->costs.is_memory && keeps_raw(image) : image->is_cacheable;
    *use = (mt_use) { .image = image, .strategy = MT_BY_CHUNKS, .keep = keeps };
}
