/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests to stores: threads for those that block, and waiting for those in flight.
 *
 * Threads are started when a request finds none idle, and end with the context. They read and nothing else: what is
 * to be done with the bytes is the business of done, which hands it to the pool. Survives fork: the child starts with no
 * thread and no request. */
#ifndef MT_STORE_IO_H
#define MT_STORE_IO_H

#include "store/store.h"

typedef struct mt_io mt_io;

MT_MUST_CHECK mt_status mt_io_new(mt_env *env, mt_io **out, mt_error *err);
void mt_io_free(mt_io *io);

#endif
