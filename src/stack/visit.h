/* SPDX-License-Identifier: BSD-3-Clause */
/* A stack visited: every pixel of some boxes shown once, with what it takes to tell where each lies in SC(Z)YX. */
#ifndef MT_STACK_VISIT_H
#define MT_STACK_VISIT_H

#include "engine/visit.h"
#include "stack/stack.h"

enum { MT_AXIS_S, MT_AXIS_C, MT_AXIS_Z, MT_AXIS_Y, MT_AXIS_X };

/* The dimensions in which boxes are given and shown: those of the stored array, or S, C, Z, Y, X of a stack of one's own.
 * Those that are merged have the same axis: a coordinate along an axis is the sum of coordinate * step over them. */
typedef struct mt_stack_dims {
    int ndim;
    int axis[MT_MAX_DIMS];
    int64_t shape[MT_MAX_DIMS], step[MT_MAX_DIMS];
    int64_t chunk[MT_MAX_DIMS]; /* pixels that are read together anyway */
    mt_dtype dtype;             /* of the pixels that are shown: float32 of a stack of one's own */
    uint8_t fill[8];            /* where nothing is stored */
} mt_stack_dims;

void mt_stack_get_dims(const mt_stack *stack, mt_stack_dims *out);

/* Sets a box along an axis to one coordinate, which is a box along all dimensions of the axis. */
void mt_stack_set_index(const mt_stack_dims *dims, int axis, int64_t index, mt_box *box);

/* As mt_engine_visit. A stack of one's own is asked for blocks, one after the other, in the thread of the call. Errors
 * name the source. */
MT_MUST_CHECK mt_status mt_stack_visit(mt_stack *stack, const mt_box *boxes, size_t n, const mt_visitor *visitor,
                                       const mt_extract_options *options, mt_error *err);

#endif
