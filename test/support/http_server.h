/* SPDX-License-Identifier: BSD-3-Clause */
/* A web server on loopback, in threads of the test, that does what it is told: also all that servers should not do. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct http_request {
    unsigned number;      /* of all requests, from 0 */
    const char *path;     /* decoded, without query, from '/' */
    const char *query;    /* behind '?', "" */
    const char *head;     /* the whole head of the request */
    const char *range;    /* behind "bytes=", "" */
    const char *if_match; /* "" */
    const char *host;     /* of the Host header */
} http_request;

/* What is answered. Filled in as a good server would; a hook changes it. */
typedef struct http_reply {
    int code;            /* HTTP status */
    const uint8_t *body; /* of the object; what of it is sent follows from the rest */
    size_t size;         /* bytes of body */
    char etag[64];       /* "": none is sent */
    char location[512];  /* of a redirect; "": none is sent */
    char extra[256];     /* more lines of the head, each with \r\n */
    bool no_ranges;      /* 200 and everything */
    bool range_in_200;   /* 200 with a Content-Range */
    int64_t shift;       /* of the range that is told and sent */
    int64_t cut;         /* bytes that lack at the end of the body, */
    bool honest;         /* which Content-Length tells */
    bool no_length;      /* neither Content-Length nor chunks: the end of the connection ends the body */
    bool endless;        /* chunks for ever */
    bool reset;          /* the connection is reset instead of an answer */
    unsigned delay_ms;   /* before the first byte */
    unsigned drip_ms;    /* between 64 pieces of the body */
} http_reply;

typedef struct http_server http_server;

/* Called by several threads at once. */
typedef void (*http_hook)(void *user, const http_request *request, http_reply *reply);

/* Serves a folder (NULL: nothing) at a free port of an address of loopback, such as "127.0.0.1". */
http_server *http_server_start(const char *address, const char *folder, http_hook hook, void *user);
void http_server_stop(http_server *server);
const char *http_server_url(const http_server *server); /* "http://127.0.0.1:port" */
unsigned http_server_requests(const http_server *server);
unsigned http_server_most(const http_server *server); /* requests that were answered at the same time, at most */

#endif
