/* SPDX-License-Identifier: BSD-3-Clause */
/* The result of mt_stacks_open in construction: images, skipped items, and the files that are members of images. */
#ifndef MT_STACK_FOUND_H
#define MT_STACK_FOUND_H

#include "stack/stack.h"

#include <microtome/parts.h>

typedef struct mt_found {
    mt_stack *stack; /* owned */
    size_t file;     /* number of the file or folder that it is from */
} mt_found;

typedef struct mt_skip {
    char *path, *reason; /* owned; reason does not repeat the path */
    mt_status status;    /* the status of the failure */
    size_t file;         /* number of the file or folder that it is from */
} mt_skip;

struct mt_note;
#define MT_NOTE_BUCKETS 1024

struct mt_stacks {
    mt_context *context;            /* retained */
    mt_open_options options;        /* valid only while the list is built */
    mt_store_wrap wrap;             /* for tests */
    mt_found *stacks;               /* opened images */
    size_t n, room;                 /* number and capacity of stacks */
    mt_skip *skipped;               /* skipped items */
    size_t n_skipped, skipped_room; /* number and capacity of skipped */
    size_t n_files;                 /* number of files numbered so far */
    size_t n_wanted;                /* number of names that searches wanted so far */
    size_t file;                    /* number of the current file; 0: named by the caller, or without a number */
    /* Hash table of one search: files that were opened, and files that are members of their images. */
    struct mt_note *notes[MT_NOTE_BUCKETS];
};

/* Finds the container and part of a path, with the options and the store wrapper of the list. */
MT_MUST_CHECK mt_status mt_stacks_find(mt_stacks *list, const char *path, mt_container **out, mt_selection *part,
                                       mt_error *err);

/* Opens all images of an open container, or the one named by part. A part that fails is skipped under its own name. If
 * no part opens, the call fails and nothing is skipped. */
MT_MUST_CHECK mt_status mt_stacks_add(mt_stacks *list, mt_container *container, const mt_selection *part,
                                      mt_error *err);

/* Records a skipped item. If why is MT_E_MEMORY, fails with it instead. */
MT_MUST_CHECK mt_status mt_stacks_skip(mt_stacks *list, const char *path, const mt_error *why, mt_error *err);

/* In a search, before a file is opened: sets *belongs if the file is a member of an image found before. Else numbers
 * the file; images and skipped items from it are marked with the number. */
MT_MUST_CHECK mt_status mt_stacks_start_file(mt_stacks *list, const mt_container *container, bool *belongs,
                                             mt_error *err);
/* In a search, after images of a container were opened: records their member files, which are not separate images. */
MT_MUST_CHECK mt_status mt_stacks_note_members(mt_stacks *list, const mt_container *container, mt_error *err);
/* Ends a search: removes the images of files that are members of images found later. */
MT_MUST_CHECK mt_status mt_stacks_end_search(mt_stacks *list, mt_error *err);

/* Search a folder, or the matches of a glob. */
MT_MUST_CHECK mt_status mt_stacks_search(mt_stacks *list, const mt_container *folder, mt_error *err);
MT_MUST_CHECK mt_status mt_stacks_search_glob(mt_stacks *list, const char *glob, mt_error *err);

/* Makes an empty list of names, which retains its context. */
MT_MUST_CHECK mt_status mt_names_begin(mt_context *context, mt_names **out, mt_error *err);

/* Like mt_stacks_open, with all reads through the stores that wrap makes. For tests. */
MT_MUST_CHECK mt_status mt_stacks_open_wrapped(mt_context *context, const char *const *paths, size_t n,
                                               const mt_open_options *options, const mt_store_wrap *wrap,
                                               mt_stacks **out, mt_error *err);

#endif
