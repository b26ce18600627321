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
enum { HALF_BLOCK = 256, BLOCK = 2 * HALF_BLOCK };
typedef struct shelf {
    size_t n, n_blocks; /* bins; blocks */
    room *rooms;        /* BLOCK places for each block */
    size_t *used;       /* rooms of each block */
    room *tops;         /* a block holds rooms up to its top; that of the last block is infinite */
    room *flat;         /* n: all rooms, while they are distributed */
} shelf;

/* Growing the capacity visits all bins. Once that has taken this many steps (a second), the capacity grows by at least
 * this share of itself, which bounds the time of packing at the cost of a capacity that is larger by less than it. */
#define MOST_STEPS ((uint64_t)1 << 30)
#define LEAST_GROWTH (1.0 / 256)

static bool precedes(room a, room b) { return a.left < b.left || (a.left == b.left && a.bin < b.bin); }

static void distribute(shelf *s)
{
    size_t begin = 0;
    for (size_t b = 0; b < s->n_blocks; b++, begin += s->used[b - 1]) {
        s->used[b] = s->n - begin < HALF_BLOCK ? s->n - begin : HALF_BLOCK;
        memcpy(s->rooms + b * BLOCK, s->flat + begin, s->used[b] * sizeof *s->rooms);
        s->tops[b] = s->used[b] && b + 1 < s->n_blocks ? s->flat[begin + s->used[b] - 1] : (room) { INFINITY, 0 };
    }
}

static void collect(shelf *s)
{
    s->n = 0;
    for (size_t b = 0; b < s->n_blocks; b++) {
        memcpy(s->flat + s->n, s->rooms + b * BLOCK, s->used[b] * sizeof *s->rooms);
        s->n += s->used[b];
    }
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

static void insert(shelf *s, room r)
{
    size_t b = count_before(s->tops, s->n_blocks, r);
    if (s->used[b] == BLOCK) {
        collect(s);
        distribute(s);
        b = count_before(s->tops, s->n_blocks, r);
    }
    room *rooms = s->rooms + b * BLOCK;
    size_t at = count_before(rooms, s->used[b], r);
    memmove(rooms + at + 1, rooms + at, (s->used[b]++ - at) * sizeof *rooms);
    rooms[at] = r;
}

/* Takes the first room that does not precede key from the shelf. Returns false if there is none. */
static bool take(shelf *s, room key, room *out)
{
    size_t b = count_before(s->tops, s->n_blocks, key), at = 0;
    if (b < s->n_blocks)
        at = count_before(s->rooms + b * BLOCK, s->used[b], key);
    while (b < s->n_blocks && at == s->used[b]) {
        b++;
        at = 0;
    }
    if (b == s->n_blocks)
        return false;
    room *rooms = s->rooms + b * BLOCK;
    *out = rooms[at];
    memmove(rooms + at, rooms + at + 1, (--s->used[b] - at) * sizeof *rooms);
    return true;
}

static room take_largest(shelf *s)
{
    size_t b = s->n_blocks - 1;
    while (s->used[b] == 0)
        b--;
    room largest = s->rooms[b * BLOCK + s->used[b] - 1];
    (void)take(s, (room) { largest.left, 0 }, &largest); /* of equal ones the first bin */
    return largest;
}

/* Gives more room to all bins. Rooms that differed may become equal by rounding: then their order is restored. */
static void grow(shelf *s, double more)
{
    collect(s);
    for (size_t i = 0; i < s->n; i++)
        s->flat[i].left += more;
    for (size_t i = 1; i < s->n; i++) {
        room r = s->flat[i];
        size_t k = i;
        for (; k > 0 && precedes(r, s->flat[k - 1]); k--)
            s->flat[k] = s->flat[k - 1];
        s->flat[k] = r;
    }
    distribute(s);
}

static int compare_items(const void *a, const void *b)
{
    const item *x = a, *y = b;
    if (x->area != y->area)
        return x->area < y->area ? 1 : -1;
    return x->index < y->index ? -1 : 1;
}

static void pack(shelf *s, const item *items, size_t n, uint32_t *bin_of, double *capacity)
{
    uint64_t steps = 0;
    for (size_t i = 0; i < n; i++) {
        room r;
        if (!take(s, (room) { items[i].area, 0 }, &r)) {
            r = take_largest(s);
            double more = items[i].area - r.left;
            if ((steps += s->n) > MOST_STEPS)
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
    size_t n_blocks = (n_bins + HALF_BLOCK - 1) / HALF_BLOCK, items, bytes;
    void *memory;
    if (mt_mul_size(n, sizeof(item), &items) ||
        mt_mul_size(n_blocks, (BLOCK + HALF_BLOCK + 1) * sizeof(room) + sizeof(size_t), &bytes) ||
        mt_add_size(bytes, items, &bytes) || mt_add_size(bytes, sizeof(workplace), &bytes))
        return mt_fail(err, MT_E_MEMORY, "%zu regions", n);
    mt_status st = mt_alloc(env, bytes, &memory, err);
    if (st)
        return st;
    workplace *w = memory;
    w->bytes = bytes;
    w->items = (item *)(void *)(w + 1);
    w->s.rooms = (room *)(void *)(w->items + n);
    w->s.flat = w->s.rooms + n_blocks * BLOCK;
    w->s.tops = w->s.flat + n_blocks * HALF_BLOCK;
    w->s.used = (size_t *)(void *)(w->s.tops + n_blocks);
    w->s.n_blocks = n_blocks;
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
    w->s.n = n_bins;
    distribute(&w->s);
    pack(&w->s, w->items, n, bin_of, capacity);
    mt_release(env, w, w->bytes);
    return MT_OK;
}
