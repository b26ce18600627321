/* SPDX-License-Identifier: BSD-3-Clause */
/* The extension module microtome._core: the library as Python types, one to one. What is pleasant is written in Python.
 *
 * Built on the limited API of CPython 3.11, so one binary serves that version and all later ones. The GIL is released
 * around everything that reads, decodes or waits. */
#ifndef MICROTOME_PYTHON_CORE_H
#define MICROTOME_PYTHON_CORE_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
/* Where patches go. */
#define MAX_TARGET (1 + 1 + MAX_SPATIAL)
typedef struct target {
    Py_buffer buffer;  /* of an object with one, */
    PyObject *capsule; /* else of DLPack */
    void *data;
    mt_dtype dtype;
    int ndim;
    int64_t shape[MAX_TARGET], strides[MAX_TARGET]; /* strides in bytes */
} target;

/* For a zeroed target. False after an exception. target_release is due in either case. */
bool target_get(PyObject *object, target *out);
void target_release(target *t);

#endif
#include <Python.h>

#include <microtome/microtome.h>

#include <stdbool.h>

#define MAX_SPATIAL 3

/* Of the module. Everything is a strong reference. */
typedef struct core_state {
    PyObject *make_error; /* microtome._errors.make_error */
    PyObject *empty;      /* numpy.empty */
    PyObject *float32;    /* numpy.dtype("float32") */
    PyObject *context_type;
    PyObject *stack_type;
    PyObject *prefetch_type;
} core_state;

core_state *core_get_state(PyObject *module);

/* A context of its own: microtome.Context. */
typedef struct context_object {
    PyObject_HEAD
    mt_context *context;
} context_object;

extern PyType_Spec context_spec;

/* The context of an argument: None or a Context. False after an exception. */
bool context_convert(core_state *state, PyObject *object, mt_context **out);

/* The base of microtome.ImageStack. */
typedef struct stack_object {
    PyObject_HEAD
    mt_stack *stack;       /* NULL once it is closed and the last call on it has ended */
    PyObject *owner;       /* of an array or an object: what it reads from */
    Py_buffer buffer;      /* of an array */
    struct own_stack *own; /* of an object; the library's stack has it */
    bool closed;
    bool warned;      /* that all chunks so far are absent */
    Py_ssize_t calls; /* that read now, without the GIL */
} stack_object;

extern PyType_Spec stack_spec;

/* Takes stack over, also on failure. owner may be NULL. */
PyObject *stack_wrap(PyTypeObject *type, mt_stack *stack, PyObject *owner);

/* Between them the stack stays open, whatever another thread does. NULL after an exception: the stack is closed. */
mt_stack *stack_enter(stack_object *self);
void stack_leave(stack_object *self);

/* A warning, once, if nothing that was asked for of a remote image is there: a sparse image is legal, but a wrong address
 * must not pass unnoticed. False after an exception: warnings may be errors. */
bool stack_warn_absent(stack_object *self);

/* What several patches of the stacks of objects have in common. */
typedef struct object_batch {
    const mt_error *errors; /* of the requests; NULL: the first exception ends the call */
    PyObject **raised;      /* with errors: the exception of each request, or NULL */
    size_t n;               /* requests */
    PyObject *exception;    /* that ended the call; under the GIL */
    _Atomic bool ended;
} object_batch;

/* For a zeroed batch. False after an exception. object_batch_end is due in either case. */
bool object_batch_start(object_batch *batch, const mt_error *errors, size_t n);
void object_batch_end(object_batch *batch);

/* The stack of an object in such a call: a stack of its own, so that an exception, in whatever thread the object raises
 * it, finds its call. */
typedef struct object_call {
    struct own_stack *own;
    mt_stack *stack;
    object_batch *batch;
} object_call;

/* False after an exception. */
bool object_call_start(object_call *call, object_batch *batch, core_state *state, const stack_object *self);

/* Constructors, class methods of Stack. */
PyObject *stack_open(PyObject *type, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_open_all(PyObject *type, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_from_array(PyObject *type, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_from_object(PyObject *type, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);

/* Methods of Stack. */
PyObject *stack_extract_patch(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                              PyObject *names);
PyObject *stack_map(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_checksum(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_draw_plane(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_draw_patches(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                             PyObject *names);
PyObject *stack_find_channels(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                              PyObject *names);

/* Functions of the module. */
PyObject *extract_many(PyObject *module, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *prefetch_many(PyObject *module, PyObject *const *args, Py_ssize_t n, PyObject *names);

extern PyType_Spec prefetch_spec;

/* Takes prefetch over, also on failure. */
PyObject *prefetch_wrap(core_state *state, mt_prefetch *prefetch);

/* The exception that an error of the library becomes: a new reference, or NULL after an exception. path may be NULL. */
PyObject *make_exception(core_state *state, const mt_error *err, const char *path);

/* Raises it, unless one is set already (by a stack written in Python, or by Ctrl-C), and returns NULL. */
PyObject *raise_error(core_state *state, const mt_error *err, const char *path);

/* Looks for Ctrl-C every now and then in a long call: an mt_extract_options.cancelled whose user is a zeroed
 * signal_watch. The exception that a signal handler raises stays set. */
typedef struct signal_watch {
    double next; /* when to look again */
} signal_watch;
int watch_signals(void *user);

/* What the arguments of a call are: names without a position come last in names. Each that was not given is NULL.
 * Raises TypeError for what does not fit, and returns false. */
typedef struct signature {
    const char *function;
    const char *const *names; /* NULL ends them */
    int positional;           /* so many may be given without a name */
    int required;
} signature;
bool parse_arguments(const signature *s, PyObject *const *args, Py_ssize_t n, PyObject *names, PyObject **out);

bool is_given(PyObject *object); /* neither missing nor None */
bool convert_int64(PyObject *object, const char *what, int64_t *out);
/* A sequence of integers into an array of memory from PyMem_Malloc, or into inline_room where at most n_inline. */
typedef struct int_list {
    int64_t *values;
    size_t n;
    int64_t inline_values[8];
} int_list;
bool convert_int_list(PyObject *object, const char *what, int_list *out);
void int_list_free(int_list *list);
/* Channels by number or by name, at least one, or one name. */
bool convert_channels(PyObject *object, const mt_stack_info *info, int_list *out);
/* A borrowed string (UTF-8) of a str that lives on; *out is left alone where it is missing or None. */
bool convert_string(PyObject *object, const char *what, const char **out);
/* Path-like objects and str, encoded for the file system: a new bytes object, whose string is *out. */
PyObject *convert_path(PyObject *object, const char **out);

/* A buffer whose elements are one of our dtypes in the byte order of the machine. Raises and returns false if not. */
bool buffer_get(PyObject *object, int flags, Py_buffer *out, mt_dtype *dtype);
/* A C-contiguous array of n elements of one dtype; n -1: of any length. */
bool buffer_get_vector(PyObject *object, const char *what, mt_dtype wanted, int64_t n, Py_buffer *out);

/* Where patches go. */
#define MAX_TARGET (1 + 1 + MAX_SPATIAL)
typedef struct target {
    Py_buffer buffer;  /* of an object with one, */
    PyObject *capsule; /* else of DLPack */
    void *data;
    mt_dtype dtype;
    int ndim;
    int64_t shape[MAX_TARGET], strides[MAX_TARGET]; /* strides in bytes */
} target;

/* For a zeroed target. False after an exception. target_release is due in either case. */
bool target_get(PyObject *object, target *out);
void target_release(target *t);

#endif
