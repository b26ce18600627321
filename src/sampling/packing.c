/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/packing.h"

#include "base/checked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct item {
    double area;
    uint32_t index;
} item;

typedef struct room {
    double left; /* unused capacity */
    uint32_t bin;
} room;

/* All bins in the order of their rooms, equal ones in the order of the bins. They are cut into blocks, so that little
 * moves when one changes its place. */
enum { HALF_BLOCK = 512, BLOCK = 2 * HALF_BLOCK };
typedef struct block {
    room *rooms; /* BLOCK places */
    size_t used; /* 0 only if there is no other block */
    room top; /* not before the last room, and not after the first one of the next block; of the last one, infinite */
} block;

typedef struct shelf {
    block *blocks;         /* in order; those from n_blocks on are spare */
    size_t n_blocks, most; /* at least 1; those in use and spare */
    room *flat;            /* all rooms, when they are collected */
} shelf;

/* Growing the capacity visits all bins. Once that has taken this many steps (a third of a second; never with 2^14 areas
 * or fewer), the capacity grows by at least this share of itself. That bounds the time of packing, and makes the capacity
 * too large by less than this share. */
#define MOST_STEPS ((uint64_t)1 << 28)
#define LEAST_GROWTH (1.0 / 256)

static bool precedes(room a, room b) { return a.left < b.left || (a.left == b.left && a.bin < b.bin); }

/* Fills blocks by half. */
static void distribute(shelf *s, size_t n)
{
    s->n_blocks = 0;
    for (size_t begin = 0; begin < n; begin += HALF_BLOCK) {
        block *b = &s->blocks[s->n_blocks++];
        b->used = n - begin < HALF_BLOCK ? n - begin : HALF_BLOCK;
        memcpy(b->rooms, s->flat + begin, b->used * sizeof *b->rooms);
        b->top = b->rooms[b->used - 1];
    }
    s->blocks[s->n_blocks - 1].top.left = INFINITY;
}

static size_t collect(shelf *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_blocks; n += s->blocks[i++].used)
        memcpy(s->flat + n, s->blocks[i].rooms, s->blocks[i].used * sizeof *s->flat);
    return n;
}

/* The number of sorted rooms that precede key. */
static size_t count_before(const room *rooms, size_t n, room key)
{
    size_t low = 0;
    while (low < n) {
        size_t middle = low + (n - low) / 2;
        if (precedes(rooms[middle], key))
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

/* The index of the block in which key has its place. */
static size_t find_block(const shelf *s, room key)
{
    size_t low = 0, high = s->n_blocks - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (precedes(s->blocks[middle].top, key))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Moves the upper half of a full block to a spare one behind it. */
static void split(shelf *s, size_t i)
{
    block spare = s->blocks[s->n_blocks], *b = &s->blocks[i];
    memmove(b + 2, b + 1, (s->n_blocks++ - i - 1) * sizeof *b);
    b->used = spare.used = HALF_BLOCK;
    memcpy(spare.rooms, b->rooms + HALF_BLOCK, HALF_BLOCK * sizeof *b->rooms);
    spare.top = b->top;
    b->top = b->rooms[HALF_BLOCK - 1];
    b[1] = spare;
}

static void insert(shelf *s, room r)
{
    size_t i = find_block(s, r);
    if (s->blocks[i].used == BLOCK) {
        if (s->n_blocks == s->most)
            distribute(s, collect(s));
        else
            split(s, i);
        i = find_block(s, r);
    }
    block *b = &s->blocks[i];
    size_t at = count_before(b->rooms, b->used, r);
    memmove(b->rooms + at + 1, b->rooms + at, (b->used++ - at) * sizeof r);
    b->rooms[at] = r;
}

/* Makes an empty block a spare one. */
static void drop(shelf *s, size_t i)
{
    const block empty = s->blocks[i];
    memmove(s->blocks + i, s->blocks + i + 1, (--s->n_blocks - i) * sizeof empty);
    s->blocks[s->n_blocks] = empty;
    s->blocks[s->n_blocks - 1].top.left = INFINITY;
}

/* Takes the first room that does not precede key from the shelf. Returns false if there is none. */
static bool take(shelf *s, room key, room *out)
{
    size_t i = find_block(s, key), at = count_before(s->blocks[i].rooms, s->blocks[i].used, key);
    if (at == s->blocks[i].used) {
        at = 0;
        if (++i == s->n_blocks)
            return false;
    }
    block *b = &s->blocks[i];
    *out = b->rooms[at];
    memmove(b->rooms + at, b->rooms + at + 1, (--b->used - at) * sizeof *out);
    if (b->used == 0 && s->n_blocks > 1)
        drop(s, i);
    return true;
}

static room take_largest(shelf *s)
{
    const block *b = &s->blocks[s->n_blocks - 1];
    room largest = { b->rooms[b->used - 1].left, 0 };
    (void)take(s, largest, &largest); /* of equal ones the first bin */
    return largest;
}

/* Sorts rooms that are nearly sorted. */
static void sort(room *rooms, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        room r = rooms[i];
        size_t k = i;
        for (; k > 0 && precedes(r, rooms[k - 1]); k--)
            rooms[k] = rooms[k - 1];
        rooms[k] = r;
    }
}

/* Gives more room to all bins. Rooms that differed may become equal by rounding, and then are in the wrong order. */
static void grow(shelf *s, double more)
{
    bool in_order = true;
    room last = { -INFINITY, 0 };
    for (size_t i = 0; i < s->n_blocks; i++) {
        block *b = &s->blocks[i];
        for (size_t k = 0; k < b->used; k++) {
            b->rooms[k].left += more;
            in_order &= precedes(last, b->rooms[k]);
            last = b->rooms[k];
        }
        b->top = last;
    }
    s->blocks[s->n_blocks - 1].top.left = INFINITY;
    if (in_order)
        return;
    const size_t n = collect(s);
    sort(s->flat, n);
    distribute(s, n);
}

static int compare_items(const void *a, const void *b)
{
    const item *x = a, *y = b;
    if (x->area != y->area)
        return x->area < y->area ? 1 : -1;
    return x->index < y->index ? -1 : 1;
}

static void pack(shelf *s, size_t n_bins, const item *items, size_t n, uint32_t *bin_of, double *capacity)
{
    uint64_t steps = 0;
    for (size_t i = 0; i < n; i++) {
        room r;
        if (!take(s, (room) { items[i].area, 0 }, &r)) {
            r = take_largest(s);
            double more = items[i].area - r.left;
            if ((steps += n_bins) > MOST_STEPS)
                more = fmax(more, *capacity * LEAST_GROWTH);
            *capacity += more;
            r.left += more;
            grow(s, more);
        }
        bin_of[items[i].index] = r.bin;
        r.left -= items[i].area;
        insert(s, r);
    }
}

/* The memory of a packing: one block. */
typedef struct workplace {
    shelf s;
    item *items;
    size_t bytes;
} workplace;

static mt_status new_workplace(mt_env *env, size_t n, size_t n_bins, workplace **out, mt_error *err)
{
    const size_t needed = (n_bins + HALF_BLOCK - 1) / HALF_BLOCK, most = needed + needed / 2 + 1;
    size_t items, bytes;
    void *memory;
    if (mt_mul_size(n, sizeof(item), &items) ||
        mt_mul_size(most, (BLOCK + HALF_BLOCK) * sizeof(room) + sizeof(block), &bytes) ||
        mt_add_size(bytes, items, &bytes) || mt_add_size(bytes, sizeof(workplace), &bytes))
        return mt_fail(err, MT_E_MEMORY, "%zu regions", n);
    mt_status st = mt_alloc(env, bytes, &memory, err);
    if (st)
        return st;
    workplace *w = memory;
    *w = (workplace) { .bytes = bytes, .s.most = most };
    w->s.blocks = (block *)(void *)(w + 1);
    w->items = (item *)(void *)(w->s.blocks + most);
    w->s.flat = (room *)(void *)(w->items + n);
    for (size_t i = 0; i < most; i++)
        w->s.blocks[i].rooms = w->s.flat + most * HALF_BLOCK + i * BLOCK;
    *out = w;
    return MT_OK;
}

mt_status mt_pack(mt_env *env, const double *areas, size_t n, size_t n_bins, uint32_t *bin_of, double *capacity,
                  mt_error *err)
{
    workplace *w;
    mt_status st = new_workplace(env, n, n_bins, &w, err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++)
        w->items[i] = (item) { areas[i], (uint32_t)i };
    qsort(w->items, n, sizeof *w->items, compare_items);
    *capacity = w->items[0].area;
    for (size_t i = 0; i < n_bins; i++)
        w->s.flat[i] = (room) { *capacity, (uint32_t)i };
    distribute(&w->s, n_bins);
    pack(&w->s, n_bins, w->items, n, bin_of, capacity);
    mt_release(env, w, w->bytes);
    return MT_OK;
}
