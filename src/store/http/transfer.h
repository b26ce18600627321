/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP transfers: one request and its response, repeated until it is whole, checked, refused or given up. On it stand the
 * HTTP store and the S3 store.
 *
 * A context has one engine with a few threads for I/O, which are started with the first transfer. All hooks are called
 * from these threads and must not block. Survives fork: the child starts without connections and transfers. */
#ifndef MT_STORE_HTTP_TRANSFER_H
#define MT_STORE_HTTP_TRANSFER_H

#include "base/env.h"

#include <microtome/stores.h>

#include <stdbool.h>

#define MT_HTTP_HEADERS 16
#define MT_SIZE_UNKNOWN UINT64_MAX

typedef struct mt_http mt_http;
typedef struct mt_transfer mt_transfer;

/* Which bytes of an object a response must bring. */
typedef enum mt_span {
    MT_SPAN_RANGE, /* exactly size bytes at offset */
    MT_SPAN_SOME,  /* the first size bytes from offset on, or as many as there are */
    MT_SPAN_TAIL,  /* the last size bytes, or all if it has fewer */
    MT_SPAN_WHOLE, /* all, at most size bytes: MT_E_LIMIT, with object_size set, if there are more */
    MT_SPAN_BODY   /* no object: the response of another method or of a query, at most size bytes; no Range is sent */
} mt_span;

typedef enum mt_verdict {
    MT_ACCEPT, /* go on as the engine would without the hook */
    MT_REPEAT, /* at once, with prepare called again: the hook changed something. Counts as a retry. */
    MT_RETRY,  /* after a while, as if the server had answered 503 */
    MT_REFUSE  /* t->status and t->error are set by the hook: no retry */
} mt_verdict;

struct mt_transfer {
    /* The caller's. The struct and all that it points to stay as they are until done is called. */
    const char *method; /* "GET", "PUT", "POST", "DELETE" */
    const char *url;    /* complete and encoded, http:// or https:// */
    const char *name;   /* what errors call it: the URL without its query, or "s3://bucket/key" */
    mt_span span;       /* which bytes to ask for */
    uint64_t offset;    /* byte of the object; of MT_SPAN_RANGE and _SOME */
    size_t size;        /* bytes; see mt_span */
    void *out;        /* size bytes. NULL for MT_SPAN_WHOLE and _BODY: allocated by the engine, freed by the caller with
                       * mt_release(env, out, capacity), also after a failure */
    const void *body; /* sent with PUT and POST */
    size_t body_size; /* bytes of body */
    const char
        *if_match; /* an ETag, NULL: any. Servers that know it answer 412, others leave it to the caller to compare */
    /* Beside those of the engine (Host, Range, If-Match, Accept-Encoding, User-Agent): "Name: value". prepare may change
     * them. Sent only to the scheme, host and port of url. */
    const char *headers[MT_HTTP_HEADERS];
    size_t n_headers;
    bool direct; /* past all proxies */
    bool follow; /* follow redirects, five at most, never from https to http nor from a public to a private address */

    /* Optional: called before each attempt, the first included: signs. */
    mt_status (*prepare)(mt_transfer *t, mt_error *err);
    /* Optional: called after each response with another status than 206 before the engine judges it. t->code, t->etag,
     * mt_transfer_header and, of errors and of 200, t->text are valid. */
    mt_verdict (*judge)(mt_transfer *t);
    void (*done)(mt_transfer *t); /* called once */
    void *user;                   /* of the caller */
    const void *owner, *group;    /* by which transfers are cancelled: the store; the user of a request */

    /* The outcome, valid from done on. MT_E_NOT_FOUND for 404 only. */
    mt_status status;
    mt_error error;
    int code;                /* HTTP status of the last response; 0: there was none */
    size_t n_read, capacity; /* bytes that arrived; bytes of an out that the engine allocated */
    uint64_t object_size;    /* of the whole object, or MT_SIZE_UNKNOWN */
    char etag[128];          /* strong ones only; "" where there is none or it is longer */
    char modified[48];       /* Last-Modified */
    char text[2048];         /* start of the body of an error or of a 200, with a NUL behind */
    /* Not NULL: the server has no ranges and sent all of the object, object_size bytes. out is filled as if it had them;
     * the caller frees this with mt_release(env, whole, whole_capacity) or keeps it for later reads. */
    void *whole;
    size_t whole_capacity;
    unsigned tries; /* responses and failed attempts */

    /* The engine's. */
    mt_http *http;
    mt_transfer *next;                      /* of a queue */
    mt_transfer *live_next, *live_previous; /* of all that are not done */
    struct mt_attempt *attempt;             /* in progress, or NULL */
    struct mt_http_host *host;              /* scheme, host and port of url */
    uint64_t started_ns, due_ns;            /* monotonic: of the first attempt, of the next one */
    unsigned repeats;                       /* by judge */
    _Atomic bool cancelled;                 /* by mt_transfer_cancel */
};

/* options may be NULL. Starts nothing yet. */
MT_MUST_CHECK mt_status mt_http_new(mt_env *env, const mt_http_options *options, mt_http **out, mt_error *err);

/* Ends all transfers with MT_E_CANCELLED. NULL is allowed. */
void mt_http_free(mt_http *http);

const mt_http_options *mt_http_get_options(const mt_http *http); /* no field is zero that has a default */

/* Starts a transfer. done may be called before this returns. */
void mt_transfer_submit(mt_http *http, mt_transfer *t);

/* Starts n transfers and waits for all. done and user of each are used for this. The first failure, or MT_OK. */
MT_MUST_CHECK mt_status mt_transfer_perform(mt_http *http, mt_transfer *transfers, size_t n, mt_error *err);

/* Ends transfers of an owner early, all of them or (group not NULL) those of a group. */
void mt_transfer_cancel(mt_http *http, const void *owner, const void *group);

/* In judge and done: a header of the last response, NULL if it has none. The text is valid until the hook returns. */
const char *mt_transfer_header(const mt_transfer *t, const char *name);

#endif
