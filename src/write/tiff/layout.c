/* SPDX-License-Identifier: BSD-3-Clause */
/* What precedes the tiles: BigTIFF, little-endian. TIFF 6.0; Adobe Photoshop TIFF Technical Notes (SubIFDs);
 * http://bigtiff.org; OME-TIFF specification 6.0 (pyramids). */
#include "format/tiff/tiff.h"
#include "write/tiff/tiff_sink.h"

#include <math.h>
#include <string.h>

enum { SHORT = 3, LONG = 4, RATIONAL = 5, ASCII = 2, LONG8 = 16, IFD8 = 18 }; /* types of entries */

#define ENTRY 20     /* bytes of an entry */
#define BUFFER 65536 /* bytes that are written at once */

/* --- The layout. --- */

static int count_entries(const mt_plan *plan, int level) { return level > 0 ? 13 : plan->n_levels > 1 ? 17 : 16; }

/* Reserves bytes at a multiple of 8. */
static uint64_t reserve(uint64_t *end, uint64_t size)
{
    uint64_t at = (*end + 7) / 8 * 8;
    *end = at + size;
    return at;
}

void tiff_lay_out(const mt_plan *plan, uint64_t description_size, tiff_layout *out)
{
    const mt_level *first = plan->levels;
    uint64_t end = TIFF_HEADER;
    *out = (tiff_layout) { .plan = plan, .description_size = description_size };
    out->n_pages = 1;
    for (int d = 0; d < plan->ndim - 2; d++)
        out->n_pages *= (uint64_t)first->shape[d];
    out->description = reserve(&end, description_size);
    for (int k = 0; k < plan->n_levels; k++) {
        out->tiles[k] = plan->levels[k].n_units / out->n_pages;
        out->directory_size[k] = 8 + ENTRY * (uint64_t)count_entries(plan, k) + 8;
        /* the first page has an entry more, its description */
        out->directories[k] = reserve(&end, out->directory_size[k] * out->n_pages + (k == 0 ? ENTRY : 0));
    }
    if (plan->n_levels > 2)
        out->sub_directories = reserve(&end, 8 * (uint64_t)(plan->n_levels - 1) * out->n_pages);
    for (int k = 0; k < plan->n_levels; k++)
        if (out->tiles[k] > 1) {
            out->offsets_table[k] = reserve(&end, 8 * plan->levels[k].n_units);
            out->sizes_table[k] = reserve(&end, 8 * plan->levels[k].n_units);
        }
    out->end = reserve(&end, 0);
}

/* Directories are 8 bytes and entries of 20: multiples of 4. So those of a level follow one another without a gap. */
static uint64_t directory_at(const tiff_layout *layout, int level, uint64_t page)
{
    return layout->directories[level] + page * layout->directory_size[level] + (level == 0 && page > 0 ? ENTRY : 0);
}

/* --- The stream. --- */

mt_status tiff_stream_flush(tiff_stream *stream, bool in_any_case, mt_error *err)
{
    mt_buffer *buffer = &stream->buffer;
    if (buffer->status)
        return mt_fail(err, buffer->status, "out of memory");
    if (buffer->size == 0 || (buffer->size < BUFFER && !in_any_case))
        return MT_OK;
    mt_piece piece = { buffer->data, buffer->size };
    mt_status st = mt_output_write(stream->file, stream->path, stream->offset, &piece, 1, err);
    stream->offset += buffer->size;
    buffer->size = 0;
    return st;
}

/* Fills with zeros up to a place. */
static void pad(tiff_stream *out, uint64_t place)
{
    while (!out->buffer.status && out->offset + out->buffer.size < place)
        mt_put_u8(&out->buffer, 0);
}

/* --- Places of tiles. --- */

/* Walks over the tiles of a level in order. */
typedef struct cursor {
    tiff_spool *spool;
    const tiff_places *places;
    uint64_t unit, offset; /* the next unit, and the place of its tile if it has one */
} cursor;

static tiff_tile next_tile(cursor *c)
{
    tiff_tile tile = tiff_spool_find(c->spool, c->unit++);
    if (tile.offset == 0)
        return c->places->zeros;
    tile.offset = c->offset;
    c->offset += tile.size;
    return tile;
}

static void put_tables(const tiff_layout *layout, int level, const cursor *first, tiff_stream *out, mt_status *st,
                       mt_error *err)
{
    uint64_t n = layout->plan->levels[level].n_units;
    for (int of_sizes = 0; of_sizes < 2; of_sizes++) {
        cursor c = *first;
        pad(out, of_sizes ? layout->sizes_table[level] : layout->offsets_table[level]);
        for (uint64_t i = 0; i < n && !*st; i++) {
            tiff_tile tile = next_tile(&c);
            mt_put_u64(&out->buffer, of_sizes ? tile.size : tile.offset);
            *st = tiff_stream_flush(out, false, err);
        }
    }
}

/* --- Directories. --- */

static void put_u16(mt_buffer *out, unsigned value)
{
    mt_put_bytes(out, &(uint8_t[]) { (uint8_t)value, (uint8_t)(value >> 8) }, 2);
}

static void put_entry(mt_buffer *out, unsigned tag, unsigned type, uint64_t count, uint64_t value)
{
    put_u16(out, tag);
    put_u16(out, type);
    mt_put_u64(out, count);
    mt_put_u64(out, value);
}

/* Pixels per centimeter; 1/1 if the size is not known or not representable. */
static uint64_t resolution(const mt_plan *plan, int axis, bool is_known)
{
    double per_cm = is_known ? 0.01 / mt_ome_pixel_meters(plan, axis) : 1;
    uint64_t denominator = 1;
    while (denominator < 1000000000 && per_cm * (double)denominator * 10 < 4e9)
        denominator *= 10;
    return (uint64_t)llround(per_cm * (double)denominator) | denominator << 32;
}

static bool has_resolution(const mt_plan *plan)
{
    for (int axis = plan->ndim - 2; axis < plan->ndim; axis++) {
        double meters = mt_ome_pixel_meters(plan, axis);
        if (!(meters > 1e-11 && meters < 1e3)) /* else numbers of 32 bits have few digits */
            return false;
    }
    return true;
}

static unsigned compression(const mt_plan *plan)
{
    return strcmp(plan->codec, "zstd") == 0 ? 50000 : strcmp(plan->codec, "gzip") == 0 ? 8 : 1;
}

static unsigned sample_format(mt_dtype dtype)
{
    return dtype == MT_FLOAT32 || dtype == MT_FLOAT64                   ? 3
           : dtype == MT_INT8 || dtype == MT_INT16 || dtype == MT_INT32 ? 2
                                                                        : 1;
}

static void put_resolution(const mt_plan *plan, mt_buffer *out)
{
    bool is_known = has_resolution(plan);
    put_entry(out, TAG_X_RESOLUTION, RATIONAL, 1, resolution(plan, plan->ndim - 1, is_known));
    put_entry(out, TAG_Y_RESOLUTION, RATIONAL, 1, resolution(plan, plan->ndim - 2, is_known));
    put_entry(out, TAG_RESOLUTION_UNIT, SHORT, 1, is_known ? 3 : 1);
}

static void put_tiles(const tiff_layout *layout, int level, uint64_t page, cursor *c, mt_buffer *out)
{
    uint64_t n = layout->tiles[level];
    tiff_tile tile = { layout->offsets_table[level] + 8 * n * page, layout->sizes_table[level] + 8 * n * page };
    if (n == 1)
        tile = next_tile(c);
    put_entry(out, TAG_TILE_OFFSETS, LONG8, n, tile.offset);
    put_entry(out, TAG_TILE_COUNTS, LONG8, n, tile.size);
}

static void put_directory(const tiff_layout *layout, int level, uint64_t page, cursor *c, mt_buffer *out)
{
    const mt_plan *plan = layout->plan;
    const mt_level *at = &plan->levels[level];
    int y = plan->ndim - 2, x = y + 1, n_sub = plan->n_levels - 1;
    bool is_described = level == 0 && page == 0;
    mt_put_u64(out, (uint64_t)count_entries(plan, level) + is_described);
    put_entry(out, TAG_SUBFILE_TYPE, LONG, 1, level > 0);
    put_entry(out, TAG_WIDTH, LONG, 1, (uint64_t)at->shape[x]);
    put_entry(out, TAG_HEIGHT, LONG, 1, (uint64_t)at->shape[y]);
    put_entry(out, TAG_BITS, SHORT, 1, 8 * plan->element_size);
    put_entry(out, TAG_COMPRESSION, SHORT, 1, compression(plan));
    put_entry(out, TAG_PHOTOMETRIC, SHORT, 1, 1); /* BlackIsZero */
    if (is_described)
        put_entry(out, TAG_DESCRIPTION, ASCII, layout->description_size, layout->description);
    put_entry(out, TAG_SAMPLES, SHORT, 1, 1);
    if (level == 0)
        put_resolution(plan, out);
    put_entry(out, TAG_PREDICTOR, SHORT, 1, (uint64_t)tiff_predictor(plan));
    put_entry(out, TAG_TILE_WIDTH, LONG, 1, (uint64_t)at->chunk[x]);
    put_entry(out, TAG_TILE_HEIGHT, LONG, 1, (uint64_t)at->chunk[y]);
    put_tiles(layout, level, page, c, out);
    if (level == 0 && n_sub > 0)
        put_entry(out, TAG_SUB_IFDS, IFD8, (uint64_t)n_sub,
                  n_sub == 1 ? directory_at(layout, 1, page) : layout->sub_directories + 8 * (uint64_t)n_sub * page);
    put_entry(out, TAG_SAMPLE_FORMAT, SHORT, 1, sample_format(plan->dtype));
    bool is_last = level > 0 || page + 1 == layout->n_pages;
    mt_put_u64(out, is_last ? 0 : directory_at(layout, 0, page + 1));
}

static void put_sub_directories(const tiff_layout *layout, tiff_stream *out, mt_status *st, mt_error *err)
{
    pad(out, layout->sub_directories);
    for (uint64_t page = 0; page < layout->n_pages && !*st; page++) {
        for (int k = 1; k < layout->plan->n_levels; k++)
            mt_put_u64(&out->buffer, directory_at(layout, k, page));
        *st = tiff_stream_flush(out, false, err);
    }
}

static void put_header(const tiff_layout *layout, mt_buffer *out)
{
    mt_put_bytes(out, "II", 2);
    put_u16(out, 43); /* BigTIFF */
    put_u16(out, 8);  /* bytes of an offset */
    put_u16(out, 0);
    mt_put_u64(out, layout->directories[0]);
}

mt_status tiff_write_directories(const tiff_layout *layout, tiff_spool *spool, const tiff_places *places,
                                 const mt_buffer *description, tiff_stream *out, mt_error *err)
{
    const mt_plan *plan = layout->plan;
    mt_status st = MT_OK;
    cursor first[MT_MAX_LEVELS + 1];
    put_header(layout, &out->buffer);
    mt_put_bytes(&out->buffer, description->data, description->size);
    first[0] = (cursor) { spool, places, 0, places->first };
    for (int k = 0; k < plan->n_levels && !st; k++) {
        cursor c = first[k];
        for (uint64_t i = 0; i < plan->levels[k].n_units; i++)
            (void)next_tile(&c);
        first[k + 1] = c;
        c = first[k];
        pad(out, layout->directories[k]);
        for (uint64_t page = 0; page < layout->n_pages && !st; page++) {
            put_directory(layout, k, page, &c, &out->buffer);
            st = tiff_stream_flush(out, false, err);
        }
    }
    if (plan->n_levels > 2)
        put_sub_directories(layout, out, &st, err);
    for (int k = 0; k < plan->n_levels && !st; k++)
        if (layout->tiles[k] > 1)
            put_tables(layout, k, &first[k], out, &st, err);
    pad(out, layout->end);
    return st ? st : tiff_stream_flush(out, true, err);
}
