/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine of transfers from inside: threads for I/O (engine.c), what each does (loop.c), one attempt (attempt.c). */
#ifndef MT_STORE_HTTP_ENGINE_H
#define MT_STORE_HTTP_ENGINE_H

#include "platform/thread.h"
#include "store/http/response.h"
#include "store/http/retry.h"

#include <curl/curl.h>

#define MT_HTTP_THREADS 8
#define MT_MOST_REPEATS 4 /* of one transfer, by its judge */

/* A thread with a curl_multi of its own. */
typedef struct mt_http_loop {
    mt_http *http;                         /* that owns the loop */
    mt_lock lock;                          /* of all below, but not of what the thread alone knows */
    mt_transfer *first, *last;             /* submitted, and not taken by the thread yet */
    mt_transfer *live;                     /* all that are not done */
    bool running, stopping, has_cancelled; /* state of the thread */
    CURLM *multi;                          /* used by the thread alone */
    mt_thread thread;                      /* valid while running */
} mt_http_loop;

struct mt_http {
    mt_env *env;             /* memory and limits */
    mt_http_options options; /* texts are the engine's own */
    bool proxied;            /* the environment names proxies: the addresses of connections are theirs */
    bool (*is_private)(const char *address); /* mt_address_is_private; tests put in their own */
    mt_lock lock;                            /* guards the waits of mt_transfer_perform */
    mt_condition done;                       /* of mt_transfer_perform */
    _Atomic unsigned turn;                   /* counter that spreads transfers over loops */
    mt_http_loop loops[MT_HTTP_THREADS];     /* one for each thread */
};

/* The thread of a loop, which is its argument: until loop->stopping. */
void mt_http_run(void *argument);

/* One request and its response. Kept for the next with its easy handle. */
typedef struct mt_attempt {
    mt_http *http;                      /* that owns the attempt */
    mt_transfer *t;                     /* that is served */
    CURL *easy;                         /* kept between attempts */
    struct curl_slist *headers;         /* of the request */
    char *url;                          /* NULL: that of the transfer; else where a redirect led */
    unsigned hops;                      /* redirects followed so far */
    bool from_public;                   /* a public address redirected here */
    bool address_refused;               /* and here is none */
    bool *knows_private;                /* the loop's: a connection to a private address may be open */
    mt_response response;               /* head of the response */
    mt_body body;                       /* how to treat the body */
    bool planned;                       /* body says what to do */
    size_t n;                           /* bytes of the body so far */
    size_t head_bytes;                  /* bytes of the head so far */
    void *grown;                        /* a body that is allocated */
    size_t capacity;                    /* bytes of grown */
    char message[CURL_ERROR_SIZE];      /* of curl, about its last failure */
    struct mt_attempt *next, *previous; /* of the active ones, or of those kept */
} mt_attempt;

MT_MUST_CHECK mt_status mt_attempt_new(mt_http *http, mt_attempt **out, mt_error *err);
void mt_attempt_free(mt_attempt *a);

/* Sets the easy handle up for the transfer, or for where a redirect led. */
MT_MUST_CHECK mt_status mt_attempt_begin(mt_attempt *a, mt_error *err);

/* Back to the URL of the transfer. */
void mt_attempt_forget_redirect(mt_attempt *a);

/* Forgets the transfer. */
void mt_attempt_leave(mt_attempt *a);

typedef enum mt_next {
    MT_NEXT_DONE,    /* t->status and the rest of the outcome are set */
    MT_NEXT_RETRY,   /* so they are, but it is worth another attempt after a while */
    MT_NEXT_AT_ONCE, /* another attempt, without waiting */
    MT_NEXT_FOLLOW   /* a->url is where to go on */
} mt_next;

/* What follows from how an attempt ended. */
mt_next mt_attempt_conclude(mt_attempt *a, CURLcode code);

#endif
