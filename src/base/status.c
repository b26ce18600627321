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

/* The length of a text without the bytes of an incomplete UTF-8 character at its end (RFC 3629, section 3). */
static size_t whole_characters(const char *text, size_t n)
{
    size_t start = n;
    while (start > 0 && n - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    unsigned char first = start > 0 ? (unsigned char)text[start - 1] : 0;
    size_t length = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    return first >= 0xc0 && n - start + 1 < length ? start - 1 : n;
}

void mt_make_printable(char *text, size_t room)
{
    size_t n = strlen(text);
    if (n + 1 == room)
        text[whole_characters(text, n)] = 0;
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
        mt_make_printable(err->message, sizeof err->message);
        err->status = status;
    }
    return status;
}

void mt_error_omit(mt_error *err, const char *name)
{
    size_t n = strlen(name);
    if (!err || err->status == MT_OK || n == 0)
        return;
    for (char *at = err->message; (at = strstr(at, name)); at++)
        if ((at == err->message || at[-1] == ' ') && strncmp(at + n, ": ", 2) == 0) {
            memmove(at, at + n + 2, strlen(at + n + 2) + 1);
            return;
        }
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
    const size_t half = sizeof old / 2, length = strlen(old), kept = length < half ? length : half;
    const size_t most = sizeof old - 3 - kept; /* ": " and the NUL; what the prefix leaves is for the message */
    size_t used = n < 0 ? 0 : (size_t)n;
    if (used > most) {
        used = whole_characters(err->message, most - 3);
        used += (size_t)snprintf(err->message + used, 4, "...");
    }
    const size_t room = sizeof old - used - 3;
    snprintf(err->message + used, room + 3, ": %.*s", (int)room, old);
    mt_make_printable(err->message, sizeof err->message);
}
