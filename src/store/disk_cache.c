/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/disk_cache.h"

#include "base/reader.h"
#include "platform/file.h"
#include "platform/folder.h"
#include "platform/thread.h"
#include "store/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_BYTES ((uint64_t)16 << 20)
#define WINDOW (32 * MT_DISK_BLOCK) /* bytes of one read */
#define MAX_TEXT 6000               /* bytes of the text that identifies a block */
#define HEAD 24                     /* magic, checksum, bytes of the text, bytes of the block */
#define FOLDERS 256
#define PATH_ROOM 3000
static const char magic[8] = "mtblock1";

struct mt_disk_cache {
    mt_env *env;
    char *folder;
    uint64_t most;
    _Atomic uint64_t bytes;  /* estimated bytes in the folder */
    _Atomic bool has_failed; /* a write failed: no more writes */
    _Atomic bool is_trimming;
};

typedef struct cached_store {
    mt_store base;
    mt_disk_cache *cache;
    mt_store *inner;
} cached_store;

/* A block and its file. */
typedef struct block {
    char path[PATH_ROOM];
    char text[MAX_TEXT];
    size_t text_size;
} block;

static cached_store *cached_of(mt_store *store) { return (cached_store *)(void *)store; }

/* FNV-1a over words of 8 bytes, folded. Detects torn and damaged files, not tampering. */
static uint64_t add_checksum(uint64_t h, const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    for (; n >= 8; n -= 8, at += 8) {
        h = (h ^ mt_load_u64le(at)) * UINT64_C(0x100000001b3);
        h ^= h >> 29;
    }
    for (; n > 0; n--, at++)
        h = (h ^ *at) * UINT64_C(0x100000001b3);
    return h ^ h >> 32;
}

/* False if the names are too long for the cache. Signatures in a query change, while the ETag shows that the bytes are
 * equal; without an ETag, equal date and size under another query may be another object. */
static bool name_block(const cached_store *c, const char *key, const mt_identity *identity, uint64_t number, block *out)
{
    int n = snprintf(out->text, sizeof out->text, "%s\n%s\n%llx\n%llu\n%lld\n%s\n%llu", c->inner->url, key,
                     *identity->etag ? 0 : (unsigned long long)c->inner->place, (unsigned long long)identity->size,
                     (long long)identity->mtime_ns, identity->etag, (unsigned long long)number);
    if (n < 0 || (size_t)n >= sizeof out->text)
        return false;
    out->text_size = (size_t)n;
    uint64_t a = mt_key_hash(out->text), b = add_checksum(a, out->text, out->text_size);
    snprintf(out->path, sizeof out->path, "%s/%02x/%016llx%016llx", c->cache->folder, (unsigned)(a & 0xff),
             (unsigned long long)a, (unsigned long long)b); /* fits: see mt_disk_cache_new */
    return true;
}

/* Reads a block from its file to out; false if the file does not hold this block. buffer holds the file. */
static bool recall(const block *b, uint8_t *buffer, uint8_t *out, size_t size)
{
    size_t n, expected = HEAD + b->text_size + size;
    if (!mt_file_recall(b->path, buffer, expected + 1, &n) || n != expected || memcmp(buffer, magic, 8) != 0)
        return false;
    if (mt_load_u32le(buffer + 16) != b->text_size || mt_load_u32le(buffer + 20) != size ||
        memcmp(buffer + HEAD, b->text, b->text_size) != 0 ||
        add_checksum(0, buffer + HEAD, b->text_size + size) != mt_load_u64le(buffer + 8))
        return false;
    memcpy(out, buffer + HEAD + b->text_size, size);
    return true;
}

typedef struct found {
    uint64_t size;
    int64_t used;
    char name[72]; /* "00/..." */
} found;

typedef struct survey {
    mt_disk_cache *cache;
    unsigned folder;
    found *files;
    size_t n, capacity;
    uint64_t bytes;
} survey;

static mt_status visit_file(void *user, const char *name, mt_error *err)
{
    survey *s = user;
    char path[PATH_ROOM];
    found f;
    int n = snprintf(f.name, sizeof f.name, "%02x/%s", s->folder, name);
    if (n < 0 || (size_t)n >= sizeof f.name || snprintf(path, sizeof path, "%s/%s", s->cache->folder, f.name) < 0 ||
        !mt_file_measure(path, &f.size, &f.used))
        return MT_OK;
    if (s->n == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 1024;
        void *moved = mt_resize(s->cache->env, s->files, s->capacity * sizeof f, capacity * sizeof f);
        if (!moved)
            return mt_fail(err, MT_E_MEMORY, "out of memory for %zu files", capacity);
        s->files = moved;
        s->capacity = capacity;
    }
    s->files[s->n++] = f;
    s->bytes += f.size;
    return MT_OK;
}

static mt_status take_survey(survey *s, mt_error *err)
{
    mt_status st = MT_OK;
    char path[PATH_ROOM];
    for (s->folder = 0; !st && s->folder < FOLDERS; s->folder++) {
        snprintf(path, sizeof path, "%s/%02x", s->cache->folder, s->folder);
        if (mt_path_get_kind(path) == MT_PATH_FOLDER)
            st = mt_path_list(s->cache->env, path, visit_file, s, err);
    }
    return st;
}

static int compare_use(const void *a, const void *b)
{
    int64_t x = ((const found *)a)->used, y = ((const found *)b)->used;
    return (x > y) - (x < y);
}

/* Removes the least recently used files, down to nine tenths of the limit, including stale temporary files. */
static void trim(mt_disk_cache *cache)
{
    char path[PATH_ROOM];
    bool expected = false;
    if (!atomic_compare_exchange_strong(&cache->is_trimming, &expected, true))
        return;
    survey s = { .cache = cache };
    if (take_survey(&s, NULL) == MT_OK && s.n > 0) {
        qsort(s.files, s.n, sizeof *s.files, compare_use);
        for (size_t i = 0; i < s.n && s.bytes > cache->most / 10 * 9; i++) {
            snprintf(path, sizeof path, "%s/%s", cache->folder, s.files[i].name);
            mt_file_forget(path);
            s.bytes -= s.files[i].size;
        }
    }
    atomic_store(&cache->bytes, s.bytes);
    mt_release(cache->env, s.files, s.capacity * sizeof *s.files);
    atomic_store(&cache->is_trimming, false);
}

static void keep(mt_disk_cache *cache, const block *b, uint8_t *buffer, const uint8_t *bytes, size_t size)
{
    char folder[PATH_ROOM];
    if (atomic_load(&cache->has_failed))
        return;
    for (int i = 0; i < 8; i++)
        buffer[i] = (uint8_t)magic[i];
    mt_store_u32le(buffer + 16, b->text_size);
    mt_store_u32le(buffer + 20, size);
    memcpy(buffer + HEAD, b->text, b->text_size);
    memcpy(buffer + HEAD + b->text_size, bytes, size);
    mt_store_u64le(buffer + 8, add_checksum(0, buffer + HEAD, b->text_size + size));
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(b->path, '/') - b->path), b->path);
    size_t all = HEAD + b->text_size + size;
    if (mt_folder_make(folder, NULL) || mt_file_publish(b->path, buffer, all, NULL))
        atomic_store(&cache->has_failed, true);
    else if (atomic_fetch_add(&cache->bytes, all) + all > cache->most)
        trim(cache);
}

/* The blocks of a range, in one buffer. */
typedef struct window {
    const char *key;
    const mt_identity *identity;
    uint64_t start; /* offset of the first block */
    size_t size;    /* bytes of all blocks, cut at the end of the object */
    uint8_t *bytes; /* the blocks, followed by a buffer for a file */
    bool have[WINDOW / MT_DISK_BLOCK + 2];
} window;

static size_t block_size(const window *w, size_t i)
{
    size_t left = w->size - i * MT_DISK_BLOCK;
    return left < MT_DISK_BLOCK ? left : MT_DISK_BLOCK;
}

/* Fetches missing blocks, one read for each run. */
static mt_status fetch_missing(cached_store *c, const window *w, size_t n, mt_error *err)
{
    mt_range runs[WINDOW / MT_DISK_BLOCK + 2];
    size_t n_runs = 0;
    for (size_t i = 0; i < n; i++) {
        if (w->have[i])
            continue;
        if (i > 0 && !w->have[i - 1])
            runs[n_runs - 1].size += block_size(w, i);
        else
            runs[n_runs++] =
                (mt_range) { w->start + i * MT_DISK_BLOCK, block_size(w, i), w->bytes + i * MT_DISK_BLOCK };
    }
    return n_runs > 0 ? mt_store_read(c->inner, w->key, runs, n_runs, err) : MT_OK;
}

static mt_status fill_window(cached_store *c, window *w, block *b, mt_error *err)
{
    size_t n = (w->size + MT_DISK_BLOCK - 1) / MT_DISK_BLOCK;
    uint8_t *buffer = w->bytes + w->size;
    for (size_t i = 0; i < n; i++)
        w->have[i] = name_block(c, w->key, w->identity, w->start / MT_DISK_BLOCK + i, b) &&
                     recall(b, buffer, w->bytes + i * MT_DISK_BLOCK, block_size(w, i));
    mt_status st = fetch_missing(c, w, n, err);
    for (size_t i = 0; !st && i < n; i++)
        if (!w->have[i] && name_block(c, w->key, w->identity, w->start / MT_DISK_BLOCK + i, b))
            keep(c->cache, b, buffer, w->bytes + i * MT_DISK_BLOCK, block_size(w, i));
    return st;
}

/* Reads a range of at most WINDOW bytes inside the object. */
static mt_status read_part(cached_store *c, const char *key, const mt_identity *identity, const mt_range *part,
                           mt_error *err)
{
    window w = { .key = key, .identity = identity, .start = part->offset / MT_DISK_BLOCK * MT_DISK_BLOCK };
    uint64_t end = part->offset + part->size, last = (end + MT_DISK_BLOCK - 1) / MT_DISK_BLOCK * MT_DISK_BLOCK;
    w.size = (size_t)((last < identity->size ? last : identity->size) - w.start);
    size_t room = w.size + HEAD + MAX_TEXT + MT_DISK_BLOCK + 1;
    void *bytes, *b;
    mt_status st = mt_alloc(c->base.env, room, &bytes, err);
    if (st)
        return st;
    if (!(st = mt_alloc(c->base.env, sizeof(block), &b, err))) {
        w.bytes = bytes;
        if (!(st = fill_window(c, &w, b, err)))
            memcpy(part->out, w.bytes + (part->offset - w.start), part->size);
        mt_release(c->base.env, b, sizeof(block));
    }
    mt_release(c->base.env, bytes, room);
    return st;
}

static mt_status read_range(cached_store *c, const char *key, const mt_identity *identity, mt_range range,
                            mt_error *err)
{
    mt_status st = MT_OK;
    if (range.offset > identity->size || range.size > identity->size - range.offset)
        return mt_fail(err, MT_E_CORRUPT, "%s: has %llu bytes, %zu were expected at byte %llu", key,
                       (unsigned long long)identity->size, range.size, (unsigned long long)range.offset);
    while (!st && range.size > 0) {
        mt_range part = { range.offset, range.size < WINDOW ? range.size : WINDOW, range.out };
        st = read_part(c, key, identity, &part, err);
        range.offset += part.size;
        range.size -= part.size;
        range.out = (uint8_t *)range.out + part.size;
    }
    return st;
}

static mt_status cached_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    cached_store *c = cached_of(store);
    mt_identity identity;
    mt_error why = MT_ERROR_INIT;
    mt_status st = mt_store_identify(c->inner, key, &identity, &why);
    if (st == MT_E_UNSUPPORTED || (!st && !*identity.etag && !identity.mtime_ns))
        return mt_store_read(c->inner, key, ranges, n, err);
    if (st)
        return mt_fail(err, st, "%s", why.message);
    for (size_t i = 0; !st && i < n; i++)
        st = read_range(c, key, &identity, ranges[i], err);
    return st;
}

static mt_status cached_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    return mt_store_size(cached_of(store)->inner, key, out, err);
}

static mt_status cached_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    return mt_store_list(cached_of(store)->inner, prefix, visit, user, err);
}

static mt_status cached_sample(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    return mt_store_sample(cached_of(store)->inner, prefix, visit, user, err);
}

static mt_status cached_identify(mt_store *store, const char *key, mt_identity *out, mt_error *err)
{
    return mt_store_identify(cached_of(store)->inner, key, out, err);
}

static void cached_forget(mt_store *store, const char *key, uint64_t offset, uint64_t size)
{
    cached_store *c = cached_of(store);
    mt_identity identity;
    void *b;
    mt_store_forget(c->inner, key, offset, size);
    if (mt_store_identify(c->inner, key, &identity, NULL) || offset >= identity.size ||
        mt_alloc(store->env, sizeof(block), &b, NULL))
        return;
    uint64_t left = identity.size - offset, end = offset + (size < left ? size : left);
    for (uint64_t i = offset / MT_DISK_BLOCK; i * MT_DISK_BLOCK < end && name_block(c, key, &identity, i, b); i++)
        mt_file_forget(((block *)b)->path);
    mt_release(store->env, b, sizeof(block));
}

static void cached_close(mt_store *store)
{
    cached_store *c = cached_of(store);
    mt_env *env = store->env;
    mt_store_close(c->inner);
    mt_release(env, store->url, strlen(store->url) + 1);
    mt_release(env, c, sizeof *c);
}

static const mt_store_ops cached_ops = { .size = cached_size,
                                         .read = cached_read,
                                         .list = cached_list,
                                         .sample = cached_sample,
                                         .identify = cached_identify,
                                         .forget = cached_forget,
                                         .close = cached_close };

mt_status mt_disk_cache_wrap(mt_disk_cache *cache, mt_store *inner, mt_store **out, mt_error *err)
{
    mt_env *env = inner->env;
    void *memory;
    char *url;
    mt_status st = mt_copy_text(env, inner->url, &url, err);
    if (!st && (st = mt_alloc(env, sizeof(cached_store), &memory, err)))
        mt_release(env, url, strlen(url) + 1);
    if (st) {
        mt_store_close(inner);
        *out = NULL;
        return st;
    }
    cached_store *c = memory;
    *c = (cached_store) { { .ops = &cached_ops, .env = env, .url = url, .costs = inner->costs, .is_front = true },
                          cache,
                          inner };
    c->base.costs.io_threads = inner->costs.in_flight; /* each read blocks a thread */
    *out = &c->base;
    return MT_OK;
}

mt_status mt_disk_cache_new(mt_env *env, const char *folder, uint64_t bytes, mt_disk_cache **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_folder_make(folder, err);
    if (st || (st = mt_alloc(env, sizeof(mt_disk_cache), &memory, err)))
        return st;
    mt_disk_cache *cache = memset(memory, 0, sizeof(mt_disk_cache));
    cache->env = env;
    cache->most = bytes < MIN_BYTES ? MIN_BYTES : bytes;
    if (strlen(folder) > PATH_ROOM - 100)
        st = mt_fail(err, MT_E_ARGUMENT, "%.100s...: the path is too long", folder);
    else
        st = mt_copy_text(env, folder, &cache->folder, err);
    survey s = { .cache = cache };
    if (!st && (st = take_survey(&s, err)))
        mt_release(env, cache->folder, strlen(folder) + 1);
    mt_release(env, s.files, s.capacity * sizeof *s.files);
    if (st) {
        mt_release(env, cache, sizeof *cache);
        return st;
    }
    cache->bytes = s.bytes;
    *out = cache;
    return MT_OK;
}

void mt_disk_cache_free(mt_disk_cache *cache)
{
    if (!cache)
        return;
    mt_env *env = cache->env;
    mt_release(env, cache->folder, strlen(cache->folder) + 1);
    mt_release(env, cache, sizeof *cache);
}
