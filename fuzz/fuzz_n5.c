/* SPDX-License-Identifier: BSD-3-Clause */
/* N5: the first document is attributes.json of the root, of a setup of BigDataViewer and of its time point; the second
 * that of level s0. */
#include "fuzz_tree.h"

static const object *find_object(const fuzz_store *s, const char *key)
{
    static const char level[] = "s0/attributes.json";
    size_t n = strlen(key), m = sizeof level - 1;
    if (n >= m && strcmp(key + n - m, level) == 0)
        return s->second.bytes ? &s->second : NULL;
    if (strcmp(last_segment(key), "attributes.json") == 0)
        return &s->document;
    return s->chunk.bytes ? &s->chunk : NULL;
}

static mt_status fuzz_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    (void)store;
    return !*prefix                        ? visit(user, "setup0", err)
           : strcmp(prefix, "setup0") == 0 ? visit(user, "timepoint0", err)
                                           : MT_OK;
}

static const mt_store_ops ops = { .size = fuzz_size, .read = fuzz_read, .list = fuzz_list, .close = fuzz_close };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char url[] = "fuzz";
    fuzz_store store = { .base = { .ops = &ops, .env = &fuzz_context()->env, .url = url }, .find = find_object };
    split(&store, data, size);
    read_tree(&store, "n5");
    return 0;
}
