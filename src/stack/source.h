/* SPDX-License-Identifier: BSD-3-Clause */
/* From a path to what a format is asked to open. */
#ifndef MT_STACK_SOURCE_H
#define MT_STACK_SOURCE_H

#include "format/format.h"

/* Splits off "#part", finds the store of a path or URL (store/resolve.h), and reads the head. Strings live in the arena.
 * options is borrowed while the source is used. */
MT_MUST_CHECK mt_status mt_source_open(mt_env *env, const char *path, const mt_open_options *options, mt_arena *arena,
                                       mt_source *out, mt_error *err);

/* A file that lies in memory. */
MT_MUST_CHECK mt_status mt_source_from_memory(mt_env *env, const char *name, const void *bytes, size_t size,
                                              const mt_open_options *options, mt_arena *arena, mt_source *out,
                                              mt_error *err);

/* Closes the store. A zeroed source is allowed. */
void mt_source_close(mt_source *source);

#endif
