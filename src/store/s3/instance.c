/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/s3/instance.h"

#include "base/json.h"
#include "platform/environment.h"
#include "store/http/retry.h"
#include "store/http/transfer.h"

#include <stdio.h>
#include <string.h>

#define CONTAINER "http://169.254.170.2"
#define MACHINE "http://169.254.169.254"
#define MAX_ANSWER 16384

/* Whether a container's URL is acceptable: https, or a loopback address, or one of the addresses Amazon reserves for
 * this. */
static bool is_local(const char *url)
{
    static const char *const hosts[] = { "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
                                         "127.0.0.1",     "localhost",      "[::1]" };
    if (strncmp(url, "https://", 8) == 0)
        return true;
    if (strncmp(url, "http://", 7) != 0)
        return false;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t n = strlen(hosts[i]);
        if (strncmp(url + 7, hosts[i], n) == 0 && (url[7 + n] == 0 || strchr(":/?", url[7 + n])) && !strchr(url, '@'))
            return true;
    }
    return false;
}

/* The time of "2026-11-29T06:00:00Z", in seconds since 1970; false if invalid. */
static bool parse_time(const char *text, int64_t *out)
{
    static const char form[] = "0000-00-00T00:00:00Z", *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    if (strlen(text) != sizeof form - 1)
        return false;
    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    int month = 10 * (text[5] - '0') + text[6] - '0';
    char date[64];
    if (month < 1 || month > 12)
        return false;
    snprintf(date, sizeof date, "Mon, %.2s %s %.4s %.8s GMT", text + 8, months[month - 1], text, text + 11);
    return mt_http_date(date, out);
}

/* NULL if there is no such member, or, with *st, if memory runs out. */
static const char *copy_member(mt_arena *arena, const json_t *object, const char *name, mt_status *st, mt_error *err)
{
    const char *text = json_string_value(json_object_get(object, name));
    const char *copy = text ? mt_arena_strndup(arena, text, strlen(text), err) : NULL;
    if (text && !copy)
        *st = MT_E_MEMORY;
    return copy;
}

/* Parses the document that both services return: AccessKeyId, SecretAccessKey, Token, Expiration. */
static mt_status parse_lent(mt_arena *arena, const char *text, size_t size, mt_s3_lent *out, mt_error *err)
{
    json_t *object;
    mt_status st = mt_json_parse(mt_arena_env(arena), text, size, "the answer", &object, err);
    if (st)
        return st;
    out->keys = (mt_s3_keys) { copy_member(arena, object, "AccessKeyId", &st, err),
                               copy_member(arena, object, "SecretAccessKey", &st, err),
                               copy_member(arena, object, "Token", &st, err) };
    const char *expires = copy_member(arena, object, "Expiration", &st, err);
    json_decref(object);
    if (st)
        return st;
    out->expires = INT64_MAX;
    if (!out->keys.id || !out->keys.secret)
        return mt_fail(err, MT_E_CORRUPT, "the response has no AccessKeyId or SecretAccessKey");
    if (expires && !parse_time(expires, &out->expires))
        return mt_fail(err, MT_E_CORRUPT, "the keys have an invalid expiry time: \"%.40s\"", expires);
    return MT_OK;
}

typedef struct asking {
    mt_arena *arena;
    mt_http *http;
    mt_error *err;
} asking;

/* The body of a response, NUL-terminated. header may be NULL. origin names the server in errors: its URL may contain a
 * secret. */
static mt_status ask(const asking *a, const char *origin, const char *method, const char *url, const char *header,
                     char **out, size_t *size)
{
    char *body = mt_arena_alloc(a->arena, MAX_ANSWER + 1, 1, a->err);
    if (!body)
        return MT_E_MEMORY;
    mt_transfer t = { .method = method,
                      .url = url,
                      .name = origin,
                      .span = MT_SPAN_BODY,
                      .size = MAX_ANSWER,
                      .out = body,
                      .direct = true };
    if (header) {
        t.headers[0] = header;
        t.n_headers = 1;
    }
    mt_status st = mt_transfer_perform(a->http, (mt_transfer *[]) { &t }, 1, a->err);
    body[st ? 0 : t.n_read] = 0;
    *out = body;
    *size = t.n_read;
    return st;
}

static mt_status take(const asking *a, const char *url, const char *header, const char *origin, mt_s3_lent *out)
{
    char *body;
    size_t size;
    mt_status st = ask(a, origin, "GET", url, header, &body, &size);
    out->origin = origin;
    return st ? st : parse_lent(a->arena, body, size, out, a->err);
}

static const char *variable(const asking *a, const char *name, mt_status *st)
{
    return *st ? NULL : mt_environment_get(a->arena, name, st, a->err);
}

/* **asked: the environment names the address of a container. */
static mt_status ask_container(const asking *a, bool *asked, mt_s3_lent *out)
{
    mt_status st = MT_OK;
    const char *relative = variable(a, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", &st);
    const char *url = variable(a, "AWS_CONTAINER_CREDENTIALS_FULL_URI", &st);
    const char *token = variable(a, "AWS_CONTAINER_AUTHORIZATION_TOKEN", &st), *header = NULL;
    *asked = relative || url;
    if (st || !*asked)
        return st;
    if (relative)
        url = mt_arena_printf(a->arena, a->err, CONTAINER "%s", relative);
    if (token && !relative)
        header = mt_arena_printf(a->arena, a->err, "Authorization: %s", token);
    if (!url || (token && !relative && !header))
        return MT_E_MEMORY;
    if (!is_local(url))
        return mt_fail(a->err, MT_E_ARGUMENT,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI names neither https nor an address of this machine");
    return take(a, url, header, "the container", out);
}

static mt_status ask_machine(const asking *a, mt_s3_lent *out)
{
    static const char machine[] = "the machine";
    mt_status st = MT_OK;
    char *token, *role;
    size_t size;
    const char *address = variable(a, "AWS_EC2_METADATA_SERVICE_ENDPOINT", &st);
    if (!address)
        address = MACHINE;
    if (st)
        return st;
    int n = (int)strlen(address) - (address[strlen(address) - 1] == '/');
    const char *url = mt_arena_printf(a->arena, a->err, "%.*s/latest/api/token", n, address);
    if (!url)
        return MT_E_MEMORY;
    if ((st = ask(a, machine, "PUT", url, "X-aws-ec2-metadata-token-ttl-seconds: 300", &token, &size)))
        return st;
    const char *header = mt_arena_printf(a->arena, a->err, "X-aws-ec2-metadata-token: %s", token);
    url = mt_arena_printf(a->arena, a->err, "%.*s/latest/meta-data/iam/security-credentials/", n, address);
    if (!header || !url)
        return MT_E_MEMORY;
    if ((st = ask(a, machine, "GET", url, header, &role, &size)))
        return st;
    role[strcspn(role, "\r\n")] = 0;
    char encoded[256];
    if (!*role || mt_s3_encode(role, false, encoded, sizeof encoded) >= sizeof encoded)
        return mt_fail(a->err, MT_E_CORRUPT, "the machine has no role with credentials");
    url = mt_arena_printf(a->arena, a->err, "%s%s", url, encoded);
    return url ? take(a, url, header, machine, out) : MT_E_MEMORY;
}

mt_status mt_s3_ask_instance(mt_env *env, mt_arena *arena, mt_s3_lent *out, mt_error *err)
{
    static const mt_http_options options = { .retries = -1, .connect_timeout_ms = 1000, .stall_timeout_ms = 1000 };
    mt_error why = MT_ERROR_INIT;
    asking a = { .arena = arena, .err = &why };
    bool asked = false;
    *out = (mt_s3_lent) { 0 };
    mt_status st = mt_http_new(env, &options, &a.http, err);
    if (st)
        return st;
    st = ask_container(&a, &asked, out);
    if (!st && !asked)
        st = ask_machine(&a, out);
    mt_http_free(a.http);
    if (st == MT_E_NOT_FOUND) /* the keys are missing, not the object */
        st = MT_E_IO;
    return st ? mt_fail(err, st, "no keys from the container or machine that this runs on: %s", why.message) : MT_OK;
}
