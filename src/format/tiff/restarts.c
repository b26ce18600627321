/* SPDX-License-Identifier: BSD-3-Clause */
/* NDPI: a page is one JPEG stream, whose restart intervals are located by tags. An interval decodes without those before
 * it (ITU-T T.81, E.2.4), so that it is a tile if a row of blocks has a whole number of intervals. */
#include "base/checked.h"
#include "base/fnv.h"
#include "base/reader.h"
#include "format/tiff/tiff.h"

#include <string.h>

enum {
    TAG_STARTS_HIGH = 65432, /* high words of TAG_NDPI_STARTS, or absent */
    LONGEST_HEAD = 16384,    /* bytes */
    LONGEST_SIDE = 65500     /* pixels that libjpeg decodes */
};

/* The head of a stream, up to its entropy-coded data. */
typedef struct jpeg_head {
    uint8_t bytes[LONGEST_HEAD];
    size_t size;                       /* in use */
    size_t sides;                      /* offset of the height and width in bytes */
    int64_t width;                     /* of the image in pixels; 0 or wrong if it is beyond LONGEST_SIDE */
    int components;                    /* of the image */
    int64_t interval;                  /* blocks (MCU) of a restart interval */
    int64_t block_width, block_height; /* pixels of a block */
} jpeg_head;

static mt_status get_start(const tiff_file *file, const tiff_ifd *ifd, uint64_t i, uint64_t *out, mt_error *err)
{
    const tiff_entry *low = tiff_find(ifd, TAG_NDPI_STARTS), *high = tiff_find(ifd, TAG_STARTS_HIGH);
    uint64_t word = 0;
    mt_status st = tiff_get_numbers(file, low, i, 1, out, err);
    if (!st && high)
        st = tiff_get_numbers(file, high, i, 1, &word, err);
    *out |= word << 32;
    return st;
}

static void read_frame(mt_reader *r, jpeg_head *out)
{
    int64_t wide = 1, high = 1;
    mt_read_skip(r, 1);
    out->sides = r->position;
    mt_read_skip(r, 2);
    out->width = mt_read_u16(r);
    const int n = out->components = mt_read_u8(r);
    for (int i = 0; i < n; i++) {
        mt_read_skip(r, 1);
        uint8_t factors = mt_read_u8(r);
        mt_read_skip(r, 1);
        wide = mt_max_i64(wide, factors >> 4);
        high = mt_max_i64(high, factors & 15);
    }
    out->block_width = 8 * (n == 1 ? 1 : wide);
    out->block_height = 8 * (n == 1 ? 1 : high);
}

/* Whether bytes are the head of a sequential stream of one scan with restart intervals, and nothing else. */
static bool parse_head(jpeg_head *head)
{
    enum { START = 0xffd8, BASELINE = 0xffc0, EXTENDED = 0xffc1, SCAN = 0xffda, INTERVAL = 0xffdd };
    mt_reader r = mt_reader_over(head->bytes, head->size, true);
    bool good = mt_read_u16(&r) == START;
    while (good && !r.failed) {
        uint16_t marker = mt_read_u16(&r);
        size_t at = r.position, length = mt_read_u16(&r);
        if (marker == BASELINE || marker == EXTENDED)
            read_frame(&r, head);
        else if (marker == INTERVAL)
            head->interval = mt_read_u16(&r);
        else if (marker == SCAN)
            return at + length == head->size && head->interval > 0 && head->sides > 0 &&
                   mt_read_u8(&r) == head->components;
        good = marker >= 0xffc0 && length >= 2 && !r.failed;
        mt_read_seek(&r, at + length);
    }
    return false;
}

/* Reads the head of the only strip of a page. *found is false if there is none that is usable. */
static mt_status read_head(const tiff_file *file, const tiff_ifd *ifd, jpeg_head *out, bool *found, mt_error *err)
{
    uint64_t strip, size;
    out->interval = 0;
    out->sides = 0;
    *found = false;
    mt_status st = tiff_get_number(file, ifd, TAG_STRIP_OFFSETS, 0, &strip, err);
    if (st || (st = get_start(file, ifd, 0, &size, err)))
        return st;
    if (size > LONGEST_HEAD || strip > file->size || size > file->size - strip)
        return MT_OK;
    out->size = (size_t)size;
    st = mt_store_read_at(file->store, file->key, strip, out->bytes, out->size, err);
    *found = !st && parse_head(out);
    return st;
}

mt_status tiff_find_restarts(const tiff_file *file, const tiff_ifd *ifd, tiff_page *page, mt_error *err)
{
    const tiff_entry *starts = tiff_find(ifd, TAG_NDPI_STARTS);
    jpeg_head head;
    bool found;
    if (!file->ndpi || !starts || starts->count == 0 || page->compression != TIFF_JPEG || page->tiled || page->planar ||
        page->chunk_height != page->height)
        return MT_OK;
    mt_status st = read_head(file, ifd, &head, &found, err);
    if (st || !found)
        return st;
    int64_t columns = (page->width + head.block_width - 1) / head.block_width;
    int64_t rows = (page->height + head.block_height - 1) / head.block_height;
    int64_t own = (head.width + head.block_width - 1) / head.block_width;
    if ((page->width <= LONGEST_SIDE && own != columns) || columns % head.interval != 0 ||
        head.interval * head.block_width > LONGEST_SIDE || (uint64_t)(columns / head.interval * rows) != starts->count)
        return MT_OK;
    page->restarts = page->tiled = true;
    page->chunk_width = head.interval * head.block_width;
    page->chunk_height = head.block_height;
    page->tables_hash = mt_fnv_add(MT_FNV_START, head.bytes, head.size);
    return MT_OK;
}

mt_status tiff_read_restart_head(const tiff_file *file, const tiff_ifd *ifd, const tiff_page *page, mt_arena *arena,
                                 const uint8_t **out, size_t *size, mt_error *err)
{
    jpeg_head head;
    bool found;
    mt_status st = read_head(file, ifd, &head, &found, err);
    if (st || !found)
        return st ? st : mt_fail(err, MT_E_CORRUPT, "the head of the JPEG has changed");
    uint8_t *bytes = mt_arena_alloc(arena, head.size, 1, err);
    if (!bytes)
        return mt_arena_failed(err);
    memcpy(bytes, head.bytes, head.size);
    const int64_t sides[2] = { page->chunk_height, page->chunk_width };
    for (size_t i = 0; i < 4; i++)
        bytes[head.sides + i] = (uint8_t)(sides[i / 2] >> (i % 2 ? 0 : 8));
    *out = bytes;
    *size = head.size;
    return MT_OK;
}

mt_status tiff_read_restarts(const tiff_file *file, const tiff_ifd *ifd, uint64_t *table, size_t n, mt_error *err)
{
    const tiff_entry *starts = tiff_find(ifd, TAG_NDPI_STARTS), *high = tiff_find(ifd, TAG_STARTS_HIGH);
    uint64_t strip, size, *sizes = table + n;
    mt_status st = tiff_get_number(file, ifd, TAG_STRIP_OFFSETS, 0, &strip, err);
    if (st || (st = tiff_get_number(file, ifd, TAG_STRIP_COUNTS, 0, &size, err)) ||
        (st = tiff_get_numbers(file, starts, 0, n, table, err)) ||
        (high && (st = tiff_get_numbers(file, high, 0, n, sizes, err))))
        return st;
    for (size_t i = 0; high && i < n; i++)
        table[i] |= sizes[i] << 32;
    for (size_t i = 0; i < n; i++) {
        uint64_t end = i + 1 < n ? table[i + 1] : size;
        if (end <= table[i] || end > size)
            return mt_fail(err, MT_E_CORRUPT, "restart interval %zu has the bytes %llu to %llu of a strip of %llu", i,
                           (unsigned long long)table[i], (unsigned long long)end, (unsigned long long)size);
        sizes[i] = end - table[i];
        table[i] += strip;
    }
    return MT_OK;
}

mt_status tiff_check_stream(const tiff_file *file, const tiff_page *page, uint64_t decoded, mt_error *err)
{
    size_t limit = file->env->limits.max_chunk_bytes;
    if (!file->ndpi || page->compression != TIFF_JPEG || page->tiled)
        return MT_OK;
    if (decoded > limit)
        return mt_fail(
            err, MT_E_LIMIT,
            "the page is one JPEG of %lld x %lld pixels that cannot be decoded in parts, %llu bytes: more than "
            "max_chunk_bytes (%zu). Open a smaller level, such as level=2, or raise the limit",
            (long long)page->width, (long long)page->height, (unsigned long long)decoded, limit);
    if (page->width > LONGEST_SIDE || page->height > LONGEST_SIDE)
        return mt_fail(
            err, MT_E_UNSUPPORTED,
            "the page is one JPEG of %lld x %lld pixels that cannot be decoded in parts: more than %d along a "
            "side are not supported. Open a smaller level, such as level=2",
            (long long)page->width, (long long)page->height, LONGEST_SIDE);
    return MT_OK;
}
