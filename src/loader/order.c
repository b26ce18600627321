/* SPDX-License-Identifier: BSD-3-Clause */
#include "loader/order.h"

#include "base/checked.h"
#include "base/random.h"

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

static void find_blocks(void *argument, size_t task)
{
    const sorting *s = argument;
    uint64_t end = (task + 1) * (uint64_t)BATCH;
    mt_patch_spec spec;
    if (mt_cancel_asked(s->cancel))
        return;
    for (uint64_t i = task * (uint64_t)BATCH; i < end && i < s->n; i++) {
        mt_status st = mt_patching_get(s->by->patching, s->epoch, i, 0, &spec, NULL);
        s->block[i] = st ? 0 : s->place[mt_blocks_find(s->by->blocks, &spec)]; /* i is in range: it cannot fail */
    }
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

/* Shuffles the windows of one part of the epoch: positions [from, to). starts: n + 1 first positions of its blocks, the
 * first perhaps before from, the last perhaps after to. */
static void shuffle_windows(const sorting *s, uint32_t *at, const uint64_t *starts, uint64_t n, uint64_t from,
                            uint64_t to, uint64_t *window)
{
    uint64_t windows = (n + s->by->window / 2) / s->by->window, most = n / s->by->fewest;
    mt_random random;
    windows = windows < most ? windows : most;
    windows = windows > 0 ? windows : 1;
    for (uint64_t w = 0; w < windows; w++) {
        uint64_t first = starts[w * n / windows], end = starts[(w + 1) * n / windows];
        first = first > from ? first : from;
        end = end < to ? end : to;
        mt_random_start(&random, s->by->seed, MT_STREAM_ORDER, s->epoch, (*window)++, 0);
        shuffle(at + first, end - first, &random, s->cancel);
    }
}

static void shuffle_parts(const sorting *s, uint32_t *at, uint64_t used)
{
    uint64_t world = s->by->world, window = 0, each = s->n / world, more = s->n % world, from = 0, b = 0;
    for (uint64_t part = 0; part < world; part++) {
        uint64_t to = from + each + (part < more), last = b;
        if (to == from)
            continue;
        while (last + 1 < used && s->next[last + 1] < to)
            last++;
        shuffle_windows(s, at, s->next + b, last + 1 - b, from, to, &window);
        b = s->next[last + 1] == to ? last + 1 : last;
        from = to;
    }
}

static mt_status order_blocks(const mt_ordering *by, uint64_t epoch, uint64_t n, mt_cancel *cancel, uint32_t *at,
                              mt_error *err)
{
    mt_env *env = &by->patching->context->env;
    uint64_t n_blocks = by->blocks->n_blocks;
    size_t bytes = (size_t)(n_blocks * (sizeof(uint32_t) + sizeof(uint64_t)) + sizeof(uint64_t) + n * sizeof(uint32_t));
    void *memory;
    mt_status st = mt_alloc(env, bytes, &memory, err);
    if (st)
        return st;
    sorting s = { .by = by, .cancel = cancel, .epoch = epoch, .n = n, .next = memory };
    s.place = (uint32_t *)(s.next + n_blocks + 1);
    s.block = s.place + n_blocks;
    memset(s.block, 0, (size_t)n * sizeof *s.block); /* if cancelled, not all are set */
    place_blocks(&s);
    shuffle_parts(&s, at, sort_patches(&s, at));
    mt_release(env, memory, bytes);
    return mt_cancel_status(cancel, MT_OK, err);
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
    return order_blocks(by, order->epoch, order->n, cancel, order->at, err);
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
    *order = (mt_order) { .epoch = epoch, .n = mt_patching_count(by->patching), .owners = 1 };
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

void mt_order_free(mt_env *env, mt_order *order)
{
    if (!order)
        return;
    if (order->at)
        mt_release(env, order->at, (size_t)order->n * sizeof *order->at);
    mt_release(env, order, sizeof *order);
}
