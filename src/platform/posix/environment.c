/* SPDX-License-Identifier: BSD-3-Clause */
#include "platform/environment.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *mt_environment_get(mt_arena *arena, const char *name, mt_status *st, mt_error *err)
{
    const char *value = getenv(name);
    *st = MT_OK;
    if (!value || !*value)
        return NULL;
    const char *copy = mt_arena_strndup(arena, value, strlen(value), err);
    *st = copy ? MT_OK : MT_E_MEMORY;
    return copy;
}

int64_t mt_clock_utc(void) { return (int64_t)time(NULL); }
