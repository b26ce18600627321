/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/bucket.h"

#include "base/number.h"
#include "support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

memory_bucket bucket = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void say(http_reply *reply, int code, const char *format, const char *value)
{
    snprintf(reply->text, sizeof reply->text, format, value);
    reply->code = code;
    reply->body = (const uint8_t *)reply->text;
    reply->size = strlen(reply->text);
}

bucket_object *bucket_find(const char *path)
{
    for (size_t i = 0; i < bucket.n; i++)
        if (strcmp(bucket.objects[i].path, path) == 0)
            return &bucket.objects[i];
    return NULL;
}

static bucket_object *store(const char *path, const uint8_t *bytes, size_t size)
{
    bucket_object *o = bucket_find(path);
    if (!o) {
        o = &bucket.objects[bucket.n++];
        o->bytes = NULL;
        snprintf(o->path, sizeof o->path, "%s", path);
    }
    free(o->bytes);
    o->bytes = malloc(size + 1);
    memcpy(o->bytes, bytes, size);
    o->size = size;
    snprintf(o->etag, sizeof o->etag, "\"%s\"", md5_hex(o->bytes, o->size));
    return o;
}

static void put(const http_request *request, http_reply *reply)
{
    bucket_object *o = bucket_find(request->path);
    const char *payload = strstr(request->head, "x-amz-content-sha256: ");
    const char *length = strstr(request->head, "Content-Length: ");
    snprintf(bucket.payload, sizeof bucket.payload, "%.64s", payload ? payload + 22 : "");
    snprintf(bucket.length, sizeof bucket.length, "%.*s", length ? (int)strcspn(length + 16, "\r") : 0,
             length ? length + 16 : "");
    if (bucket.conflicts > 0) {
        bucket.conflicts--;
        say(reply, 409, "<Error><Code>%s</Code></Error>", "ConditionalRequestConflict");
        return;
    }
    const char *rival = bucket.rival;
    bucket.rival = NULL;
    if (rival && strcmp(rival, GONE) != 0)
        store(request->path, (const uint8_t *)rival, strlen(rival));
    if ((o || rival) && strstr(request->head, "If-None-Match: *") && !bucket.ignores_conditions) {
        say(reply, 412, "<Error><Code>%s</Code></Error>", "PreconditionFailed");
        return;
    }
    o = store(request->path, request->body, request->body_size);
    reply->code = 200;
    snprintf(reply->etag, sizeof reply->etag, "%s", o->etag);
    if (bucket.lost > 0) {
        bucket.lost--;
        reply->reset = true;
    }
}

/* Tokens are the numbers of pages. */
static void list_markers(const http_request *request, http_reply *reply)
{
    const char *token = strstr(request->query, "continuation-token=");
    int64_t page = 0;
    if (token) {
        token += strlen("continuation-token=");
        assert_true(mt_parse_integer(&token, &page));
    }
    size_t at = (size_t)snprintf(reply->text, sizeof reply->text,
                                 "<ListBucketResult><IsTruncated>%s</IsTruncated>"
                                 "<NextContinuationToken>%d</NextContinuationToken>",
                                 page + 1 < bucket.pages ? "true" : "false", (int)page + 1);
    for (int i = 0; i < MARKERS; i++)
        at += (size_t)snprintf(reply->text + at, sizeof reply->text - at,
                               "<Contents><Key>out.zarr/.microtome/unit-%016x-%016x-%016x-%08x-%08x</Key></Contents>",
                               7, (int)page * (MARKERS - 1) + i, 1, 2, 2);
    snprintf(reply->text + at, sizeof reply->text - at, "</ListBucketResult>");
    reply->code = 200;
    reply->body = (const uint8_t *)reply->text;
    reply->size = strlen(reply->text);
}

static void list(const http_request *request, http_reply *reply)
{
    if (bucket.pages) {
        list_markers(request, reply);
        return;
    }
    const char *prefix = strstr(request->query, "prefix=") + 7;
    char decoded[160] = "/lab/";
    for (size_t n = 5; *prefix && *prefix != '&' && n < sizeof decoded - 1; n++, prefix++) {
        decoded[n] = *prefix;
        if (strncmp(prefix, "%2F", 3) == 0) {
            decoded[n] = '/';
            prefix += 2;
        }
    }
    size_t at = (size_t)snprintf(reply->text, sizeof reply->text, "<ListBucketResult>");
    for (size_t i = 0; i < bucket.n; i++)
        if (strncmp(bucket.objects[i].path, decoded, strlen(decoded)) == 0)
            at += (size_t)snprintf(reply->text + at, sizeof reply->text - at,
                                   "<Contents><Key>%s</Key><Size>%zu</Size></Contents>", bucket.objects[i].path + 5,
                                   bucket.objects[i].size);
    snprintf(reply->text + at, sizeof reply->text - at, "</ListBucketResult>");
    reply->code = 200;
    reply->body = (const uint8_t *)reply->text;
    reply->size = strlen(reply->text);
}

static void put_part(const http_request *request, http_reply *reply)
{
    const char *number = strstr(request->query, "partNumber=") + strlen("partNumber=");
    int64_t i = 0;
    assert_true((bucket.id_bytes || strstr(request->query, "uploadId=id%2F1")) && mt_parse_integer(&number, &i) &&
                i > 0 && i <= MOST_OBJECTS);
    if (i == bucket.fails) {
        say(reply, 403, "<Error><Code>%s</Code></Error>", "AccessDenied");
        return;
    }
    bucket_object *part = &bucket.parts[i - 1];
    free(part->bytes);
    part->bytes = malloc(request->body_size + 1);
    part->size = request->body_size;
    memcpy(part->bytes, request->body, part->size);
    bucket.n_parts = (unsigned)i > bucket.n_parts ? (unsigned)i : bucket.n_parts;
    reply->code = 200;
    if (bucket.fails == OTHER_ETAGS)
        snprintf(part->etag, sizeof part->etag, "\"part %d\"", (int)i);
    else
        snprintf(part->etag, sizeof part->etag, bucket.fails == BAD_ETAG ? "\"&%.9s\"" : "\"%s\"",
                 md5_hex(part->bytes, part->size));
    if (bucket.fails != NO_ETAG)
        snprintf(reply->etag, sizeof reply->etag, "%s", part->etag);
}

static void forget_parts(void)
{
    for (unsigned i = 0; i < bucket.n_parts; i++) {
        free(bucket.parts[i].bytes);
        bucket.parts[i].bytes = NULL;
    }
    bucket.n_parts = 0;
}

/* What the list of parts must be. */
static void list_parts(char *out, size_t room)
{
    size_t at = (size_t)snprintf(out, room, "<CompleteMultipartUpload>");
    for (unsigned i = 1; i <= bucket.n_parts; i++)
        at += (size_t)snprintf(out + at, room - at, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", i,
                               bucket.parts[i - 1].etag);
    snprintf(out + at, room - at, "</CompleteMultipartUpload>");
}

/* That of S3: the MD5 of the MD5s of the parts. */
static void make_etag(bucket_object *o)
{
    uint8_t sums[16 * MOST_OBJECTS];
    for (unsigned i = 0; i < bucket.n_parts; i++)
        for (unsigned k = 0; k < 16; k++) {
            char digits[3] = { bucket.parts[i].etag[1 + 2 * k], bucket.parts[i].etag[2 + 2 * k], 0 };
            sums[16 * i + k] = (uint8_t)strtoul(digits, NULL, 16);
        }
    snprintf(o->etag, sizeof o->etag, "\"%s-%u\"", md5_hex(sums, 16 * (size_t)bucket.n_parts), bucket.n_parts);
}

static void join_parts(const http_request *request, http_reply *reply)
{
    char wanted[4096];
    if (bucket.fails == FORGETS)
        forget_parts();
    if (bucket.n_parts == 0) {
        say(reply, 404, "<Error><Code>%s</Code></Error>", "NoSuchUpload");
        return;
    }
    if (bucket.fails == FAILS_AT_LAST) {
        say(reply, 200, "<?xml version=\"1.0\"?>\n  <Error><Code>%s</Code></Error>", "InvalidPart");
        return;
    }
    if (bucket.fails == OTHER_ANSWER) {
        say(reply, 200, "<html><body>%s</body></html>", "Welcome");
        return;
    }
    list_parts(wanted, sizeof wanted);
    assert_int_equal(request->body_size, strlen(wanted));
    assert_memory_equal(request->body, wanted, request->body_size);
    bucket_object *o = bucket_find(request->path);
    if (o)
        free(o->bytes);
    else
        o = &bucket.objects[bucket.n++];
    *o = (bucket_object) { .bytes = malloc(MOST_BUCKET_BYTES) };
    snprintf(o->path, sizeof o->path, "%s", request->path);
    for (unsigned i = 0; i < bucket.n_parts; i++) {
        memcpy(o->bytes + o->size, bucket.parts[i].bytes, bucket.parts[i].size);
        o->size += bucket.parts[i].size;
    }
    make_etag(o);
    forget_parts();
    if (bucket.outcome)
        say(reply, 200, "%s", bucket.outcome);
    else
        say(reply, 200, "<%s></CompleteMultipartUploadResult>", "CompleteMultipartUploadResult");
    if (bucket.lost_ends > 0) {
        bucket.lost_ends--;
        reply->reset = true;
    }
}

/* Requests of an upload in parts; false for others. */
static bool serve_parts(const http_request *request, http_reply *reply)
{
    bool is_post = strncmp(request->head, "POST ", 5) == 0;
    char id[2048];
    if (is_post && strcmp(request->query, "uploads=") == 0) {
        bucket.n_uploads++;
        if (bucket.id_bytes)
            snprintf(id, sizeof id, "%0*d", bucket.id_bytes, 0);
        say(reply, 200,
            bucket.id_bytes         ? "<UploadId>%s</UploadId>"
            : bucket.fails == NO_ID ? "<%s/>"
                                    : "<%s><UploadId>id/1</UploadId></InitiateMultipartUploadResult>",
            bucket.id_bytes ? id : "InitiateMultipartUploadResult");
    } else if (is_post) {
        join_parts(request, reply);
    } else if (strncmp(request->head, "PUT ", 4) == 0 && *request->query) {
        put_part(request, reply);
    } else if (strncmp(request->head, "DELETE ", 7) == 0 && *request->query) {
        bucket.n_given_up++;
        forget_parts();
        reply->code = 204;
    } else {
        return false;
    }
    return true;
}

static void serve_locked(const http_request *request, http_reply *reply)
{
    bucket_object *o = bucket_find(request->path);
    if (bucket.refuses) {
        say(reply, bucket.refuses, "<Error><Code>%s</Code></Error>", "AccessDenied");
    } else if (bucket.busy > 0) {
        bucket.busy--;
        say(reply, 503, "<Error><Code>%s</Code></Error>", "SlowDown");
    } else if (serve_parts(request, reply)) {
    } else if (strncmp(request->head, "PUT ", 4) == 0) {
        put(request, reply);
    } else if (*request->query) {
        list(request, reply);
    } else if (!o) {
        say(reply, 404, "<Error><Code>%s</Code></Error>", "NoSuchKey");
    } else if (strncmp(request->head, "DELETE ", 7) == 0) {
        free(o->bytes);
        *o = bucket.objects[--bucket.n];
        reply->code = 204;
    } else if (*request->range && o->size == 0) {
        say(reply, 416, "<Error><Code>%s</Code></Error>", "InvalidRange");
    } else {
        reply->code = 200;
        reply->body = o->bytes;
        reply->size = o->size;
        snprintf(reply->etag, sizeof reply->etag, "%s", o->etag);
    }
}

/* Returns when enough requests wait. */
static void wait_for_others(void)
{
    static pthread_cond_t all_here = PTHREAD_COND_INITIALIZER;
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 10;
    if (++bucket.waiting == bucket.together)
        bucket.together = 0;
    pthread_cond_broadcast(&all_here);
    while (bucket.together > 0 && !bucket.were_alone)
        bucket.were_alone = pthread_cond_timedwait(&all_here, &bucket.mutex, &end) == ETIMEDOUT;
}

void bucket_serve(void *user, const http_request *request, http_reply *reply)
{
    (void)user;
    pthread_mutex_lock(&bucket.mutex);
    if (bucket.together > 0 && !*request->query && strncmp(request->head, "GET ", 4) == 0)
        wait_for_others();
    serve_locked(request, reply);
    pthread_mutex_unlock(&bucket.mutex);
}

void bucket_reset(void)
{
    forget_parts();
    for (size_t i = 0; i < bucket.n; i++)
        free(bucket.objects[i].bytes);
    bucket = (memory_bucket) { .mutex = PTHREAD_MUTEX_INITIALIZER };
}
