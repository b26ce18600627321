/* SPDX-License-Identifier: BSD-3-Clause */
#include "loader/order.h"

#include "base/checked.h"
#include "base/random.h"
#include "sampling/sums.h"

#include <string.h>

enum { BATCH = 4096, ASK_EVERY = 1 << 16 };

/* Shuffles n items, unless cancelled: Durstenfeld's form of the shuffle of Fisher and Yates. */
static void shuffle(uint32_t *items, uint64_t n, mt_random *random, mt_cancel *cancel)
{
    for (uint64_t i = n; i > 1; i--) {
        if (i % ASK_EVERY == 0 && mt_cancel_asked(cancel))
            return;
        uint64_t j = mt_random_below(random, i);
        uint32_t item = items[i - 1];
        items[i - 1] = items[j];
        items[j] = item;
    }
}

/* The work of ordering by blocks. */
typedef struct sorting {
    const mt_ordering *by;
    mt_cancel *cancel;
    uint64_t epoch, n;
    uint32_t *place; /* of each block in the order of the epoch */
    uint32_t *block; /* of each patch: its place */
    uint64_t *next;  /* of each place: first position, then the next free one; one more than there are blocks */
} sorting;

/* The number of the block of patch i, which is drawn for it. */
static uint64_t find_block(const sorting *s, uint64_t i)
{
    mt_patch_spec spec;
    mt_status st = mt_patching_get(s->by->patching, s->epoch, i, 0, &spec, NULL);
    return st ? 0 : mt_blocks_find(s->by->blocks, &spec); /* i is in range: it cannot fail */
}

/* Finds the block that the patches of a stack from patch i on come from, if they come from only one, and their end. */
static bool find_only_block(const sorting *s, uint64_t i, uint64_t *block, uint64_t *end)
{
    const mt_patching *p = s->by->patching;
    uint64_t number = i;
    if (p->strategy->is_mixed)
        return false;
    size_t stack = mt_sums_find(p->counts, p->n_stacks, &number);
    const mt_block_grid *grid = &s->by->blocks->grids[stack];
    *block = grid[0].first;
    *end = mt_sums_before(p->counts, stack + 1);
    return grid[1].first - grid[0].first == 1;
}

static void find_blocks(void *argument, size_t task)
{
    const sorting *s = argument;
    uint64_t end = (task + 1) * (uint64_t)BATCH, block, last;
    end = end < s->n ? end : s->n;
    if (mt_cancel_asked(s->cancel))
        return;
    for (uint64_t i = task * (uint64_t)BATCH; i < end;)
        if (find_only_block(s, i, &block, &last))
            for (last = last < end ? last : end; i < last; i++)
                s->block[i] = s->place[block];
        else
            s->block[i] = s->place[find_block(s, i)], i++;
}

static void place_blocks(const sorting *s)
{
    uint64_t n = s->by->blocks->n_blocks;
    mt_random random;
    for (uint64_t b = 0; b < n; b++)
        s->place[b] = (uint32_t)b;
    mt_random_start(&random, s->by->seed, MT_STREAM_BLOCK, s->epoch, 0, 0);
    shuffle(s->place, n, &random, s->cancel);
}

/* A counting sort of the patches by the place of their block. Leaves out places without a patch; returns the number of
 * the others, whose first positions are then in next, with one more for the end. */
static uint64_t sort_patches(sorting *s, uint32_t *at)
{
    uint64_t n_blocks = s->by->blocks->n_blocks, position = 0, used = 0;
    mt_pool_run(s->by->patching->context->pool, (size_t)((s->n + BATCH - 1) / BATCH), find_blocks, s);
    memset(s->next, 0, (n_blocks + 1) * sizeof *s->next);
    for (uint64_t i = 0; i < s->n; i++)
        s->next[s->block[i]]++;
    for (uint64_t b = 0; b < n_blocks; b++) {
        uint64_t count = s->next[b];
        s->next[b] = position;
        position += count;
    }
    for (uint64_t i = 0; i < s->n; i++)
        at[s->next[s->block[i]]++] = (uint32_t)i;
    position = 0; /* next[b] is now the end of place b */
    for (uint64_t b = 0; b < n_blocks; b++) {
        uint64_t end = s->next[b];
        if (end > position)
            s->next[used++] = position;
        position = end;
    }
    s->next[used] = s->n;
    return used;
}

/* Lists the windows of one part of the epoch, whose first position is from. starts: first positions of its n blocks,
 * the first perhaps before from. Returns their number; windows may be NULL. */
static uint64_t list_part(const mt_ordering *by, const uint64_t *starts, uint64_t n, uint64_t from, mt_window *windows)
{
    uint64_t count = (n + by->window / 2) / by->window, most = n / by->fewest;
    count = count < most ? count : most;
    count = count > 0 ? count : 1;
    for (uint64_t w = 0; windows && w < count; w++) {
        uint64_t first = starts[w * n / count];
        windows[w] = (mt_window) { .first = first > from ? first : from };
    }
    return count;
}

/* Lists the windows of all parts. Returns their number; windows may be NULL. */
static uint64_t list_windows(const sorting *s, uint64_t used, mt_window *windows)
{
    uint64_t world = s->by->world, n = 0, each = s->n / world, more = s->n % world, from = 0, b = 0;
    for (uint64_t part = 0; part < world; part++) {
        uint64_t to = from + each + (part < more), last = b;
        if (to == from)
            continue;
        while (last + 1 < used && s->next[last + 1] < to)
            last++;
        n += list_part(s->by, s->next + b, last + 1 - b, from, windows ? windows + n : NULL);
        b = s->next[last + 1] == to ? last + 1 : last;
        from = to;
    }
    return n;
}

static mt_status keep_windows(const sorting *s, uint64_t used, mt_order *order, mt_error *err)
{
    uint64_t n = list_windows(s, used, NULL);
    void *memory;
    mt_status st = mt_alloc(&s->by->patching->context->env, (size_t)(n + 1) * sizeof *order->windows, &memory, err);
    if (st)
        return st;
    order->windows = memory;
    order->n_windows = (size_t)list_windows(s, used, order->windows);
    order->windows[n] = (mt_window) { .first = s->n };
    return MT_OK;
}

static mt_status order_blocks(const mt_ordering *by, mt_order *order, mt_cancel *cancel, mt_error *err)
{
    mt_env *env = &by->patching->context->env;
    uint64_t n_blocks = by->blocks->n_blocks, n = order->n;
    size_t bytes = (size_t)(n_blocks * (sizeof(uint32_t) + sizeof(uint64_t)) + sizeof(uint64_t) + n * sizeof(uint32_t));
    void *memory;
    mt_status st = mt_alloc(env, bytes, &memory, err);
    if (st)
        return st;
    sorting s = { .by = by, .cancel = cancel, .epoch = order->epoch, .n = n, .next = memory };
    s.place = (uint32_t *)(s.next + n_blocks + 1);
    s.block = s.place + n_blocks;
    memset(s.block, 0, (size_t)n * sizeof *s.block); /* if cancelled, not all are set */
    place_blocks(&s);
    st = keep_windows(&s, sort_patches(&s, order->at), order, err);
    mt_release(env, memory, bytes);
    return mt_cancel_status(cancel, st, err);
}

static mt_status order_windows(const mt_ordering *by, mt_order *order, mt_cancel *cancel, mt_error *err)
{
    void *memory;
    if (order->n > UINT32_MAX)
        return mt_fail(err, MT_E_LIMIT, "%llu patches in an epoch with windows are more than 2^32; use several loaders",
                       (unsigned long long)order->n);
    mt_status st = mt_alloc(&by->patching->context->env, (size_t)order->n * sizeof *order->at, &memory, err);
    if (st)
        return st;
    order->at = memory;
    return order_blocks(by, order, cancel, err);
}

mt_status mt_order_new(const mt_ordering *by, uint64_t epoch, mt_cancel *cancel, mt_order **out, mt_error *err)
{
    mt_env *env = &by->patching->context->env;
    void *memory;
    mt_random random;
    mt_status st = mt_alloc(env, sizeof(mt_order), &memory, err);
    if (st)
        return st;
    mt_order *order = memory;
    *order = (mt_order) { .epoch = epoch, .n = mt_patching_count(by->patching), .seed = by->seed };
    order->is_shuffled = !by->in_order && !by->blocks;
    mt_random_start(&random, by->seed, MT_STREAM_ORDER, epoch, 0, 0);
    if (order->is_shuffled)
        mt_permutation_draw(&order->shuffle, order->n, &random);
    else if (!by->in_order)
        st = order_windows(by, order, cancel, err);
    if (st)
        mt_order_free(env, order);
    else
        *out = order;
    return st;
}

/* The number of the window of a position. */
static size_t find_window(const mt_order *order, uint64_t position)
{
    size_t low = 0, high = order->n_windows - 1;
    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;
        if (order->windows[middle].first <= position)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

bool mt_order_is_ready(const mt_order *order, uint64_t position)
{
    return !order->at || order->windows[find_window(order, position)].is_ready;
}

mt_status mt_order_prepare(mt_order *order, uint64_t position, mt_cancel *cancel, mt_error *err)
{
    mt_random random;
    if (mt_order_is_ready(order, position))
        return MT_OK;
    size_t i = find_window(order, position);
    mt_window *w = &order->windows[i];
    mt_random_start(&random, order->seed, MT_STREAM_ORDER, order->epoch, i, 0);
    shuffle(order->at + w[0].first, w[1].first - w[0].first, &random, cancel);
    w->is_ready = true;
    return mt_cancel_status(cancel, MT_OK, err);
}

void mt_order_free(mt_env *env, mt_order *order)
{
    if (!order)
        return;
    if (order->at)
        mt_release(env, order->at, (size_t)order->n * sizeof *order->at);
    mt_release(env, order->windows, (order->n_windows + 1) * sizeof *order->windows);
    mt_release(env, order, sizeof *order);
}
