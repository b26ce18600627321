/* SPDX-License-Identifier: BSD-3-Clause */
/* A block of N5: a header with the extent of the block, then its elements, encoded by another codec or raw. All numbers
 * are big-endian, the fastest dimension comes first. Source: N5, README, "file-system specification".
 *
 *     u16 mode            0 default, 1 varlength, 2 object
 *     u16 ndim            not in mode 2
 *     u32 extent[ndim]    not in mode 2
 *     u32 elements        not in mode 0
 *
 * Some writers cut blocks at the border of the array (n5-java, z5), others pad them (TensorStore, zarr-python): both are
 * valid. Decoded blocks always have the whole extent, and zeros where nothing is stored. */
#include "base/checked.h"
#include "base/reader.h"
#include "codec/codec.h"
#include "codec/params.h"

#include <string.h>

enum { DEFAULT, VARLENGTH, OBJECT };

typedef struct block {
    int64_t extent[MT_MAX_DIMS];
    bool is_whole;      /* has the whole extent */
    size_t elements;    /* bytes of all elements */
    const uint8_t *src; /* encoded elements */
    size_t size;        /* bytes of src */
} block;

static size_t count_rows(const mt_block_params *p, const int64_t *extent)
{
    size_t n = 1;
    for (int d = 1; d < p->ndim; d++)
        n *= (size_t)extent[d];
    return n;
}

static size_t count_bytes(const mt_block_params *p, const int64_t *extent)
{
    return count_rows(p, extent) * (size_t)extent[0] * p->element_size;
}

typedef union inner_params {
    mt_lzma_params xz;
    mt_picture_params picture;
} inner_params;

/* The parameters of the codec of the elements. A JPEG has the rows of all planes below one another (n5-jpeg). */
static const void *make_params(const mt_block_params *p, const int64_t *extent, inner_params *out)
{
    if (strcmp(p->codec->name, "lzma") == 0) {
        out->xz = (mt_lzma_params) { .format = 1 };
        return &out->xz;
    }
    if (strcmp(p->codec->name, "jpeg") != 0)
        return NULL;
    out->picture = (mt_picture_params) { .width = extent[0],
                                         .height = (int64_t)count_rows(p, extent),
                                         .samples = 1,
                                         .dtype = p->element_size == 1 ? MT_UINT8 : MT_UINT16 };
    return &out->picture;
}

static mt_status check(const void *params, mt_error *err)
{
    const mt_block_params *p = params;
    mt_chain chain = { 0 };
    inner_params storage;
    return p->codec ? mt_chain_add(&chain, p->codec, make_params(p, p->extent, &storage), err) : MT_OK;
}

static const mt_codec *inner(const void *params) { return ((const mt_block_params *)params)->codec; }

static mt_status read_extent(const mt_block_params *p, mt_reader *r, block *out, mt_error *err)
{
    out->is_whole = true;
    for (int d = 0; d < p->ndim; d++) {
        int64_t extent = out->extent[d] = mt_read_u32(r);
        if (!r->failed && (extent < p->least[d] || extent > p->extent[d]))
            return mt_fail(err, MT_E_CORRUPT,
                           "the block has %lld elements along dimension %d of 'dimensions', not %lld",
                           (long long)extent, d, (long long)p->least[d]);
        out->is_whole &= extent == p->extent[d];
    }
    out->elements = count_bytes(p, out->extent);
    return MT_OK;
}

static mt_status read_head(const mt_block_params *p, const uint8_t *src, size_t size, block *out, mt_error *err)
{
    mt_reader r = mt_reader_over(src, size, true);
    uint16_t mode = mt_read_u16(&r), ndim = mode == OBJECT ? 0 : mt_read_u16(&r);
    if (!r.failed && mode > VARLENGTH)
        return mt_fail(err, mode == OBJECT ? MT_E_UNSUPPORTED : MT_E_CORRUPT, "blocks of mode %u%s are not supported",
                       mode, mode == OBJECT ? " (object)" : "");
    if (!r.failed && ndim != p->ndim)
        return mt_fail(err, MT_E_CORRUPT, "the block has %u dimensions, not %d", ndim, p->ndim);
    mt_status st = read_extent(p, &r, out, err);
    if (st)
        return st;
    uint64_t n = out->elements / p->element_size, stored = mode == VARLENGTH ? mt_read_u32(&r) : n;
    if (r.failed)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes are too short for the header of a block", size);
    if (stored != n)
        return mt_fail(err, MT_E_UNSUPPORTED,
                       "the block stores %llu elements for %llu pixels: this is not supported for images",
                       (unsigned long long)stored, (unsigned long long)n);
    out->src = src + r.position;
    out->size = size - r.position;
    return MT_OK;
}

static mt_status decode_elements(const mt_block_params *p, const block *b, uint8_t *dst, mt_scratch *scratch,
                                 mt_error *err)
{
    inner_params storage;
    size_t written;
    mt_status st = p->codec->decode(make_params(p, b->extent, &storage), b->src, b->size, dst, b->elements, &written,
                                    scratch, err);
    if (!st && written != b->elements)
        st = mt_fail(err, MT_E_CORRUPT, "decodes to %zu bytes, the block needs %zu", written, b->elements);
    return st;
}

/* Puts the elements of a smaller block where they lie in a whole one. */
static void spread(const mt_block_params *p, const block *b, const uint8_t *src, uint8_t *dst)
{
    size_t row = (size_t)b->extent[0] * p->element_size;
    int64_t at[MT_MAX_DIMS] = { 0 };
    memset(dst, 0, count_bytes(p, p->extent));
    for (size_t n = count_rows(p, b->extent); n > 0; n--, src += row) {
        size_t offset = 0;
        for (int d = p->ndim - 1; d > 0; d--)
            offset = (offset + (size_t)at[d]) * (size_t)p->extent[d - 1];
        memcpy(dst + offset * p->element_size, src, row);
        for (int d = 1; d < p->ndim && ++at[d] == b->extent[d]; d++)
            at[d] = 0;
    }
}

static mt_status check_raw(const block *b, mt_error *err)
{
    return b->size == b->elements
               ? MT_OK
               : mt_fail(err, MT_E_CORRUPT, "the block has %zu bytes of elements, not %zu", b->size, b->elements);
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    const mt_block_params *p = params;
    block b = { .size = 0 };
    uint8_t *room = dst;
    if ((*written = count_bytes(p, p->extent)) > capacity)
        return mt_fail(err, MT_E_CORRUPT, "blocks of %zu bytes, more than %zu", *written, capacity);
    mt_status st = read_head(p, src, size, &b, err);
    if (!st && !p->codec)
        st = check_raw(&b, err);
    else if (!st && !b.is_whole)
        st = mt_scratch_buffer(scratch, 5, b.elements, &room, err);
    if (!st && p->codec)
        st = decode_elements(p, &b, room, scratch, err);
    if (st)
        return st;
    if (!b.is_whole)
        spread(p, &b, p->codec ? room : b.src, dst);
    else if (!p->codec)
        memcpy(dst, b.src, b.elements);
    return MT_OK;
}

static mt_status decode_part(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                             size_t from, size_t to, mt_scratch *scratch, mt_error *err)
{
    const mt_block_params *p = params;
    block b = { .size = 0 };
    size_t written;
    mt_status st = read_head(p, src, size, &b, err);
    if (st || !b.is_whole || b.elements != capacity || (p->codec && !p->codec->decode_part))
        return st ? st : decode(params, src, size, dst, capacity, &written, scratch, err);
    if (p->codec)
        return p->codec->decode_part(NULL, b.src, b.size, dst, capacity, from, to, scratch, err);
    if (!(st = check_raw(&b, err)))
        memcpy(dst + from, b.src + from, to - from);
    return st;
}

const mt_codec mt_codec_n5_block = {
    .name = "n5_block", .inner = inner, .check = check, .decode = decode, .decode_part = decode_part
};
