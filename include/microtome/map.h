/* SPDX-License-Identifier: BSD-3-Clause */
/* Saved maps: the parsed metadata and chunk locations of an image, saved so that it can be opened again without reading
 * the image. For images that are slow to open: on a network, or with very many pages or chunks. */
#ifndef MICROTOME_MAP_H
#define MICROTOME_MAP_H

#include <microtome/picture.h>

MT_BEGIN_DECLS

/* Writes the map of an open image: shape, chunks, codecs, the location of each chunk, and the size and modification
 * time (or ETag) of each file. Locating all chunks reads the chunk tables of the image. A map holds no pixels. File
 * names are relative to the image, so the image and its files can be moved together. A map can be read
 * (mt_open_options.map) by the library version that wrote it and by versions that support its format version.
 *
 * MT_E_UNSUPPORTED for a stack that is not an image in a file, or a store that cannot detect changes of an object;
 * MT_E_LIMIT if the chunks do not fit into max_metadata_bytes; MT_E_IO if write fails. Thread-safe. */
MT_API MT_MUST_CHECK mt_status mt_stack_save_map(mt_stack *stack, mt_write_bytes write, void *user, mt_error *err);

MT_END_DECLS

#endif
