/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of a context that Python gives as dicts. */
#ifndef MT_PYTHON_OPTIONS_H
#define MT_PYTHON_OPTIONS_H

#include "core.h"

/* None or a dict of the fields of mt_http_options and mt_s3_options. Texts are those of the dict's values, valid as long
 * as they are and the GIL is held. False with an exception set. */
bool convert_http(PyObject *object, mt_http_options *out);
bool convert_s3(PyObject *object, mt_s3_options *out);

#endif
