/* SPDX-License-Identifier: BSD-3-Clause */
/* NPY 1.0 to 3.0, by numpy/lib/format.py: magic, version, length, and a Python dict of three keys. It is parsed, never
 * evaluated. Arrays of objects (pickles) are refused. */
#include "base/reader.h"
#include "format/format.h"

#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAX_HEADER_BYTES ((size_t)64 << 10)

static mt_status probe(const mt_source *source, int *score, mt_error *err)
{
    (void)err;
    *score = source->head_size >= 6 && memcmp(source->head, MAGIC, 6) == 0 ? 2 : 0;
    return MT_OK;
}

/* The remaining header text, NUL-terminated. */
typedef struct scanner {
    const char *at;
} scanner;

static void skip_space(scanner *s) { s->at += strspn(s->at, " \t\r\n"); }

static bool take(scanner *s, char c)
{
    skip_space(s);
    if (*s->at != c)
        return false;
    s->at++;
    return true;
}

/* A string in single or double quotes without escapes. */
static bool take_string(scanner *s, const char **text, size_t *n)
{
    skip_space(s);
    char quote = *s->at;
    if (quote != '\'' && quote != '"')
        return false;
    const char *end = strchr(s->at + 1, quote);
    if (!end)
        return false;
    *text = s->at + 1;
    *n = (size_t)(end - *text);
    s->at = end + 1;
    return true;
}

static bool take_word(scanner *s, const char *word)
{
    skip_space(s);
    size_t n = strlen(word);
    if (strncmp(s->at, word, n) != 0)
        return false;
    s->at += n;
    return true;
}

/* A decimal number with an optional suffix L (Python 2). */
static bool take_size(scanner *s, int64_t *out)
{
    skip_space(s);
    size_t n = strspn(s->at, "0123456789");
    if (n == 0 || n > 18)
        return false;
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out = *out * 10 + (s->at[i] - '0');
    s->at += n;
    take(s, 'L');
    return true;
}

static mt_status take_shape(scanner *s, mt_chunk_map *map, mt_error *err)
{
    if (!take(s, '('))
        return mt_fail(err, MT_E_CORRUPT, "the shape is not a tuple");
    for (map->ndim = 0; !take(s, ')'); map->ndim++) {
        if (map->ndim == MT_MAX_DIMS)
            return mt_fail(err, MT_E_LIMIT, "more dimensions than max_dimensions (%d)", MT_MAX_DIMS);
        if (!take_size(s, &map->shape[map->ndim]))
            return mt_fail(err, MT_E_CORRUPT, "the shape contains an entry that is not a size");
        skip_space(s);
        if (!take(s, ',') && *s->at != ')')
            return mt_fail(err, MT_E_CORRUPT, "the shape is not a tuple of sizes");
    }
    return MT_OK;
}

static mt_dtype find_dtype(char kind, char size)
{
    static const struct {
        char kind, size;
        mt_dtype dtype;
    } table[] = {
        { 'b', '1', MT_BOOL },  { 'u', '1', MT_UINT8 },   { 'i', '1', MT_INT8 },    { 'u', '2', MT_UINT16 },
        { 'i', '2', MT_INT16 }, { 'u', '4', MT_UINT32 },  { 'i', '4', MT_INT32 },   { 'u', '8', MT_UINT64 },
        { 'i', '8', MT_INT64 }, { 'f', '2', MT_FLOAT16 }, { 'f', '4', MT_FLOAT32 }, { 'f', '8', MT_FLOAT64 }
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].kind == kind && table[i].size == size)
            return table[i].dtype;
    return (mt_dtype)0;
}

static mt_status take_dtype(scanner *s, mt_chunk_map *map, mt_error *err)
{
    const char *text;
    size_t n;
    skip_space(s);
    if (*s->at == '[')
        return mt_fail(err, MT_E_UNSUPPORTED, "structured arrays are not supported");
    if (!take_string(s, &text, &n) || n < 2)
        return mt_fail(err, MT_E_CORRUPT, "descr is not a type");
    if (memchr(text, 'O', n))
        return mt_fail(err, MT_E_UNSUPPORTED, "arrays of Python objects (pickles) are not supported");
    if (memchr(text, 'c', n))
        return mt_fail(err, MT_E_UNSUPPORTED, "complex numbers are not supported");
    map->dtype = n == 3 && strchr("<>|=", text[0]) ? find_dtype(text[1], text[2]) : (mt_dtype)0;
    if (!map->dtype)
        return mt_fail(err, MT_E_UNSUPPORTED, "the type '%.*s' is not supported", (int)(n < 32 ? n : 32), text);
    map->swap =
        mt_dtype_size(map->dtype) > 1 && (text[0] == '>') != mt_host_big_endian() && text[0] != '=' && text[0] != '|';
    return MT_OK;
}

enum { DESCR = 1, ORDER = 2, SHAPE = 4 };

static mt_status take_item(scanner *s, mt_chunk_map *map, bool *fortran, int *seen, mt_error *err)
{
    const char *key;
    size_t n;
    if (!take_string(s, &key, &n) || !take(s, ':'))
        return mt_fail(err, MT_E_CORRUPT, "the header is not a dict");
    int which = n == 5 && memcmp(key, "descr", n) == 0            ? DESCR
                : n == 13 && memcmp(key, "fortran_order", n) == 0 ? ORDER
                : n == 5 && memcmp(key, "shape", n) == 0          ? SHAPE
                                                                  : 0;
    if (which == 0 || (*seen & which))
        return mt_fail(err, MT_E_CORRUPT, "the header has an unknown or repeated key '%.*s'", (int)(n < 32 ? n : 32),
                       key);
    *seen |= which;
    if (which == DESCR)
        return take_dtype(s, map, err);
    if (which == SHAPE)
        return take_shape(s, map, err);
    *fortran = take_word(s, "True");
    return *fortran || take_word(s, "False") ? MT_OK : mt_fail(err, MT_E_CORRUPT, "fortran_order is not a bool");
}

static mt_status parse_header(const char *text, mt_chunk_map *map, bool *fortran, mt_error *err)
{
    scanner s = { text };
    int seen = 0;
    if (!take(&s, '{'))
        return mt_fail(err, MT_E_CORRUPT, "the header is not a dict");
    while (!take(&s, '}')) {
        mt_status st = take_item(&s, map, fortran, &seen, err);
        if (st)
            return st;
        skip_space(&s);
        if (!take(&s, ',') && *s.at != '}')
            return mt_fail(err, MT_E_CORRUPT, "the header ends early");
    }
    return seen == (DESCR | ORDER | SHAPE) ? MT_OK : mt_fail(err, MT_E_CORRUPT, "the header lacks a key");
}

/* Reads the header's text; *offset is where the data starts. */
static mt_status load_header(const mt_source *source, mt_arena *arena, char **text, uint64_t *offset, mt_error *err)
{
    mt_reader r = mt_reader_over(source->head, source->head_size, false);
    mt_read_skip(&r, 6);
    uint8_t major = mt_read_u8(&r), minor = mt_read_u8(&r);
    if (major < 1 || major > 3 || minor != 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "version %d.%d of the format is not supported", major, minor);
    size_t length = major == 1 ? mt_read_u16(&r) : mt_read_u32(&r);
    if (r.failed)
        return mt_fail(err, MT_E_CORRUPT, "the file ends inside its header");
    if (length > MAX_HEADER_BYTES)
        return mt_fail(err, MT_E_CORRUPT, "a header of %zu bytes", length);
    *text = mt_arena_alloc(arena, length + 1, 1, err);
    if (!*text)
        return MT_E_MEMORY;
    *offset = r.position + length;
    return mt_store_read_at(source->store, source->key, r.position, *text, length, err);
}

static mt_status map_array(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    (void)part;
    const mt_source *source = &container->source;
    char *text = NULL;
    uint64_t offset = 0;
    bool fortran = false;
    mt_status st = load_header(source, map->arena, &text, &offset, err);
    if (st || (st = parse_header(text, map, &fortran, err)))
        return st;
    map->ask_axes = true;
    memset(map->axes, '?', (size_t)map->ndim);
    st = mt_chunk_map_contiguous(map, source->key, offset, fortran, err);
    return st ? st : mt_chunk_map_check_size(map, err);
}

const mt_format mt_format_npy = {
    .name = "npy", .title = "NumPy NPY", .suffixes = "npy", .probe = probe, .map = map_array
};
