/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/http/response.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MOST_ASKED (UINT64_C(1) << 50) /* open-ended limit: servers parse numbers of 63 or of 53 bits */

void mt_response_init(mt_response *r)
{
    *r = (mt_response) { .first = 1, .total = MT_SIZE_UNKNOWN, .length = MT_SIZE_UNKNOWN };
}

static char to_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool is_text(const char *a, size_t n, const char *lower)
{
    size_t i = 0;
    while (i < n && lower[i] && to_lower(a[i]) == lower[i])
        i++;
    return i == n && lower[i] == 0;
}

static void copy(char *out, size_t room, const char *text, size_t n)
{
    if (n >= room)
        n = 0; /* a truncated value would be a different one */
    memcpy(out, text, n);
    out[n] = 0;
}

/* Parses digits at *at and advances it; false if there are none or the number exceeds 63 bits. */
static bool take_number(const char **at, const char *end, uint64_t *out)
{
    const char *from = *at;
    *out = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        unsigned digit = (unsigned)(**at - '0');
        if (*out > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    return *at > from;
}

/* "bytes first-last/total", where total may be '*', and "bytes * /total" without the space. RFC 9110, 14.4. */
static bool take_range(mt_response *r, const char *at, const char *end)
{
    if (end - at < 6 || !is_text(at, 6, "bytes "))
        return false;
    at += 6;
    if (at < end && *at == '*')
        at++;
    else if (!take_number(&at, end, &r->first) || at == end || *at++ != '-' || !take_number(&at, end, &r->last) ||
             r->last < r->first)
        return false;
    if (at == end || *at++ != '/')
        return false;
    if (end - at == 1 && *at == '*')
        return true;
    return take_number(&at, end, &r->total) && at == end && (r->first > r->last || r->last < r->total);
}

static void take_length(mt_response *r, const char *at, const char *end)
{
    if (!take_number(&at, end, &r->length) || at != end)
        r->length = MT_SIZE_UNKNOWN;
}

static void take_field(mt_response *r, const char *name, size_t name_size, const char *value, size_t n)
{
    if (is_text(name, name_size, "content-range")) {
        bool again = r->has_range || r->bad_range;
        r->has_range = !again && take_range(r, value, value + n);
        r->bad_range = !r->has_range;
    } else if (is_text(name, name_size, "content-length")) {
        take_length(r, value, value + n);
    } else if (is_text(name, name_size, "transfer-encoding")) {
        r->ends_clearly = true;
    } else if (is_text(name, name_size, "content-encoding")) {
        if (!is_text(value, n, "identity") && n > 0)
            snprintf(r->encoding, sizeof r->encoding, "%.*s", n > 20 ? 20 : (int)n, value);
    } else if (is_text(name, name_size, "etag")) {
        if (n > 2 && value[0] == '"') /* a weak ETag, W/"...", does not identify bytes */
            copy(r->etag, sizeof r->etag, value, n);
    } else if (is_text(name, name_size, "last-modified")) {
        copy(r->modified, sizeof r->modified, value, n);
    } else if (is_text(name, name_size, "retry-after")) {
        copy(r->retry_after, sizeof r->retry_after, value, n);
    }
}

/* "HTTP/1.1 206 Partial Content" */
static void take_status(mt_response *r, const char *line, size_t n)
{
    uint64_t code = 0;
    const char *at = memchr(line, ' ', n), *end = line + n;
    mt_response_init(r);
    r->ends_clearly = n > 5 && line[5] >= '2';
    if (at && take_number((at++, &at), end, &code) && code < 1000)
        r->code = (int)code;
}

void mt_response_take_line(mt_response *r, const char *line, size_t n)
{
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r' || line[n - 1] == ' ' || line[n - 1] == '\t'))
        n--;
    if (n >= 5 && is_text(line, 5, "http/")) {
        take_status(r, line, n);
        return;
    }
    const char *colon = memchr(line, ':', n);
    if (!colon)
        return;
    const char *value = colon + 1;
    while (value < line + n && (*value == ' ' || *value == '\t'))
        value++;
    take_field(r, line, (size_t)(colon - line), value, (size_t)(line + n - value));
}

void mt_range_text(const mt_transfer *t, char *out, size_t room)
{
    uint64_t size = t->size == 0 ? 1 : t->size > MOST_ASKED ? MOST_ASKED : t->size;
    uint64_t offset = t->span == MT_SPAN_WHOLE ? 0 : t->offset;
    if (t->span == MT_SPAN_TAIL)
        snprintf(out, room, "-%" PRIu64, size);
    else
        snprintf(out, room, "%" PRIu64 "-%" PRIu64, offset, offset + size - 1);
}

mt_status mt_span_in_object(const mt_transfer *t, uint64_t object_size, uint64_t *offset, size_t *size, mt_error *err)
{
    uint64_t from = t->span == MT_SPAN_SOME ? t->offset : 0, left = object_size > from ? object_size - from : 0;
    uint64_t n = t->size < left ? t->size : left;
    *offset = t->span == MT_SPAN_TAIL ? object_size - n : t->span == MT_SPAN_WHOLE ? 0 : t->offset;
    *size = (size_t)n;
    if (t->span == MT_SPAN_WHOLE && object_size > t->size)
        return mt_fail(err, MT_E_LIMIT, "%s has %" PRIu64 " bytes, more than %zu", t->name, object_size, t->size);
    if (t->span == MT_SPAN_RANGE && (t->offset > object_size || t->size > object_size - t->offset))
        return mt_fail(err, MT_E_CORRUPT, "%s has %" PRIu64 " bytes, %zu were expected at byte %" PRIu64, t->name,
                       object_size, t->size, t->offset);
    return MT_OK;
}

/* A 206 response: the part must be the requested one. */
static mt_status plan_part(const mt_response *r, const mt_transfer *t, mt_body *out, mt_error *err)
{
    uint64_t offset = t->offset;
    size_t size = t->size;
    out->object_size = r->total;
    if (r->total == MT_SIZE_UNKNOWN && t->span != MT_SPAN_RANGE)
        return mt_fail(err, MT_E_UNSUPPORTED, "%s: the server does not report the size of the object", t->name);
    if (r->total != MT_SIZE_UNKNOWN) {
        mt_status st = mt_span_in_object(t, r->total, &offset, &size, err);
        if (st)
            return st;
    }
    if (r->first != offset || r->last < r->first || r->last - r->first + 1 != (uint64_t)size)
        return mt_fail(err, MT_E_IO,
                       "%s: the server sent bytes %" PRIu64 " to %" PRIu64 ", and was asked for %zu at byte %" PRIu64,
                       t->name, r->first, r->last, size, offset);
    *out = (mt_body) { MT_BODY_OUT, size, size, r->total };
    return MT_OK;
}

/* 200 without Content-Range: all of the object, even if a part was asked for. */
static mt_status plan_whole(const mt_response *r, const mt_transfer *t, size_t norange, mt_body *out, mt_error *err)
{
    bool fits = t->span == MT_SPAN_WHOLE || (t->span == MT_SPAN_SOME && t->offset == 0 && r->length <= t->size);
    *out = (mt_body) { fits ? MT_BODY_OUT : MT_BODY_WHOLE, r->length, fits ? t->size : norange, r->length };
    if (r->length == MT_SIZE_UNKNOWN && !r->ends_clearly)
        return mt_fail(err, MT_E_UNSUPPORTED,
                       "%s: the server does not report the size of the object: truncation would go unnoticed", t->name);
    if (r->length == MT_SIZE_UNKNOWN || r->length <= out->most)
        return MT_OK;
    if (fits)
        return mt_fail(err, MT_E_LIMIT, "%s has %" PRIu64 " bytes, more than %zu", t->name, r->length, t->size);
    return mt_fail(err, MT_E_LIMIT,
                   "%s: the server cannot send parts of an object, and this one has %" PRIu64
                   " bytes, more than max_norange_bytes (%zu)",
                   t->name, r->length, norange);
}

mt_status mt_response_plan(const mt_response *r, const mt_transfer *t, size_t norange, mt_body *out, mt_error *err)
{
    *out = (mt_body) { MT_BODY_TEXT, MT_SIZE_UNKNOWN, sizeof t->text - 1, MT_SIZE_UNKNOWN };
    bool may_be_empty = t->span != MT_SPAN_RANGE && t->span != MT_SPAN_BODY;
    if (r->code == 416 && may_be_empty && r->has_range && r->total <= (t->span == MT_SPAN_SOME ? t->offset : 0))
        out->object_size = r->total; /* no byte there: the range cannot be satisfied */
    if (r->code < 200 || r->code > 299)
        return MT_OK;
    if (r->encoding[0])
        return mt_fail(err, MT_E_UNSUPPORTED, "%s: the server sends it with Content-Encoding %s", t->name, r->encoding);
    if (t->span == MT_SPAN_BODY) {
        *out = (mt_body) { MT_BODY_OUT, r->length, t->size, MT_SIZE_UNKNOWN };
        if (r->length != MT_SIZE_UNKNOWN && r->length > t->size)
            return mt_fail(err, MT_E_LIMIT, "%s has %" PRIu64 " bytes, more than %zu", t->name, r->length, t->size);
        return MT_OK;
    }
    if (r->bad_range || (r->code == 206 && !r->has_range))
        return mt_fail(err, MT_E_IO, "%s: the server sent a part without saying which (Content-Range)", t->name);
    if (r->code != 200 && r->code != 206)
        return mt_fail(err, MT_E_IO, "%s: the server answered %d, without the object", t->name, r->code);
    return r->has_range ? plan_part(r, t, out, err) : plan_whole(r, t, norange, out, err);
}
