/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/url.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *mt_url_decode(mt_arena *arena, const char *text, size_t n, mt_error *err)
{
    char *out = mt_arena_strndup(arena, text, n, err);
    size_t k = 0;
    for (size_t i = 0; out && i < n; i++) {
        out[k] = text[i];
        if (text[i] == '%') {
            int high = n - i > 2 ? hex_digit(text[i + 1]) : -1, low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0 || high + low == 0) {
                mt_fail(err, MT_E_ARGUMENT, "%.*s: '%%' is not followed by two digits of a character", (int)n, text);
                return NULL;
            }
            out[k] = (char)(16 * high + low);
            i += 2;
        }
        k++;
    }
    if (out)
        out[k] = 0;
    return out;
}
