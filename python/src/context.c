/* SPDX-License-Identifier: BSD-3-Clause */
/* Context: threads, cache and limits shared by stacks. */
#include "core.h"
#include "options.h"

#include <string.h>

static const struct limit {
    const char *name;
    size_t offset;
} limits[] = {
    { "max_metadata_bytes", offsetof(mt_limits, max_metadata_bytes) },
    { "max_json_bytes", offsetof(mt_limits, max_json_bytes) },
    { "max_json_depth", offsetof(mt_limits, max_json_depth) },
    { "max_xml_bytes", offsetof(mt_limits, max_xml_bytes) },
    { "max_xml_depth", offsetof(mt_limits, max_xml_depth) },
    { "max_dimensions", offsetof(mt_limits, max_dimensions) },
    { "max_pages", offsetof(mt_limits, max_pages) },
    { "max_chunk_bytes", offsetof(mt_limits, max_chunk_bytes) },
    { "max_zip_bytes", offsetof(mt_limits, max_zip_bytes) },
    { "max_zip_members", offsetof(mt_limits, max_zip_members) },
    { "max_norange_bytes", offsetof(mt_limits, max_norange_bytes) },
};
#define N_LIMITS (sizeof limits / sizeof *limits)

static bool convert_limits(PyObject *object, mt_limits *out)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    if (!is_given(object))
        return true;
    if (!PyDict_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "limits must be a dict");
        return false;
    }
    while (PyDict_Next(object, &position, &key, &value)) {
        size_t i = 0;
        int64_t number;
        while (i < N_LIMITS && (!PyUnicode_Check(key) || PyUnicode_CompareWithASCIIString(key, limits[i].name)))
            i++;
        if (i == N_LIMITS) {
            PyErr_Format(PyExc_ValueError, "there is no limit %R", key);
            return false;
        }
        Py_INCREF(value); /* its __index__ may remove it from the dict */
        bool good = convert_int64(value, limits[i].name, &number);
        Py_DECREF(value);
        if (!good)
            return false;
        if (number <= 0) {
            PyErr_Format(PyExc_ValueError, "%s must be positive", limits[i].name);
            return false;
        }
        size_t size = (size_t)number;
        memcpy((char *)out + limits[i].offset, &size, sizeof size);
    }
    return true;
}

/* *path is encoded for the file system; the caller releases it. */
static bool convert_disk_cache(PyObject *folder, PyObject *bytes, PyObject **path, mt_context_options *out)
{
    int64_t most = 0;
    if (is_given(folder) && !(*path = convert_path(folder, "disk_cache", &out->disk_cache)))
        return false;
    if (is_given(bytes) && !convert_int64(bytes, "disk_cache_bytes", &most))
        return false;
    if (most < 0) {
        PyErr_SetString(PyExc_ValueError, "disk_cache_bytes must not be negative");
        return false;
    }
    out->disk_cache_bytes = (uint64_t)most;
    return true;
}

static bool convert_options(PyObject *const *values, PyObject **path, mt_context_options *out)
{
    int64_t threads = 0;
    if (is_given(values[0]) && !convert_int64(values[0], "threads", &threads))
        return false;
    if (threads < 0 || threads > 1024) {
        PyErr_SetString(PyExc_ValueError, "threads must be between 0 and 1024");
        return false;
    }
    out->threads = (unsigned)threads;
    if (is_given(values[1])) {
        if (!convert_int64(values[1], "cache_bytes", &out->cache_bytes))
            return false;
        if (out->cache_bytes < 0) {
            PyErr_SetString(PyExc_ValueError, "cache_bytes must not be negative");
            return false;
        }
        if (out->cache_bytes == 0)
            out->cache_bytes = MT_NO_CACHE;
    }
    int64_t in_flight = 0;
    if (is_given(values[4]) && !convert_int64(values[4], "in_flight", &in_flight))
        return false;
    if (in_flight < 0 || in_flight > 65536) {
        PyErr_SetString(PyExc_ValueError, "in_flight must be between 0 and 65536");
        return false;
    }
    out->in_flight = (unsigned)in_flight;
    out->allow_mmap = values[2] ? PyObject_IsTrue(values[2]) : 0;
    return out->allow_mmap >= 0 && convert_limits(values[3], &out->limits) && convert_http(values[5], &out->http) &&
           convert_s3(values[6], &out->s3) && convert_disk_cache(values[7], values[8], path, out);
}

static PyObject *context_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static const char *names[] = { "threads", "cache_bytes", "allow_mmap", "limits",           "in_flight",
                                   "http",    "s3",          "disk_cache", "disk_cache_bytes", NULL };
    PyObject *values[9] = { NULL }, *path = NULL;
    mt_context_options options = { .struct_size = sizeof options };
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$OOOOOOOOO:Context", (char **)names, &values[0], &values[1],
                                     &values[2], &values[3], &values[4], &values[5], &values[6], &values[7],
                                     &values[8]) ||
        !convert_options(values, &path, &options)) {
        Py_XDECREF(path);
        return NULL;
    }
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_context_new(&options, &context, &err);
    Py_XDECREF(path);
    if (st) {
        core_state *state = PyType_GetModuleState(type);
        return state ? raise_error(state, &err, NULL) : NULL;
    }
    context_object *self = PyObject_New(context_object, type);
    if (!self) {
        mt_context_free(context);
        return NULL;
    }
    self->context = context;
    return (PyObject *)self;
}

static void context_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    context_object *self = (context_object *)object;
    mt_context *context = self->context;
    PyObject_Free(object);
    Py_DECREF(type);
    Py_BEGIN_ALLOW_THREADS
    mt_context_free(context);
    Py_END_ALLOW_THREADS
}

static PyObject *context_counters(PyObject *self, PyObject *unused)
{
    mt_counters c;
    (void)unused;
    mt_context_get_counters(((context_object *)self)->context, &c);
    return Py_BuildValue("{sKsKsKsKsKsKsKsKsKsKsK}", "patches", (unsigned long long)c.patches, "bytes_delivered",
                         (unsigned long long)c.bytes_delivered, "ranges", (unsigned long long)c.ranges, "bytes_fetched",
                         (unsigned long long)c.bytes_fetched, "chunks_decoded", (unsigned long long)c.chunks_decoded,
                         "bytes_decoded", (unsigned long long)c.bytes_decoded, "chunks_missing",
                         (unsigned long long)c.chunks_missing, "cache_hits", (unsigned long long)c.cache_hits,
                         "cache_bytes", (unsigned long long)c.cache_bytes, "memory_bytes",
                         (unsigned long long)c.memory_bytes, "memory_peak", (unsigned long long)c.memory_peak);
}

static PyObject *context_reset_counters(PyObject *self, PyObject *unused)
{
    (void)unused;
    mt_context_reset_counters(((context_object *)self)->context);
    Py_RETURN_NONE;
}

static PyObject *context_drop_cache(PyObject *self, PyObject *unused)
{
    (void)unused;
    mt_context_drop_cache(((context_object *)self)->context);
    Py_RETURN_NONE;
}

/* The context that a function makes. It lives as long as the function, so that no reference is returned. */
static bool convert_function(PyObject *function, mt_context **out)
{
    PyObject *module = PyImport_ImportModule("microtome._context");
    PyObject *made = module ? PyObject_CallMethod(module, "made_by", "O", function) : NULL;
    if (made)
        *out = ((context_object *)made)->context;
    Py_XDECREF(made);
    Py_XDECREF(module);
    return made;
}

bool context_convert(core_state *state, PyObject *object, mt_context **out)
{
    *out = NULL;
    if (!is_given(object))
        return true;
    int is = PyObject_IsInstance(object, state->context_type);
    if (is == 0 && PyCallable_Check(object))
        return convert_function(object, out);
    if (is == 0)
        PyErr_SetString(PyExc_TypeError, "context must be a microtome.Context, or a function that makes one");
    if (is > 0)
        *out = ((context_object *)object)->context;
    return is > 0;
}

static PyMethodDef context_methods[] = {
    { "counters", context_counters, METH_NOARGS,
      "counters($self, /)\n--\n\n"
      "What has been read and decoded since the counters were reset, as a dict of integers: the fields of "
      "``mt_counters``." },
    { "reset_counters", context_reset_counters, METH_NOARGS,
      "reset_counters($self, /)\n--\n\nSet the counters to zero." },
    { "drop_cache", context_drop_cache, METH_NOARGS,
      "drop_cache($self, /)\n--\n\nDrop all decoded chunks that are not in use." },
    { NULL, NULL, 0, NULL },
};

PyDoc_STRVAR(
    context_doc,
    "Context(*, threads=0, cache_bytes=None, allow_mmap=False, limits=None, in_flight=0, http=None, s3=None, "
    "disk_cache=None, disk_cache_bytes=0)\n--\n\n"
    "Threads, the cache of decoded chunks, and limits, shared by the stacks opened in it.\n\n"
    "Contexts are not pickled: unpickled stacks are opened in the default context, or in that of a function given\n"
    "to `open` in place of a context.\n\n"
    "Parameters\n----------\n"
    "threads : int\n    Decoding threads, including the caller; 0 is one per processor.\n"
    "cache_bytes : int, optional\n    Budget for decoded chunks; 0 keeps none. Default: an eighth of the "
    "memory that the process may use;\n    in a forked worker an eighth of that.\n"
    "allow_mmap : bool\n    Map files instead of reading them. Truncating a mapped file kills "
    "the process.\n"
    "limits : dict of str to int, optional\n    Limits on the resources that a file can use, such as "
    "``{\"max_chunk_bytes\": 2**28}``; the names are\n    those of ``mt_limits``.\n"
    "in_flight : int\n    Concurrent reads per store; 0 is the default of the kind of store.\n"
    "http : dict, optional\n    Options for ``http://`` and ``https://``, such as "
    "``{\"headers\": \"Authorization: Bearer ...\",\n    \"headers_prefix\": \"https://host/\"}``; the "
    "names are those of ``mt_http_options``. ``retries`` 0 is none.\n"
    "s3 : dict, optional\n    Options for ``s3://``, such as ``{\"endpoint\": \"https://host\", \"anonymous\": "
    "True}``; the names are\n    those of ``mt_s3_options``. They are never pickled.\n"
    "disk_cache : path-like, optional\n    A folder in which blocks of remote objects are kept, for later processes, "
    "too.\n"
    "disk_cache_bytes : int\n    Approximate maximum size of the folder; 0 is 16 GiB.");

static PyType_Slot context_slots[] = {
    { Py_tp_new, context_new },
    { Py_tp_dealloc, context_dealloc },
    { Py_tp_methods, context_methods },
    { Py_tp_doc, (void *)context_doc },
    { 0, NULL },
};

PyType_Spec context_spec = {
    .name = "microtome.Context",
    .basicsize = sizeof(context_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = context_slots,
};
