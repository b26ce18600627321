/* SPDX-License-Identifier: BSD-3-Clause */
/* From a path to what a format is asked to open. */
#ifndef MT_STACK_SOURCE_H
#define MT_STACK_SOURCE_H

#include "format/format.h"

/* For tests: makes a store of the opened one, which it takes over, and closes when it fails. */
typedef struct mt_store_wrap {
    mt_status (*wrap)(void *user, mt_store **store, mt_error *err);
    void *user;
} mt_store_wrap;

/* Opens the store of the folder that holds path (or of path, if it is a folder), splits off "#part" unless the path
 * exists as it stands, and reads the head. Strings live in the arena. options is borrowed while the source is used. What
 * is read is remembered until mt_blocks_drop (store/blocks.h). wrap may be NULL. */
MT_MUST_CHECK mt_status mt_source_open(mt_env *env, const char *path, const mt_open_options *options, mt_arena *arena,
                                       const mt_store_wrap *wrap, mt_source *out, mt_error *err);

/* A file that lies in memory. */
MT_MUST_CHECK mt_status mt_source_from_memory(mt_env *env, const char *name, const void *bytes, size_t size,
                                              const mt_open_options *options, mt_arena *arena, mt_source *out,
                                              mt_error *err);

/* Closes the store. A zeroed source is allowed. */
void mt_source_close(mt_source *source);

#endif
