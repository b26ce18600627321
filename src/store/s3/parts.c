/* SPDX-License-Identifier: BSD-3-Clause */
/* Source: Amazon S3 API Reference, CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload;
 * Amazon S3 User Guide, "Amazon S3 multipart upload limits", "Checking object integrity". */
#include "store/s3/parts.h"

#include "base/buffer.h"
#include "store/s3/call.h"
#include "store/s3/documents.h"
#include "store/s3/sign.h"

#include <stdio.h>
#include <string.h>

enum { MOST_PARTS = 10000, AT_ONCE = 8, ID_BYTES = 1024, NUMBER_BYTES = 12, ETAG_BYTES = 64 };
#define MOST_BYTES ((uint64_t)5 << 40) /* of an object */

typedef struct upload {
    mt_s3_store *store;
    const char *key;
    const mt_piece *pieces; /* of the object */
    size_t n_pieces;
    uint64_t total, part; /* bytes of the object, and of each part but the last */
    unsigned n_parts;
    mt_buffer list; /* the document that names the parts */
    mt_buffer sums; /* the MD5 of each part, from its ETag */
    char id[ID_BYTES];
} upload;

/* A part at work. */
typedef struct sent {
    mt_s3_call *call;
    mt_piece *pieces; /* of the part; n of them allocated */
    char number[NUMBER_BYTES];
} sent;

static mt_env *env_of(const upload *u) { return u->store->web.base.env; }

static mt_status new_call(const upload *u, const char *method, mt_s3_call **out, mt_error *err)
{
    mt_status st = mt_s3_call_new(u->store, u->key, method, out, err);
    if (!st)
        (*out)->query[(*out)->n_query++] = (mt_s3_pair) { "uploadId", u->id };
    return st;
}

/* --- Begin, end, and failure. --- */

static mt_status begin(upload *u, mt_error *err)
{
    mt_s3_call *c;
    mt_status st = mt_s3_call_new(u->store, u->key, "POST", &c, err);
    if (st)
        return st;
    c->query[c->n_query++] = (mt_s3_pair) { "uploads", "" };
    if (!(st = mt_s3_call_set_body(c, NULL, 0, err)) && !(st = mt_s3_call_perform(c, err))) {
        mt_s3_get_element(c->answer, c->transfer.n_read, "UploadId", u->id, sizeof u->id);
        if (!*u->id || strlen(u->id) == sizeof u->id - 1)
            st = mt_fail(err, MT_E_CORRUPT, "%s: the server began an upload in parts without an id", c->name);
    }
    mt_s3_call_free(c);
    return st;
}

/* Parts that were stored cost money until they are removed. */
static void give_up(const upload *u)
{
    mt_s3_call *c;
    if (new_call(u, "DELETE", &c, NULL))
        return;
    (void)!mt_s3_call_perform(c, NULL);
    mt_s3_call_free(c);
}

/* The ETag of an object that was made of parts: the MD5 of their MD5s, and their number. "" if the ETags of the parts are
 * not MD5s, or the library has no MD5. */
static void find_etag(const upload *u, char out[ETAG_BYTES])
{
    unsigned char sum[MT_S3_MD5_BYTES];
    *out = 0;
    if (u->sums.status || u->sums.size != (size_t)u->n_parts * sizeof sum ||
        !mt_s3_md5(u->sums.data, u->sums.size, sum))
        return;
    int n = snprintf(out, ETAG_BYTES, "\"");
    for (size_t i = 0; i < sizeof sum; i++)
        n += snprintf(out + n, (size_t)(ETAG_BYTES - n), "%02x", sum[i]);
    snprintf(out + n, (size_t)(ETAG_BYTES - n), "-%u\"", u->n_parts);
}

/* Whether the object is there, and made of these parts. */
static bool is_complete(const upload *u)
{
    char etag[ETAG_BYTES];
    mt_s3_call *c;
    find_etag(u, etag);
    if (!*etag || mt_s3_call_new_look(u->store, u->key, &c, NULL))
        return false;
    bool is =
        !mt_s3_call_perform(c, NULL) && c->transfer.object_size == u->total && strcmp(c->transfer.etag, etag) == 0;
    mt_s3_call_free(c);
    return is;
}

/* A server that takes long to join the parts sends status 200 and spaces at once, and the outcome in the body. */
static mt_status read_outcome(const mt_s3_call *c, mt_error *err)
{
    static const char result[] = "<CompleteMultipartUploadResult";
    mt_s3_failure failure;
    size_t n = c->transfer.n_read, i = 0;
    mt_s3_parse_failure(c->answer, n, &failure);
    if (*failure.code)
        return mt_fail(err, MT_E_IO, "%s: the server answered %s %s", c->name, failure.code, failure.message);
    while (i + sizeof result <= n && memcmp(c->answer + i, result, sizeof result - 1) != 0)
        i++;
    if (i + sizeof result <= n && strchr(" \t\r\n/>", c->answer[i + sizeof result - 1]))
        return MT_OK;
    return mt_fail(err, MT_E_IO, "%s: the server has not said that it has joined the parts of the upload", c->name);
}

/* If the answer was lost, a second request, which curl or the engine sends, finds no upload, but the object. */
static mt_status complete(upload *u, mt_error *err)
{
    mt_s3_call *c;
    mt_error why = MT_ERROR_INIT;
    mt_status st = new_call(u, "POST", &c, err);
    if (st)
        return st;
    mt_piece body = { u->list.data, u->list.size };
    if (!(st = mt_s3_call_set_body(c, &body, 1, &why)) && !(st = mt_s3_call_perform(c, &why)))
        st = read_outcome(c, &why);
    bool may_be_there = st && (c->transfer.code == 404 || c->transfer.code == 200);
    mt_s3_call_free(c);
    if (may_be_there && is_complete(u))
        return MT_OK;
    return st ? mt_fail(err, st, "%s", why.message) : MT_OK;
}

/* --- Parts. --- */

/* Cuts bytes out of the pieces; returns the number of those that they become. */
static size_t cut_pieces(const upload *u, uint64_t start, uint64_t size, mt_piece *out)
{
    size_t n = 0;
    for (size_t i = 0; i < u->n_pieces && size > 0; i++) {
        uint64_t has = u->pieces[i].size, skip = start < has ? start : has;
        uint64_t take = has - skip < size ? has - skip : size;
        start -= skip;
        size -= take;
        if (take > 0)
            out[n++] = (mt_piece) { (const char *)u->pieces[i].bytes + skip, (size_t)take };
    }
    return n;
}

static void free_part(const upload *u, sent *s)
{
    mt_s3_call_free(s->call);
    if (s->pieces)
        mt_release(env_of(u), s->pieces, u->n_pieces * sizeof *s->pieces);
}

static mt_status make_part(const upload *u, unsigned number, sent *s, mt_error *err)
{
    void *memory;
    uint64_t start = number * u->part, left = u->total - start;
    mt_status st = mt_alloc(env_of(u), u->n_pieces * sizeof *s->pieces, &memory, err);
    if (st)
        return st;
    s->pieces = memory;
    if ((st = new_call(u, "PUT", &s->call, err)))
        return st;
    snprintf(s->number, sizeof s->number, "%u", number + 1);
    s->call->query[s->call->n_query++] = (mt_s3_pair) { "partNumber", s->number };
    return mt_s3_call_set_body(s->call, s->pieces, cut_pieces(u, start, left < u->part ? left : u->part, s->pieces),
                               err);
}

static void put_words(mt_buffer *b, const char *words) { mt_put_bytes(b, words, strlen(words)); }

/* Adds the MD5 that an ETag is, in most buckets; others have ETags of another kind. */
static void add_sum(upload *u, const char *etag)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[MT_S3_MD5_BYTES];
    if (etag[0] != '"' || strspn(etag + 1, digits) != 2 * sizeof sum)
        return;
    for (size_t i = 0; i < sizeof sum; i++)
        sum[i] = (unsigned char)((strchr(digits, etag[2 * i + 1]) - digits) << 4 |
                                 (strchr(digits, etag[2 * i + 2]) - digits));
    mt_put_bytes(&u->sums, sum, sizeof sum);
}

static mt_status list_part(upload *u, const sent *s, mt_error *err)
{
    const mt_transfer *t = &s->call->transfer;
    if (t->status)
        return mt_fail(err, t->status, "%s", t->error.message);
    if (!t->etag[0] || strpbrk(t->etag, "<&"))
        return mt_fail(err, MT_E_CORRUPT, "%s: the server has given part %s no usable ETag", s->call->name, s->number);
    const char *const words[] = { "<Part><PartNumber>", s->number, "</PartNumber><ETag>", t->etag, "</ETag></Part>" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        put_words(&u->list, words[i]);
    add_sum(u, t->etag);
    return MT_OK;
}

/* Sends up to AT_ONCE parts from one on. */
static mt_status send_some(upload *u, unsigned first, unsigned n, mt_error *err)
{
    sent parts[AT_ONCE] = { { .call = NULL } };
    mt_s3_call *calls[AT_ONCE];
    mt_status st = MT_OK;
    for (unsigned i = 0; i < n && !st; i++) {
        st = make_part(u, first + i, &parts[i], err);
        calls[i] = parts[i].call;
    }
    if (!st)
        mt_s3_call_perform_all(calls, n);
    for (unsigned i = 0; i < n; i++) {
        st = st ? st : list_part(u, &parts[i], err);
        free_part(u, &parts[i]);
    }
    return st;
}

static mt_status send_all(upload *u, mt_error *err)
{
    mt_status st = MT_OK;
    put_words(&u->list, "<CompleteMultipartUpload>");
    for (unsigned i = 0; i < u->n_parts && !st; i += AT_ONCE)
        st = send_some(u, i, u->n_parts - i < AT_ONCE ? u->n_parts - i : AT_ONCE, err);
    put_words(&u->list, "</CompleteMultipartUpload>");
    return st || !u->list.status ? st : mt_fail(err, u->list.status, "out of memory");
}

mt_status mt_s3_put_parts(mt_s3_store *store, const char *key, const mt_piece *pieces, size_t n, uint64_t part,
                          mt_error *err)
{
    upload u = { .store = store, .key = key, .pieces = pieces, .n_pieces = n };
    for (size_t i = 0; i < n; i++)
        u.total += pieces[i].size;
    uint64_t least = u.total / MOST_PARTS + 1;
    u.part = part > least ? part : least;
    u.n_parts = (unsigned)((u.total + u.part - 1) / u.part);
    if (u.total > MOST_BYTES)
        return mt_fail(err, MT_E_UNSUPPORTED,
                       "%s/%s: has %llu bytes; S3 takes objects of at most 5 TiB: choose smaller shards or chunks",
                       store->web.base.url, key, (unsigned long long)u.total);
    mt_status st = begin(&u, err);
    if (st)
        return st;
    u.list = u.sums = mt_buffer_on(env_of(&u));
    if ((st = send_all(&u, err)) || (st = complete(&u, err)))
        give_up(&u);
    mt_buffer_free(&u.list);
    mt_buffer_free(&u.sums);
    return st;
}
