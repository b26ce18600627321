/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/http_store.h"

#include <stdio.h>

void remote_open(remote *r, const char *folder, const char *path, http_hook hook, void *user,
                 const mt_context_options *options)
{
    char url[256];
    mt_error err = MT_ERROR_INIT;
    *r = (remote) { .server = http_server_start("127.0.0.1", folder, hook, user) };
    check_ok(mt_context_new(options, &r->context, &err), &err);
    check_ok(mt_arena_new(&r->context->env, &r->arena, &err), &err);
    snprintf(url, sizeof url, "%s%s", http_server_url(r->server), path);
    check_ok(mt_resolve(&r->context->env, url, NULL, r->arena, &r->at, &err), &err);
}

void remote_close(remote *r)
{
    mt_store_close(r->at.store);
    mt_arena_free(r->arena);
    mt_context_free(r->context);
    http_server_stop(r->server);
}

mt_status remote_read(remote *r, uint64_t offset, void *out, size_t size, mt_error *err)
{
    return mt_store_read_at(r->at.store, r->at.key, offset, out, size, err);
}
