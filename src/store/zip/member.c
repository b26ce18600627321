/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading members: stored ones by range; compressed ones whole, or (large and deflated) from restart points. */
#include "store/zip/zip.h"

#include "base/reader.h"
#include "cache/cache.h"

#include <string.h>

#ifdef MT_WITH_ZSTD
#include <zstd.h>
#endif

#define SLACK 1024                        /* bytes read ahead for the local extra field of unknown length */
#define SMALL (4 * MT_INFLATE_PIECE)      /* members up to this decoded size are decoded whole for any part */
#define MOST_ZSTD_RATIO ((uint64_t)40000) /* a block of 128 KiB takes at least 4 bytes: RFC 8878, 3.1.1.2 */

static const char *method_name(unsigned method)
{
    switch (method) {
    case 1: return "shrink";
    case 6: return "implode";
    case 9: return "deflate64";
    case 12: return "bzip2";
    case 14: return "LZMA";
    case 95: return "xz";
    case 98: return "PPMd";
    default: return "unknown";
    }
}

mt_status zip_check_member(const zip_record *r, mt_error *err)
{
    if (r->flags & 1)
        return mt_fail(err, MT_E_UNSUPPORTED, "is encrypted");
    if (r->is_link)
        return mt_fail(err, MT_E_UNSUPPORTED, "is a symbolic link");
    if (r->method == ZIP_ZSTD) {
#ifndef MT_WITH_ZSTD
        return mt_fail(err, MT_E_UNSUPPORTED, "is compressed by zstd, which this build lacks (MT_WITH_ZSTD)");
#endif
        return r->size / MOST_ZSTD_RATIO <= r->packed
                   ? MT_OK
                   : mt_fail(err, MT_E_CORRUPT, "%llu bytes of zstd cannot become %llu", (unsigned long long)r->packed,
                             (unsigned long long)r->size);
    }
    if (r->method != ZIP_STORED && r->method != ZIP_DEFLATED)
        return mt_fail(err, MT_E_UNSUPPORTED, "is compressed by method %u (%s)", r->method, method_name(r->method));
    return MT_OK;
}

size_t zip_header_bytes(const zip_store *zip, const zip_record *r)
{
    uint64_t n = ZIP_LOCAL_BYTES + r->name_size + SLACK, most = zip->directory.at - r->local;
    return n < most ? (size_t)n : (size_t)most;
}

mt_status zip_take_header(zip_store *zip, const zip_record *r, zip_member *m, const uint8_t *b, size_t n, mt_error *err)
{
    size_t name_size = mt_load_u16le(b + 26), extra_size = mt_load_u16le(b + 28);
    size_t compared = n - ZIP_LOCAL_BYTES < r->name_size ? n - ZIP_LOCAL_BYTES : r->name_size;
    if (memcmp(b, "PK\3\4", 4) != 0)
        return mt_fail(err, MT_E_CORRUPT, "no local header at byte %llu", (unsigned long long)r->local);
    if (name_size != r->name_size || memcmp(b + ZIP_LOCAL_BYTES, r->name, compared) != 0 ||
        mt_load_u16le(b + 8) != r->method)
        return mt_fail(err, MT_E_CORRUPT, "the local header at byte %llu is of another member",
                       (unsigned long long)r->local);
    uint64_t data = r->local + ZIP_LOCAL_BYTES + name_size + extra_size;
    if (data > zip->directory.at || r->packed > zip->directory.at - data)
        return mt_fail(err, MT_E_CORRUPT, "%llu bytes at byte %llu reach into the directory",
                       (unsigned long long)r->packed, (unsigned long long)data);
    atomic_store_explicit(&m->data, data, memory_order_relaxed);
    return MT_OK;
}

static mt_status find_data(zip_store *zip, const zip_record *r, zip_member *m, uint64_t *data, mt_error *err)
{
    uint8_t header[ZIP_HEADER_ROOM];
    size_t n = zip_header_bytes(zip, r);
    n = n < sizeof header ? n : sizeof header;
    *data = atomic_load_explicit(&m->data, memory_order_relaxed);
    if (*data)
        return MT_OK;
    mt_status st = mt_store_read_at(zip->outer, zip->key, r->local, header, n, err);
    if (!st && !(st = zip_take_header(zip, r, m, header, n, err)))
        *data = atomic_load_explicit(&m->data, memory_order_relaxed);
    return st;
}

mt_status zip_check_crc(const zip_record *r, const void *bytes, mt_error *err)
{
    if (mt_crc32(0, bytes, (size_t)r->size) == r->crc)
        return MT_OK;
    return mt_fail(err, MT_E_CORRUPT, "the checksum is wrong");
}

/* Reads stored or compressed bytes without decoding. */
static mt_status read_raw(zip_store *zip, const zip_record *r, zip_member *m, uint64_t offset, void *out, size_t size,
                          mt_error *err)
{
    uint64_t data = atomic_load_explicit(&m->data, memory_order_relaxed);
    size_t header = zip_header_bytes(zip, r), n = header + size;
    mt_status st;
    if (data || offset > 0 || size > ZIP_NEAR || size > zip->directory.at - r->local - header) {
        st = find_data(zip, r, m, &data, err);
        return st ? st : mt_store_read_at(zip->outer, zip->key, data + offset, out, size, err);
    }
    void *memory;
    if ((st = mt_alloc(zip->base.env, n, &memory, err)))
        return st;
    st = mt_store_read_at(zip->outer, zip->key, r->local, memory, n, err);
    if (!st && !(st = zip_take_header(zip, r, m, memory, n, err))) {
        data = atomic_load_explicit(&m->data, memory_order_relaxed);
        if (data - r->local <= header)
            memcpy(out, (uint8_t *)memory + (data - r->local), size);
        else
            st = mt_store_read_at(zip->outer, zip->key, data, out, size, err);
    }
    mt_release(zip->base.env, memory, n);
    return st;
}

static mt_status decode(const zip_store *zip, const zip_record *r, const uint8_t *packed, uint8_t *out, mt_error *err)
{
#ifdef MT_WITH_ZSTD
    if (r->method == ZIP_ZSTD) {
        size_t n = ZSTD_decompress(out, (size_t)r->size, packed, (size_t)r->packed);
        if (ZSTD_isError(n) || n != r->size)
            return mt_fail(err, MT_E_CORRUPT, "zstd: %s", ZSTD_isError(n) ? ZSTD_getErrorName(n) : "too few bytes");
        return zip_check_crc(r, out, err);
    }
#endif
    return mt_inflate_whole(zip->base.env, packed, (size_t)r->packed, out, (size_t)r->size, r->crc, err);
}

/* Decodes a whole compressed member to out. */
static mt_status decode_whole(zip_store *zip, const zip_record *r, zip_member *m, uint8_t *out, mt_error *err)
{
    void *packed;
    if (r->packed > zip->base.env->limits.max_chunk_bytes)
        return mt_fail(err, MT_E_LIMIT, "has %llu bytes, more than max_chunk_bytes (%zu)",
                       (unsigned long long)r->packed, zip->base.env->limits.max_chunk_bytes);
    mt_status st = mt_alloc(zip->base.env, (size_t)r->packed, &packed, err);
    if (st)
        return st;
    st = read_raw(zip, r, m, 0, packed, (size_t)r->packed, err);
    if (!st)
        st = decode(zip, r, packed, out, err);
    mt_release(zip->base.env, packed, (size_t)r->packed);
    return st;
}

typedef struct whole {
    zip_store *zip;
    const zip_record *record;
    zip_member *member;
} whole;

static mt_status make_whole(void *argument, void **data, size_t *size, mt_error *err)
{
    const whole *w = argument;
    const zip_record *r = w->record;
    mt_env *env = w->zip->base.env;
    if (r->size > env->limits.max_chunk_bytes)
        return mt_fail(err, MT_E_LIMIT, "has %llu bytes, more than max_chunk_bytes (%zu)", (unsigned long long)r->size,
                       env->limits.max_chunk_bytes);
    *size = (size_t)r->size;
    mt_status st = mt_alloc(env, *size, data, err);
    if (!st && (st = decode_whole(w->zip, r, w->member, *data, err))) {
        mt_release(env, *data, *size);
        *data = NULL;
    }
    return st;
}

/* Reads a part of a small member, which is decoded whole and cached. */
static mt_status read_small(zip_store *zip, const zip_record *r, zip_member *m, const mt_range *range, mt_error *err)
{
    whole w = { zip, r, m };
    mt_cache *cache = zip->base.env->index_cache;
    mt_cache_entry *e;
    if (cache) {
        mt_status st = mt_cache_get(cache, zip->owner, m->record, make_whole, &w, &e, err);
        if (st)
            return st;
        memcpy(range->out, (uint8_t *)e->data + range->offset, range->size);
        mt_cache_release(cache, e);
        return MT_OK;
    }
    void *data = NULL;
    size_t size;
    mt_status st = make_whole(&w, &data, &size, err);
    if (st)
        return st;
    memcpy(range->out, (uint8_t *)data + range->offset, range->size);
    mt_release(zip->base.env, data, size);
    return MT_OK;
}

/* Adds a user to an open member; NULL if it is not open. The lock is held. */
static zip_open_member *enter(zip_store *zip, const zip_member *m)
{
    for (int i = 0; i < ZIP_INFLATED; i++)
        if (zip->open[i].member == m) {
            zip->open[i].users++;
            zip->open[i].last_use = ++zip->uses;
            return &zip->open[i];
        }
    return NULL;
}

static void leave(zip_store *zip, zip_open_member *open)
{
    mt_lock_take(&zip->lock);
    open->users--;
    mt_lock_give(&zip->lock);
}

/* Stores a newly opened member in a free slot or that of the longest idle one; NULL if there is none. *rest must be
 * freed: the old member, or the new one if another thread was first. */
static zip_open_member *put(zip_store *zip, const zip_member *m, mt_inflated *inflated, mt_inflated **rest)
{
    *rest = inflated;
    zip_open_member *at = enter(zip, m);
    if (at)
        return at;
    for (int i = 0; i < ZIP_INFLATED; i++) {
        zip_open_member *o = &zip->open[i];
        if (o->users == 0 && (!at || o->last_use < at->last_use))
            at = o;
    }
    if (at) {
        *rest = at->inflated;
        *at = (zip_open_member) { m, inflated, 1, ++zip->uses };
    }
    return at;
}

/* Reads a part of a large deflated member from its nearest restart point. */
static mt_status read_large(zip_store *zip, const zip_record *r, zip_member *m, const mt_range *range, mt_error *err)
{
    mt_deflated source = { .store = zip->outer, .key = zip->key, .size = r->packed };
    mt_inflated *own = NULL;
    mt_lock_take(&zip->lock);
    zip_open_member *open = enter(zip, m);
    mt_lock_give(&zip->lock);
    mt_status st = MT_OK;
    if (!open) {
        source.decoded_size = r->size;
        source.crc = r->crc;
        if ((st = find_data(zip, r, m, &source.offset, err)) ||
            (st = mt_inflated_new(zip->base.env, &source, &own, err)))
            return st;
        mt_inflated *rest, *opened = own;
        mt_lock_take(&zip->lock);
        open = put(zip, m, opened, &rest);
        mt_lock_give(&zip->lock);
        own = open ? NULL : opened;
        if (open)
            mt_inflated_free(rest);
    }
    st = mt_inflated_read(open ? open->inflated : own, range->offset, range->out, range->size, err);
    if (open)
        leave(zip, open);
    mt_inflated_free(own);
    return st;
}

mt_status zip_read_part(zip_store *zip, zip_member *m, const mt_range *range, mt_error *err)
{
    zip_record r = zip_get_record(&zip->directory, m);
    bool all = range->offset == 0 && range->size == r.size;
    mt_status st = zip_check_member(&r, err);
    if (!st && r.method == ZIP_STORED) {
        st = read_raw(zip, &r, m, range->offset, range->out, range->size, err);
        if (!st && all)
            st = zip_check_crc(&r, range->out, err);
    } else if (!st && (r.method == ZIP_ZSTD || r.size <= SMALL)) {
        st = all ? decode_whole(zip, &r, m, range->out, err) : read_small(zip, &r, m, range, err);
    } else if (!st) {
        st = read_large(zip, &r, m, range, err);
    }
    return st;
}

bool zip_try_packed(zip_store *zip, const zip_member *m, const mt_range *range)
{
    mt_cache *cache = zip->base.env->index_cache;
    zip_record r = zip_get_record(&zip->directory, m);
    if (r.method == ZIP_ZSTD || r.size <= SMALL) {
        mt_cache_entry *e = cache ? mt_cache_peek(cache, zip->owner, m->record) : NULL;
        if (e) {
            memcpy(range->out, (uint8_t *)e->data + range->offset, range->size);
            mt_cache_release(cache, e);
        }
        return e != NULL;
    }
    mt_lock_take(&zip->lock);
    zip_open_member *open = enter(zip, m);
    mt_lock_give(&zip->lock);
    if (!open)
        return false;
    bool done = mt_inflated_try(open->inflated, range->offset, range->out, range->size);
    leave(zip, open);
    return done;
}

void zip_forget_packed(zip_store *zip, const zip_member *m)
{
    mt_lock_take(&zip->lock);
    zip_open_member *open = enter(zip, m);
    mt_lock_give(&zip->lock);
    if (!open)
        return;
    mt_inflated_forget(open->inflated);
    leave(zip, open);
}

void zip_close_members(zip_store *zip)
{
    for (int i = 0; i < ZIP_INFLATED; i++)
        mt_inflated_free(zip->open[i].inflated);
}
