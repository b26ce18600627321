/* SPDX-License-Identifier: BSD-3-Clause */
/* Zarr: the first document is zarr.json, or .zarray if it has the member chunks of version 2; the second .zattrs. */
#include "fuzz_tree.h"

static bool has_chunks(const object *document)
{
    for (size_t i = 0; i + 8 <= document->size; i++)
        if (memcmp(document->bytes + i, "\"chunks\"", 8) == 0)
            return true;
    return false;
}

static const object *find_object(const fuzz_store *s, const char *key)
{
    const char *name = last_segment(key);
    if (strcmp(name, has_chunks(&s->document) ? ".zarray" : "zarr.json") == 0)
        return &s->document;
    if (strcmp(name, ".zattrs") == 0)
        return s->second.bytes ? &s->second : NULL;
    if (*name == '.' || strcmp(name, "zarr.json") == 0)
        return NULL;
    return s->chunk.bytes ? &s->chunk : NULL;
}

static mt_status fuzz_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    (void)store;
    return *prefix ? MT_OK : visit(user, "0", err);
}

static const mt_store_ops ops = { .size = fuzz_size, .read = fuzz_read, .list = fuzz_list, .close = fuzz_close };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char url[] = "fuzz";
    fuzz_store store = { .base = { .ops = &ops, .env = &fuzz_context()->env, .url = url }, .find = find_object };
    split(&store, data, size);
    read_tree(&store, "zarr");
    return 0;
}
