/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies of planes that are mirrored along their rows or have rows and columns swapped (flips and quarter turns). */
#ifndef MT_ENGINE_TURN_H
#define MT_ENGINE_TURN_H

#include "engine/gather.h"
#include "engine/plane_walk.h"

typedef void (*mt_plane_copy)(const mt_convert *convert, const mt_plane *p, uint8_t *out, const uint8_t *in);

/* Whether mt_copy_turned can copy a plane. Its element sizes are in bytes. */
bool mt_plane_is_turned(const mt_plane *p, int64_t in_size, int64_t out_size);

/* Copies such a plane through a buffer: copy, which is fast from row to row, converts; then the rows are turned. */
void mt_copy_turned(mt_plane_copy copy, const mt_convert *convert, const mt_plane *p, uint8_t *out, const uint8_t *in,
                    int64_t out_size);

#endif
