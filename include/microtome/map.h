/* SPDX-License-Identifier: BSD-3-Clause */
/* Saved maps: what was parsed to open an image, kept in a file, so that opening it again reads nothing of the image. For
 * images that take long to open: on the network, of very many pages or chunks. */
#ifndef MICROTOME_MAP_H
#define MICROTOME_MAP_H

#include <microtome/picture.h>

MT_BEGIN_DECLS

/* Writes the map of an open image: shape, chunks, codecs and where the bytes lie, with the size and the time of the last
 * change (or the ETag) of its files. Finds all chunks for that, which reads the tables of the image. The bytes hold no
 * pixels, and names of files only relative to the image: that may be moved with all its files. They are for this version
 * of the library and others that say so (mt_open_options.map reads them).
 *
 * MT_E_UNSUPPORTED for stacks that are not images in a file, and over stores that do not tell when an object has changed;
 * MT_E_LIMIT for more chunks than fit into max_metadata_bytes; MT_E_IO if write fails. Thread-safe. */
MT_API MT_MUST_CHECK mt_status mt_stack_save_map(mt_stack *stack, mt_write_bytes write, void *user, mt_error *err);

MT_END_DECLS

#endif
