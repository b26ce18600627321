/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests to custom stacks. */
#ifndef MT_STACK_OWN_H
#define MT_STACK_OWN_H

#include "stack/request.h"

/* Does all requests to custom stacks: first, in the pool, those that any thread may do, then, in the calling thread,
 * the others. Meanwhile this call makes no cache entries and holds no scratch memory, so functions of the user may call
 * the library without a deadlock. */
void mt_own_extract(mt_extraction *x);

#endif
