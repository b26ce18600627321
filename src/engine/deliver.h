/* SPDX-License-Identifier: BSD-3-Clause */
/* The gather stage: copies a decoded chunk into all patches that need it. Thread-safe: different chunks fill disjoint
 * parts of patches. */
#ifndef MT_ENGINE_DELIVER_H
#define MT_ENGINE_DELIVER_H

#include "engine/call.h"

/* A decoded chunk. */
typedef struct mt_chunk {
    const uint8_t *data; /* NULL: not stored, reads as the fill value */
    bool swap;           /* still in the other byte order */
} mt_chunk;

/* The part of a chunk that goes to one of its copies. Coordinates in elements, in the order of the map's dimensions. */
typedef struct mt_intersection {
    const mt_read *read;         /* the destination */
    int64_t start[MT_MAX_DIMS];  /* first corner in the image */
    int64_t low[MT_MAX_DIMS];    /* first corner in the chunk; for MT_PIECE: in the image */
    int64_t extent[MT_MAX_DIMS]; /* size */
    uint8_t *out;                /* the first element in the destination */
} mt_intersection;

#define MT_FOR_EACH_COPY(c, call, planned)                                                                             \
    for (uint32_t c = (planned)->first_copy; c != MT_NONE; c = (call)->plan->copies[c].next)

void mt_find_intersection(const mt_call *call, const mt_planned *planned, uint32_t copy, mt_intersection *out);

/* The layout of a planned chunk, written to storage if layouts differ between chunks. */
const mt_layout *mt_planned_layout(const mt_call *call, const mt_planned *planned, mt_layout *storage);

/* Fills all copies of a chunk, or shows them to the visitor. */
void mt_deliver(mt_call *call, const mt_planned *planned, const mt_chunk *chunk);

/* Fetches the beginning of what mt_deliver will copy first into the caches. data: of the chunk; NULL: the fill value. */
void mt_deliver_soon(const mt_call *call, const mt_planned *planned, const uint8_t *data);

/* Delivers the fill value for a box of the image. */
void mt_deliver_absent(mt_call *call, const mt_read *read, const mt_box *box);

/* Zeroes all copies, or a whole read. */
void mt_deliver_zero(const mt_call *call, const mt_planned *planned);
void mt_zero_read(const mt_read *read);

/* The range [*from, *to) of bytes of a chunk that its copies need. */
void mt_find_needed(const mt_call *call, const mt_planned *planned, const mt_layout *layout, size_t *from, size_t *to);

#endif
