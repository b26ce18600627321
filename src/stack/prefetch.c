/* SPDX-License-Identifier: BSD-3-Clause */
/* Prefetches: the chunks of requests are held in the cache instead of copied into patches. */
#include <microtome/prefetch.h>

#include "base/checked.h"
#include "engine/ahead.h"
#include "engine/visit.h"
#include "stack/request.h"

#include <string.h>

struct mt_prefetch {
    mt_task task;
    mt_context *context;
    mt_prefetch_options options;
    mt_patch_request *requests; /* copies, followed in memory by the arrays that they point to */
    size_t n, request_bytes;
    _Atomic bool is_ended; /* mt_prefetch_end was called */

    mt_lock lock; /* guards the fields below */
    mt_condition changed;
    bool is_done;
    mt_cache_entry **held;
    size_t n_held, room;
    uint64_t held_bytes;
    bool is_full;
    mt_error failure;
};

/* The maximum bytes held by all prefetches of a context. */
static uint64_t most_held(const mt_context *context) { return mt_cache_budget(context->chunks) / 2; }

static bool add_held(mt_prefetch *p, mt_cache_entry *entry)
{
    if (p->n_held == p->room) {
        size_t room = p->room ? 2 * p->room : 64;
        void *moved = mt_resize(&p->context->env, p->held, p->room * sizeof *p->held, room * sizeof *p->held);
        if (!moved)
            return false;
        p->held = moved;
        p->room = room;
    }
    p->held[p->n_held++] = entry;
    p->held_bytes += entry->size;
    return true;
}

/* Holds a chunk that is in the cache, if the budget allows. */
static mt_status hold(void *user, const mt_image *image, uint64_t chunk, mt_error *err)
{
    mt_prefetch *p = user;
    mt_context *context = p->context;
    mt_cache_entry *entry = mt_cache_peek(context->chunks, image->owner, chunk);
    uint64_t bytes = entry ? entry->size : 0;
    mt_lock_take(&p->lock); /* a fork takes it: the child's sum agrees with its prefetches */
    uint64_t before = atomic_fetch_add(&context->held_bytes, bytes);
    bool fits = entry && before + bytes <= most_held(context);
    bool is_held = fits && add_held(p, entry);
    p->is_full |= !fits;
    if (!is_held)
        atomic_fetch_sub(&context->held_bytes, bytes);
    mt_lock_give(&p->lock);
    if (is_held)
        return MT_OK;
    if (entry)
        mt_cache_release(context->chunks, entry);
    return fits ? mt_fail(err, MT_E_MEMORY, "out of memory for the list of chunks that are held")
                : mt_fail(err, MT_E_LIMIT, "no room for more chunks ahead of time");
}

static int is_ended(void *user) { return ((mt_prefetch *)user)->is_ended; }

static void run(mt_task *task)
{
    mt_prefetch *p = (mt_prefetch *)(void *)task; /* task is its first member */
    const mt_visitor visitor = { .hold = hold, .user = p };
    const mt_extract_options options = { .struct_size = sizeof options, .cancelled = is_ended, .user = p };
    mt_error failure;
    mt_error_clear(&failure);
    mt_status st = mt_extraction_visit(p->requests, p->n, &options, &visitor, &failure);
    if (p->options.done)
        p->options.done(p->options.user);
    mt_lock_take(&p->lock);
    if (st && st != MT_E_CANCELLED && !p->is_full)
        p->failure = failure;
    p->is_done = true;
    mt_condition_wake_all(&p->changed);
    mt_lock_give(&p->lock);
}

/* The lock must be held. */
static void forget_bytes(mt_prefetch *p)
{
    atomic_fetch_sub(&p->context->held_bytes, p->held_bytes);
    p->held_bytes = 0;
}

/* In a forked child: the work continues only in the parent, and so does the thread that is ending the prefetch. */
static void forget_work(void *owner)
{
    mt_prefetch *p = owner;
    p->is_done = true;
    mt_condition_reset(&p->changed);
    if (p->is_ended)
        forget_bytes(p);
}

/* Counts the integers stored after the requests: channels, coordinates and sizes of each. */
static mt_status count_numbers(const mt_patch_request *requests, size_t n, size_t *out, mt_error *err)
{
    size_t numbers = 0;
    for (size_t i = 0; i < n; i++)
        numbers += requests[i].n_channels + 2 * requests[i].n_spatial;
    if (n > SIZE_MAX / 2 / sizeof *requests || numbers > SIZE_MAX / 4 / sizeof(int64_t))
        return mt_fail(err, MT_E_MEMORY, "%zu requests", n);
    *out = n * sizeof *requests + numbers * sizeof(int64_t);
    return MT_OK;
}

static const int64_t *copy_numbers(const int64_t *from, size_t n, int64_t **next)
{
    int64_t *to = *next;
    if (n > 0)
        memcpy(to, from, n * sizeof *to);
    *next += n;
    return to;
}

static mt_status copy_requests(mt_prefetch *p, const mt_patch_request *requests, size_t n, mt_error *err)
{
    static const int64_t no_strides[4] = { 0 };
    static uint8_t nowhere;
    void *memory;
    mt_status st = count_numbers(requests, n, &p->request_bytes, err);
    if (st || (st = mt_alloc(&p->context->env, p->request_bytes, &memory, err)))
        return st;
    p->requests = memory;
    int64_t *next = (int64_t *)(void *)(p->requests + n);
    for (size_t i = 0; i < n; i++) {
        const mt_patch_request *r = &requests[i];
        p->requests[i] = (mt_patch_request) {
            .stack = mt_stack_retain(r->stack),
            .sample = r->sample,
            .channels = r->channels ? copy_numbers(r->channels, r->n_channels, &next) : NULL,
            .n_channels = r->n_channels,
            .n_spatial = r->n_spatial,
            .coords = copy_numbers(r->coords, r->n_spatial, &next),
            .patch_size = copy_numbers(r->patch_size, r->n_spatial, &next),
            .view = { .data = &nowhere, .strides = no_strides, .padding_mode = r->view.padding_mode }
        };
    }
    p->n = n;
    return MT_OK;
}

static void free_prefetch(mt_prefetch *p)
{
    mt_context *context = p->context;
    for (size_t i = 0; i < p->n_held; i++)
        mt_cache_release(context->chunks, p->held[i]);
    mt_lock_take(&p->lock);
    forget_bytes(p);
    mt_lock_give(&p->lock);
    for (size_t i = 0; i < p->n; i++)
        mt_stack_close(p->requests[i].stack);
    mt_release(&context->env, p->held, p->room * sizeof *p->held);
    mt_release(&context->env, p->requests, p->request_bytes);
    mt_lock_destroy(&p->lock);
    mt_condition_destroy(&p->changed);
    mt_release(&context->env, p, sizeof *p);
    mt_context_free(context);
}

static mt_status new_prefetch(mt_context *given, mt_prefetch **out, mt_error *err)
{
    mt_context *context = mt_context_retain(given, err);
    if (!context)
        return MT_E_MEMORY;
    void *memory;
    mt_prefetch *p = NULL;
    mt_status st = mt_alloc(&context->env, sizeof *p, &memory, err);
    if (!st) {
        p = memset(memory, 0, sizeof *p);
        p->context = context;
        st = mt_condition_init(&p->changed, err);
    }
    if (!st && (st = mt_lock_init(&p->lock, forget_work, p, err)))
        mt_condition_destroy(&p->changed);
    if (st) {
        mt_release(&context->env, p, sizeof *p);
        mt_context_free(context);
        return st;
    }
    *out = p;
    return MT_OK;
}

mt_status mt_prefetch_patches(const mt_patch_request *requests, size_t n, const mt_prefetch_options *options,
                              mt_prefetch **out, mt_error *err)
{
    mt_prefetch *p;
    mt_error_reset(err);
    if (n == 0)
        return mt_fail(err, MT_E_ARGUMENT, "no requests to prefetch");
    if (options && (options->struct_size == 0 || options->struct_size > sizeof p->options))
        return mt_fail(err, MT_E_ARGUMENT, "mt_prefetch_options.struct_size is %zu, not %zu", options->struct_size,
                       sizeof p->options);
    mt_status st = mt_requests_check(requests, n, err);
    if (st || (st = new_prefetch(requests[0].stack->context, &p, err)))
        return st;
    if (options)
        memcpy(&p->options, options, options->struct_size);
    p->task.run = run;
    st = copy_requests(p, requests, n, err);
    if (st || (st = mt_ahead_submit(p->context->ahead, &p->task, err)))
        free_prefetch(p);
    else
        *out = p;
    return st;
}

static void await(mt_prefetch *p)
{
    mt_lock_take(&p->lock);
    while (!p->is_done)
        mt_condition_wait(&p->changed, &p->lock);
    mt_lock_give(&p->lock);
}

mt_status mt_prefetch_wait(mt_prefetch *p, mt_prefetch_info *info, mt_error *err)
{
    mt_error_reset(err);
    mt_prefetch_info all = { .struct_size = info ? info->struct_size : 0 };
    if (all.struct_size > sizeof all || (info && all.struct_size == 0))
        return mt_fail(err, MT_E_ARGUMENT, "mt_prefetch_info.struct_size is %zu, not %zu", all.struct_size, sizeof all);
    await(p);
    all.chunks = p->n_held;
    all.bytes = p->held_bytes;
    all.is_full = p->is_full;
    if (info)
        memcpy(info, &all, all.struct_size);
    if (err)
        *err = p->failure;
    return p->failure.status;
}

void mt_prefetch_end(mt_prefetch *p)
{
    if (!p)
        return;
    p->is_ended = true;
    await(p);
    free_prefetch(p);
}
