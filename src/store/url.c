/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/url.h"

#include <string.h>

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

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~/", c));
}

bool mt_url_encode(const char *key, char *out, size_t room)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *key; key++) {
        unsigned char c = (unsigned char)*key;
        size_t n = is_unreserved(*key) ? 1 : 3;
        if (room <= n)
            return false;
        if (n == 1) {
            *out++ = *key;
        } else {
            *out++ = '%';
            *out++ = digits[c >> 4];
            *out++ = digits[c & 15];
        }
        room -= n;
    }
    if (room > 0)
        *out = 0;
    return room > 0;
}

char *mt_url_show(mt_arena *arena, const char *url, mt_error *err)
{
    size_t n = strcspn(url, "?");
    return mt_arena_printf(arena, err, "%.*s%s", (int)n, url, url[n] ? "?..." : "");
}

mt_status mt_url_check_user(const char *url, mt_error *err)
{
    const char *host = strstr(url, "://");
    host = host ? host + strlen("://") : url;
    size_t n = strcspn(host, "/?#");
    if (memchr(host, '@', n))
        return mt_fail(err, MT_E_ARGUMENT,
                       "the URL contains a user or password, which would appear in messages and names of images; "
                       "give credentials as options");
    return MT_OK;
}
