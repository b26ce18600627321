/* SPDX-License-Identifier: BSD-3-Clause */
/* Environment variables and the wall clock. */
#ifndef MT_PLATFORM_ENVIRONMENT_H
#define MT_PLATFORM_ENVIRONMENT_H

#include "base/arena.h"

/* The value of an environment variable, in the arena; NULL if it is not set or empty. *st is MT_OK or MT_E_MEMORY. Not
 * safe while another thread sets variables: C has no lock for them. */
const char *mt_environment_get(mt_arena *arena, const char *name, mt_status *st, mt_error *err);

int64_t mt_clock_utc(void); /* seconds since 1970 */

#endif
