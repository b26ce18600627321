/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/inflate.h"

#include "cache/cache.h"
#include "platform/thread.h"
#include "store/inflate_cursor.h"

#include <string.h>

#define FIRST_SPAN ((uint64_t)1 << 20) /* initial distance of restart points, in decoded bytes */
#define LEAST_POINTS 4                 /* restart points that any stream may keep */
#define MOST_POINTS ((size_t)1 << 16)
#define MOST_IDLE 2                      /* idle cursors that are kept */
#define KEPT_OF_SCAN ((uint64_t)8 << 20) /* decoded bytes that are cached when all is decoded to learn the size */
#define LEAST_THREADS 8                  /* threads that may decode */
#define SKIP_BYTES ((size_t)256 << 10)

typedef struct point {
    mt_inflate_place place;
    uint8_t *window; /* NULL: not needed */
    size_t n_window;
} point;

struct mt_inflated {
    mt_env *env;
    mt_deflated source;
    uint64_t owner; /* owner of pieces in the cache */
    mt_lock lock;   /* guards the fields below; never held while reading or decoding */
    point *points;  /* restart points in the order of the stream */
    size_t n, room;
    uint64_t span;
    mt_cursor *idle[MOST_IDLE]; /* NULL: none */
    bool size_known;
    uint64_t size;
};

/* The memory also counts against the budget of decoded chunks. */
static void give_room(mt_env *env, size_t n)
{
    atomic_fetch_sub(&env->restart_bytes, n);
    atomic_fetch_sub(&env->work_bytes, n);
}

static bool take_room(mt_env *env, size_t n)
{
    uint64_t now = atomic_fetch_add(&env->restart_bytes, n) + n;
    atomic_fetch_add(&env->work_bytes, n);
    if (now <= env->restart_most)
        return true;
    give_room(env, n);
    return false;
}

static size_t point_cost(const point *p) { return sizeof *p + p->n_window; }

static void free_point(mt_env *env, const point *p)
{
    give_room(env, point_cost(p));
    mt_release(env, p->window, p->n_window);
}

mt_status mt_inflated_new(mt_env *env, const mt_deflated *source, mt_inflated **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(env, sizeof(mt_inflated), &memory, err);
    if (st)
        return st;
    mt_inflated *x = memset(memory, 0, sizeof(mt_inflated));
    x->env = env;
    x->source = *source;
    x->span = FIRST_SPAN;
    x->size_known = !source->gzip;
    x->size = source->decoded_size;
    x->owner = env->index_cache ? mt_cache_new_owner(env->index_cache) : 0;
    if ((st = mt_lock_init(&x->lock, NULL, NULL, err)))
        mt_release(env, x, sizeof *x);
    else
        *out = x;
    return st;
}

static void free_cursor(mt_inflated *x, mt_cursor *c)
{
    give_room(x->env, mt_cursor_cost(c));
    mt_cursor_free(c);
}

/* Drops pieces, points and idle cursors. Cursors in use are returned later. */
static void drop_all(mt_inflated *x)
{
    mt_cursor *idle[MOST_IDLE];
    mt_lock_take(&x->lock);
    point *points = x->points;
    size_t n = x->n, room = x->room;
    memcpy(idle, x->idle, sizeof idle);
    memset(x->idle, 0, sizeof x->idle);
    x->points = NULL;
    x->n = x->room = 0;
    mt_lock_give(&x->lock);
    for (size_t i = 0; i < n; i++)
        free_point(x->env, &points[i]);
    mt_release(x->env, points, room * sizeof *points);
    for (int i = 0; i < MOST_IDLE; i++)
        if (idle[i])
            free_cursor(x, idle[i]);
    if (x->env->index_cache)
        mt_cache_drop(x->env->index_cache, x->owner);
}

void mt_inflated_forget(mt_inflated *x)
{
    drop_all(x);
    mt_store_forget(x->source.store, x->source.key, x->source.offset, x->source.size);
}

void mt_inflated_free(mt_inflated *x)
{
    if (!x)
        return;
    mt_env *env = x->env;
    drop_all(x);
    mt_lock_destroy(&x->lock);
    mt_release(env, x, sizeof *x);
}

/* Drops every other point. The lock is held; freeing is quick. */
static void thin(mt_inflated *x)
{
    size_t kept = 0;
    for (size_t i = 0; i < x->n; i++)
        if (i % 2)
            x->points[kept++] = x->points[i];
        else
            free_point(x->env, &x->points[i]);
    x->n = kept;
    x->span *= 2;
}

/* The decoded offset from which the next point is wanted. The lock is held. */
static uint64_t next_point(const mt_inflated *x) { return (x->n ? x->points[x->n - 1].place.out : 0) + x->span; }

/* The lock is held. False: no memory for the point, which only costs time later. */
static bool add_point(mt_inflated *x, const point *p)
{
    if (x->n == x->room) {
        size_t room = x->room ? 2 * x->room : 16;
        void *moved = mt_resize(x->env, x->points, x->room * sizeof *p, room * sizeof *p);
        if (!moved)
            return false;
        x->points = moved;
        x->room = room;
    }
    x->points[x->n++] = *p;
    return true;
}

static uint64_t find_next_point(mt_inflated *x)
{
    mt_lock_take(&x->lock);
    uint64_t next = next_point(x);
    mt_lock_give(&x->lock);
    return next;
}

/* Keeps the place where a cursor stopped as a point, if it is far enough past the last one. */
static void keep_point(mt_inflated *x, mt_cursor *c)
{
    void *window = NULL;
    point p = { .n_window = 0 };
    if (c->at.out < find_next_point(x) || mt_alloc(x->env, MT_WINDOW, &window, NULL))
        return;
    p.place = mt_cursor_place(c, window, &p.n_window);
    p.window = mt_resize(x->env, window, MT_WINDOW, p.n_window);
    if (p.n_window > 0 && !p.window) {
        mt_release(x->env, window, MT_WINDOW);
        return;
    }
    bool room = take_room(x->env, point_cost(&p)), kept = false;
    mt_lock_take(&x->lock);
    if (x->n >= MOST_POINTS || (!room && x->n >= LEAST_POINTS))
        thin(x);
    if (!room && x->n < LEAST_POINTS) {
        atomic_fetch_add(&x->env->restart_bytes, point_cost(&p));
        atomic_fetch_add(&x->env->work_bytes, point_cost(&p));
        room = true;
    }
    if (room && p.place.out >= next_point(x))
        kept = add_point(x, &p);
    mt_lock_give(&x->lock);
    if (!kept) {
        if (room)
            give_room(x->env, point_cost(&p));
        mt_release(x->env, p.window, p.n_window);
    }
}

/* The last point at or before a decoded byte; n if there is none. The lock is held. */
static size_t find_point(const mt_inflated *x, uint64_t offset)
{
    size_t low = 0, high = x->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (x->points[middle].place.out <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : x->n;
}

/* Takes the idle cursor that is nearest before a byte, else any, else none. The lock is held. */
static mt_cursor *take_idle(mt_inflated *x, uint64_t offset)
{
    int best = -1;
    for (int i = 0; i < MOST_IDLE; i++) {
        const mt_cursor *c = x->idle[i], *b = best < 0 ? NULL : x->idle[best];
        if (c && (!b || (c->at.out <= offset && (b->at.out > offset || b->at.out < c->at.out))))
            best = i;
    }
    mt_cursor *found = best < 0 ? NULL : x->idle[best];
    if (found)
        x->idle[best] = NULL;
    return found;
}

/* Gets the nearest cursor at or before a decoded byte. */
static mt_status take_cursor(mt_inflated *x, uint64_t offset, mt_cursor **out, mt_error *err)
{
    static const mt_inflate_place start_of_gzip = { .phase = MT_AT_HEADER }, start_of_raw = { .phase = MT_IN_BLOCKS };
    uint8_t window[MT_WINDOW];
    point p = { .place = x->source.gzip ? start_of_gzip : start_of_raw };
    mt_lock_take(&x->lock);
    mt_cursor *c = take_idle(x, offset);
    size_t i = find_point(x, offset);
    if (i < x->n) {
        p = x->points[i];
        if (p.n_window > 0)
            memcpy(window, p.window, p.n_window);
    }
    mt_lock_give(&x->lock);
    mt_status st = MT_OK;
    if (c)
        give_room(x->env, mt_cursor_cost(c));
    else if ((st = mt_cursor_new(x->env, &x->source, &c, err)))
        return st;
    if (c->at.out > offset || c->at.out < p.place.out)
        st = mt_cursor_move(c, &p.place, window, p.n_window, err);
    if (st)
        mt_cursor_free(c);
    else
        *out = c;
    return st;
}

/* Keeps a cursor for sequential reads, if there is room. */
static void give_cursor(mt_inflated *x, mt_cursor *c)
{
    if (c->at.phase == MT_AT_END || !take_room(x->env, mt_cursor_cost(c))) {
        mt_cursor_free(c);
        return;
    }
    mt_lock_take(&x->lock);
    int at = 0;
    for (int i = 0; i < MOST_IDLE; i++)
        if (!x->idle[i] || (x->idle[at] && x->idle[i]->at.out < x->idle[at]->at.out))
            at = i;
    mt_cursor *old = x->idle[at];
    x->idle[at] = c;
    mt_lock_give(&x->lock);
    if (old)
        free_cursor(x, old);
}

/* Continues decoding and keeps points; fewer bytes only at the end. */
static mt_status decode_on(mt_inflated *x, mt_cursor *c, uint8_t *out, size_t size, size_t *n, mt_error *err)
{
    mt_status st = MT_OK;
    for (*n = 0; !st && *n < size && c->at.phase != MT_AT_END;) {
        size_t some;
        bool stopped;
        c->stop_from = find_next_point(x);
        st = mt_cursor_run(c, out + *n, size - *n, &some, &stopped, err);
        *n += some;
        if (!st && stopped)
            keep_point(x, c);
    }
    return st;
}

static mt_status skip_to(mt_inflated *x, mt_cursor *c, uint64_t offset, mt_error *err)
{
    void *skipped;
    if (c->at.out >= offset)
        return MT_OK;
    size_t room = offset - c->at.out < SKIP_BYTES ? (size_t)(offset - c->at.out) : SKIP_BYTES;
    mt_status st = mt_alloc(x->env, room, &skipped, err);
    if (st)
        return st;
    while (!st && c->at.out < offset && c->at.phase != MT_AT_END) {
        uint64_t left = offset - c->at.out;
        size_t n;
        st = decode_on(x, c, skipped, left < room ? (size_t)left : room, &n, err);
    }
    mt_release(x->env, skipped, room);
    return st;
}

static bool find_size(mt_inflated *x, uint64_t *out)
{
    mt_lock_take(&x->lock);
    bool known = x->size_known;
    *out = x->size;
    mt_lock_give(&x->lock);
    return known;
}

static void note_size(mt_inflated *x, const mt_cursor *c)
{
    if (c->at.phase != MT_AT_END)
        return;
    mt_lock_take(&x->lock);
    x->size = c->at.out;
    x->size_known = true;
    mt_lock_give(&x->lock);
}

/* Decodes [offset, offset + size), cut at the end of the stream. */
static mt_status decode_range(mt_inflated *x, uint64_t offset, uint8_t *out, size_t size, size_t *n, mt_error *err)
{
    mt_cursor *c;
    uint64_t all;
    *n = 0;
    mt_status st = take_cursor(x, offset, &c, err);
    if (st)
        return st;
    st = skip_to(x, c, offset, err);
    if (!st && c->at.out == offset)
        st = decode_on(x, c, out, size, n, err);
    if (!st && find_size(x, &all) && c->at.out == all)
        st = mt_cursor_finish(c, err);
    if (st) {
        mt_cursor_free(c);
        return st;
    }
    note_size(x, c);
    give_cursor(x, c);
    return MT_OK;
}

/* A request to the cache. */
typedef struct piece {
    mt_inflated *of;
    uint64_t number;
} piece;

static mt_status make_piece(void *argument, void **data, size_t *size, mt_error *err)
{
    const piece *p = argument;
    mt_env *env = p->of->env;
    uint64_t offset = p->number * MT_INFLATE_PIECE, all;
    size_t room = MT_INFLATE_PIECE, n;
    if (find_size(p->of, &all))
        room = offset >= all ? 0 : all - offset < room ? (size_t)(all - offset) : room;
    mt_status st = mt_alloc(env, room, data, err);
    if (st)
        return st;
    if (!(st = decode_range(p->of, offset, *data, room, &n, err)) && n < room) {
        void *smaller = mt_resize(env, *data, room, n ? n : 1);
        *data = smaller ? smaller : *data;
        room = smaller ? n : room;
        if (!smaller)
            st = mt_fail(err, MT_E_MEMORY, "out of memory");
    }
    *size = room;
    if (st) {
        mt_release(env, *data, room);
        *data = NULL;
    }
    return st;
}

static mt_status fail_end(uint64_t offset, size_t size, mt_error *err)
{
    return mt_fail(err, MT_E_CORRUPT, "the decoded data ends before byte %llu, where %zu bytes were expected",
                   (unsigned long long)(offset + size), size);
}

/* Copies the part of [offset, offset + size) in a piece; returns its size. */
static size_t copy_piece(const mt_cache_entry *e, uint64_t offset, void *out, size_t size)
{
    size_t from = (size_t)(offset % MT_INFLATE_PIECE);
    size_t n = e->size > from ? e->size - from : 0;
    n = n < size ? n : size;
    if (n > 0)
        memcpy(out, (const uint8_t *)e->data + from, n);
    return n;
}

/* Reads up to the end of the piece that contains offset. */
static mt_status read_piece(mt_inflated *x, uint64_t offset, void *out, size_t size, size_t *n, mt_error *err)
{
    piece p = { x, offset / MT_INFLATE_PIECE };
    mt_cache_entry *e;
    mt_status st = mt_cache_get(x->env->index_cache, x->owner, p.number, make_piece, &p, &e, err);
    if (st)
        return st;
    *n = copy_piece(e, offset, out, size);
    mt_cache_release(x->env->index_cache, e);
    return MT_OK;
}

mt_status mt_inflated_read(mt_inflated *x, uint64_t offset, void *out, size_t size, mt_error *err)
{
    uint64_t all;
    uint8_t *to = out;
    mt_status st = MT_OK;
    if (size > UINT64_MAX - offset || (find_size(x, &all) && (offset > all || size > all - offset)))
        return fail_end(offset, size, err);
    for (size_t done = 0; !st && done < size;) {
        size_t left = size - done, n = 0;
        size_t in_piece = MT_INFLATE_PIECE - (size_t)((offset + done) % MT_INFLATE_PIECE);
        if (left < MT_INFLATE_PIECE && x->env->index_cache)
            st = read_piece(x, offset + done, to + done, left < in_piece ? left : in_piece, &n, err);
        else
            st = decode_range(x, offset + done, to + done, left, &n, err);
        if (!st && n == 0)
            st = fail_end(offset, size, err);
        done += n;
    }
    return st;
}

void mt_inflate_costs(mt_store_costs *costs)
{
    const size_t least_gap = (size_t)64 << 10, least_request = (size_t)512 << 10, joined = (size_t)1 << 20;
    costs->gap = costs->gap < least_gap ? least_gap : costs->gap;
    costs->request = costs->request < least_request ? least_request : costs->request;
    costs->most_joined = costs->most_joined < joined ? joined : costs->most_joined;
    costs->in_flight = costs->in_flight < LEAST_THREADS ? LEAST_THREADS : costs->in_flight;
    costs->io_threads = costs->io_threads < LEAST_THREADS ? LEAST_THREADS : costs->io_threads;
    costs->cold_gap = costs->cold_gap < costs->gap ? costs->gap : costs->cold_gap;
    costs->is_slow = true;
    costs->is_memory = false;
}

bool mt_inflated_try(mt_inflated *x, uint64_t offset, void *out, size_t size)
{
    if (!x->env->index_cache || size > MT_INFLATE_PIECE || size > UINT64_MAX - offset)
        return false;
    for (size_t done = 0; done < size;) {
        mt_cache_entry *e = mt_cache_peek(x->env->index_cache, x->owner, (offset + done) / MT_INFLATE_PIECE);
        size_t n = e ? copy_piece(e, offset + done, (uint8_t *)out + done, size - done) : 0;
        if (e)
            mt_cache_release(x->env->index_cache, e);
        if (n == 0)
            return false;
        done += n;
    }
    return true;
}

/* Decodes everything. The first pieces are cached, so that a small object is decoded only once. */
mt_status mt_inflated_size(mt_inflated *x, uint64_t *out, mt_error *err)
{
    mt_status st = MT_OK;
    uint8_t byte;
    size_t n = 1;
    for (uint64_t at = 0; !st && !find_size(x, out) && x->env->index_cache && at < KEPT_OF_SCAN; at += MT_INFLATE_PIECE)
        st = read_piece(x, at, &byte, 1, &n, err);
    if (!st && !find_size(x, out))
        st = decode_range(x, UINT64_MAX, &byte, 1, &n, err);
    return st || find_size(x, out) ? st : mt_fail(err, MT_E_CORRUPT, "the end of the stream was not found");
}
