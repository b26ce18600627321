/* SPDX-License-Identifier: BSD-3-Clause */
/* A batch (B, C, (Z), Y, X) in C order as planes, or volumes: one for each channel of each item. */
#ifndef MT_SAMPLING_PLANES_H
#define MT_SAMPLING_PLANES_H

#include <microtome/status.h>

#include <stddef.h>
#include <stdint.h>

typedef struct mt_planes {
    size_t items, channels;
    size_t n_spatial; /* 2 or 3 */
    int64_t shape[3]; /* ZYX of a plane; Z is 1 without that axis */
    size_t elements;  /* of a plane */
} mt_planes;

/* MT_E_ARGUMENT for a negative size, or one that no array in memory can have. */
MT_MUST_CHECK mt_status mt_planes_make(const int64_t *shape, size_t ndim, mt_planes *out, mt_error *err);

static inline size_t mt_planes_count(const mt_planes *p) { return p->items * p->channels; }

/* Whether two arrays of n bytes share memory without being the same. */
static inline int mt_overlaps(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x < y + b_bytes && y < x + a_bytes;
}

#endif
