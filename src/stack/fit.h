/* SPDX-License-Identifier: BSD-3-Clause */
/* Axes that a caller names, and the stored dimensions that they stand for. */
#ifndef MT_STACK_FIT_H
#define MT_STACK_FIT_H

#include <microtome/axes.h>

#include <stdbool.h>

/* An axis of a stack. Its coordinate i is the coordinate i * step of the stored dimension dim; the coordinates of all
 * axes of one dimension add up. */
typedef struct mt_stack_axis {
    int dim; /* -1: not stored, of size 1 */
    int64_t size, step;
} mt_stack_axis;

/* "T4C2YX": letters of STCZYX, each with its size if the caller gave one. */
typedef struct mt_named_axes {
    int n;
    char letters[MT_MAX_AXES + 1];
    int64_t sizes[MT_MAX_AXES]; /* 0: not given */
    bool any_size;
} mt_named_axes;

MT_MUST_CHECK mt_status mt_named_axes_parse(const char *text, mt_named_axes *out, mt_error *err);

/* Finds the stored dimension of each axis: out has room for MT_MAX_AXES, and gets named->n of them, in their order. Dimensions of length 1 may be left
 * out, and so may axes of length 1, except Y and X unless their size is given. With sizes, one dimension may hold several
 * of S, T, C and Z, the last the fastest; the size of one of them may be left open. MT_E_ARGUMENT if nothing fits, or if
 * several assignments fit that differ in a size. */
MT_MUST_CHECK mt_status mt_named_axes_fit(const mt_named_axes *named, const char *text, const int64_t *shape, int ndim,
                                          mt_stack_axis *out, mt_error *err);

/* "4 x 512 x 512" into text, which is returned. */
const char *mt_shape_text(const int64_t *shape, int ndim, char *text, size_t room);

#endif
