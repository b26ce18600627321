/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_SAMPLING_PATCHING_H
#define MT_SAMPLING_PATCHING_H

#include "stack/stack.h"

#include <microtome/sampling.h>

/* A patching strategy. All functions are thread-safe. */
typedef struct mt_strategy {
    const char *name;
    /* Checks the options and computes first[] and count. */
    mt_status (*begin)(mt_patching *patching, const mt_patching_options *options, mt_error *err);
    /* Sets coords and patch_size, of a spec that is otherwise set, for a patch of a stack: its number among those of
     * this stack. */
    void (*get)(const mt_patching *patching, uint64_t epoch, uint64_t index, uint64_t redraw, uint64_t number,
                mt_patch_spec *out);
    bool can_redraw; /* redraw may be other than 0 */
} mt_strategy;

struct mt_patching {
    mt_context *context;         /* of the stacks, retained */
    _Atomic unsigned owners;     /* reference count */
    const mt_strategy *strategy; /* how patches are chosen */
    size_t n_stacks;             /* at least 1 */
    mt_stack **stacks;           /* retained */
    uint64_t *first;             /* n_stacks + 1: the number of the first patch of each stack */
    size_t n_spatial;            /* 2 or 3 */
    int64_t patch_size[3];       /* (Z)YX */
    uint64_t seed;               /* of the random numbers */
    bool pad;                    /* images may be smaller than a patch */
};

extern const mt_strategy mt_strategy_random, mt_strategy_fixed_random;

/* Sizes of the spatial axes of a stack, (Z)YX. */
static inline const int64_t *mt_patching_shape(const mt_patching *patching, size_t stack)
{
    const mt_stack_info *info = &patching->stacks[stack]->info;
    return info->data_shape + info->data_ndim - patching->n_spatial;
}

#endif
