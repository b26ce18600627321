/* SPDX-License-Identifier: BSD-3-Clause */
/* The extension module microtome._core: a thin binding of the library. Conveniences are written in Python.
 *
 * Built on the limited API of CPython 3.11, so one binary works with that version and all later ones. The GIL is
 * released while the library reads, decodes or waits. */
#ifndef MICROTOME_PYTHON_CORE_H
#define MICROTOME_PYTHON_CORE_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include <microtome/microtome.h>

#include <stdbool.h>

#define MAX_SPATIAL 3

/* The state of the module. All are strong references. */
typedef struct core_state {
    PyObject *make_error;      /* microtome._errors.make_error */
    PyObject *empty;           /* numpy.empty */
    PyObject *float32;         /* numpy.dtype("float32") */
    PyObject *context_type;    /* _core.Context */
    PyObject *stack_type;      /* _core.Stack */
    PyObject *prefetch_type;   /* _core.Prefetch */
    PyObject *patching_type;   /* _core.Patching */
    PyObject *statistics_type; /* _core.Statistics */
    PyObject *loader_type;     /* _core.Loader */
    PyObject *batch_type;      /* _core.Batch */
    PyObject *array_type;      /* _core.BatchArray */
    PyObject *writer_type;     /* _core.Writer */
    PyObject *tiling_type;     /* _core.Tiling */
    PyObject *stitcher_type;   /* _core.Stitcher */
    PyObject *ensemble_type;   /* _core.Ensemble */
} core_state;

core_state *core_get_state(PyObject *module);

/* microtome.Context */
typedef struct context_object {
    PyObject_HEAD
    mt_context *context; /* owned */
} context_object;

extern PyType_Spec context_spec;

/* Converts None or a Context. False after an exception. */
bool context_convert(core_state *state, PyObject *object, mt_context **out);

/* The base of microtome.ImageStack. */
typedef struct stack_object {
    PyObject_HEAD
    mt_stack *stack;       /* NULL once closed and no call is in progress */
    PyObject *owner;       /* the array or object that it reads from, or NULL */
    Py_buffer buffer;      /* of an array */
    struct own_stack *own; /* for an object; owned by the library's stack */
    bool closed;           /* close() was called */
    bool warned;           /* has warned that all chunks are absent */
    Py_ssize_t calls;      /* number of calls in progress without the GIL */
} stack_object;

extern PyType_Spec stack_spec;

/* Takes over stack, also on failure. owner may be NULL. */
PyObject *stack_wrap(PyTypeObject *type, mt_stack *stack, PyObject *owner);

/* Keep the stack open between these two calls, even if another thread closes it. NULL after an exception: it is
 * closed. */
mt_stack *stack_enter(stack_object *self);
void stack_leave(stack_object *self);

/* Warns once if all requested chunks of a remote image are absent: the image may be sparse, or the address wrong. False
 * after an exception: warnings may be errors. */
bool stack_warn_absent(stack_object *self);

/* The state of a call for several patches of stacks over Python objects. */
typedef struct object_batch {
    const mt_error *errors; /* of the requests; NULL: the first exception ends the call */
    PyObject **raised;      /* with errors: the exception of each request, or NULL */
    size_t n;               /* number of requests */
    PyObject *exception;    /* the exception that ended the call; guarded by the GIL */
    _Atomic bool ended;     /* an exception has ended the call */
} object_batch;

/* For a zeroed batch. False after an exception. Call object_batch_end in either case. */
bool object_batch_start(object_batch *batch, const mt_error *errors, size_t n);
void object_batch_end(object_batch *batch);

/* The exceptions that objects raised while a loader read them ahead of time, until its caller gets them. Guarded by the
 * GIL. */
typedef struct object_log {
    PyObject *raised;     /* dict: number to exception */
    unsigned long long n; /* number of the last one */
} object_log;

/* For a zeroed log. False after an exception. */
bool object_log_start(object_log *log);
/* Raises the exception that an error of the library is about, if there is one, and forgets it, or all. False: none. */
bool object_log_raise(object_log *log, const mt_error *err, bool forget_others);
/* Whether the calling thread is inside extract_patch of an object that writes to this log. */
bool object_log_is_inside(const object_log *log);

/* A separate library stack over the same object for one call or one loader, so that an exception raised in any thread is
 * assigned to it. */
typedef struct object_call {
    struct own_stack *own; /* owned by stack */
    mt_stack *stack;       /* owned */
    object_batch *batch;   /* borrowed: of a call, */
    object_log *log;       /* or of a loader */
} object_call;

/* For a call with batch or log set. False after an exception. */
bool object_call_start(object_call *call, core_state *state, const stack_object *self);

/* The pyramid levels of the stacks of a call, for lateral context. */
typedef struct levels {
    PyObject *given;      /* borrowed: a tuple with a tuple of stacks for each stack; NULL: no levels */
    mt_pyramid *pyramids; /* for each stack, without the stack itself */
    mt_stack **stacks;    /* of all levels, entered */
    size_t n_stacks;      /* number of these */
} levels;

/* For zeroed levels of n stacks; given may be None. False after an exception. Call levels_end in either case. */
bool levels_start(const core_state *state, PyObject *given, size_t n, levels *out);
void levels_end(levels *l);

/* Constructors, class methods of Stack. */
PyObject *stack_open(PyObject *type, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_open_all(PyObject *type, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_from_array(PyObject *type, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_from_object(PyObject *type, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);

/* Methods of Stack. */
PyObject *stack_extract_patch(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                              PyObject *names);
PyObject *stack_map(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_identity(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_list_labels(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *given);
PyObject *stack_open_beside(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *given);
PyObject *stack_checksum(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_filter(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_draw_plane(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *stack_draw_patches(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                             PyObject *names);
PyObject *stack_find_channels(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                              PyObject *names);

/* Functions of the module. */
PyObject *extract_many(PyObject *module, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *n2v(PyObject *module, PyObject *args);
PyObject *add_noise(PyObject *module, PyObject *args);
PyObject *prefetch_many(PyObject *module, PyObject *const *args, Py_ssize_t n, PyObject *names);

PyObject *compute_statistics(PyObject *module, PyObject *const *args, Py_ssize_t n, PyObject *names);
PyObject *parse_statistics(PyObject *module, PyObject *args);

extern PyType_Spec prefetch_spec, statistics_spec, loader_spec, batch_spec, array_spec, writer_spec, stitcher_spec,
    ensemble_spec;

/* Takes over prefetch, also on failure. */
PyObject *prefetch_wrap(core_state *state, mt_prefetch *prefetch);

/* The base of microtome.Patching. */
typedef struct patching_object {
    PyObject_HEAD
    mt_patching *patching; /* NULL before _start */
    PyObject *stacks;      /* tuple of Stack; NULL before _start */
} patching_object;

extern PyType_Spec patching_spec;

/* The patching of an object of this type; NULL after an exception: it was not started. */
mt_patching *patching_get(PyObject *object);
/* Takes over patching. stacks: a tuple. */
void patching_set(patching_object *self, mt_patching *patching, PyObject *stacks);
/* Releases patching and stacks, as tp_clear. */
int patching_clear(PyObject *object);

/* A patching of tiles: the base of tilings in Python. */
typedef struct tiling_object {
    patching_object base;
    mt_tiling *tiling; /* NULL before _start_tiles */
} tiling_object;

extern PyType_Spec tiling_spec;

/* The tiling of an object of this type; NULL after an exception: it was not started. */
mt_tiling *tiling_get(PyObject *object);

/* Creates or continues an image with the arguments of _core.Writer. NULL after an exception. */
mt_writer *writer_start(core_state *state, PyObject *arguments, bool only_plan);

/* Whether an image was finished with the arguments of _core.Writer. */
PyObject *is_finished(PyObject *module, PyObject *arguments);

/* Functions of the module: a collection of images is made, or found, and completed. */
PyObject *collection_begin(PyObject *module, PyObject *arguments);
PyObject *collection_finish(PyObject *module, PyObject *arguments);
PyObject *collection_look(PyObject *module, PyObject *arguments);

/* Keep a _core.Writer open between these two calls, even if another thread closes it. NULL after an exception. */
mt_writer *writer_enter(PyObject *object);
void writer_leave(PyObject *object);

/* copy(sources, part, n_parts, progress), a method of Writer. A source is (stack, from, extent, to, sample). */
PyObject *writer_copy(PyObject *object, PyObject *arguments);
PyObject *identify_source(PyObject *module, PyObject *arguments);

/* keep(name, text or None) and kept(), which returns a dict, methods of Writer. */
PyObject *writer_keep(PyObject *object, PyObject *arguments);
PyObject *writer_kept(PyObject *object, PyObject *unused);

/* Takes over batch, also on failure. */
PyObject *batch_wrap(core_state *state, mt_batch *batch);

/* Converts an error of the library to an exception: a new reference, or NULL after an exception. path may be NULL. */
PyObject *make_exception(core_state *state, const mt_error *err, const char *path);

/* Raises that exception, unless one is already set (by a stack written in Python, or by Ctrl-C). Returns NULL. */
PyObject *raise_error(core_state *state, const mt_error *err, const char *path);

/* Take and give the GIL in any thread, as PyGILState_Ensure and PyGILState_Release do, but safely while another thread
 * forks. gil_init comes first; false after an exception. */
typedef struct gil_token {
    PyThreadState *added;   /* NULL: the thread had a state, */
    PyGILState_STATE state; /* and this is what to return to */
} gil_token;
bool gil_init(void);
gil_token gil_take(void);
void gil_give(gil_token token);
/* How many forks lie between this process and the one that loaded the module: it differs in a forked child. */
unsigned count_forks(void);

/* Polls for Ctrl-C during a long call: an mt_extract_options.cancelled whose user is a zeroed signal_watch. The
 * exception raised by the signal handler stays set. */
typedef struct signal_watch {
    double next; /* time of the next poll, in seconds of the monotonic clock */
} signal_watch;
int watch_signals(void *user);

/* The caller's function, which is called at most every 50 ms, and Ctrl-C. For a zeroed follower with progress set:
 * follower_note and follower_is_cancelled are the progress and cancelled of options of the library. */
typedef struct follower {
    signal_watch signals;
    PyObject *progress; /* borrowed; NULL: none */
    uint64_t done, total;
    bool raised; /* by progress */
} follower;
void follower_note(void *user, uint64_t done, uint64_t total);
int follower_is_cancelled(void *user);
/* Reports the end of a call that succeeded, with the GIL. False after an exception. */
bool follower_end(follower *f);

/* The parameters of a function. parse_arguments sets arguments that are not given to NULL; it raises TypeError and
 * returns false if the arguments do not match. */
typedef struct signature {
    const char *function;     /* name, for messages */
    const char *const *names; /* of all parameters, keyword-only ones last; ends with NULL */
    int positional;           /* number of parameters that may be positional */
    int required;             /* number of parameters that are required, the first ones */
} signature;
bool parse_arguments(const signature *s, PyObject *const *args, Py_ssize_t n, PyObject *names, PyObject **out);

bool is_given(PyObject *object); /* neither missing nor None */

/* PyArg_ParseTuple raises SystemError for anything but a tuple. */
bool check_tuple(PyObject *object, const char *what);
bool convert_int64(PyObject *object, const char *what, int64_t *out);
/* A sequence of integers. */
typedef struct int_list {
    int64_t *values;          /* inline_values, or memory from PyMem_Malloc */
    size_t n;                 /* number of values */
    int64_t inline_values[8]; /* storage of short lists */
} int_list;
bool convert_int_list(PyObject *object, const char *what, int_list *out);
/* A new tuple; NULL after an exception. */
PyObject *int_tuple(const int64_t *values, size_t n);
void int_list_free(int_list *list);
/* A list of strings. They may quote names from files that are not UTF-8. */
PyObject *text_list(const char *const *texts, size_t n);
/* Converts a non-empty sequence of channel numbers and names, or one name. */
bool convert_channels(PyObject *object, const mt_stack_info *info, int_list *out);
/* Converts a number, "reflect" or "edge" to padding and an mt_padding_mode; a missing object to 0. */
bool convert_padding(PyObject *object, double *padding, int *mode);
/* Sets *out to the UTF-8 of a str, borrowed from it; leaves *out unchanged if object is missing or None. */
bool convert_string(PyObject *object, const char *what, const char **out);
/* Encodes a path-like object or str for the file system: returns a new bytes object, whose string is *out. */
PyObject *convert_path(PyObject *object, const char *what, const char **out);

/* Gets a buffer whose elements are of a supported dtype in native byte order, else raises and returns false. */
bool buffer_get(PyObject *object, int flags, Py_buffer *out, mt_dtype *dtype);
/* Gets a C-contiguous buffer of n elements of one dtype; n -1: any length. */
bool buffer_get_vector(PyObject *object, const char *what, mt_dtype wanted, int64_t n, Py_buffer *out);

/* An array of the caller, such as the output of patches: patch, C, (L,) (Z,) Y, X, where L is the scale of lateral
 * context. */
#define MAX_TARGET (1 + 1 + 1 + MAX_SPATIAL)
typedef struct target {
    Py_buffer buffer;                               /* of an object with the buffer protocol, */
    PyObject *capsule;                              /* else of DLPack; owned */
    void *data;                                     /* the first element */
    mt_dtype dtype;                                 /* element type */
    int ndim;                                       /* number of dimensions */
    int64_t shape[MAX_TARGET], strides[MAX_TARGET]; /* in elements; in bytes */
} target;

/* For a zeroed target; what: its name in messages. False after an exception. Call target_release in either case. */
bool target_get(PyObject *object, const char *what, bool writable, target *out);
void target_release(target *t);

#endif
