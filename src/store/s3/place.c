/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/s3/place.h"

#include <stdio.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789-"
#define BUCKET LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ._"
#define MAX_BUCKET 255 /* longest name on other servers and in old regions; 63 today */

mt_status mt_s3_split_url(mt_arena *arena, const char *url, const char **bucket, const char **key, mt_error *err)
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    size_t n = strcspn(start, "/"), allowed = strspn(start, BUCKET);
    if (memchr(start, '@', n))
        return mt_fail(err, MT_E_ARGUMENT,
                       "%.*s...: credentials must not be part of a URL: give them as options, in the "
                       "environment or in a profile",
                       (int)(start - url), url);
    if (strchr(start, '?'))
        return mt_fail(err, MT_E_ARGUMENT,
                       "%.*s%.*s: a '?' is not allowed in the key; open presigned URLs with https://",
                       (int)(start - url), url, (int)(n < 64 ? n : 64), start);
    if (n == 0 || n > MAX_BUCKET || allowed < n || start[0] == '.' || start[0] == '-')
        return mt_fail(err, MT_E_ARGUMENT, "%.200s: not a bucket name", url);
    const char *rest = start + n + strspn(start + n, "/");
    size_t size = strlen(rest);
    while (size > 0 && rest[size - 1] == '/')
        size--;
    *bucket = mt_arena_strndup(arena, start, n, err);
    *key = mt_arena_strndup(arena, rest, size, err);
    return *bucket && *key ? MT_OK : MT_E_MEMORY;
}

/* Places a bucket at a custom endpoint. The path of the endpoint, if any, precedes that of the bucket. */
static int place_at_endpoint(const char *endpoint, const char *bucket, mt_s3_place *out)
{
    const char *host = strstr(endpoint, "://") + 3;
    size_t n = strcspn(host, "/");
    int a = snprintf(out->url, sizeof out->url, "%s/%s/", endpoint, bucket);
    int b = snprintf(out->host, sizeof out->host, "%.*s", (int)n, host);
    int c = snprintf(out->path, sizeof out->path, "%s/%s/", host + n, bucket);
    return (size_t)a >= sizeof out->url || (size_t)b >= sizeof out->host || (size_t)c >= sizeof out->path;
}

mt_status mt_s3_place_bucket(const mt_s3_config *config, const char *region, const char *bucket, mt_s3_place *out,
                             mt_error *err)
{
    const char *domain = strncmp(region, "cn-", 3) == 0 ? "amazonaws.com.cn" : "amazonaws.com";
    char aws[128];
    bool in_host = !config->endpoint && bucket[strspn(bucket, LOWER)] == 0 && strlen(bucket) < 64;
    snprintf(aws, sizeof aws, "https://s3.%s.%s", region, domain);
    const char *endpoint = config->endpoint ? config->endpoint : aws;
    out->encrypted = strncmp(endpoint, "https://", 8) == 0;
    if (!in_host)
        return place_at_endpoint(endpoint, bucket, out) ? mt_fail(err, MT_E_ARGUMENT, "the endpoint of S3 is too long")
                                                        : MT_OK;
    snprintf(out->host, sizeof out->host, "%s.s3.%s.%s", bucket, region, domain);
    snprintf(out->url, sizeof out->url, "https://%s/", out->host);
    snprintf(out->path, sizeof out->path, "/");
    return MT_OK;
}
