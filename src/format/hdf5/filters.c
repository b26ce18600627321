/* SPDX-License-Identifier: BSD-3-Clause */
/* Filters: their registered numbers and the codecs that decode them. */
#include "format/hdf5/hdf5.h"

#include "codec/params.h"

static const struct {
    int id;
    const char *name;
    const char *codec; /* NULL: not supported */
} table[] = {
    { 1, "deflate", "zlib" },    { 2, "shuffle", "shuffle" },    { 3, "fletcher32", "fletcher32" },
    { 4, "szip", "szip" },       { 5, "nbit", "nbit" },          { 6, "scaleoffset", "scaleoffset" },
    { 305, "LZO", NULL },        { 307, "bzip2", "bz2" },        { 32000, "LZF", "lzf" },
    { 32001, "blosc", "blosc" }, { 32004, "LZ4", "lz4_blocks" }, { 32008, "bitshuffle", "bitshuffle" },
    { 32012, "JPEG-LS", NULL },  { 32013, "zfp", NULL },         { 32015, "zstd", "zstd" },
    { 32016, "B3D", NULL },      { 32017, "SZ", NULL },          { 32018, "FCIDECOMP", NULL },
    { 32019, "JPEG", "jpeg" },   { 32024, "SZ3", NULL },         { 32026, "blosc2", NULL },
    { 32028, "SPERR", NULL },
};

static uint32_t value(const h5_filter *f, int i) { return i < f->n_values ? f->values[i] : 0; }

static mt_status make_shuffle(mt_arena *arena, const h5_filter *f, const void **out, mt_error *err)
{
    mt_element_params *p = mt_arena_alloc(arena, 1, sizeof *p, err);
    if (!p)
        return MT_E_MEMORY;
    p->element_size = value(f, 0);
    *out = p;
    return p->element_size ? MT_OK : mt_fail(err, MT_E_CORRUPT, "shuffle has no element size");
}

static mt_status make_szip(mt_arena *arena, const h5_filter *f, const void **out, mt_error *err)
{
    mt_szip_params *p = mt_arena_alloc(arena, 1, sizeof *p, err);
    if (!p)
        return MT_E_MEMORY;
    *p = (mt_szip_params) {
        .options = value(f, 0), .block_pixels = value(f, 1), .bits = value(f, 2), .line_pixels = value(f, 3)
    };
    *out = p;
    return f->n_values >= 4 ? MT_OK : mt_fail(err, MT_E_CORRUPT, "szip has %d parameters", f->n_values);
}

/* H5Znbit.c: number of parameters, a no-op flag, number of elements, and for an atomic type (1) its size, byte order,
 * precision and offset in bits, as in the type of the dataset. */
static mt_status make_nbit(mt_arena *arena, const h5_type *type, const h5_filter *f, const void **out, mt_error *err)
{
    mt_packed_params *p = mt_arena_alloc(arena, 1, sizeof *p, err);
    if (!p)
        return MT_E_MEMORY;
    *out = p;
    p->raw = value(f, 1) != 0;
    p->is_signed = type->is_signed;
    p->count = value(f, 2);
    p->element_size = p->raw ? type->size : value(f, 4);
    p->big_endian = value(f, 5) != 0;
    p->bits = p->raw ? 8 * type->size : value(f, 6);
    if (value(f, 0) != (uint32_t)f->n_values)
        return mt_fail(err, MT_E_CORRUPT, "nbit has %d parameters, not %u", f->n_values, value(f, 0));
    if (!p->raw && (f->n_values < 8 || value(f, 3) != 1 || value(f, 7) != 0))
        return mt_fail(err, MT_E_UNSUPPORTED, "nbit of other types than numbers in low bits is not supported");
    if (!p->raw && type->size > 1 && value(f, 5) != type->big_endian)
        return mt_fail(err, MT_E_CORRUPT, "nbit of byte order %u, of a type of byte order %d", value(f, 5),
                       type->big_endian);
    uint32_t bits = type->bits ? type->bits : 8 * type->size;
    if (p->element_size != type->size || p->bits != bits)
        return mt_fail(err, MT_E_CORRUPT, "nbit of %u bits in %zu bytes, of a type of %u bits in %u", p->bits,
                       p->element_size, bits, type->size);
    return MT_OK;
}

/* H5Zscaleoffset.c: kind of scaling, its factor, number of elements, class, size, sign and byte order of the type, a
 * flag and the fill value. */
static mt_status make_scaleoffset(mt_arena *arena, const h5_filter *f, const void **out, mt_error *err)
{
    mt_scaleoffset_params *p = mt_arena_alloc(arena, 1, sizeof *p, err);
    if (!p)
        return MT_E_MEMORY;
    *out = p;
    p->is_float = value(f, 3) == 1;
    p->decimals = (int32_t)value(f, 1);
    p->count = value(f, 2);
    p->element_size = value(f, 4);
    p->big_endian = value(f, 6) == 1;
    p->has_fill = value(f, 7) == 1;
    p->fill = value(f, 8) | (uint64_t)value(f, 9) << 32;
    size_t n = p->element_size;
    if (f->n_values < 8 || value(f, 3) > 1 || !(n == 1 || n == 2 || n == 4 || n == 8) || (p->is_float && n < 4))
        return mt_fail(err, MT_E_UNSUPPORTED, "scaleoffset of class %u with elements of %zu bytes is not supported",
                       value(f, 3), n);
    if (p->is_float && value(f, 0) != 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "scaleoffset of type %u is not supported", value(f, 0));
    return MT_OK;
}

/* bitshuffle, bshuf_h5filter.c: version, version, element size, block (in elements; 0: the default), compressor. */
static mt_status make_bitshuffle(mt_arena *arena, const h5_filter *f, const void **out, mt_error *err)
{
    mt_bitshuffle_params *p = mt_arena_alloc(arena, 1, sizeof *p, err);
    if (!p)
        return MT_E_MEMORY;
    *out = p;
    p->element_size = value(f, 2);
    p->block = value(f, 3);
    p->compressor = value(f, 4);
    if (p->element_size == 0 || p->element_size > 1024 || p->block % 8 != 0 || p->block > (1u << 27))
        return mt_fail(err, MT_E_CORRUPT, "bitshuffle of elements of %zu bytes in blocks of %zu", p->element_size,
                       p->block);
    if (p->compressor != MT_BLOCKS_RAW && p->compressor != MT_BLOCKS_LZ4 && p->compressor != MT_BLOCKS_ZSTD)
        return mt_fail(err, MT_E_UNSUPPORTED, "bitshuffle with compressor %u is not supported", value(f, 4));
    return MT_OK;
}

/* jpegHDF5, jpeg_h5filter.h: quality, columns, rows, a flag for RGB. */
static mt_status make_jpeg(mt_arena *arena, const h5_type *type, const h5_filter *f, const void **out, mt_error *err)
{
    mt_picture_params *p = mt_arena_alloc(arena, 1, sizeof *p, err);
    if (!p)
        return MT_E_MEMORY;
    *out = p;
    *p = (mt_picture_params) { .width = value(f, 1), .height = value(f, 2), .samples = 1, .dtype = MT_UINT8 };
    if (value(f, 3) == 1) {
        p->samples = 3;
        p->ycbcr = true;
    }
    return type->size == 1
               ? MT_OK
               : mt_fail(err, MT_E_UNSUPPORTED, "JPEG of %u bytes per element is not supported", type->size);
}

static mt_status make_params(mt_arena *arena, const h5_type *type, const h5_filter *f, const void **out, mt_error *err)
{
    *out = NULL;
    switch (f->id) {
    case 2: return make_shuffle(arena, f, out, err);
    case 4: return make_szip(arena, f, out, err);
    case 5: return make_nbit(arena, type, f, out, err);
    case 6: return make_scaleoffset(arena, f, out, err);
    case 32019: return make_jpeg(arena, type, f, out, err);
    case 32008: return make_bitshuffle(arena, f, out, err);
    default: return MT_OK;
    }
}

mt_status h5_make_chain(mt_arena *arena, const h5_dataset *dataset, mt_chain *out, mt_error *err)
{
    for (int i = 0; i < dataset->n_filters; i++) {
        const h5_filter *f = &dataset->filters[i];
        size_t k = 0;
        while (k < sizeof table / sizeof *table && table[k].id != f->id)
            k++;
        if (k == sizeof table / sizeof *table)
            return mt_fail(err, MT_E_UNSUPPORTED, "filter %d is not known", f->id);
        if (!table[k].codec)
            return mt_fail(err, MT_E_UNSUPPORTED, "filter %d (%s) is not supported", f->id, table[k].name);
        const void *params;
        mt_status st = make_params(arena, &dataset->type, f, &params, err);
        if (st || (st = mt_chain_add(out, mt_codec_find(table[k].codec), params, err)))
            return st;
    }
    return MT_OK;
}
