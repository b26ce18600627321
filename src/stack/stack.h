/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_STACK_STACK_H
#define MT_STACK_STACK_H

#include "engine/engine.h"
#include "stack/fit.h"
#include "stack/source.h"

/* The axes that are merged into one dimension of SC(Z)YX. */
typedef struct mt_role {
    int n;                 /* number of axes */
    int axes[MT_MAX_DIMS]; /* indices in mt_stack.axes, slowest first */
} mt_role;

struct mt_stack {
    mt_stack_info info;      /* public description */
    mt_context *context;     /* retained */
    mt_arena *arena;         /* owns what info points to */
    _Atomic unsigned owners; /* reference count */

    /* For an image. */
    mt_chunk_map *map;                      /* keeps its container open; NULL for a custom stack */
    const char *asked;                      /* the requested part */
    mt_image image;                         /* for the engine */
    bool has_saved_map;                     /* opened with a saved map */
    bool depth_view, masks, scaled, merged; /* options that are stored in a saved map */
    int64_t raw_offset;                     /* options of format raw */
    bool raw_big_endian;
    bool is_identified;              /* the store can tell whether the file has changed */
    mt_identity identity;            /* of the file, or of the document of the map, when the image was opened */
    const char *members;             /* what an identity says of the other files of the image then (members.c) */
    int n_axes;                      /* number of axes */
    mt_stack_axis axes[MT_MAX_DIMS]; /* axes and their stored dimensions */
    bool as_stored;                  /* one axis per stored dimension, some possibly without a role */
    mt_role samples, channels;       /* S and C of SC(Z)YX */
    int spatial[3];                  /* indices of Z, Y and X in axes; -1: missing, size 1 */

    /* For a custom stack. */
    mt_stack_ops ops; /* the caller's functions */
    void *self;       /* passed to them */
};

/* Copies the caller's options (NULL: the defaults) to a struct of the current size. */
MT_MUST_CHECK mt_status mt_open_options_take(const mt_open_options *given, mt_open_options *out, mt_error *err);

/* Fills info, axes and roles from the map and the axes and depth axis of the options. */
MT_MUST_CHECK mt_status mt_stack_describe(mt_stack *stack, const mt_open_options *options, mt_error *err);

/* Fails with MT_E_ARGUMENT, and explains what to name, if the axes are unknown (MT_AXES_UNKNOWN). */
MT_MUST_CHECK mt_status mt_stack_check_axes(const mt_stack *stack, mt_error *err);

/* Prefixes an error with the one of n stacks that it is about: with its number, too, if there are several, because their
 * sources may be equal. */
void mt_stack_prefix(mt_stack *const *stacks, size_t n, size_t stack, mt_error *err);

/* Writes mt_stack_identify without the source. It does not change with the place of the file. Of the name of a part that
 * is longer than MT_PART_SHOWN, it has the end and a digest. */
enum { MT_IMAGE_IDENTITY = 4096, MT_PART_SHOWN = 512 };
void mt_stack_identify_image(const mt_stack *stack, char text[MT_IMAGE_IDENTITY]);

/* Identifies the other files of an image, for mt_stack_identify. Of a slow store, the members of the map are known:
 * nothing is requested. */
MT_MUST_CHECK mt_status mt_stack_identify_members(mt_stack *stack, mt_error *err);

/* The file of an item of an identity (the text between two ", ") that is about other files than the one that was opened:
 * its name, of *n characters, in the item; NULL if the item is about something else. */
const char *mt_identity_find_member(const char *item, size_t *n);

/* The end of a name, in characters that JSON and messages show as they are, without commas. */
enum { MT_NAME_END = 64 };
void mt_name_end(const char *name, char out[MT_NAME_END]);

/* Loads the map of a stack from the file options->map. *asked: its part, in the arena. */
MT_MUST_CHECK mt_status mt_stack_load_map(mt_stack *stack, mt_container *container, const mt_selection *part,
                                          const mt_open_options *options, const char **asked, mt_error *err);

/* Opens an image of a container, which the stack keeps open. With options->map, the container need not be opened. */
MT_MUST_CHECK mt_status mt_stack_open_part(mt_context *context, mt_container *container, const mt_selection *part,
                                           const mt_open_options *options, mt_stack **out, mt_error *err);

/* Like mt_stack_open, with all reads through the store that wrap makes (NULL: no wrapper). For tests. */
MT_MUST_CHECK mt_status mt_stack_open_wrapped(mt_context *context, const char *path, const mt_open_options *options,
                                              const mt_store_wrap *wrap, mt_stack **out, mt_error *err);

#endif
