/* SPDX-License-Identifier: BSD-3-Clause */
/* A context and a store over a server of the test. */
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

/* One read of the object that was opened. */
mt_status remote_read(remote *r, uint64_t offset, void *out, size_t size, mt_error *err);

/* The objects of these tests, in a folder that is made for them: "a" with these bytes, "empty", "x y#%" of 1000 bytes. */
enum { SIZE = 300000 };
extern const char *const folder;
extern uint8_t bytes[SIZE];
int objects_set_up(void **state);
int objects_tear_down(void **state);

/* What a hook does; each test sets what it needs. */
typedef struct plan {
    unsigned from, every; /* the requests that are spoilt: from this number on, each so many; every 0: all */
    http_reply with;      /* code, and the flags */
    unsigned seen;        /* of those */
    char range[64], query[64], head[4096], if_match[64]; /* of the last request seen */
} plan;

void spoil(void *plan, const http_request *request, http_reply *reply);

/* 300 reads of 1000 bytes of "a", all right. */
void check_reads(remote *r);

/* 5000 bytes far from the beginning, which is kept. */
mt_status read_far(remote *r, mt_error *err);

#endif
