/* SPDX-License-Identifier: BSD-3-Clause */
#include "loader/internal.h"

#include "base/checked.h"

#include <string.h>

/* FEWEST_BLOCKS: of a window of the default size, if the epoch has as many. */
enum { DEFAULT_PREFETCH = 3, SLOW_PREFETCH = 16, POLL_MS = 20, FEWEST_BLOCKS = 12 };

#define DEFAULT_BYTES ((uint64_t)1 << 30) /* of batches made ahead */

/* Images of this many bytes, decoded, fit into the cache of any machine: their epochs need no windows. */
#define SMALL ((uint64_t)256 << 20)

/* ---- The order of an epoch, shared by the threads that need it ---- */

/* Waits for a change. The caller holds the lock, which is free meanwhile. MT_E_CANCELLED if the caller has cancelled. */
static mt_status wait_for_change(mt_loader *l, const mt_extract_options *options, mt_error *err)
{
    if (!options || !options->cancelled) {
        mt_condition_wait(&l->ready, &l->lock);
        return MT_OK;
    }
    mt_condition_wait_for(&l->ready, &l->lock, POLL_MS);
    mt_lock_give(&l->lock);
    int is_cancelled = options->cancelled(options->user);
    mt_lock_take(&l->lock);
    return is_cancelled ? mt_fail(err, MT_E_CANCELLED, MT_CANCEL_MESSAGE) : MT_OK;
}

/* Makes a position of the order of an epoch ready. */
static mt_status compute_order(mt_loader *l, uint64_t epoch, uint64_t position, const mt_extract_options *options,
                               mt_error *err)
{
    mt_env *env = &l->context->env;
    mt_cancel cancel;
    mt_status st = mt_cancel_init(&cancel, options, err);
    if (!st && (!l->order || l->order->epoch != epoch)) {
        mt_order_free(env, l->order);
        l->order = NULL;
        st = mt_order_new(&l->ordering, epoch, &cancel, &l->order, err);
    }
    if (st || !(st = mt_order_prepare(l->order, position, &cancel, err)))
        return st;
    mt_order_free(env, l->order);
    l->order = NULL;
    return st;
}

/* Replaces n positions of an epoch by their indices; who needs a part of the order first computes it. The caller holds
 * the lock, which is free meanwhile. */
static mt_status find_indices(mt_loader *l, uint64_t epoch, uint64_t *at, uint64_t n, const mt_extract_options *options,
                              mt_error *err)
{
    mt_status st = MT_OK;
    for (uint64_t i = 0; !st && i < n;) {
        if (l->is_ordering) {
            st = wait_for_change(l, options, err);
        } else if (l->order && l->order->epoch == epoch && mt_order_is_ready(l->order, at[i])) {
            at[i] = mt_order_index(l->order, at[i]);
            i++;
        } else {
            l->is_ordering = true;
            mt_lock_give(&l->lock);
            st = compute_order(l, epoch, at[i], options, err);
            mt_lock_take(&l->lock);
            l->is_ordering = false;
            mt_condition_wake_all(&l->ready);
        }
    }
    return st;
}

/* ---- Makers ---- */

static mt_slot *slot_of(mt_loader *l, uint64_t round) { return &l->slots[round % l->prefetch]; }

/* A batch in the making, and whether it is still wanted. */
typedef struct job {
    mt_loader *loader;
    const mt_extract_options *options; /* of a caller who waits for it; may be NULL */
    uint64_t generation, epoch;
    mt_hand hand;
} job;

static int is_unwanted(void *user)
{
    const job *j = user;
    const mt_loader *l = j->loader;
    return atomic_load_explicit(&l->is_stopping, memory_order_relaxed) ||
           atomic_load_explicit(&l->generation, memory_order_relaxed) != j->generation ||
           (j->options && j->options->cancelled && j->options->cancelled(j->options->user));
}

static mt_status make(const job *j, const mt_extract_options *options, mt_batch_memory **out, mt_error *err)
{
    mt_loader *l = j->loader;
    mt_batch_memory *batch;
    mt_status st = mt_ring_take(l->ring, (size_t)j->hand.n, &batch, err);
    if (st)
        return st;
    for (uint64_t i = 0; i < j->hand.n; i++) {
        batch->shown.n_repeated += j->hand.first + i >= j->hand.end;
        batch->indices[i] = mt_hand_position(&j->hand, i);
    }
    batch->shown.number = j->hand.number;
    mt_lock_take(&l->lock);
    st = find_indices(l, j->epoch, batch->indices, j->hand.n, options, err);
    mt_lock_give(&l->lock);
    if (st || (st = mt_batch_make(&l->recipe, j->epoch, (size_t)j->hand.n, options, batch, err))) {
        mt_error_prefix(err, "epoch %llu, batch %llu", (unsigned long long)j->epoch,
                        (unsigned long long)j->hand.number);
        mt_batch_release(&batch->shown);
        return st;
    }
    batch->n_blocks = l->blocks ? mt_blocks_count(l->blocks, batch->specs, (size_t)j->hand.n) : 0;
    *out = batch;
    return MT_OK;
}

/* Bytes of the pixels of a batch. */
static uint64_t count_bytes(const mt_batch_memory *batch)
{
    uint64_t bytes = 0;
    for (size_t a = 0; a < batch->shown.n_arrays; a++)
        bytes += batch->sizes[a];
    return bytes;
}

/* Makes the batch of a round. The caller holds the lock, which is free meanwhile. */
static void work_on(mt_loader *l, uint64_t round, const mt_extract_options *options)
{
    job j = { .loader = l, .options = options, .generation = l->generation, .epoch = l->epoch };
    const mt_extract_options watched = { .struct_size = sizeof watched,
                                         .cancelled = is_unwanted,
                                         .user = &j,
                                         .copy_alone =
                                             l->is_warm && l->n_started >= mt_pool_threads(l->context->pool) };
    mt_batch_memory *batch = NULL;
    mt_error failure = MT_ERROR_INIT;
    j.hand = mt_deal_get(&l->deal, round, l->rank);
    slot_of(l, round)->state = MT_SLOT_MAKING;
    mt_lock_give(&l->lock);
    mt_status st = make(&j, &watched, &batch, &failure);
    mt_lock_take(&l->lock);
    mt_slot *s = slot_of(l, round);
    const bool is_current = j.generation == l->generation, is_next = round == l->taken;
    if (is_current) {
        *s = (mt_slot) { .state = st ? MT_SLOT_FAILED : MT_SLOT_READY, .batch = batch, .failure = failure };
        if (!l->is_warm)
            mt_condition_wake_all(&l->room);
        l->is_warm = true;
        if (batch && count_bytes(batch) > l->batch_bytes)
            l->batch_bytes = count_bytes(batch);
    } else if (batch) {
        mt_lock_give(&l->lock);
        mt_batch_release(&batch->shown);
        mt_lock_take(&l->lock);
    }
    if (is_next || !is_current) /* callers wait for the next batch only */
        mt_condition_wake_all(&l->ready);
}

/* The number of batches to make ahead: as many as fit in the bytes, at least one. */
static uint64_t count_ahead(const mt_loader *l)
{
    uint64_t n = l->batch_bytes ? l->prefetch_bytes / l->batch_bytes : l->prefetch;
    return n == 0 ? 1 : n < l->prefetch ? n : l->prefetch;
}

/* Finds the next round that no thread has begun, among those that may be made ahead. The first batch is made alone, so
 * that others do not delay it. */
static bool find_round(mt_loader *l, uint64_t *out)
{
    uint64_t ahead = l->is_halted ? 0 : l->is_warm ? count_ahead(l) : 1;
    for (uint64_t r = l->taken; r < l->rounds && r < l->taken + ahead; r++)
        if (slot_of(l, r)->state == MT_SLOT_EMPTY) {
            *out = r;
            return true;
        }
    return false;
}

static void run_maker(void *argument)
{
    mt_loader *l = ((mt_maker *)argument)->loader;
    uint64_t round;
    mt_lock_take(&l->lock);
    while (!l->is_stopping) {
        if (find_round(l, &round))
            work_on(l, round, NULL);
        else
            mt_condition_wait(&l->room, &l->lock);
    }
    mt_lock_give(&l->lock);
}

static void start_makers(mt_loader *l)
{
    while (l->n_started < l->n_makers) {
        mt_maker *m = &l->makers[l->n_started];
        m->loader = l;
        if (mt_thread_start(&m->thread, run_maker, m, NULL))
            return; /* fewer makers; without any, the caller makes the batch */
        l->n_started++;
    }
}

/* ---- Positions ---- */

/* Drops what was made ahead. The caller holds the lock, which is free for a moment. */
static void drop_ahead(mt_loader *l)
{
    mt_batch_memory *dropped[MT_MOST_PREFETCH];
    size_t n = 0;
    for (size_t i = 0; i < l->prefetch; i++) {
        if (l->slots[i].state == MT_SLOT_READY)
            dropped[n++] = l->slots[i].batch;
        l->slots[i] = (mt_slot) { .state = MT_SLOT_EMPTY };
    }
    l->generation++;
    l->is_warm = false;
    mt_condition_wake_all(&l->room);
    mt_lock_give(&l->lock);
    for (size_t i = 0; i < n; i++)
        mt_batch_release(&dropped[i]->shown);
    mt_lock_take(&l->lock);
}

static void move(mt_loader *l, uint64_t epoch, uint64_t batch)
{
    l->epoch = epoch;
    l->deal.start = batch;
    l->rounds = mt_deal_rounds(&l->deal);
    l->taken = 0;
    drop_ahead(l);
}

uint64_t mt_loader_count(mt_loader *l)
{
    mt_lock_take(&l->lock);
    uint64_t n = l->rounds;
    mt_lock_give(&l->lock);
    return n;
}

mt_status mt_loader_seek(mt_loader *l, uint64_t epoch, uint64_t batch, mt_error *err)
{
    mt_error_reset(err);
    mt_lock_take(&l->lock);
    mt_deal deal = l->deal;
    mt_lock_give(&l->lock);
    bool is_whole = batch <= deal.n / deal.batch && (!deal.by_rank || batch % deal.world == 0);
    if (!is_whole || epoch > INT64_MAX)
        return mt_fail(err, MT_E_ARGUMENT,
                       "epoch %llu, of %llu patches in batches of %llu for %llu ranks, cannot continue with batch %llu",
                       (unsigned long long)epoch, (unsigned long long)deal.n, (unsigned long long)deal.batch,
                       (unsigned long long)deal.world, (unsigned long long)batch);
    deal.start = batch;
    mt_status st = mt_deal_check(&deal, err);
    if (st)
        return st;
    mt_lock_take(&l->lock);
    move(l, epoch, batch);
    mt_lock_give(&l->lock);
    return MT_OK;
}

void mt_loader_tell(mt_loader *l, uint64_t *epoch, uint64_t *batch)
{
    mt_lock_take(&l->lock);
    bool is_end = l->taken == l->rounds;
    *epoch = l->epoch + is_end;
    *batch = is_end ? 0 : l->deal.start + l->taken * l->deal.world;
    mt_lock_give(&l->lock);
}

/* ---- Delivery ---- */

/* Waits for the batch of the next round, or until another thread has moved the loader. The caller holds the lock. */
static mt_status await(mt_loader *l, const mt_extract_options *options, mt_error *err)
{
    const uint64_t generation = l->generation;
    mt_status st = MT_OK;
    while (!st && generation == l->generation) {
        const mt_slot *s = slot_of(l, l->taken);
        if (s->state == MT_SLOT_READY || s->state == MT_SLOT_FAILED)
            break;
        if (l->n_started == 0)
            work_on(l, l->taken, options);
        else
            st = wait_for_change(l, options, err);
    }
    return st;
}

static void count_delivered(mt_loader *l, const mt_batch *batch)
{
    mt_delivered *d = &l->delivered;
    uint64_t n_blocks = ((const mt_batch_memory *)batch)->n_blocks;
    d->batches++;
    d->patches += batch->n;
    d->blocks += n_blocks;
    if (d->batches == 1 || n_blocks < d->fewest_blocks)
        d->fewest_blocks = n_blocks;
}

/* Takes the batch of the next round, if it is ready. The caller holds the lock. */
static mt_status take_ready(mt_loader *l, mt_batch **out, mt_error *err)
{
    mt_slot *s = slot_of(l, l->taken);
    if (s->state == MT_SLOT_READY) {
        *out = &s->batch->shown;
        *s = (mt_slot) { .state = MT_SLOT_EMPTY };
        l->taken++;
        count_delivered(l, *out);
        mt_condition_wake_one(&l->room);
    } else if (s->state == MT_SLOT_FAILED) {
        mt_status st = s->failure.status;
        if (err)
            *err = s->failure;
        l->is_halted = true; /* before drop_ahead, which wakes the makers */
        drop_ahead(l);
        return st;
    }
    return MT_OK;
}

mt_status mt_loader_next(mt_loader *l, const mt_extract_options *options, mt_batch **out, mt_error *err)
{
    mt_error_reset(err);
    *out = NULL;
    mt_status st = MT_OK;
    mt_lock_take(&l->lock);
    start_makers(l);
    if (l->is_halted) { /* try again what failed */
        l->is_halted = false;
        mt_condition_wake_all(&l->room);
    }
    while (!st && !*out && l->taken < l->rounds)
        if (!(st = await(l, options, err)))
            st = take_ready(l, out, err);
    if (!st && !*out) {
        l->delivered.epochs++;
        move(l, l->epoch + 1, 0);
    }
    mt_lock_give(&l->lock);
    return st;
}

static mt_status check_positions(const mt_loader *l, const uint64_t *positions, size_t n, mt_error *err)
{
    if (n == 0)
        return mt_fail(err, MT_E_ARGUMENT, "no positions to read");
    for (size_t i = 0; i < n; i++)
        if (positions[i] >= l->deal.n)
            return mt_fail(err, MT_E_RANGE, "position %llu is out of bounds for an epoch of %llu patches",
                           (unsigned long long)positions[i], (unsigned long long)l->deal.n);
    return MT_OK;
}

mt_status mt_loader_read(mt_loader *l, uint64_t epoch, const uint64_t *positions, size_t n,
                         const mt_extract_options *options, mt_batch **out, mt_error *err)
{
    mt_batch_memory *batch;
    mt_error_reset(err);
    *out = NULL;
    mt_status st = check_positions(l, positions, n, err);
    if (st)
        return st;
    if ((st = mt_ring_take(l->ring, n, &batch, err)))
        return st;
    memcpy(batch->indices, positions, n * sizeof *positions);
    mt_lock_take(&l->lock);
    st = find_indices(l, epoch, batch->indices, n, options, err);
    mt_lock_give(&l->lock);
    if (st || (st = mt_batch_make(&l->recipe, epoch, n, options, batch, err)))
        mt_batch_release(&batch->shown);
    else
        *out = &batch->shown;
    return st;
}

/* ---- Life ---- */

/* In a forked child: the makers do not exist, and what they were making is lost. */
static void forget_makers(void *owner)
{
    mt_loader *l = owner;
    l->n_started = 0;
    l->generation++;
    if (l->is_ordering) /* by a thread that does not exist here */
        l->order = NULL;
    l->is_ordering = false;
    mt_condition_reset(&l->ready);
    mt_condition_reset(&l->room);
    for (size_t i = 0; i < l->prefetch; i++)
        if (l->slots[i].state == MT_SLOT_MAKING)
            l->slots[i].state = MT_SLOT_EMPTY;
}

/* Bytes of the images, decoded; UINT64_MAX: more than that. */
static uint64_t count_pixels(const mt_recipe *recipe)
{
    uint64_t total = 0;
    for (size_t a = 0; a < recipe->n_arrays; a++)
        for (size_t s = 0; s < recipe->patching->n_stacks; s++) {
            const mt_stack *stack = recipe->arrays[a].stacks[s];
            uint64_t bytes = mt_dtype_size(stack->info.dtype);
            for (int d = 0; d < stack->info.data_ndim; d++)
                if (mt_mul_u64(bytes, (uint64_t)stack->info.data_shape[d], &bytes))
                    return UINT64_MAX;
            if (!stack->image.array && mt_add_u64(total, bytes, &total))
                return UINT64_MAX;
        }
    return total;
}

static mt_status plan(mt_loader *l, const mt_loader_options *options, mt_error *err)
{
    const mt_patching *p = l->recipe.patching;
    uint64_t window = options->window;
    for (size_t i = 0; i < p->n_spatial; i++)
        if (options->block[i] < 0)
            return mt_fail(err, MT_E_ARGUMENT, "a block of %lld chunks", (long long)options->block[i]);
    if (window == 0)
        window = count_pixels(&l->recipe) <= SMALL ? MT_WINDOW_ALL : p->n_spatial == 3 ? 14 : 16;
    l->ordering = (mt_ordering) { .patching = p,
                                  .window = window,
                                  .fewest = options->window ? 1 : FEWEST_BLOCKS,
                                  .world = options->locality_rank ? l->deal.world : 1,
                                  .seed = options->seed,
                                  .in_order = options->in_order != 0 };
    if (options->in_order || window == MT_WINDOW_ALL)
        return MT_OK;
    mt_status st = mt_blocks_new(p, options->block, &l->blocks, err);
    l->ordering.blocks = l->blocks;
    return st;
}

static mt_status start_deal(mt_loader *l, const mt_loader_options *options, mt_error *err)
{
    uint64_t n = mt_patching_count(l->recipe.patching);
    l->deal = (mt_deal) { .n = n,
                          .batch = options->batch_size ? options->batch_size : 1,
                          .world = options->world_size ? options->world_size : 1,
                          .uneven = options->uneven,
                          .by_rank = options->locality_rank != 0 };
    l->rank = options->rank;
    if (l->rank >= l->deal.world)
        return mt_fail(err, MT_E_ARGUMENT, "rank %llu of %llu: ranks are counted from 0", (unsigned long long)l->rank,
                       (unsigned long long)l->deal.world);
    if (options->uneven < MT_UNEVEN_DROP || options->uneven > MT_UNEVEN_PAD)
        return mt_fail(err, MT_E_ARGUMENT, "there is no mt_uneven %d", options->uneven);
    if (n == 0)
        return mt_fail(err, MT_E_ARGUMENT, "an epoch without patches");
    uint64_t most;
    if (mt_mul_u64(l->deal.batch, l->deal.world, &most) || most > UINT64_MAX / 4 || n > UINT64_MAX / 4)
        return mt_fail(err, MT_E_ARGUMENT, "batches of %llu patches for %llu ranks", (unsigned long long)l->deal.batch,
                       (unsigned long long)l->deal.world);
    l->rounds = mt_deal_rounds(&l->deal);
    if (l->rounds == 0)
        return mt_fail(err, MT_E_ARGUMENT,
                       "an epoch has %llu patches, fewer than a batch of %llu for each of %llu ranks; make smaller "
                       "batches, or do not drop the last ones",
                       (unsigned long long)n, (unsigned long long)l->deal.batch, (unsigned long long)l->deal.world);
    return mt_deal_check(&l->deal, err);
}

static mt_status start_locks(mt_loader *l, mt_error *err)
{
    mt_status st = mt_condition_init(&l->ready, err);
    if (st)
        return st;
    if (!(st = mt_condition_init(&l->room, err))) {
        if (!(st = mt_lock_init(&l->lock, forget_makers, l, err)))
            return MT_OK;
        mt_condition_destroy(&l->room);
    }
    mt_condition_destroy(&l->ready);
    return st;
}

static void end_plan(mt_loader *l)
{
    mt_context *context = l->context;
    mt_ring_close(l->ring);
    mt_blocks_free(&context->env, l->blocks);
    if (l->recipe.memory)
        mt_recipe_end(&l->recipe);
    mt_release(&context->env, l, sizeof *l);
    mt_context_free(context);
}

/* Each read of the image takes long. */
static bool is_slow(const mt_stack *stack)
{
    return stack->map && stack->image.store && stack->image.store->costs.is_slow;
}

static bool is_custom(const mt_stack *stack) { return !stack->map; }

/* A custom stack that is called from one thread only. */
static bool is_for_one_thread(const mt_stack *stack) { return is_custom(stack) && stack->ops.caller_thread_only; }

/* The number of threads that make batches. More than can run at once would delay each other: a batch whose thread has to
 * wait for a processor holds up the others, which are delivered in order. At least two, so that one reads while another
 * decodes; many only if batches wait long for their pixels. */
static size_t count_makers(const mt_loader *l)
{
    const size_t threads = mt_pool_threads(l->context->pool), least = threads > 2 ? threads : 2;
    if (mt_recipe_has(&l->recipe, is_for_one_thread))
        return 1;
    if (least > l->prefetch || mt_recipe_has(&l->recipe, is_slow) || mt_recipe_has(&l->recipe, is_custom))
        return l->prefetch;
    return least;
}

static mt_status start_plan(mt_loader *l, mt_patching *patching, const mt_loader_options *options, mt_error *err)
{
    mt_status st = mt_recipe_init(&l->recipe, patching, options, err);
    if (st || (st = start_deal(l, options, err)) || (st = plan(l, options, err)))
        return st;
    l->prefetch = options->prefetch                    ? options->prefetch
                  : mt_recipe_has(&l->recipe, is_slow) ? SLOW_PREFETCH
                                                       : DEFAULT_PREFETCH;
    if (l->prefetch > MT_MOST_PREFETCH)
        return mt_fail(err, MT_E_ARGUMENT, "%zu batches ahead are more than %d", l->prefetch, MT_MOST_PREFETCH);
    l->prefetch_bytes = options->prefetch_bytes ? options->prefetch_bytes : DEFAULT_BYTES;
    l->n_makers = count_makers(l);
    return mt_ring_new(l->context, &options->buffers, l->recipe.n_arrays, l->prefetch + 1, &l->ring, err);
}

mt_status mt_loader_new(mt_patching *patching, const mt_loader_options *given, mt_loader **out, mt_error *err)
{
    mt_loader_options options = { .struct_size = given ? given->struct_size : sizeof options };
    void *memory;
    mt_error_reset(err);
    *out = NULL;
    if (options.struct_size == 0 || options.struct_size > sizeof options)
        return mt_fail(err, MT_E_ARGUMENT, "mt_loader_options.struct_size is %zu, not %zu", options.struct_size,
                       sizeof options);
    if (given)
        memcpy(&options, given, given->struct_size);
    mt_status st = mt_alloc(&patching->context->env, sizeof(mt_loader), &memory, err);
    if (st)
        return st;
    mt_loader *l = memset(memory, 0, sizeof(mt_loader));
    l->context = mt_context_retain(patching->context, NULL);
    mt_context_get_counters(l->context, &l->before);
    if ((st = start_plan(l, patching, &options, err)) || (st = start_locks(l, err)))
        end_plan(l);
    if (!st) {
        mt_patching_freeze(patching);
        *out = l;
    }
    return st;
}

void mt_loader_free(mt_loader *l)
{
    if (!l)
        return;
    mt_lock_take(&l->lock);
    l->is_stopping = true;
    mt_condition_wake_all(&l->room);
    mt_lock_give(&l->lock);
    for (size_t i = 0; i < l->n_started; i++)
        mt_thread_join(&l->makers[i].thread);
    for (size_t i = 0; i < l->prefetch; i++)
        if (l->slots[i].state == MT_SLOT_READY)
            mt_batch_release(&l->slots[i].batch->shown);
    mt_order_free(&l->context->env, l->order);
    mt_lock_destroy(&l->lock);
    mt_condition_destroy(&l->ready);
    mt_condition_destroy(&l->room);
    end_plan(l);
}
