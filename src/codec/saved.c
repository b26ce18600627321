/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/saved.h"

#include "base/checked.h"
#include "codec/params.h"

#include <string.h>

/* The kind of parameters of a codec. */
typedef enum kind {
    NONE,
    ELEMENT,
    FILTER,
    CHECKSUM, /* optional */
    LZMA,     /* optional */
    ROW,
    PICTURE,
    SZIP,
    PACKED,
    SCALEOFFSET,
    SAMPLES,
    CONSTANT,
    BITSHUFFLE,
    BLOCK
} kind;

static kind kind_of(const mt_codec *codec)
{
    static const struct {
        const char *name;
        kind kind;
    } kinds[] = {
        { "shuffle", ELEMENT },  { "byteswap", ELEMENT },    { "delta", FILTER },
        { "astype", FILTER },    { "quantize", FILTER },     { "fixedscaleoffset", FILTER },
        { "scaled", FILTER },    { "crc32c", CHECKSUM },     { "crc32", CHECKSUM },
        { "adler32", CHECKSUM }, { "fletcher32", CHECKSUM }, { "lzma", LZMA },
        { "predictor2", ROW },   { "predictor3", ROW },      { "unpack_bits", ROW },
        { "float24", ROW },      { "jpeg", PICTURE },        { "jpeg2000", PICTURE },
        { "jpegxr", PICTURE },   { "webp", PICTURE },        { "lerc", PICTURE },
        { "szip", SZIP },        { "nbit", PACKED },         { "scaleoffset", SCALEOFFSET },
        { "bgr", SAMPLES },      { "constant", CONSTANT },   { "bitshuffle", BITSHUFFLE },
        { "n5_block", BLOCK },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, codec->name) == 0)
            return kinds[i].kind;
    return NONE;
}

static void write_type(const mt_stored_type *type, mt_buffer *out)
{
    mt_put_u8(out, (uint8_t)type->dtype);
    mt_put_u8(out, type->big_endian);
}

static void write_lzma(const mt_lzma_params *p, mt_buffer *out)
{
    mt_put_u8(out, (uint8_t)p->format);
    mt_put_u8(out, (uint8_t)p->n_filters);
    for (int i = 0; i < p->n_filters; i++) {
        mt_put_varint(out, p->filters[i].id);
        mt_put_varint(out, p->filters[i].dict_size);
        mt_put_varint(out, p->filters[i].lc);
        mt_put_varint(out, p->filters[i].lp);
        mt_put_varint(out, p->filters[i].pb);
        mt_put_varint(out, p->filters[i].distance);
    }
}

static void write_row(const mt_row_params *p, mt_buffer *out)
{
    mt_put_varint(out, (uint64_t)p->width);
    mt_put_varint(out, (uint64_t)p->samples);
    mt_put_u8(out, (uint8_t)p->bits);
    mt_put_u8(out, (uint8_t)(p->is_signed | p->big_endian << 1 | p->low_first << 2));
}

static void write_picture(const mt_picture_params *p, mt_buffer *out)
{
    mt_put_varint(out, (uint64_t)p->width);
    mt_put_varint(out, (uint64_t)p->height);
    mt_put_varint(out, (uint64_t)p->samples);
    mt_put_u8(out, (uint8_t)p->dtype);
    mt_put_u8(out, (uint8_t)(p->ycbcr | p->fits << 1 | p->headless << 2));
    mt_put_varint(out, p->tables ? p->tables_size : 0);
    mt_put_bytes(out, p->tables, p->tables ? p->tables_size : 0);
}

static void write_packed(const mt_packed_params *p, mt_buffer *out)
{
    mt_put_u8(out, (uint8_t)(p->raw | p->is_signed << 1 | p->big_endian << 2));
    mt_put_varint(out, p->count);
    mt_put_varint(out, p->element_size);
    mt_put_varint(out, p->bits);
}

static void write_scaleoffset(const mt_scaleoffset_params *p, mt_buffer *out)
{
    mt_put_u8(out, (uint8_t)(p->is_float | p->big_endian << 1 | p->has_fill << 2));
    mt_put_signed(out, p->decimals);
    mt_put_varint(out, p->count);
    mt_put_varint(out, p->element_size);
    mt_put_u64(out, p->fill);
}

static void write_block(const mt_block_params *p, mt_buffer *out)
{
    mt_put_u8(out, (uint8_t)p->ndim);
    mt_put_u8(out, (uint8_t)p->element_size);
    for (int d = 0; d < p->ndim; d++) {
        mt_put_varint(out, (uint64_t)p->extent[d]);
        mt_put_varint(out, (uint64_t)p->least[d]);
    }
    mt_put_text(out, p->codec ? p->codec->name : "");
}

static void write_params(kind k, const void *params, mt_buffer *out)
{
    switch (k) {
    case NONE: break;
    case ELEMENT: mt_put_varint(out, ((const mt_element_params *)params)->element_size); break;
    case FILTER: {
        const mt_filter_params *p = params;
        write_type(&p->dtype, out);
        write_type(&p->astype, out);
        mt_put_f64(out, p->offset);
        mt_put_f64(out, p->scale);
        break;
    }
    case CHECKSUM: mt_put_u8(out, ((const mt_checksum_params *)params)->at_start); break;
    case LZMA: write_lzma(params, out); break;
    case ROW: write_row(params, out); break;
    case PICTURE: write_picture(params, out); break;
    case SZIP: {
        const mt_szip_params *p = params;
        mt_put_u32(out, p->options);
        mt_put_u32(out, p->block_pixels);
        mt_put_u32(out, p->bits);
        mt_put_u32(out, p->line_pixels);
        break;
    }
    case PACKED: write_packed(params, out); break;
    case SCALEOFFSET: write_scaleoffset(params, out); break;
    case SAMPLES: {
        const mt_samples_params *p = params;
        mt_put_varint(out, p->element_size);
        mt_put_varint(out, p->samples);
        break;
    }
    case CONSTANT: {
        const mt_constant_params *p = params;
        mt_put_u8(out, (uint8_t)p->element_size);
        mt_put_bytes(out, p->element, sizeof p->element);
        break;
    }
    case BITSHUFFLE: {
        const mt_bitshuffle_params *p = params;
        mt_put_varint(out, p->element_size);
        mt_put_varint(out, p->block);
        mt_put_u8(out, (uint8_t)p->compressor);
        break;
    }
    case BLOCK: write_block(params, out); break;
    }
}

void mt_chain_write(const mt_chain *chain, mt_buffer *out)
{
    mt_put_u8(out, (uint8_t)chain->n_steps);
    for (int i = 0; i < chain->n_steps; i++) {
        const mt_step *step = &chain->steps[i];
        kind k = kind_of(step->codec);
        mt_put_text(out, step->codec->name);
        mt_put_u8(out, step->params && k != NONE);
        if (step->params && k != NONE)
            write_params(k, step->params, out);
    }
}

static bool read_type(mt_reader *r, mt_stored_type *out)
{
    out->dtype = (mt_dtype)mt_read_u8(r);
    out->big_endian = mt_read_u8(r) != 0;
    return mt_dtype_size(out->dtype) > 0;
}

/* Each reader returns whether the parameters are valid for the codec. */
static bool read_element(mt_reader *r, mt_element_params *p)
{
    p->element_size = (size_t)mt_read_varint(r);
    return p->element_size > 0;
}

static bool read_filter(mt_reader *r, mt_filter_params *p)
{
    bool good = read_type(r, &p->dtype);
    good &= read_type(r, &p->astype);
    p->offset = mt_read_f64(r);
    p->scale = mt_read_f64(r);
    return good;
}

static bool read_lzma(mt_reader *r, mt_lzma_params *p)
{
    p->format = mt_read_u8(r);
    p->n_filters = mt_read_u8(r);
    if (p->format > 3 || p->n_filters > MT_MAX_LZMA_FILTERS)
        return false;
    for (int i = 0; i < p->n_filters; i++) {
        p->filters[i].id = mt_read_varint(r);
        p->filters[i].dict_size = (uint32_t)mt_read_varint(r);
        p->filters[i].lc = (uint32_t)mt_read_varint(r);
        p->filters[i].lp = (uint32_t)mt_read_varint(r);
        p->filters[i].pb = (uint32_t)mt_read_varint(r);
        p->filters[i].distance = (uint32_t)mt_read_varint(r);
    }
    return true;
}

/* Whether all n sizes are at least 1 and their product fits a chunk. */
static bool fits_chunk(const int64_t *sizes, int n, const mt_env *env)
{
    int64_t product = 0;
    for (int i = 0; i < n; i++)
        if (sizes[i] < 1)
            return false;
    return !mt_product_i64(sizes, n, &product) && (uint64_t)product <= env->limits.max_chunk_bytes;
}

static bool read_row(mt_reader *r, const char *codec, const mt_env *env, mt_row_params *p)
{
    p->width = (int64_t)mt_read_varint(r);
    p->samples = (int64_t)mt_read_varint(r);
    p->bits = mt_read_u8(r);
    uint8_t flags = mt_read_u8(r);
    p->is_signed = flags & 1;
    p->big_endian = flags >> 1 & 1;
    p->low_first = flags >> 2 & 1;
    bool whole_bytes = strcmp(codec, "predictor3") == 0;
    return fits_chunk((int64_t[]) { p->width, p->samples }, 2, env) && p->bits >= 1 && p->bits <= 64 &&
           (!whole_bytes || p->bits % 8 == 0) && (!p->low_first || (p->bits <= 4 && 8 % p->bits == 0));
}

static bool read_picture(mt_reader *r, const mt_env *env, mt_picture_params *p, mt_arena *arena)
{
    p->width = (int64_t)mt_read_varint(r);
    p->height = (int64_t)mt_read_varint(r);
    p->samples = (int64_t)mt_read_varint(r);
    p->dtype = (mt_dtype)mt_read_u8(r);
    uint8_t flags = mt_read_u8(r);
    p->ycbcr = flags & 1;
    p->fits = flags >> 1 & 1;
    p->headless = flags >> 2 & 1;
    p->tables_size = (size_t)mt_read_varint(r);
    const uint8_t *tables = mt_read_bytes(r, p->tables_size);
    if (tables && p->tables_size > 0)
        p->tables = (const uint8_t *)mt_arena_strndup(arena, (const char *)tables, p->tables_size, NULL);
    return fits_chunk((int64_t[]) { p->width, p->height, p->samples }, 3, env) && mt_dtype_size(p->dtype) > 0 &&
           (p->tables || (p->tables_size == 0 && !p->headless));
}

static bool read_packed(mt_reader *r, mt_packed_params *p)
{
    uint8_t flags = mt_read_u8(r);
    p->raw = flags & 1;
    p->is_signed = flags >> 1 & 1;
    p->big_endian = flags >> 2 & 1;
    p->count = (size_t)mt_read_varint(r);
    p->element_size = (size_t)mt_read_varint(r);
    p->bits = (uint32_t)mt_read_varint(r);
    return p->raw || (p->element_size >= 1 && p->element_size <= 8 && p->bits >= 1 && p->bits <= 8 * p->element_size);
}

static bool read_scaleoffset(mt_reader *r, mt_scaleoffset_params *p)
{
    uint8_t flags = mt_read_u8(r);
    p->is_float = flags & 1;
    p->big_endian = flags >> 1 & 1;
    p->has_fill = flags >> 2 & 1;
    int64_t decimals = mt_read_signed(r);
    p->decimals = (int32_t)decimals;
    p->count = (size_t)mt_read_varint(r);
    p->element_size = (size_t)mt_read_varint(r);
    p->fill = mt_read_u64(r);
    size_t n = p->element_size;
    return p->decimals == decimals && decimals > INT32_MIN && (n == 1 || n == 2 || n == 4 || n == 8) &&
           (!p->is_float || n >= 4);
}

static bool read_samples(mt_reader *r, mt_samples_params *p)
{
    p->element_size = (size_t)mt_read_varint(r);
    p->samples = (size_t)mt_read_varint(r);
    return p->element_size >= 1 && p->element_size <= 8 && p->samples >= 3 && p->samples <= 1 << 20;
}

static bool read_constant(mt_reader *r, mt_constant_params *p)
{
    p->element_size = mt_read_u8(r);
    const uint8_t *element = mt_read_bytes(r, sizeof p->element);
    if (element)
        memcpy(p->element, element, sizeof p->element);
    return p->element_size >= 1 && p->element_size <= sizeof p->element;
}

static bool read_bitshuffle(mt_reader *r, mt_bitshuffle_params *p)
{
    p->element_size = (size_t)mt_read_varint(r);
    p->block = (size_t)mt_read_varint(r);
    uint8_t compressor = mt_read_u8(r);
    p->compressor = compressor;
    return p->element_size >= 1 && p->element_size <= 1024 && p->block % 8 == 0 && p->block <= 1u << 27 &&
           (compressor == MT_BLOCKS_RAW || compressor == MT_BLOCKS_LZ4 || compressor == MT_BLOCKS_ZSTD);
}

/* The name of a codec. NULL, and failed is set, if it is broken; else NULL if there is no such codec. */
static const mt_codec *read_codec(mt_reader *r, char *name, size_t room)
{
    size_t n = (size_t)mt_read_varint(r);
    const uint8_t *text = n < room ? mt_read_bytes(r, n) : NULL;
    if (!text) {
        r->failed = true;
        return NULL;
    }
    memcpy(name, text, n);
    name[n] = 0;
    return mt_codec_find(name);
}

/* Any codec that needs no parameters, or makes them from the block. */
static bool read_block(mt_reader *r, const mt_env *env, mt_block_params *p)
{
    char name[32] = "";
    p->ndim = mt_read_u8(r);
    p->element_size = mt_read_u8(r);
    if (p->ndim < 1 || p->ndim > MT_MAX_DIMS || p->element_size < 1 || p->element_size > 8)
        return false;
    for (int d = 0; d < p->ndim; d++) {
        p->extent[d] = (int64_t)mt_read_varint(r);
        p->least[d] = (int64_t)mt_read_varint(r);
        if (p->least[d] < 1 || p->least[d] > p->extent[d])
            return false;
    }
    p->codec = read_codec(r, name, sizeof name);
    bool is_jpeg = strcmp(name, "jpeg") == 0;
    bool is_plain = p->codec && (kind_of(p->codec) == NONE || strcmp(name, "lzma") == 0);
    return fits_chunk(p->extent, p->ndim, env) && (!*name || is_plain || (is_jpeg && p->element_size == 1));
}

typedef union any_params {
    mt_element_params element;
    mt_filter_params filter;
    mt_checksum_params checksum;
    mt_lzma_params lzma;
    mt_row_params row;
    mt_picture_params picture;
    mt_szip_params szip;
    mt_packed_params packed;
    mt_scaleoffset_params scaleoffset;
    mt_samples_params samples;
    mt_constant_params constant;
    mt_bitshuffle_params bitshuffle;
    mt_block_params block;
} any_params;

static bool read_params(mt_reader *r, const mt_codec *codec, mt_arena *arena, any_params *p)
{
    const mt_env *env = mt_arena_env(arena);
    switch (kind_of(codec)) {
    case NONE: return false;
    case ELEMENT: return read_element(r, &p->element);
    case FILTER: return read_filter(r, &p->filter);
    case CHECKSUM: p->checksum.at_start = mt_read_u8(r) != 0; return true;
    case LZMA: return read_lzma(r, &p->lzma);
    case ROW: return read_row(r, codec->name, env, &p->row);
    case PICTURE: return read_picture(r, env, &p->picture, arena);
    case SZIP:
        p->szip.options = mt_read_u32(r);
        p->szip.block_pixels = mt_read_u32(r);
        p->szip.bits = mt_read_u32(r);
        p->szip.line_pixels = mt_read_u32(r);
        return true; /* the codec checks them */
    case PACKED: return read_packed(r, &p->packed);
    case SCALEOFFSET: return read_scaleoffset(r, &p->scaleoffset);
    case SAMPLES: return read_samples(r, &p->samples);
    case CONSTANT: return read_constant(r, &p->constant);
    case BITSHUFFLE: return read_bitshuffle(r, &p->bitshuffle);
    case BLOCK: return read_block(r, env, &p->block);
    }
    return false;
}

static bool needs_params(const mt_codec *codec)
{
    kind k = kind_of(codec);
    return k != NONE && k != CHECKSUM && k != LZMA;
}

static mt_status read_step(mt_reader *r, mt_arena *arena, mt_chain *out, mt_error *err)
{
    char name[32];
    const mt_codec *codec = read_codec(r, name, sizeof name);
    if (r->failed)
        return mt_fail(err, MT_E_CORRUPT, "the name of a codec is broken");
    if (!codec)
        return mt_fail(err, MT_E_UNSUPPORTED, "unknown codec \"%s\"", name);
    any_params *params = NULL;
    bool given = mt_read_u8(r) != 0;
    if (given && !(params = mt_arena_alloc(arena, 1, sizeof *params, err)))
        return err && err->status ? err->status : MT_E_MEMORY;
    if (r->failed || (given ? !read_params(r, codec, arena, params) || r->failed : needs_params(codec)))
        return mt_fail(err, MT_E_CORRUPT, "the parameters of codec %s are broken", name);
    return mt_chain_add(out, codec, params, err);
}

mt_status mt_chain_read(mt_reader *r, mt_arena *arena, mt_chain *out, mt_error *err)
{
    mt_status st = MT_OK;
    out->n_steps = 0;
    int n = mt_read_u8(r);
    for (int i = 0; !st && i < n; i++)
        st = read_step(r, arena, out, err);
    return st;
}
