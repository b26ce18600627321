/* SPDX-License-Identifier: BSD-3-Clause */
/* One codec of a document as a step of a chain. */
#ifndef MT_FORMAT_ZARR_CODECS_H
#define MT_FORMAT_ZARR_CODECS_H

#include "format/zarr/zarr.h"

/* A chain under construction. */
typedef struct zarr_coding {
    mt_chunk_map *map; /* its arena owns the parameters */
    mt_chain *chain;   /* to which steps are appended */
    mt_dtype dtype;    /* of the elements at this point of the chain */
    bool big_endian;   /* byte order of the elements that filters work on */
    bool is_native;    /* native byte order, whatever the parameters of filters declare */
    bool is_bytes;     /* the array has become bytes */
} zarr_coding;

/* Whether a codec is a filter: array to array, changing values or their type. */
bool zarr_is_filter(const char *name);
MT_MUST_CHECK mt_status zarr_add_filter(zarr_coding *coding, const char *name, const json_t *configuration,
                                        mt_error *err);

/* Adds a bytes-to-bytes codec. */
MT_MUST_CHECK mt_status zarr_add_bytes_codec(zarr_coding *coding, const char *name, const json_t *configuration,
                                             mt_error *err);
MT_MUST_CHECK mt_status zarr_add_byteswap(zarr_coding *coding, size_t element_size, mt_error *err);

#endif
