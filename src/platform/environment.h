/* SPDX-License-Identifier: BSD-3-Clause */
/* What the process was given by those who started it. */
#ifndef MT_PLATFORM_ENVIRONMENT_H
#define MT_PLATFORM_ENVIRONMENT_H

#include "base/arena.h"

/* The value of an environment variable, in the arena; NULL if it is not set or empty. *st is MT_OK or MT_E_MEMORY. A
 * program must not set variables while the library reads them: C has no lock for them. */
const char *mt_environment_get(mt_arena *arena, const char *name, mt_status *st, mt_error *err);

int64_t mt_clock_utc(void); /* seconds since 1970 */

#endif
