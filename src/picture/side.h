/* SPDX-License-Identifier: BSD-3-Clause */
/* One side of what is drawn, averaged down by any factor: pixel i of the picture covers the image from
 * i * image / drawn to (i + 1) * image / drawn, pixels at either end in part. All in whole numbers: a pixel of the image
 * is drawn units long, a pixel of the picture image units. */
#ifndef MT_PICTURE_SIDE_H
#define MT_PICTURE_SIDE_H

#include "base/checked.h"

typedef struct mt_side {
    int64_t image, drawn; /* pixels; 1 <= drawn <= image, and image * drawn < 2^62 */
} mt_side;

/* The pixel of the picture in which pixel y of the image begins, or ends. */
static inline int64_t mt_side_first(const mt_side *s, int64_t y) { return y * s->drawn / s->image; }
static inline int64_t mt_side_last(const mt_side *s, int64_t y) { return ((y + 1) * s->drawn - 1) / s->image; }

/* The first pixel of the image that pixel i of the picture covers, and the one behind the last. */
static inline int64_t mt_side_from(const mt_side *s, int64_t i) { return i * s->image / s->drawn; }
static inline int64_t mt_side_to(const mt_side *s, int64_t i) { return ((i + 1) * s->image - 1) / s->drawn + 1; }

/* How much of pixel y of the image lies in pixel i of the picture, in units: image in all for each i. */
static inline int64_t mt_side_share(const mt_side *s, int64_t i, int64_t y)
{
    return mt_min_i64((y + 1) * s->drawn, (i + 1) * s->image) - mt_max_i64(y * s->drawn, i * s->image);
}

/* The pixel of the image in the middle of pixel i of the picture. */
static inline int64_t mt_side_middle(const mt_side *s, int64_t i) { return (2 * i + 1) * s->image / (2 * s->drawn); }

#endif
