/* SPDX-License-Identifier: BSD-3-Clause */
/* One request: its easy handle and the data it receives. */
#include "store/http/engine.h"

#include "platform/address.h"

#include <stdio.h>
#include <string.h>

#define MOST_HEAD_BYTES ((size_t)256 << 10)
#define MOST_ERROR_BYTES ((size_t)64 << 10) /* bytes of an error body that are read to keep the connection alive */
#define FIRST_BYTES ((size_t)64 << 10)      /* initial buffer for a body of unknown length */

mt_status mt_attempt_new(mt_http *http, mt_attempt **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(http->env, sizeof(mt_attempt), &memory, err);
    if (st)
        return st;
    *out = memset(memory, 0, sizeof(mt_attempt));
    (*out)->http = http;
    if (((*out)->easy = curl_easy_init()))
        return MT_OK;
    mt_attempt_free(*out);
    return mt_fail(err, MT_E_MEMORY, "out of memory for a connection");
}

void mt_attempt_free(mt_attempt *a)
{
    if (!a)
        return;
    curl_easy_cleanup(a->easy);
    mt_release(a->http->env, a, sizeof *a);
}

void mt_attempt_forget_redirect(mt_attempt *a)
{
    if (a->url)
        mt_release(a->http->env, a->url, strlen(a->url) + 1);
    a->url = NULL;
}

void mt_attempt_leave(mt_attempt *a)
{
    mt_release(a->http->env, a->grown, a->capacity);
    mt_attempt_forget_redirect(a);
    curl_easy_reset(a->easy); /* keeps connections */
    curl_slist_free_all(a->headers);
    a->headers = NULL;
    a->grown = NULL;
    a->t = NULL;
    a->hops = 0;
    a->from_public = false;
}

/* Called at the end of the head: decides how to treat the body. */
static bool plan_body(mt_attempt *a)
{
    mt_transfer *t = a->t;
    if (mt_response_plan(&a->response, t, a->http->env->limits.max_norange_bytes, &a->body, &t->error)) {
        t->status = t->error.status;
        t->object_size = a->body.object_size;
        return false;
    }
    a->planned = true;
    if (a->body.kind == MT_BODY_WHOLE || (a->body.kind == MT_BODY_OUT && !t->out)) {
        uint64_t size = a->body.size == MT_SIZE_UNKNOWN ? FIRST_BYTES : a->body.size;
        a->capacity = size < a->body.most ? (size_t)size : (size_t)a->body.most;
        t->status = mt_alloc(a->http->env, a->capacity, &a->grown, &t->error);
    }
    return t->status == MT_OK;
}

static size_t take_head(char *line, size_t one, size_t n, void *user)
{
    mt_attempt *a = user;
    (void)one;
    if (a->planned) /* these are trailers of a chunked body */
        return n;
    if ((a->head_bytes += n) > MOST_HEAD_BYTES) {
        a->t->status =
            mt_fail(&a->t->error, MT_E_LIMIT, "%s: a head of more than %zu bytes", a->t->name, MOST_HEAD_BYTES);
        return 0;
    }
    bool end = n <= 2 && (line[0] == '\r' || line[0] == '\n');
    if (!end)
        mt_response_take_line(&a->response, line, n);
    else if (a->response.code >= 200 && !plan_body(a))
        return 0;
    return n;
}

static bool grow(mt_attempt *a, size_t needed)
{
    size_t capacity = a->capacity;
    while (capacity < needed)
        capacity = capacity > a->body.most / 2 ? (size_t)a->body.most : 2 * capacity;
    void *moved = capacity > a->capacity ? mt_resize(a->http->env, a->grown, a->capacity, capacity) : a->grown;
    if (!moved) {
        a->t->status = mt_fail(&a->t->error, MT_E_MEMORY, "%s: out of memory (%zu bytes)", a->t->name, capacity);
        return false;
    }
    a->grown = moved;
    a->capacity = capacity;
    return true;
}

static void take_text(mt_attempt *a, const char *bytes, size_t n)
{
    size_t room = sizeof a->t->text - 1;
    if (a->n < room) {
        size_t part = n < room - a->n ? n : room - a->n;
        memcpy(a->t->text + a->n, bytes, part);
        a->t->text[a->n + part] = 0;
    }
}

static bool too_much(mt_attempt *a)
{
    mt_transfer *t = a->t;
    if (a->body.size != MT_SIZE_UNKNOWN)
        t->status = mt_fail(&t->error, MT_E_IO, "%s: the server sends more than the %llu bytes that it announced",
                            t->name, (unsigned long long)a->body.size);
    else if (a->body.kind == MT_BODY_WHOLE)
        t->status = mt_fail(&t->error, MT_E_LIMIT,
                            "%s: the server cannot send parts of an object, and this one has more than "
                            "max_norange_bytes (%zu)",
                            t->name, (size_t)a->body.most);
    else
        t->status = mt_fail(&t->error, MT_E_LIMIT, "%s has more than %zu bytes", t->name, (size_t)a->body.most);
    return false;
}

static bool take_bytes(mt_attempt *a, const char *bytes, size_t n)
{
    if (a->body.kind == MT_BODY_TEXT || a->response.code == 200)
        take_text(a, bytes, n);
    if (a->body.kind == MT_BODY_TEXT)
        return a->n + n <= MOST_ERROR_BYTES;
    uint64_t most = a->body.size < a->body.most ? a->body.size : a->body.most;
    if (n > most - a->n)
        return too_much(a);
    if (a->grown && !grow(a, a->n + n))
        return false;
    memcpy((char *)(a->grown ? a->grown : a->t->out) + a->n, bytes, n);
    return true;
}

static size_t take_body(char *bytes, size_t one, size_t n, void *user)
{
    mt_attempt *a = user;
    (void)one;
    if (n > 0 && !take_bytes(a, bytes, n))
        return 0;
    a->n += n;
    return n;
}

/* Sees the resolved address. */
static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    mt_attempt *a = user;
    char text[64];
    (void)purpose;
    bool known = mt_address_text(&address->addr, address->addrlen, text, sizeof text);
    if (known && !a->http->proxied && a->http->is_private(text)) {
        if (a->from_public) {
            a->address_refused = true;
            return CURL_SOCKET_BAD;
        }
        *a->knows_private = true;
    }
    return mt_socket_open(address->family, address->socktype, address->protocol);
}

static bool add_header(mt_attempt *a, const char *text)
{
    struct curl_slist *longer = curl_slist_append(a->headers, text);
    if (longer)
        a->headers = longer;
    return longer != NULL;
}

/* Adds the headers of the options, one per line. */
static bool add_lines(mt_attempt *a, const char *lines)
{
    char line[MT_HEADER_BYTES];
    bool good = true;
    while (good && *lines) {
        size_t n = strcspn(lines, "\n");
        if (n > 0) {
            snprintf(line, sizeof line, "%.*s", (int)n, lines);
            good = add_header(a, line);
        }
        lines += n + (lines[n] == '\n');
    }
    return good;
}

/* url is the prefix, or continues with a character that is not part of a host name. */
static bool has_prefix(const char *url, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(url, prefix, n) == 0 && (url[n] == 0 || url[n] == '/' || url[n] == '?' || prefix[n - 1] == '/');
}

static bool add_headers(mt_attempt *a, const char *url, bool own)
{
    const mt_transfer *t = a->t;
    const mt_http_options *options = &a->http->options;
    char line[256];
    bool good = add_header(a, "Accept-Encoding: identity") && add_header(a, "Expect:");
    if (good && t->pieces)
        good = add_header(a, "Content-Type:");
    if (good && t->only_new)
        good = add_header(a, "If-None-Match: *");
    if (good && t->if_match && snprintf(line, sizeof line, "If-Match: %s", t->if_match) < (int)sizeof line)
        good = add_header(a, line);
    for (size_t i = 0; good && own && i < t->n_headers; i++)
        good = add_header(a, t->headers[i]);
    if (good && options->headers && has_prefix(url, options->headers_prefix))
        good = add_lines(a, options->headers);
    return good;
}

static bool is_same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *x = NULL, *y = NULL;
    bool same = !curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) && !curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) &&
                curl_strequal(x, y);
    curl_free(x);
    curl_free(y);
    return same;
}

/* Scheme, host and port are equal. */
static bool is_same_origin(const char *x, const char *y)
{
    CURLU *a = curl_url(), *b = curl_url();
    bool same = a && b && !curl_url_set(a, CURLUPART_URL, x, 0) && !curl_url_set(b, CURLUPART_URL, y, 0) &&
                is_same_part(a, b, CURLUPART_SCHEME) && is_same_part(a, b, CURLUPART_HOST) &&
                is_same_part(a, b, CURLUPART_PORT);
    curl_url_cleanup(a);
    curl_url_cleanup(b);
    return same;
}

static void set_limits(CURL *easy, const mt_http_options *options)
{
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)((options->stall_timeout_ms + 999) / 1000));
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 128L << 10);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options->allow_bad_certificates ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options->allow_bad_certificates ? 0L : 2L);
    if (options->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
}

static void set_callbacks(mt_attempt *a)
{
    CURL *easy = a->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, a);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, a->message);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, a);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, a);
}

static size_t give_body(char *out, size_t one, size_t room, void *user)
{
    mt_attempt *a = user;
    size_t n = 0;
    (void)one;
    while (n < room && a->piece < a->t->n_pieces) {
        const mt_piece *piece = &a->t->pieces[a->piece];
        size_t left = piece->size - a->piece_done, size = left < room - n ? left : room - n;
        if (size > 0)
            memcpy(out + n, (const char *)piece->bytes + a->piece_done, size);
        n += size;
        a->piece_done += size;
        if (size == left) {
            a->piece++;
            a->piece_done = 0;
        }
    }
    return n;
}

/* curl sends the body again, for example if the server has closed an idle connection. */
static int rewind_body(void *user, curl_off_t offset, int origin)
{
    mt_attempt *a = user;
    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    a->piece = a->piece_done = 0;
    return CURL_SEEKFUNC_OK;
}

static void set_upload(mt_attempt *a)
{
    CURL *easy = a->easy;
    curl_off_t size = 0;
    for (size_t i = 0; i < a->t->n_pieces; i++)
        size += (curl_off_t)a->t->pieces[i].size;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, a);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, a);
}

/* Sets method and body. Redirects are followed by us, not by curl. */
static void set_request(mt_attempt *a, const char *url)
{
    const mt_transfer *t = a->t;
    CURL *easy = a->easy;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    if (t->pieces)
        set_upload(a);
    if (t->direct)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (strcmp(t->method, "GET") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, t->method);
    char range[64];
    mt_range_text(t, range, sizeof range);
    if (t->span != MT_SPAN_BODY)
        curl_easy_setopt(easy, CURLOPT_RANGE, range);
}

mt_status mt_attempt_begin(mt_attempt *a, mt_error *err)
{
    mt_transfer *t = a->t;
    mt_env *env = a->http->env;
    bool own = !a->url || is_same_origin(a->url, t->url);
    const char *url = a->url ? a->url : t->url;
    mt_release(env, a->grown, a->capacity);
    a->grown = NULL;
    a->n = a->head_bytes = a->capacity = a->piece = a->piece_done = 0;
    a->planned = a->address_refused = false;
    a->message[0] = t->text[0] = 0;
    mt_response_init(&a->response);
    curl_easy_reset(a->easy);
    curl_slist_free_all(a->headers);
    a->headers = NULL;
    if (!add_headers(a, url, own))
        return mt_fail(err, MT_E_MEMORY, "%s: out of memory for a request", t->name);
    CURL *easy = a->easy;
    set_request(a, url);
    set_limits(easy, &a->http->options);
    set_callbacks(a);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, a->headers);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    /* Prefers HTTP/2 streams to new connections. Without TLS there is no HTTP/2, and curl would wait for the first
     * response to find out. */
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, curl_strnequal(url, "https:", 6) ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "microtome/" MT_VERSION);
    /* An open connection to a private address would be reused without another check of its address. */
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, a->from_public && *a->knows_private ? 1L : 0L);
    return MT_OK;
}
