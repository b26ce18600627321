/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/env.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *mt_status_name(mt_status status)
{
    static const char *const names[] = {
        "MT_OK",       "MT_E_ARGUMENT",  "MT_E_RANGE",        "MT_E_NOT_FOUND",
        "MT_E_IO",     "MT_E_CORRUPT",   "MT_E_UNSUPPORTED",  "MT_E_LIMIT",
        "MT_E_MEMORY", "MT_E_CANCELLED", "MT_E_NOT_AN_IMAGE", "MT_E_CHANGED",
    };
    size_t i = (size_t)status;
    return i < sizeof names / sizeof *names ? names[i] : "unknown status";
}

void mt_make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

#undef mt_fail /* the macro is for the analyzer only */
mt_status mt_fail(mt_error *err, mt_status status, const char *format, ...)
{
    if (err && err->status == MT_OK) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        mt_make_printable(err->message);
        err->status = status;
    }
    return status;
}

void mt_error_prefix(mt_error *err, const char *format, ...)
{
    if (!err || err->status == MT_OK)
        return;
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);

    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    size_t used = n < 0 ? sizeof old : (size_t)n;
    if (used + 3 < sizeof old) {
        size_t room = sizeof old - used - 3; /* ": " and the NUL; a longer message is truncated */
        snprintf(err->message + used, room + 3, ": %.*s", (int)room, old);
    }
    mt_make_printable(err->message);
}
