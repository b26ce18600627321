/* SPDX-License-Identifier: BSD-3-Clause */
/* A saved map without its head, whose checksum would reject all mutations; reads a corner of its image. Seeds refer to
 * objects of 65,536 bytes. */
#include "codec/codec.h"
#include "format/saved/saved.h"

#include "fuzz_map.h"

#include <microtome/microtome.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *add_head(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + MT_SAVED_HEAD);
    if (!bytes)
        return NULL;
    uint32_t numbers[2] = { MT_SAVED_VERSION, mt_crc32c(data, size) };
    memcpy(bytes, MT_SAVED_MAGIC, 8);
    for (int i = 0; i < 8; i++) {
        bytes[8 + i] = (uint8_t)(numbers[i / 4] >> 8 * (i % 4));
        bytes[16 + i] = (uint8_t)((uint64_t)size >> 8 * i);
    }
    if (size > 0)
        memcpy(bytes + MT_SAVED_HEAD, data, size);
    return bytes;
}

/* Every object is the input padded with zeros, so that identities can match. */
enum { OBJECT_BYTES = 65536 };

typedef struct fuzz_store {
    mt_store base;
    uint8_t bytes[OBJECT_BYTES];
} fuzz_store;

static mt_status get_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    (void)store, (void)key, (void)err;
    *out = OBJECT_BYTES;
    return MT_OK;
}

static mt_status identify(mt_store *store, const char *key, mt_identity *out, mt_error *err)
{
    return get_size(store, key, &out->size, err);
}

static mt_status read_ranges(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    const fuzz_store *f = (const fuzz_store *)(const void *)store;
    for (size_t i = 0; i < n; i++) {
        const mt_range *r = &ranges[i];
        if (r->offset > OBJECT_BYTES || r->size > OBJECT_BYTES - r->offset)
            return mt_fail(err, MT_E_CORRUPT, "%s ends early", key);
        memcpy(r->out, f->bytes + r->offset, r->size);
    }
    return MT_OK;
}

static void read_map(mt_context *context, const uint8_t *data, size_t size)
{
    static const mt_store_ops ops = { .size = get_size, .read = read_ranges, .identify = identify };
    fuzz_store *store = calloc(1, sizeof *store);
    uint8_t *bytes = add_head(data, size);
    mt_chunk_map *map;
    mt_saved_source source;
    if (store && bytes) {
        store->base = (mt_store) { .ops = &ops, .env = &context->env, .url = (char *)(uintptr_t) "fuzz" };
        memcpy(store->bytes, bytes, size + MT_SAVED_HEAD < OBJECT_BYTES ? size + MT_SAVED_HEAD : OBJECT_BYTES);
        mt_error err = MT_ERROR_INIT;
        if (!outcome_status(
                mt_map_read(&context->env, &store->base, "a", bytes, size + MT_SAVED_HEAD, &map, &source, &err),
                &err)) {
            read_corner(context, map);
            mt_chunk_map_free(map);
        }
    }
    free(bytes);
    free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = 1 << 20 };
    options.limits.max_metadata_bytes = 4 << 20;
    options.limits.max_chunk_bytes = 4 << 20;
    mt_context *context;
    if (mt_context_new(&options, &context, NULL))
        return 0;
    read_map(context, data, size);
    mt_context_free(context);
    return 0;
}
