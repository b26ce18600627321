/* SPDX-License-Identifier: BSD-3-Clause */
/* A chunk map as made by a format, with everything it borrows, for tests of formats alone. */
#ifndef MT_TEST_MAP_H
#define MT_TEST_MAP_H

#include "support/support.h"

#include "engine/engine.h"
#include "format/container.h"

typedef struct opened_map {
    mt_context *context; /* of the map */
    mt_store *store;     /* store of the map */
    mt_chunk_map *map;   /* under test */
} opened_map;

/* Opens an object of a store, or with the key "" the store, as a format. Takes ownership of the store, also on
 * failure. */
mt_status open_container(const char *format, mt_store *store, const char *key, const char *name,
                         const mt_open_options *options, mt_container **out, mt_error *err);
/* Makes the map of a part of a container. */
mt_status map_part(mt_container *container, const char *part, mt_chunk_map **out, mt_error *err);

/* Opens a part of a file and checks the map. Must be closed even on failure. */
mt_status open_map(const char *format, const char *folder, const char *name, const char *part, opened_map *out,
                   mt_error *err);
void close_map(opened_map *o);

/* Reads a box in C order of the map's dimensions, in native byte order, into *out (malloc, size bytes). */
mt_status read_box(opened_map *o, const int64_t *start, const int64_t *extent, uint8_t **out, size_t *size,
                   mt_error *err);
mt_status read_map(opened_map *o, uint8_t **out, size_t *size, mt_error *err); /* reads the whole image */

#endif
