/* SPDX-License-Identifier: BSD-3-Clause */
/* Decides whether to retry a failed attempt, and after which delay. Nothing here blocks. */
#ifndef MT_STORE_HTTP_RETRY_H
#define MT_STORE_HTTP_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define MT_RETRY_DEADLINE_NS (UINT64_C(120) * 1000000000) /* since the start of the transfer */

/* The retry budget of a host. Retries are limited to 100 plus a tenth of its requests, so that an outage fails fast;
 * and to a few until the host has responded once, as its name may be wrong. */
typedef struct mt_retry_budget {
    uint64_t requests, retries; /* sent so far */
    bool answered;              /* a response has arrived */
} mt_retry_budget;

/* Whether a response with this HTTP status is worth a retry. */
bool mt_retry_code(int code);

/* Whether to retry after tries failed attempts; counts the retry if so. most: limit for one transfer. */
bool mt_retry_allow(mt_retry_budget *budget, unsigned tries, unsigned most);

/* Parses the time of a Date or Last-Modified header, in seconds since 1970; false if invalid. */
bool mt_http_date(const char *text, int64_t *out);

/* The delay in nanoseconds: from Retry-After (seconds or a date; "" if absent), else a random part of 0.1 s, doubled
 * with each try up to 15 s. random: any 64 bits. UINT64_MAX if the server asks for more than 60 s. */
uint64_t mt_retry_wait_ns(unsigned tries, const char *retry_after, int64_t now_utc, uint64_t random);

#endif
