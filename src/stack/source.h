/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens the container of a path, and finds the part that the path names. */
#ifndef MT_STACK_SOURCE_H
#define MT_STACK_SOURCE_H

#include "format/container.h"

/* For tests: a function that replaces a store by a wrapper. */
typedef struct mt_store_wrap {
    mt_status (*wrap)(void *user, mt_store **store, mt_error *err); /* takes over *store; closes it on failure */
    void *user;                                                     /* passed to wrap */
} mt_store_wrap;

/* Splits off "#part" and finds the store of a path or URL (store/resolve.h). Creates a container whose source is
 * complete except for the head. The container owns the strings of part. options are complete (mt_open_options_take),
 * and copied. wrap may be NULL. Metadata reads are cached (store/blocks.h). With options->map, sends no remote
 * requests. */
MT_MUST_CHECK mt_status mt_source_find(mt_env *env, const char *path, const mt_open_options *options,
                                       const mt_store_wrap *wrap, mt_container **out, mt_selection *part,
                                       mt_error *err);

/* The same for a file in memory. */
MT_MUST_CHECK mt_status mt_source_find_memory(mt_env *env, const char *name, const void *bytes, size_t size,
                                              const mt_open_options *options, mt_container **out, mt_selection *part,
                                              mt_error *err);

/* Reads the head and opens the container. Messages are prefixed with the source. */
MT_MUST_CHECK mt_status mt_source_open(mt_container *container, const mt_selection *part, mt_error *err);

/* Called after the first images are open: records the objects read for them and drops the cached metadata
 * (mt_blocks_drop). Not while other threads use the container. */
MT_MUST_CHECK mt_status mt_source_settle(mt_container *container, mt_error *err);

#endif
