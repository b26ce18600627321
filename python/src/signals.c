/* SPDX-License-Identifier: BSD-3-Clause */
#include "core.h"

#include <time.h>

/* In seconds. Taking the GIL more often would slow down other threads of the program. */
#define SIGNAL_PERIOD 0.05

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* the wall clock may be set back */
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int watch_signals(void *user)
{
    signal_watch *watch = user;
    double now = seconds();
    if (watch->next > now)
        return 0;
    bool first = watch->next == 0;
    watch->next = now + SIGNAL_PERIOD;
    if (first)
        return 0;
    PyGILState_STATE gil = PyGILState_Ensure();
    int raised = PyErr_CheckSignals();
    PyGILState_Release(gil);
    return raised;
}
