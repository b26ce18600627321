/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/options.h"

#include <string.h>

mt_status mt_options_take(void *out, size_t size, const void *given, const char *name, mt_error *err)
{
    size_t known = sizeof known;
    memset(out, 0, size);
    if (given)
        memcpy(&known, given, sizeof known);
    if (known < sizeof known || known > size)
        return mt_fail(err, MT_E_ARGUMENT, "%s.struct_size is %zu, not %zu", name, known, size);
    if (given)
        memcpy(out, given, known);
    memcpy(out, &size, sizeof size);
    return MT_OK;
}
