/* SPDX-License-Identifier: BSD-3-Clause */
/* A store in front of another that makes one call fail. */
#ifndef MT_TEST_FAULTY_STORE_H
#define MT_TEST_FAULTY_STORE_H

#include "store/store.h"

/* The k-th call (from 0) of size, read or list fails with status: MT_E_IO like a disk error, or MT_E_CORRUPT like a
 * truncated object. Takes ownership of inner on success. */
mt_status faulty_store_wrap(mt_store *inner, size_t k, mt_status status, mt_store **out, mt_error *err);

/* The same for several stores together: calls counts the calls of all. */
mt_status faulty_store_wrap_shared(mt_store *inner, _Atomic size_t *calls, size_t k, mt_status status, mt_store **out,
                                   mt_error *err);

/* The number of calls so far. */
size_t faulty_store_calls(const mt_store *store);

#endif
