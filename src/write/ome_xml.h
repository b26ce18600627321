/* SPDX-License-Identifier: BSD-3-Clause */
/* OME-XML that describes images: one of OME-TIFF, or those of a collection. */
#ifndef MT_WRITE_OME_XML_H
#define MT_WRITE_OME_XML_H

#include "base/buffer.h"
#include "write/plan.h"

/* OME's name of an element type; NULL if it has none. */
const char *mt_ome_type(mt_dtype dtype);

/* The kinds of metadata that OME-XML cannot hold, as mt_sink_ops.get_lacks. */
unsigned mt_ome_get_lacks(const mt_plan *plan);

/* The size of a pixel along an axis in meters; 0: not known. */
double mt_ome_pixel_meters(const mt_plan *plan, int axis);

/* A document: its start, its images by their numbers from 0, and its end. Appended without a NUL; failures stay in the
 * buffer. uuid: of the file that the document lies in; NULL: none. has_pages: the pages of that file are the planes in
 * the order of T, C, Z; else the pixels are elsewhere. The type must be one of OME. */
void mt_ome_begin(const char *uuid, mt_buffer *out);
void mt_ome_put_image(const mt_plan *plan, uint64_t number, bool has_pages, mt_buffer *out);
void mt_ome_end(mt_buffer *out);

#endif
