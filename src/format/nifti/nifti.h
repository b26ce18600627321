/* SPDX-License-Identifier: BSD-3-Clause */
/* NIfTI-1 and NIfTI-2 headers.
 *
 * Sources: nifti1.h (Cox et al., 2004) and nifti2.h (2011), nifti.nimh.nih.gov. Names in quotes are those of their
 * fields. */
#ifndef MT_FORMAT_NIFTI_H
#define MT_FORMAT_NIFTI_H

#include "format/format.h"

enum { NIFTI_HEADER_1 = 348, NIFTI_HEADER_2 = 540 };

/* A header in two versions, and for pixels in the same file or in another. */
typedef struct nifti_header {
    int version;          /* 1 or 2 */
    bool pair;            /* the pixels are in another file */
    bool big_endian;      /* byte order of header and pixels */
    int64_t dim[8];       /* "dim": number of dimensions, and their sizes, the fastest first */
    int datatype;         /* "datatype" */
    int bits;             /* "bitpix": of a pixel, with its samples */
    double pixel_size[8]; /* "pixdim", of which 0 has another meaning */
    double offset;        /* "vox_offset": of the pixels, in bytes */
    double slope, inter;  /* "scl_slope", "scl_inter" */
    int units;            /* "xyzt_units" */
    int intent;           /* "intent_code" */
} nifti_header;

/* The version of a header by its magic; 0 if there is none. Sets *pair. */
int nifti_find_magic(const uint8_t *head, size_t size, bool *pair);

/* Parses a header with a magic. */
MT_MUST_CHECK mt_status nifti_parse(const uint8_t *head, size_t size, nifti_header *out, mt_error *err);

/* Fills in the map of the pixels, which are in the object key. scaled: mt_open_options.scaled. */
MT_MUST_CHECK mt_status nifti_make_map(const nifti_header *header, const char *key, bool scaled, mt_chunk_map *map,
                                       mt_error *err);

#endif
