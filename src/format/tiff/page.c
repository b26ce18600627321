/* SPDX-License-Identifier: BSD-3-Clause */
/* From a directory to the description of its image. */
#include "base/checked.h"
#include "base/reader.h"
#include "format/tiff/tiff.h"

#include <string.h>

static mt_status find_dtype(tiff_page *page, uint64_t format, mt_error *err)
{
    static const mt_dtype unsigned_types[] = { MT_UINT8, MT_UINT16, MT_UINT32, MT_UINT64 };
    static const mt_dtype signed_types[] = { MT_INT8, MT_INT16, MT_INT32, MT_INT64 };
    int size = page->bits <= 8 ? 0 : page->bits <= 16 ? 1 : page->bits <= 32 ? 2 : 3;
    if (format == 5 || format == 6)
        return mt_fail(err, MT_E_UNSUPPORTED, "complex numbers are not supported");
    if (page->bits < 1 || page->bits > 64)
        return mt_fail(err, MT_E_UNSUPPORTED, "samples of %d bits are not supported", page->bits);
    if (format == 3) {
        page->dtype = page->bits == 16                       ? MT_FLOAT16
                      : page->bits == 24 || page->bits == 32 ? MT_FLOAT32
                      : page->bits == 64                     ? MT_FLOAT64
                                                             : 0;
        return page->dtype ? MT_OK : mt_fail(err, MT_E_UNSUPPORTED, "floats of %d bits are not supported", page->bits);
    }
    page->is_signed = format == 2;
    page->dtype = page->is_signed ? signed_types[size] : page->bits == 1 ? MT_BOOL : unsigned_types[size];
    return MT_OK;
}

/* Reads a tag with one value per sample: all must be equal. */
static mt_status get_equal(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, uint64_t missing, int64_t samples,
                           uint64_t *out, mt_error *err)
{
    enum { SOME = 512 };
    uint64_t values[SOME];
    const tiff_entry *entry = tiff_find(ifd, tag);
    mt_status st = tiff_get_number(file, ifd, tag, missing, out, err);
    int64_t n = entry && entry->count < (uint64_t)samples ? (int64_t)entry->count : samples;
    for (int64_t at = 0; !st && entry && at < n; at += SOME) {
        size_t some = (size_t)mt_min_i64(n - at, SOME);
        st = tiff_get_numbers(file, entry, (uint64_t)at, some, values, err);
        for (size_t i = 0; !st && i < some; i++)
            if (values[i] != *out)
                st = mt_fail(err, MT_E_UNSUPPORTED, "samples that differ in %s are not supported", tiff_tag_name(tag));
    }
    return st;
}

static mt_status get_size(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, uint64_t missing, int64_t *out,
                          mt_error *err)
{
    uint64_t value;
    mt_status st = tiff_get_number(file, ifd, tag, missing, &value, err);
    if (!st && (value == 0 || value > INT32_MAX))
        st = mt_fail(err, MT_E_CORRUPT, "tag %u (%s) is %llu", tag, tiff_tag_name(tag), (unsigned long long)value);
    *out = st ? 0 : (int64_t)value;
    return st;
}

static mt_status read_chunking(const tiff_file *file, const tiff_ifd *ifd, tiff_page *page, mt_error *err)
{
    page->tiled = tiff_find(ifd, TAG_TILE_WIDTH) != NULL;
    mt_status st;
    if (page->tiled) {
        st = get_size(file, ifd, TAG_TILE_WIDTH, 0, &page->chunk_width, err);
        return st ? st : get_size(file, ifd, TAG_TILE_HEIGHT, 0, &page->chunk_height, err);
    }
    uint64_t rows;
    page->chunk_width = page->width;
    if ((st = tiff_get_number(file, ifd, TAG_ROWS_PER_STRIP, UINT32_MAX, &rows, err)))
        return st;
    page->chunk_height = rows == 0 || rows > (uint64_t)page->height ? page->height : (int64_t)rows;
    return MT_OK;
}

static mt_status read_sizes(const tiff_file *file, const tiff_ifd *ifd, tiff_page *page, mt_error *err)
{
    mt_status st;
    if ((st = get_size(file, ifd, TAG_WIDTH, 0, &page->width, err)) ||
        (st = get_size(file, ifd, TAG_HEIGHT, 0, &page->height, err)) ||
        (st = get_size(file, ifd, TAG_SAMPLES, 1, &page->samples, err)))
        return st;
    if (page->samples > UINT16_MAX)
        return mt_fail(err, MT_E_CORRUPT, "%lld samples per pixel", (long long)page->samples);
    return read_chunking(file, ifd, page, err);
}

#define MAX_VALUES 65536 /* most values of a tag */

uint64_t tiff_count_values(const tiff_ifd *ifd)
{
    static const uint16_t tags[] = { TAG_BITS, TAG_SAMPLE_FORMAT, TAG_JPEG_TABLES };
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        const tiff_entry *entry = tiff_find(ifd, tags[i]);
        n += !entry ? 0 : entry->count < MAX_VALUES ? entry->count : MAX_VALUES;
    }
    return n;
}

/* FNV-1a of the JPEG tables: pages of one image share one chain of codecs, and so must have equal tables. */
static mt_status hash_tables(const tiff_file *file, const tiff_ifd *ifd, tiff_page *page, mt_error *err)
{
    const tiff_entry *entry = tiff_find(ifd, TAG_JPEG_TABLES);
    enum { SOME = 512 };
    uint64_t values[SOME], hash = 0xcbf29ce484222325U;
    if (page->compression != TIFF_JPEG || !entry)
        return MT_OK;
    for (uint64_t at = 0; at < entry->count && at < MAX_VALUES; at += SOME) {
        size_t n = entry->count - at < SOME ? (size_t)(entry->count - at) : SOME;
        mt_status st = tiff_get_numbers(file, entry, at, n, values, err);
        if (st)
            return st;
        for (size_t i = 0; i < n; i++)
            hash = (hash ^ values[i]) * 0x100000001b3U;
    }
    page->tables_hash = hash;
    return MT_OK;
}

/* YCbCr is subsampled by default (TIFF 6.0, section 21). JPEG streams declare it themselves. */
static mt_status read_subsampling(const tiff_file *file, const tiff_ifd *ifd, tiff_page *page, mt_error *err)
{
    const tiff_entry *entry = tiff_find(ifd, TAG_SUBSAMPLING);
    uint64_t by[2] = { 2, 2 };
    if (page->photometric != 6 || page->samples < 3 || page->compression == TIFF_JPEG)
        return MT_OK;
    mt_status st = entry ? tiff_get_numbers(file, entry, 0, 2, by, err) : MT_OK;
    page->subsampled = by[0] != 1 || by[1] != 1;
    return st;
}

mt_status tiff_read_page(const tiff_file *file, const tiff_ifd *ifd, tiff_page *page, mt_error *err)
{
    uint64_t bits, format, depth, compression, photometric, predictor, order, planar, subfile;
    memset(page, 0, sizeof *page);
    mt_status st = read_sizes(file, ifd, page, err);
    if (st || (st = get_equal(file, ifd, TAG_BITS, 1, page->samples, &bits, err)) ||
        (st = get_equal(file, ifd, TAG_SAMPLE_FORMAT, 1, page->samples, &format, err)) ||
        (st = tiff_get_number(file, ifd, TAG_IMAGE_DEPTH, 1, &depth, err)) ||
        (st = tiff_get_number(file, ifd, TAG_COMPRESSION, 1, &compression, err)) ||
        (st = tiff_get_number(file, ifd, TAG_PHOTOMETRIC, 1, &photometric, err)) ||
        (st = tiff_get_number(file, ifd, TAG_PREDICTOR, 1, &predictor, err)) ||
        (st = tiff_get_number(file, ifd, TAG_FILL_ORDER, 1, &order, err)) ||
        (st = tiff_get_number(file, ifd, TAG_PLANAR, 1, &planar, err)) ||
        (st = tiff_get_number(file, ifd, TAG_SUBFILE_TYPE, 0, &subfile, err)))
        return st;
    if (depth > 1)
        return mt_fail(err, MT_E_UNSUPPORTED, "ImageDepth of %llu is not supported", (unsigned long long)depth);
    page->bits = bits > 1024 ? 1024 : (int)bits;
    page->compression = (int)(compression & 0xffff);
    page->photometric = (int)(photometric & 0xffff);
    page->predictor = (int)(predictor & 0xffff);
    page->fill_order = (int)(order & 0xffff);
    page->planar = planar == 2 && page->samples > 1;
    page->reduced = subfile & 1;
    page->big_endian = file->big_endian;
    if ((st = hash_tables(file, ifd, page, err)) || (st = read_subsampling(file, ifd, page, err)) ||
        (st = find_dtype(page, format, err)))
        return st;
    return tiff_find_restarts(file, ifd, page, err);
}

bool tiff_same_page(const tiff_page *a, const tiff_page *b)
{
    return a->width == b->width && a->height == b->height && a->samples == b->samples && a->bits == b->bits &&
           a->chunk_width == b->chunk_width && a->chunk_height == b->chunk_height && a->compression == b->compression &&
           a->photometric == b->photometric && a->predictor == b->predictor && a->fill_order == b->fill_order &&
           a->planar == b->planar && a->tiled == b->tiled && a->dtype == b->dtype && a->reduced == b->reduced &&
           a->subsampled == b->subsampled && a->restarts == b->restarts && a->big_endian == b->big_endian &&
           a->tables_hash == b->tables_hash;
}

bool tiff_alike(const tiff_page *a, const tiff_page *b)
{
    return a->width == b->width && a->height == b->height && a->samples == b->samples && a->bits == b->bits &&
           a->photometric == b->photometric && a->planar == b->planar && a->dtype == b->dtype &&
           a->reduced == b->reduced && !a->subsampled && !b->subsampled && a->big_endian == b->big_endian;
}

bool tiff_is_raw(const tiff_page *page)
{
    return page->compression == 1 && page->predictor <= 1 && page->bits == (int)mt_dtype_size(page->dtype) * 8 &&
           page->fill_order <= 1 && !page->subsampled;
}

static int64_t chunks_along(int64_t size, int64_t chunk) { return size / chunk + (size % chunk != 0); }

int64_t tiff_page_chunks(const tiff_page *page)
{
    int64_t n = chunks_along(page->width, page->chunk_width) * chunks_along(page->height, page->chunk_height);
    return mt_mul_i64(n, page->planar ? page->samples : 1, &n) ? INT64_MAX : n;
}

/* Compression codes and their codecs; codes without a codec are refused by name. */
static const struct {
    int code;
    const char *codec, *title;
} compressions[] = {
    { 1, "", "none" },
    { 2, NULL, "CCITT" },
    { 3, NULL, "CCITT T.4" },
    { 4, NULL, "CCITT T.6" },
    { 5, "lzw", "LZW" },
    { 6, NULL, "old-style JPEG" },
    { TIFF_JPEG, "jpeg", "JPEG" },
    { 8, "zlib", "deflate" },
    { 32773, "tiff_packbits", "PackBits" },
    { 32946, "zlib", "deflate" },
    { 22610, "jpegxr", "JPEG XR" },
    { 33003, "jpeg2000", "JPEG 2000" },
    { 33004, "jpeg2000", "JPEG 2000" },
    { 33005, "jpeg2000", "JPEG 2000" },
    { 34676, NULL, "SGILog" },
    { 34677, NULL, "SGILog24" },
    { 34712, "jpeg2000", "JPEG 2000" },
    { 34887, "lerc", "LERC" },
    { 34892, NULL, "lossy JPEG of DNG" },
    { 34925, "lzma", "LZMA" },
    { 34933, NULL, "PNG" },
    { 34934, "jpegxr", "JPEG XR" },
    { 50000, "zstd", "Zstandard" },
    { 50001, "webp", "WebP" },
    { 50002, NULL, "JPEG XL" },
    { 52546, NULL, "JPEG XL" },
};

static mt_status find_codec(int compression, const mt_codec **out, mt_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < sizeof compressions / sizeof *compressions; i++) {
        if (compressions[i].code != compression)
            continue;
        const char *name = compressions[i].codec;
        if (name && !*name)
            return MT_OK;
        *out = name ? mt_codec_find(name) : NULL;
        return *out ? MT_OK
                    : mt_fail(err, MT_E_UNSUPPORTED, "compression %d (%s) is not supported", compression,
                              compressions[i].title);
    }
    return mt_fail(err, MT_E_UNSUPPORTED, "compression %d is not supported", compression);
}

bool tiff_can_decode(const tiff_page *page)
{
    const mt_codec *codec;
    return !find_codec(page->compression, &codec, NULL) && (!codec || codec->decode) && page->predictor <= 3;
}

static mt_row_params *new_row_params(mt_chunk_map *map, const tiff_page *page, mt_error *err)
{
    mt_row_params *p = mt_arena_alloc(map->arena, 1, sizeof *p, err);
    if (p)
        *p = (mt_row_params) { .width = page->chunk_width,
                               .samples = page->planar ? 1 : page->samples,
                               .bits = page->bits,
                               .is_signed = page->is_signed };
    return p;
}

static mt_status add_rows(mt_chunk_map *map, const tiff_page *page, const char *codec, bool big_endian, mt_error *err)
{
    mt_row_params *p = new_row_params(map, page, err);
    if (!p)
        return MT_E_MEMORY;
    p->big_endian = big_endian;
    return mt_chain_add(&map->chain, mt_codec_find(codec), p, err);
}

static mt_status add_predictor(mt_chunk_map *map, const tiff_file *file, const tiff_page *page, bool packed,
                               mt_error *err)
{
    if (page->predictor <= 1)
        return MT_OK;
    if (page->predictor > 3)
        return mt_fail(err, MT_E_UNSUPPORTED, "predictor %d is not supported", page->predictor);
    bool is_float = page->dtype >= MT_FLOAT16;
    if (page->predictor == 3 && !is_float)
        return mt_fail(err, MT_E_CORRUPT, "the floating-point predictor for %s", mt_dtype_name(page->dtype));
    bool host = mt_host_big_endian();
    map->swap = false; /* predictors produce native byte order */
    return add_rows(map, page, page->predictor == 2 ? "predictor2" : "predictor3", packed ? host : file->big_endian,
                    err);
}

static mt_status picture_params(mt_chunk_map *map, const tiff_file *file, const tiff_ifd *ifd, const tiff_page *page,
                                const void **out, mt_error *err)
{
    mt_picture_params *p = mt_arena_alloc(map->arena, 1, sizeof *p, err);
    char *tables;
    if (!p)
        return MT_E_MEMORY;
    *p = (mt_picture_params) { .width = page->chunk_width,
                               .height = page->chunk_height,
                               .samples = page->planar ? 1 : page->samples,
                               .dtype = page->dtype,
                               .ycbcr = page->compression == 33003 || page->photometric == 6 };
    *out = p;
    map->swap = false; /* decoded to native byte order */
    p->headless = page->restarts;
    if (p->headless)
        return tiff_read_restart_head(file, ifd, page, map->arena, &p->tables, &p->tables_size, err);
    mt_status st = tiff_get_text(file, ifd, TAG_JPEG_TABLES, map->arena, &tables, &p->tables_size, err);
    p->tables = p->tables_size ? (const uint8_t *)tables : NULL;
    return st;
}

/* LercParameters: a version, and the compression of the blob: 0 none, 1 deflate, 2 Zstandard. */
static mt_status add_around_lerc(mt_chunk_map *map, const tiff_file *file, const tiff_ifd *ifd, mt_error *err)
{
    static const char *const codecs[] = { NULL, "zlib", "zstd" };
    const tiff_entry *entry = tiff_find(ifd, TAG_LERC_PARAMETERS);
    uint64_t values[2] = { 0 };
    mt_status st = entry ? tiff_get_numbers(file, entry, 0, 2, values, err) : MT_OK;
    if (st || values[1] == 0)
        return st;
    if (values[1] > 2)
        return mt_fail(err, MT_E_UNSUPPORTED, "LERC with additional compression %llu is not supported",
                       (unsigned long long)values[1]);
    return mt_chain_add(&map->chain, mt_codec_find(codecs[values[1]]), NULL, err);
}

static bool is_picture(const mt_codec *codec)
{
    static const char *const pictures[] = { "jpeg", "jpeg2000", "jpegxr", "webp", "lerc" };
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        if (strcmp(codec->name, pictures[i]) == 0)
            return true;
    return false;
}

/* Picture codecs decode whole pixels: there is nothing to unpack and no predictor. */
static mt_status add_picture(mt_chunk_map *map, const tiff_file *file, const tiff_ifd *ifd, const tiff_page *page,
                             const mt_codec *codec, mt_error *err)
{
    const void *params = NULL;
    mt_status st = picture_params(map, file, ifd, page, &params, err);
    if (st || (st = mt_chain_add(&map->chain, codec, params, err)))
        return st;
    return strcmp(codec->name, "lerc") == 0 ? add_around_lerc(map, file, ifd, err) : MT_OK;
}

mt_status tiff_set_chain(mt_chunk_map *map, const tiff_file *file, const tiff_ifd *ifd, const tiff_page *page,
                         mt_error *err)
{
    const mt_codec *codec;
    map->chain.n_steps = 0;
    mt_status st = find_codec(page->compression, &codec, err);
    if (st || (codec && is_picture(codec)))
        return st ? st : add_picture(map, file, ifd, page, codec, err);
    if (page->subsampled)
        return mt_fail(err, MT_E_UNSUPPORTED, "subsampled YCbCr (tag %u) is only supported in JPEG", TAG_SUBSAMPLING);
    bool packed = page->bits != (int)mt_dtype_size(page->dtype) * 8;
    map->swap = !packed && page->bits > 8 && file->big_endian != mt_host_big_endian();
    bool float24 = packed && page->dtype == MT_FLOAT32;
    if (float24 && page->predictor == 2)
        return mt_fail(err, MT_E_UNSUPPORTED, "predictor 2 for 24-bit floats is not supported");
    if (float24) /* the predictor produces native byte order */
        st = add_rows(map, page, "float24", page->predictor == 3 ? mt_host_big_endian() : file->big_endian, err);
    if (!st)
        st = add_predictor(map, file, page, packed, err);
    if (!st && packed && !float24)
        st = add_rows(map, page, "unpack_bits", file->big_endian, err);
    if (!st && codec)
        st = mt_chain_add(&map->chain, codec, NULL, err);
    if (!st && page->fill_order == 2)
        st = mt_chain_add(&map->chain, mt_codec_find("reverse_bits"), NULL, err);
    return st;
}
