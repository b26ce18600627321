/* SPDX-License-Identifier: BSD-3-Clause */
/* A store in front of another that lets one call fail. */
#ifndef MT_TEST_FAULTY_STORE_H
#define MT_TEST_FAULTY_STORE_H

#include "store/store.h"

/* The k-th call (from 0) of size, read or list fails with status: MT_E_IO, as a disk fails, or MT_E_CORRUPT, as an
 * object that ends too early. Takes inner over, unless it fails. */
mt_status faulty_store_wrap(mt_store *inner, size_t k, mt_status status, mt_store **out, mt_error *err);

/* The same of several stores together: calls counts those of all. */
mt_status faulty_store_wrap_shared(mt_store *inner, _Atomic size_t *calls, size_t k, mt_status status, mt_store **out,
                                   mt_error *err);

/* Calls so far. */
size_t faulty_store_calls(const mt_store *store);

#endif
