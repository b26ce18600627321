/* SPDX-License-Identifier: BSD-3-Clause */
/* Internals of collections: groups whose members are images. */
#ifndef MT_WRITE_ZARR_COLLECTION_H
#define MT_WRITE_ZARR_COLLECTION_H

#include "engine/context.h"
#include "format/format.h"
#include "write/zarr/zarr_sink.h"

typedef enum zarr_kind { ZARR_SERIES, ZARR_LABELS, ZARR_PLATE } zarr_kind;

extern const char *const zarr_kinds[]; /* their names; ends with NULL */

/* A collection that is being begun, finished or looked at. */
typedef struct zarr_collection {
    mt_context *context;
    mt_env *env; /* that of the context */
    mt_target *target;
    mt_arena *arena;
    bool is_v2;
    zarr_kind kind;
    uint64_t n;                /* images */
    const char *const *names;  /* of images; NULL: "0", "1", ... */
    struct zarr_field *fields; /* of a plate: n of them, by row and column */
    bool is_complete;
    mt_names *list; /* for mt_collection_list */
} zarr_collection;

/* An image of a plate. */
typedef struct zarr_field {
    const char *row, *column, *name;
    uint64_t number; /* in the collection */
} zarr_field;

#define ZARR_NUMBER_BYTES 24

/* The name of an image: borrowed, or written to number. */
const char *zarr_member_name(const zarr_collection *c, uint64_t i, char number[ZARR_NUMBER_BYTES]);

/* Checks the names of images, and sets the fields of a plate. */
MT_MUST_CHECK mt_status zarr_check_names(zarr_collection *c, mt_error *err);

/* The attributes of the root. Before the end, what a reader knows it by is left out, so that none takes the collection
 * for complete. NULL if memory runs out. */
json_t *zarr_write_collection(const zarr_collection *c, bool is_complete);

/* Publishes the groups between the root and the images. Before the end, those that exist stay as they are. */
MT_MUST_CHECK mt_status zarr_publish_between(const zarr_collection *c, bool is_complete, mt_error *err);

/* Publishes what is beside the images of series: their list, and their OME-XML. All images are finished. */
MT_MUST_CHECK mt_status zarr_publish_series(const zarr_collection *c, mt_error *err);

/* Appends the OME-XML of series, for which they are opened; nothing if one has a type that OME lacks. */
MT_MUST_CHECK mt_status zarr_write_metadata(const zarr_collection *c, mt_buffer *out, mt_error *err);

#endif
