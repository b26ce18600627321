/* SPDX-License-Identifier: BSD-3-Clause */
/* Non-blocking reads: a unit is read, decoded and delivered in one thread, while its bytes are in the processor's
 * cache. Reads that would block go to the fetch stage. */
#ifndef MT_ENGINE_TAKE_H
#define MT_ENGINE_TAKE_H

#include "engine/call.h"

/* Processes a unit: completes it, fails it, or passes it to the fetch stage. Any thread, with its own scratch. */
void mt_take_unit(mt_call *call, const mt_unit *unit, mt_scratch *scratch);

/* Whether only the needed rows of a chunk are read. */
bool mt_take_is_by_rows(const mt_found *found);

#endif
