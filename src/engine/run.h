/* SPDX-License-Identifier: BSD-3-Clause */
/* Execution of a plan: looks up chunks in the cache, locates the others, reads what does not block, and passes the rest
 * to the fetch stage. Called by the thread of the call; returns when all is done. */
#ifndef MT_ENGINE_RUN_H
#define MT_ENGINE_RUN_H

#include "engine/call.h"

/* Sorts and executes the plan. Uses context, reads and cancel of call, and records failures in it. */
void mt_run(mt_call *call, mt_plan *plan);

#endif
