/* SPDX-License-Identifier: BSD-3-Clause */
/* Visits of a stack: each pixel of some boxes is passed to a visitor once, with its position in SC(Z)YX. */
#ifndef MT_STACK_VISIT_H
#define MT_STACK_VISIT_H

#include "engine/visit.h"
#include "stack/stack.h"

enum { MT_AXIS_S, MT_AXIS_C, MT_AXIS_Z, MT_AXIS_Y, MT_AXIS_X };

/* The dimensions of boxes: those of the stored array, or S, C, Z, Y, X of a custom stack. Merged dimensions have the
 * same axis; a coordinate along an axis is the sum of coordinate * step over its dimensions. */
typedef struct mt_stack_dims {
    int ndim;                                      /* number of dimensions */
    int axis[MT_MAX_DIMS];                         /* MT_AXIS_* of each dimension */
    int64_t shape[MT_MAX_DIMS], step[MT_MAX_DIMS]; /* in pixels; steps along the axis */
    int64_t chunk[MT_MAX_DIMS];                    /* pixels that are read together */
    mt_dtype dtype;                                /* of visited pixels; MT_FLOAT32 for a custom stack */
    uint8_t fill[8];                               /* value of pixels that are not stored */
} mt_stack_dims;

void mt_stack_get_dims(const mt_stack *stack, mt_stack_dims *out);

/* Restricts a box to one coordinate along an axis, in all dimensions of that axis. */
void mt_stack_set_index(const mt_stack_dims *dims, int axis, int64_t index, mt_box *box);

/* Like mt_engine_visit. A custom stack is read block by block in the calling thread. Errors name the source. */
MT_MUST_CHECK mt_status mt_stack_visit(mt_stack *stack, const mt_box *boxes, size_t n, const mt_visitor *visitor,
                                       const mt_extract_options *options, mt_error *err);

#endif
