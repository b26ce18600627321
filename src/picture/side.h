/* SPDX-License-Identifier: BSD-3-Clause */
/* Averaging down by any factor along one side: picture pixel i covers the image from i * image / drawn to
 * (i + 1) * image / drawn, with partial pixels at both ends. Exact in integers: an image pixel is `drawn` units long, a
 * picture pixel `image` units. */
#ifndef MT_PICTURE_SIDE_H
#define MT_PICTURE_SIDE_H

#include "base/checked.h"

typedef struct mt_side {
    int64_t image, drawn; /* image pixels, picture pixels; 1 <= drawn <= image, image * drawn < 2^62 */
} mt_side;

/* The first and last picture pixel that image pixel y lies in. */
static inline int64_t mt_side_first(const mt_side *s, int64_t y) { return y * s->drawn / s->image; }
static inline int64_t mt_side_last(const mt_side *s, int64_t y) { return ((y + 1) * s->drawn - 1) / s->image; }

/* The image pixels [from, to) that picture pixel i covers. */
static inline int64_t mt_side_from(const mt_side *s, int64_t i) { return i * s->image / s->drawn; }
static inline int64_t mt_side_to(const mt_side *s, int64_t i) { return ((i + 1) * s->image - 1) / s->drawn + 1; }

/* The part of image pixel y in picture pixel i, in units; the sum over y is `image` for each i. */
static inline int64_t mt_side_share(const mt_side *s, int64_t i, int64_t y)
{
    return mt_min_i64((y + 1) * s->drawn, (i + 1) * s->image) - mt_max_i64(y * s->drawn, i * s->image);
}

/* The image pixel at the centre of picture pixel i. */
static inline int64_t mt_side_middle(const mt_side *s, int64_t i) { return (2 * i + 1) * s->image / (2 * s->drawn); }

#endif
