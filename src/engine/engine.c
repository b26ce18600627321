/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/engine.h"

#include "base/checked.h"
#include "engine/plan.h"

#include <string.h>

/* Below this many bytes to copy and to decode, another thread costs more than it does. */
#define SHARED_BYTES ((uint64_t)128 << 10)

/* A thread takes several chunks at once, but not so many that another one has nothing left to do. */
#define GROUPS_A_THREAD 8
#define LARGEST_GROUP 16

typedef struct work {
    mt_context *context;
    const mt_read *reads;
    size_t n; /* reads */
    mt_cancel *cancel;
    const mt_plan *plan;
    size_t group; /* chunks of the plan that a thread takes at once */
    _Atomic size_t
        failed; /* number of the first that failed: of a chunk where there is a plan, else of a read; SIZE_MAX: none */
    mt_error *err; /* of that; under the context's lock */
    mt_status status;
} work;

/* What a chunk gives to one of its copies. */
typedef struct part {
    const mt_read *read;
    int64_t low[MT_MAX_DIMS]; /* in the chunk */
    int64_t extent[MT_MAX_DIMS];
    uint8_t *out;
} part;

static void find_part_of_box(const mt_read *read, const mt_shown *shown, part *out)
{
    out->read = read;
    out->out = read->out;
    for (int d = 0; d < read->image->map->ndim; d++) {
        out->low[d] = shown->low[d];
        out->extent[d] = shown->place.extent[d];
        out->out += (shown->place.start[d] - read->start[d]) * read->out_stride[d];
    }
}

static void find_part(const work *w, const mt_image *image, uint64_t id, uint32_t copy, part *out)
{
    const mt_plan *plan = w->plan;
    const mt_read *read = &w->reads[plan->copies[copy].read];
    int64_t position[MT_MAX_DIMS];
    if (plan->copies[copy].part != MT_NONE) {
        find_part_of_box(read, &plan->parts[plan->copies[copy].part], out);
        return;
    }
    mt_image_chunk_position(image, id, position);
    out->read = read;
    out->out = read->out;
    for (int d = 0; d < image->map->ndim; d++) {
        int64_t chunk_start = mt_image_chunk_start(image, d, position[d]);
        int64_t from = mt_max_i64(chunk_start, read->start[d]);
        int64_t to = mt_min_i64(mt_image_chunk_end(image, d, position[d]), read->start[d] + read->extent[d]);
        out->low[d] = from - chunk_start;
        out->extent[d] = to - from;
        out->out += (from - read->start[d]) * read->out_stride[d];
    }
}

/* One element, everywhere in the part. */
static void spread(const part *p, const mt_convert *convert, const void *element)
{
    static const int64_t same_element[MT_MAX_DIMS] = { 0 };
    mt_gather(convert, p->read->image->map->ndim, p->extent, p->out, p->read->out_stride, element, same_element);
}

static void gather_part(const part *p, const mt_image *image, const mt_chunk *chunk)
{
    mt_convert convert = p->read->convert;
    convert.swap = chunk->swap;
    if (!chunk->data) {
        convert.swap = false;
        spread(p, &convert, image->map->fill);
        return;
    }
    const uint8_t *in = chunk->data;
    for (int d = 0; d < image->map->ndim; d++)
        in += p->low[d] * image->stride[d];
    mt_gather(&convert, image->map->ndim, p->extent, p->out, p->read->out_stride, in, image->stride);
}

static const mt_image *image_of(const work *w, const mt_planned *planned, mt_image *room)
{
    uint32_t shown = w->plan->copies[planned->first_copy].part;
    const int64_t *whole = shown == MT_NONE ? NULL : w->plan->parts[shown].whole;
    return mt_image_at_chunk(planned->image, planned->id, whole, room);
}

#define FOR_EACH_COPY(c, w, planned)                                                                                   \
    for (uint32_t c = (planned)->first_copy; c != MT_NONE; c = (w)->plan->copies[c].next)

static void gather_chunk(const work *w, const mt_planned *planned, const mt_chunk *chunk)
{
    mt_image room;
    const mt_image *image = image_of(w, planned, &room);
    part p;
    FOR_EACH_COPY(c, w, planned)
    {
        find_part(w, image, planned->id, c, &p);
        gather_part(&p, image, chunk);
    }
}

/* The bytes of a chunk that its copies need, from the first to the last. */
static void find_needed(const work *w, const mt_planned *planned, const mt_image *image, size_t *from, size_t *to)
{
    *from = image->chunk_bytes;
    *to = 0;
    part p;
    FOR_EACH_COPY(c, w, planned)
    {
        find_part(w, image, planned->id, c, &p);
        int64_t first = 0, last = (int64_t)image->element_size;
        for (int d = 0; d < image->map->ndim; d++) {
            first += p.low[d] * image->stride[d];
            last += (p.low[d] + p.extent[d] - 1) * image->stride[d];
        }
        *from = (size_t)first < *from ? (size_t)first : *from;
        *to = (size_t)last > *to ? (size_t)last : *to;
    }
}

/* A part of a chunk is decoded alone only where the whole would not stay in the cache for long. */
static mt_status load_needed(const work *w, const mt_planned *planned, const mt_window *window, mt_scratch *scratch,
                             mt_chunk *out, mt_error *err)
{
    mt_image room;
    const mt_image *image = image_of(w, planned, &room);
    size_t from = 0, to = image->chunk_bytes;
    if (!image->fits && mt_chain_is_partial(&image->map->chain)) {
        if (mt_image_peek(image, planned->id, out))
            return MT_OK;
        find_needed(w, planned, image, &from, &to);
    }
    if (to - from <= image->chunk_bytes / 2)
        return mt_image_load_part(image, planned->id, window, from, to, scratch, out, err);
    return mt_image_load(image, planned->id, window, scratch, out, err);
}

static mt_status read_decoded(const work *w, const mt_planned *planned, const mt_window *window, mt_scratch *scratch,
                              mt_error *err)
{
    mt_chunk chunk = { 0 };
    mt_status st = load_needed(w, planned, window, scratch, &chunk, err);
    if (!st)
        gather_chunk(w, planned, &chunk);
    mt_image_release(planned->image, &chunk);
    return st;
}

/* Rows of a raw chunk that is not kept. */
static mt_status copy_raw(const work *w, const mt_planned *planned, mt_scratch *scratch, mt_error *err)
{
    mt_image room;
    const mt_image *image = image_of(w, planned, &room);
    mt_chunk_ref ref;
    const uint8_t *view = NULL;
    bool missing = false;
    mt_status st = mt_image_locate(image, planned->id, &ref, err);
    if (!st && ref.chain->n_steps)
        return read_decoded(w, planned, NULL, scratch, err);
    if (!st)
        st = mt_image_open_raw(image, planned->id, &ref, &missing, &view, err);
    if (!st && missing)
        mt_image_count_missing(image);
    part p;
    for (uint32_t c = planned->first_copy; !st && c != MT_NONE; c = w->plan->copies[c].next) {
        find_part(w, image, planned->id, c, &p);
        if (missing) {
            gather_part(&p, image, &(mt_chunk) { .data = NULL });
            continue;
        }
        mt_convert convert = p.read->convert;
        convert.swap = image->map->swap;
        st = mt_raw_read(image, &ref, view, &convert, p.low, p.extent, p.out, p.read->out_stride, scratch, w->cancel,
                         err);
    }
    if (st)
        mt_image_prefix(image, planned->id, &ref, err);
    return st;
}

static mt_status read_chunk(const work *w, const mt_planned *planned, const mt_window *window, mt_scratch *scratch,
                            mt_error *err)
{
    return planned->image->rows ? copy_raw(w, planned, scratch, err) : read_decoded(w, planned, window, scratch, err);
}

static void zero_copies(const work *w, const mt_planned *planned)
{
    static const uint8_t zero[8] = { 0 };
    part p;
    FOR_EACH_COPY(c, w, planned)
    {
        find_part(w, planned->image, planned->id, c, &p);
        mt_convert convert = { .from = p.read->convert.to, .to = p.read->convert.to };
        spread(&p, &convert, zero);
    }
}

static void note_failure(work *w, size_t i, mt_status st, const mt_error *failure)
{
    mt_lock_take(&w->context->lock);
    if (i < w->failed) {
        w->failed = i;
        w->status = st;
        if (w->err)
            *w->err = *failure;
    }
    mt_lock_give(&w->context->lock);
}

/* One chunk. Those behind one that failed are not read any more. */
static void do_chunk(work *w, size_t i, const mt_window *window, mt_scratch *scratch)
{
    const mt_planned *planned = &w->plan->chunks[i];
    mt_status st = MT_OK;
    mt_error failure = MT_ERROR_INIT;
    if (i < w->failed)
        st = mt_cancel_asked(w->cancel) ? MT_E_CANCELLED : read_chunk(w, planned, window, scratch, &failure);
    if (st)
        note_failure(w, i, st, &failure);
    if (st || i > w->failed)
        zero_copies(w, planned);
}

static uint64_t id_of_planned(const void *argument, size_t i) { return ((const mt_planned *)argument)[i].id; }

/* How many chunks from number i on are of the same image, and can be fetched together. */
static size_t count_alike(const work *w, size_t i, size_t end)
{
    const mt_image *image = w->plan->chunks[i].image;
    size_t n = 1;
    while (i + n < end && w->plan->chunks[i + n].image == image && !image->uneven && !image->rows)
        n++;
    return n;
}

static void do_chunks(work *w, size_t i, size_t end, mt_scratch *scratch)
{
    mt_window window;
    while (i < end) {
        size_t n = count_alike(w, i, end);
        window.data = NULL;
        if (n > 1 && i < w->failed)
            n = mt_image_fetch_window(w->plan->chunks[i].image, id_of_planned, &w->plan->chunks[i], n, scratch,
                                      &window);
        for (; n > 0; n--, i++)
            do_chunk(w, i, &window, scratch);
    }
}

/* Group number g of the chunks of a plan, whose neighbours may be neighbours in the file, too. */
static void do_group(void *argument, size_t g)
{
    work *w = argument;
    size_t i = g * w->group, end = i + w->group < w->plan->n_chunks ? i + w->group : w->plan->n_chunks;
    mt_scratch *scratch;
    mt_error failure = MT_ERROR_INIT;
    mt_status st = mt_context_take_scratch(w->context, &scratch, &failure);
    if (!st) {
        do_chunks(w, i, end, scratch);
        mt_context_give_scratch(w->context, scratch);
        return;
    }
    note_failure(w, i, st, &failure);
    for (; i < end; i++)
        zero_copies(w, &w->plan->chunks[i]);
}

/* Whether the plan is small enough, and its chunks are in the cache, to be done by the caller on the spot. */
static bool do_cached(work *w, const mt_plan *plan, bool *done)
{
    bool all = true;
    for (size_t i = 0; i < plan->n_chunks; i++) {
        mt_chunk chunk;
        done[i] = mt_image_peek(plan->chunks[i].image, plan->chunks[i].id, &chunk);
        if (done[i]) {
            gather_chunk(w, &plan->chunks[i], &chunk);
            mt_image_release(plan->chunks[i].image, &chunk);
        }
        all &= done[i];
    }
    return all;
}

static uint64_t decode_bytes(const mt_plan *plan)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < plan->n_chunks; i++)
        if (plan->chunks[i].image->map->chain.n_steps)
            bytes += plan->chunks[i].image->chunk_bytes;
    return bytes;
}

static mt_status execute(const work *whole, mt_plan *plan, mt_error *err)
{
    work w = *whole;
    w.plan = plan;
    w.failed = SIZE_MAX;
    w.status = MT_OK;
    w.err = err;
    if (plan->n_chunks <= MT_PLAN_INLINE && plan->bytes < SHARED_BYTES) {
        bool done[MT_PLAN_INLINE];
        if (do_cached(&w, plan, done))
            return MT_OK;
        size_t left = 0;
        for (size_t i = 0; i < plan->n_chunks; i++)
            if (!done[i])
                plan->chunks[left++] = plan->chunks[i];
        plan->n_chunks = left;
    }
    mt_plan_sort(plan);
    bool shared = plan->n_chunks > 1 && plan->bytes + decode_bytes(plan) >= SHARED_BYTES;
    size_t pieces = (size_t)mt_pool_threads(w.context->pool) * GROUPS_A_THREAD;
    w.group = !shared ? plan->n_chunks : plan->n_chunks < pieces ? 1 : plan->n_chunks / pieces;
    w.group = w.group > LARGEST_GROUP && shared ? LARGEST_GROUP : w.group;
    size_t groups = plan->n_chunks ? (plan->n_chunks + w.group - 1) / w.group : 0;
    if (shared)
        mt_pool_run(w.context->pool, groups, do_group, &w);
    else if (groups)
        do_group(&w, 0);
    return w.status;
}

static void copy_array(const mt_read *read, const int64_t *low, const int64_t *high)
{
    const mt_image *image = read->image;
    int64_t extent[MT_MAX_DIMS];
    uint8_t *out = read->out;
    const uint8_t *in = image->array;
    for (int d = 0; d < image->map->ndim; d++) {
        extent[d] = high[d] - low[d];
        out += low[d] * read->out_stride[d];
        in += (read->start[d] + low[d]) * image->stride[d];
    }
    mt_gather(&read->convert, image->map->ndim, extent, out, read->out_stride, in, image->stride);
}

static void zero_read(const mt_read *read)
{
    static const uint8_t zero[8] = { 0 };
    part p = { .read = read, .out = read->out };
    memcpy(p.extent, read->extent, sizeof p.extent);
    mt_convert as_is = { .from = read->convert.to, .to = read->convert.to };
    spread(&p, &as_is, zero);
}

/* The rows of a box out of a piece. */
static mt_status copy_piece(const work *w, const mt_read *read, const int64_t *low, const int64_t *high, mt_error *err)
{
    const mt_image *image = read->image;
    int64_t start[MT_MAX_DIMS], extent[MT_MAX_DIMS];
    uint8_t *out = read->out;
    for (int d = 0; d < image->map->ndim; d++) {
        start[d] = read->start[d] + low[d];
        extent[d] = high[d] - low[d];
        out += low[d] * read->out_stride[d];
    }
    mt_convert convert = read->convert;
    convert.swap = image->map->swap;
    mt_scratch *scratch;
    mt_chunk_ref ref;
    const uint8_t *view;
    mt_status st = mt_context_take_scratch(w->context, &scratch, err);
    if (st)
        return st;
    if (!(st = mt_image_open_piece(image, &ref, &view, err)))
        st = mt_raw_read(image, &ref, view, &convert, start, extent, out, read->out_stride, scratch, w->cancel, err);
    if (st) {
        zero_read(read);
        mt_error_prefix(err, "%s: %s", image->map->format, image->label);
    }
    mt_context_give_scratch(w->context, scratch);
    return st;
}

static void give_up_read(work *w, size_t i, mt_status st, const mt_error *failure)
{
    zero_read(&w->reads[i]);
    note_failure(w, i, st, failure);
}

static bool is_direct(const mt_read *read) { return read->image->array || read->image->piece; }

/* What needs no chunk: the border, images that lie in memory, and those that are one piece. Sets what of the box lies
 * inside, and returns whether chunks are needed. */
static bool do_direct(work *w, size_t i, int64_t *low, int64_t *high)
{
    const mt_read *read = &w->reads[i];
    bool any = mt_read_clip(read, low, high);
    bool inside = any;
    int ndim = read->image->map->ndim;
    for (int d = 0; d < ndim; d++)
        inside &= low[d] == 0 && high[d] == read->extent[d];
    if (!inside)
        mt_fill_border(read->padding, mt_dtype_size(read->convert.to), ndim, read->extent, low, high, read->out,
                       read->out_stride);
    if (any && read->image->array) {
        copy_array(read, low, high);
    } else if (any && read->image->piece) {
        mt_error failure = MT_ERROR_INIT;
        mt_status st = copy_piece(w, read, low, high, &failure);
        if (st)
            note_failure(w, i, st, &failure);
    }
    return any && !is_direct(read);
}

#define DIRECT_GROUP 32

static void do_direct_group(void *argument, size_t group)
{
    work *w = argument;
    size_t end = (group + 1) * DIRECT_GROUP < w->n ? (group + 1) * DIRECT_GROUP : w->n;
    int64_t low[MT_MAX_DIMS], high[MT_MAX_DIMS];
    bool stop = mt_cancel_asked(w->cancel);
    for (size_t i = group * DIRECT_GROUP; i < end; i++)
        if (stop)
            give_up_read(w, i, MT_E_CANCELLED, &(mt_error)MT_ERROR_INIT);
        else
            do_direct(w, i, low, high);
}

/* Reads that need no plan: groups of them for each thread. */
static mt_status read_direct(work *w)
{
    size_t groups = (w->n + DIRECT_GROUP - 1) / DIRECT_GROUP;
    if (groups > 1)
        mt_pool_run(w->context->pool, groups, do_direct_group, w);
    else
        do_direct_group(w, 0);
    return w->status;
}

static mt_status execute_full(const work *w, mt_plan *plan, mt_error *err)
{
    mt_status st = execute(w, plan, err);
    mt_plan_free(plan);
    mt_plan_init(plan, &w->context->env);
    return st;
}

/* A part of a read: relative to its box. */
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

/* A read of an image of boxes is halved until its parts show few enough. */
static mt_status add_boxes(const work *w, uint32_t i, const int64_t *low, const int64_t *high, mt_plan *plan,
                           mt_error *err)
{
    enum { DEEPEST = 63 + MT_MAX_DIMS + 1 }; /* an image has less than 2^63 pixels; odd extents are rounded up */
    region left[DEEPEST];
    int n = 1, ndim = w->reads[i].image->map->ndim;
    memcpy(left[0].low, low, sizeof left[0].low);
    memcpy(left[0].high, high, sizeof left[0].high);
    while (n > 0) {
        region *r = &left[n - 1];
        bool too_many;
        mt_status st = mt_plan_add_boxes(plan, &w->reads[i], i, r->low, r->high, &too_many, err);
        if (!st && too_many)
            halve(r, ndim, &left[n++]);
        else
            n--;
        if (!st && plan->n_parts >= MT_PLAN_BOXES)
            st = execute_full(w, plan, err);
        if (st)
            return st;
    }
    return MT_OK;
}

static mt_status add_chunks(const work *w, uint32_t i, const int64_t *low, const int64_t *high, mt_plan *plan,
                            mt_error *err)
{
    uint64_t next = 0;
    for (;;) {
        mt_status st = mt_plan_add(plan, &w->reads[i], i, low, high, &next, err);
        if (!st && next)
            st = execute_full(w, plan, err);
        if (st || next == 0)
            return st;
    }
}

/* Plans read number i and, whenever the plan is full, executes it. */
static void add_read(work *w, uint32_t i, mt_plan *plan)
{
    int64_t low[MT_MAX_DIMS], high[MT_MAX_DIMS];
    mt_error failure = MT_ERROR_INIT;
    mt_status st = mt_cancel_asked(w->cancel) ? MT_E_CANCELLED : MT_OK;
    if (!st && !do_direct(w, i, low, high))
        return;
    if (!st && w->reads[i].image->map->find_boxes)
        st = add_boxes(w, i, low, high, plan, &failure);
    else if (!st)
        st = add_chunks(w, i, low, high, plan, &failure);
    if (st)
        give_up_read(w, i, st, &failure);
}

static mt_status read_planned(work *w)
{
    mt_plan plan;
    mt_error failure = MT_ERROR_INIT;
    mt_plan_init(&plan, &w->context->env);
    for (size_t i = 0; i < w->n; i++)
        add_read(w, (uint32_t)i, &plan);
    mt_status st = execute(w, &plan, &failure);
    if (st)
        note_failure(w, w->n, st, &failure);
    mt_plan_free(&plan);
    return w->status;
}

mt_status mt_engine_read(mt_context *context, const mt_read *reads, size_t n, mt_cancel *cancel, mt_error *err)
{
    if (n >= MT_NONE)
        return mt_fail(err, MT_E_ARGUMENT, "%zu boxes in one call", n);
    work w = { .context = context, .reads = reads, .n = n, .cancel = cancel, .failed = SIZE_MAX, .err = err };
    bool direct = true;
    for (size_t i = 0; i < n; i++)
        direct &= is_direct(&reads[i]);
    if (!direct)
        return read_planned(&w);
    return n ? read_direct(&w) : MT_OK;
}
