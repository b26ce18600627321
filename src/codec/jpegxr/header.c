/* SPDX-License-Identifier: BSD-3-Clause */
/* The headers of a codestream. Source: ITU-T T.832. */
#include "codec/jpegxr/jpegxr.h"

#include <string.h>

enum { TILING = 0x80, BY_FREQUENCY = 0x40, HAS_INDEX = 0x04 };
enum { SHORT = 0x80, WINDOW = 0x20, TRIMS = 0x10, STRETCHES = 0x08, ALPHA = 0x01 };

static uint32_t step_of(unsigned index, bool scaled, bool halved)
{
    unsigned low = index & 15, high = index >> 4;
    if (index == 0)
        return 1;
    if (scaled)
        return (high == 0 ? low : (16 + low) << (high - 1)) << (halved ? 0 : 1);
    return high < 2 ? (index + 3) >> 2 : high == 2 ? (17 + low) >> 1 : (16 + low) << (high - 3);
}

void jxr_quantisers_read(jxr_bits *b, const jxr_plane_header *p, bool halves, jxr_quantisers *q, int i)
{
    enum { ALIKE, CHROMA_APART };
    unsigned how = p->channels > 1 ? jxr_get(b, 2) : ALIKE, index = 0;
    for (int c = 0; c < p->channels; c++) {
        if (c == 0 || how > CHROMA_APART || (how == CHROMA_APART && c == 1))
            index = jxr_get(b, 8);
        q->step[i][c] = step_of(index, p->scaled, halves && c > 0);
    }
}

static void read_quantisers(jxr_bits *b, jxr_plane_header *p)
{
    int n = p->bands == JXR_DC_ONLY ? 1 : p->bands == JXR_NO_HIGHPASS ? 2 : 3;
    for (int i = 0; i < 3; i++)
        p->quantisers[i].n = 1;
    for (int i = 0; i < n; i++) {
        if (i > 0 && jxr_get(b, 1)) {
            p->in_tiles[i] = p->in_tiles[i - 1];
            p->quantisers[i] = p->quantisers[i - 1];
        } else if (jxr_get(b, 1)) {
            jxr_quantisers_read(b, p, i < JXR_HP, &p->quantisers[i], 0);
        } else {
            p->in_tiles[i] = true;
        }
    }
}

static mt_status check_plane(const jxr_plane_header *p, jxr_depth depth, mt_error *err)
{
    int most = depth == JXR_32_FLOAT ? 23 : depth == JXR_16 || depth == JXR_16_SIGNED ? 15 : 31;
    if (p->bands > JXR_DC_ONLY)
        return mt_fail(err, MT_E_UNSUPPORTED, "JPEG XR of isolated bands is not supported");
    if (p->color == 5 || p->color > JXR_SEPARATE)
        return mt_fail(err, MT_E_UNSUPPORTED, "internal color format %d of JPEG XR is not supported", p->color);
    if (p->channels >= JXR_CHANNELS)
        return mt_fail(err, MT_E_UNSUPPORTED, "JPEG XR of %d channels or more is not supported", JXR_CHANNELS);
    if (p->shift > most)
        return mt_fail(err, MT_E_CORRUPT, "samples are shifted by %u bits", p->shift);
    return MT_OK;
}

static mt_status read_plane(mt_reader *r, jxr_depth depth, jxr_plane_header *p, mt_error *err)
{
    jxr_bits b = jxr_bits_over(r->data + r->position, mt_read_left(r));
    p->color = (jxr_color)jxr_get(&b, 3);
    p->scaled = jxr_get(&b, 1);
    p->bands = (jxr_bands)jxr_get(&b, 4);
    p->channels = p->color == JXR_GRAY ? 1 : p->color == JXR_CMYK ? 4 : 3;
    if (p->color == JXR_SEPARATE)
        p->channels = (int)jxr_get(&b, 4) + 1;
    if (p->color != JXR_GRAY && p->color != JXR_CMYK)
        jxr_get(&b, p->color == JXR_SEPARATE ? 4 : 8);
    if (depth == JXR_16 || depth == JXR_16_SIGNED || depth >= JXR_32)
        p->shift = depth <= JXR_32_FLOAT ? (uint8_t)jxr_get(&b, 8) : 0;
    if (depth == JXR_32_FLOAT)
        p->exponent_bias = (int8_t)jxr_get(&b, 8);
    mt_status st = check_plane(p, depth, err);
    if (st)
        return st;
    read_quantisers(&b, p);
    size_t unread = b.n / 8; /* whole bytes in the window, including zeros beyond the end */
    if (jxr_is_past_end(&b))
        return mt_fail(err, MT_E_CORRUPT, "the header of an image plane is truncated");
    r->position = (size_t)(b.next - r->data) + b.zeros - unread;
    return MT_OK;
}

bool jxr_index_next(mt_reader *index, uint64_t *offset)
{
    unsigned first = mt_read_u8(index);
    if (first >= 0xfd)
        return false;
    *offset = first == 0xfc   ? mt_read_u64(index)
              : first == 0xfb ? mt_read_u32(index)
                              : (uint64_t)first << 8 | mt_read_u8(index);
    return !index->failed;
}

static mt_status read_index(mt_reader *r, jxr_header *h, mt_error *err)
{
    uint64_t n = (uint64_t)h->tile_columns * h->tile_rows * (uint64_t)jxr_packets(h);
    uint64_t offset = 0;
    if (h->has_index && mt_read_u16(r) != 1)
        return mt_fail(err, MT_E_CORRUPT, "the index of tiles is broken");
    h->index = *r;
    for (; h->has_index && n > 0 && !r->failed; n--)
        jxr_index_next(r, &offset);
    /* Skip data between headers and tiles. */
    offset = 0;
    jxr_index_next(r, &offset);
    if (r->failed || offset > mt_read_left(r))
        return mt_fail(err, MT_E_CORRUPT, "the tiles lie beyond the end");
    h->tiles = r->position + (size_t)offset;
    return MT_OK;
}

static mt_status read_tiling(mt_reader *r, jxr_header *h, bool has_tiling, uint8_t flags, mt_error *err)
{
    h->tile_columns = h->tile_rows = 1;
    if (has_tiling) {
        uint32_t sizes = (uint32_t)mt_read_u8(r) << 16;
        sizes |= mt_read_u16(r);
        h->tile_columns += sizes >> 12;
        h->tile_rows += sizes & 0xfff;
    }
    h->tile_size_bytes = flags & SHORT ? 1 : 2;
    h->tile_sizes = *r;
    mt_read_skip(r, ((size_t)h->tile_columns + h->tile_rows - 2) * h->tile_size_bytes);
    if (flags & STRETCHES)
        mt_read_skip(r, (size_t)h->tile_columns * h->tile_rows);
    if (!h->has_index && (h->by_frequency || h->tile_columns * h->tile_rows > 1))
        return mt_fail(err, MT_E_CORRUPT, "tiles without an index");
    return MT_OK;
}

static mt_status read_size(mt_reader *r, jxr_header *h, bool is_short, mt_error *err)
{
    uint64_t width = (uint64_t)(is_short ? mt_read_u16(r) : mt_read_u32(r)) + 1;
    uint64_t height = (uint64_t)(is_short ? mt_read_u16(r) : mt_read_u32(r)) + 1;
    if (width > INT32_MAX || height > INT32_MAX)
        return mt_fail(err, MT_E_UNSUPPORTED, "JPEG XR of more than 2^31 pixels in a row or column is not supported");
    h->width = (uint32_t)width;
    h->height = (uint32_t)height;
    return MT_OK;
}

mt_status jxr_header_read(const uint8_t *stream, size_t size, jxr_header *h, mt_error *err)
{
    mt_reader r = mt_reader_over(stream, size, true);
    const uint8_t *magic = mt_read_bytes(&r, 8);
    uint8_t version = mt_read_u8(&r), layout = mt_read_u8(&r), flags = mt_read_u8(&r), format = mt_read_u8(&r);
    if (r.failed || memcmp(magic, "WMPHOTO", 8) != 0)
        return mt_fail(err, MT_E_CORRUPT, "the codestream is broken");
    if ((version != 0x10 && (version & 0xf7) != 0x11) || (layout & 3) == 3)
        return mt_fail(err, MT_E_UNSUPPORTED, "version %02x of JPEG XR is not supported", version);
    if (flags & WINDOW)
        return mt_fail(err, MT_E_UNSUPPORTED, "JPEG XR with a window is not supported");
    *h = (jxr_header) { .color = (jxr_color)(format >> 4),
                        .depth = (jxr_depth)(format & 15),
                        .overlap = layout & 3,
                        .hd_photo = version == 0x10,
                        .by_frequency = layout & BY_FREQUENCY,
                        .has_index = layout & HAS_INDEX,
                        .hard_tiles = version & 8,
                        .trims_flexbits = flags & TRIMS,
                        .has_alpha = flags & ALPHA };
    mt_status st = read_size(&r, h, flags & SHORT, err);
    if (st || (st = read_tiling(&r, h, layout & TILING, flags, err)))
        return st;
    if (r.failed)
        return mt_fail(err, MT_E_CORRUPT, "the header of the codestream is truncated");
    for (int i = 0; !st && i < 1 + h->has_alpha; i++)
        st = read_plane(&r, h->depth, &h->planes[i], err);
    if (!st && h->has_alpha && (h->planes[1].color != JXR_GRAY || h->planes[1].bands != h->planes[0].bands))
        st = mt_fail(err, MT_E_UNSUPPORTED, "an alpha plane coded unlike its image is not supported");
    if (!st && h->hd_photo && h->overlap > 0 && (h->planes[0].in_tiles[JXR_HP] || h->planes[1].in_tiles[JXR_HP]))
        st = mt_fail(err, MT_E_UNSUPPORTED, "HD Photo with quantisers per tile is not supported");
    return st ? st : read_index(&r, h, err);
}
