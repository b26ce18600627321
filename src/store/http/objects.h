/* SPDX-License-Identifier: BSD-3-Clause */
/* Known objects of a remote store: size and identity since the first response, and kept bytes: the start of objects
 * being opened, and whole objects of servers without ranges. Thread-safe. */
#ifndef MT_STORE_HTTP_OBJECTS_H
#define MT_STORE_HTTP_OBJECTS_H

#include "platform/thread.h"

#define MT_OBJECT_BUCKETS 1024
#define MT_OBJECTS_KEPT 16

typedef struct mt_object mt_object;

typedef struct mt_objects {
    mt_env *env;                           /* memory and limits */
    mt_lock lock;                          /* not held while bytes are copied */
    mt_object *buckets[MT_OBJECT_BUCKETS]; /* hash table by key */
    mt_object *kept[MT_OBJECTS_KEPT];      /* objects whose bytes are kept */
    size_t n, kept_bytes;                  /* objects; bytes of all that are kept */
    uint64_t clock;                        /* counter of uses, for the choice of what to drop */
} mt_objects;

/* Size and identity of an object. */
typedef struct mt_object_identity {
    uint64_t size;     /* UINT64_MAX: not known */
    char etag[128];    /* strong, quotes included; "": none */
    char modified[48]; /* "": not known */
} mt_object_identity;

MT_MUST_CHECK mt_status mt_objects_init(mt_objects *objects, mt_env *env, mt_error *err);
void mt_objects_destroy(mt_objects *objects);

/* Finds a known object. */
bool mt_objects_find(mt_objects *objects, const char *key, mt_object_identity *out);

/* Compares with the known identity: MT_E_CHANGED if they contradict. Adds a new object if remember. */
MT_MUST_CHECK mt_status mt_objects_meet(mt_objects *objects, const char *key, const mt_object_identity *identity,
                                        bool remember, mt_error *err);

/* Takes ownership of the first n bytes, allocated by mt_alloc, of a known object. At most max_norange_bytes of all
 * objects are kept; the least recently used are dropped. */
void mt_objects_keep(mt_objects *objects, const char *key, void *bytes, size_t n, size_t capacity);

/* Drops the kept bytes of an object. */
void mt_objects_forget(mt_objects *objects, const char *key);

/* Copies from kept bytes; false if they do not cover the range. */
bool mt_objects_read(mt_objects *objects, const char *key, uint64_t offset, void *out, size_t size);

#endif
