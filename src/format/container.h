/* SPDX-License-Identifier: BSD-3-Clause */
/* Containers: a file or folder, opened once, from which any number of maps are made.
 *
 * A container is reference-counted: its maps hold references, and whoever opened it closes it. All functions except
 * close are thread-safe once mt_container_open has returned. Errors are those of the format, prefixed with its name. */
#ifndef MT_FORMAT_CONTAINER_H
#define MT_FORMAT_CONTAINER_H

#include "format/format.h"

/* An empty container with a copy of options. The caller fills source except env and options, with strings and head in
 * the arena. Closed with mt_container_close, which also closes the store. */
MT_MUST_CHECK mt_status mt_container_new(mt_env *env, const mt_open_options *options, mt_container **out,
                                         mt_error *err);

/* Finds the format (MT_E_NOT_AN_IMAGE if none matches) and parses the file. The container must be closed even on
 * failure. */
MT_MUST_CHECK mt_status mt_container_open(mt_container *container, mt_error *err);

/* Adds a reference. */
mt_container *mt_container_retain(mt_container *container);
/* Drops a reference. NULL is allowed. */
void mt_container_close(mt_container *container);

/* Makes and checks the map of an image. It holds a reference to the container; freed with mt_chunk_map_free. */
MT_MUST_CHECK mt_status mt_container_map(mt_container *container, const mt_selection *part, mt_chunk_map **out,
                                         mt_error *err);

/* The images of the container or of a group in it, as written after '#'; its attachments; and the keys of the other
 * files that belong to the images found so far. */
MT_MUST_CHECK mt_status mt_container_list(const mt_container *container, const mt_selection *below, mt_names *out,
                                          mt_error *err);
MT_MUST_CHECK mt_status mt_container_attachments(const mt_container *container, mt_names *out, mt_error *err);
MT_MUST_CHECK mt_status mt_container_members(const mt_container *container, mt_names *out, mt_error *err);

#endif
