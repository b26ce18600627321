/* SPDX-License-Identifier: BSD-3-Clause */
/* A context and a store over the test server. */
#ifndef HTTP_STORE_H
#define HTTP_STORE_H

#include "engine/context.h"
#include "store/resolve.h"
#include "support/http_server.h"
#include "support/support.h"

#include <microtome/microtome.h>

typedef struct remote {
    http_server *server; /* serves the folder */
    mt_context *context; /* of the store */
    mt_arena *arena;     /* of the strings in at */
    mt_location at;      /* what was opened */
} remote;

/* Serves a folder with hook, and opens path ("/a"). options may be NULL. */
void remote_open(remote *r, const char *served, const char *path, http_hook hook, void *user,
                 const mt_context_options *options);
void remote_close(remote *r);

/* Reads from the object that was opened. */
mt_status remote_read(remote *r, uint64_t offset, void *out, size_t size, mt_error *err);

/* The objects of these tests, in a temporary folder: "a" with these bytes, "empty", "x y#%" of 1000 bytes. */
enum { SIZE = 300000 };
extern const char *const folder;
extern uint8_t bytes[SIZE];
int objects_set_up(void **state);
int objects_tear_down(void **state);

/* The behaviour of the hook, set by each test. */
typedef struct plan {
    unsigned from, every; /* requests to spoil: every "every"-th from this number on; every 0: all */
    http_reply with;      /* code and flags of spoilt responses */
    unsigned seen;        /* spoilt requests so far */
    char range[64], query[64], head[4096], if_match[64]; /* of the last request seen */
} plan;

void spoil(void *plan, const http_request *request, http_reply *reply);

/* Checks 300 reads of 1000 bytes of "a". */
void check_reads(remote *r);

/* Reads 5000 bytes far from the start, which is cached. */
mt_status read_far(remote *r, mt_error *err);

#endif
