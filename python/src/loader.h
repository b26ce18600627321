/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of _core.Loader. */
#ifndef MT_PYTHON_LOADER_H
#define MT_PYTHON_LOADER_H

#include "core.h"

/* Memory of batches from a function in Python. Guarded by the GIL. */
typedef struct buffers {
    PyObject *allocate; /* number of bytes to an object with a writable buffer of at least that size */
    PyObject *blocks;   /* dict: address to memoryview */
    size_t owners;      /* the loader and each block */
} buffers;

/* NULL after an exception. */
buffers *buffers_new(PyObject *allocate);
void buffers_release(buffers *b);
/* An mt_allocator.resize whose user is a buffers. Called with and without the GIL. */
void *buffers_resize(void *user, void *memory, size_t old_size, size_t new_size);

/* What a loader holds. Not a part of the object, because freeing may have to be left to another thread. */
typedef struct loader_body {
    mt_loader *loader;      /* owned */
    PyObject *patching;     /* keeps the stacks of the patching open */
    stack_object **stacks;  /* entered; owned */
    size_t n_stacks;        /* of all arrays */
    object_call *objects;   /* of those that are Python objects */
    size_t n_objects;       /* their number */
    size_t batch_size;      /* patches in a batch */
    object_log log;         /* their exceptions */
    buffers *buffers;       /* NULL: memory of the context */
    Py_ssize_t calls;       /* calls in progress without the GIL, during which the body stays alive */
    bool is_taking;         /* a thread waits for the next batch */
    bool has_delivered;     /* a batch */
    _Atomic bool is_closed; /* no further calls */
} loader_body;

/* Creates the loader of a zeroed body from the arguments of _core.Loader. False after an exception; body_end in either
 * case. */
bool body_start(loader_body *body, core_state *state, PyObject *arguments);
/* Frees the content of a body. Releases the GIL while threads end. */
void body_end(loader_body *body);

#endif
