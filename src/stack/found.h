/* SPDX-License-Identifier: BSD-3-Clause */
/* What open_all collects: images, what was skipped and why, and which files belong to images that were found. */
#ifndef MT_STACK_FOUND_H
#define MT_STACK_FOUND_H

#include "stack/stack.h"

#include <microtome/parts.h>

typedef struct mt_found {
    mt_stack *stack;
    size_t file; /* the number of the file or folder that brought it */
} mt_found;

typedef struct mt_skip {
    char *path, *reason;
    mt_status status;
    size_t file;
} mt_skip;

struct mt_note;
#define MT_NOTE_BUCKETS 1024

struct mt_stacks {
    mt_context *context;
    mt_open_options options; /* while the list is made */
    mt_store_wrap wrap;      /* for tests */
    mt_found *stacks;
    size_t n, room;
    mt_skip *skipped;
    size_t n_skipped, skipped_room;
    size_t n_files; /* numbers given */
    size_t file;    /* the number of the file that is being opened; 0: it was named, or has none */
    /* Of one search: files that were opened, and files that their images are made of. */
    struct mt_note *notes[MT_NOTE_BUCKETS];
};

/* Finds what a path names, with the options and the wrapped store of the list. */
MT_MUST_CHECK mt_status mt_stacks_find(mt_stacks *list, const char *path, mt_container **out, mt_selection *part,
                                       mt_error *err);

/* Opens the images of an open container, or the one that part names. A part that fails is skipped under its own name;
 * where none opens, that is an error, and nothing was skipped. */
MT_MUST_CHECK mt_status mt_stacks_add(mt_stacks *list, mt_container *container, const mt_selection *part,
                                      mt_error *err);

/* Notes what was not opened. Of want of memory it fails with that. */
MT_MUST_CHECK mt_status mt_stacks_skip(mt_stacks *list, const char *path, const mt_error *why, mt_error *err);

/* In a search, before a file is opened: *belongs tells whether it is one that an image found before is made of. Else it
 * gets a number, with which all that it brings is marked. */
MT_MUST_CHECK mt_status mt_stacks_start_file(mt_stacks *list, const mt_container *container, bool *belongs,
                                             mt_error *err);
/* In a search, after images of a container were opened: the files that they are made of bring no images of their own. */
MT_MUST_CHECK mt_status mt_stacks_note_members(mt_stacks *list, const mt_container *container, mt_error *err);
/* Ends a search: takes out what came of files that belong to images found after them. */
MT_MUST_CHECK mt_status mt_stacks_end_search(mt_stacks *list, mt_error *err);

/* Searches a folder, or what a glob stands for. */
MT_MUST_CHECK mt_status mt_stacks_search(mt_stacks *list, const mt_container *folder, mt_error *err);
MT_MUST_CHECK mt_status mt_stacks_search_glob(mt_stacks *list, const char *glob, mt_error *err);

/* As mt_stacks_open, but every read goes through the stores that wrap makes. For tests. */
MT_MUST_CHECK mt_status mt_stacks_open_wrapped(mt_context *context, const char *const *paths, size_t n,
                                               const mt_open_options *options, const mt_store_wrap *wrap,
                                               mt_stacks **out, mt_error *err);

#endif
