/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/blocks.h"

#include "platform/thread.h"
#include "store/pieces.h"

#include <string.h>

#define LARGEST_BLOCK ((size_t)64 << 10)
#define SMALLEST_BLOCK ((size_t)4 << 10)
#define MOST_AHEAD ((size_t)1 << 20) /* bytes of one read */
#define OBJECT_BYTES ((size_t)4 << 20)
#define TOTAL_BYTES ((size_t)16 << 20)
#define KEPT_BYTES ((size_t)1 << 20)
#define TOUCHES_AT_ONCE 64
#define SLOW_PIECES 512
#define FAST_PIECES 64
#define SLOW_OBJECTS 1024 /* slots for a slow store and for others: powers of two; all objects are dropped when */
#define FAST_OBJECTS 256  /* three quarters are in use */

typedef struct blocks {
    mt_store base;
    mt_store *inner;
    mt_lock lock;     /* guards the fields below */
    mt_pieces *table; /* NULL after mt_blocks_drop */
    size_t block;     /* bytes, a power of two */
    size_t most_ahead;
} blocks;

static blocks *blocks_of(mt_store *store) { return (blocks *)(void *)store; }

/* The functions with _locked in their names are called with the lock held. */

/* A planned read of an object. */
typedef struct plan {
    mt_request_kind kind; /* MT_READ_SOME if the size is not known */
    uint64_t start;
    size_t size;
    uint64_t object_size; /* if known */
} plan;

/* Plans whole blocks around [offset, offset + size), or twice the last read if this one continues it. False: there is
 * nothing to read, or a range extends beyond the object. */
static bool plan_locked(blocks *b, const char *key, mt_request_kind kind, uint64_t offset, size_t size, plan *out)
{
    uint32_t i = mt_pieces_find(b->table, key);
    uint64_t start = offset - offset % b->block, end = offset + size;
    if (end < offset || (i != MT_NO_OBJECT && end > b->table->objects[i].size && kind == MT_READ_RANGE) ||
        (i != MT_NO_OBJECT && start >= b->table->objects[i].size))
        return false;
    size_t length = (size_t)(end - start), ahead = b->block;
    if (i != MT_NO_OBJECT && start == b->table->objects[i].next && start > 0)
        ahead = 2 * b->table->objects[i].ahead < b->most_ahead ? 2 * b->table->objects[i].ahead : b->most_ahead;
    length = length > ahead ? (length + b->block - 1) / b->block * b->block : ahead;
    *out = (plan) { MT_READ_SOME, start, length, 0 };
    if (i == MT_NO_OBJECT)
        return true;
    uint64_t left = b->table->objects[i].size - start;
    out->kind = MT_READ_RANGE;
    out->object_size = b->table->objects[i].size;
    out->size = left < length ? (size_t)left : length;
    return true;
}

/* Records the outcome of a request on the inner store. Takes ownership of bytes, of room bytes, or NULL. */
static void learn(blocks *b, const mt_request *r, uint64_t start, uint8_t *bytes, size_t room)
{
    mt_lock_take(&b->lock);
    if (!b->table) {
        mt_lock_give(&b->lock);
        mt_release(b->base.env, bytes, room);
        return;
    }
    bool knows_size = r->status == MT_OK && (r->kind != MT_READ_RANGE || r->object_size > 0);
    bool is_missing = r->status == MT_E_NOT_FOUND;
    uint32_t i = knows_size || is_missing ? mt_pieces_enter(b->table, r->key) : mt_pieces_find(b->table, r->key);
    if (i != MT_NO_OBJECT) {
        mt_known_object *o = &b->table->objects[i];
        o->is_missing = is_missing;
        if (knows_size)
            o->size = r->object_size;
        if (bytes && !r->status && r->n_read > 0) {
            o->next = start + r->n_read;
            o->ahead = r->n_read < b->block ? b->block : r->n_read;
            mt_pieces_add(b->table, i, start, bytes, r->n_read, room);
            bytes = NULL;
        }
    }
    mt_lock_give(&b->lock);
    if (bytes)
        mt_release(b->base.env, bytes, room);
}

static mt_status fail_missing(const char *key, mt_error *err)
{
    return mt_fail(err, MT_E_NOT_FOUND, "%s: no such file", key);
}

/* Reads by plan and copies the part in [offset, offset + size) to out: *n_read bytes. */
static mt_status fetch(blocks *b, const char *key, const plan *p, uint64_t offset, uint8_t *out, size_t size,
                       size_t *n_read, mt_error *err)
{
    void *bytes;
    mt_status st = mt_alloc(b->base.env, p->size, &bytes, err);
    if (st)
        return st;
    mt_request r = { .key = key, .kind = p->kind, .offset = p->start, .size = p->size, .out = bytes };
    st = mt_store_perform(b->inner, &r, 1, err);
    size_t skip = (size_t)(offset - p->start), n = r.n_read > skip ? r.n_read - skip : 0;
    *n_read = st ? 0 : n < size ? n : size;
    if (*n_read > 0)
        memcpy(out, (const uint8_t *)bytes + skip, *n_read);
    learn(b, &r, p->start, bytes, p->size);
    return st;
}

/* What the table knows about a range. */
typedef struct answer {
    bool dropped, is_missing, planned;
    size_t n; /* bytes copied */
    plan plan;
} answer;

static answer look_up(blocks *b, const char *key, uint64_t offset, uint8_t *out, size_t size)
{
    answer a = { .dropped = true };
    mt_lock_take(&b->lock);
    if (b->table) {
        uint32_t i = mt_pieces_find(b->table, key);
        a.dropped = false;
        a.is_missing = i != MT_NO_OBJECT && b->table->objects[i].is_missing;
        a.n = i == MT_NO_OBJECT ? 0 : mt_pieces_copy(b->table, i, offset, out, size);
        a.planned = !a.is_missing && a.n == 0 && plan_locked(b, key, MT_READ_RANGE, offset, size, &a.plan);
    }
    mt_lock_give(&b->lock);
    return a;
}

/* Reads one range from known bytes and in blocks. A range beyond the end is left to the inner store, which reports
 * it. */
static mt_status read_range(blocks *b, const char *key, const mt_range *range, mt_error *err)
{
    uint8_t *out = range->out;
    for (size_t done = 0, n; done < range->size; done += n) {
        answer a = look_up(b, key, range->offset + done, out + done, range->size - done);
        if (a.is_missing)
            return fail_missing(key, err);
        n = a.n;
        mt_status st = MT_OK;
        if (a.planned)
            st = fetch(b, key, &a.plan, range->offset + done, out + done, range->size - done, &n, err);
        if (st)
            return st;
        if (a.dropped || n == 0)
            return mt_store_read_at(b->inner, key, range->offset, out, range->size, err);
    }
    return MT_OK;
}

static mt_status blocks_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    blocks *b = blocks_of(store);
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < n; i++)
        st = ranges[i].size > MOST_AHEAD ? mt_store_read(b->inner, key, &ranges[i], 1, err)
                                         : read_range(b, key, &ranges[i], err);
    return st;
}

static mt_status blocks_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    blocks *b = blocks_of(store);
    for (bool again = false;; again = true) {
        mt_lock_take(&b->lock);
        uint32_t i = b->table ? mt_pieces_find(b->table, key) : MT_NO_OBJECT;
        bool is_missing = i != MT_NO_OBJECT && b->table->objects[i].is_missing;
        *out = i == MT_NO_OBJECT ? 0 : b->table->objects[i].size;
        mt_lock_give(&b->lock);
        if (is_missing)
            return fail_missing(key, err);
        if (i != MT_NO_OBJECT)
            return MT_OK;
        if (again) /* dropped meanwhile */
            return mt_store_size(b->inner, key, out, err);
        size_t n;
        mt_status st = fetch(b, key, &(plan) { MT_READ_SOME, 0, b->block, 0 }, 0, NULL, 0, &n, err);
        if (st)
            return st;
    }
}

/* The range of a request in an object. False if it depends on an unknown size. */
static bool bound_locked(const mt_known_object *o, const mt_request *r, uint64_t *offset, size_t *size)
{
    uint64_t left = r->offset < o->size ? o->size - r->offset : 0;
    *offset = r->kind == MT_READ_TAIL && r->size < o->size          ? o->size - r->size
              : r->kind == MT_READ_TAIL || r->kind == MT_READ_WHOLE ? 0
                                                                    : r->offset;
    *size = r->size;
    if (r->kind == MT_READ_RANGE)
        return r->size <= left;
    if (r->kind == MT_READ_SOME)
        *size = left < r->size ? (size_t)left : r->size;
    else if (o->size < r->size)
        *size = (size_t)o->size;
    return r->kind != MT_READ_WHOLE || o->size <= r->size;
}

/* Answers from known bytes; false if they do not suffice. */
static bool answer_locked(blocks *b, mt_request *r)
{
    uint32_t i = mt_pieces_find(b->table, r->key);
    uint64_t offset;
    size_t size;
    if (i == MT_NO_OBJECT)
        return false;
    const mt_known_object *o = &b->table->objects[i];
    if (o->is_missing) {
        r->status = fail_missing(r->key, &r->error);
        return true;
    }
    void *own = NULL;
    bool allocate = r->kind == MT_READ_WHOLE && !r->out;
    if (!bound_locked(o, r, &offset, &size) || (allocate && mt_alloc(b->base.env, size, &own, NULL)))
        return false;
    if (mt_pieces_copy(b->table, i, offset, r->out ? r->out : own, size) < size) {
        if (own)
            mt_release(b->base.env, own, size);
        return false;
    }
    if (own) {
        r->out = own;
        r->capacity = size;
    }
    r->n_read = size;
    r->object_size = o->size;
    return true;
}

static bool blocks_read_now(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *status,
                            mt_error *err)
{
    blocks *b = blocks_of(store);
    bool done = true;
    *status = MT_OK;
    for (size_t i = 0; done && !*status && i < n; i++) {
        mt_request r = { .key = key, .offset = ranges[i].offset, .size = ranges[i].size, .out = ranges[i].out };
        r.error = (mt_error)MT_ERROR_INIT;
        mt_lock_take(&b->lock);
        done = b->table && answer_locked(b, &r);
        mt_lock_give(&b->lock);
        if (done && r.status)
            *status = mt_fail(err, r.status, "%s", r.error.message);
    }
    return done;
}

/* An inner request made for an outer one. */
typedef struct errand {
    mt_request inner;
    mt_request *outer;
    blocks *blocks;
    uint8_t *bytes; /* buffer of plan.size bytes; NULL: reads into the buffer of the outer request */
    plan plan;
    size_t known; /* bytes at the start of the outer request that are filled already */
} errand;

/* Copies the bytes of a request that was passed on. NULL: too large, or out of memory. */
static uint8_t *copy_result(const blocks *b, const mt_request *r)
{
    void *copy;
    if (r->status || r->n_read == 0 || r->n_read > b->block || r->kind == MT_READ_RANGE ||
        mt_alloc(b->base.env, r->n_read, &copy, NULL))
        return NULL;
    return memcpy(copy, r->out, r->n_read);
}

static void finish_passed(blocks *b, const mt_request *inner, mt_request *outer)
{
    uint8_t *copy = copy_result(b, inner);
    outer->status = inner->status;
    outer->error = inner->error;
    outer->out = inner->out;
    outer->n_read = inner->n_read;
    outer->capacity = inner->capacity;
    outer->object_size = inner->object_size;
    uint64_t start = inner->kind == MT_READ_TAIL    ? inner->object_size - inner->n_read
                     : inner->kind == MT_READ_WHOLE ? 0
                                                    : inner->offset;
    learn(b, inner, start, copy, copy ? inner->n_read : 0);
}

static void finish_planned(errand *e, mt_request *outer)
{
    const mt_request *inner = &e->inner;
    size_t skip = (size_t)(outer->offset + e->known - e->plan.start), wanted = outer->size - e->known;
    size_t n = inner->n_read > skip ? inner->n_read - skip : 0;
    n = n < wanted ? n : wanted;
    outer->status = inner->status;
    outer->error = inner->error;
    outer->object_size = e->plan.object_size ? e->plan.object_size : inner->object_size;
    if (!outer->status && outer->kind == MT_READ_RANGE && n < wanted)
        outer->status =
            mt_fail(&outer->error, MT_E_CORRUPT, "%s: has %llu bytes, %zu were expected at byte %llu", outer->key,
                    (unsigned long long)outer->object_size, outer->size, (unsigned long long)outer->offset);
    outer->n_read = outer->status ? 0 : e->known + n;
    if (outer->n_read > 0 && n > 0)
        memcpy((uint8_t *)outer->out + e->known, e->bytes + skip, n);
    learn(e->blocks, inner, e->plan.start, e->bytes, e->plan.size);
}

static void finish_errand(mt_request *inner)
{
    errand *e = inner->user;
    mt_request *outer = e->outer;
    mt_env *env = e->blocks->base.env;
    if (e->bytes)
        finish_planned(e, outer);
    else
        finish_passed(e->blocks, inner, outer);
    mt_release(env, e, sizeof *e);
    outer->done(outer);
}

/* Answers a request from the table, or plans a read of whole blocks for the unknown rest. */
typedef enum outlook { ANSWERED, PLANNED, PASSED_ON } outlook;

static outlook look_ahead(blocks *b, mt_request *r, errand *e)
{
    outlook found = PASSED_ON;
    mt_lock_take(&b->lock);
    if (b->table && answer_locked(b, r)) {
        found = ANSWERED;
    } else if (b->table && (r->kind == MT_READ_RANGE || r->kind == MT_READ_SOME) && r->size <= MOST_AHEAD) {
        uint32_t i = mt_pieces_find(b->table, r->key);
        e->known = i == MT_NO_OBJECT ? 0 : mt_pieces_copy(b->table, i, r->offset, r->out, r->size);
        if (plan_locked(b, r->key, r->kind, r->offset + e->known, r->size - e->known, &e->plan))
            found = PLANNED;
    }
    mt_lock_give(&b->lock);
    return found;
}

/* A request without a plan, or for lack of memory, is passed on unchanged. */
static void blocks_submit(mt_store *store, mt_request *r)
{
    blocks *b = blocks_of(store);
    errand planned = { .outer = r, .blocks = b };
    outlook found = look_ahead(b, r, &planned);
    void *memory, *bytes = NULL;
    if (found == PLANNED && mt_alloc(store->env, planned.plan.size, &bytes, NULL))
        bytes = NULL;
    if (found == ANSWERED) {
        r->done(r);
        return;
    }
    if ((r->status = mt_alloc(store->env, sizeof(errand), &memory, &r->error))) {
        mt_release(store->env, bytes, planned.plan.size);
        r->done(r);
        return;
    }
    errand *e = memory;
    *e = planned;
    e->bytes = bytes;
    e->inner = (mt_request) { .key = r->key, .kind = r->kind, .offset = r->offset, .size = r->size, .out = r->out };
    if (bytes) {
        const plan *p = &e->plan;
        e->inner = (mt_request) { .key = r->key, .kind = p->kind, .offset = p->start, .size = p->size, .out = bytes };
    }
    e->inner.owner = r->owner;
    e->inner.done = finish_errand;
    e->inner.user = e;
    mt_store_submit(b->inner, &e->inner);
}

static void blocks_cancel(mt_store *store, const void *owner) { mt_store_cancel(blocks_of(store)->inner, owner); }

static const uint8_t *blocks_view(mt_store *store, const char *key, uint64_t *size)
{
    return mt_store_view(blocks_of(store)->inner, key, size);
}

static mt_status blocks_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    return mt_store_list(blocks_of(store)->inner, prefix, visit, user, err);
}

static mt_status blocks_identify(mt_store *store, const char *key, mt_identity *out, mt_error *err)
{
    return mt_store_identify(blocks_of(store)->inner, key, out, err);
}

static void blocks_close(mt_store *store)
{
    blocks *b = blocks_of(store);
    mt_env *env = store->env;
    mt_pieces_free(b->table);
    mt_lock_destroy(&b->lock);
    mt_store_close(b->inner);
    mt_release(env, b, sizeof *b);
}

static const mt_store_ops blocks_ops = { .size = blocks_size,
                                         .read = blocks_read,
                                         .view = blocks_view,
                                         .read_now = blocks_read_now,
                                         .submit = blocks_submit,
                                         .cancel = blocks_cancel,
                                         .list = blocks_list,
                                         .identify = blocks_identify,
                                         .close = blocks_close };

static bool is_blocks(const mt_store *store) { return store->ops == &blocks_ops; }

static size_t block_size(const mt_store *inner)
{
    size_t size = SMALLEST_BLOCK;
    while (size < inner->costs.request / 2 && size < LARGEST_BLOCK)
        size *= 2;
    return inner->costs.is_slow ? LARGEST_BLOCK : size;
}

mt_status mt_store_open_blocks(mt_store *inner, mt_store **out, mt_error *err)
{
    void *memory;
    mt_env *env = inner->env;
    bool slow = inner->costs.is_slow;
    mt_status st = mt_alloc(env, sizeof(blocks), &memory, err);
    if (st)
        goto no_memory;
    blocks *b = memset(memory, 0, sizeof(blocks));
    b->base = (mt_store) { .ops = &blocks_ops, .env = env, .url = inner->url, .costs = inner->costs };
    b->base.is_front = true;
    b->base.is_archive = inner->is_archive;
    b->inner = inner;
    b->block = block_size(inner);
    b->most_ahead = MOST_AHEAD;
    if ((st = mt_pieces_new(env, slow ? SLOW_OBJECTS : FAST_OBJECTS, slow ? SLOW_PIECES : FAST_PIECES, TOTAL_BYTES,
                            OBJECT_BYTES, &b->table, err)))
        goto no_table;
    if ((st = mt_lock_init(&b->lock, NULL, NULL, err)))
        goto no_lock;
    *out = &b->base;
    return MT_OK;
no_lock:
    mt_pieces_free(b->table);
no_table:
    mt_release(env, b, sizeof *b);
no_memory:
    mt_store_close(inner);
    return st;
}

void mt_blocks_drop(mt_store *store)
{
    if (!is_blocks(store) || atomic_load(&store->through))
        return;
    blocks *b = blocks_of(store);
    mt_lock_take(&b->lock);
    if (!b->inner->costs.is_slow) {
        mt_pieces_free(b->table);
        b->table = NULL;
        atomic_store_explicit(&store->through, b->inner, memory_order_release);
        mt_lock_give(&b->lock);
        return;
    }
    b->most_ahead = KEPT_BYTES / 2;
    mt_pieces_shrink(b->table, KEPT_BYTES);
    mt_lock_give(&b->lock);
}

mt_status mt_blocks_visit(mt_store *store, mt_store_visit visit, void *user, bool *all, mt_error *err)
{
    *all = is_blocks(store) && !atomic_load(&store->through) && !blocks_of(store)->table->forgot;
    mt_status st = MT_OK;
    const mt_pieces *t = is_blocks(store) && !atomic_load(&store->through) ? blocks_of(store)->table : NULL;
    for (uint32_t i = 0; t && !st && i < t->room; i++)
        if (t->objects[i].key && !t->objects[i].is_missing)
            st = visit(user, t->objects[i].key, err);
    return st;
}

mt_store *mt_blocks_inner(mt_store *store) { return is_blocks(store) ? blocks_of(store)->inner : store; }

/* Plans the read of a range; false if it is known, or beyond the end of the object. */
static bool plan_touch(blocks *b, const mt_touch *t, plan *out)
{
    size_t size = t->size ? t->size : 1;
    bool planned = false;
    mt_lock_take(&b->lock);
    uint32_t i = b->table ? mt_pieces_find(b->table, t->key) : MT_NO_OBJECT;
    const mt_known_object *o = i == MT_NO_OBJECT ? NULL : &b->table->objects[i];
    uint64_t left = !o ? size : t->offset < o->size ? o->size - t->offset : 0;
    size = left < size ? (size_t)left : size;
    if (b->table && size > 0 && !(o && o->is_missing) &&
        (!o || mt_pieces_copy(b->table, i, t->offset, NULL, size) < size)) {
        planned = t->exact || plan_locked(b, t->key, MT_READ_SOME, t->offset, size, out);
        if (t->exact)
            *out = (plan) { o ? MT_READ_RANGE : MT_READ_SOME, t->offset, size, o ? o->size : 0 };
    }
    mt_lock_give(&b->lock);
    return planned;
}

static bool is_planned(const mt_request *requests, size_t n, const char *key, const plan *p)
{
    while (n > 0 && (requests[n - 1].offset != p->start || requests[n - 1].size != p->size ||
                     strcmp(requests[n - 1].key, key) != 0))
        n--;
    return n > 0;
}

/* Reads n ranges, at most TOUCHES_AT_ONCE, in one round trip. */
static void touch(blocks *b, const mt_touch *touches, size_t n)
{
    mt_request requests[TOUCHES_AT_ONCE];
    size_t planned = 0;
    for (size_t i = 0; i < n; i++) {
        plan p;
        void *bytes;
        if (plan_touch(b, &touches[i], &p) && !is_planned(requests, planned, touches[i].key, &p) &&
            !mt_alloc(b->base.env, p.size, &bytes, NULL))
            requests[planned++] =
                (mt_request) { .key = touches[i].key, .kind = p.kind, .offset = p.start, .size = p.size, .out = bytes };
    }
    (void)!mt_store_perform(b->inner, requests, planned, NULL);
    for (size_t i = 0; i < planned; i++)
        learn(b, &requests[i], requests[i].offset, requests[i].out, requests[i].size);
}

void mt_blocks_touch(mt_store *store, const mt_touch *touches, size_t n)
{
    if (!is_blocks(store) || atomic_load(&store->through) || !store->costs.is_slow)
        return;
    for (size_t from = 0; from < n; from += TOUCHES_AT_ONCE)
        touch(blocks_of(store), touches + from, n - from < TOUCHES_AT_ONCE ? n - from : TOUCHES_AT_ONCE);
}
