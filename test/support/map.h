/* SPDX-License-Identifier: BSD-3-Clause */
/* A chunk map as a format makes it, with what it borrows, for tests of what the file alone says. */
#ifndef MT_TEST_MAP_H
#define MT_TEST_MAP_H

#include "support/support.h"

#include "engine/engine.h"

typedef struct opened_map {
    mt_context *context;
    mt_store *store;
    mt_chunk_map *map;
} opened_map;

/* Opens a part of a file; the map is checked. Closed also after a failure. */
mt_status open_map(const char *format, const char *folder, const char *name, const char *part, opened_map *out,
                   mt_error *err);
void close_map(opened_map *o);

/* A box in C order of the map's dimensions, as stored but in the byte order of this machine (malloc, size bytes). */
mt_status read_box(opened_map *o, const int64_t *start, const int64_t *extent, uint8_t **out, size_t *size,
                   mt_error *err);
mt_status read_map(opened_map *o, uint8_t **out, size_t *size, mt_error *err); /* all of it */

#endif
