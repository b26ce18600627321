/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP transfers: one request and its response, retried until it is complete and valid, refused, or given up. Used by
 * the HTTP and S3 stores.
 *
 * A context has one engine with a few I/O threads, started with the first transfer. All hooks are called from these
 * threads and must not block. After fork, the child starts without connections and transfers. */
#ifndef MT_STORE_HTTP_TRANSFER_H
#define MT_STORE_HTTP_TRANSFER_H

#include "platform/output.h"

#include <microtome/stores.h>

#include <stdbool.h>

#define MT_HTTP_HEADERS 16
#define MT_SIZE_UNKNOWN UINT64_MAX

typedef struct mt_http mt_http;
typedef struct mt_transfer mt_transfer;

/* The bytes of an object that a response must contain. */
typedef enum mt_span {
    MT_SPAN_RANGE, /* exactly size bytes at offset */
    MT_SPAN_SOME,  /* up to size bytes from offset on */
    MT_SPAN_TAIL,  /* the last size bytes, or all if there are fewer */
    MT_SPAN_WHOLE, /* the whole object; MT_E_LIMIT, with object_size set, if it has more than size bytes */
    /* not an object: the response of another method or of a query, at most size bytes; no Range is sent */
    MT_SPAN_BODY
} mt_span;

typedef enum mt_verdict {
    MT_ACCEPT, /* continue as without the hook */
    MT_REPEAT, /* retry at once after prepare: the hook changed something. Counts as a retry. */
    MT_RETRY,  /* retry after a delay, as for status 503 */
    MT_REFUSE  /* fail without retry: the hook has set t->status and t->error */
} mt_verdict;

struct mt_transfer {
    /* Set by the caller. The struct and everything it points to must stay valid and unchanged until done is called. */
    const char *method; /* "GET", "PUT", "POST", "DELETE" */
    const char *url;    /* complete and encoded, http:// or https:// */
    const char *name;   /* name in errors: the URL without its query, or "s3://bucket/key" */
    mt_span span;       /* which bytes to ask for */
    uint64_t offset;    /* byte of the object; of MT_SPAN_RANGE and _SOME */
    size_t size;        /* bytes; see mt_span */
    void *out; /* size bytes. NULL for MT_SPAN_WHOLE and _BODY: allocated by the engine, freed by the caller with
                       * mt_release(env, out, capacity), also after a failure */
    /* Body of PUT and POST: the pieces, one after the other. NULL: none; n_pieces 0: an empty one. */
    const mt_piece *pieces;
    size_t n_pieces;
    bool only_new; /* with PUT: create the object; servers that support it answer 412 if it exists */
    const char
        /* an ETag, NULL: any. Servers that support it answer 412; with others the caller must compare ETags */
        *if_match;
    /* Additional headers, "Name: value", beside those of the engine (Host, Range, If-Match, If-None-Match, Accept-Encoding,
     * User-Agent). prepare may change them. Sent only to the scheme, host and port of url. */
    const char *headers[MT_HTTP_HEADERS];
    size_t n_headers;
    bool direct; /* bypass proxies */
    bool follow; /* follow redirects, five at most, never from https to http nor from a public to a private address */

    /* Optional: called before each attempt, including the first, for example to sign. */
    mt_status (*prepare)(mt_transfer *t, mt_error *err);
    /* Optional: called after each response with a status other than 206, before the engine evaluates it. t->code,
     * t->etag, mt_transfer_header and, for errors and 200, t->text are valid. */
    mt_verdict (*judge)(mt_transfer *t);
    void (*done)(mt_transfer *t); /* called once */
    void *user;                   /* of the caller */
    const void *owner, *group;    /* keys for cancellation: the store; the user of a request */

    /* The outcome, valid once done is called. MT_E_NOT_FOUND only for 404. */
    mt_status status;
    mt_error error;
    int code;                /* HTTP status of the last response; 0: there was none */
    size_t n_read, capacity; /* bytes that arrived; bytes of an out that the engine allocated */
    uint64_t object_size;    /* of the whole object, or MT_SIZE_UNKNOWN */
    char etag[128];          /* strong ETag; "" if there is none or it is longer */
    char modified[48];       /* Last-Modified */
    char text[2048];         /* start of the body of an error or of a 200, NUL-terminated */
    /* Not NULL if the server does not support ranges and sent the whole object, object_size bytes. out is filled
     * nevertheless. The caller frees whole with mt_release(env, whole, whole_capacity) or keeps it for later reads. */
    void *whole;
    size_t whole_capacity;
    unsigned tries; /* responses and failed attempts */

    /* Private to the engine. */
    mt_http *http;
    mt_transfer *next;                      /* queue */
    mt_transfer *live_next, *live_previous; /* list of all transfers that are not done */
    struct mt_attempt *attempt;             /* in progress, or NULL */
    struct mt_http_host *host;              /* scheme, host and port of url */
    uint64_t started_ns, due_ns;            /* monotonic: of the first attempt, of the next one */
    unsigned repeats;                       /* MT_REPEAT verdicts so far */
    _Atomic bool cancelled;                 /* by mt_transfer_cancel */
};

/* options may be NULL. Starts nothing yet. */
MT_MUST_CHECK mt_status mt_http_new(mt_env *env, const mt_http_options *options, mt_http **out, mt_error *err);

/* Ends all transfers with MT_E_CANCELLED. NULL is allowed. */
void mt_http_free(mt_http *http);

const mt_http_options *mt_http_get_options(const mt_http *http); /* no field is zero that has a default */

/* Starts a transfer. done may be called before the function returns. */
void mt_transfer_submit(mt_http *http, mt_transfer *t);

/* Starts n transfers and waits for all; uses their done and user. Returns the first failure, or MT_OK. */
MT_MUST_CHECK mt_status mt_transfer_perform(mt_http *http, mt_transfer *const *transfers, size_t n, mt_error *err);

/* Cancels the transfers of a group of an owner. */
void mt_transfer_cancel(mt_http *http, const void *owner, const void *group);

/* Only in judge and done: a header of the last response, or NULL. The text is valid until the hook returns. */
const char *mt_transfer_header(const mt_transfer *t, const char *name);

#endif
