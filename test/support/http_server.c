/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONNECTIONS 512

struct http_server {
    int listener;
    char url[64], folder[1024];
    http_hook hook;
    void *user;
    _Atomic unsigned requests, now, most;
    _Atomic bool stopping;
    pthread_t thread;
    pthread_mutex_t mutex;
    struct connection {
        struct http_server *server;
        int socket;
        bool used, ended;
        pthread_t thread;
    } connections[MOST_CONNECTIONS];
};

static void wait_ms(unsigned ms)
{
    struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
    if (ms > 0)
        nanosleep(&t, NULL);
}

static bool send_all(int socket, const void *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(socket, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes = (const char *)bytes + sent;
        n -= (size_t)sent;
    }
    return true;
}

static void decode(char *text)
{
    char *out = text;
    for (; *text; text++, out++) {
        char digits[3] = { text[0] == '%' ? text[1] : 0, text[0] == '%' && text[1] ? text[2] : 0, 0 };
        *out = digits[1] ? (char)strtol(digits, NULL, 16) : *text;
        text += digits[1] ? 2 : 0;
    }
    *out = 0;
}

/* Copies the value of a header. */
static void get_header(const char *head, const char *name, char *out, size_t room)
{
    size_t n = strlen(name);
    *out = 0;
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            line += n + 1 + strspn(line + n + 1, " ");
            snprintf(out, room, "%.*s", (int)strcspn(line, "\r"), line);
        }
    }
}

static uint8_t *load(const char *path, http_reply *reply)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        reply->code = 404;
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        reply->code = 403;
        return NULL;
    }
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    reply->size = file && bytes ? fread(bytes, 1, (size_t)st.st_size, file) : 0;
    if (file)
        fclose(file);
    reply->body = bytes;
    snprintf(reply->etag, sizeof reply->etag, "\"%jx-%jx\"", (uintmax_t)st.st_size, (uintmax_t)st.st_mtime);
    return bytes;
}

/* The range of a request in an object; false if it cannot be satisfied. */
static bool find_range(const char *range, size_t size, size_t *first, size_t *n)
{
    char *end;
    *first = 0;
    *n = size;
    if (!*range)
        return true;
    if (*range == '-') {
        size_t tail = (size_t)strtoull(range + 1, NULL, 10);
        *n = tail < size ? tail : size;
        *first = size - *n;
        return *n > 0;
    }
    *first = (size_t)strtoull(range, &end, 10);
    uint64_t last = *end == '-' && end[1] ? strtoull(end + 1, NULL, 10) : UINT64_MAX;
    if (*first >= size)
        return false;
    *n = last - *first < size - *first ? (size_t)(last - *first) + 1 : size - *first;
    return true;
}

static bool send_chunks(int socket, const uint8_t *bytes, size_t n)
{
    bool good = true;
    for (size_t at = 0; good && at < n; at += 1000) {
        char head[16];
        size_t size = n - at < 1000 ? n - at : 1000;
        int length = snprintf(head, sizeof head, "%zx\r\n", size);
        good =
            send_all(socket, head, (size_t)length) && send_all(socket, bytes + at, size) && send_all(socket, "\r\n", 2);
    }
    return good && send_all(socket, "0\r\n\r\n", 5);
}

static bool send_body(int socket, const http_reply *r, const uint8_t *bytes, size_t n)
{
    if (r->endless) {
        bool good = true;
        for (int i = 0; good && i < 100000; i++)
            good = send_all(socket, "400\r\n", 5) && send_all(socket, r->extra, 0) &&
                   send_all(socket, (char[1024]) { 0 }, 1024) && send_all(socket, "\r\n", 2);
        return false;
    }
    if (r->chunked)
        return send_chunks(socket, bytes, n);
    size_t piece = r->drip_ms ? n / 64 + 1 : n;
    for (size_t at = 0; at < n; at += piece) {
        wait_ms(r->drip_ms);
        if (!send_all(socket, bytes + at, n - at < piece ? n - at : piece))
            return false;
    }
    return true;
}

/* The further lines of a head, and its end. */
static bool send_lines(int socket, unsigned n)
{
    char line[1001];
    snprintf(line, sizeof line, "X-More: %0990d\r\n", 0);
    for (unsigned i = 0; i < n; i++)
        if (!send_all(socket, line, 1000))
            return false;
    return !n || send_all(socket, "\r\n", 2);
}

/* False if the connection must be closed. */
static bool send_reply(int socket, const http_request *request, http_reply *r)
{
    char head[2048], range[128] = "";
    size_t first = 0, n = r->size;
    bool part = *request->range && !r->no_ranges && r->code == 200;
    if (part && !find_range(request->range, r->size, &first, &n)) {
        r->code = 416;
        n = 0;
        snprintf(range, sizeof range, "Content-Range: bytes */%zu\r\n", r->size);
    } else if (part) {
        r->code = r->range_in_200 ? 200 : 206;
        snprintf(range, sizeof range, "Content-Range: bytes %jd-%jd/%zu\r\n", (intmax_t)first + r->shift,
                 (intmax_t)(first + n) - 1 + r->shift, r->size);
    }
    size_t sent = n > (size_t)r->cut ? n - (size_t)r->cut : 0;
    char length[64];
    snprintf(length, sizeof length, "Content-Length: %zu\r\n", r->honest ? sent : n);
    if (r->no_length)
        snprintf(length, sizeof length, "Connection: close\r\n");
    if (r->endless || r->chunked)
        snprintf(length, sizeof length, "Transfer-Encoding: chunked\r\n");
    int bytes = snprintf(head, sizeof head, "HTTP/1.1 %d Whatever\r\n%s%s%s%s%s%s%s%s%s%s", r->code, length, range,
                         *r->etag ? "ETag: " : "", r->etag, *r->etag ? "\r\n" : "", *r->location ? "Location: " : "",
                         r->location, *r->location ? "\r\n" : "", r->extra, r->more_lines ? "" : "\r\n");
    if (r->open_head)
        return send_all(socket, head, (size_t)bytes - 2) && false;
    if (!send_all(socket, head, (size_t)bytes) || !send_lines(socket, r->more_lines) ||
        !send_body(socket, r, r->body ? r->body + first : NULL, sent))
        return false;
    return !r->no_length && (r->honest || sent == n);
}

static void reset(int socket)
{
    struct linger linger = { 1, 0 };
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static bool answer(http_server *s, int socket, const char *head, const uint8_t *body, size_t body_size)
{
    char path[2048] = "", full[4096], range[128], if_match[128], host[128];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(strchr(head, ' ') + 1, " "), strchr(head, ' ') + 1);
    char *query = strchr(path, '?');
    if (query)
        *query++ = 0;
    decode(path);
    get_header(head, "Range", range, sizeof range);
    get_header(head, "If-Match", if_match, sizeof if_match);
    get_header(head, "Host", host, sizeof host);
    http_request request = { atomic_fetch_add(&s->requests, 1),
                             path,
                             query ? query : "",
                             head,
                             strncmp(range, "bytes=", 6) == 0 ? range + 6 : "",
                             if_match,
                             host,
                             body,
                             body_size };
    http_reply reply = { .code = *s->folder ? 200 : 404 };
    snprintf(full, sizeof full, "%s%s", s->folder, path);
    uint8_t *own = *s->folder ? load(full, &reply) : NULL;
    unsigned now = atomic_fetch_add(&s->now, 1) + 1, most = atomic_load(&s->most);
    while (now > most && !atomic_compare_exchange_weak(&s->most, &most, now))
        ;
    if (s->hook)
        s->hook(s->user, &request, &reply);
    if (*if_match && *reply.etag && strcmp(if_match, reply.etag) != 0 && reply.code == 200) {
        reply.code = 412;
        reply.size = 0;
    }
    wait_ms(reply.delay_ms);
    bool more = false;
    if (reply.reset)
        reset(socket);
    else
        more = send_reply(socket, &request, &reply);
    atomic_fetch_sub(&s->now, 1);
    free(own);
    return more;
}

/* Receives the rest of a body of which n bytes have come with the head, and answers. */
static bool answer_with_body(http_server *s, int socket, const char *head, const char *start, size_t n)
{
    char length[32];
    get_header(head, "Content-Length", length, sizeof length);
    size_t size = (size_t)strtoull(length, NULL, 10);
    uint8_t *body = malloc(size + 1);
    n = n < size ? n : size;
    if (body)
        memcpy(body, start, n);
    for (ssize_t got; body && n < size; n += (size_t)got)
        if ((got = recv(socket, body + n, size - n, 0)) <= 0)
            break;
    bool more = body && n == size && answer(s, socket, head, body, size);
    free(body);
    return more;
}

static void *serve(void *argument)
{
    struct connection *c = argument;
    char head[8192];
    size_t n = 0;
    for (bool more = true; more;) {
        ssize_t got = recv(c->socket, head + n, sizeof head - 1 - n, 0);
        if (got <= 0 || *head == 0x16) /* 0x16: TLS */
            break;
        head[n += (size_t)got] = 0;
        char *end = strstr(head, "\r\n\r\n");
        if (end) {
            end[2] = 0;
            more = answer_with_body(c->server, c->socket, head, end + 4, (size_t)(head + n - (end + 4)));
            n = 0;
        }
    }
    pthread_mutex_lock(&c->server->mutex);
    close(c->socket);
    c->ended = true;
    pthread_mutex_unlock(&c->server->mutex);
    return NULL;
}

static void add_connection(http_server *s, int socket)
{
    pthread_mutex_lock(&s->mutex);
    for (int i = 0; i < MOST_CONNECTIONS; i++) {
        struct connection *c = &s->connections[i];
        if (c->used && c->ended) {
            pthread_join(c->thread, NULL);
            c->used = false;
        }
        if (!c->used) {
            *c = (struct connection) { s, socket, true, false, 0 };
            socket = -1;
            if (pthread_create(&c->thread, NULL, serve, c) != 0)
                c->used = false;
            break;
        }
    }
    pthread_mutex_unlock(&s->mutex);
    if (socket >= 0)
        close(socket);
}

static void *accept_all(void *argument)
{
    http_server *s = argument;
    while (!atomic_load(&s->stopping)) {
        int socket = accept(s->listener, NULL, NULL), one = 1;
        if (socket < 0)
            continue;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        add_connection(s, socket);
    }
    return NULL;
}

http_server *http_server_start(const char *address, const char *folder, http_hook hook, void *user)
{
    http_server *s = calloc(1, sizeof *s);
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t n = sizeof name;
    s->hook = hook;
    s->user = user;
    snprintf(s->folder, sizeof s->folder, "%s", folder ? folder : "");
    pthread_mutex_init(&s->mutex, NULL);
    inet_pton(AF_INET, address, &name.sin_addr);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->listener, (struct sockaddr *)&name, n) != 0 || listen(s->listener, 512) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&name, &n) != 0 ||
        pthread_create(&s->thread, NULL, accept_all, s) != 0) {
        perror("server of the test");
        exit(1);
    }
    snprintf(s->url, sizeof s->url, "http://%s:%d", address, ntohs(name.sin_port));
    return s;
}

void http_server_stop(http_server *s)
{
    atomic_store(&s->stopping, true);
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    for (int i = 0; i < MOST_CONNECTIONS; i++) {
        struct connection *c = &s->connections[i];
        pthread_mutex_lock(&s->mutex);
        if (c->used && !c->ended)
            shutdown(c->socket, SHUT_RDWR);
        pthread_mutex_unlock(&s->mutex);
        if (c->used)
            pthread_join(c->thread, NULL);
    }
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

const char *http_server_url(const http_server *s) { return s->url; }
unsigned http_server_requests(const http_server *s) { return atomic_load(&s->requests); }
unsigned http_server_most(const http_server *s) { return atomic_load(&s->most); }
