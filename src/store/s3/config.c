/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/s3/config.h"

#include "platform/environment.h"
#include "platform/file.h"
#include "store/s3/ini.h"

#include <string.h>

#define MAX_FILE_BYTES ((size_t)1 << 20)
#define DEFAULT_REGION "us-east-1"
#define GS_ENDPOINT "https://storage.googleapis.com"

typedef struct profile {
    const char *name;
    bool named;           /* named by the caller or the environment, not the default */
    const char *files[2]; /* paths of the files: credentials, config */
    const char *texts[2]; /* their contents; NULL: no such file */
    size_t sizes[2];
} profile;

typedef struct search {
    mt_arena *arena;
    mt_error *err;
    mt_status status; /* first failure; stops the search */
} search;

static const char *variable(search *s, const char *name)
{
    mt_status st = s->status;
    const char *value = st ? NULL : mt_environment_get(s->arena, name, &st, s->err);
    s->status = st;
    return value;
}

static const char *first_of(const char *a, const char *b) { return a ? a : b; }

/* The path of a file, from the environment or in the home folder; NULL if there is no home folder. */
static const char *find_file(search *s, const char *name, const char *standard)
{
    const char *path = variable(s, name), *home = variable(s, "HOME");
    if (path && strncmp(path, "~/", 2) != 0)
        return path;
    if (s->status || !home)
        return NULL;
    path = mt_arena_printf(s->arena, s->err, "%s/%s", home, path ? path + 2 : standard);
    s->status = path ? MT_OK : MT_E_MEMORY;
    return path;
}

static mt_status load_open(mt_arena *arena, mt_file file, const char *path, const char **text, size_t *size,
                           mt_error *err)
{
    uint64_t bytes;
    mt_status st = mt_file_size(file, path, &bytes, err);
    if (!st && bytes > MAX_FILE_BYTES)
        st = mt_fail(err, MT_E_LIMIT, "%s has %llu bytes, more than a file of profiles may have (%zu)", path,
                     (unsigned long long)bytes, MAX_FILE_BYTES);
    if (st)
        return st;
    char *out = mt_arena_alloc(arena, (size_t)bytes + 1, 1, err);
    if (!out)
        return MT_E_MEMORY;
    *text = out;
    *size = (size_t)bytes;
    return mt_file_read(file, path, 0, out, (size_t)bytes, err);
}

static void load_file(search *s, const char *path, const char **text, size_t *size)
{
    mt_file file;
    if (s->status || !path)
        return;
    mt_error why = MT_ERROR_INIT;
    mt_status st = mt_file_open(path, &file, &why);
    if (st == MT_E_NOT_FOUND)
        return;
    if (!st) {
        st = load_open(s->arena, file, path, text, size, &why);
        mt_file_close(file);
    }
    if (st)
        s->status = mt_fail(s->err, st, "%s", why.message);
}

/* The prefix of section headers in one of the files. */
static const char *prefix_of(const profile *p, int file)
{
    return file == 1 && strcmp(p->name, "default") != 0 ? "profile" : NULL;
}

static bool has_profile(const profile *p)
{
    for (int i = 0; i < 2; i++)
        if (p->texts[i] && mt_ini_has_section(p->texts[i], p->sizes[i], prefix_of(p, i), p->name))
            return true;
    return false;
}

static void load_profile(search *s, const mt_s3_options *given, profile *p)
{
    const char *named =
        first_of(given->profile, first_of(variable(s, "AWS_PROFILE"), variable(s, "AWS_DEFAULT_PROFILE")));
    *p = (profile) { .name = first_of(named, "default"), .named = named != NULL };
    if (given->anonymous && !p->named)
        return;
    p->files[0] = find_file(s, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
    p->files[1] = find_file(s, "AWS_CONFIG_FILE", ".aws/config");
    for (int i = 0; i < 2; i++)
        load_file(s, p->files[i], &p->texts[i], &p->sizes[i]);
    if (!s->status && p->named && !given->anonymous && !given->key_id && !has_profile(p))
        s->status = mt_fail(s->err, MT_E_ARGUMENT, "the profile \"%s\" is neither in %s nor in %s", p->name,
                            p->files[0] ? p->files[0] : "a file of credentials",
                            p->files[1] ? p->files[1] : "a file of profiles");
}

/* A value of a profile in one file; NULL if there is none. */
static const char *profile_value_in(search *s, const profile *p, int file, const char *key)
{
    mt_ini_value v;
    if (s->status || !p->texts[file] ||
        !mt_ini_get(p->texts[file], p->sizes[file], prefix_of(p, file), p->name, key, &v) || v.size == 0)
        return NULL;
    const char *value = mt_arena_strndup(s->arena, v.text, v.size, s->err);
    s->status = value ? MT_OK : MT_E_MEMORY;
    return value;
}

static const char *profile_value(search *s, const profile *p, const char *key)
{
    return first_of(profile_value_in(s, p, 1, key), profile_value_in(s, p, 0, key));
}

/* Takes keys if there are any; false if not. An incomplete pair is an error. */
static bool take_keys(search *s, mt_s3_keys keys, const char *origin, mt_s3_config *out)
{
    if (s->status || (!keys.id && !keys.secret))
        return false;
    if (!keys.id || !keys.secret) {
        s->status = mt_fail(s->err, MT_E_ARGUMENT, "%s: %s without %s", origin,
                            keys.id ? "the id of an access key" : "a secret key",
                            keys.id ? "its secret key" : "the id of its access key");
        return false;
    }
    out->keys = keys;
    out->origin = origin;
    return true;
}

/* Takes the keys of a profile from one file, never half from each. */
static bool take_profile_keys(search *s, const profile *p, mt_s3_config *out)
{
    for (int i = 0; !s->status && i < 2; i++) {
        const char *origin = mt_arena_printf(s->arena, s->err, "profile \"%s\" of %s", p->name, p->files[i]);
        if (!origin)
            s->status = MT_E_MEMORY;
        mt_s3_keys keys = { profile_value_in(s, p, i, "aws_access_key_id"),
                            profile_value_in(s, p, i, "aws_secret_access_key"),
                            profile_value_in(s, p, i, "aws_session_token") };
        if (take_keys(s, keys, origin, out))
            return true;
    }
    static const char *const others[] = { "credential_process", "sso_session", "sso_start_url", "role_arn",
                                          "web_identity_token_file" };
    for (size_t i = 0; !s->status && p->named && i < sizeof others / sizeof *others; i++)
        if (profile_value(s, p, others[i]))
            s->status = mt_fail(s->err, MT_E_ARGUMENT,
                                "profile \"%s\": %s is not supported: export the keys into the environment, with "
                                "\"aws configure export-credentials --format env\"",
                                p->name, others[i]);
    return false;
}

static void find_keys(search *s, const mt_s3_options *given, const profile *p, mt_s3_config *out)
{
    mt_s3_keys keys = { given->key_id, given->secret, given->token };
    out->origin = "nobody";
    if (given->anonymous || take_keys(s, keys, "the options", out) || (given->profile && take_profile_keys(s, p, out)))
        return;
    keys = (mt_s3_keys) { variable(s, "AWS_ACCESS_KEY_ID"), variable(s, "AWS_SECRET_ACCESS_KEY"),
                          variable(s, "AWS_SESSION_TOKEN") };
    if (!take_keys(s, keys, "the environment", out) && !given->profile)
        (void)take_profile_keys(s, p, out);
}

bool mt_s3_is_region(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    size_t n = strlen(text);
    return n > 0 && n < 64 && strspn(text, allowed) == n && text[0] != '-';
}

static bool is_endpoint(const char *text)
{
    size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;
    const char *host = text + scheme;
    for (const char *c = host; *c; c++)
        if ((unsigned char)*c <= ' ' || strchr("@?#\\\"", *c))
            return false;
    return scheme > 0 && *host && *host != '/' && strlen(text) < 512;
}

/* Without the '/' at its end. */
static void set_endpoint(search *s, const char *text, mt_s3_config *out)
{
    if (s->status || !text)
        return;
    if (!is_endpoint(text)) { /* not shown: it may contain a secret */
        s->status = mt_fail(s->err, MT_E_ARGUMENT, "the endpoint of S3 is not of the form http(s)://host[:port]");
        return;
    }
    size_t n = strlen(text);
    while (text[n - 1] == '/')
        n--;
    out->endpoint = mt_arena_strndup(s->arena, text, n, s->err);
    s->status = out->endpoint ? MT_OK : MT_E_MEMORY;
}

mt_status mt_s3_configure(mt_arena *arena, const mt_s3_options *given, mt_s3_config *out, mt_error *err)
{
    search s = { .arena = arena, .err = err };
    profile p;
    *out = (mt_s3_config) { 0 };
    load_profile(&s, given, &p);
    find_keys(&s, given, &p, out);
    const char *region =
        first_of(given->region, first_of(variable(&s, "AWS_REGION"), variable(&s, "AWS_DEFAULT_REGION")));
    out->region = first_of(first_of(region, profile_value(&s, &p, "region")), DEFAULT_REGION);
    if (!s.status && !mt_s3_is_region(out->region))
        return mt_fail(err, MT_E_ARGUMENT, "\"%.64s\" is not an S3 region", out->region);
    const char *endpoint = first_of(variable(&s, "AWS_ENDPOINT_URL_S3"), variable(&s, "AWS_ENDPOINT_URL"));
    set_endpoint(&s, first_of(given->endpoint, first_of(endpoint, profile_value(&s, &p, "endpoint_url"))), out);
    return s.status;
}

mt_status mt_s3_configure_gs(mt_arena *arena, mt_s3_config *out, mt_error *err)
{
    search s = { .arena = arena, .err = err };
    *out = (mt_s3_config) { .origin = "nobody", .region = "auto", .endpoint = GS_ENDPOINT };
    mt_s3_keys keys = { variable(&s, "GS_ACCESS_KEY_ID"), variable(&s, "GS_SECRET_ACCESS_KEY"), NULL };
    (void)take_keys(&s, keys, "the environment", out);
    return s.status;
}
