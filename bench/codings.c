/* SPDX-License-Identifier: BSD-3-Clause */
/* Encoders for the benchmark files, and bare decoders for the limits. */
#include "bench.h"

#include "codec/codec.h"
#include "codec/params.h"

#include <stdlib.h>
#include <string.h>

#include <blosc.h>
#include <jpeglib.h>
#include <libdeflate.h>
#include <zstd.h>

static uint8_t *buffer;
static size_t room;

/* TIFF's LZW: codes of 9 to 12 bits, most significant bit first; the table is cleared when full. */
typedef struct lzw_writer {
    uint8_t *out;
    uint32_t bits;
    int n_bits;
} lzw_writer;

static void put_code(lzw_writer *w, unsigned code, int width)
{
    w->bits = w->bits << width | code;
    for (w->n_bits += width; w->n_bits >= 8; w->n_bits -= 8)
        *w->out++ = (uint8_t)(w->bits >> (w->n_bits - 8));
}

static size_t encode_lzw(const uint8_t *in, size_t size, uint8_t *out)
{
    static uint16_t next[4096][256]; /* 0: no such string */
    lzw_writer w = { .out = out };
    unsigned free_code = 258, prefix = in[0];
    int width = 9;
    memset(next, 0, sizeof next);
    put_code(&w, 256, 9);
    for (size_t i = 1; i < size; i++) {
        if (next[prefix][in[i]]) {
            prefix = next[prefix][in[i]];
            continue;
        }
        put_code(&w, prefix, width);
        next[prefix][in[i]] = (uint16_t)free_code++;
        prefix = in[i];
        if (free_code == 512 || free_code == 1024 || free_code == 2048)
            width++;
        if (free_code == 4094) {
            put_code(&w, 256, 12);
            memset(next, 0, sizeof next);
            free_code = 258;
            width = 9;
        }
    }
    put_code(&w, prefix, width);
    free_code++;
    put_code(&w, 257, free_code == 512 || free_code == 1024 || free_code == 2048 ? width + 1 : width);
    put_code(&w, 0, 7);
    return (size_t)(w.out - out);
}

static size_t encode_jpeg(const uint8_t *in, size_t size, uint8_t *out)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    unsigned long n = room;
    uint8_t *to = out;
    jpeg_mem_dest(&c, &to, &n);
    c.image_width = TILE;
    c.image_height = (JDIMENSION)(size / TILE);
    c.input_components = 1;
    c.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 90, TRUE);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        JSAMPROW row = (JSAMPROW)(in + (size_t)c.next_scanline * TILE);
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return n;
}

const uint8_t *encode(coding how, const void *raw, size_t size, size_t *encoded_size)
{
    static struct libdeflate_compressor *deflate;
    if (room < 2 * size + 65536) {
        room = 2 * size + 65536;
        buffer = realloc(buffer, room);
    }
    switch (how) {
    case ZLIB:
        deflate = deflate ? deflate : libdeflate_alloc_compressor(1);
        *encoded_size = libdeflate_zlib_compress(deflate, raw, size, buffer, room);
        break;
    case ZSTD: *encoded_size = ZSTD_compress(buffer, room, raw, size, 3); break;
    case BLOSC:
        *encoded_size =
            (size_t)blosc_compress_ctx(5, BLOSC_SHUFFLE, 2, size, raw, buffer, room, BLOSC_LZ4_COMPNAME, 0, 1);
        break;
    case LZW: *encoded_size = encode_lzw(raw, size, buffer); break;
    case JPEG: *encoded_size = encode_jpeg(raw, size, buffer); break;
    default: memcpy(buffer, raw, *encoded_size = size);
    }
    return buffer;
}

static void decode_jpeg(const uint8_t *encoded, size_t encoded_size, uint8_t *raw)
{
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr errors;
    d.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, encoded, encoded_size);
    jpeg_read_header(&d, TRUE);
    jpeg_start_decompress(&d);
    while (d.output_scanline < d.output_height) {
        JSAMPROW row = raw + (size_t)d.output_scanline * TILE;
        jpeg_read_scanlines(&d, &row, 1);
    }
    jpeg_finish_decompress(&d);
    jpeg_destroy_decompress(&d);
}

/* No linked library decodes LZW and JPEG XR: the limit is our own decoder alone. */
static void decode_ours(const char *codec, const void *params, const uint8_t *encoded, size_t encoded_size, void *raw,
                        size_t size)
{
    static mt_env env;
    static mt_scratch *scratch;
    mt_error err = MT_ERROR_INIT;
    size_t written;
    if (!scratch) {
        mt_env_init(&env, NULL, NULL);
        need(mt_scratch_new(&env, &scratch, &err), &err);
    }
    need(mt_codec_find(codec)->decode(params, encoded, encoded_size, raw, size, &written, scratch, &err), &err);
}

void decode(coding how, const uint8_t *encoded, size_t encoded_size, void *raw, size_t size)
{
    static struct libdeflate_decompressor *inflate;
    static ZSTD_DCtx *zstd;
    static const mt_picture_params tile = { .width = TILE, .height = TILE, .samples = 1, .dtype = MT_UINT16 };
    switch (how) {
    case ZLIB:
        inflate = inflate ? inflate : libdeflate_alloc_decompressor();
        libdeflate_zlib_decompress(inflate, encoded, encoded_size, raw, size, NULL);
        break;
    case ZSTD:
        zstd = zstd ? zstd : ZSTD_createDCtx();
        ZSTD_decompressDCtx(zstd, raw, size, encoded, encoded_size);
        break;
    case BLOSC: blosc_decompress_ctx(encoded, raw, size, 1); break;
    case LZW: decode_ours("lzw", NULL, encoded, encoded_size, raw, size); break;
    case JPEGXR: decode_ours("jpegxr", &tile, encoded, encoded_size, raw, size); break;
    case JPEG: decode_jpeg(encoded, encoded_size, raw); break;
    default: memcpy(raw, encoded, size);
    }
}

/* The chunk at a position of the grid of cubes or squares, in C order. */
static void cut_chunk(const image *from, const int64_t *at, int64_t side, uint16_t *out)
{
    int64_t width = from->shape[from->ndim - 1], height = from->shape[from->ndim - 2];
    int64_t z0 = from->ndim == 3 ? at[0] * side : 0, planes = from->ndim == 3 ? side : 1;
    at += from->ndim - 2;
    for (int64_t z = z0; z < z0 + planes; z++)
        for (int64_t y = at[0] * side; y < (at[0] + 1) * side; y++, out += side)
            memcpy(out, from->pixels + (z * height + y) * width + at[1] * side, (size_t)side * sizeof *out);
}

chunks chunks_make(const image *from, coding how, int64_t side)
{
    chunks c = { .how = how, .n = 1, .raw_size = 1 };
    for (int d = 0; d < from->ndim; d++) {
        c.n *= (size_t)(from->shape[d] / side);
        c.raw_size *= (size_t)side;
    }
    uint16_t *raw = malloc(c.raw_size * sizeof *raw);
    c.data = calloc(c.n, sizeof *c.data);
    c.sizes = calloc(c.n, sizeof *c.sizes);
    for (size_t i = 0; i < c.n; i++) {
        int64_t at[3], left = (int64_t)i;
        for (int d = from->ndim - 1; d >= 0; d--) {
            at[d] = left % (from->shape[d] / side);
            left /= from->shape[d] / side;
        }
        cut_chunk(from, at, side, raw);
        if (how == JPEG)
            for (size_t k = 0; k < c.raw_size; k++)
                ((uint8_t *)raw)[k] = (uint8_t)(raw[k] >> 2);
        const uint8_t *bytes = encode(how, raw, c.raw_size * (how == JPEG ? 1 : 2), &c.sizes[i]);
        c.data[i] = malloc(c.sizes[i]);
        memcpy(c.data[i], bytes, c.sizes[i]);
    }
    c.raw_size *= how == JPEG ? 1 : 2;
    free(raw);
    return c;
}

void chunks_free(chunks *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->data[i]);
    free(c->data);
    free(c->sizes);
}
