/* SPDX-License-Identifier: BSD-3-Clause */
/* Text of URLs. Source: RFC 3986. */
#ifndef MT_STORE_URL_H
#define MT_STORE_URL_H

#include "base/arena.h"

#include <stdbool.h>

/* n bytes with their %XX replaced. MT_E_ARGUMENT for a '%' without two digits and for %00; NULL on failure, which err
 * describes. */
char *mt_url_decode(mt_arena *arena, const char *text, size_t n, mt_error *err);

/* A key as the path of a URL: all but letters, digits, '-', '.', '_', '~' and '/' becomes %XX. False where it does not fit
 * into room bytes with its NUL. */
bool mt_url_encode(const char *key, char *out, size_t room);

/* The URL as it may be shown: "?..." instead of its query. NULL: out of memory. */
char *mt_url_show(mt_arena *arena, const char *url, mt_error *err);

/* Fails for a URL with "user:password@", without showing it: it would go into messages and the names of images. */
MT_MUST_CHECK mt_status mt_url_check_user(const char *url, mt_error *err);

#endif
