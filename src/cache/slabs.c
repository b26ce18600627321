/* SPDX-License-Identifier: BSD-3-Clause */
#include "cache/slabs.h"

#include "platform/memory.h"
#include "platform/thread.h"

#include <string.h>

/* Blocks of LEAST to MOST bytes. A slab has as many as fit in the next multiple of a huge page after A_SLAB blocks. */
enum { LEAST = 16 << 10, MOST = 1 << 20, A_SLAB = 8, KINDS = 16, BITS = 64, WORDS = MT_HUGE_PAGE / LEAST / BITS };

#define MOST_UNUSED ((size_t)16 << 20)

typedef struct slab {
    uint8_t *base;
    size_t bytes;
    struct kind *kind;
    unsigned n, n_used;           /* blocks */
    uint64_t free[WORDS];         /* a bit for each block */
    struct slab *next, *previous; /* list of its kind, if it has free blocks */
} slab;

/* The slabs of one size of blocks. */
typedef struct kind {
    size_t size;    /* of a block */
    size_t n_slabs; /* 0: the kind is not used */
    slab *open;     /* list of those with free blocks */
} kind;

struct mt_slabs {
    mt_env *env;
    mt_lock lock;  /* guards the rest */
    size_t unused; /* bytes of slabs, not of blocks */
    kind kinds[KINDS];
    slab **all; /* n of them, by address */
    size_t n, room;
};

bool mt_slabs_are_allowed(const mt_env *env) { return env->allocator.resize == mt_memory_resize; }

mt_status mt_slabs_new(mt_env *env, mt_slabs **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(env, sizeof(mt_slabs), &memory, err);
    if (st)
        return st;
    mt_slabs *slabs = memset(memory, 0, sizeof(mt_slabs));
    slabs->env = env;
    if ((st = mt_lock_init(&slabs->lock, NULL, NULL, err)))
        mt_release(env, slabs, sizeof *slabs);
    else
        *out = slabs;
    return st;
}

void mt_slabs_free(mt_slabs *slabs)
{
    if (!slabs)
        return;
    mt_lock_destroy(&slabs->lock);
    mt_release(slabs->env, slabs->all, slabs->room * sizeof *slabs->all);
    mt_release(slabs->env, slabs, sizeof *slabs);
}

/* The kind of a size, new if there is none yet. NULL: there are too many. */
static kind *find_kind(mt_slabs *slabs, size_t size)
{
    kind *unused = NULL;
    for (kind *k = slabs->kinds; k < slabs->kinds + KINDS; k++) {
        if (k->n_slabs > 0 && k->size == size)
            return k;
        if (k->n_slabs == 0)
            unused = k;
    }
    if (unused)
        unused->size = size;
    return unused;
}

static void list_slab(slab *s)
{
    s->previous = NULL;
    s->next = s->kind->open;
    if (s->next)
        s->next->previous = s;
    s->kind->open = s;
}

static void unlist_slab(slab *s)
{
    *(s->previous ? &s->previous->next : &s->kind->open) = s->next;
    if (s->next)
        s->next->previous = s->previous;
}

/* The number of slabs that begin at or before an address. */
static size_t count_before(const mt_slabs *slabs, const uint8_t *address)
{
    size_t low = 0, high = slabs->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uintptr_t)slabs->all[middle]->base <= (uintptr_t)address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(mt_slabs *slabs)
{
    if (slabs->n < slabs->room)
        return true;
    size_t room = slabs->room ? 2 * slabs->room : 64, each = sizeof *slabs->all;
    void *moved = mt_resize(slabs->env, slabs->all, slabs->room * each, room * each);
    if (!moved)
        return false;
    slabs->all = moved;
    slabs->room = room;
    return true;
}

static slab *new_slab(mt_slabs *slabs, kind *k)
{
    void *memory;
    if (slabs->unused > MOST_UNUSED || !make_room(slabs) || mt_alloc(slabs->env, sizeof(slab), &memory, NULL))
        return NULL;
    slab *s = memset(memory, 0, sizeof(slab));
    s->bytes = (A_SLAB * k->size + MT_HUGE_PAGE - 1) / MT_HUGE_PAGE * MT_HUGE_PAGE;
    s->kind = k;
    s->n = (unsigned)(s->bytes / k->size);
    for (unsigned i = 0; i < s->n; i++)
        s->free[i / BITS] |= (uint64_t)1 << i % BITS;
    if (!(s->base = mt_memory_map_huge(s->bytes))) {
        mt_release(slabs->env, s, sizeof *s);
        return NULL;
    }
    size_t at = count_before(slabs, s->base);
    memmove(slabs->all + at + 1, slabs->all + at, (slabs->n - at) * sizeof *slabs->all);
    slabs->all[at] = s;
    slabs->n++;
    k->n_slabs++;
    list_slab(s);
    mt_count_memory(slabs->env, 0, s->bytes);
    slabs->unused += s->bytes;
    return s;
}

static void free_slab(mt_slabs *slabs, size_t at)
{
    slab *s = slabs->all[at];
    unlist_slab(s);
    s->kind->n_slabs--;
    slabs->n--;
    memmove(slabs->all + at, slabs->all + at + 1, (slabs->n - at) * sizeof *slabs->all);
    mt_memory_unmap_huge(s->base, s->bytes);
    mt_count_memory(slabs->env, s->bytes, 0);
    slabs->unused -= s->bytes;
    mt_release(slabs->env, s, sizeof *s);
}

static void *take_block(mt_slabs *slabs, slab *s)
{
    unsigned word = 0;
    while (s->free[word] == 0)
        word++;
    unsigned bit = (unsigned)__builtin_ctzll(s->free[word]);
    s->free[word] &= s->free[word] - 1;
    if (++s->n_used == s->n)
        unlist_slab(s);
    slabs->unused -= s->kind->size;
    return s->base + (word * BITS + bit) * s->kind->size;
}

void *mt_slabs_take(mt_slabs *slabs, size_t size)
{
    void *block = NULL;
    if (size < LEAST || size > MOST)
        return NULL;
    mt_lock_take(&slabs->lock);
    kind *k = find_kind(slabs, (size + BITS - 1) / BITS * BITS);
    slab *s = !k ? NULL : k->open ? k->open : new_slab(slabs, k);
    if (s)
        block = take_block(slabs, s);
    mt_lock_give(&slabs->lock);
    return block;
}

static void give_block(mt_slabs *slabs, size_t at, const uint8_t *block)
{
    slab *s = slabs->all[at];
    size_t i = (size_t)(block - s->base) / s->kind->size;
    s->free[i / BITS] |= (uint64_t)1 << i % BITS;
    slabs->unused += s->kind->size;
    if (s->n_used-- == s->n)
        list_slab(s);
    if (s->n_used == 0)
        free_slab(slabs, at);
}

bool mt_slabs_give(mt_slabs *slabs, void *block)
{
    mt_lock_take(&slabs->lock);
    size_t before = count_before(slabs, block);
    const slab *s = before > 0 ? slabs->all[before - 1] : NULL;
    bool is_ours = s && (uintptr_t)block - (uintptr_t)s->base < s->bytes;
    if (is_ours)
        give_block(slabs, before - 1, block);
    mt_lock_give(&slabs->lock);
    return is_ours;
}
