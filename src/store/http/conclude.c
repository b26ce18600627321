/* SPDX-License-Identifier: BSD-3-Clause */
/* The conclusion from the end of an attempt. */
#include "store/http/engine.h"

#include "platform/address.h"

#include <stdio.h>
#include <string.h>

#define MOST_HOPS 5

static mt_next refuse(mt_transfer *t, mt_status status, const char *why)
{
    t->status = mt_fail(&t->error, status, "%s: %s", t->name, why);
    return MT_NEXT_DONE;
}

/* No response, or only a part of one. */
static mt_next no_response(mt_attempt *a, CURLcode code)
{
    mt_transfer *t = a->t;
    const char *why = a->message[0] ? a->message : curl_easy_strerror(code);
    refuse(t, code == CURLE_OUT_OF_MEMORY ? MT_E_MEMORY : MT_E_IO, why);
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_LOGIN_DENIED:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return MT_NEXT_DONE;
    default: return MT_NEXT_RETRY;
    }
}

static const char *phrase(int code)
{
    switch (code) {
    case 400: return "bad request";
    case 401: return "credentials are missing or wrong";
    case 403: return "forbidden: credentials are wrong, missing or insufficient";
    case 404: return "not found";
    case 408: return "request timeout";
    case 410: return "gone";
    case 416: return "the range does not exist";
    case 429: return "too many requests";
    case 500: return "internal error";
    case 502: return "bad gateway";
    case 503: return "unavailable";
    case 504: return "gateway timeout";
    default: return "";
    }
}

static bool is_redirect(int code) { return code == 301 || code == 302 || code == 303 || code == 307 || code == 308; }

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return has;
}

static bool has_scheme(CURLU *url, const char *scheme)
{
    char *text = NULL;
    bool has = curl_url_get(url, CURLUPART_SCHEME, &text, 0) == CURLUE_OK && strcmp(text, scheme) == 0;
    curl_free(text);
    return has;
}

/* With a proxy, only host names are known: checks those that are literal addresses. */
static bool names_private(CURLU *url)
{
    char *host = NULL;
    bool is = false;
    if (curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        size_t n = strlen(host);
        bool brackets = n > 2 && host[0] == '[';
        if (brackets)
            host[n - 1] = 0;
        is = curl_strequal(host, "localhost") || mt_address_is_private(host + brackets);
    }
    curl_free(host);
    return is;
}

/* Why a redirect is not followed, or NULL. */
static const char *check_redirect(const mt_attempt *a, const char *from, const char *to, mt_status *status)
{
    CURLU *source = curl_url(), *target = curl_url();
    const char *why = NULL;
    CURLUcode code = source && target ? curl_url_set(source, CURLUPART_URL, from, 0) : CURLUE_OUT_OF_MEMORY;
    if (!code)
        code = curl_url_set(target, CURLUPART_URL, to, 0);
    *status = code == CURLUE_OUT_OF_MEMORY ? MT_E_MEMORY : MT_E_IO;
    if (code == CURLUE_OUT_OF_MEMORY)
        why = "out of memory for a redirect";
    else if (code)
        why = "it redirects to something that is not an HTTP URL";
    else if (!has_scheme(target, "http") && !has_scheme(target, "https"))
        why = "it redirects to another scheme than http and https";
    else if (has_scheme(source, "https") && has_scheme(target, "http"))
        why = "it redirects from https to http, which is not encrypted";
    else if (has_part(target, CURLUPART_USER) || has_part(target, CURLUPART_PASSWORD))
        why = "it redirects to a URL with a user in it";
    else if (a->http->proxied && !a->http->options.allow_private_redirects && !names_private(source) &&
             names_private(target))
        why = "it redirects from a public to a private address";
    curl_url_cleanup(source);
    curl_url_cleanup(target);
    return why;
}

/* Whether the peer has a public address, as far as known. */
static bool is_public_peer(const mt_attempt *a)
{
    char *text = NULL;
    if (a->http->proxied || curl_easy_getinfo(a->easy, CURLINFO_PRIMARY_IP, &text) || !text)
        return false;
    return !a->http->is_private(text);
}

static mt_next follow(mt_attempt *a)
{
    mt_transfer *t = a->t;
    char *to = NULL;
    if (curl_easy_getinfo(a->easy, CURLINFO_REDIRECT_URL, &to) || !to)
        return refuse(t, MT_E_IO, "it redirects without a Location");
    if (a->hops == MOST_HOPS)
        return refuse(t, MT_E_IO, "it redirects more than five times");
    mt_status status;
    const char *why = check_redirect(a, a->url ? a->url : t->url, to, &status);
    if (why)
        return refuse(t, status, why);
    char *copy;
    if ((t->status = mt_copy_text(a->http->env, to, &copy, &t->error)))
        return MT_NEXT_DONE;
    mt_attempt_forget_redirect(a);
    a->url = copy;
    a->hops++;
    a->from_public |= is_public_peer(a) && !a->http->options.allow_private_redirects;
    return MT_NEXT_FOLLOW;
}

static mt_next no_success(mt_attempt *a)
{
    mt_transfer *t = a->t;
    const char *text = phrase(t->code);
    if (t->code == 416 && a->body.object_size != MT_SIZE_UNKNOWN) {
        t->object_size = a->body.object_size;
        return MT_NEXT_DONE;
    }
    if (is_redirect(t->code) && t->follow)
        return follow(a);
    if (t->code == 412 && t->if_match)
        return refuse(t, MT_E_CHANGED, "the object changed while it was being read");
    mt_status status = t->code == 404 ? MT_E_NOT_FOUND : t->code == 416 ? MT_E_CORRUPT : MT_E_IO;
    t->status = mt_fail(&t->error, status, "%s: the server answered %d%s%s%s", t->name, t->code, *text ? " (" : "",
                        text, *text ? ")" : "");
    return mt_retry_code(t->code) ? MT_NEXT_RETRY : MT_NEXT_DONE;
}

/* Copies the requested part of a whole object, sent by a server without ranges. */
static mt_next cut_out(mt_attempt *a)
{
    mt_transfer *t = a->t;
    uint64_t offset;
    size_t size;
    if ((t->status = mt_span_in_object(t, a->n, &offset, &size, &t->error)))
        return MT_NEXT_DONE;
    if (size > 0)
        memcpy(t->out, (char *)a->grown + offset, size);
    t->object_size = a->n;
    t->n_read = size;
    t->whole = a->grown;
    t->whole_capacity = a->capacity;
    a->grown = NULL;
    return MT_NEXT_DONE;
}

static mt_next success(mt_attempt *a)
{
    mt_transfer *t = a->t;
    if (a->body.size != MT_SIZE_UNKNOWN && a->n != a->body.size) {
        t->status = mt_fail(&t->error, MT_E_IO, "%s: the server sent %zu bytes of %llu", t->name, a->n,
                            (unsigned long long)a->body.size);
        return MT_NEXT_RETRY;
    }
    if (a->body.kind == MT_BODY_WHOLE)
        return cut_out(a);
    bool open_end = a->body.object_size == MT_SIZE_UNKNOWN && t->span != MT_SPAN_RANGE && t->span != MT_SPAN_BODY;
    t->object_size = open_end ? a->n : a->body.object_size;
    t->n_read = a->n;
    if (a->grown) {
        t->out = a->grown;
        t->capacity = a->capacity;
        a->grown = NULL;
    }
    return MT_NEXT_DONE;
}

static mt_next ask_hook(mt_attempt *a)
{
    mt_transfer *t = a->t;
    bool good = t->code >= 200 && t->code < 300;
    mt_verdict verdict = t->judge && t->code != 206 ? t->judge(t) : MT_ACCEPT;
    if (verdict == MT_ACCEPT)
        return good ? success(a) : no_success(a);
    if (verdict == MT_RETRY)
        return refuse(t, MT_E_IO, "the server is busy"), MT_NEXT_RETRY;
    if (verdict == MT_REFUSE)
        return MT_NEXT_DONE;
    a->hops = 0; /* redirects start anew */
    mt_attempt_forget_redirect(a);
    return MT_NEXT_AT_ONCE;
}

mt_next mt_attempt_conclude(mt_attempt *a, CURLcode code)
{
    mt_transfer *t = a->t;
    bool text = a->planned && a->body.kind == MT_BODY_TEXT; /* error body: its end does not matter */
    t->tries++;
    t->code = a->response.code;
    if (t->status)
        return MT_NEXT_DONE;
    if (a->address_refused)
        return refuse(t, MT_E_IO, "it redirects from a public to a private address");
    memcpy(t->etag, a->response.etag, sizeof t->etag);
    memcpy(t->modified, a->response.modified, sizeof t->modified);
    if (code != CURLE_OK && !text)
        return no_response(a, code);
    if (t->code < 200 || !a->planned)
        return refuse(t, MT_E_IO, "the server answered something that is not HTTP"), MT_NEXT_RETRY;
    return ask_hook(a);
}
