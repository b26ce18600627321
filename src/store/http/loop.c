/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop of an I/O thread: starts transfers as their hosts have capacity, waits for the network, and finishes or
 * postpones them. */
#include "store/http/engine.h"

#include "platform/environment.h"

#include <string.h>

#define KEPT_ATTEMPTS 128
#define LONGEST_POLL_MS 60000

/* A scheme, host and port. */
typedef struct mt_http_host {
    struct mt_http_host *next;
    unsigned active;
    mt_transfer *first, *last; /* transfers that wait for capacity */
    uint64_t not_before_ns;    /* end of a pause the host asked for */
    mt_retry_budget budget;
    char origin[];
} mt_http_host;

/* Private state of the thread. Abandoned in the child of a fork. */
typedef struct work {
    mt_http_loop *loop;
    mt_env *env;
    mt_http_host *hosts, *turn; /* all hosts; the one to serve next */
    mt_transfer *waiting;       /* transfers that wait for another attempt, unordered */
    mt_attempt *active, *kept;
    unsigned n_active, n_kept, n_hosts;
    bool knows_private;
    uint64_t random;
    unsigned most, most_per_host;
} work;

static uint64_t next_random(work *w)
{
    w->random ^= w->random << 13; /* xorshift64, Marsaglia 2003 */
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random;
}

/* "https://host:port" of a URL. */
static size_t origin_length(const char *url)
{
    const char *host = strstr(url, "://");
    return host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : strlen(url);
}

static mt_http_host *find_host(work *w, const char *url)
{
    size_t n = origin_length(url);
    for (mt_http_host *h = w->hosts; h; h = h->next)
        if (strncmp(h->origin, url, n) == 0 && h->origin[n] == 0)
            return h;
    void *memory;
    if (mt_alloc(w->env, sizeof(mt_http_host) + n + 1, &memory, NULL))
        return NULL;
    mt_http_host *h = memset(memory, 0, sizeof(mt_http_host) + n + 1);
    memcpy(h->origin, url, n);
    h->next = w->hosts;
    w->n_hosts++;
    return w->hosts = h;
}

static void free_hosts(work *w)
{
    while (w->hosts) {
        mt_http_host *h = w->hosts;
        w->hosts = h->next;
        mt_release(w->env, h, sizeof *h + strlen(h->origin) + 1);
    }
}

/* t may be gone after its done. */
static void finish(work *w, mt_transfer *t)
{
    mt_http_loop *loop = w->loop;
    if (t->status && t->tries > 1)
        mt_error_prefix(&t->error, "after %u attempts", t->tries);
    mt_lock_take(&loop->lock);
    *(t->live_previous ? &t->live_previous->live_next : &loop->live) = t->live_next;
    if (t->live_next)
        t->live_next->live_previous = t->live_previous;
    mt_lock_give(&loop->lock);
    t->done(t);
}

static void cancel(work *w, mt_transfer *t)
{
    t->error = (mt_error)MT_ERROR_INIT;
    t->status = mt_fail(&t->error, MT_E_CANCELLED, "cancelled");
    t->tries = 0;
    finish(w, t);
}

static void enqueue(work *w, mt_transfer *t)
{
    mt_http_host *h = t->host = find_host(w, t->url);
    if (!h) {
        t->status = mt_fail(&t->error, MT_E_MEMORY, "%s: out of memory", t->name);
        finish(w, t);
        return;
    }
    t->next = NULL;
    *(h->first ? &h->last->next : &h->first) = t;
    h->last = t;
}

static mt_attempt *take_attempt(work *w, mt_error *err)
{
    mt_attempt *a = w->kept;
    if (a) {
        w->kept = a->next;
        w->n_kept--;
    } else if (mt_attempt_new(w->loop->http, &a, err)) {
        return NULL;
    }
    a->knows_private = &w->knows_private;
    a->previous = NULL;
    a->next = w->active;
    if (w->active)
        w->active->previous = a;
    w->active = a;
    w->n_active++;
    return a;
}

static void give_attempt(work *w, mt_attempt *a)
{
    mt_attempt_leave(a);
    *(a->previous ? &a->previous->next : &w->active) = a->next;
    if (a->next)
        a->next->previous = a->previous;
    w->n_active--;
    if (w->n_kept == KEPT_ATTEMPTS) {
        mt_attempt_free(a);
        return;
    }
    a->next = w->kept;
    w->kept = a;
    w->n_kept++;
}

/* Ends the transfer, then the attempt: the hooks may use the response. */
static void end(work *w, mt_attempt *a)
{
    mt_transfer *t = a->t;
    t->host->active--;
    finish(w, t);
    give_attempt(w, a);
}

/* Sends the request, to the target of a redirect if there is one. */
static void send_request(work *w, mt_attempt *a)
{
    mt_transfer *t = a->t;
    t->error = (mt_error)MT_ERROR_INIT;
    t->status = t->prepare && a->hops == 0 ? t->prepare(t, &t->error) : MT_OK;
    if (!t->status)
        t->status = mt_attempt_begin(a, &t->error);
    if (!t->status && curl_multi_add_handle(w->loop->multi, a->easy))
        t->status = mt_fail(&t->error, MT_E_MEMORY, "%s: out of memory for a connection", t->name);
    if (t->status)
        end(w, a);
}

static void start(work *w, mt_http_host *h)
{
    mt_transfer *t = h->first;
    h->first = t->next;
    mt_attempt *a = take_attempt(w, &t->error);
    if (!a) {
        t->status = t->error.status;
        finish(w, t);
        return;
    }
    a->t = t;
    t->attempt = a;
    h->active++;
    h->budget.requests++;
    send_request(w, a);
}

/* Starts transfers, round-robin over hosts. */
static void start_ready(work *w, uint64_t now)
{
    unsigned idle = 0;
    while (w->n_active < w->most && idle < w->n_hosts) {
        mt_http_host *h = w->turn ? w->turn : w->hosts;
        w->turn = h->next;
        bool ready = h->first && h->active < w->most_per_host && h->not_before_ns <= now;
        idle = ready ? 0 : idle + 1;
        if (ready)
            start(w, h);
    }
}

/* Postpones a transfer; false if it must end now. */
static bool put_off(work *w, mt_attempt *a)
{
    mt_transfer *t = a->t;
    mt_http_host *h = t->host;
    const char *asked = t->code == 429 || t->code == 503 ? a->response.retry_after : "";
    uint64_t now = mt_clock_ns(), wait = mt_retry_wait_ns(t->tries, asked, mt_clock_utc(), next_random(w));
    if (wait == UINT64_MAX || now + wait > t->started_ns + MT_RETRY_DEADLINE_NS ||
        !mt_retry_allow(&h->budget, t->tries, (unsigned)w->loop->http->options.retries))
        return false;
    if (*asked)
        h->not_before_ns = now + wait;
    t->due_ns = now + wait;
    h->active--;
    t->attempt = NULL;
    give_attempt(w, a);
    t->next = w->waiting;
    w->waiting = t;
    return true;
}

static void conclude(work *w, mt_attempt *a, CURLcode code)
{
    mt_transfer *t = a->t;
    curl_multi_remove_handle(w->loop->multi, a->easy);
    mt_next next = mt_attempt_conclude(a, code);
    t->host->budget.answered |= t->code > 0;
    if (t->cancelled && next != MT_NEXT_DONE) {
        t->error = (mt_error)MT_ERROR_INIT;
        t->status = mt_fail(&t->error, MT_E_CANCELLED, "cancelled");
        next = MT_NEXT_DONE;
    }
    if (next == MT_NEXT_AT_ONCE && ++t->repeats > MT_MOST_REPEATS) {
        t->status = mt_fail(&t->error, MT_E_IO, "%s: the server repeatedly answered %d", t->name, t->code);
        next = MT_NEXT_DONE;
    }
    if (next == MT_NEXT_FOLLOW || next == MT_NEXT_AT_ONCE)
        send_request(w, a);
    else if (next == MT_NEXT_DONE || !put_off(w, a))
        end(w, a);
}

static void take_finished(work *w)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(w->loop->multi, &left))) {
        mt_attempt *a = NULL;
        CURLcode code = message->data.result;
        if (message->msg == CURLMSG_DONE && !curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &a))
            conclude(w, a, code);
    }
}

/* Removes cancelled transfers (all: every one) from a list and ends them. */
static void cancel_listed(work *w, mt_transfer **list, bool all)
{
    while (*list) {
        mt_transfer *t = *list;
        if (t->cancelled || all) {
            *list = t->next;
            cancel(w, t);
        } else {
            list = &t->next;
        }
    }
}

static void cancel_queued(work *w, mt_http_host *h, bool all)
{
    cancel_listed(w, &h->first, all);
    h->last = h->first;
    while (h->last && h->last->next)
        h->last = h->last->next;
}

static void cancel_some(work *w, bool all)
{
    cancel_listed(w, &w->waiting, all);
    for (mt_http_host *h = w->hosts; h; h = h->next)
        cancel_queued(w, h, all);
    for (mt_attempt *a = w->active, *next; a; a = next) {
        mt_transfer *t = a->t;
        next = a->next;
        if (!t->cancelled && !all)
            continue;
        curl_multi_remove_handle(w->loop->multi, a->easy);
        t->host->active--;
        give_attempt(w, a);
        cancel(w, t);
    }
}

/* Moves transfers whose wait is over to the queues of their hosts. Returns the time of the next event. */
static uint64_t wake_waiting(work *w, uint64_t now)
{
    uint64_t nearest = UINT64_MAX;
    for (mt_transfer **at = &w->waiting; *at;) {
        mt_transfer *t = *at;
        if (t->due_ns <= now) {
            *at = t->next;
            enqueue(w, t);
        } else {
            nearest = t->due_ns < nearest ? t->due_ns : nearest;
            at = &t->next;
        }
    }
    for (mt_http_host *h = w->hosts; h; h = h->next)
        if (h->first && h->not_before_ns > now && h->not_before_ns < nearest)
            nearest = h->not_before_ns;
    return nearest;
}

/* Takes over submitted and cancelled transfers; false: stop. */
static bool take_orders(work *w)
{
    mt_http_loop *loop = w->loop;
    mt_lock_take(&loop->lock);
    mt_transfer *t = loop->first;
    bool stopping = loop->stopping, cancelled = loop->has_cancelled;
    loop->first = NULL;
    loop->has_cancelled = false;
    mt_lock_give(&loop->lock);
    while (t) {
        mt_transfer *next = t->next;
        enqueue(w, t);
        t = next;
    }
    if (cancelled || stopping)
        cancel_some(w, stopping);
    return !stopping;
}

static int poll_time(uint64_t now, uint64_t nearest)
{
    if (nearest == UINT64_MAX)
        return LONGEST_POLL_MS;
    uint64_t ms = nearest > now ? (nearest - now) / 1000000 + 1 : 0;
    return ms < LONGEST_POLL_MS ? (int)ms : LONGEST_POLL_MS;
}

static unsigned share(unsigned n, unsigned threads) { return (n + threads - 1) / threads; }

void mt_http_run(void *argument)
{
    mt_http_loop *loop = argument;
    const mt_http_options *options = &loop->http->options;
    work w = { .loop = loop,
               .env = loop->http->env,
               .random = mt_clock_ns() | 1,
               .most = share(options->in_flight, options->io_threads),
               .most_per_host = share(options->in_flight_per_host, options->io_threads) };
    while (take_orders(&w)) {
        int running;
        start_ready(&w, mt_clock_ns());
        curl_multi_perform(loop->multi, &running);
        take_finished(&w);
        uint64_t now = mt_clock_ns(), nearest = wake_waiting(&w, now);
        start_ready(&w, now);
        curl_multi_poll(loop->multi, NULL, 0, poll_time(now, nearest), NULL);
    }
    while (w.kept) {
        mt_attempt *next = w.kept->next;
        mt_attempt_free(w.kept);
        w.kept = next;
    }
    free_hosts(&w);
}
