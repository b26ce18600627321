/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/http/engine.h"

#include "platform/address.h"
#include "platform/environment.h"
#include "platform/file.h"

#include <string.h>

static mt_once curl_once = MT_ONCE_INIT;
static CURLcode curl_state = CURLE_FAILED_INIT;
static void init_curl(void) { curl_state = curl_global_init(CURL_GLOBAL_DEFAULT); }

/* In the child of a fork: the thread is gone, its connections belong to the parent, and no caller waits. The
 * connections are abandoned: closing them would notify the servers. */
static void forget_loop(void *owner)
{
    mt_http_loop *loop = owner;
    loop->first = loop->live = NULL;
    loop->running = loop->has_cancelled = false;
    loop->multi = NULL;
}

static void forget_waiting(void *owner) { mt_condition_reset(&((mt_http *)owner)->done); }

static bool has_proxy(mt_arena *arena)
{
    static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
    bool found = false;
    mt_status st;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        found |= mt_environment_get(arena, names[i], &st, NULL) != NULL;
    return found;
}

/* Locations of CA certificates on common systems: libcurl knows only that of the system it was built on. */
static const char *find_ca_file(mt_arena *arena)
{
    static const char *const places[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                          "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" };
    mt_status st;
    const char *own = mt_environment_get(arena, "SSL_CERT_FILE", &st, NULL);
    for (size_t i = 0; !own && i < sizeof places / sizeof *places; i++)
        own = mt_path_get_kind(places[i]) == MT_PATH_FILE ? places[i] : NULL;
    return own;
}

static mt_status copy_option(mt_env *env, const char **text, mt_error *err)
{
    const char *given = *text;
    char *copy = NULL;
    mt_status st = given ? mt_copy_text(env, given, &copy, err) : MT_OK;
    *text = copy;
    return st;
}

static void free_option(mt_env *env, const char *text)
{
    if (text)
        mt_release(env, (char *)(uintptr_t)text, strlen(text) + 1);
}

static mt_status check_headers(const mt_http_options *o, mt_error *err)
{
    if (!o->headers)
        return MT_OK;
    const char *prefix = o->headers_prefix ? o->headers_prefix : "", *host = strstr(prefix, "://");
    if ((strncmp(prefix, "https://", 8) != 0 && strncmp(prefix, "http://", 7) != 0) || host[3] == 0)
        return mt_fail(err, MT_E_ARGUMENT,
                       "http.headers need a headers_prefix that starts with http:// or https:// and "
                       "a host: they are sent nowhere else");
    for (const char *line = o->headers; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strcspn(line, "\n") >= MT_HEADER_BYTES)
            return mt_fail(err, MT_E_ARGUMENT, "http.headers: a line has more than %d bytes", MT_HEADER_BYTES - 1);
    return strchr(o->headers, '\r') ? mt_fail(err, MT_E_ARGUMENT, "http.headers: lines end with \\n alone") : MT_OK;
}

static void fill(unsigned *option, unsigned value)
{
    if (*option == 0)
        *option = value;
}

static void fill_options(mt_env *env, mt_http_options *o)
{
    fill(&o->in_flight_per_host, env->in_flight ? env->in_flight : 32);
    fill(&o->in_flight, o->in_flight_per_host > 128 ? o->in_flight_per_host : 128);
    fill(&o->io_threads, 1);
    fill(&o->connect_timeout_ms, 5000);
    fill(&o->stall_timeout_ms, 20000);
    if (o->io_threads > MT_HTTP_THREADS)
        o->io_threads = MT_HTTP_THREADS;
    o->retries = o->retries < 0 ? 0 : o->retries == 0 ? 8 : o->retries;
}

static mt_status take_options(mt_http *http, const mt_http_options *given, mt_error *err)
{
    mt_http_options *o = &http->options;
    mt_arena *arena;
    mt_status st = given ? check_headers(given, err) : MT_OK;
    if (st || (st = mt_arena_new(http->env, &arena, err)))
        return st;
    if (given)
        *o = *given;
    if (!o->ca_file)
        o->ca_file = find_ca_file(arena);
    http->proxied = has_proxy(arena);
    mt_status a = copy_option(http->env, &o->headers, err), b = copy_option(http->env, &o->headers_prefix, err);
    mt_status c = copy_option(http->env, &o->ca_file, err);
    mt_arena_free(arena);
    if (a || b || c)
        return MT_E_MEMORY;
    fill_options(http->env, o);
    return MT_OK;
}

/* The locks of the first n loops exist. */
static void free_engine(mt_http *http, unsigned n)
{
    mt_env *env = http->env;
    for (unsigned i = 0; i < n; i++)
        mt_lock_destroy(&http->loops[i].lock);
    free_option(env, http->options.headers);
    free_option(env, http->options.headers_prefix);
    free_option(env, http->options.ca_file);
    mt_condition_destroy(&http->done);
    mt_release(env, http, sizeof *http);
}

mt_status mt_http_new(mt_env *env, const mt_http_options *options, mt_http **out, mt_error *err)
{
    void *memory;
    mt_once_run(&curl_once, init_curl);
    if (curl_state)
        return mt_fail(err, MT_E_MEMORY, "libcurl: %s", curl_easy_strerror(curl_state));
    mt_status st = mt_alloc(env, sizeof(mt_http), &memory, err);
    if (st)
        return st;
    mt_http *http = memset(memory, 0, sizeof(mt_http));
    http->env = env;
    http->is_private = mt_address_is_private;
    if ((st = mt_condition_init(&http->done, err))) {
        mt_release(env, http, sizeof *http);
        return st;
    }
    unsigned n = 0;
    st = take_options(http, options, err);
    for (; !st && n < MT_HTTP_THREADS; n++) {
        http->loops[n].http = http;
        if ((st = mt_lock_init(&http->loops[n].lock, forget_loop, &http->loops[n], err)))
            break;
    }
    if (!st)
        st = mt_lock_init(&http->lock, forget_waiting, http, err);
    if (st)
        free_engine(http, n);
    else
        *out = http;
    return st;
}

static void stop(mt_http_loop *loop)
{
    mt_lock_take(&loop->lock);
    bool running = loop->running;
    loop->stopping = true;
    mt_lock_give(&loop->lock);
    if (running) {
        curl_multi_wakeup(loop->multi);
        mt_thread_join(&loop->thread);
    }
    curl_multi_cleanup(loop->multi);
}

void mt_http_free(mt_http *http)
{
    if (!http)
        return;
    for (unsigned i = 0; i < MT_HTTP_THREADS; i++)
        stop(&http->loops[i]);
    mt_lock_destroy(&http->lock);
    free_engine(http, MT_HTTP_THREADS);
}

const mt_http_options *mt_http_get_options(const mt_http *http) { return &http->options; }

/* The lock is held. The multi handle is kept: the thread uses it without the lock. */
static bool start_thread(mt_http_loop *loop)
{
    if (!loop->multi) {
        if (!(loop->multi = curl_multi_init()))
            return false;
        curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, (long)loop->http->options.in_flight);
    }
    if (!loop->running)
        loop->running = mt_thread_start(&loop->thread, mt_http_run, loop, NULL) == MT_OK;
    return loop->running;
}

/* Appends a transfer to the queue; returns whether the thread must be woken. The lock is held. */
static bool append(mt_http_loop *loop, mt_transfer *t)
{
    bool first = !loop->first;
    t->live_previous = NULL;
    t->live_next = loop->live;
    if (loop->live)
        loop->live->live_previous = t;
    loop->live = t;
    t->next = NULL;
    *(first ? &loop->first : &loop->last->next) = t;
    loop->last = t;
    return first;
}

static void clear_outcome(mt_transfer *t)
{
    t->status = MT_OK;
    t->error = (mt_error)MT_ERROR_INIT;
    t->code = 0;
    t->n_read = t->capacity = t->whole_capacity = 0;
    t->object_size = MT_SIZE_UNKNOWN;
    t->etag[0] = t->modified[0] = t->text[0] = 0;
    t->whole = NULL;
    t->tries = t->repeats = 0;
    t->attempt = NULL;
    t->host = NULL;
    t->cancelled = false;
    t->started_ns = mt_clock_ns();
}

void mt_transfer_submit(mt_http *http, mt_transfer *t)
{
    clear_outcome(t);
    t->http = http;
    mt_http_loop *loop = &http->loops[atomic_fetch_add(&http->turn, 1) % http->options.io_threads];
    mt_lock_take(&loop->lock);
    bool started = start_thread(loop), wake = started && append(loop, t);
    mt_lock_give(&loop->lock);
    if (wake)
        curl_multi_wakeup(loop->multi);
    if (!started) {
        t->status = mt_fail(&t->error, MT_E_MEMORY, "%s: cannot start the thread for HTTP", t->name);
        t->done(t);
    }
}

void mt_transfer_cancel(mt_http *http, const void *owner, const void *group)
{
    for (unsigned i = 0; i < http->options.io_threads; i++) {
        mt_http_loop *loop = &http->loops[i];
        bool any = false;
        mt_lock_take(&loop->lock);
        for (mt_transfer *t = loop->live; t; t = t->live_next)
            if (t->owner == owner && t->group == group) {
                t->cancelled = true;
                any = true;
            }
        loop->has_cancelled |= any;
        mt_lock_give(&loop->lock);
        if (any)
            curl_multi_wakeup(loop->multi);
    }
}

/* State of mt_transfer_perform, on its stack. */
typedef struct waiting {
    mt_http *http;
    size_t in_flight;
} waiting;

static void count_down(mt_transfer *t)
{
    waiting *w = t->user;
    mt_http *http = w->http; /* w may be gone once the lock is released */
    mt_lock_take(&http->lock);
    w->in_flight--;
    mt_condition_wake_all(&http->done);
    mt_lock_give(&http->lock);
}

mt_status mt_transfer_perform(mt_http *http, mt_transfer *const *transfers, size_t n, mt_error *err)
{
    waiting w = { http, n };
    for (size_t i = 0; i < n; i++) {
        transfers[i]->done = count_down;
        transfers[i]->user = &w;
        mt_transfer_submit(http, transfers[i]);
    }
    mt_lock_take(&http->lock);
    while (w.in_flight > 0)
        mt_condition_wait(&http->done, &http->lock);
    mt_lock_give(&http->lock);
    for (size_t i = 0; i < n; i++)
        if (transfers[i]->status)
            return mt_fail(err, transfers[i]->status, "%s", transfers[i]->error.message);
    return MT_OK;
}

const char *mt_transfer_header(const mt_transfer *t, const char *name)
{
    struct curl_header *header;
    if (!t->attempt || curl_easy_header(t->attempt->easy, name, 0, CURLH_HEADER, -1, &header))
        return NULL;
    return header->value;
}
