/* SPDX-License-Identifier: BSD-3-Clause */
/* A store for formats that are trees of folders with JSON documents: the input is two documents, each ended by a zero
 * byte, and the bytes of every chunk. */
#ifndef MT_FUZZ_TREE_H
#define MT_FUZZ_TREE_H

#include "fuzz_parts.h"

#include <string.h>

typedef struct object {
    const uint8_t *bytes;
    size_t size;
} object;

typedef struct fuzz_store {
    mt_store base;
    /* Which object a key names; NULL: none. */
    const object *(*find)(const struct fuzz_store *store, const char *key);
    object document, second, chunk;
} fuzz_store;

/* The last segment of a key. */
static const char *last_segment(const char *key)
{
    const char *slash = strrchr(key, '/');
    return slash ? slash + 1 : key;
}

static const object *find(mt_store *store, const char *key)
{
    const fuzz_store *s = (const fuzz_store *)store;
    return s->find(s, key);
}

static mt_status fuzz_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    const object *o = find(store, key);
    if (!o)
        return mt_fail(err, MT_E_NOT_FOUND, "no such object");
    *out = o->size;
    return MT_OK;
}

static mt_status fuzz_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    const object *o = find(store, key);
    if (!o)
        return mt_fail(err, MT_E_NOT_FOUND, "no such object");
    for (size_t i = 0; i < n; i++) {
        if (ranges[i].offset > o->size || ranges[i].size > o->size - ranges[i].offset)
            return mt_fail(err, MT_E_CORRUPT, "the object ends early");
        if (ranges[i].size)
            memcpy(ranges[i].out, o->bytes + ranges[i].offset, ranges[i].size);
    }
    return MT_OK;
}

static void fuzz_close(mt_store *store) { (void)store; }

static void split(fuzz_store *s, const uint8_t *data, size_t size)
{
    object *const parts[] = { &s->document, &s->second, &s->chunk };
    for (size_t i = 0; i < 3; i++) {
        const uint8_t *end = i < 2 && size ? memchr(data, 0, size) : NULL;
        *parts[i] = (object) { data, end ? (size_t)(end - data) : size };
        if (!end)
            return;
        size -= parts[i]->size + 1;
        data = end + 1;
    }
}

static mt_context *fuzz_context(void)
{
    static mt_context *context;
    const mt_context_options options = { .struct_size = sizeof options,
                                         .threads = 1,
                                         .cache_bytes = 1 << 16,
                                         .limits = { .max_metadata_bytes = 1 << 22, .max_chunk_bytes = 1 << 20 } };
    if (!context && mt_context_new(&options, &context, NULL))
        abort();
    return context;
}

/* Reads the default image, and lists all. */
static void read_tree(fuzz_store *store, const char *format)
{
    mt_context *context = fuzz_context();
    const mt_open_options options = { .struct_size = sizeof options, .format = format };
    mt_container *container = open_fuzz(&store->base, "", "fuzz", NULL, 0, &options);
    read_part(context, container, "");
    if (container)
        mt_names_free(list_parts(context, container));
    mt_container_close(container);
}

#endif
