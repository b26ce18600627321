/* SPDX-License-Identifier: BSD-3-Clause */
/* Signatures of requests, version 4: pure functions, thread-safe. Source: Amazon S3 API Reference, "Authenticating
 * Requests: Using the Authorization Header (AWS Signature Version 4)". */
#ifndef MT_STORE_S3_SIGN_H
#define MT_STORE_S3_SIGN_H

#include <microtome/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one who signs. Without a token it is NULL or "". */
typedef struct mt_s3_keys {
    const char *id, *secret, *token; /* NUL-terminated */
} mt_s3_keys;

typedef struct mt_s3_pair {
    const char *name, *value; /* not encoded */
} mt_s3_pair;

/* SHA-256 of no bytes at all, and what stands instead of it where TLS protects the body. */
#define MT_S3_EMPTY_PAYLOAD "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define MT_S3_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

#define MT_S3_MAX_PAIRS 16

/* What is signed. Nothing in it is encoded yet. */
typedef struct mt_s3_to_sign {
    const char *method, *region, *service; /* "GET"; "us-east-1"; "s3" */
    const char *path;                      /* begins with '/' */
    const mt_s3_pair *query;               /* in any order */
    size_t n_query;                        /* at most MT_S3_MAX_PAIRS */
    const mt_s3_pair *header; /* all that are signed beside x-amz-date, "host" among them; names in lower case */
    size_t n_header;          /* below MT_S3_MAX_PAIRS */
    const char *payload;      /* one of the two above, or the SHA-256 of the body in hexadecimal digits */
    int64_t time;             /* seconds since 1970, UTC */
} mt_s3_to_sign;

/* Two headers to send with the request. */
typedef struct mt_s3_signature {
    char date[17];            /* x-amz-date */
    char authorization[1024]; /* value of the header Authorization */
} mt_s3_signature;

/* MT_E_ARGUMENT if the key id or the region is too long; MT_E_MEMORY. The token is a header like others: it is the
 * caller who puts x-amz-security-token among them. */
MT_MUST_CHECK mt_status mt_s3_sign(const mt_s3_to_sign *what, const mt_s3_keys *keys, mt_s3_signature *out,
                                   mt_error *err);

/* The text with all bytes but A-Z a-z 0-9 - . _ ~ (and '/', if it is kept) as %XX. As snprintf: writes what fits, with
 * a NUL, and returns the length of the whole. */
size_t mt_s3_encode(const char *text, bool keep_slash, char *out, size_t capacity);

/* The query as it stands behind '?': sorted and encoded. As snprintf. */
size_t mt_s3_query(const mt_s3_pair *query, size_t n, char *out, size_t capacity);

#endif
