/* SPDX-License-Identifier: BSD-3-Clause */
#include "core.h"

#include <pthread.h>

/* CPython 3.11 guards its list of thread states with a lock that a forked child finds locked, and waits for, if another
 * thread was adding or removing its state. PyGILState_Ensure adds one for each call in a thread of the library. So here
 * no process forks meanwhile. */
static pthread_mutex_t no_fork = PTHREAD_MUTEX_INITIALIZER;
static PyInterpreterState *interpreter;

static void lock(void) { pthread_mutex_lock(&no_fork); }

static void unlock(void) { pthread_mutex_unlock(&no_fork); }

static unsigned n_forks;

static void unlock_child(void)
{
    n_forks++;
    unlock();
}

unsigned count_forks(void) { return n_forks; }

bool gil_init(void)
{
    if (!interpreter && pthread_atfork(lock, unlock, unlock_child)) {
        PyErr_NoMemory();
        return false;
    }
    interpreter = PyInterpreterState_Get();
    return true;
}

gil_token gil_take(void)
{
    gil_token token = { .added = NULL };
    if (!PyGILState_GetThisThreadState()) {
        lock();
        token.added = PyThreadState_New(interpreter);
        unlock();
    }
    if (token.added)
        PyEval_AcquireThread(token.added);
    else
        token.state = PyGILState_Ensure();
    return token;
}

void gil_give(gil_token token)
{
    if (!token.added) {
        PyGILState_Release(token.state);
        return;
    }
    PyThreadState_Clear(token.added);
    PyEval_ReleaseThread(token.added);
    lock();
    PyThreadState_Delete(token.added);
    unlock();
}
