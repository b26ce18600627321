/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"

#include <limits.h>

typedef struct option {
    const char *name;
    size_t offset;
    enum { TEXT, FLAG, COUNT, RETRIES } kind; /* const char *, int, unsigned, int with 0 in Python as -1 in C */
} option;

static const option http_options[] = {
    { "in_flight", offsetof(mt_http_options, in_flight), COUNT },
    { "in_flight_per_host", offsetof(mt_http_options, in_flight_per_host), COUNT },
    { "io_threads", offsetof(mt_http_options, io_threads), COUNT },
    { "retries", offsetof(mt_http_options, retries), RETRIES },
    { "connect_timeout_ms", offsetof(mt_http_options, connect_timeout_ms), COUNT },
    { "stall_timeout_ms", offsetof(mt_http_options, stall_timeout_ms), COUNT },
    { "allow_bad_certificates", offsetof(mt_http_options, allow_bad_certificates), FLAG },
    { "ca_file", offsetof(mt_http_options, ca_file), TEXT },
    { "allow_private_redirects", offsetof(mt_http_options, allow_private_redirects), FLAG },
    { "headers", offsetof(mt_http_options, headers), TEXT },
    { "headers_prefix", offsetof(mt_http_options, headers_prefix), TEXT },
};

static const option s3_options[] = {
    { "key_id", offsetof(mt_s3_options, key_id), TEXT },
    { "secret", offsetof(mt_s3_options, secret), TEXT },
    { "token", offsetof(mt_s3_options, token), TEXT },
    { "region", offsetof(mt_s3_options, region), TEXT },
    { "endpoint", offsetof(mt_s3_options, endpoint), TEXT },
    { "profile", offsetof(mt_s3_options, profile), TEXT },
    { "anonymous", offsetof(mt_s3_options, anonymous), FLAG },
    { "ask_instance", offsetof(mt_s3_options, ask_instance), FLAG },
};

static bool convert_number(PyObject *value, const option *o, char *out)
{
    int64_t number;
    if (!convert_int64(value, o->name, &number))
        return false;
    if (number < 0 || number > INT_MAX) {
        PyErr_Format(PyExc_ValueError, "%s must be between 0 and 2**31 - 1", o->name);
        return false;
    }
    if (o->kind == COUNT)
        *(unsigned *)(void *)out = (unsigned)number;
    else
        *(int *)(void *)out = number == 0 ? -1 : (int)number;
    return true;
}

static bool convert_value(PyObject *value, const option *o, char *out)
{
    switch (o->kind) {
    case TEXT: return convert_string(value, o->name, (const char **)(void *)out);
    case FLAG: return (*(int *)(void *)out = PyObject_IsTrue(value)) >= 0;
    default: return convert_number(value, o, out);
    }
}

static bool convert_dict(PyObject *object, const char *what, const option *options, size_t n, char *out)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    if (!is_given(object))
        return true;
    if (!PyDict_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be a dict", what);
        return false;
    }
    while (PyDict_Next(object, &position, &key, &value)) {
        size_t i = 0;
        while (i < n && (!PyUnicode_Check(key) || PyUnicode_CompareWithASCIIString(key, options[i].name)))
            i++;
        if (i == n) {
            PyErr_Format(PyExc_ValueError, "there is no option %R of %s", key, what);
            return false;
        }
        Py_INCREF(value); /* its methods may remove it from the dict */
        bool good = convert_value(value, &options[i], out + options[i].offset);
        Py_DECREF(value);
        if (!good)
            return false;
    }
    return true;
}

bool convert_http(PyObject *object, mt_http_options *out)
{
    return convert_dict(object, "http", http_options, sizeof http_options / sizeof *http_options, (char *)out);
}

bool convert_s3(PyObject *object, mt_s3_options *out)
{
    return convert_dict(object, "s3", s3_options, sizeof s3_options / sizeof *s3_options, (char *)out);
}
