/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers and directories: TIFF 6.0 section 2 and the BigTIFF design. In NDPI, which is like TIFF, a link has eight
 * bytes; after it the high words of all values or offsets follow, so that files may have more than 4 GB. */
#include "base/checked.h"
#include "base/reader.h"
#include "format/tiff/tiff.h"

#include <string.h>

#define HEAD_BYTES 16
#define READ_AHEAD 1024 /* bytes; covers most directories in one read */

bool tiff_is_magic(const uint8_t *head, size_t size)
{
    if (size < 8 || (memcmp(head, "II", 2) != 0 && memcmp(head, "MM", 2) != 0))
        return false;
    mt_reader r = mt_reader_over(head, size, head[0] == 'M');
    mt_read_skip(&r, 2);
    uint16_t version = mt_read_u16(&r);
    return version == 42 || version == 43;
}

static size_t type_size(uint16_t type)
{
    static const uint8_t sizes[] = { 0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8 };
    return type < sizeof sizes ? sizes[type] : 0;
}

/* Reads up to size bytes from offset on. */
static mt_status read_some(const tiff_file *file, uint64_t offset, uint8_t *out, size_t *size, mt_error *err)
{
    if (offset >= file->size)
        return mt_fail(err, MT_E_CORRUPT, "a directory should be at byte %llu, but the file has only %llu bytes",
                       (unsigned long long)offset, (unsigned long long)file->size);
    if (*size > file->size - offset)
        *size = (size_t)(file->size - offset);
    return mt_store_read_at(file->store, file->key, offset, out, *size, err);
}

static void read_entry(const tiff_file *file, mt_reader *r, tiff_entry *e)
{
    e->tag = mt_read_u16(r);
    e->type = mt_read_u16(r);
    e->count = file->big ? mt_read_u64(r) : mt_read_u32(r);
    size_t room = file->big ? 8 : 4;
    uint64_t bytes;
    e->inside = !mt_mul_u64(e->count, type_size(e->type), &bytes) && bytes <= room;
    const uint8_t *value = mt_read_bytes(r, room);
    if (!value)
        return;
    memcpy(e->value, value, room);
    mt_reader place = mt_reader_over(value, room, file->big_endian);
    e->offset = file->big ? mt_read_u64(&place) : mt_read_u32(&place);
}

/* Reads bytes of the values of an entry. */
static mt_status read_values(const tiff_file *file, const tiff_entry *e, uint64_t from, void *out, size_t size,
                             mt_error *err)
{
    if (!e->inside)
        return mt_store_read_at(file->store, file->key, e->offset + from, out, size, err);
    memcpy(out, e->value + from, size);
    return MT_OK;
}

/* The raw bytes of a directory, and a reader at its first entry. */
typedef struct raw_ifd {
    uint8_t bytes[8 + TIFF_MAX_ENTRIES * 20 + 8];
    mt_reader reader;
    int n;
} raw_ifd;

/* **cut is set, besides the error, if the file ends before the end of the directory. */
static mt_status fetch_ifd(const tiff_file *file, uint64_t offset, raw_ifd *out, bool *cut, mt_error *err)
{
    *cut = offset >= file->size;
    size_t entry = file->big ? 20 : 12, head = file->big ? 8 : 2, tail = file->big || file->ndpi ? 8 : 4,
           size = READ_AHEAD;
    mt_status st = read_some(file, offset, out->bytes, &size, err);
    if (st)
        return st;
    out->reader = mt_reader_over(out->bytes, size, file->big_endian);
    uint64_t n = file->big ? mt_read_u64(&out->reader) : mt_read_u16(&out->reader);
    *cut = out->reader.failed;
    if (out->reader.failed || n > TIFF_MAX_ENTRIES)
        return mt_fail(err, MT_E_CORRUPT, "the directory at byte %llu has %llu entries", (unsigned long long)offset,
                       (unsigned long long)n);
    size_t needed = head + (size_t)n * (entry + (file->ndpi ? 4 : 0)) + tail;
    if (needed > size) {
        size = needed;
        if ((st = read_some(file, offset, out->bytes, &size, err)))
            return st;
        out->reader = mt_reader_over(out->bytes, size, file->big_endian);
        mt_read_skip(&out->reader, head);
    }
    out->n = (int)n;
    *cut = mt_read_left(&out->reader) < (file->ndpi ? needed - head : (size_t)n * entry);
    return *cut ? mt_fail(err, MT_E_CORRUPT, "the file ends inside the directory at byte %llu",
                          (unsigned long long)offset)
                : MT_OK;
}

/* The last directory may be truncated before this field. */
static uint64_t read_next(const tiff_file *file, mt_reader *r)
{
    uint64_t next = file->big || file->ndpi ? mt_read_u64(r) : mt_read_u32(r);
    return r->failed ? 0 : next;
}

static bool is_ndpi(const tiff_file *file, uint64_t offset)
{
    raw_ifd raw;
    bool cut, found = false;
    if (fetch_ifd(file, offset, &raw, &cut, NULL))
        return false;
    for (int i = 0; i < raw.n && !found; i++) {
        found = mt_read_u16(&raw.reader) == TAG_NDPI;
        mt_read_skip(&raw.reader, 10);
    }
    return found;
}

mt_status tiff_open_file(mt_env *env, mt_store *store, const char *key, tiff_file *out, mt_error *err)
{
    uint8_t head[HEAD_BYTES] = { 0 };
    *out = (tiff_file) { .env = env, .store = store, .key = key };
    mt_status st = mt_store_size(store, key, &out->size, err);
    size_t size = out->size < sizeof head ? (size_t)out->size : sizeof head;
    if (st || (st = mt_store_read_at(store, key, 0, head, size, err)))
        return st;
    if (!tiff_is_magic(head, size))
        return mt_fail(err, MT_E_CORRUPT, "the file does not start as a TIFF");
    mt_reader r = mt_reader_over(head, size, head[0] == 'M');
    out->big_endian = r.big_endian;
    mt_read_skip(&r, 2);
    out->big = mt_read_u16(&r) == 43;
    uint16_t offset_size = out->big ? mt_read_u16(&r) : 8, reserved = out->big ? mt_read_u16(&r) : 0;
    if (offset_size != 8 || reserved != 0)
        return mt_fail(err, MT_E_CORRUPT, "offsets of another size than 8 bytes");
    out->first = out->big ? mt_read_u64(&r) : mt_read_u32(&r);
    if (r.failed)
        return mt_fail(err, MT_E_CORRUPT, "the file ends inside its header");
    uint64_t wide = out->first | (uint64_t)mt_read_u32(&r) << 32;
    out->ndpi = !out->big && !out->big_endian && !r.failed && wide < out->size && is_ndpi(out, wide);
    out->first = out->ndpi ? wide : out->first;
    return MT_OK;
}

/* Adds the high words to offsets, and to unsigned values of 32 bits. */
static void widen_entries(mt_reader *r, tiff_ifd *ifd)
{
    enum { LONG = 4, IFD = 13, LONG8 = 16 };
    for (int i = 0; i < ifd->n; i++) {
        tiff_entry *e = &ifd->entries[i];
        uint32_t high = mt_read_u32(r);
        e->offset |= (uint64_t)high << 32;
        if (!e->inside || high == 0 || e->count != 1 || (e->type != LONG && e->type != IFD))
            continue;
        e->type = LONG8;
        for (int k = 0; k < 4; k++)
            e->value[4 + k] = (uint8_t)(high >> 8 * k);
    }
}

mt_status tiff_read_ifd(const tiff_file *file, uint64_t offset, tiff_ifd *out, mt_error *err)
{
    raw_ifd raw;
    bool cut;
    mt_status st = fetch_ifd(file, offset, &raw, &cut, err);
    if (st)
        return st;
    out->n = raw.n;
    for (int i = 0; i < out->n; i++)
        read_entry(file, &raw.reader, &out->entries[i]);
    if (file->ndpi) {
        read_next(file, &raw.reader);
        widen_entries(&raw.reader, out);
    }
    return MT_OK;
}

mt_status tiff_read_next(const tiff_file *file, uint64_t offset, uint64_t *next, bool *cut, mt_error *err)
{
    raw_ifd raw;
    bool is_cut;
    mt_error own = MT_ERROR_INIT;
    mt_status st = fetch_ifd(file, offset, &raw, &is_cut, &own);
    *next = 0;
    if (cut)
        *cut = st == MT_E_CORRUPT && is_cut;
    if (st)
        return cut && *cut ? MT_OK : mt_fail(err, st, "%s", own.message);
    mt_read_skip(&raw.reader, (size_t)raw.n * (file->big ? 20 : 12));
    *next = read_next(file, &raw.reader);
    return MT_OK;
}

const tiff_entry *tiff_find(const tiff_ifd *ifd, uint16_t tag)
{
    for (int i = 0; i < ifd->n; i++)
        if (ifd->entries[i].tag == tag)
            return &ifd->entries[i];
    return NULL;
}

const char *tiff_tag_name(uint16_t tag)
{
    static const struct {
        uint16_t tag;
        const char *name;
    } names[] = { { TAG_SUBFILE_TYPE, "NewSubfileType" },
                  { TAG_WIDTH, "ImageWidth" },
                  { TAG_HEIGHT, "ImageLength" },
                  { TAG_BITS, "BitsPerSample" },
                  { TAG_COMPRESSION, "Compression" },
                  { TAG_PHOTOMETRIC, "PhotometricInterpretation" },
                  { TAG_FILL_ORDER, "FillOrder" },
                  { TAG_DESCRIPTION, "ImageDescription" },
                  { TAG_STRIP_OFFSETS, "StripOffsets" },
                  { TAG_SAMPLES, "SamplesPerPixel" },
                  { TAG_ROWS_PER_STRIP, "RowsPerStrip" },
                  { TAG_STRIP_COUNTS, "StripByteCounts" },
                  { TAG_PLANAR, "PlanarConfiguration" },
                  { TAG_PREDICTOR, "Predictor" },
                  { TAG_TILE_WIDTH, "TileWidth" },
                  { TAG_TILE_HEIGHT, "TileLength" },
                  { TAG_TILE_OFFSETS, "TileOffsets" },
                  { TAG_TILE_COUNTS, "TileByteCounts" },
                  { TAG_SUB_IFDS, "SubIFDs" },
                  { TAG_SAMPLE_FORMAT, "SampleFormat" },
                  { TAG_JPEG_TABLES, "JPEGTables" },
                  { TAG_SUBSAMPLING, "YCbCrSubSampling" },
                  { TAG_UIC2, "UIC2" },
                  { TAG_LSM_INFO, "CZ_LSMINFO" } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].tag == tag)
            return names[i].name;
    return "private";
}

static uint64_t read_number(mt_reader *r, size_t size)
{
    return size == 1 ? mt_read_u8(r) : size == 2 ? mt_read_u16(r) : size == 4 ? mt_read_u32(r) : mt_read_u64(r);
}

/* BYTE, SHORT, LONG, UNDEFINED, IFD, LONG8, IFD8: the types of sizes and offsets. */
static bool is_unsigned(uint16_t type)
{
    return type == 1 || type == 3 || type == 4 || type == 7 || type == 13 || type == 16 || type == 18;
}

mt_status tiff_get_numbers(const tiff_file *file, const tiff_entry *entry, uint64_t first, size_t n, uint64_t *out,
                           mt_error *err)
{
    size_t size = type_size(entry->type);
    if (!is_unsigned(entry->type) || first > entry->count || n > entry->count - first)
        return mt_fail(err, MT_E_CORRUPT, "tag %u (%s) has %llu values of type %u", entry->tag,
                       tiff_tag_name(entry->tag), (unsigned long long)entry->count, entry->type);
    uint8_t buffer[4096];
    while (n > 0) {
        size_t some = n < sizeof buffer / size ? n : sizeof buffer / size;
        mt_status st = read_values(file, entry, first * size, buffer, some * size, err);
        if (st) {
            mt_error_prefix(err, "tag %u (%s)", entry->tag, tiff_tag_name(entry->tag));
            return st;
        }
        mt_reader r = mt_reader_over(buffer, some * size, file->big_endian);
        for (size_t i = 0; i < some; i++)
            *out++ = read_number(&r, size);
        first += some;
        n -= some;
    }
    return MT_OK;
}

mt_status tiff_get_number(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, uint64_t missing, uint64_t *out,
                          mt_error *err)
{
    const tiff_entry *entry = tiff_find(ifd, tag);
    *out = missing;
    return entry ? tiff_get_numbers(file, entry, 0, 1, out, err) : MT_OK;
}

mt_status tiff_get_text(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, mt_arena *arena, char **out,
                        size_t *size, mt_error *err)
{
    const tiff_entry *entry = tiff_find(ifd, tag);
    uint64_t bytes = entry && type_size(entry->type) == 1 ? entry->count : 0;
    if (bytes > file->size)
        return mt_fail(err, MT_E_CORRUPT, "tag %u (%s) has %llu bytes, the file %llu", tag, tiff_tag_name(tag),
                       (unsigned long long)bytes, (unsigned long long)file->size);
    *size = (size_t)bytes;
    *out = mt_arena_alloc(arena, *size + 1, 1, err);
    if (!*out)
        return MT_E_MEMORY;
    return bytes ? read_values(file, entry, 0, *out, *size, err) : MT_OK;
}

mt_status tiff_get_start(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, char *out, size_t room,
                         mt_error *err)
{
    const tiff_entry *entry = tiff_find(ifd, tag);
    uint64_t bytes = entry && type_size(entry->type) == 1 ? entry->count : 0;
    size_t n = bytes < room - 1 ? (size_t)bytes : room - 1;
    if (n && !entry->inside && (entry->offset > file->size || n > file->size - entry->offset))
        n = 0;
    out[n] = 0;
    return n ? read_values(file, entry, 0, out, n, err) : MT_OK;
}

mt_status tiff_get_fraction(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, double *out, mt_error *err)
{
    const tiff_entry *entry = tiff_find(ifd, tag);
    uint8_t buffer[8];
    *out = 0;
    if (!entry || entry->type != 5 || entry->count == 0)
        return MT_OK;
    mt_status st = read_values(file, entry, 0, buffer, sizeof buffer, err);
    if (st)
        return st;
    mt_reader r = mt_reader_over(buffer, sizeof buffer, file->big_endian);
    double numerator = mt_read_u32(&r), denominator = mt_read_u32(&r);
    *out = denominator > 0 ? numerator / denominator : 0;
    return MT_OK;
}
