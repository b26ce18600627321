/* SPDX-License-Identifier: BSD-3-Clause */
/* Signatures of requests, version 4: pure functions, thread-safe. Source: Amazon S3 API Reference, "Authenticating
 * Requests: Using the Authorization Header (AWS Signature Version 4)". */
#ifndef MT_STORE_S3_SIGN_H
#define MT_STORE_S3_SIGN_H

#include "platform/output.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Credentials. token is NULL or "" for permanent keys. */
typedef struct mt_s3_keys {
    const char *id, *secret, *token; /* NUL-terminated */
} mt_s3_keys;

typedef struct mt_s3_pair {
    const char *name, *value; /* not encoded */
} mt_s3_pair;

/* SHA-256 of an empty body; and the placeholder for bodies protected by TLS. */
#define MT_S3_EMPTY_PAYLOAD "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define MT_S3_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

/* The SHA-256 of a body in hexadecimal. MT_E_MEMORY. */
#define MT_S3_PAYLOAD_BYTES 65
MT_MUST_CHECK mt_status mt_s3_hash(const mt_piece *pieces, size_t n, char out[MT_S3_PAYLOAD_BYTES], mt_error *err);

/* An MD5, in bytes: of ETags only. False if the library does not have it (FIPS). */
#define MT_S3_MD5_BYTES 16
bool mt_s3_md5(const void *bytes, size_t n, unsigned char out[MT_S3_MD5_BYTES]);

#define MT_S3_MAX_PAIRS 16

/* The parts of a request to sign, not encoded. */
typedef struct mt_s3_to_sign {
    const char *method, *region, *service; /* "GET"; "us-east-1"; "s3" */
    const char *path;                      /* begins with '/' */
    const mt_s3_pair *query;               /* in any order */
    size_t n_query;                        /* at most MT_S3_MAX_PAIRS */
    const mt_s3_pair *header;              /* signed headers except x-amz-date, including "host"; names in lower case */
    size_t n_header;                       /* below MT_S3_MAX_PAIRS */
    const char *payload;                   /* one of the two above, or the SHA-256 of the body in hexadecimal */
    int64_t time;                          /* seconds since 1970, UTC */
} mt_s3_to_sign;

/* The headers to add to the request. */
typedef struct mt_s3_signature {
    char date[17];            /* x-amz-date */
    char authorization[1024]; /* value of the header Authorization */
} mt_s3_signature;

/* MT_E_ARGUMENT if the key id or the region is too long; MT_E_MEMORY. The caller adds the token as the header
 * x-amz-security-token. */
MT_MUST_CHECK mt_status mt_s3_sign(const mt_s3_to_sign *what, const mt_s3_keys *keys, mt_s3_signature *out,
                                   mt_error *err);

/* Encodes all bytes except A-Z a-z 0-9 - . _ ~ (and '/' if kept) as %XX. Like snprintf, writes as much as fits,
 * NUL-terminated, and returns the full length. */
size_t mt_s3_encode(const char *text, bool keep_slash, char *out, size_t capacity);

/* Writes the query after '?', sorted and encoded. Like snprintf. */
size_t mt_s3_query(const mt_s3_pair *query, size_t n, char *out, size_t capacity);

#endif
