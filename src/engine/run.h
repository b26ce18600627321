/* SPDX-License-Identifier: BSD-3-Clause */
/* Execution of a plan: looks chunks up, locates the others, takes what can be had at once, and leaves the rest to the
 * fetch stage. Called by the thread of the call, which returns when all is done. */
#ifndef MT_ENGINE_RUN_H
#define MT_ENGINE_RUN_H

#include "engine/call.h"

/* Sorts the plan and executes it. call gives context, reads and cancel, and gets the failures. */
void mt_run(mt_call *call, mt_plan *plan);

#endif
