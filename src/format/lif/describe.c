/* SPDX-License-Identifier: BSD-3-Clause */
/* Dimensions, channels and tiles of an image, from its element. */
#include "base/checked.h"
#include "base/number.h"
#include "base/xml.h"
#include "format/lif/lif.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t count_children(const mt_xml *parent, const char *name)
{
    size_t n = 0;
    for (const mt_xml *child = parent ? mt_xml_child(parent, name) : NULL; child; child = mt_xml_next(child))
        n++;
    return n;
}

static double get_real(const mt_xml *element, const char *name, double missing)
{
    const char *text = mt_xml_get(element, name);
    double value;
    return text && mt_parse_real(&text, &value) ? value : missing;
}

static mt_status read_dimension(const mt_xml *element, lif_dimension *out, mt_error *err)
{
    int64_t id, bits = 0;
    const char *unit = mt_xml_get(element, "Unit");
    if (!lif_get_integer(element, "DimID", &id) || !lif_get_integer(element, "NumberOfElements", &out->n) || out->n < 0)
        return mt_fail(err, MT_E_CORRUPT, "a dimension has no kind (DimID) or size (NumberOfElements)");
    lif_get_integer(element, "BitInc", &bits);
    if ((!lif_get_integer(element, "BytesInc", &out->step) || out->step < 1) && out->n > 1)
        return mt_fail(err, MT_E_CORRUPT, "dimension %lld has no distance between its elements (BytesInc)",
                       (long long)id);
    if (bits != 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "elements that are not whole bytes (BitInc) are not supported");
    if (out->n != 1 && (id < LIF_X || id >= LIF_DIMENSIONS))
        return mt_fail(err, MT_E_UNSUPPORTED, "a dimension of the unknown kind %lld (DimID) is not supported",
                       (long long)id);
    out->step = mt_max_i64(out->step, 0);
    out->id = id < LIF_X || id >= LIF_DIMENSIONS ? 0 : (int)id;
    out->origin = get_real(element, "Origin", 0);
    out->length = get_real(element, "Length", 0);
    out->unit = unit ? mt_unit_find(unit) : NULL;
    return MT_OK;
}

static mt_status read_dimensions(const mt_xml *description, lif_image *image, mt_arena *arena, mt_error *err)
{
    const mt_xml *list = mt_xml_child(description, "Dimensions");
    size_t n = count_children(list, "DimensionDescription");
    if (n == 0 || n >= LIF_DIMENSIONS)
        return mt_fail(err, MT_E_CORRUPT, "the image has %zu dimensions", n);
    lif_dimension *dimensions = mt_arena_alloc(arena, n, sizeof *dimensions, err);
    if (!dimensions)
        return MT_E_MEMORY;
    image->dimensions = dimensions;
    const mt_xml *element = mt_xml_child(list, "DimensionDescription");
    for (; element; element = mt_xml_next(element)) {
        mt_status st = read_dimension(element, &dimensions[image->n_dimensions], err);
        if (st)
            return st;
        int id = dimensions[image->n_dimensions].id;
        if (id && lif_find_dimension(image, id))
            return mt_fail(err, MT_E_CORRUPT, "dimension %d is described twice", id);
        image->n_dimensions++;
    }
    return MT_OK;
}

const lif_dimension *lif_find_dimension(const lif_image *image, int id)
{
    for (int i = 0; i < image->n_dimensions; i++)
        if (image->dimensions[i].id == id)
            return &image->dimensions[i];
    return NULL;
}

/* DataType: 0 for unsigned integers, 1 for floating point; Resolution: the bits in use. */
static mt_dtype find_dtype(int64_t type, int64_t bits)
{
    if (bits < 1 || bits > 64 || type < 0 || type > 1)
        return (mt_dtype)0;
    if (type == 1)
        return bits > 32 ? MT_FLOAT64 : bits > 16 ? MT_FLOAT32 : bits > 8 ? MT_FLOAT16 : (mt_dtype)0;
    return bits > 32 ? MT_UINT64 : bits > 16 ? MT_UINT32 : bits > 8 ? MT_UINT16 : MT_UINT8;
}

/* The value of a ChannelProperty, or NULL. */
static const char *find_property(const mt_xml *channel, const char *key)
{
    const mt_xml *property = mt_xml_child(channel, "ChannelProperty");
    for (; property; property = mt_xml_next(property)) {
        const mt_xml *name = mt_xml_child(property, "Key"), *value = mt_xml_child(property, "Value");
        if (name && value && strcmp(name->text, key) == 0)
            return value->text;
    }
    return NULL;
}

static const char *copy(mt_arena *arena, const char *text, mt_error *err)
{
    return !text || !*text ? "" : mt_arena_strndup(arena, text, strlen(text), err);
}

static mt_status read_channel(const mt_xml *element, lif_channel *out, mt_arena *arena, mt_error *err)
{
    int64_t type = 0, bits = 0;
    const char *dye = find_property(element, "DyeName");
    if (!lif_get_integer(element, "BytesInc", &out->offset) || out->offset < 0)
        return mt_fail(err, MT_E_CORRUPT, "a channel has no place (BytesInc)");
    lif_get_integer(element, "DataType", &type);
    lif_get_integer(element, "Resolution", &bits);
    lif_get_integer(element, "ChannelTag", &out->tag);
    out->dtype = find_dtype(type, bits);
    out->name = copy(arena, dye && *dye ? dye : mt_xml_get(element, "NameOfMeasuredQuantity"), err);
    out->lut = copy(arena, mt_xml_get(element, "LUTName"), err);
    if (!out->name || !out->lut)
        return MT_E_MEMORY;
    return out->dtype ? MT_OK
                      : mt_fail(err, MT_E_UNSUPPORTED, "pixels of type %lld with %lld bits are not supported",
                                (long long)type, (long long)bits);
}

static int compare_offsets(const void *a, const void *b)
{
    const lif_channel *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static mt_status read_channels(const mt_xml *description, lif_image *image, mt_arena *arena, mt_error *err)
{
    const mt_xml *list = mt_xml_child(description, "Channels");
    size_t n = count_children(list, "ChannelDescription");
    if (n == 0)
        return mt_fail(err, MT_E_CORRUPT, "the image has no channels");
    lif_channel *channels = mt_arena_alloc(arena, n, sizeof *channels, err);
    if (!channels)
        return MT_E_MEMORY;
    image->channels = channels;
    const mt_xml *element = mt_xml_child(list, "ChannelDescription");
    for (; element; element = mt_xml_next(element)) {
        lif_channel *channel = &channels[image->n_channels++];
        mt_status st = read_channel(element, channel, arena, err);
        if (st)
            return st;
        if (channel->dtype != channels[0].dtype)
            return mt_fail(err, MT_E_UNSUPPORTED, "channels of different types (%s, %s) in one image are not supported",
                           mt_dtype_name(channels[0].dtype), mt_dtype_name(channel->dtype));
    }
    qsort(channels, n, sizeof *channels, compare_offsets);
    return MT_OK;
}

static bool is_set(const mt_xml *element, const char *flag)
{
    int64_t value;
    return lif_get_integer(element, flag, &value) && value != 0;
}

static mt_status read_tiles(const mt_xml *data, lif_image *image, mt_arena *arena, mt_error *err)
{
    const mt_xml *scan = mt_xml_child(data, "Attachment");
    while (scan && (!mt_xml_get(scan, "Name") || strcmp(mt_xml_get(scan, "Name"), "TileScanInfo") != 0))
        scan = mt_xml_next(scan);
    size_t n = count_children(scan, "Tile");
    lif_tile *tiles = n ? mt_arena_alloc(arena, n, sizeof *tiles, err) : NULL;
    if (!tiles)
        return n ? MT_E_MEMORY : MT_OK;
    image->tiles = tiles;
    image->flip_x = is_set(scan, "FlipX");
    image->flip_y = is_set(scan, "FlipY");
    image->swap_xy = is_set(scan, "SwapXY");
    for (const mt_xml *tile = mt_xml_child(scan, "Tile"); tile; tile = mt_xml_next(tile))
        tiles[image->n_tiles++] = (lif_tile) { .x = get_real(tile, "PosX", (double)NAN),
                                               .y = get_real(tile, "PosY", (double)NAN),
                                               .z = get_real(tile, "PosZ", (double)NAN) };
    return MT_OK;
}

static mt_status describe(const mt_xml *element, lif_image *image, mt_arena *arena, mt_error *err)
{
    const mt_xml *data = mt_xml_child(mt_xml_child(element, "Data"), "Image");
    const mt_xml *description = data ? mt_xml_child(data, "ImageDescription") : NULL;
    if (!data)
        return mt_fail(err, MT_E_UNSUPPORTED, "photon counting data (SingleMoleculeDetection) are not supported");
    if (!description)
        return mt_fail(err, MT_E_CORRUPT, "the image has no ImageDescription");
    mt_status st = read_dimensions(description, image, arena, err);
    if (st || (st = read_channels(description, image, arena, err)))
        return st;
    return read_tiles(data, image, arena, err);
}

mt_status lif_describe(const mt_xml *element, lif_image *image, mt_arena *arena, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    mt_status st = describe(element, image, arena, &own);
    if (st == MT_E_MEMORY)
        return mt_fail(err, own.status ? own.status : st, "%s", own.message);
    image->status = st;
    image->why = mt_arena_strndup(arena, own.message, strlen(own.message), err);
    return image->why ? MT_OK : MT_E_MEMORY;
}
