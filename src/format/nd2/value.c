/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata of version 3 ("lite variant"): type, name in UTF-16, value; levels hold further values. */
#include "codec/codec.h"
#include "format/nd2/nd2.h"

#include <math.h>
#include <string.h>

#define MAX_DEPTH 64 /* of levels */

/* Types of values. */
enum {
    BOOL = 1,
    INT32 = 2,
    UINT32 = 3,
    INT64 = 4,
    UINT64 = 5,
    REAL = 6,
    POINTER = 7,
    TEXT = 8,
    BYTES = 9,
    LEVEL = 11,
    COMPRESSED = 'L',
};

static mt_status no_memory(const mt_error *err) { return err && err->status ? err->status : MT_E_MEMORY; }

nd2_value *nd2_add(mt_arena *arena, nd2_value *parent, nd2_value **last, const char *name, mt_error *err)
{
    nd2_value *value = mt_arena_alloc(arena, 1, sizeof *value, err);
    if (!value)
        return NULL;
    *value = (nd2_value) { .name = name, .number = NAN };
    *(*last ? &(*last)->next : &parent->first) = value;
    return *last = value;
}

const nd2_value *nd2_find(const nd2_value *level, const char *name)
{
    const nd2_value *v = level ? level->first : NULL;
    while (v && strcmp(v->name, name) != 0)
        v = v->next;
    return v;
}

double nd2_number(const nd2_value *level, const char *name, double missing)
{
    const nd2_value *v = nd2_find(level, name);
    return v && isfinite(v->number) ? v->number : missing;
}

const char *nd2_text(const nd2_value *level, const char *name)
{
    const nd2_value *v = nd2_find(level, name);
    return v && v->text ? v->text : "";
}

const nd2_value *nd2_unwrap(const nd2_value *level)
{
    const nd2_value *only = level ? level->first : NULL;
    return only && !only->next && only->first && *only->name == 0 ? only : level;
}

/* Writes a character as UTF-8 and returns the number of bytes, at most 4. */
static size_t put_character(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(0xf00 >> n | c);
    return n;
}

/* Decodes n units of UTF-16; an unpaired surrogate becomes U+FFFD. NULL if out of memory. */
static char *decode_text(mt_arena *arena, const uint8_t *units, size_t n, mt_error *err)
{
    size_t size = 0;
    char *out = mt_arena_alloc(arena, 3 * n + 1, 1, err);
    for (size_t i = 0; out && i < n; i++) {
        uint32_t c = mt_load_u16le(units + 2 * i);
        uint32_t next = i + 1 < n ? mt_load_u16le(units + 2 * i + 2) : 0;
        if (c >= 0xd800 && c < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (next - 0xdc00);
            i++;
        } else if (c >= 0xd800 && c < 0xe000) {
            c = 0xfffd;
        }
        size += put_character(c, out + size);
    }
    return out;
}

/* Reads a text that ends with a zero unit, or where the level ends. */
static mt_status read_text(mt_reader *r, mt_arena *arena, const char **out, mt_error *err)
{
    size_t n = 0, most = mt_read_left(r) / 2;
    const uint8_t *units = r->data + r->position;
    while (n < most && mt_load_u16le(units + 2 * n) != 0)
        n++;
    mt_read_skip(r, 2 * (n < most ? n + 1 : n));
    *out = decode_text(arena, units, n, err);
    return *out ? MT_OK : no_memory(err);
}

static mt_status read_bytes(mt_reader *r, nd2_value *out, mt_error *err)
{
    uint64_t n = mt_read_u64(r);
    out->bytes = n <= mt_read_left(r) ? mt_read_bytes(r, (size_t)n) : NULL;
    out->n_bytes = (size_t)n;
    return out->bytes ? MT_OK : mt_fail(err, MT_E_CORRUPT, "%s has %llu bytes", out->name, (unsigned long long)n);
}

static mt_status parse_values(mt_arena *arena, mt_reader *r, uint64_t count, nd2_value *parent, int depth,
                              mt_error *err);

/* start: position of the value. Offsets of the values in the level follow it. */
static mt_status read_level(mt_arena *arena, mt_reader *r, size_t start, nd2_value *out, int depth, mt_error *err)
{
    uint32_t count = mt_read_u32(r);
    uint64_t length = mt_read_u64(r);
    if (r->failed || length < r->position - start || length > r->size - start)
        return mt_fail(err, MT_E_CORRUPT, "level %s has %llu bytes", out->name, (unsigned long long)length);
    if (depth == MAX_DEPTH)
        return mt_fail(err, MT_E_LIMIT, "more than %d levels", MAX_DEPTH);
    mt_reader inside = mt_reader_over(r->data, start + (size_t)length, false);
    inside.position = r->position;
    mt_read_seek(r, inside.size);
    mt_status st = parse_values(arena, &inside, count, out, depth + 1, err);
    uint64_t offsets = (uint64_t)count * 8;
    mt_read_skip(r, offsets < mt_read_left(r) ? (size_t)offsets : mt_read_left(r));
    return st;
}

static mt_status read_value(mt_arena *arena, mt_reader *r, uint8_t type, size_t start, nd2_value *out, int depth,
                            mt_error *err)
{
    switch (type) {
    case BOOL: out->number = mt_read_u8(r) != 0; return MT_OK;
    case INT32: out->number = mt_read_i32(r); return MT_OK;
    case UINT32: out->number = mt_read_u32(r); return MT_OK;
    case INT64: out->number = (double)(int64_t)mt_read_u64(r); return MT_OK;
    case UINT64: out->number = (double)mt_read_u64(r); return MT_OK;
    case REAL: out->number = mt_read_f64(r); return MT_OK;
    case TEXT: return read_text(r, arena, &out->text, err);
    case POINTER:
    case BYTES: return read_bytes(r, out, err);
    case LEVEL: return read_level(arena, r, start, out, depth, err);
    default: return mt_fail(err, MT_E_CORRUPT, "%s has the unknown type %d", out->name, type);
    }
}

/* Some writers count more values than there are. */
static mt_status parse_values(mt_arena *arena, mt_reader *r, uint64_t count, nd2_value *parent, int depth,
                              mt_error *err)
{
    nd2_value *last = NULL;
    for (uint64_t i = 0; i < count && mt_read_left(r) > 0; i++) {
        size_t start = r->position;
        uint8_t type = mt_read_u8(r), length = mt_read_u8(r);
        const uint8_t *units = mt_read_bytes(r, 2u * length);
        if (!units)
            break;
        const char *name = length > 1 ? decode_text(arena, units, length - 1u, err) : "";
        nd2_value *value = name ? nd2_add(arena, parent, &last, name, err) : NULL;
        mt_status st = value ? read_value(arena, r, type, start, value, depth, err) : no_memory(err);
        if (st)
            return st;
    }
    return r->failed ? mt_fail(err, MT_E_CORRUPT, "a value ends early") : MT_OK;
}

/* Decodes a zlib stream of unknown size, with ever more room. */
static mt_status inflate(mt_arena *arena, const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size,
                         mt_error *err)
{
    enum { FIRST = 8, GROWTH = 6, MOST = 1032 }; /* deflate expands a byte to at most 1032 */
    const mt_codec *zlib = mt_codec_find("zlib");
    size_t limit = mt_arena_env(arena)->limits.max_metadata_bytes;
    mt_scratch *scratch;
    mt_chain chain = { 0 };
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_chain_add(&chain, zlib, NULL, err);
    if (st || (st = mt_scratch_new(mt_arena_env(arena), &scratch, err)))
        return st;
    for (size_t factor = FIRST;; factor *= GROWTH) {
        size_t room = size > limit / factor ? limit : size * factor + 64;
        *out = mt_arena_alloc(arena, room, 1, err);
        mt_error_reset(&own);
        st = *out ? zlib->decode(NULL, bytes, size, *out, room, out_size, scratch, &own) : no_memory(err);
        if (st != MT_E_CORRUPT || factor > MOST || room == limit)
            break;
    }
    mt_scratch_free(scratch);
    return st && own.status ? mt_fail(err, st, "%s", own.message) : st;
}

static mt_status parse_binary(mt_arena *arena, const uint8_t *bytes, size_t size, nd2_value *root, mt_error *err)
{
    enum { COMPRESSED_HEAD = 12 };
    mt_status st = MT_OK;
    if (size > COMPRESSED_HEAD && bytes[0] == COMPRESSED) {
        uint8_t *decoded = NULL;
        st = inflate(arena, bytes + COMPRESSED_HEAD, size - COMPRESSED_HEAD, &decoded, &size, err);
        bytes = decoded;
    }
    if (st)
        return st;
    mt_reader r = mt_reader_over(bytes, size, false);
    return parse_values(arena, &r, 1, root, 0, err);
}

mt_status nd2_parse(mt_arena *arena, const uint8_t *bytes, size_t size, const char *what, const nd2_value **out,
                    const char **repair, mt_error *err)
{
    nd2_value *root = mt_arena_alloc(arena, 1, sizeof *root, err);
    if (!root)
        return no_memory(err);
    *root = (nd2_value) { .name = "", .number = NAN };
    *out = root;
    *repair = NULL;
    if (size > 0 && bytes[0] == '<')
        return nd2_parse_xml(arena, bytes, size, what, root, repair, err);
    mt_status st = parse_binary(arena, bytes, size, root, err);
    if (st)
        mt_error_prefix(err, "%s", what);
    return st;
}
