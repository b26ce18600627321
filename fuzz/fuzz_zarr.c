/* SPDX-License-Identifier: BSD-3-Clause */
/* Zarr. Version 3: the first document is zarr.json of the root, the second those below it, or the first again. If the first
 * has the member chunks of version 2, it is .zarray, and the second .zattrs; if that lists datasets, the root is a group and
 * the arrays are below it. */
#include "fuzz_tree.h"

static bool has_member(const object *document, const char *quoted)
{
    size_t n = strlen(quoted);
    for (size_t i = 0; i + n <= document->size; i++)
        if (memcmp(document->bytes + i, quoted, n) == 0)
            return true;
    return false;
}

/* Version 2. */
static const object *find_metadata(const fuzz_store *s, const char *name, bool below)
{
    static const object group = { (const uint8_t *)"{\"zarr_format\": 2}", 18 };
    bool is_group = !below && has_member(&s->second, "\"datasets\"");
    if (strcmp(name, ".zarray") == 0)
        return is_group ? NULL : &s->document;
    if (strcmp(name, ".zgroup") == 0)
        return is_group ? &group : NULL;
    return strcmp(name, ".zattrs") == 0 && !below && s->second.bytes ? &s->second : NULL;
}

static const object *find_object(const fuzz_store *s, const char *key)
{
    const char *name = last_segment(key);
    bool is_2 = has_member(&s->document, "\"chunks\"");
    if (*name == '.')
        return is_2 ? find_metadata(s, name, name > key) : NULL;
    if (strcmp(name, "zarr.json") == 0)
        return is_2 ? NULL : name > key && s->second.size > 0 ? &s->second : &s->document;
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
