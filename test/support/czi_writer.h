/* SPDX-License-Identifier: BSD-3-Clause */
/* Small CZI documents for tests, made in memory. */
#ifndef MT_TEST_CZI_WRITER_H
#define MT_TEST_CZI_WRITER_H

#include "support/support.h"

typedef struct czi_tile {
    struct {
        char letter;                 /* name of the dimension; 0 ends the list */
        int32_t start, size, stored; /* elements: first, number, stored number */
    } dims[16];
    int32_t pixel_type, compression; /* numbers of the specification */
    const void *pixels;              /* as stored */
    size_t size;                     /* bytes of pixels */
    const char *metadata;            /* of the subblock, or NULL */
    const void *attachment;          /* of the subblock, or NULL */
    size_t attachment_size;          /* bytes of attachment */
} czi_tile;

typedef struct czi_writer {
    uint8_t *data;                          /* the document, once it is finished */
    size_t size;                            /* bytes of data */
    uint8_t *entries, *attached;            /* directory entries written so far */
    size_t n_entry_bytes, n_attached_bytes; /* bytes of entries and attached */
} czi_writer;

/* A Gray8 tile of width x height pixels at (x, y). Further dimensions may be added. */
czi_tile czi_gray_tile(int32_t x, int32_t y, int32_t width, int32_t height, const uint8_t *pixels);
void czi_add_dimension(czi_tile *tile, char letter, int32_t start, int32_t size);

void czi_begin(czi_writer *w);
void czi_add_tile(czi_writer *w, const czi_tile *tile);
void czi_add_attachment(czi_writer *w, const char *name, const char *type, const void *bytes, size_t size);
/* Writes directories and metadata (no metadata if xml is NULL). */
void czi_finish(czi_writer *w, const char *xml);
void czi_free(czi_writer *w);

#endif
