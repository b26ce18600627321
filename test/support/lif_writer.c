/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/lif_writer.h"

#include "base/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lif_add_xml(lif_writer *w, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert_true(n >= 0);
    if (w->n_xml + (size_t)n + 1 > w->xml_room) {
        w->xml_room = 2 * (w->n_xml + (size_t)n + 1);
        w->xml = realloc(w->xml, w->xml_room);
        assert_non_null(w->xml);
    }
    vsnprintf(w->xml + w->n_xml, (size_t)n + 1, format, again);
    va_end(again);
    w->n_xml += (size_t)n;
}

/* Writes text as UTF-16; it is ASCII. Returns the end. */
static uint8_t *put_text(uint8_t *p, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *p++ = (uint8_t)text[i];
        *p++ = 0;
    }
    return p;
}

static void add_block(lif_writer *w, const char *id, const void *bytes, uint64_t announced, size_t size)
{
    size_t n = strlen(id);
    w->blocks = realloc(w->blocks, w->n_blocks + 22 + 2 * n + size);
    assert_non_null(w->blocks);
    uint8_t *start = w->blocks + w->n_blocks, *p = start + 9;
    mt_store_u32le(start, 0x70);
    mt_store_u32le(start + 4, (uint32_t)((w->version == 1 ? 10 : 14) + 2 * n));
    start[8] = 0x2a;
    if (w->version == 1)
        mt_store_u32le(p, (uint32_t)announced);
    else
        mt_store_u64le(p, announced);
    p += w->version == 1 ? 4 : 8;
    *p++ = 0x2a;
    mt_store_u32le(p, (uint32_t)n);
    p = put_text(p + 4, id, n);
    if (size > 0)
        memcpy(p, bytes, size);
    w->data_offset = (uint64_t)(p - w->blocks);
    w->n_blocks = (size_t)(p - w->blocks) + size;
}

void lif_add_block(lif_writer *w, const char *id, const void *bytes, size_t size)
{
    add_block(w, id, bytes, size, size);
}

void lif_begin(lif_writer *w, int version)
{
    *w = (lif_writer) { .version = version };
    lif_add_xml(w, "<LMSDataContainerHeader Version=\"%d\">", version);
    lif_add_xml(w, "<Element Name=\"made.lif\"><Data><Experiment/></Data><Memory Size=\"0\" "
                   "MemoryBlockID=\"MemBlock_0\"/><Children>");
    lif_add_block(w, "MemBlock_0", NULL, 0);
}

void lif_begin_folder(lif_writer *w, const char *name)
{
    lif_add_xml(w, "<Element Name=\"%s\"><Data/><Memory Size=\"0\" MemoryBlockID=\"MemBlock_folder\"/><Children>",
                name);
}

void lif_end_folder(lif_writer *w) { lif_add_xml(w, "</Children></Element>"); }

static void add_description(lif_writer *w, const lif_written *image)
{
    lif_add_xml(w, "<ImageDescription><Channels>");
    for (int i = 0; image->channels[i].bits; i++) {
        lif_add_xml(w,
                    "<ChannelDescription DataType=\"%d\" ChannelTag=\"%d\" Resolution=\"%d\" "
                    "NameOfMeasuredQuantity=\"\" Min=\"0\" Max=\"255\" Unit=\"\" LUTName=\"%s\" IsLUTInverted=\"0\" "
                    "BytesInc=\"%lld\" BitInc=\"0\">",
                    image->channels[i].type, image->channels[i].tag, image->channels[i].bits,
                    image->channels[i].lut ? image->channels[i].lut : "Gray", (long long)image->channels[i].offset);
        if (image->channels[i].dye)
            lif_add_xml(w, "<ChannelProperty><Key>DyeName</Key><Value>%s</Value></ChannelProperty>",
                        image->channels[i].dye);
        lif_add_xml(w, "</ChannelDescription>");
    }
    lif_add_xml(w, "</Channels><Dimensions>");
    for (int i = 0; image->dimensions[i].id; i++)
        lif_add_xml(w,
                    "<DimensionDescription DimID=\"%d\" NumberOfElements=\"%lld\" Origin=\"%g\" Length=\"%g\" "
                    "Unit=\"%s\" BitInc=\"0\" BytesInc=\"%lld\"/>",
                    image->dimensions[i].id, (long long)image->dimensions[i].n, image->dimensions[i].origin,
                    image->dimensions[i].length, image->dimensions[i].unit ? image->dimensions[i].unit : "m",
                    (long long)image->dimensions[i].step);
    lif_add_xml(w, "</Dimensions></ImageDescription>");
}

void lif_add_image(lif_writer *w, const lif_written *image)
{
    char id[64];
    snprintf(id, sizeof id, "MemBlock_%d", ++w->n_images);
    const char *name = image->id ? image->id : id;
    lif_add_xml(w, "<Element Name=\"%s\"><Data><Image TextDescription=\"\">", image->name);
    add_description(w, image);
    lif_add_xml(w, "%s</Image></Data><Memory Size=\"%lld\" MemoryBlockID=\"%s%s\"/><Children/></Element>",
                image->more ? image->more : "", (long long)image->size, image->is_hidden ? "Hidden_" : "", name);
    if (image->size > 0)
        add_block(w, name, image->pixels, (uint64_t)image->size, image->pixels ? (size_t)image->size : 0);
}

void lif_finish(lif_writer *w)
{
    lif_end_folder(w);
    lif_add_xml(w, "</LMSDataContainerHeader>");
    w->size = 13 + 2 * w->n_xml + w->n_blocks;
    w->data = malloc(w->size);
    assert_non_null(w->data);
    mt_store_u32le(w->data, 0x70);
    mt_store_u32le(w->data + 4, (uint32_t)(5 + 2 * w->n_xml));
    w->data[8] = 0x2a;
    mt_store_u32le(w->data + 9, (uint32_t)w->n_xml);
    uint8_t *end = put_text(w->data + 13, w->xml, w->n_xml);
    if (w->n_blocks > 0)
        memcpy(end, w->blocks, w->n_blocks);
    w->data_offset += 13 + 2 * w->n_xml;
}

void lif_free(lif_writer *w)
{
    free(w->xml);
    free(w->blocks);
    free(w->data);
}
