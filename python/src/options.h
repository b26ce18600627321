/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of a context, given as dicts. */
#ifndef MT_PYTHON_OPTIONS_H
#define MT_PYTHON_OPTIONS_H

#include "core.h"

/* Convert None or a dict with the fields of mt_http_options or mt_s3_options. Strings are borrowed from the dict's
 * values, and valid while these are and the GIL is held. False after an exception. */
bool convert_http(PyObject *object, mt_http_options *out);
bool convert_s3(PyObject *object, mt_s3_options *out);

#endif
