/* SPDX-License-Identifier: BSD-3-Clause */
/* Documents of BigDataViewer (XML, "SpimData"), which its HDF5 and N5 backends share: where the data is, time points,
 * missing views, names and voxel sizes of setups. */
#ifndef MT_FORMAT_BDV_H
#define MT_FORMAT_BDV_H

#include "base/xml.h"
#include "format/format.h"

/* Whether the head of a source is that of a document. */
bool mt_bdv_is_document(const mt_source *source);

typedef struct mt_bdv_document {
    const mt_xml *root;
    const char *repair; /* what was repaired, for a warning; NULL: nothing */
} mt_bdv_document;

/* Loads a document. */
MT_MUST_CHECK mt_status mt_bdv_load(const mt_source *source, const char *key, mt_arena *arena, mt_bdv_document *out,
                                    mt_error *err);

/* Warns of what was repaired. */
MT_MUST_CHECK mt_status mt_bdv_tell(const mt_bdv_document *document, mt_chunk_map *map, mt_error *err);

/* The key of the file or folder with the data of a document. MT_E_UNSUPPORTED unless its loader is the backend ("hdf5"
 * or "n5"), for an absolute path, and for one that leads out of the store of the source. */
MT_MUST_CHECK mt_status mt_bdv_find_data(const mt_source *source, const mt_xml *root, const char *document,
                                         const char *backend, mt_arena *arena, const char **key, mt_error *err);

/* Widens [low, high] by a number, unless it is negative, and by the time points that a document lists. root may be
 * NULL. */
void mt_bdv_widen(int64_t number, int64_t *low, int64_t *high);
void mt_bdv_read_times(const mt_xml *root, int64_t *low, int64_t *high);

/* Marks those of n time points for which the document declares a setup missing. root may be NULL. */
void mt_bdv_mark_missing(const mt_xml *root, int64_t setup, int64_t first, int64_t n, bool *missing);

/* The element of a setup, or NULL. root may be NULL. */
const mt_xml *mt_bdv_find_setup(const mt_xml *root, int64_t number);

/* Sets the channel name and the pixel sizes of the map (TZYX) of a setup, which may be NULL. factors: by how much the
 * level is smaller along Z, Y and X; NULL: not known. */
MT_MUST_CHECK mt_status mt_bdv_describe(const mt_xml *setup, const double *factors, mt_chunk_map *map, mt_error *err);

#endif
