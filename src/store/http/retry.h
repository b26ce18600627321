/* SPDX-License-Identifier: BSD-3-Clause */
/* When a failed attempt is worth another, and how long to wait before it. Nothing here waits. */
#ifndef MT_STORE_HTTP_RETRY_H
#define MT_STORE_HTTP_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define MT_RETRY_DEADLINE_NS (UINT64_C(120) * 1000000000) /* from the start of a transfer */

/* What is known of a host. Retries are at most a tenth of its requests and 100, so that an outage fails fast; and few
 * until it has answered once, for its name may be wrong. */
typedef struct mt_retry_budget {
    uint64_t requests, retries; /* sent so far */
    bool answered;              /* a response has arrived */
} mt_retry_budget;

/* Whether this status of a response may be another one next time. */
bool mt_retry_code(int code);

/* Whether to try again after a transfer failed tries times; counts the retry if so. most: retries of one transfer. */
bool mt_retry_allow(mt_retry_budget *budget, unsigned tries, unsigned most);

/* The time of a Date or Last-Modified header in seconds since 1970; false if it is none. */
bool mt_http_date(const char *text, int64_t *out);

/* Nanoseconds to wait: those of Retry-After ("" where there is none; seconds or a date), else a random part of 0.1 s
 * doubled with each try up to 15 s. random: any 64 bits. UINT64_MAX where the server asks for more than 60 s. */
uint64_t mt_retry_wait_ns(unsigned tries, const char *retry_after, int64_t now_utc, uint64_t random);

#endif
