/* SPDX-License-Identifier: BSD-3-Clause */
/* From a path to an open container, and the part of it that the path names. */
#ifndef MT_STACK_SOURCE_H
#define MT_STACK_SOURCE_H

#include "format/container.h"

/* For tests: makes a store of the opened one, which it takes over, and closes when it fails. */
typedef struct mt_store_wrap {
    mt_status (*wrap)(void *user, mt_store **store, mt_error *err);
    void *user;
} mt_store_wrap;

/* Splits off "#part" and finds the store of a path or URL (store/resolve.h): the container is new, and its source known
 * but for the head. The strings of part live in the container. options are complete (mt_open_options_take), and copied.
 * wrap may be NULL. What is read is remembered (store/blocks.h). With options->map nothing remote is asked. */
MT_MUST_CHECK mt_status mt_source_find(mt_env *env, const char *path, const mt_open_options *options,
                                       const mt_store_wrap *wrap, mt_container **out, mt_selection *part,
                                       mt_error *err);

/* The same of a file that lies in memory. */
MT_MUST_CHECK mt_status mt_source_find_memory(mt_env *env, const char *name, const void *bytes, size_t size,
                                              const mt_open_options *options, mt_container **out, mt_selection *part,
                                              mt_error *err);

/* Reads the head and opens the container. The source stands in front of messages. */
MT_MUST_CHECK mt_status mt_source_open(mt_container *container, const mt_selection *part, mt_error *err);

/* The images that are wanted at first are open: notes the objects that were read for them, and mt_blocks_drop. Not while
 * other threads use the container. */
MT_MUST_CHECK mt_status mt_source_settle(mt_container *container, mt_error *err);

#endif
