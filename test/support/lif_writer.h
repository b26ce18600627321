/* SPDX-License-Identifier: BSD-3-Clause */
/* Small LIF files for tests, made in memory. */
#ifndef MT_TEST_LIF_WRITER_H
#define MT_TEST_LIF_WRITER_H

#include "support/support.h"

#include <stdbool.h>

typedef struct lif_written {
    const char *name; /* of the element */
    struct {
        int id;                /* DimID; 0 ends the list */
        int64_t n, step;       /* NumberOfElements, BytesInc */
        double length, origin; /* in unit */
        const char *unit;      /* NULL: m */
    } dimensions[12];
    struct {
        int bits;        /* Resolution; 0 ends the list */
        int64_t offset;  /* BytesInc */
        int tag, type;   /* ChannelTag, DataType */
        const char *lut; /* NULL: Gray */
        const char *dye; /* NULL: none */
    } channels[10];
    const char *more;   /* XML within the image, or NULL */
    const void *pixels; /* its block */
    int64_t size;       /* bytes of pixels, which are only announced if pixels is NULL */
    const char *id;     /* of the block; NULL: MemBlock_N */
    bool is_hidden;     /* the document announces the block with another name */
} lif_written;

typedef struct lif_writer {
    int version;
    char *xml;
    size_t n_xml, xml_room;
    uint8_t *blocks;
    size_t n_blocks;      /* bytes of blocks */
    int n_images;         /* written so far */
    uint8_t *data;        /* the file, once it is finished */
    size_t size;          /* bytes of data */
    uint64_t data_offset; /* of the block written last, in blocks; in data once it is finished */
} lif_writer;

void lif_begin(lif_writer *w, int version);
/* Adds text to the document, as it is. */
void lif_add_xml(lif_writer *w, const char *format, ...) MT_PRINTF(2, 3);
void lif_begin_folder(lif_writer *w, const char *name);
void lif_add_image(lif_writer *w, const lif_written *image);
/* Adds a block that the document does not announce. */
void lif_add_block(lif_writer *w, const char *id, const void *bytes, size_t size);
void lif_end_folder(lif_writer *w);
void lif_finish(lif_writer *w);
void lif_free(lif_writer *w);

#endif
