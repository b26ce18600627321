/* SPDX-License-Identifier: BSD-3-Clause */
/* N2V manipulation of one plane. The names of CAREamics are given in brackets. */
#ifndef MT_SAMPLING_N2V_H
#define MT_SAMPLING_N2V_H

#include "base/random.h"
#include "sampling/planes.h"

#include <stdbool.h>
#include <string.h>

#define MT_N2V_MOST_ROI 21 /* pixels of the widest region */

/* A chosen pixel [subpatch center]. */
typedef struct mt_n2v_choice {
    size_t index; /* in the plane */
    float value;  /* its replacement */
} mt_n2v_choice;

/* The state of the thread that manipulates a plane. */
typedef struct mt_n2v_work {
    const float *from;      /* the plane */
    mt_random places;       /* numbers that choose pixels */
    mt_random values;       /* numbers that replace them */
    mt_n2v_choice *choices; /* room for mt_n2v.n_boxes */
    size_t n_choices;       /* number of them */
    int32_t *keys;          /* room for the values of a region */
} mt_n2v_work;

/* A call for a batch. */
typedef struct mt_n2v {
    mt_planes planes;
    float side;                      /* of a box [grid_size] */
    int64_t boxes[3];                /* number along each axis [grid_dims] */
    size_t n_boxes;                  /* of a plane */
    int64_t radius;                  /* of the region: its side is 2 radius + 1 */
    int8_t offsets[MT_N2V_MOST_ROI]; /* "uniform": the 2 radius + 1 equally likely offsets along an axis */
    int64_t blind[2][2];  /* blind pixels: two rectangles around the chosen one, reaching this far along Y and X */
    uint64_t seed;        /* as in mt_n2v_options */
    uint64_t step, first; /* likewise */
    bool has_pattern;     /* pixels beside the chosen one are blind */
    /* Computes the replacement of a pixel, whose coordinates ZYX are at. False: there is none. */
    bool (*replace)(const struct mt_n2v *n2v, mt_n2v_work *work, const int64_t at[3], float *value);
} mt_n2v;

/* Strategies. */
bool mt_n2v_uniform(const mt_n2v *n2v, mt_n2v_work *work, const int64_t at[3], float *value);
bool mt_n2v_median(const mt_n2v *n2v, mt_n2v_work *work, const int64_t at[3], float *value);

/* Sets offsets, from the radius. */
void mt_n2v_list_offsets(mt_n2v *n2v, bool with_0);

/* Sets side, boxes and n_boxes for a share of pixels in percent. True on overflow. */
bool mt_n2v_make_grid(mt_n2v *n2v, double percentage);

/* The position of a pixel along an axis of size pixels, chosen by u in [0, 1) in a box; size or more: outside. All in
 * single precision, as CAREamics does it; a product and a sum in one expression could be fused. */
static inline int64_t mt_n2v_place(float side, int64_t box, float u, int64_t size)
{
    float start = (float)box * side, offset = u * side;
    float place = start + offset;
    return place < (float)size ? (int64_t)place : size;
}

/* Whether the pixel at this distance from the chosen one, in its plane, is blind. */
static inline bool mt_n2v_is_blind(const mt_n2v *n2v, int64_t dy, int64_t dx)
{
    for (int i = 0; i < 2; i++)
        if (dy <= n2v->blind[i][0] && dy >= -n2v->blind[i][0] && dx <= n2v->blind[i][1] && dx >= -n2v->blind[i][1])
            return true;
    return false;
}

/* A number as an integer: keys have the order of the numbers, -0 before 0, and NaN beyond the infinities. */
static inline int32_t mt_key_of(float value)
{
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits ^ (bits < 0 ? INT32_MAX : 0);
}

static inline float mt_value_of(int32_t key)
{
    float value;
    key ^= key < 0 ? INT32_MAX : 0;
    memcpy(&value, &key, sizeof value);
    return value;
}

/* Manipulates plane number `plane` of the batch: work->from to `to`, which may be the same. work has its arrays. */
void mt_n2v_manipulate_plane(const mt_n2v *n2v, size_t plane, mt_n2v_work *work, float *to, uint8_t *mask);

#endif
