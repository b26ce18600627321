/* SPDX-License-Identifier: BSD-3-Clause */
/* Replacements of a chosen pixel: a pixel of the region around it, or their median. */
#include "base/checked.h"
#include "sampling/n2v.h"

#include <math.h>
#include <string.h>

static int64_t clamp(int64_t place, int64_t size) { return mt_max_i64(0, mt_min_i64(place, size - 1)); }

/* CAREamics draws an index from -radius to radius into the list of offsets, in which a negative one counts from the end.
 * Without 0, the list is one shorter than there are indices, so that radius and -radius both give +1. */
void mt_n2v_list_offsets(mt_n2v *n2v, bool with_0)
{
    int8_t radius = (int8_t)n2v->radius;
    for (int8_t i = 0; i <= 2 * radius; i++) {
        int8_t drawn = (int8_t)(i - radius), offset = (int8_t)(drawn < 0 ? drawn + radius + 1 : drawn - radius);
        n2v->offsets[i] = offset == 0 && !with_0 ? 1 : offset;
    }
}

/* One number gives the offsets along all axes: it is a fraction of 59 bits, and they are its first digits to the base of
 * the region's side. */
bool mt_n2v_uniform(const mt_n2v *n2v, mt_n2v_work *w, const int64_t at[3], float *value)
{
    enum { BITS = 59 };
    const mt_planes *p = &n2v->planes;
    uint64_t side = 2 * (uint64_t)n2v->radius + 1, bits = mt_random_next(&w->values) >> (64 - BITS);
    int64_t index = 0;
    for (size_t d = 3 - p->n_spatial; d < 3; d++) {
        bits *= side;
        index = index * p->shape[d] + clamp(at[d] + n2v->offsets[bits >> BITS], p->shape[d]);
        bits &= (UINT64_C(1) << BITS) - 1;
    }
    *value = w->from[index];
    return true;
}

/* The key with this rank (from 0), found bit by bit from the highest: the time does not depend on the values. */
static int32_t select_key(const int32_t *keys, int n, int rank)
{
    uint32_t found = 0; /* as an offset from INT32_MIN */
    for (uint32_t bit = UINT32_C(1) << 31; bit; bit >>= 1) {
        int32_t least = (int32_t)((found | bit) ^ UINT32_C(1) << 31);
        int below = 0;
        for (int i = 0; i < n; i++)
            below += keys[i] < least;
        found |= below <= rank ? bit : 0;
    }
    return (int32_t)(found ^ UINT32_C(1) << 31);
}

/* Adds the keys of a row of the region; dy: its distance from the chosen pixel, or out of reach if in another plane.
 * Returns the number of keys. */
static int add_row(const mt_n2v *n2v, const float *row, int64_t x, int64_t dy, int32_t *keys, bool *has_nan)
{
    int n = 0;
    for (int64_t dx = -n2v->radius; dx <= n2v->radius; dx++) {
        int64_t place = clamp(x + dx, n2v->planes.shape[2]);
        if (mt_n2v_is_blind(n2v, dy, place - x))
            continue;
        *has_nan |= row[place] != row[place];
        keys[n++] = mt_key_of(row[place]);
    }
    return n;
}

bool mt_n2v_median(const mt_n2v *n2v, mt_n2v_work *w, const int64_t at[3], float *value)
{
    const int64_t *shape = n2v->planes.shape, r = n2v->radius, depth = n2v->planes.n_spatial == 3 ? r : 0;
    int n = 0;
    bool has_nan = false;
    for (int64_t dz = -depth; dz <= depth; dz++)
        for (int64_t dy = -r; dy <= r; dy++) {
            int64_t z = clamp(at[0] + dz, shape[0]), y = clamp(at[1] + dy, shape[1]);
            int64_t distance = z == at[0] ? y - at[1] : INT64_MAX;
            n += add_row(n2v, w->from + (z * shape[1] + y) * shape[2], at[2], distance, w->keys + n, &has_nan);
        }
    if (n > 0)
        *value = has_nan ? NAN : mt_value_of(select_key(w->keys, n, (n - 1) / 2));
    return n > 0;
}
