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
    http_server *server;
    mt_context *context;
    mt_arena *arena;
    mt_location at;
} remote;

/* Serves folder with hook, and opens path ("/a"). options may be NULL. */
void remote_open(remote *r, const char *folder, const char *path, http_hook hook, void *user,
                 const mt_context_options *options);
void remote_close(remote *r);

/* One read of the object that was opened. */
mt_status remote_read(remote *r, uint64_t offset, void *out, size_t size, mt_error *err);

#endif
