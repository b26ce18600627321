/* SPDX-License-Identifier: BSD-3-Clause */
/* A place in a deflate stream from which it can be decoded on. Used by one thread at a time. */
#ifndef MT_STORE_INFLATE_CURSOR_H
#define MT_STORE_INFLATE_CURSOR_H

#include "store/inflate.h"

#include <zlib.h>

#define MT_WINDOW 32768u

typedef enum mt_inflate_phase { MT_AT_HEADER, MT_IN_BLOCKS, MT_AT_TRAILER, MT_AT_END } mt_inflate_phase;

/* All that is needed to go on, beside the window: the decoded bytes before. */
typedef struct mt_inflate_place {
    uint64_t in;                    /* whole compressed bytes before */
    uint64_t out;                   /* decoded bytes before */
    uint64_t member_in, member_out; /* where the member starts */
    uint32_t crc;                   /* of the member's bytes before */
    int bits;                       /* of the byte before in that are still to be decoded */
    uint8_t byte;                   /* that byte */
    mt_inflate_phase phase;         /* MT_AT_HEADER (no window) or MT_IN_BLOCKS */
} mt_inflate_place;

typedef struct mt_cursor {
    mt_env *env;               /* memory */
    const mt_deflated *source; /* borrowed */
    z_stream z;                /* state of zlib */
    bool ready;                /* z is initialised */
    mt_inflate_place at;       /* in, bits and byte: only by mt_cursor_place */
    uint64_t
        stop_from;   /* decoded bytes from which on mt_cursor_run stops where blocks start; not before: it is slower */
    uint64_t loaded; /* compressed bytes taken from the store; those of z.avail_in are still to be decoded */
    uint8_t *input;  /* the byte before, and room more */
    size_t room;     /* bytes of input after the first */
} mt_cursor;

/* At the start of the stream. */
MT_MUST_CHECK mt_status mt_cursor_new(mt_env *env, const mt_deflated *source, mt_cursor **out, mt_error *err);
void mt_cursor_free(mt_cursor *cursor);
size_t mt_cursor_cost(const mt_cursor *cursor); /* bytes of memory */

/* Moves to a place, before which lie these bytes. */
MT_MUST_CHECK mt_status mt_cursor_move(mt_cursor *cursor, const mt_inflate_place *place, const uint8_t *window,
                                       size_t n_window, mt_error *err);

/* Decodes up to size bytes; fewer at the end of the stream (phase MT_AT_END), and with *stopped set, at a place where
 * mt_cursor_place can be called. */
MT_MUST_CHECK mt_status mt_cursor_run(mt_cursor *cursor, uint8_t *out, size_t size, size_t *n, bool *stopped,
                                      mt_error *err);

/* Checks that nothing but the end of the stream follows, and its checksum. */
MT_MUST_CHECK mt_status mt_cursor_finish(mt_cursor *cursor, mt_error *err);

/* Where the cursor stopped; fills the window (MT_WINDOW bytes of room). */
mt_inflate_place mt_cursor_place(mt_cursor *cursor, uint8_t *window, size_t *n_window);

#endif
