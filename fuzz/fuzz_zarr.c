/* SPDX-License-Identifier: BSD-3-Clause */
/* Zarr: a metadata document, the bytes of every chunk, and the attributes, separated by zero bytes.
 *
 * The store holds the document as zarr.json, or as .zarray if it has the member chunks of version 2. */
#include "fuzz_container.h"
#include "fuzz_map.h"

#include <string.h>

typedef struct object {
    const uint8_t *bytes;
    size_t size;
} object;

typedef struct fuzz_store {
    mt_store base;
    const char *document_key;
    object document, chunk, attributes;
} fuzz_store;

static const object *find(mt_store *store, const char *key)
{
    const fuzz_store *s = (const fuzz_store *)store;
    const char *slash = strrchr(key, '/');
    const char *name = slash ? slash + 1 : key;
    if (strcmp(name, s->document_key) == 0)
        return &s->document;
    if (strcmp(name, ".zattrs") == 0)
        return s->attributes.bytes ? &s->attributes : NULL;
    if (*name == '.' || strcmp(name, "zarr.json") == 0)
        return NULL;
    return s->chunk.bytes ? &s->chunk : NULL;
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

static mt_status fuzz_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    (void)store;
    return *prefix ? MT_OK : visit(user, "0", err);
}

static void fuzz_close(mt_store *store) { (void)store; }

static const mt_store_ops ops = { .size = fuzz_size, .read = fuzz_read, .list = fuzz_list, .close = fuzz_close };

static void split(fuzz_store *s, const uint8_t *data, size_t size)
{
    object *const parts[] = { &s->document, &s->chunk, &s->attributes };
    for (size_t i = 0; i < 3; i++) {
        const uint8_t *end = i < 2 && size ? memchr(data, 0, size) : NULL;
        *parts[i] = (object) { data, end ? (size_t)(end - data) : size };
        if (!end)
            return;
        size -= parts[i]->size + 1;
        data = end + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mt_context *context;
    const mt_context_options options = { .struct_size = sizeof options,
                                         .threads = 1,
                                         .cache_bytes = 1 << 16,
                                         .limits = { .max_metadata_bytes = 1 << 22, .max_chunk_bytes = 1 << 20 } };
    if (!context && mt_context_new(&options, &context, NULL))
        abort();
    char url[] = "fuzz";
    fuzz_store store = { .base = { .ops = &ops, .env = &context->env, .url = url } };
    split(&store, data, size);
    bool is_v2 = false;
    for (size_t i = 0; i + 8 <= store.document.size && !is_v2; i++)
        is_v2 = memcmp(store.document.bytes + i, "\"chunks\"", 8) == 0;
    store.document_key = is_v2 ? ".zarray" : "zarr.json";

    static const mt_open_options open_options = { .struct_size = sizeof open_options, .format = "zarr" };
    mt_container *container = open_fuzz(&store.base, "", "fuzz.zarr", NULL, 0, &open_options);
    mt_chunk_map *map;
    mt_names *names;
    if (container && mt_container_map(container, &fuzz_all, &map, NULL) == MT_OK) {
        read_corner(context, map);
        mt_chunk_map_free(map);
    }
    if (container && mt_names_new(&context->env, &names, NULL) == MT_OK) {
        (void)!mt_container_list(container, &fuzz_all, names, NULL);
        mt_names_free(names);
    }
    mt_container_close(container);
    return 0;
}
