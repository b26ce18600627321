/* SPDX-License-Identifier: BSD-3-Clause */
/* Containers: a file or folder opened once, out of which any number of maps are made.
 *
 * A container is counted: its maps keep it, and whoever opened it closes it. All functions but close are thread-safe once
 * mt_container_open has returned. Errors are those of the format, whose name stands in front. */
#ifndef MT_FORMAT_CONTAINER_H
#define MT_FORMAT_CONTAINER_H

#include "format/format.h"

/* An empty container with a copy of options: the caller fills source, but for env and options, with strings and head in
 * the arena. Closed with mt_container_close, which closes the store, too. */
MT_MUST_CHECK mt_status mt_container_new(mt_env *env, const mt_open_options *options, mt_container **out,
                                         mt_error *err);

/* Finds the format (MT_E_NOT_AN_IMAGE if there is none), and lets it parse. On failure the container is still to be closed. */
MT_MUST_CHECK mt_status mt_container_open(mt_container *container, mt_error *err);

/* One more owner. */
mt_container *mt_container_retain(mt_container *container);
/* Ends one ownership. NULL is allowed. */
void mt_container_close(mt_container *container);

/* Makes the checked map of an image. It keeps the container; freed with mt_chunk_map_free. */
MT_MUST_CHECK mt_status mt_container_map(mt_container *container, const mt_selection *part, mt_chunk_map **out,
                                         mt_error *err);

/* The images of the container, or of a group in it, as they stand after '#'; what it holds besides; and the keys of the
 * other files that the images found so far are made of. */
MT_MUST_CHECK mt_status mt_container_list(const mt_container *container, const mt_selection *below, mt_names *out,
                                          mt_error *err);
MT_MUST_CHECK mt_status mt_container_attachments(const mt_container *container, mt_names *out, mt_error *err);
MT_MUST_CHECK mt_status mt_container_members(const mt_container *container, mt_names *out, mt_error *err);

#endif
