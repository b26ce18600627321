/* SPDX-License-Identifier: BSD-3-Clause */
/* Structs of options and results whose first member is struct_size, by which a caller says what it knows. */
#ifndef MT_WRITE_OPTIONS_H
#define MT_WRITE_OPTIONS_H

#include "base/env.h"

/* Copies the struct of a caller to out, which has size bytes; members that the caller does not know are zero. given is
 * NULL: all are. MT_E_ARGUMENT, with the name of the struct, if the caller's has no size, or is larger. */
MT_MUST_CHECK mt_status mt_options_take(void *out, size_t size, const void *given, const char *name, mt_error *err);

#endif
