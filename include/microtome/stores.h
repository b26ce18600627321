/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of the stores for URLs, part of mt_context_options. A zeroed struct selects the defaults. */
#ifndef MICROTOME_STORES_H
#define MICROTOME_STORES_H

#include <microtome/status.h>

#include <stddef.h>

MT_BEGIN_DECLS

/* HTTP and HTTPS, also for s3://. Strings are copied. */
typedef struct mt_http_options {
    unsigned in_flight;          /* concurrent requests in total; 0: 128 */
    unsigned in_flight_per_host; /* concurrent requests per host; 0: 32 */
    unsigned io_threads;         /* 0: 1; at most 8. A second thread helps above 300 MB/s of TLS. */
    int retries;                 /* retries of one request; 0: 8; -1: no retries */
    unsigned connect_timeout_ms; /* in ms; 0: 5000 */
    /* Longest time without a byte received, in ms, rounded up to seconds; 0: 20000. The total time of a request is not
     * limited. */
    unsigned stall_timeout_ms;
    int allow_bad_certificates;  /* not 0: do not verify TLS certificates. Insecure: traffic can be read and altered. */
    const char *ca_file;         /* PEM file of trusted authorities; NULL: SSL_CERT_FILE, or the system's */
    int allow_private_redirects; /* not 0: from a public address to a private, link-local or loopback one */
    /* Headers "Name: value", one per line of at most 8191 bytes, for access tokens. They are sent only with requests whose
     * URL starts with headers_prefix (also after a redirect), and never appear in messages or pickles. NULL: no headers. */
    const char *headers;
    const char *headers_prefix; /* with a scheme and a host; required with headers */
} mt_http_options;

/* s3:// and gs://. Strings are copied. If a field is NULL, its value comes from the environment (AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL), then from a profile
 * (AWS_PROFILE) in ~/.aws/credentials and ~/.aws/config. Without keys, requests are not signed. Keys never appear in
 * messages or pickles. */
typedef struct mt_s3_options {
    const char *key_id;   /* access key id; set both key_id and secret, or neither */
    const char *secret;   /* secret access key */
    const char *token;    /* session token */
    const char *region;   /* if not set anywhere: the region that the bucket reports, else us-east-1 */
    const char *endpoint; /* "http(s)://host[:port]" of a server other than Amazon's */
    const char *profile;  /* a profile whose keys override those of the environment */
    int anonymous;        /* not 0: do not sign requests, even if there are keys */
    /* Not 0: without keys, get them from the metadata service of the container or machine. Without such a service this
     * waits for a timeout. */
    int ask_instance;
} mt_s3_options;

MT_END_DECLS

#endif
