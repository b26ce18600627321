/* SPDX-License-Identifier: BSD-3-Clause */
/* What the batches of a loader are made of. */
#ifndef MT_LOADER_RECIPE_H
#define MT_LOADER_RECIPE_H

#include "sampling/patching.h"
#include "sampling/symmetry.h"

#include <microtome/loader.h>

/* Immutable. */
typedef struct mt_recipe {
    mt_patching *patching;   /* retained */
    size_t n_arrays;         /* at least 1 */
    mt_loader_array *arrays; /* copies; stacks is never NULL */
    mt_context *context;     /* of the patching */
    void *memory;            /* of the copies */
    size_t bytes;            /* of memory */
    mt_noise_options noise;  /* of the first array; struct_size 0: none */
    uint64_t seed;           /* of augmentation */
    mt_symmetries augment;   /* symmetries to draw */
    int on_corrupt;          /* an mt_on_corrupt */
} mt_recipe;

/* Checks the arrays of options, and that they fit together, and copies them. */
MT_MUST_CHECK mt_status mt_recipe_init(mt_recipe *recipe, mt_patching *patching, const mt_loader_options *options,
                                       mt_error *err);
void mt_recipe_end(mt_recipe *recipe);

/* The number of channels of an array. */
static inline int64_t mt_array_channels(const mt_loader_array *array)
{
    return array->channels ? (int64_t)array->n_channels : array->stacks[0]->info.data_shape[1];
}

static inline mt_dtype mt_array_dtype(const mt_loader_array *array)
{
    return array->view.dtype ? array->view.dtype : MT_FLOAT32;
}

/* Whether any of the images is such a one. */
bool mt_recipe_has(const mt_recipe *recipe, bool (*is_such)(const mt_stack *stack));

#endif
