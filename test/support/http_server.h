/* SPDX-License-Identifier: BSD-3-Clause */
/* A configurable web server on loopback, in threads of the test, including misbehaviour. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct http_request {
    unsigned number;      /* number of the request, from 0 */
    const char *path;     /* decoded path without query, begins with '/' */
    const char *query;    /* text after '?', or "" */
    const char *head;     /* head of the request */
    const char *range;    /* text after "bytes=", or "" */
    const char *if_match; /* "" */
    const char *host;     /* value of the header Host */
    const uint8_t *body;  /* of the request */
    size_t body_size;     /* bytes of body */
} http_request;

/* A response. Filled as by a correct server; a hook may change it. */
typedef struct http_reply {
    int code;            /* HTTP status */
    const uint8_t *body; /* whole object; the other fields determine what is sent */
    size_t size;         /* bytes of body */
    char etag[64];       /* ETag; "": not sent */
    char location[512];  /* of a redirect; "": none is sent */
    char extra[256];     /* further header lines, each with \r\n */
    unsigned more_lines; /* further header lines of 1000 bytes */
    char text[4096];     /* room for a body that must live until it is sent */
    bool no_ranges;      /* ignore ranges: send 200 and the whole object */
    bool range_in_200;   /* send 200 with a Content-Range */
    int64_t shift;       /* offset added to the range that is reported and sent */
    int64_t cut;         /* bytes missing at the end of the body */
    bool honest;         /* Content-Length accounts for cut */
    bool no_length;      /* neither Content-Length nor chunked: the body ends with the connection */
    bool chunked;        /* chunks of 1000 bytes, without Content-Length */
    bool endless;        /* endless chunked body */
    bool open_head;      /* the head does not end, but the connection */
    bool reset;          /* reset the connection instead of responding */
    unsigned delay_ms;   /* delay before the first byte */
    unsigned drip_ms;    /* delay between the 64 pieces of the body */
} http_reply;

typedef struct http_server http_server;

/* May be called by several threads at once. */
typedef void (*http_hook)(void *user, const http_request *request, http_reply *reply);

/* Serves a folder (NULL: nothing) at a free port of a loopback address, such as "127.0.0.1". */
http_server *http_server_start(const char *address, const char *folder, http_hook hook, void *user);
void http_server_stop(http_server *server);
const char *http_server_url(const http_server *server); /* "http://127.0.0.1:port" */
unsigned http_server_requests(const http_server *server);
unsigned http_server_most(const http_server *server); /* most requests answered concurrently */

#endif
