/* SPDX-License-Identifier: BSD-3-Clause */
/* The identity of an object: objects with the same identity have the same bytes. Used by everything that outlives an
 * open image: saved maps, pickles, loader states, journals. Image shapes are not part of it. */
#ifndef MT_STORE_IDENTITY_H
#define MT_STORE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#define MT_ETAG_BYTES 96

typedef struct mt_identity {
    uint64_t size;            /* bytes */
    int64_t mtime_ns;         /* nanoseconds since 1970; 0: not known */
    char etag[MT_ETAG_BYTES]; /* strong ETag as sent; "": none */
} mt_identity;

/* Whether sizes are equal and ETags are equal if both have one, else times are equal if both have one. */
bool mt_identity_same(const mt_identity *a, const mt_identity *b);

/* "123 bytes, changed at 2026-11-29 10:20:30 UTC" or "123 bytes, ETag "a1b2"", for messages. */
#define MT_IDENTITY_TEXT 192
void mt_identity_text(const mt_identity *identity, char text[MT_IDENTITY_TEXT]);

#endif
