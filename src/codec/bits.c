/* SPDX-License-Identifier: BSD-3-Clause */
/* Elements of odd sizes in TIFF and MRC: packed bits, 24-bit floats, bytes with reversed bits (FillOrder 2). */
#include "codec/codec.h"
#include "codec/params.h"

#include <string.h>

static size_t unpacked_bytes(int bits) { return bits <= 8 ? 1 : bits <= 16 ? 2 : bits <= 32 ? 4 : 8; }

static size_t packed_row(const mt_row_params *p)
{
    return ((size_t)p->width * (size_t)p->samples * (size_t)p->bits + 7) / 8;
}
static size_t unpacked_row(const mt_row_params *p)
{
    return (size_t)p->width * (size_t)p->samples * unpacked_bytes(p->bits);
}

/* Reads n bits from bit number at on, most significant first. Whole bytes of odd sizes (24 bits) have this order in
 * files of either byte order: TIFF 6.0 does not define it, but all known writers agree. */
static uint64_t get_bits(const uint8_t *row, size_t at, int n)
{
    uint64_t value = 0;
    for (int left = n; left > 0;) {
        int room = 8 - (int)(at % 8), take = left < room ? left : room;
        value = value << take | (uint64_t)(row[at / 8] >> (room - take) & ((1 << take) - 1));
        at += (size_t)take;
        left -= take;
    }
    return value;
}

static void put_element(uint8_t *out, uint64_t value, size_t size)
{
    uint8_t u8 = (uint8_t)value;
    uint16_t u16 = (uint16_t)value;
    uint32_t u32 = (uint32_t)value;
    memcpy(out, size == 1 ? (void *)&u8 : size == 2 ? (void *)&u16 : size == 4 ? (void *)&u32 : (void *)&value, size);
}

static void unpack_row(const mt_row_params *p, const uint8_t *row, uint8_t *out)
{
    size_t element = unpacked_bytes(p->bits), n = (size_t)p->width * (size_t)p->samples;
    uint64_t sign = p->is_signed ? UINT64_C(1) << (p->bits - 1) : 0;
    /* the bit at which element i begins, counted from the highest of its byte, is turned around in the byte */
    size_t turn = p->low_first ? 8 - (size_t)p->bits : 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t value = get_bits(row, (i * (size_t)p->bits) ^ turn, p->bits);
        put_element(out + i * element, (value ^ sign) - sign, element);
    }
}

static mt_status decode_bits(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                             size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_row_params *p = params;
    size_t packed = packed_row(p), unpacked = unpacked_row(p);
    if (packed == 0)
        return mt_fail(err, MT_E_CORRUPT, "rows of size 0");
    size_t rows = size / packed;
    if (rows > capacity / unpacked)
        rows = capacity / unpacked;
    for (size_t y = 0; y < rows; y++)
        unpack_row(p, src + y * packed, dst + y * unpacked);
    *written = rows * unpacked;
    return MT_OK;
}

static size_t packed_size(const void *params, size_t n)
{
    const mt_row_params *p = params;
    size_t unpacked = unpacked_row(p);
    return unpacked ? n / unpacked * packed_row(p) : 0;
}

/* 1 bit of sign, 7 of exponent (bias 63), 16 of fraction. Every value is exact in float32. */
static float from_float24(uint32_t value)
{
    uint32_t sign = value >> 23 << 31, exponent = value >> 16 & 0x7f, fraction = value & 0xffff, bits;
    float f;
    if (exponent == 0) { /* subnormal: fraction * 2^-78, exact */
        f = (float)fraction * 0x1p-78f;
        return sign ? -f : f;
    }
    bits = sign | (exponent == 0x7f ? 0xffU : exponent + 127 - 63) << 23 | fraction << 7;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static mt_status decode_float24(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                                size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_row_params *p = params;
    size_t n = size / 3;
    if (n > capacity / sizeof(float))
        return mt_fail(err, MT_E_CORRUPT, "%zu floats, more than %zu", n, capacity / sizeof(float));
    for (size_t i = 0; i < n; i++, src += 3) {
        uint32_t first = src[p->big_endian ? 0 : 2], last = src[p->big_endian ? 2 : 0];
        float f = from_float24(first << 16 | (uint32_t)src[1] << 8 | last);
        memcpy(dst + i * sizeof f, &f, sizeof f);
    }
    *written = n * sizeof(float);
    return MT_OK;
}

static size_t float24_size(const void *params, size_t n)
{
    (void)params;
    return n / sizeof(float) * 3;
}

static mt_status decode_reverse(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                                size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch;
    if (size > capacity)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes, more than %zu", size, capacity);
    for (size_t i = 0; i < size; i++) {
        unsigned v = src[i];
        v = (v & 0x55) << 1 | (v >> 1 & 0x55);
        v = (v & 0x33) << 2 | (v >> 2 & 0x33);
        dst[i] = (uint8_t)(v << 4 | v >> 4);
    }
    *written = size;
    return MT_OK;
}

static size_t same_size(const void *params, size_t n)
{
    (void)params;
    return n;
}

const mt_codec mt_codec_unpack_bits = { .name = "unpack_bits", .decode = decode_bits, .encoded_size = packed_size };
const mt_codec mt_codec_float24 = { .name = "float24", .decode = decode_float24, .encoded_size = float24_size };
const mt_codec mt_codec_reverse_bits = { .name = "reverse_bits", .decode = decode_reverse, .encoded_size = same_size };
