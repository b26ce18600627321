/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/http/objects.h"

#include "store/files.h"

#include <string.h>

#define MOST_OBJECTS ((size_t)65536) /* further objects are not compared */

struct mt_object {
    mt_object *next;
    mt_object_identity identity;
    void *bytes;
    size_t n, capacity;
    unsigned users; /* references to bytes */
    uint64_t last_use;
    char key[];
};

mt_status mt_objects_init(mt_objects *o, mt_env *env, mt_error *err)
{
    memset(o, 0, sizeof *o);
    o->env = env;
    return mt_lock_init(&o->lock, NULL, NULL, err);
}

void mt_objects_destroy(mt_objects *o)
{
    for (size_t i = 0; i < MT_OBJECT_BUCKETS; i++)
        while (o->buckets[i]) {
            mt_object *object = o->buckets[i];
            o->buckets[i] = object->next;
            mt_release(o->env, object->bytes, object->capacity);
            mt_release(o->env, object, sizeof *object + strlen(object->key) + 1);
        }
    mt_lock_destroy(&o->lock);
}

/* The lock is held. */
static mt_object **find(mt_objects *o, const char *key)
{
    mt_object **at = &o->buckets[mt_key_hash(key) % MT_OBJECT_BUCKETS];
    while (*at && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    return at;
}

bool mt_objects_find(mt_objects *o, const char *key, mt_object_identity *out)
{
    mt_lock_take(&o->lock);
    const mt_object *object = *find(o, key);
    if (object)
        *out = object->identity;
    mt_lock_give(&o->lock);
    return object != NULL;
}

/* Whether two identities may be of the same object: by ETags if both have one, else by size and date. */
static bool is_same(const mt_object_identity *a, const mt_object_identity *b)
{
    bool sizes = a->size != UINT64_MAX && b->size != UINT64_MAX;
    if (sizes && a->size != b->size)
        return false;
    if (a->etag[0] && b->etag[0])
        return strcmp(a->etag, b->etag) == 0;
    return !a->modified[0] || !b->modified[0] || strcmp(a->modified, b->modified) == 0;
}

mt_status mt_objects_meet(mt_objects *o, const char *key, const mt_object_identity *identity, bool remember,
                          mt_error *err)
{
    size_t bytes = sizeof(mt_object) + strlen(key) + 1;
    mt_object *fresh = NULL;
    bool same = true;
    if (remember && !mt_objects_find(o, key, &(mt_object_identity) { 0 }))
        fresh = mt_resize(o->env, NULL, 0, bytes); /* out of memory: the object is not compared */
    mt_lock_take(&o->lock);
    mt_object **at = find(o, key);
    if (*at) {
        same = is_same(&(*at)->identity, identity);
        if ((*at)->identity.size == UINT64_MAX)
            (*at)->identity.size = identity->size;
    } else if (fresh && o->n < MOST_OBJECTS) {
        *fresh = (mt_object) { .identity = *identity };
        memcpy(fresh->key, key, strlen(key) + 1);
        *at = fresh;
        o->n++;
        fresh = NULL;
    }
    mt_lock_give(&o->lock);
    mt_release(o->env, fresh, bytes);
    return same ? MT_OK : mt_fail(err, MT_E_CHANGED, "the object changed while it was being read");
}

/* A slot for one more object: a free one, or that of the least recently used bytes, returned in old. The lock is
 * held. */
static mt_object **make_room(mt_objects *o, size_t capacity, void **old, size_t *old_capacity)
{
    mt_object **oldest = NULL, **empty = NULL;
    for (size_t i = 0; i < MT_OBJECTS_KEPT; i++) {
        mt_object **slot = &o->kept[i];
        if (!*slot)
            empty = slot;
        else if ((*slot)->users == 0 && (!oldest || (*slot)->last_use < (*oldest)->last_use))
            oldest = slot;
    }
    if (empty && o->kept_bytes + capacity <= o->env->limits.max_norange_bytes)
        return empty;
    if (!oldest)
        return NULL;
    *old = (*oldest)->bytes;
    *old_capacity = (*oldest)->capacity;
    o->kept_bytes -= *old_capacity;
    (*oldest)->bytes = NULL;
    (*oldest)->n = (*oldest)->capacity = 0;
    *oldest = NULL;
    return oldest;
}

void mt_objects_keep(mt_objects *o, const char *key, void *bytes, size_t n, size_t capacity)
{
    bool more = true;
    while (bytes && more) {
        void *old = NULL;
        size_t old_capacity = 0;
        mt_lock_take(&o->lock);
        mt_object *object = *find(o, key), **slot = NULL;
        if (object && !object->bytes && (slot = make_room(o, capacity, &old, &old_capacity)) &&
            o->kept_bytes + capacity <= o->env->limits.max_norange_bytes) {
            *slot = object;
            object->bytes = bytes;
            object->n = n;
            object->capacity = capacity;
            object->last_use = ++o->clock;
            o->kept_bytes += capacity;
            bytes = NULL;
        }
        mt_lock_give(&o->lock);
        more = old != NULL;
        mt_release(o->env, old, old_capacity);
    }
    mt_release(o->env, bytes, capacity);
}

void mt_objects_forget(mt_objects *o, const char *key)
{
    void *old = NULL;
    size_t capacity = 0;
    mt_lock_take(&o->lock);
    mt_object *object = *find(o, key);
    if (object)
        object->n = 0; /* sufficient while other threads still copy */
    for (int i = 0; object && object->users == 0 && i < MT_OBJECTS_KEPT; i++)
        if (o->kept[i] == object) {
            old = object->bytes;
            capacity = object->capacity;
            o->kept_bytes -= capacity;
            o->kept[i] = NULL;
            object->bytes = NULL;
            object->capacity = 0;
        }
    mt_lock_give(&o->lock);
    mt_release(o->env, old, capacity);
}

bool mt_objects_read(mt_objects *o, const char *key, uint64_t offset, void *out, size_t size)
{
    mt_lock_take(&o->lock);
    mt_object *object = *find(o, key);
    bool has = object && object->bytes && offset <= object->n && size <= object->n - offset;
    if (has) {
        object->users++;
        object->last_use = ++o->clock;
    }
    mt_lock_give(&o->lock);
    if (!has)
        return false;
    if (size > 0)
        memcpy(out, (char *)object->bytes + offset, size);
    mt_lock_take(&o->lock);
    object->users--;
    mt_lock_give(&o->lock);
    return true;
}
