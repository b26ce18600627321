/* SPDX-License-Identifier: BSD-3-Clause */
/* By what an object is known again: a file or object that has the same identity has the same bytes. One notion for all
 * that outlives an open image: saved maps, pickles, states of loaders, journals. (Whoever keeps an image's shape, too,
 * compares that himself.) */
#ifndef MT_STORE_IDENTITY_H
#define MT_STORE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#define MT_ETAG_BYTES 96

typedef struct mt_identity {
    uint64_t size;            /* bytes */
    int64_t mtime_ns;         /* since 1970; 0: not known */
    char etag[MT_ETAG_BYTES]; /* a strong one, as it was sent; "": there is none */
} mt_identity;

/* Same size, and the same ETag where both have one, else the same time where both have one. */
bool mt_identity_same(const mt_identity *a, const mt_identity *b);

/* "123 bytes, changed at 2026-11-29 10:20:30 UTC" or "123 bytes, ETag "a1b2"", for messages. */
#define MT_IDENTITY_TEXT 192
void mt_identity_text(const mt_identity *identity, char text[MT_IDENTITY_TEXT]);

#endif
