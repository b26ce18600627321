/* SPDX-License-Identifier: BSD-3-Clause */
/* Attributes (IV.A.2.m), in the object header or in a heap. */
#include "base/checked.h"
#include "format/hdf5/hdf5.h"

#include <string.h>

#define LONGEST_TEXT ((uint64_t)1 << 20)

typedef struct search {
    const h5_file *file;
    mt_arena *arena;
    const char *name;
    uint32_t hash;
    uint64_t heap;
    bool found;
    h5_attribute *out;
} search;

/* Opens a part of an attribute, following the reference if it is shared. */
static mt_status open_part(const search *s, int type, bool shared, const uint8_t *bytes, size_t n, mt_reader *out,
                           mt_error *err)
{
    h5_message part = { .type = type, .shared = shared, .body = mt_reader_over(bytes, n, false) };
    return h5_open_message(s->file, s->arena, &part, out, err);
}

static mt_status count_elements(h5_attribute *a, mt_error *err)
{
    uint64_t bytes;
    a->count = a->space.is_null ? 0 : 1;
    for (int d = 0; d < a->space.rank; d++)
        if (mt_mul_u64(a->count, a->space.size[d], &a->count))
            a->count = UINT64_MAX;
    if (mt_mul_u64(a->count, a->type.size, &bytes) || bytes > mt_read_left(&a->data))
        return mt_fail(err, MT_E_CORRUPT, "an attribute is cut off");
    return MT_OK;
}

static mt_status read_attribute(search *s, mt_reader r, mt_error *err)
{
    int version = mt_read_u8(&r), flags = mt_read_u8(&r);
    size_t sizes[3], padding = version == 1 ? 7 : 0;
    const uint8_t *parts[3];
    for (int i = 0; i < 3; i++)
        sizes[i] = mt_read_u16(&r);
    mt_read_skip(&r, version == 3 ? 1 : 0);
    for (int i = 0; i < 3; i++)
        parts[i] = mt_read_bytes(&r, (sizes[i] + padding) & ~padding);
    if (r.failed || version < 1 || version > 3)
        return mt_fail(err, MT_E_CORRUPT, "an attribute message of version %d is broken", version);
    size_t n = strlen(s->name);
    if (s->found || n > sizes[0] || memcmp(parts[0], s->name, n) != 0 || (n < sizes[0] && parts[0][n] != 0))
        return MT_OK;
    flags = version == 1 ? 0 : flags;
    mt_reader type, space;
    mt_status st = open_part(s, H5_MSG_DATATYPE, flags & 1, parts[1], sizes[1], &type, err);
    if (st || (st = open_part(s, H5_MSG_DATASPACE, flags & 2, parts[2], sizes[2], &space, err)) ||
        (st = h5_read_type(&type, &s->out->type, err)) || (st = h5_read_space(s->file, &space, &s->out->space, err)))
        return st;
    s->out->file = s->file;
    s->out->data = r;
    s->found = true;
    return count_elements(s->out, err);
}

/* Records of the B-tree of attribute names end with the hash of the name. */
static int compare_hash(const void *user, mt_reader record)
{
    const search *s = user;
    mt_read_skip(&record, record.size < 4 ? 0 : record.size - 4);
    uint32_t hash = mt_read_u32(&record);
    return hash < s->hash ? -1 : hash > s->hash;
}

static mt_status visit(void *user, mt_reader record, mt_error *err)
{
    search *s = user;
    mt_reader message;
    if (record.size < 17)
        return mt_fail(err, MT_E_CORRUPT, "a record of attributes has %zu bytes", record.size);
    if (record.data[8] & 2)
        return mt_fail(err, MT_E_UNSUPPORTED, "attributes in a shared heap are not supported");
    mt_status st = h5_read_heap(s->file, s->arena, s->heap, mt_reader_over(record.data, 8, false), &message, err);
    return st ? st : read_attribute(s, message, err);
}

static mt_status search_dense(search *s, mt_reader r, mt_error *err)
{
    int version = mt_read_u8(&r), flags = mt_read_u8(&r);
    mt_read_skip(&r, flags & 1 ? 2 : 0);
    s->heap = h5_read_address(s->file, &r);
    uint64_t tree = h5_read_address(s->file, &r);
    if (r.failed || version != 0)
        return mt_fail(err, MT_E_CORRUPT, "an attribute info message of version %d is broken", version);
    if (s->heap == H5_UNDEFINED || tree == H5_UNDEFINED)
        return MT_OK;
    h5_tree_walk walk = { .type = 8, .compare = compare_hash, .visit = visit, .user = s };
    return h5_walk_tree(s->file, tree, &walk, err);
}

mt_status h5_find_attribute(mt_arena *arena, const h5_object *object, const char *name, bool *found, h5_attribute *out,
                            mt_error *err)
{
    search s = { .file = object->file, .arena = arena, .name = name, .out = out };
    s.hash = h5_checksum((const uint8_t *)name, strlen(name));
    mt_status st = MT_OK;
    for (const h5_message *m = object->first; m && !st && !s.found; m = m->next) {
        mt_reader r = m->body;
        if (m->type == H5_MSG_ATTRIBUTE && !m->shared)
            st = read_attribute(&s, r, err);
        else if (m->type == H5_MSG_ATTRIBUTE_INFO)
            st = search_dense(&s, r, err);
    }
    *found = s.found;
    return st;
}

/* Copies text without its padding of NULs or spaces. */
static mt_status copy_text(mt_arena *arena, const uint8_t *bytes, size_t n, const char **out, mt_error *err)
{
    const uint8_t *end = n ? memchr(bytes, 0, n) : NULL;
    n = end ? (size_t)(end - bytes) : n;
    while (n > 0 && bytes[n - 1] == ' ')
        n--;
    *out = mt_arena_strndup(arena, (const char *)bytes, n, err);
    return *out ? MT_OK : MT_E_MEMORY;
}

static mt_status read_variable(const h5_file *file, mt_arena *arena, mt_reader *r, const char **out, mt_error *err)
{
    uint32_t length = mt_read_u32(r);
    uint64_t address = h5_read_address(file, r);
    uint32_t index = mt_read_u32(r);
    mt_reader text;
    if (r->failed || address == 0 || address == H5_UNDEFINED) {
        *out = length == 0 ? "" : NULL;
        return MT_OK;
    }
    mt_status st = h5_read_global(file, arena, address, index, &text, err);
    if (st)
        return st;
    return copy_text(arena, text.data, text.size < length ? text.size : length, out, err);
}

mt_status h5_attribute_text(mt_arena *arena, const h5_attribute *a, uint64_t i, const char **out, mt_error *err)
{
    mt_reader r = a->data;
    *out = NULL;
    if (a->type.kind == H5_STRING && a->type.size == 1 && i == 0 && a->count <= LONGEST_TEXT)
        return copy_text(arena, r.data + r.position, (size_t)a->count, out, err);
    if (i >= a->count || a->type.size > LONGEST_TEXT)
        return MT_OK;
    mt_read_skip(&r, (size_t)i * a->type.size);
    if (a->type.kind == H5_STRING)
        return copy_text(arena, r.data + r.position, a->type.size, out, err);
    return a->type.is_text ? read_variable(a->file, arena, &r, out, err) : MT_OK;
}

mt_status h5_attribute_reference(mt_arena *arena, const h5_attribute *a, uint64_t i, uint64_t *out, mt_error *err)
{
    mt_reader r = a->data;
    *out = H5_UNDEFINED;
    if (a->type.kind != H5_VARIABLE || a->type.is_text || i >= a->count)
        return MT_OK;
    mt_read_skip(&r, (size_t)i * a->type.size);
    uint32_t n = mt_read_u32(&r);
    uint64_t address = h5_read_address(a->file, &r);
    uint32_t index = mt_read_u32(&r);
    if (r.failed || n == 0 || address == 0 || address == H5_UNDEFINED)
        return MT_OK;
    mt_status st = h5_read_global(a->file, arena, address, index, &r, err);
    if (!st)
        *out = h5_read_address(a->file, &r);
    return st ? st : r.failed ? mt_fail(err, MT_E_CORRUPT, "a reference is cut off") : MT_OK;
}

mt_status h5_forgive(mt_status st, const mt_error *own, mt_error *err)
{
    if (st == MT_OK || st == MT_E_CORRUPT || st == MT_E_UNSUPPORTED || st == MT_E_NOT_FOUND)
        return MT_OK;
    return mt_fail(err, st, "%s", own->message);
}

bool h5_attribute_number(const h5_attribute *a, uint64_t i, double *out)
{
    mt_reader r = a->data;
    r.big_endian = a->type.big_endian;
    if (i >= a->count)
        return false;
    mt_read_skip(&r, (size_t)i * a->type.size);
    switch (a->type.dtype) {
    case MT_UINT8:
    case MT_BOOL: *out = mt_read_u8(&r); break;
    case MT_INT8: *out = (int8_t)mt_read_u8(&r); break;
    case MT_UINT16: *out = mt_read_u16(&r); break;
    case MT_INT16: *out = (int16_t)mt_read_u16(&r); break;
    case MT_UINT32: *out = mt_read_u32(&r); break;
    case MT_INT32: *out = mt_read_i32(&r); break;
    case MT_UINT64: *out = (double)mt_read_u64(&r); break;
    case MT_INT64: *out = (double)(int64_t)mt_read_u64(&r); break;
    case MT_FLOAT32: *out = (double)mt_read_f32(&r); break;
    case MT_FLOAT64: *out = mt_read_f64(&r); break;
    default: return false;
    }
    return !r.failed;
}

mt_status h5_get_text(mt_arena *arena, const h5_object *object, const char *name, const char **out, mt_error *err)
{
    h5_attribute a;
    bool found = false;
    *out = NULL;
    mt_status st = h5_find_attribute(arena, object, name, &found, &a, err);
    if (st || !found)
        return st;
    return h5_attribute_text(arena, &a, 0, out, err);
}
