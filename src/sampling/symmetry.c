/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/symmetry.h"

#include "base/random.h"

/* As in CAREamics' XYFlip and XYRandomRotate90, a number above the probability skips the step. */

/* One flip: of Y or of X. */
static uint8_t draw_flip(const mt_symmetries *from, uint64_t seed, uint64_t epoch, uint64_t index)
{
    mt_random random;
    mt_random_start(&random, seed, MT_STREAM_FLIP, epoch, index, 0);
    if (mt_random_double(&random) > from->flip)
        return 0;
    if (from->flags & (MT_AUGMENT_FLIP_Y | MT_AUGMENT_FLIP_X))
        return from->flags & MT_AUGMENT_FLIP_Y ? MT_FLIP_Y : MT_FLIP_X;
    return mt_random_below(&random, 2) == 0 ? MT_FLIP_Y : MT_FLIP_X;
}

/* k quarter turns of numpy.rot90: out[y, x] = in[x, N - 1 - y] for k = 1. */
static uint8_t draw_rotation(double probability, uint64_t seed, uint64_t epoch, uint64_t index)
{
    static const uint8_t turns[] = { MT_FLIP_X | MT_SWAP_YX, MT_FLIP_Y | MT_FLIP_X, MT_FLIP_Y | MT_SWAP_YX };
    mt_random random;
    mt_random_start(&random, seed, MT_STREAM_ROTATE, epoch, index, 0);
    if (mt_random_double(&random) > probability)
        return 0;
    return turns[mt_random_below(&random, 3)];
}

static uint8_t draw_any(uint64_t seed, uint64_t epoch, uint64_t index)
{
    mt_random random;
    mt_random_start(&random, seed, MT_STREAM_SYMMETRY, epoch, index, 0);
    return (uint8_t)mt_random_below(&random, 8);
}

/* The symmetry of one followed by another. */
static uint8_t compose(uint8_t first, uint8_t second)
{
    uint8_t flips = second & (MT_FLIP_Y | MT_FLIP_X);
    if (first & MT_SWAP_YX) /* a flip after the swap is a flip of the other axis before it */
        flips = (uint8_t)((flips & MT_FLIP_Y ? MT_FLIP_X : 0) | (flips & MT_FLIP_X ? MT_FLIP_Y : 0));
    return (uint8_t)(first ^ flips ^ (second & MT_SWAP_YX));
}

uint8_t mt_symmetry_draw(const mt_symmetries *from, uint64_t seed, uint64_t epoch, uint64_t index)
{
    const unsigned flips = MT_AUGMENT_FLIP | MT_AUGMENT_FLIP_Y | MT_AUGMENT_FLIP_X;
    if (from->flags & MT_AUGMENT_D4)
        return draw_any(seed, epoch, index);
    uint8_t flip = from->flags & flips ? draw_flip(from, seed, epoch, index) : 0;
    uint8_t rotation = from->flags & MT_AUGMENT_ROTATE90 ? draw_rotation(from->rotate, seed, epoch, index) : 0;
    return compose(flip, rotation);
}

int64_t mt_symmetry_strides(uint8_t symmetry, size_t n_spatial, const int64_t *size, int64_t *out)
{
    int64_t *y = &out[n_spatial - 1], *x = &out[n_spatial], first = 0;
    if (symmetry & MT_SWAP_YX) {
        int64_t swapped = *y;
        *y = *x;
        *x = swapped;
    }
    if (symmetry & MT_FLIP_Y) {
        first += (size[n_spatial - 2] - 1) * *y;
        *y = -*y;
    }
    if (symmetry & MT_FLIP_X) {
        first += (size[n_spatial - 1] - 1) * *x;
        *x = -*x;
    }
    return first;
}
