/* SPDX-License-Identifier: BSD-3-Clause */
/* Text of URLs. Source: RFC 3986. */
#ifndef MT_STORE_URL_H
#define MT_STORE_URL_H

#include "base/arena.h"

#include <stdbool.h>

/* Decodes %XX in n bytes. MT_E_ARGUMENT for a '%' without two digits and for %00; NULL on failure, with err set. */
char *mt_url_decode(mt_arena *arena, const char *text, size_t n, mt_error *err);

/* Encodes a key as the path of a URL: all bytes except letters, digits, '-', '.', '_', '~' and '/' as %XX. False if the
 * result does not fit in room bytes. */
bool mt_url_encode(const char *key, char *out, size_t room);

/* The URL for display, with "?..." instead of its query. NULL: out of memory. */
char *mt_url_show(mt_arena *arena, const char *url, mt_error *err);

/* Fails for a URL with "user:password@", without showing it: it would appear in messages and names of images. */
MT_MUST_CHECK mt_status mt_url_check_user(const char *url, mt_error *err);

#endif
