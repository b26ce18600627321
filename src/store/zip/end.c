/* SPDX-License-Identifier: BSD-3-Clause */
/* From the end of an archive to its directory. */
#include "store/zip/zip.h"

#include "base/checked.h"
#include "base/reader.h"

#include <string.h>

#define END_BYTES 22                   /* 4.3.16 */
#define LOCATOR_BYTES 20               /* 4.3.15 */
#define END64_BYTES 56                 /* 4.3.14 */
#define TAIL_BYTES ((size_t)256 << 10) /* more than the longest comment; includes most directories */

typedef struct tail {
    mt_store *outer;
    const char *key;
    uint8_t *bytes;
    size_t n;
    uint64_t start, size; /* offset of the tail in the object; bytes of the object */
} tail;

/* The content of the end records. */
typedef struct ending {
    uint64_t at; /* offset of the record after the directory */
    uint64_t n, size, offset;
} ending;

/* Reads bytes of the archive, from the tail if possible. */
static mt_status read_bytes(const tail *t, uint64_t offset, void *out, size_t size, mt_error *err)
{
    if (offset < t->start || offset > t->size || size > t->size - offset)
        return mt_store_read_at(t->outer, t->key, offset, out, size, err);
    memcpy(out, t->bytes + (offset - t->start), size);
    return MT_OK;
}

/* Finds the last end record whose comment ends at the end of the object. */
static bool find_end(const tail *t, size_t *at)
{
    for (size_t i = t->n < END_BYTES ? 0 : t->n - END_BYTES + 1; i-- > 0;)
        if (memcmp(t->bytes + i, "PK\5\6", 4) == 0 && mt_load_u16le(t->bytes + i + 20) == t->n - i - END_BYTES) {
            *at = i;
            return true;
        }
    return false;
}

/* The record is at the offset in the locator or, if data precedes the archive, right before the locator. */
static mt_status read_end64(const tail *t, uint64_t locator, uint64_t told, ending *out, mt_error *err)
{
    uint8_t b[END64_BYTES];
    uint64_t places[2] = { told, locator - END64_BYTES };
    for (int i = locator < END64_BYTES ? 2 : 0; i < 2; i++) {
        if (places[i] > locator - END64_BYTES)
            continue;
        mt_status st = read_bytes(t, places[i], b, sizeof b, err);
        if (st)
            return st;
        if (memcmp(b, "PK\6\6", 4) != 0)
            continue;
        if (mt_load_u32le(b + 16) != 0 || mt_load_u32le(b + 20) != 0)
            return mt_fail(err, MT_E_UNSUPPORTED, "an archive in several volumes");
        *out = (ending) { places[i], mt_load_u64le(b + 32), mt_load_u64le(b + 40), mt_load_u64le(b + 48) };
        return MT_OK;
    }
    return mt_fail(err, MT_E_CORRUPT, "no ZIP64 end record at byte %llu", (unsigned long long)told);
}

static mt_status read_ending(const tail *t, size_t at, ending *out, bool *zip64, mt_error *err)
{
    const uint8_t *b = t->bytes + at;
    unsigned disk = mt_load_u16le(b + 4), first = mt_load_u16le(b + 6), here = mt_load_u16le(b + 8);
    *out = (ending) { t->start + at, mt_load_u16le(b + 10), mt_load_u32le(b + 12), mt_load_u32le(b + 16) };
    const uint8_t *locator = at < LOCATOR_BYTES ? NULL : b - LOCATOR_BYTES;
    bool full = out->n == 0xffff || out->size == 0xffffffff || out->offset == 0xffffffff || disk == 0xffff;
    *zip64 = full && locator && memcmp(locator, "PK\6\7", 4) == 0;
    if (*zip64 && (mt_load_u32le(locator + 4) != 0 || mt_load_u32le(locator + 16) > 1))
        return mt_fail(err, MT_E_UNSUPPORTED, "an archive in several volumes");
    if (*zip64)
        return read_end64(t, out->at - LOCATOR_BYTES, mt_load_u64le(locator + 8), out, err);
    if (disk != 0 || first != 0 || here != out->n)
        return mt_fail(err, MT_E_UNSUPPORTED, "an archive in several volumes");
    return MT_OK;
}

static mt_status take_ending(const tail *t, const ending *end, zip_directory *out, mt_error *err)
{
    const mt_limits *limits = &out->env->limits;
    uint64_t least;
    if (end->n > limits->max_zip_members)
        return mt_fail(err, MT_E_LIMIT, "%llu members are more than max_zip_members (%zu)", (unsigned long long)end->n,
                       limits->max_zip_members);
    if (end->size > limits->max_zip_bytes || end->size > UINT32_MAX)
        return mt_fail(err, MT_E_LIMIT, "a directory of %llu bytes is larger than max_zip_bytes (%zu)",
                       (unsigned long long)end->size, limits->max_zip_bytes);
    if (mt_mul_u64(end->n, ZIP_CENTRAL_BYTES, &least) || least > end->size)
        return mt_fail(err, MT_E_CORRUPT, "%llu members do not fit into a directory of %llu bytes",
                       (unsigned long long)end->n, (unsigned long long)end->size);
    if (end->size > end->at || end->offset > end->at - end->size)
        return mt_fail(err, MT_E_CORRUPT, "a directory of %llu bytes at byte %llu does not end before byte %llu",
                       (unsigned long long)end->size, (unsigned long long)end->offset, (unsigned long long)end->at);
    void *memory;
    mt_status st = mt_alloc(out->env, (size_t)end->size, &memory, err);
    if (st)
        return st;
    out->bytes = memory;
    out->size = (size_t)end->size;
    out->at = end->at - end->size;
    out->shift = out->at - end->offset;
    out->n_told = end->n;
    return read_bytes(t, out->at, out->bytes, out->size, err);
}

mt_status zip_find_directory(mt_store *outer, const char *key, zip_directory *out, mt_error *err)
{
    tail t = { .outer = outer, .key = key };
    void *memory;
    mt_status st = mt_alloc(out->env, TAIL_BYTES, &memory, err);
    if (st)
        return st;
    t.bytes = memory;
    size_t at;
    ending end;
    st = mt_store_read_tail(outer, key, t.bytes, TAIL_BYTES, &t.n, &t.size, err);
    if (!st) {
        t.start = t.size - t.n;
        st = find_end(&t, &at) ? read_ending(&t, at, &end, &out->zip64, err)
                               : mt_fail(err, MT_E_CORRUPT, "not a zip archive, or truncated: there is no end record");
    }
    if (!st)
        st = take_ending(&t, &end, out, err);
    mt_release(out->env, t.bytes, TAIL_BYTES);
    return st;
}
