/* SPDX-License-Identifier: BSD-3-Clause */
/* From boxes to plans. Pixels that need no chunk are copied here; the rest is planned, and a plan is executed when it
 * is full. */
#include "engine/engine.h"

#include "base/checked.h"
#include "engine/absent.h"
#include "engine/deliver.h"
#include "engine/rows.h"
#include "engine/run.h"
#include "engine/visit.h"

#include <string.h>

/* The images of a call, each with its strategy. */
typedef struct uses {
    mt_env *env;
    mt_use *items;
    uint64_t *row_costs;      /* one per item, in bytes of sequential reading */
    size_t n, capacity, last; /* last: the item found last */
    uint32_t *table;          /* hash table of items by image: open addressing, size 2 * capacity */
    mt_use inline_items[4];
    uint64_t inline_costs[4];
    uint32_t inline_table[8];
} uses;

static void uses_init(uses *u, mt_env *env)
{
    u->env = env;
    u->items = u->inline_items;
    u->row_costs = u->inline_costs;
    u->table = u->inline_table;
    u->n = u->last = 0;
    u->capacity = 4;
    memset(u->inline_table, 0xff, sizeof u->inline_table); /* MT_NONE */
}

static const size_t bytes_a_use = sizeof(mt_use) + sizeof(uint64_t) + 2 * sizeof(uint32_t);

static void uses_free(uses *u)
{
    if (u->items != u->inline_items)
        mt_release(u->env, u->items, u->capacity * bytes_a_use);
}

static uint32_t *find_slot(const uses *u, const mt_image *image)
{
    size_t mask = 2 * u->capacity - 1;
    size_t at = (size_t)(image->owner * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
    while (u->table[at] != MT_NONE && u->items[u->table[at]].image != image)
        at = (at + 1) & mask;
    return &u->table[at];
}

static mt_status grow(uses *u, mt_error *err)
{
    size_t n = 4 * u->capacity;
    void *memory;
    mt_status st = mt_alloc(u->env, n * bytes_a_use, &memory, err);
    if (st)
        return st;
    uses old = *u;
    u->items = memory;
    u->row_costs = (uint64_t *)(void *)(u->items + n);
    u->table = (uint32_t *)(void *)(u->row_costs + n);
    u->capacity = n;
    memcpy(u->items, old.items, u->n * sizeof *u->items);
    memcpy(u->row_costs, old.row_costs, u->n * sizeof *u->row_costs);
    memset(u->table, 0xff, 2 * n * sizeof *u->table); /* MT_NONE */
    for (size_t i = 0; i < u->n; i++)
        *find_slot(u, u->items[i].image) = (uint32_t)i;
    if (old.items != u->inline_items)
        mt_release(u->env, old.items, old.capacity * bytes_a_use);
    return MT_OK;
}

/* Finds the index of an image among the uses; adds it if it is new. */
static mt_status find_use(uses *u, mt_image *image, size_t *out, mt_error *err)
{
    if (u->n > 0 && u->items[u->last].image == image) {
        *out = u->last;
        return MT_OK;
    }
    uint32_t *slot = find_slot(u, image);
    if (*slot != MT_NONE) {
        *out = u->last = *slot;
        return MT_OK;
    }
    if (u->n == u->capacity) {
        mt_status st = grow(u, err);
        if (st)
            return st;
        slot = find_slot(u, image);
    }
    *out = u->last = u->n++;
    *slot = (uint32_t)*out;
    u->items[*out] = (mt_use) { .image = image };
    u->row_costs[*out] = 0;
    return MT_OK;
}

/* Chooses one strategy per image of the call. All reads copy, or all go to one visitor. */
static mt_status choose_strategies(uses *u, const mt_read *reads, size_t n, bool keep, mt_error *err)
{
    const mt_visitor *visitor = reads[0].visitor;
    for (size_t i = 0; i < n; i++) {
        size_t k;
        mt_image *image = reads[i].image;
        mt_status st = image->array ? MT_OK : find_use(u, image, &k, err);
        if (st)
            return st;
        if (!image->array && !visitor && mt_strategy_needs_cost(image) && u->row_costs[k] < image->bytes &&
            mt_add_u64(u->row_costs[k], mt_rows_cost(image, reads[i].extent), &u->row_costs[k]))
            u->row_costs[k] = UINT64_MAX;
    }
    for (size_t k = 0; k < u->n; k++) {
        mt_image *image = u->items[k].image;
        if (visitor && visitor->hold)
            mt_strategy_ahead(&u->items[k], image);
        else if (visitor)
            mt_strategy_visit(&u->items[k], image);
        else
            mt_strategy_choose(&u->items[k], image, u->row_costs[k], keep);
    }
    return MT_OK;
}

/* The first element of the part [low, high) of a box in an image in memory. Sets the extent of the part. */
static const uint8_t *find_in_array(const mt_read *read, const int64_t *low, const int64_t *high, int64_t *extent)
{
    const mt_image *image = read->image;
    const uint8_t *in = image->array;
    for (int d = 0; d < image->map->ndim; d++) {
        extent[d] = high[d] - low[d];
        in += (read->start[d] + low[d]) * image->piece.stride[d];
    }
    return in;
}

static void copy_array(const mt_read *read, const int64_t *low, const int64_t *high)
{
    const mt_image *image = read->image;
    int64_t extent[MT_MAX_DIMS];
    uint8_t *out = read->out;
    const uint8_t *in = find_in_array(read, low, high, extent);
    mt_convert convert = read->convert;
    convert.swap = image->map->swap;
    for (int d = 0; d < image->map->ndim; d++)
        out += low[d] * read->out_stride[d];
    mt_gather(&convert, image->map->ndim, extent, out, read->out_stride, in, image->piece.stride);
}

/* Copies what needs no chunk: padding, and images in memory. Sets [low, high) to the part of the box inside the image,
 * and returns whether chunks are needed. */
static bool do_direct(const mt_read *read, int64_t *low, int64_t *high)
{
    bool any = mt_read_clip(read, low, high), inside = any;
    int ndim = read->image->map->ndim;
    for (int d = 0; d < ndim; d++)
        inside &= low[d] == 0 && high[d] == read->extent[d];
    if (read->visitor && read->visitor->hold)
        return any && !read->image->array;
    if (!inside)
        mt_fill_border(read->padding, mt_dtype_size(read->convert.to), ndim, read->extent, low, high, read->out,
                       read->out_stride);
    if (any && read->image->array)
        copy_array(read, low, high);
    return any && !read->image->array;
}

/* Fetches the beginning of what do_direct will copy into the caches. */
static void expect_direct(const mt_read *read)
{
    const mt_image *image = read->image;
    int64_t low[MT_MAX_DIMS], high[MT_MAX_DIMS], extent[MT_MAX_DIMS];
    if (!mt_read_clip(read, low, high))
        return;
    const uint8_t *in = find_in_array(read, low, high, extent);
    mt_gather_soon(image->element_size, image->map->ndim, extent, read->out_stride, in, image->piece.stride);
}

#define DIRECT_GROUP 32

static void do_direct_group(void *argument, size_t group)
{
    mt_call *call = argument;
    size_t end = (group + 1) * DIRECT_GROUP < call->n ? (group + 1) * DIRECT_GROUP : call->n;
    int64_t low[MT_MAX_DIMS], high[MT_MAX_DIMS];
    bool stop = mt_cancel_asked(call->cancel);
    if (stop)
        mt_call_fail_reads(call, group * DIRECT_GROUP, end, MT_E_CANCELLED, &(mt_error)MT_ERROR_INIT);
    for (size_t i = group * DIRECT_GROUP; !stop && i < end; i++) {
        if (i + 1 < end)
            expect_direct(&call->reads[i + 1]);
        do_direct(&call->reads[i], low, high);
    }
}

/* Does the reads that need no plan, in groups per thread. */
static void read_direct(mt_call *call)
{
    size_t groups = (call->n + DIRECT_GROUP - 1) / DIRECT_GROUP;
    if (groups > 1 && mt_call_shares_copies(call))
        mt_pool_run(call->context->pool, groups, do_direct_group, call);
    else
        for (size_t i = 0; i < groups; i++)
            do_direct_group(call, i);
}

static bool visits(const mt_call *call) { return call->reads[0].visitor != NULL; }

/* Executes a full plan. Failures are recorded in the call; only cancellation and a failed visit end the planning. */
static mt_status run_full(mt_call *call, mt_plan *plan)
{
    mt_run(call, plan);
    mt_plan_free(plan);
    mt_plan_init(plan, &call->context->env);
    if (visits(call) && call->status)
        call->cancel->ended = true;
    return mt_cancel_asked(call->cancel) ? MT_E_CANCELLED : MT_OK;
}

/* A part of a read, relative to its box. */
typedef struct region {
    int64_t low[MT_MAX_DIMS], high[MT_MAX_DIMS];
} region;

static void halve(region *r, int ndim, region *other)
{
    int longest = 0;
    for (int d = 1; d < ndim; d++)
        if (r->high[d] - r->low[d] > r->high[longest] - r->low[longest])
            longest = d;
    *other = *r;
    r->high[longest] = other->low[longest] = r->low[longest] + (r->high[longest] - r->low[longest]) / 2;
}

/* Halves a read of an image of boxes until each part touches few enough boxes. */
static mt_status add_boxes(mt_call *call, const mt_use *use, uint32_t i, const region *whole, mt_plan *plan,
                           mt_error *err)
{
    enum { DEEPEST = 63 + MT_MAX_DIMS + 1 }; /* an image has less than 2^63 pixels; odd extents are rounded up */
    region left[DEEPEST];
    int n = 1, ndim = call->reads[i].image->map->ndim;
    left[0] = *whole;
    while (n > 0) {
        region *r = &left[n - 1];
        bool too_many;
        mt_status st = mt_plan_add_boxes(plan, use, &call->reads[i], i, r->low, r->high, &too_many, err);
        if (!st && too_many)
            halve(r, ndim, &left[n++]);
        else
            n--;
        if (!st && plan->n_parts >= MT_PLAN_BOXES)
            st = run_full(call, plan);
        if (st)
            return st;
    }
    return MT_OK;
}

static mt_status add_chunks(mt_call *call, const mt_use *use, uint32_t i, const region *r, mt_plan *plan, mt_error *err)
{
    const mt_read *read = &call->reads[i];
    mt_box box;
    mt_walk walk;
    mt_absent absent;
    mt_status st = MT_OK;
    for (int d = 0; d < read->image->map->ndim; d++) {
        box.start[d] = read->start[d] + r->low[d];
        box.extent[d] = r->high[d] - r->low[d];
    }
    mt_walk_init(&walk, read->image, &box);
    mt_absent_begin(&absent, &walk);
    plan->bytes += mt_read_size(read, r->low, r->high);
    while (!st && !walk.done) {
        if (mt_absent_take(&absent, &walk, &box)) {
            mt_deliver_absent(call, read, &box);
            st = mt_cancel_asked(call->cancel) ? MT_E_CANCELLED : MT_OK;
        } else if (mt_plan_is_full(plan, visits(call))) {
            st = run_full(call, plan);
            plan->bytes += mt_read_size(read, r->low, r->high);
        } else {
            st = mt_plan_add(plan, use, i, &walk, absent.is_asked ? 1 : MT_PLAN_VISITED, err);
        }
    }
    mt_absent_end(&absent);
    return st;
}

static mt_status add_read(mt_call *call, uses *u, uint32_t i, mt_plan *plan, mt_error *err)
{
    const mt_read *read = &call->reads[i];
    region r;
    size_t k;
    if (mt_cancel_asked(call->cancel))
        return MT_E_CANCELLED;
    if (!do_direct(read, r.low, r.high))
        return MT_OK;
    mt_status st = find_use(u, read->image, &k, err);
    if (st)
        return st;
    const mt_use *use = &u->items[k];
    if (!use->keep && read->visitor && read->visitor->hold)
        return MT_OK;
    if (read->image->map->find_boxes)
        return add_boxes(call, use, i, &r, plan, err);
    if (use->strategy != MT_BY_ROWS || !read->image->map->contiguous)
        return add_chunks(call, use, i, &r, plan, err);
    if (plan->n_copies >= MT_PLAN_COPIES && (st = run_full(call, plan)))
        return st;
    return mt_plan_add_piece(plan, use, i, mt_read_size(read, r.low, r.high), err);
}

static void read_planned(mt_call *call)
{
    mt_plan plan;
    uses u;
    mt_error failure;
    mt_error_clear(&failure);
    mt_plan_init(&plan, &call->context->env);
    uses_init(&u, &call->context->env);
    bool keep = call->cancel && call->cancel->options.keep_chunks;
    mt_status st = choose_strategies(&u, call->reads, call->n, keep, &failure);
    for (size_t i = 0; i < call->n; i++) {
        mt_status one = st ? st : add_read(call, &u, (uint32_t)i, &plan, &failure);
        if (one)
            mt_call_fail_reads(call, i, i + 1, one, &failure);
        if (!st)
            mt_error_clear(&failure);
    }
    mt_run(call, &plan);
    mt_plan_free(&plan);
    uses_free(&u);
}

mt_status mt_engine_read(mt_context *context, const mt_read *reads, size_t n, mt_cancel *cancel, mt_error *err)
{
    mt_call call = { .context = context, .reads = reads, .n = n, .cancel = cancel, .failed = SIZE_MAX, .err = err };
    bool direct = true;
    if (n >= MT_NONE) {
        mt_error failure;
        mt_error_clear(&failure);
        mt_status st = mt_fail(&failure, MT_E_ARGUMENT, "%zu boxes in one call", n);
        mt_call_fail_reads(&call, 0, n, st, &failure);
        return st;
    }
    for (size_t i = 0; i < n; i++)
        direct &= reads[i].image->array != NULL;
    if (!direct)
        read_planned(&call);
    else if (n)
        read_direct(&call);
    return call.status;
}
