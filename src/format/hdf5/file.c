/* SPDX-License-Identifier: BSD-3-Clause */
/* The superblock (II.A) and cached blocks of metadata. */
#include "format/hdf5/hdf5.h"

#include <string.h>

static const uint8_t SIGNATURE[8] = { 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n' };

/* The size of a user block is a power of two, at least 512 bytes. */
#define LARGEST_USER_BLOCK ((uint64_t)1 << 26)

mt_status h5_find_signature(mt_store *store, const char *key, const uint8_t *head, size_t head_size, bool *found,
                            uint64_t *at, mt_error *err)
{
    *found = false;
    for (*at = 0; *at <= LARGEST_USER_BLOCK; *at = *at ? 2 * *at : 512) {
        uint8_t bytes[8];
        const uint8_t *here = head + *at;
        if (*at + 8 > head_size) {
            if (head_size < 4096)
                return MT_OK; /* the file ends here */
            mt_error own = MT_ERROR_INIT;
            mt_status st = mt_store_read_at(store, key, *at, bytes, 8, &own);
            if (st)
                return st == MT_E_CORRUPT ? MT_OK : mt_fail(err, st, "%s", own.message); /* the file ends earlier */
            here = bytes;
        }
        *found = memcmp(here, SIGNATURE, 8) == 0;
        if (*found)
            return MT_OK;
    }
    return MT_OK;
}

uint64_t h5_read_number(mt_reader *r, size_t bytes)
{
    const uint8_t *p = mt_read_bytes(r, bytes);
    uint64_t value = 0;
    for (size_t i = bytes; p && i-- > 0;)
        value = value << 8 | p[i];
    return value;
}

static uint64_t read_or_undefined(mt_reader *r, size_t bytes)
{
    uint64_t value = h5_read_number(r, bytes);
    return bytes < 8 && value == (UINT64_C(1) << 8 * bytes) - 1 ? H5_UNDEFINED : value;
}

uint64_t h5_read_address(const h5_file *file, mt_reader *r) { return read_or_undefined(r, file->address_bytes); }
uint64_t h5_read_length(const h5_file *file, mt_reader *r) { return read_or_undefined(r, file->length_bytes); }

int h5_log2(uint64_t n)
{
    int bits = 0;
    for (; n > 1; n >>= 1)
        bits++;
    return bits;
}

size_t h5_bytes_for(uint64_t limit) { return (size_t)h5_log2(limit) / 8 + 1; }

static mt_status check_place(const h5_file *file, uint64_t address, uint64_t size, mt_error *err)
{
    uint64_t room = file->size - file->base;
    if (address > room || size > room - address)
        return mt_fail(err, MT_E_CORRUPT, "%llu bytes at address %llu lie outside the file of %llu",
                       (unsigned long long)size, (unsigned long long)address, (unsigned long long)file->size);
    return MT_OK;
}

mt_status h5_load(const h5_file *file, mt_arena *arena, uint64_t address, uint64_t size, mt_reader *out, mt_error *err)
{
    mt_status st = check_place(file, address, size, err);
    if (st)
        return st;
    uint8_t *bytes = mt_arena_alloc(arena, (size_t)size + 1, 1, err);
    if (!bytes)
        return MT_E_MEMORY;
    *out = mt_reader_over(bytes, (size_t)size, false);
    return mt_store_read_at(file->store, file->key, file->base + address, bytes, (size_t)size, err);
}

typedef struct block_making {
    const h5_file *file;
    uint64_t address, size;
    const char *signature;
    bool checksum;
} block_making;

static mt_status check_block(const block_making *m, const uint8_t *bytes, mt_error *err)
{
    if (memcmp(bytes, m->signature, strlen(m->signature)) != 0)
        return mt_fail(err, MT_E_CORRUPT, "there is no %s at address %llu", m->signature,
                       (unsigned long long)m->address);
    if (m->checksum && !h5_is_intact(bytes, (size_t)m->size))
        return mt_fail(err, MT_E_CORRUPT, "the checksum of the %s at address %llu is wrong", m->signature,
                       (unsigned long long)m->address);
    return MT_OK;
}

static mt_status make_block(void *argument, void **data, size_t *size, mt_error *err)
{
    const block_making *m = argument;
    const h5_file *file = m->file;
    size_t limit = file->env->limits.max_metadata_bytes;
    mt_status st = check_place(file, m->address, m->size, err);
    if (st)
        return st;
    if (m->size > limit)
        return mt_fail(err, MT_E_LIMIT, "a %s of %llu bytes is more than max_metadata_bytes (%zu)", m->signature,
                       (unsigned long long)m->size, limit);
    *size = (size_t)m->size;
    if ((st = mt_alloc(file->env, *size, data, err)))
        return st;
    if ((st = mt_store_read_at(file->store, file->key, file->base + m->address, *data, *size, err)) ||
        (st = check_block(m, *data, err)))
        mt_release(file->env, *data, *size);
    return st;
}

mt_status h5_get_block(const h5_file *file, uint64_t address, uint64_t size, const char *signature, bool checksum,
                       h5_block *out, mt_error *err)
{
    block_making m = { file, address, size, signature, checksum };
    if (size < (checksum ? 8 : 4))
        return mt_fail(err, MT_E_CORRUPT, "a %s of %llu bytes", signature, (unsigned long long)size);
    mt_status st = mt_cache_get(file->env->index_cache, file->owner, address, make_block, &m, &out->entry, err);
    if (st)
        return st;
    /* a broken file may use one address for two purposes */
    if (out->entry->size != size || memcmp(out->entry->data, signature, strlen(signature)) != 0) {
        mt_cache_release(file->env->index_cache, out->entry);
        return mt_fail(err, MT_E_CORRUPT, "there is no %s of %llu bytes at address %llu", signature,
                       (unsigned long long)size, (unsigned long long)address);
    }
    out->reader = mt_reader_over(out->entry->data, (size_t)size - (checksum ? 4 : 0), false);
    mt_read_skip(&out->reader, strlen(signature));
    return MT_OK;
}

/* The size of a version 1 B-tree node, from its first eight bytes. */
static uint64_t node_bytes(const h5_file *file, const uint8_t *head, size_t key_bytes)
{
    uint64_t n = (uint64_t)head[6] | (uint64_t)head[7] << 8;
    return (8 + 2 * file->address_bytes) + n * (key_bytes + file->address_bytes) + key_bytes;
}

typedef struct node_making {
    block_making block;
    int type;
    size_t key_bytes;
} node_making;

/* Checks that chunk keys, 8-byte numbers from byte 8 on, rise: the search depends on it. The last number, an offset
 * inside an element, is 0. */
static mt_status check_keys(const node_making *m, const uint8_t *bytes, mt_error *err)
{
    size_t n = (size_t)bytes[6] | (size_t)bytes[7] << 8, step = m->key_bytes + m->block.file->address_bytes;
    const uint8_t *key = bytes + 8 + 2 * m->block.file->address_bytes;
    for (size_t i = 1; i <= n; i++, key += step) {
        int order = mt_load_u64le(key + m->key_bytes - 8) != 0 ? 1 : i == n ? -1 : 0;
        for (size_t at = 8; at < m->key_bytes && order == 0; at += 8) {
            uint64_t a = mt_load_u64le(key + at), b = mt_load_u64le(key + step + at);
            order = a < b ? -1 : a > b;
        }
        if (order >= 0)
            return mt_fail(err, MT_E_CORRUPT, "the keys of the B-tree node at address %llu do not rise",
                           (unsigned long long)m->block.address);
    }
    return MT_OK;
}

static mt_status make_node(void *argument, void **data, size_t *size, mt_error *err)
{
    node_making *m = argument;
    const h5_file *file = m->block.file;
    uint8_t head[8];
    mt_status st = check_place(file, m->block.address, sizeof head, err);
    if (st || (st = mt_store_read_at(file->store, file->key, file->base + m->block.address, head, sizeof head, err)))
        return st;
    m->block.size = node_bytes(file, head, m->key_bytes);
    if ((st = make_block(&m->block, data, size, err)) || m->type != 1)
        return st;
    if ((st = check_keys(m, *data, err)))
        mt_release(file->env, *data, *size);
    return st;
}

mt_status h5_get_node(const h5_file *file, uint64_t address, int type, size_t key_bytes, h5_block *out, int *level,
                      size_t *n, mt_error *err)
{
    node_making m = { { .file = file, .address = address, .signature = "TREE" }, type, key_bytes };
    mt_status st = mt_cache_get(file->env->index_cache, file->owner, address, make_node, &m, &out->entry, err);
    if (st)
        return st;
    const uint8_t *head = out->entry->data;
    out->reader = mt_reader_over(head, out->entry->size, false);
    if (out->entry->size < 8 || memcmp(head, "TREE", 4) != 0 || head[4] != type ||
        out->entry->size != node_bytes(file, head, key_bytes)) {
        h5_give_block(file, out);
        return mt_fail(err, MT_E_CORRUPT, "there is no node of this B-tree at address %llu",
                       (unsigned long long)address);
    }
    *level = head[5];
    *n = (size_t)head[6] | (size_t)head[7] << 8;
    mt_read_skip(&out->reader, 8 + 2 * file->address_bytes);
    return MT_OK;
}

void h5_give_block(const h5_file *file, h5_block *block) { mt_cache_release(file->env->index_cache, block->entry); }

static bool is_width(size_t bytes) { return bytes == 2 || bytes == 4 || bytes == 8; }

/* Versions 0 and 1: r is positioned after the version. */
static uint64_t read_old(h5_file *file, mt_reader *r, int version)
{
    mt_read_skip(r, 4); /* versions of other parts */
    file->address_bytes = mt_read_u8(r);
    file->length_bytes = mt_read_u8(r);
    mt_read_skip(r, 1 + 2 + 2 + 4);
    if (version == 1)
        mt_read_skip(r, 4);
    if (!is_width(file->address_bytes))
        return 0;
    mt_read_skip(r, 2 * file->address_bytes); /* base address, free space */
    uint64_t end = h5_read_address(file, r);
    mt_read_skip(r, 2 * file->address_bytes); /* driver information, the name of the root */
    file->root = h5_read_address(file, r);
    return end;
}

/* Versions 2 and 3. */
static uint64_t read_new(h5_file *file, mt_reader *r)
{
    file->address_bytes = mt_read_u8(r);
    file->length_bytes = mt_read_u8(r);
    file->being_written = (mt_read_u8(r) & 5) != 0;
    if (!is_width(file->address_bytes))
        return 0;
    mt_read_skip(r, 2 * file->address_bytes); /* base address, extension */
    uint64_t end = h5_read_address(file, r);
    file->root = h5_read_address(file, r);
    return end;
}

static mt_status parse_superblock(h5_file *file, const uint8_t *bytes, size_t size, mt_error *err)
{
    mt_reader r = mt_reader_over(bytes, size, false);
    mt_read_skip(&r, 8);
    int version = mt_read_u8(&r);
    if (version > 3)
        return mt_fail(err, MT_E_UNSUPPORTED, "a superblock of version %d is not supported", version);
    uint64_t end = version < 2 ? read_old(file, &r, version) : read_new(file, &r);
    if (r.failed)
        return mt_fail(err, MT_E_CORRUPT, "the file ends in its superblock");
    if (!is_width(file->address_bytes) || !is_width(file->length_bytes))
        return mt_fail(err, MT_E_UNSUPPORTED, "addresses of %zu and lengths of %zu bytes are not supported",
                       file->address_bytes, file->length_bytes);
    if (version >= 2 && !h5_is_intact(bytes, r.position + 4))
        return mt_fail(err, MT_E_CORRUPT, "the checksum of the superblock is wrong");
    if (end != H5_UNDEFINED && end > file->size)
        return mt_fail(err, MT_E_CORRUPT, "the file has %llu bytes, of %llu", (unsigned long long)file->size,
                       (unsigned long long)end);
    return MT_OK;
}

mt_status h5_blame_writer(const h5_file *file, mt_status st, mt_error *err)
{
    if (st == MT_E_CORRUPT && file->being_written)
        mt_error_prefix(err, "the file is marked as being written");
    return st;
}

mt_status h5_read_superblock(h5_file *file, mt_error *err)
{
    uint8_t head[4096], bytes[128] = { 0 };
    mt_status st = mt_store_size(file->store, file->key, &file->size, err);
    size_t head_size = file->size < sizeof head ? (size_t)file->size : sizeof head;
    bool found;
    if (st || (st = mt_store_read_at(file->store, file->key, 0, head, head_size, err)) ||
        (st = h5_find_signature(file->store, file->key, head, head_size, &found, &file->base, err)))
        return st;
    if (!found)
        return mt_fail(err, MT_E_CORRUPT, "the file has no HDF5 signature");
    size_t size = file->size - file->base < 124 ? (size_t)(file->size - file->base) : 124;
    if ((st = mt_store_read_at(file->store, file->key, file->base, bytes, size, err)))
        return st;
    return h5_blame_writer(file, parse_superblock(file, bytes, size, err), err);
}
