/* SPDX-License-Identifier: BSD-3-Clause */
#include "loader/order.h"

#include "base/checked.h"
#include "base/random.h"
#include "sampling/sums.h"

#include <string.h>

/* LEAST_PART: the fewest patches for which an index is made at a time, however small the budget; INDEX_SHARE: the share
 * of the budget that one of two parts may take. */
enum { BATCH = 4096, ASK_EVERY = 1 << 16, LEAST_PART = 1 << 18, INDEX_SHARE = 16 };

static size_t bytes_of_places(uint64_t n_blocks)
{
    return (size_t)(n_blocks * (sizeof(uint64_t) + sizeof(uint32_t)) + sizeof(uint64_t));
}

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

/* The search for the places of patches: some consecutive patches, a slab, at a time. */
typedef struct sorting {
    const mt_order *order;
    mt_cancel *cancel;
    uint64_t first, n, room; /* the slab; its largest size */
    uint32_t *found;         /* of each patch of the slab: the place of its block */
} sorting;

/* The number of the block of patch i, which is drawn for it. */
static uint64_t find_block(const sorting *s, uint64_t i)
{
    mt_patch_spec spec;
    mt_status st = mt_patching_get(s->order->by->patching, s->order->epoch, i, 0, &spec, NULL);
    return st ? 0 : mt_blocks_find(s->order->by->blocks, &spec); /* i is in range: it cannot fail */
}

/* Finds the block that the patches of a stack from patch i on come from, if they come from only one, and their end. */
static bool find_only_block(const sorting *s, uint64_t i, uint64_t *block, uint64_t *end)
{
    const mt_patching *p = s->order->by->patching;
    uint64_t number = i;
    if (p->strategy->is_mixed)
        return false;
    size_t stack = mt_sums_find(p->counts, p->n_stacks, &number);
    const mt_block_grid *grid = &s->order->by->blocks->grids[stack];
    *block = grid[0].first;
    *end = mt_sums_before(p->counts, stack + 1);
    return grid[1].first - grid[0].first == 1;
}

static void find_some_places(void *argument, size_t task)
{
    const sorting *s = argument;
    const uint32_t *place = s->order->place;
    uint64_t i = s->first + task * (uint64_t)BATCH, end = i + BATCH, block, last;
    end = end < s->first + s->n ? end : s->first + s->n;
    if (mt_cancel_asked(s->cancel))
        return;
    while (i < end)
        if (find_only_block(s, i, &block, &last))
            for (last = last < end ? last : end; i < last; i++)
                s->found[i - s->first] = place[block];
        else
            s->found[i - s->first] = place[find_block(s, i)], i++;
}

/* Finds the places of the slab that begins with patch first, in the threads of the context. */
static void find_places(sorting *s, uint64_t first)
{
    if (s->n > 0 && s->first == first)
        return;
    s->first = first;
    s->n = s->order->n - first < s->room ? s->order->n - first : s->room;
    mt_pool_run(s->order->by->patching->context->pool, (size_t)((s->n + BATCH - 1) / BATCH), find_some_places, s);
}

static void place_blocks(mt_order *order, mt_cancel *cancel)
{
    uint64_t n = order->by->blocks->n_blocks;
    mt_random random;
    for (uint64_t b = 0; b < n; b++)
        order->place[b] = (uint32_t)b;
    mt_random_start(&random, order->by->seed, MT_STREAM_BLOCK, order->epoch, 0, 0);
    shuffle(order->place, n, &random, cancel);
}

/* Sets the first position of each place. */
static void count_patches(mt_order *order, sorting *s)
{
    uint64_t n_blocks = order->by->blocks->n_blocks, position = 0;
    memset(order->starts, 0, (n_blocks + 1) * sizeof *order->starts);
    for (uint64_t first = 0; first < order->n && !mt_cancel_asked(s->cancel); first += s->n) {
        find_places(s, first);
        for (uint64_t i = 0; i < s->n; i++)
            order->starts[s->found[i]]++;
    }
    for (uint64_t b = 0; b < n_blocks; b++) {
        uint64_t count = order->starts[b];
        order->starts[b] = position;
        position += count;
    }
    order->starts[n_blocks] = order->n;
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

/* Lists the windows of all parts. starts: first positions of the used blocks, and the end. Returns their number; windows
 * may be NULL. */
static uint64_t list_windows(const mt_order *order, const uint64_t *starts, uint64_t used, mt_window *windows)
{
    uint64_t world = order->by->world, n = 0, each = order->n / world, more = order->n % world, from = 0, b = 0;
    for (uint64_t part = 0; part < world; part++) {
        uint64_t to = from + each + (part < more), last = b;
        if (to == from)
            continue;
        while (last + 1 < used && starts[last + 1] < to)
            last++;
        n += list_part(order->by, starts + b, last + 1 - b, from, windows ? windows + n : NULL);
        b = starts[last + 1] == to ? last + 1 : last;
        from = to;
    }
    return n;
}

static mt_status keep_windows(mt_order *order, const uint64_t *starts, uint64_t used, mt_error *err)
{
    uint64_t n = list_windows(order, starts, used, NULL);
    void *memory;
    mt_status st = mt_alloc(&order->by->patching->context->env, (size_t)(n + 1) * sizeof *order->windows, &memory, err);
    if (st)
        return st;
    order->windows = memory;
    order->n_windows = (size_t)list_windows(order, starts, used, order->windows);
    order->windows[n] = (mt_window) { .first = order->n };
    return MT_OK;
}

/* Divides the epoch into windows of the blocks that have patches. */
static mt_status make_windows(mt_order *order, mt_error *err)
{
    mt_env *env = &order->by->patching->context->env;
    uint64_t n_blocks = order->by->blocks->n_blocks, used = 0;
    size_t bytes = (size_t)(n_blocks + 1) * sizeof(uint64_t);
    void *memory;
    mt_status st = mt_alloc(env, bytes, &memory, err);
    if (st)
        return st;
    uint64_t *starts = memory;
    for (uint64_t b = 0; b < n_blocks; b++)
        if (order->starts[b + 1] > order->starts[b])
            starts[used++] = order->starts[b];
    starts[used] = order->n;
    st = keep_windows(order, starts, used, err);
    mt_release(env, memory, bytes);
    return st;
}

/* ---- Parts of the index, which count in the memory budget ---- */

static mt_status take_indices(const mt_order *order, uint64_t n, uint32_t **out, mt_error *err)
{
    mt_env *env = &order->by->patching->context->env;
    void *memory;
    mt_status st = mt_alloc(env, (size_t)n * sizeof **out, &memory, err);
    if (st)
        return st;
    atomic_fetch_add(&env->work_bytes, n * sizeof **out);
    *out = memory;
    return MT_OK;
}

static void give_indices(const mt_order *order, uint32_t *indices, uint64_t n)
{
    mt_env *env = &order->by->patching->context->env;
    if (!indices)
        return;
    atomic_fetch_sub(&env->work_bytes, n * sizeof *indices);
    mt_release(env, indices, (size_t)n * sizeof *indices);
}

static void drop_part(mt_order *order, mt_order_part *part)
{
    for (size_t w = 0; part->at && w < order->n_windows; w++)
        if (order->windows[w].first >= part->first && order->windows[w].first < part->end)
            order->windows[w].is_ready = false;
    give_indices(order, part->at, part->end - part->first);
    *part = (mt_order_part) { .at = NULL };
}

static uint64_t most_in_part(const mt_ordering *by)
{
    uint64_t most = mt_cache_budget(by->patching->context->chunks) / INDEX_SHARE / sizeof(uint32_t);
    return most > LEAST_PART ? most : LEAST_PART;
}

/* The part that contains a window: parts are filled with windows one after the other. */
static mt_order_part find_part(const mt_order *order, size_t window)
{
    size_t from = 0, to = 0;
    while (to <= window) {
        from = to++;
        while (to < order->n_windows && order->windows[to + 1].first - order->windows[from].first <= order->most)
            to++;
    }
    return (mt_order_part) { .first = order->windows[from].first, .end = order->windows[to].first };
}

static mt_status begin_sorting(const mt_order *order, mt_cancel *cancel, sorting *out, mt_error *err)
{
    uint64_t room = order->n <= order->most ? order->n : LEAST_PART;
    *out = (sorting) { .order = order, .cancel = cancel, .room = room };
    mt_status st = take_indices(order, room, &out->found, err);
    if (!st)
        memset(out->found, 0, (size_t)room * sizeof *out->found); /* if cancelled, not all are set */
    return st;
}

static void end_sorting(sorting *s) { give_indices(s->order, s->found, s->room); }

/* Fills a part: a counting sort by place. next: a copy of the first positions. */
static void fill_part(const mt_order *order, sorting *s, const mt_order_part *part, uint64_t *next)
{
    for (uint64_t first = 0; first < order->n && !mt_cancel_asked(s->cancel); first += s->n) {
        find_places(s, first);
        for (uint64_t i = 0; i < s->n; i++) {
            uint64_t position = next[s->found[i]]++;
            if (position - part->first < part->end - part->first)
                part->at[position - part->first] = (uint32_t)(first + i);
        }
    }
}

/* Replaces the oldest part by that of a window. */
static mt_status make_part(mt_order *order, sorting *s, size_t window, mt_error *err)
{
    mt_env *env = &order->by->patching->context->env;
    size_t bytes = (size_t)order->by->blocks->n_blocks * sizeof *order->starts;
    mt_order_part part = find_part(order, window), *at = &order->parts[order->oldest];
    void *next;
    drop_part(order, at);
    mt_status st = mt_alloc(env, bytes, &next, err);
    if (st)
        return st;
    if (!(st = take_indices(order, part.end - part.first, &part.at, err))) {
        memcpy(next, order->starts, bytes);
        fill_part(order, s, &part, next);
        *at = part;
        order->oldest = !order->oldest;
        st = mt_cancel_status(s->cancel, MT_OK, err);
    }
    mt_release(env, next, bytes);
    return st;
}

/* ---- Orders ---- */

static mt_status order_windows(mt_order *order, mt_cancel *cancel, mt_error *err)
{
    uint64_t n_blocks = order->by->blocks->n_blocks;
    void *memory;
    sorting s;
    if (order->n > UINT32_MAX)
        return mt_fail(err, MT_E_LIMIT, "%llu patches in an epoch with windows are more than 2^32; use several loaders",
                       (unsigned long long)order->n);
    mt_status st = mt_alloc(&order->by->patching->context->env, bytes_of_places(n_blocks), &memory, err);
    if (st)
        return st;
    order->starts = memory;
    order->place = (uint32_t *)(order->starts + n_blocks + 1);
    place_blocks(order, cancel);
    if ((st = begin_sorting(order, cancel, &s, err)))
        return st;
    count_patches(order, &s);
    st = mt_cancel_status(cancel, MT_OK, err);
    if (!st)
        st = make_windows(order, err);
    if (!st && s.room == order->n) /* all places are known */
        st = make_part(order, &s, 0, err);
    end_sorting(&s);
    return st;
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
    *order = (mt_order) { .epoch = epoch, .n = mt_patching_count(by->patching), .most = most_in_part(by), .by = by };
    order->is_shuffled = !by->in_order && !by->blocks;
    mt_random_start(&random, by->seed, MT_STREAM_ORDER, epoch, 0, 0);
    if (order->is_shuffled)
        mt_permutation_draw(&order->shuffle, order->n, &random);
    else if (!by->in_order)
        st = order_windows(order, cancel, err);
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
    return !order->windows || order->windows[find_window(order, position)].is_ready;
}

static const mt_order_part *get_part(const mt_order *order, uint64_t position)
{
    for (size_t p = 0; p < 2; p++)
        if (position >= order->parts[p].first && position < order->parts[p].end)
            return &order->parts[p];
    return NULL;
}

mt_status mt_order_prepare(mt_order *order, uint64_t position, mt_cancel *cancel, mt_error *err)
{
    mt_random random;
    mt_status st = MT_OK;
    if (mt_order_is_ready(order, position))
        return MT_OK;
    size_t i = find_window(order, position);
    mt_window *w = &order->windows[i];
    if (!get_part(order, position)) {
        sorting s;
        if ((st = begin_sorting(order, cancel, &s, err)))
            return st;
        st = make_part(order, &s, i, err);
        end_sorting(&s);
        if (st)
            return st;
    }
    const mt_order_part *part = get_part(order, position);
    mt_random_start(&random, order->by->seed, MT_STREAM_ORDER, order->epoch, i, 0);
    shuffle(part->at + (w[0].first - part->first), w[1].first - w[0].first, &random, cancel);
    w->is_ready = true;
    return mt_cancel_status(cancel, MT_OK, err);
}

void mt_order_free(mt_env *env, mt_order *order)
{
    if (!order)
        return;
    for (size_t p = 0; p < 2; p++)
        drop_part(order, &order->parts[p]);
    if (order->starts)
        mt_release(env, order->starts, bytes_of_places(order->by->blocks->n_blocks));
    mt_release(env, order->windows, (order->n_windows + 1) * sizeof *order->windows);
    mt_release(env, order, sizeof *order);
}
