/* SPDX-License-Identifier: BSD-3-Clause */
/* Internals of the transfer engine: I/O threads (engine.c), their loop (loop.c), one attempt (attempt.c). */
#ifndef MT_STORE_HTTP_ENGINE_H
#define MT_STORE_HTTP_ENGINE_H

#include "platform/thread.h"
#include "store/http/response.h"
#include "store/http/retry.h"

#include <curl/curl.h>

#define MT_HTTP_THREADS 8
#define MT_HEADER_BYTES 8192 /* of a line of the options' headers, and its end */
#define MT_MOST_REPEATS 4    /* most MT_REPEAT verdicts for one transfer */

/* An I/O thread with its own curl_multi. */
typedef struct mt_http_loop {
    mt_http *http;                         /* that owns the loop */
    mt_lock lock;                          /* guards the fields below */
    mt_transfer *first, *last;             /* queue of submitted transfers, not yet taken by the thread */
    mt_transfer *live;                     /* all transfers that are not done */
    bool running, stopping, has_cancelled; /* state of the thread */
    CURLM *multi;                          /* used by the thread alone */
    mt_thread thread;                      /* valid while running */
} mt_http_loop;

struct mt_http {
    mt_env *env;                             /* memory and limits */
    mt_http_options options;                 /* owns its strings */
    bool proxied;                            /* the environment names proxies: peer addresses are those of proxies */
    bool (*is_private)(const char *address); /* mt_address_is_private, replaced in tests */
    mt_lock lock;                            /* guards the waits signals the end of mt_transfer_perform */
    mt_condition done;                       /* of mt_transfer_perform */
    _Atomic unsigned turn;                   /* counter that spreads transfers over loops */
    mt_http_loop loops[MT_HTTP_THREADS];     /* one for each thread */
};

/* The thread function of a loop, its argument; returns after loop->stopping. */
void mt_http_run(void *argument);

/* One request and its response. Reused with its easy handle. */
typedef struct mt_attempt {
    mt_http *http;                      /* that owns the attempt */
    mt_transfer *t;                     /* that is served */
    CURL *easy;                         /* kept between attempts */
    struct curl_slist *headers;         /* of the request */
    char *url;                          /* target of a redirect; NULL: the URL of the transfer */
    unsigned hops;                      /* redirects followed so far */
    bool from_public;                   /* a public address redirected here */
    bool address_refused;               /* the address here is not public */
    bool *knows_private;                /* of the loop: a connection to a private address may be open */
    mt_response response;               /* head of the response */
    mt_body body;                       /* how to treat the body */
    size_t piece, piece_done;           /* of the body of the request: pieces that are sent; bytes of the next one */
    bool planned;                       /* body is set */
    size_t n;                           /* bytes of the body so far */
    size_t head_bytes;                  /* bytes of the head so far */
    void *grown;                        /* allocated body */
    size_t capacity;                    /* bytes of grown */
    char message[CURL_ERROR_SIZE];      /* of curl, about its last failure */
    struct mt_attempt *next, *previous; /* list of active or of idle attempts */
} mt_attempt;

MT_MUST_CHECK mt_status mt_attempt_new(mt_http *http, mt_attempt **out, mt_error *err);
void mt_attempt_free(mt_attempt *a);

/* Sets up the easy handle for the transfer or the target of a redirect. */
MT_MUST_CHECK mt_status mt_attempt_begin(mt_attempt *a, mt_error *err);

/* Returns to the URL of the transfer. */
void mt_attempt_forget_redirect(mt_attempt *a);

/* Detaches the transfer. */
void mt_attempt_leave(mt_attempt *a);

typedef enum mt_next {
    MT_NEXT_DONE,    /* t->status and the rest of the outcome are set */
    MT_NEXT_RETRY,   /* the same, but another attempt after a pause may succeed */
    MT_NEXT_AT_ONCE, /* another attempt, without waiting */
    MT_NEXT_FOLLOW   /* a->url is where to go on */
} mt_next;

/* The conclusion from the end of an attempt. */
mt_next mt_attempt_conclude(mt_attempt *a, CURLcode code);

#endif
