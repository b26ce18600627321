/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of the stores behind URLs, which are part of those of a context. A zeroed struct is the default. */
#ifndef MICROTOME_STORES_H
#define MICROTOME_STORES_H

#include <microtome/status.h>

#include <stddef.h>

MT_BEGIN_DECLS

/* HTTP and HTTPS, also below s3://. Texts are copied. */
typedef struct mt_http_options {
    unsigned in_flight;          /* requests at once, in all; 0: 128 */
    unsigned in_flight_per_host; /* 0: 32 */
    unsigned io_threads;         /* 0: 1; at most 8. A second one pays above 300 MB/s of TLS. */
    int retries;                 /* of one request; 0: 8; -1: none */
    unsigned connect_timeout_ms; /* 0: 5000 */
    unsigned
        stall_timeout_ms; /* without a byte; rounded up to seconds; 0: 20000. There is no limit for a whole request. */
    int allow_bad_certificates; /* TLS without verification: anybody on the way can read and replace what is sent */
    const char *
        ca_file; /* PEM file of the authorities whose certificates are accepted; NULL: SSL_CERT_FILE, or the system's */
    int allow_private_redirects; /* from a public address to a private, link-local or loopback one */
    /* Sent with each request whose URL starts with headers_prefix, which names at least a scheme and a host:
     * "Name: value", one a line. For access tokens: they go nowhere else, redirects to other hosts included, and into no
     * message and pickle. NULL: none. */
    const char *headers;
    const char *headers_prefix;
} mt_http_options;

/* s3:// and gs://. Texts are copied; what is NULL comes from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL), then from a profile (AWS_PROFILE) of the files
 * ~/.aws/credentials and ~/.aws/config. Without any keys, requests are not signed. Keys go into no message and pickle. */
typedef struct mt_s3_options {
    const char *key_id;   /* of an access key; both or neither: */
    const char *secret;   /* its secret key */
    const char *token;    /* of a session; NULL: none */
    const char *region;   /* NULL: also us-east-1, or what the bucket says */
    const char *endpoint; /* "http(s)://host[:port]" of another server than Amazon's */
    const char *profile;  /* its keys go before those of the environment */
    int anonymous;        /* sign nothing, even if there are keys */
    int ask_instance;     /* without keys: ask the container or machine that this runs on. Elsewhere the address leads
                           * nowhere, and is waited for. */
} mt_s3_options;

MT_END_DECLS

#endif
