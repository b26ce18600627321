/* SPDX-License-Identifier: BSD-3-Clause */
/* The gather stage: from a decoded chunk into every patch that waits for it. Thread-safe: the parts of patches that
 * different chunks fill do not overlap. */
#ifndef MT_ENGINE_DELIVER_H
#define MT_ENGINE_DELIVER_H

#include "engine/call.h"

/* A decoded chunk. */
typedef struct mt_chunk {
    const uint8_t *data; /* NULL: not stored, reads as the fill value */
    bool swap;           /* still in the other byte order */
} mt_chunk;

/* What a chunk gives to one of its copies: a box in the chunk (of MT_PIECE: in the image), and where it goes. */
typedef struct mt_intersection {
    const mt_read *read;
    int64_t start[MT_MAX_DIMS]; /* in the image */
    int64_t low[MT_MAX_DIMS];
    int64_t extent[MT_MAX_DIMS];
    uint8_t *out;
} mt_intersection;

#define MT_FOR_EACH_COPY(c, call, planned)                                                                             \
    for (uint32_t c = (planned)->first_copy; c != MT_NONE; c = (call)->plan->copies[c].next)

void mt_find_intersection(const mt_call *call, const mt_planned *planned, uint32_t copy, mt_intersection *out);

/* The layout of a planned chunk, made in storage if chunks differ. */
const mt_layout *mt_planned_layout(const mt_call *call, const mt_planned *planned, mt_layout *storage);

/* Fills all copies of a chunk, or shows them to the visitor. */
void mt_deliver(mt_call *call, const mt_planned *planned, const mt_chunk *chunk);

/* A box of a read, in the image, that is not stored. */
void mt_deliver_absent(mt_call *call, const mt_read *read, const mt_box *box);

/* Zeroes all copies, or a whole read. */
void mt_deliver_zero(const mt_call *call, const mt_planned *planned);
void mt_zero_read(const mt_read *read);

/* The bytes of a chunk that its copies need, from the first to the last. */
void mt_find_needed(const mt_call *call, const mt_planned *planned, const mt_layout *layout, size_t *from, size_t *to);

#endif
