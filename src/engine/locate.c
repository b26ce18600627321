/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/locate.h"

#include "engine/deliver.h"
#include "store/collect.h"

#include <stdlib.h>
#include <string.h>

#define GROUP 64 /* chunks that a thread takes at once */

/* Each round reads one level of an index. Only crafted files need more rounds; their remaining reads block. */
#define MOST_ROUNDS 64

typedef struct locating {
    mt_call *call;
    mt_collector *collector; /* NULL: reads block */
    _Atomic size_t waiting;  /* chunks that wait for collected reads */
} locating;

#define NOT_YET UINT64_MAX /* mt_found.object of a chunk that is not yet located */

static mt_status locate_by_map(const mt_image *image, uint64_t id, mt_chunk_ref *out, mt_error *err)
{
    int64_t position[MT_MAX_DIMS] = { (int64_t)id };
    out->missing = out->absent_is_fill = false;
    out->key = "";
    out->offset = 0;
    out->size = MT_WHOLE;
    out->chain = NULL;
    if (id == MT_NOTHING && image->map->find_boxes) {
        out->missing = true;
        return MT_OK;
    }
    if (!image->map->find_boxes)
        mt_image_chunk_position(image, id == MT_PIECE ? 0 : id, position);
    return image->map->locate(image->map, position, out, err);
}

static void *keep_bytes(mt_call *call, const void *bytes, size_t size, mt_error *err)
{
    if (!call->keys && mt_arena_new(&call->context->env, &call->keys, err))
        return NULL;
    void *kept = mt_arena_alloc(call->keys, 1, size, err);
    return kept ? memcpy(kept, bytes, size) : NULL;
}

static const char *keep_key(mt_call *call, const char *key, mt_error *err)
{
    size_t size = strlen(key) + 1;
    if (size > sizeof call->first_keys - call->n_first_keys)
        return keep_bytes(call, key, size, err);
    char *kept = call->first_keys + call->n_first_keys;
    call->n_first_keys += size;
    return memcpy(kept, key, size);
}

/* Copies keys and chains to memory of the call. Call with the context's lock held. */
static mt_status keep(mt_call *call, const mt_chunk_ref *ref, bool own_key, mt_found *found, mt_error *err)
{
    if (own_key && !(found->key = keep_key(call, ref->key, err)))
        return MT_E_MEMORY;
    if (ref->chain == &ref->chain_buffer && !(found->chain = keep_bytes(call, ref->chain, sizeof *ref->chain, err)))
        return MT_E_MEMORY;
    return MT_OK;
}

/* previous is a chunk located before, or NULL. */
static mt_status take_over(mt_call *call, const mt_chunk_ref *ref, const mt_found *previous, mt_found *found,
                           mt_error *err)
{
    const mt_image *image = found->planned->use->image;
    found->missing = ref->missing;
    found->absent_is_fill = ref->absent_is_fill && !image->missing_is_error;
    found->offset = ref->offset;
    found->size = ref->size;
    found->key = ref->key;
    found->chain = ref->chain ? ref->chain : &image->map->chain;
    bool own_key = ref->key == ref->key_buffer;
    if (own_key && previous && previous->key && strcmp(previous->key, ref->key) == 0) {
        found->key = previous->key;
        own_key = false;
    }
    mt_status st = MT_OK;
    if (!ref->missing && (own_key || ref->chain == &ref->chain_buffer)) {
        mt_lock_take(&call->context->lock);
        st = keep(call, ref, own_key, found, err);
        mt_lock_give(&call->context->lock);
    }
    if (ref->missing)
        found->key = "";
    return st;
}

static void give_up(mt_call *call, size_t i, mt_status st, const mt_error *failure)
{
    mt_found *found = &call->found[i];
    found->key = NULL;
    found->object = 0;
    mt_call_fail_found(call, found, st, failure);
    found->planned = NULL;
}

/* Ensures that offset + size does not overflow, and limits a raw chunk to the bytes needed. A piece was checked at
 * open. */
static mt_status check_range(const mt_call *call, mt_found *found, mt_error *err)
{
    const mt_planned *planned = found->planned;
    mt_layout storage;
    size_t least = 0;
    if (found->missing || planned->id == MT_PIECE)
        return MT_OK;
    if (found->chain->n_steps == 0) {
        least = mt_image_least_bytes(planned->use->image, planned->id, mt_planned_layout(call, planned, &storage));
        if (found->size != MT_WHOLE && found->size > least)
            found->size = least;
    }
    uint64_t size = found->size == MT_WHOLE ? least : found->size;
    if (size <= UINT64_MAX - found->offset)
        return MT_OK;
    return mt_fail(err, MT_E_CORRUPT, "%s: cannot have %llu bytes at %llu", found->key, (unsigned long long)size,
                   (unsigned long long)found->offset);
}

static void locate_one(locating *l, size_t i)
{
    mt_call *call = l->call;
    mt_found *found = &call->found[i];
    const mt_planned *planned = found->planned;
    mt_chunk_ref ref;
    mt_error failure;
    mt_error_clear(&failure);
    mt_status st = locate_by_map(planned->use->image, planned->id, &ref, &failure);
    if (st == MT_WAIT) {
        atomic_fetch_add(&l->waiting, 1);
        return;
    }
    const mt_found *previous = i % GROUP && call->found[i - 1].object != NOT_YET ? found - 1 : NULL;
    if (!st)
        st = take_over(call, &ref, previous, found, &failure);
    if (!st)
        st = check_range(call, found, &failure);
    found->object = 0;
    if (st)
        give_up(call, i, st, &failure);
}

mt_status mt_locate_again(mt_call *call, mt_found *found, mt_error *err)
{
    mt_chunk_ref ref;
    mt_status st = locate_by_map(found->planned->use->image, found->planned->id, &ref, err);
    if (!st)
        st = take_over(call, &ref, NULL, found, err);
    return st ? st : check_range(call, found, err);
}

static void locate_group(void *argument, size_t group)
{
    locating *l = argument;
    size_t end = (group + 1) * GROUP < l->call->n_found ? (group + 1) * GROUP : l->call->n_found;
    bool stop = mt_cancel_asked(l->call->cancel);
    if (l->collector)
        mt_collect_into(l->collector);
    for (size_t i = group * GROUP; i < end; i++)
        if (l->call->found[i].object == NOT_YET && stop)
            give_up(l->call, i, MT_E_CANCELLED, &(mt_error)MT_ERROR_INIT);
        else if (l->call->found[i].object == NOT_YET)
            locate_one(l, i);
    if (l->collector)
        mt_collect_into(NULL);
}

static void locate_round(locating *l)
{
    l->waiting = 0;
    size_t groups = (l->call->n_found + GROUP - 1) / GROUP;
    if (groups > 1)
        mt_pool_run(l->call->context->pool, groups, locate_group, l);
    else
        locate_group(l, 0);
}

static bool all_in_memory(const mt_call *call)
{
    for (size_t i = 0; i < call->n_found; i++)
        if (!call->found[i].planned->use->image->store->costs.is_memory)
            return false;
    return true;
}

static mt_status locate_all(mt_call *call, mt_error *err)
{
    locating l = { .call = call };
    if (all_in_memory(call)) {
        locate_round(&l);
        return MT_OK;
    }
    mt_collector collector;
    mt_status st = mt_collector_init(&collector, &call->context->env, err);
    if (st)
        return st;
    l.collector = &collector;
    locate_round(&l);
    for (int round = 0; l.waiting > 0 && round < MOST_ROUNDS && mt_collect_fetch(l.collector) > 0; round++)
        locate_round(&l);
    mt_collector_destroy(&collector);
    l.collector = NULL;
    if (l.waiting > 0)
        locate_round(&l);
    return MT_OK;
}

/* A hash table of objects by store and key, numbered in order of first use. Open addressing. */
typedef struct numbering {
    const mt_found *found;
    uint32_t *slots; /* index of a chunk of the object, or MT_NONE */
    size_t mask;
} numbering;

static bool same_object(const mt_found *a, const mt_found *b)
{
    return a->planned->use->image->store == b->planned->use->image->store &&
           (a->key == b->key || strcmp(a->key, b->key) == 0);
}

static uint64_t number_object(numbering *n, size_t i)
{
    const mt_found *f = &n->found[i];
    size_t at = mt_key_hash(f->key) & n->mask;
    for (;; at = (at + 1) & n->mask) {
        if (n->slots[at] == MT_NONE) {
            n->slots[at] = (uint32_t)i;
            return i;
        }
        if (same_object(f, &n->found[n->slots[at]]))
            return n->found[n->slots[at]].object;
    }
}

/* Few lookups are needed: a whole object is one chunk, and consecutive chunks are often in the same object. */
static mt_status number_objects(mt_call *call, mt_error *err)
{
    numbering n = { .found = call->found };
    size_t size = 64;
    while (size < 2 * call->n_found)
        size *= 2;
    void *slots = NULL;
    for (size_t i = 0; i < call->n_found; i++) {
        mt_found *f = &call->found[i];
        if (f->missing || f->size == MT_WHOLE || i == 0) {
            f->object = i;
        } else if (!f[-1].missing && f[-1].size != MT_WHOLE && same_object(f, f - 1)) {
            f->object = f[-1].object;
        } else {
            mt_status st = slots ? MT_OK : mt_alloc(&call->context->env, size * sizeof *n.slots, &slots, err);
            if (st)
                return st;
            if (!n.slots) {
                n.slots = memset(slots, 0xff, size * sizeof *n.slots); /* MT_NONE */
                n.mask = size - 1;
                for (size_t k = 0; k < i; k++) /* the chunks before this one */
                    if (!call->found[k].missing && call->found[k].size != MT_WHOLE && call->found[k].object == k)
                        (void)number_object(&n, k);
            }
            f->object = i; /* unless the object is in the table */
            f->object = number_object(&n, i);
        }
    }
    mt_release(&call->context->env, slots, size * sizeof *n.slots);
    return MT_OK;
}

static int compare(const void *a, const void *b)
{
    const mt_found *x = a, *y = b;
    if (x->object != y->object)
        return x->object < y->object ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void sort(mt_found *found, size_t n)
{
    size_t i = 1;
    while (i < n && compare(&found[i - 1], &found[i]) <= 0)
        i++;
    if (i < n)
        qsort(found, n, sizeof *found, compare);
}

mt_status mt_locate(mt_call *call, mt_error *err)
{
    for (size_t i = 0; i < call->n_found; i++)
        call->found[i].object = NOT_YET;
    mt_status st = locate_all(call, err);
    if (st)
        return st;
    size_t left = 0;
    for (size_t i = 0; i < call->n_found; i++)
        if (call->found[i].planned)
            call->found[left++] = call->found[i];
    call->n_found = left;
    if ((st = number_objects(call, err)))
        return st;
    sort(call->found, left);
    return MT_OK;
}
