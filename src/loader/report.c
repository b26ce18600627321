/* SPDX-License-Identifier: BSD-3-Clause */
#include "loader/internal.h"

#include "base/checked.h"

#include <string.h>

/* Chunks of an image; 0: it has none, or is a mosaic, whose chunks its map does not count. */
static uint64_t count_chunks(const mt_stack *stack)
{
    const mt_image *image = &stack->image;
    if (!stack->map || image->array || stack->map->find_boxes || image->chunk.bytes == 0)
        return 0;
    return image->bytes == UINT64_MAX ? UINT64_MAX : image->bytes / image->chunk.bytes;
}

static uint64_t count_all_chunks(const mt_recipe *recipe)
{
    uint64_t total = 0;
    for (size_t a = 0; a < recipe->n_arrays; a++)
        for (size_t s = 0; s < recipe->patching->n_stacks; s++)
            if (mt_add_u64(total, count_chunks(recipe->arrays[a].stacks[s]), &total))
                return UINT64_MAX;
    return total;
}

/* The counters of a context may be reset by its owner meanwhile. */
static uint64_t since(uint64_t now, uint64_t before) { return now >= before ? now - before : now; }

mt_status mt_loader_get_report(mt_loader *l, mt_loader_report *out, mt_error *err)
{
    mt_loader_report all = { .struct_size = out->struct_size };
    mt_counters now;
    mt_error_reset(err);
    if (all.struct_size == 0 || all.struct_size > sizeof all)
        return mt_fail(err, MT_E_ARGUMENT, "mt_loader_report.struct_size is %zu, not %zu", all.struct_size, sizeof all);
    mt_context_get_counters(l->context, &now);
    mt_lock_take(&l->lock);
    mt_delivered d = l->delivered;
    mt_lock_give(&l->lock);
    all.epochs = d.epochs;
    all.batches = d.batches;
    all.patches = d.patches;
    all.chunks = count_all_chunks(&l->recipe);
    all.blocks = l->blocks ? l->blocks->n_blocks : 0;
    all.window = l->ordering.window;
    all.fewest_blocks = d.fewest_blocks;
    all.mean_blocks = d.batches ? (double)d.blocks / (double)d.batches : 0;
    all.chunks_decoded = since(now.chunks_decoded, l->before.chunks_decoded);
    all.bytes_decoded = since(now.bytes_decoded, l->before.bytes_decoded);
    all.bytes_fetched = since(now.bytes_fetched, l->before.bytes_fetched);
    all.bytes_delivered = since(now.bytes_delivered, l->before.bytes_delivered);
    memcpy(out, &all, all.struct_size);
    return MT_OK;
}
