/* SPDX-License-Identifier: BSD-3-Clause */
/* Matches axes named by the caller with stored dimensions. */
#ifndef MT_STACK_FIT_H
#define MT_STACK_FIT_H

#include <microtome/axes.h>

#include <stdbool.h>

/* An axis of a stack. Its coordinate i is the coordinate i * step of the stored dimension dim; the coordinates of all
 * axes of one dimension add up. */
typedef struct mt_stack_axis {
    int dim;            /* stored dimension; -1: not stored, size 1 */
    int64_t size, step; /* elements along the axis; elements of dim per step */
} mt_stack_axis;

/* Parsed axes such as "T4C2YX". */
typedef struct mt_named_axes {
    int n;                         /* number of axes */
    char letters[MT_MAX_AXES + 1]; /* letters of STCZYX */
    int64_t sizes[MT_MAX_AXES];    /* elements along each axis; 0: not given */
    bool any_size;                 /* at least one size is given */
} mt_named_axes;

MT_MUST_CHECK mt_status mt_named_axes_parse(const char *text, mt_named_axes *out, mt_error *err);

/* Finds the stored dimension of each axis and writes named->n axes to out, which holds MT_MAX_AXES. Dimensions of
 * length 1 may be omitted, and axes of length 1 may lack a dimension (Y and X only if their size is given). With sizes,
 * one dimension may hold several of S, T, C and Z, the last fastest; one of their sizes may be omitted. MT_E_ARGUMENT
 * if no assignment fits, or if several fit that differ in a size. */
MT_MUST_CHECK mt_status mt_named_axes_fit(const mt_named_axes *named, const char *text, const int64_t *shape, int ndim,
                                          mt_stack_axis *out, mt_error *err);

/* Writes a shape such as "4 x 512 x 512" to text, of room bytes, and returns it. */
const char *mt_shape_text(const int64_t *shape, int ndim, char *text, size_t room);

#endif
