/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/http_store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void remote_open(remote *r, const char *served, const char *path, http_hook hook, void *user,
                 const mt_context_options *options)
{
    char url[256];
    mt_error err = MT_ERROR_INIT;
    *r = (remote) { .server = http_server_start("127.0.0.1", served, hook, user) };
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

static char folder_name[64];
const char *const folder = folder_name;
uint8_t bytes[SIZE];

static void write_object(const char *name, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

int objects_set_up(void **state)
{
    (void)state;
    snprintf(folder_name, sizeof folder_name, "/tmp/mt-http-XXXXXX");
    assert_non_null(mkdtemp(folder_name));
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    write_object("a", SIZE);
    write_object("empty", 0);
    write_object("x y#%", 1000);
    return 0;
}

int objects_tear_down(void **state)
{
    (void)state;
    const char *const names[] = { "a", "empty", "x y#%" };
    char path[128];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    return rmdir(folder);
}

/* Server threads write to the plan. */
static pthread_mutex_t plan_mutex = PTHREAD_MUTEX_INITIALIZER;

static bool note_request(plan *p, const http_request *request)
{
    pthread_mutex_lock(&plan_mutex);
    snprintf(p->range, sizeof p->range, "%s", request->range);
    snprintf(p->query, sizeof p->query, "%s", request->query);
    snprintf(p->head, sizeof p->head, "%s", request->head);
    snprintf(p->if_match, sizeof p->if_match, "%s", request->if_match);
    bool chosen = request->number >= p->from && (!p->every || request->number % p->every == 0);
    p->seen += chosen;
    pthread_mutex_unlock(&plan_mutex);
    return chosen;
}

void spoil(void *user, const http_request *request, http_reply *reply)
{
    plan *p = user;
    if (!note_request(p, request))
        return;
    const http_reply *w = &p->with;
    if (w->code) {
        reply->code = w->code;
        reply->size = 0;
        reply->etag[0] = 0;
    }
    if (*w->etag)
        memcpy(reply->etag, w->etag, sizeof reply->etag);
    memcpy(reply->extra, w->extra, sizeof reply->extra);
    memcpy(reply->location, w->location, sizeof reply->location);
    reply->more_lines = w->more_lines;
    reply->no_ranges = w->no_ranges;
    reply->range_in_200 = w->range_in_200;
    reply->shift = w->shift;
    reply->cut = w->cut;
    reply->honest = w->honest;
    reply->no_length = w->no_length;
    reply->endless = w->endless;
    reply->open_head = w->open_head;
    reply->reset = w->reset;
    reply->delay_ms = w->delay_ms;
    reply->drip_ms = w->drip_ms;
}

void check_reads(remote *r)
{
    uint8_t out[SIZE];
    mt_request requests[SIZE / 1000];
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < SIZE / 1000; i++)
        requests[i] =
            (mt_request) { .key = r->at.key, .offset = (uint64_t)i * 1000, .size = 1000, .out = out + i * 1000 };
    check_ok(mt_store_perform(r->at.store, requests, SIZE / 1000, &err), &err);
    assert_memory_equal(out, bytes, SIZE);
}

mt_status read_far(remote *r, mt_error *err)
{
    uint8_t out[5000];
    mt_status st = remote_read(r, 200000, out, sizeof out, err);
    if (!st)
        assert_memory_equal(out, bytes + 200000, sizeof out);
    return st;
}
