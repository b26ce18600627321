/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests to stacks of one's own. */
#ifndef MT_STACK_OWN_H
#define MT_STACK_OWN_H

#include "stack/request.h"

/* Does all requests to stacks of one's own: first those that any thread may do, in the pool, then the others, in the
 * thread of the call. Nothing is in the making in the cache meanwhile, and no scratch memory is taken: functions of the
 * user may call the library, and whatever they wait for does not wait for this call. */
void mt_own_extract(mt_extraction *x);

#endif
