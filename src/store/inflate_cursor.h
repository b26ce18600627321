/* SPDX-License-Identifier: BSD-3-Clause */
/* A position in a deflate stream from which decoding can continue. Used by one thread at a time. */
#ifndef MT_STORE_INFLATE_CURSOR_H
#define MT_STORE_INFLATE_CURSOR_H

#include "store/inflate.h"

#include <zlib.h>

#define MT_WINDOW 32768u

typedef enum mt_inflate_phase { MT_AT_HEADER, MT_IN_BLOCKS, MT_AT_TRAILER, MT_AT_END } mt_inflate_phase;

/* A restart position. Decoding also needs the window: the decoded bytes before the position it. */
typedef struct mt_inflate_place {
    uint64_t in;                    /* compressed bytes before the position, rounded up */
    uint64_t out;                   /* decoded bytes before */
    uint64_t member_in, member_out; /* start of the member: compressed and decoded offset */
    uint32_t crc;                   /* CRC-32 of the decoded bytes of the member so far */
    int bits;                       /* number of bits of the byte before in that are not decoded yet */
    uint8_t byte;                   /* that byte */
    mt_inflate_phase phase;         /* MT_AT_HEADER (no window) or MT_IN_BLOCKS */
} mt_inflate_place;

typedef struct mt_cursor {
    mt_env *env;               /* memory */
    const mt_deflated *source; /* borrowed */
    z_stream z;                /* state of zlib */
    bool ready;                /* z is initialised */
    mt_inflate_place at;       /* in, bits and byte are set only by mt_cursor_place */
    uint64_t stop_from; /* decoded offset from which mt_cursor_run stops at the start of blocks, which is slower */
    uint64_t loaded;    /* compressed bytes read from the store, including z.avail_in bytes not decoded yet */
    uint8_t *input;     /* the last byte of the previous input, then room bytes */
    size_t room;        /* bytes of input after the first */
} mt_cursor;

/* A cursor at the start of the stream. */
MT_MUST_CHECK mt_status mt_cursor_new(mt_env *env, const mt_deflated *source, mt_cursor **out, mt_error *err);
void mt_cursor_free(mt_cursor *cursor);
size_t mt_cursor_cost(const mt_cursor *cursor); /* bytes of memory */

/* Moves to a place; window holds the decoded bytes before it. */
MT_MUST_CHECK mt_status mt_cursor_move(mt_cursor *cursor, const mt_inflate_place *place, const uint8_t *window,
                                       size_t n_window, mt_error *err);

/* Decodes up to size bytes: fewer at the end of the stream (phase MT_AT_END), or with *stopped set, where
 * mt_cursor_place may be called. */
MT_MUST_CHECK mt_status mt_cursor_run(mt_cursor *cursor, uint8_t *out, size_t size, size_t *n, bool *stopped,
                                      mt_error *err);

/* Checks that the stream ends here, and its checksum. */
MT_MUST_CHECK mt_status mt_cursor_finish(mt_cursor *cursor, mt_error *err);

/* The place where the cursor stopped; fills window (MT_WINDOW bytes). */
mt_inflate_place mt_cursor_place(mt_cursor *cursor, uint8_t *window, size_t *n_window);

#endif
