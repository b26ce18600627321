/* SPDX-License-Identifier: BSD-3-Clause */
/* Text of URLs. Source: RFC 3986. */
#ifndef MT_STORE_URL_H
#define MT_STORE_URL_H

#include "base/arena.h"

/* n bytes with their %XX replaced. MT_E_ARGUMENT for a '%' without two digits and for %00; NULL on failure, which err
 * describes. */
char *mt_url_decode(mt_arena *arena, const char *text, size_t n, mt_error *err);

#endif
