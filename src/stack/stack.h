/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_STACK_STACK_H
#define MT_STACK_STACK_H

#include "engine/engine.h"
#include "stack/fit.h"
#include "stack/source.h"

/* Which axes make up one dimension of SC(Z)YX, slowest first. */
typedef struct mt_role {
    int n;
    int axes[MT_MAX_DIMS];
} mt_role;

struct mt_stack {
    mt_stack_info info;
    mt_context *context;
    mt_arena *arena; /* what info points to */
    _Atomic unsigned owners;

    /* A stack over an image. */
    mt_chunk_map *map; /* which keeps its container; NULL for a stack of one's own */
    const char *asked; /* the part as it was asked for */
    mt_image image;
    bool has_saved_map;
    bool depth_view, masks; /* options that a saved map must have, too */
    int n_axes;
    mt_stack_axis axes[MT_MAX_DIMS];
    bool as_stored; /* the axes are the stored dimensions, some of which may have no role */
    mt_role samples, channels;
    int spatial[3]; /* the axes Z, Y and X; -1: none, of size 1 */

    /* A stack of one's own. */
    mt_stack_ops ops;
    void *self;
};

/* The options of a caller (NULL: none), of the size that they have here. */
MT_MUST_CHECK mt_status mt_open_options_take(const mt_open_options *given, mt_open_options *out, mt_error *err);

/* Fills info, axes and roles from the map and the axes and depth axis of the options. */
MT_MUST_CHECK mt_status mt_stack_describe(mt_stack *stack, const mt_open_options *options, mt_error *err);

/* MT_E_ARGUMENT, with what to name, if the axes are not known (MT_AXES_UNKNOWN): there are no pixels then. */
MT_MUST_CHECK mt_status mt_stack_check_axes(const mt_stack *stack, mt_error *err);

/* Makes the map of a stack out of the file that options->map names. *asked: the part that it is of, in the arena. */
MT_MUST_CHECK mt_status mt_stack_load_map(mt_stack *stack, mt_container *container, const mt_selection *part,
                                          const mt_open_options *options, const char **asked, mt_error *err);

/* Opens an image of a container, which the stack keeps. With options->map the container need not have been opened. */
MT_MUST_CHECK mt_status mt_stack_open_part(mt_context *context, mt_container *container, const mt_selection *part,
                                           const mt_open_options *options, mt_stack **out, mt_error *err);

/* As mt_stack_open, but every read goes through the store that wrap (NULL: none) makes of the opened one. For tests. */
MT_MUST_CHECK mt_status mt_stack_open_wrapped(mt_context *context, const char *path, const mt_open_options *options,
                                              const mt_store_wrap *wrap, mt_stack **out, mt_error *err);

#endif
