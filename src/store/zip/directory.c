/* SPDX-License-Identifier: BSD-3-Clause */
/* The central directory: parsed, checked as a whole, found by name. */
#include "store/zip/zip.h"

#include "base/checked.h"
#include "base/fnv.h"
#include "base/reader.h"

#include <stdlib.h>
#include <string.h>

enum { FLAG_HIDDEN = 1 << 13, UNIX = 3, EXTRA_ZIP64 = 1 };

/* 4.5.3: 64-bit numbers, in this order, only for fields that overflow in the record. */
static mt_status take_zip64(zip_record *r, mt_reader extra, mt_error *err)
{
    uint64_t *const fields[] = { &r->size, &r->packed, &r->local };
    static const char *const names[] = { "size", "compressed size", "offset" };
    mt_reader found = mt_reader_over(NULL, 0, false);
    while (!extra.failed && mt_read_left(&extra) >= 4) {
        unsigned id = mt_read_u16(&extra);
        size_t n = mt_read_u16(&extra);
        const uint8_t *bytes = mt_read_bytes(&extra, n);
        if (id == EXTRA_ZIP64 && bytes && !found.data)
            found = mt_reader_over(bytes, n, false);
    }
    for (int i = 0; i < 3; i++) {
        if (*fields[i] != 0xffffffff)
            continue;
        *fields[i] = mt_read_u64(&found);
        if (found.failed)
            return mt_fail(err, MT_E_CORRUPT, "the ZIP64 field lacks the %s", names[i]);
    }
    return MT_OK;
}

/* Refuses names that lead elsewhere or are ambiguous. */
static mt_status check_name(const zip_record *r, mt_error *err)
{
    int n = r->name_size < 100 ? (int)r->name_size : 100;
    const char *why = NULL;
    size_t size = r->name_size > 0 && r->name[r->name_size - 1] == '/' ? r->name_size - 1 : r->name_size;
    if (size == 0)
        why = r->name_size == 0 ? "is empty" : "is absolute";
    else if (memchr(r->name, 0, size))
        why = "has a NUL byte";
    else if (memchr(r->name, '\\', size))
        why = "has a backslash: pack the archive again with a program that writes '/'";
    else if (r->name[0] == '/' || (size > 1 && r->name[1] == ':'))
        why = "is absolute";
    for (size_t from = 0; !why && from <= size;) {
        const char *end = memchr(r->name + from, '/', size - from);
        size_t length = end ? (size_t)(end - r->name) - from : size - from;
        if (length == 0 || (length == 1 && r->name[from] == '.') ||
            (length == 2 && memcmp(r->name + from, "..", 2) == 0))
            why = "has a segment that is empty, '.' or '..'";
        from += length + 1;
    }
    return why ? mt_fail(err, MT_E_CORRUPT, "the name \"%.*s\" %s", n, r->name, why) : MT_OK;
}

/* Parses the record at an offset in the directory; *size is its length. */
static mt_status parse_record(const zip_directory *d, size_t at, zip_record *out, size_t *size, mt_error *err)
{
    mt_reader r = mt_reader_over(d->bytes + at, d->size - at, false);
    uint32_t signature = mt_read_u32(&r);
    unsigned made_by = mt_read_u16(&r);
    mt_read_skip(&r, 2);
    *out = (zip_record) { .flags = mt_read_u16(&r) };
    out->method = mt_read_u16(&r);
    mt_read_skip(&r, 4);
    out->crc = mt_read_u32(&r);
    out->packed = mt_read_u32(&r);
    out->size = mt_read_u32(&r);
    out->name_size = mt_read_u16(&r);
    size_t n_extra = mt_read_u16(&r), n_comment = mt_read_u16(&r);
    unsigned disk = mt_read_u16(&r);
    mt_read_skip(&r, 2);
    uint32_t attributes = mt_read_u32(&r);
    out->local = mt_read_u32(&r);
    out->is_link = made_by >> 8 == UNIX && (attributes >> 28) == 0xa;
    out->name = (const char *)mt_read_bytes(&r, out->name_size);
    const uint8_t *extra = mt_read_bytes(&r, n_extra);
    mt_read_skip(&r, n_comment);
    if (r.failed || signature != 0x02014b50)
        return mt_fail(err, MT_E_CORRUPT, "no record of a member at byte %llu", (unsigned long long)(d->at + at));
    *size = r.position;
    mt_status st = take_zip64(out, mt_reader_over(extra, n_extra, false), err);
    if (st)
        return st;
    if (disk != 0 && disk != 0xffff)
        return mt_fail(err, MT_E_UNSUPPORTED, "an archive in several volumes");
    if (mt_add_u64(out->local, d->shift, &out->local))
        out->local = UINT64_MAX; /* check_record refuses it */
    return MT_OK;
}

static mt_status check_record(const zip_directory *d, const zip_record *r, mt_error *err)
{
    if (r->flags & FLAG_HIDDEN)
        return mt_fail(err, MT_E_UNSUPPORTED, "the directory is encrypted");
    mt_status st = check_name(r, err);
    if (st)
        return st;
    if (r->name[r->name_size - 1] == '/' && r->size != 0)
        return mt_fail(err, MT_E_CORRUPT, "a folder with %llu bytes", (unsigned long long)r->size);
    uint64_t header = ZIP_LOCAL_BYTES + r->name_size; /* the local name is the same, else the member is refused later */
    if (r->local > d->at || d->at - r->local < header || r->packed > d->at - r->local - header)
        return mt_fail(err, MT_E_CORRUPT, "%llu bytes at byte %llu reach into the directory or beyond",
                       (unsigned long long)r->packed, (unsigned long long)r->local);
    if (r->method == ZIP_STORED && r->packed != r->size && !(r->flags & 1))
        return mt_fail(err, MT_E_CORRUPT, "stored, yet %llu bytes become %llu", (unsigned long long)r->packed,
                       (unsigned long long)r->size);
    if (r->method == ZIP_DEFLATED && r->size / MT_DEFLATE_RATIO > r->packed)
        return mt_fail(err, MT_E_CORRUPT, "%llu bytes of deflate cannot become %llu", (unsigned long long)r->packed,
                       (unsigned long long)r->size);
    return MT_OK;
}

zip_record zip_get_record(const zip_directory *d, const zip_member *member)
{
    zip_record r;
    size_t size;
    if (parse_record(d, member->record, &r, &size, NULL)) /* impossible: it was parsed before */
        return (zip_record) { .name = "" };
    return r;
}

static uint32_t hash_name(const char *name, size_t n)
{
    uint64_t h = mt_fnv_add(MT_FNV_START, name, n);
    return (uint32_t)(h ^ h >> 32);
}

static zip_member *find(const zip_directory *d, const char *name, size_t n)
{
    uint32_t hash = hash_name(name, n);
    for (size_t i = hash; d->n_table > 0; i++) {
        uint32_t number = d->table[i & (d->n_table - 1)];
        if (number == 0)
            return NULL;
        zip_member *m = &d->members[number - 1];
        if (m->hash != hash)
            continue;
        zip_record r = zip_get_record(d, m);
        if (r.name_size == n && memcmp(r.name, name, n) == 0)
            return m;
    }
    return NULL;
}

zip_member *zip_find(const zip_directory *d, const char *name) { return find(d, name, strlen(name)); }

/* Doubles the table to keep it at most half full. */
static mt_status grow_table(zip_directory *d, mt_error *err)
{
    void *memory;
    size_t n = d->n_table ? 2 * d->n_table : 64;
    mt_status st = mt_alloc(d->env, n * sizeof *d->table, &memory, err);
    if (st)
        return st;
    mt_release(d->env, d->table, d->n_table * sizeof *d->table);
    d->table = memset(memory, 0, n * sizeof *d->table);
    d->n_table = n;
    for (size_t k = 0; k < d->n; k++) {
        size_t i = d->members[k].hash & (n - 1);
        while (d->table[i])
            i = (i + 1) & (n - 1);
        d->table[i] = (uint32_t)k + 1;
    }
    return MT_OK;
}

static mt_status make_room(zip_directory *d, mt_error *err)
{
    mt_status st = 2 * (d->n + 1) > d->n_table ? grow_table(d, err) : MT_OK;
    if (st || d->n < d->room)
        return st;
    if (d->n >= d->env->limits.max_zip_members)
        return mt_fail(err, MT_E_LIMIT, "more members than max_zip_members (%zu)", d->env->limits.max_zip_members);
    size_t room = d->room ? 2 * d->room : 64;
    void *moved = mt_resize(d->env, d->members, d->room * sizeof *d->members, room * sizeof *d->members);
    if (!moved)
        return mt_fail(err, MT_E_MEMORY, "out of memory for %zu members", room);
    d->members = moved;
    d->room = room;
    return MT_OK;
}

/* Two records of one name must refer to the same bytes: programs differ in which one they use. */
static mt_status add(zip_directory *d, size_t at, const zip_record *r, mt_error *err)
{
    const zip_member *other = find(d, r->name, r->name_size);
    if (other) {
        zip_record o = zip_get_record(d, other);
        bool equal = o.crc == r->crc && o.size == r->size && o.packed == r->packed && o.method == r->method;
        return equal ? MT_OK : mt_fail(err, MT_E_CORRUPT, "occurs twice, with different content");
    }
    mt_status st = make_room(d, err);
    if (st)
        return st;
    zip_member *m = &d->members[d->n];
    m->record = (uint32_t)at;
    m->hash = hash_name(r->name, r->name_size);
    atomic_init(&m->data, 0);
    size_t i = m->hash & (d->n_table - 1);
    while (d->table[i])
        i = (i + 1) & (d->n_table - 1);
    d->table[i] = (uint32_t)++d->n;
    *(r->method == ZIP_DEFLATED ? &d->n_deflated : &d->n_stored) += r->packed;
    return MT_OK;
}

/* The loop is bounded by the directory, not by the number of members, of which old end records hold only 16 bits. */
static mt_status parse_all(zip_directory *d, mt_error *err)
{
    uint64_t n = 0;
    for (size_t at = 0, size; at < d->size; at += size, n++) {
        zip_record r;
        mt_status st = parse_record(d, at, &r, &size, err);
        if (!st)
            st = check_record(d, &r, err);
        if (!st)
            st = add(d, at, &r, err);
        if (st && r.name)
            mt_error_prefix(err, "member \"%.*s\"", r.name_size < 200 ? (int)r.name_size : 200, r.name);
        if (st)
            return st;
    }
    uint64_t told = d->zip64 ? n : n & 0xffff;
    if (told != d->n_told)
        return mt_fail(err, MT_E_CORRUPT, "the directory has %llu members, its end record counts %llu",
                       (unsigned long long)n, (unsigned long long)d->n_told);
    return MT_OK;
}

typedef struct extent {
    uint64_t start, end;
} extent;

static int compare_extents(const void *a, const void *b)
{
    uint64_t x = ((const extent *)a)->start, y = ((const extent *)b)->start;
    return x < y ? -1 : x > y;
}

/* Refuses overlapping members: no program writes them, and they let a small archive expand to a huge one. */
static mt_status check_overlaps(const zip_directory *d, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(d->env, d->n * sizeof(extent), &memory, err);
    if (st)
        return st;
    extent *extents = memory;
    for (size_t i = 0; i < d->n; i++) {
        zip_record r = zip_get_record(d, &d->members[i]);
        extents[i] = (extent) { r.local, r.local + ZIP_LOCAL_BYTES + r.name_size + r.packed };
    }
    qsort(extents, d->n, sizeof *extents, compare_extents);
    for (size_t i = 1; !st && i < d->n; i++)
        if (extents[i].start < extents[i - 1].end)
            st = mt_fail(err, MT_E_CORRUPT, "two members overlap at byte %llu", (unsigned long long)extents[i].start);
    mt_release(d->env, extents, d->n * sizeof(extent));
    return st;
}

mt_status zip_directory_load(mt_env *env, mt_store *outer, const char *key, zip_directory *out, mt_error *err)
{
    *out = (zip_directory) { .env = env };
    mt_status st = zip_find_directory(outer, key, out, err);
    if (!st)
        st = parse_all(out, err);
    return st ? st : check_overlaps(out, err);
}

void zip_directory_free(zip_directory *d)
{
    mt_release(d->env, d->bytes, d->size);
    mt_release(d->env, d->members, d->room * sizeof *d->members);
    mt_release(d->env, d->table, d->n_table * sizeof *d->table);
}
