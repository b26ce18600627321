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
    int allow_bad_certificates;  /* TLS without verification: anybody on the way can read and replace what is sent */
    int allow_private_redirects; /* from a public address to a private, link-local or loopback one */
    /* Sent with each request whose URL starts with headers_prefix, which names at least a scheme and a host:
     * "Name: value", one a line. For access tokens: they go nowhere else, redirects to other hosts included, and into no
     * message and pickle. NULL: none. */
    const char *headers;
    const char *headers_prefix;
} mt_http_options;

MT_END_DECLS

#endif
