/* SPDX-License-Identifier: BSD-3-Clause */
/* A store in front of another that simulates network latency and counts round trips: all requests that arrive before
 * the first of them finishes are one trip and finish together. */
#ifndef MT_TEST_DELAYED_STORE_H
#define MT_TEST_DELAYED_STORE_H

#include "store/store.h"

#include <stdbool.h>

/* Requests of all stores of delayed_wrap with this log. */
typedef struct delayed_log {
    unsigned delay_ms;              /* requests finish after this time without a new request */
    bool no_list;                   /* the store cannot list */
    bool print;                     /* print each request to stdout */
    const char *refused;            /* reads of keys that contain this text fail with MT_E_IO; NULL: none */
    _Atomic size_t trips, requests; /* counted so far */
} delayed_log;

/* Takes ownership of *store. For mt_store_wrap.wrap, with a delayed_log as user. Costs are those of a slow store. */
mt_status delayed_wrap(void *log, mt_store **store, mt_error *err);

#endif
