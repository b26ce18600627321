/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies of planes through a small buffer: elements in the other byte order, and copies past the caches. */
#ifndef MT_ENGINE_STAGED_H
#define MT_ENGINE_STAGED_H

#include "engine/turn.h"

/* How planes are copied: bytes are swapped by swap, unless it is NULL, then copy converts. */
typedef struct mt_plane_copier {
    const mt_convert *convert;
    mt_plane_copy copy, swap;
} mt_plane_copier;

void mt_copy_plane(const mt_plane_copier *copier, const mt_plane *p, uint8_t *out, const uint8_t *in);

/* Whether mt_copy_past can copy a plane: its output is dense, and the processor has such stores. */
bool mt_plane_can_go_past(const mt_plane *p, int64_t out_size);

/* Copies a plane to memory directly. After the last plane, and before another thread reads them, call mt_end_past. */
void mt_copy_past(const mt_plane_copier *copier, const mt_plane *p, uint8_t *out, const uint8_t *in, int64_t out_size);
void mt_end_past(void);

#endif
