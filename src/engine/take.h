/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be had at once: a unit is read without waiting, decoded and delivered in the thread that reads it, with the
 * bytes still in the processor's cache. What would have to be waited for goes to the fetch stage. */
#ifndef MT_ENGINE_TAKE_H
#define MT_ENGINE_TAKE_H

#include "engine/call.h"

/* Any thread, with its own scratch. The unit is done, failed, or handed to the fetch stage. */
void mt_take_unit(mt_call *call, const mt_unit *unit, mt_scratch *scratch);

/* Whether just the rows that are wanted are read of a chunk. */
bool mt_take_is_by_rows(const mt_found *found);

#endif
