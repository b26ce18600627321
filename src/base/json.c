/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/json.h"

#include "base/checked.h"

#include <stdbool.h>
#include <string.h>

/* Upper bound of the memory that jansson uses per bracket, comma and colon, with the value that follows it. */
#define MARK_BYTES 128

/* Rewrites a document for jansson: values that it would refuse or misread become strings. */
typedef struct rewriter {
    const char *in, *end;
    char *out;
    size_t depth, marks;
    const mt_limits *limits;
    const char *what;
} rewriter;

static void put(rewriter *r, const char *text, size_t n)
{
    memcpy(r->out, text, n);
    r->out += n;
}

static void put_quoted(rewriter *r, const char *text, size_t n)
{
    put(r, "\"", 1);
    put(r, text, n);
    put(r, "\"", 1);
}

static void copy_string(rewriter *r)
{
    const char *start = r->in++;
    while (r->in < r->end && *r->in != '"')
        r->in += *r->in == '\\' && r->in + 1 < r->end ? 2 : 1;
    if (r->in < r->end)
        r->in++;
    put(r, start, (size_t)(r->in - start));
}

/* Whether an integer, with an optional sign, does not fit an int64_t. */
static bool is_long_integer(const char *text, size_t n)
{
    bool negative = *text == '-';
    uint64_t value = 0;
    for (size_t i = negative; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        if (mt_mul_u64(value, 10, &value) || mt_add_u64(value, (uint64_t)(text[i] - '0'), &value))
            return true;
    }
    return value > (uint64_t)INT64_MAX + negative;
}

/* Copies a number or a bare word, up to the next structural character. */
static void copy_word(rewriter *r)
{
    const char *start = r->in;
    while (r->in < r->end && *r->in && !strchr(" \t\r\n,:[]{}\"", *r->in))
        r->in++;
    size_t n = (size_t)(r->in - start);
    bool word = (n == 3 && memcmp(start, "NaN", 3) == 0) || (n == 8 && memcmp(start, "Infinity", 8) == 0) ||
                (n == 9 && memcmp(start, "-Infinity", 9) == 0);
    if (word || is_long_integer(start, n))
        put_quoted(r, start, n);
    else
        put(r, start, n);
}

static mt_status take_mark(rewriter *r, char c, mt_error *err)
{
    if ((c == '[' || c == '{') && ++r->depth > r->limits->max_json_depth)
        return mt_fail(err, MT_E_LIMIT, "%s is nested deeper than max_json_depth (%zu)", r->what,
                       r->limits->max_json_depth);
    if ((c == ']' || c == '}') && r->depth > 0)
        r->depth--;
    if (strchr("[{,:", c) && ++r->marks > r->limits->max_metadata_bytes / MARK_BYTES)
        return mt_fail(err, MT_E_LIMIT, "%s takes more than max_metadata_bytes (%zu)", r->what,
                       r->limits->max_metadata_bytes);
    put(r, r->in++, 1);
    return MT_OK;
}

static mt_status rewrite(rewriter *r, mt_error *err)
{
    mt_status st = MT_OK;
    while (!st && r->in < r->end) {
        char c = *r->in;
        if (c == '"') {
            copy_string(r);
        } else if (c && strchr("-0123456789NI", c)) {
            copy_word(r);
        } else if (c && strchr("[]{},:", c)) {
            st = take_mark(r, c, err);
        } else {
            put(r, r->in++, 1);
        }
    }
    return st;
}

mt_status mt_json_parse(mt_env *env, const char *text, size_t size, const char *what, json_t **out, mt_error *err)
{
    const mt_limits *limits = &env->limits;
    if (size > limits->max_json_bytes)
        return mt_fail(err, MT_E_LIMIT, "%s has %zu bytes, more than max_json_bytes (%zu)", what, size,
                       limits->max_json_bytes);
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3, size -= 3;
    size_t room = 3 * size + 3; /* worst case: quoting one character makes three */
    void *memory;
    mt_status st = mt_alloc(env, room, &memory, err);
    if (st)
        return st;
    rewriter r = { .in = text, .end = text + size, .out = memory, .limits = limits, .what = what };
    st = rewrite(&r, err);
    if (!st) {
        json_error_t error;
        *out = json_loadb(memory, (size_t)(r.out - (char *)memory), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (!*out)
            st = mt_fail(err, MT_E_CORRUPT, "%s: line %d, column %d: %s", what, error.line, error.column, error.text);
    }
    mt_release(env, memory, room);
    return st;
}

static int put_text(const char *text, size_t n, void *out)
{
    mt_buffer *buffer = out;
    mt_put_bytes(buffer, text, n);
    return buffer->status ? -1 : 0;
}

mt_status mt_json_write(const json_t *value, bool indented, mt_buffer *out, mt_error *err)
{
    size_t flags = JSON_ENCODE_ANY | (indented ? JSON_INDENT(2) : JSON_COMPACT);
    return value && json_dump_callback(value, put_text, out, flags) == 0 ? MT_OK
                                                                         : mt_fail(err, MT_E_MEMORY, "out of memory");
}
