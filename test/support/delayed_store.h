/* SPDX-License-Identifier: BSD-3-Clause */
/* A store in front of another that is as slow as a network, and counts round trips: all requests that come before the
 * outcome of the first of them are one trip, and get their outcomes together. */
#ifndef MT_TEST_DELAYED_STORE_H
#define MT_TEST_DELAYED_STORE_H

#include "store/store.h"

#include <stdbool.h>

/* What was asked, by all stores of delayed_wrap with this log. */
typedef struct delayed_log {
    unsigned delay_ms;              /* outcomes come when no request has come for so long */
    bool no_list;                   /* the store cannot list */
    bool print;                     /* each request on stdout */
    const char *refused;            /* NULL, or: of keys that hold this text reads fail with MT_E_IO */
    _Atomic size_t trips, requests; /* counted so far */
} delayed_log;

/* Takes *store over; to be used as mt_store_wrap.wrap, with a delayed_log as user. Costs are those of a slow store. */
mt_status delayed_wrap(void *log, mt_store **store, mt_error *err);

#endif
