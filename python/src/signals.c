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

void follower_note(void *user, uint64_t done, uint64_t total)
{
    follower *f = user;
    f->done = done;
    f->total = total;
}

static bool call_progress(follower *f)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *result =
        PyObject_CallFunction(f->progress, "KK", (unsigned long long)f->done, (unsigned long long)f->total);
    f->raised = !result;
    Py_XDECREF(result);
    PyGILState_Release(gil);
    return f->raised;
}

/* The clock of watch_signals also paces the progress. */
int follower_is_cancelled(void *user)
{
    follower *f = user;
    double before = f->signals.next;
    if (f->raised || watch_signals(&f->signals))
        return 1;
    return f->progress && f->signals.next != before && f->total > 0 && call_progress(f);
}

bool follower_end(follower *f) { return !f->progress || !call_progress(f); }
