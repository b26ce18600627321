/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_SAMPLING_PATCHING_H
#define MT_SAMPLING_PATCHING_H

#include "base/random.h"
#include "base/fnv.h"
#include "stack/stack.h"

#include <microtome/sampling.h>

/* A patching strategy. All functions but begin and end are thread-safe. */
typedef struct mt_strategy {
    const char *name;
    bool has_patch_size; /* all patches have the size of the options */
    bool can_redraw;     /* redraw may be other than 0 */
    bool is_mixed;       /* patches of all stacks, in any order; else all of a stack before those of the next */
    /* Checks the options and sets the counts. */
    mt_status (*begin)(mt_patching *patching, const mt_patching_options *options, mt_error *err);
    /* Releases what begin has put into state, also after it has failed. May be NULL. */
    void (*end)(mt_patching *patching);
    /* Sets what differs from a spec whose stack, n_spatial and patch_size are set and whose rest is 0. number: that of
     * the patch among those of the stack. A further attempt (redraw) begins with mt_patching_move. */
    void (*get)(const mt_patching *patching, uint64_t epoch, uint64_t index, uint64_t redraw, uint64_t number,
                mt_patch_spec *out);
    /* Adds what else defines the patches to a digest. May be NULL. */
    uint64_t (*digest)(const mt_patching *patching, uint64_t digest);
} mt_strategy;

struct mt_patching {
    mt_context *context;         /* of the stacks, retained */
    _Atomic unsigned owners;     /* reference count */
    const mt_strategy *strategy; /* how patches are chosen */
    size_t n_stacks;             /* at least 1 */
    mt_stack **stacks;           /* retained */
    uint64_t *counts;            /* sums.h: the patches of each stack. "coords", in any order: 0, .., 0, all */
    size_t n_spatial;            /* 2 or 3 */
    int64_t patch_size[3];       /* (Z)YX; 0 if the patches have several */
    bool is_oblong;              /* some patch has different sizes along Y and X */
    int64_t overlap[3];          /* of tiles */
    int64_t align[3];            /* of tiles: 1, or what their corners are multiples of */
    uint64_t seed;               /* of the random numbers */
    bool pad;                    /* patches may reach outside the image */
    _Atomic bool is_frozen;      /* may not be changed any more */
    _Atomic bool has_digest;     /* digest is set; only when frozen */
    _Atomic uint64_t digest;     /* of what the strategy adds to the facts */
    void *state;                 /* of the strategy */
};

extern const mt_strategy mt_strategy_random, mt_strategy_fixed_random, mt_strategy_stratified, mt_strategy_sequential,
    mt_strategy_tiled, mt_strategy_whole, mt_strategy_coords;

/* Refuses patch sizes below 1. */
MT_MUST_CHECK mt_status mt_patching_check_size(const int64_t *size, size_t n_spatial, mt_error *err);

/* Sizes of the spatial axes of a stack, (Z)YX. */
static inline const int64_t *mt_patching_shape(const mt_patching *patching, size_t stack)
{
    const mt_stack_info *info = &patching->stacks[stack]->info;
    return info->data_shape + info->data_ndim - patching->n_spatial;
}

/* Fails unless the images are at least as large as a patch, or are padded. */
MT_MUST_CHECK mt_status mt_patching_check_sizes(const mt_patching *patching, mt_error *err);

/* Sets the number of patches of a stack, which has none yet: as many for each sample. */
MT_MUST_CHECK mt_status mt_patching_set_count(mt_patching *patching, size_t stack, uint64_t per_sample, mt_error *err);

/* Draws the patch of the epoch in whose place a further attempt is made: its stack into out, and its number among those
 * of the stack. A damaged chunk can hold all of a region, or a whole image, so attempts go anywhere. */
uint64_t mt_patching_move(const mt_patching *patching, mt_random *random, mt_patch_spec *out);

/* From now on the patching cannot be changed: somebody relies on its patches. */
void mt_patching_freeze(mt_patching *patching);

/* One of the facts that define all patches of a patching. */
typedef struct mt_fact {
    const char *name; /* static */
    char value[64];   /* a number, a word, or a digest */
} mt_fact;

enum { MT_PATCHING_FACTS = 11 };

/* Lists the facts. Two patchings whose facts are equal have the same patches in every epoch. Any number of threads may
 * call at once if the patching is frozen. */
void mt_patching_fingerprint(mt_patching *patching, mt_fact out[MT_PATCHING_FACTS]);

#endif
