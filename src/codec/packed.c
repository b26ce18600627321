/* SPDX-License-Identifier: BSD-3-Clause */
/* HDF5's filters nbit (H5Znbit.c) and scaleoffset (H5Zscaleoffset.c): packed numbers of a few bits each, most
 * significant bit first. */
#include "base/reader.h"
#include "codec/codec.h"
#include "codec/params.h"

#include <string.h>

typedef struct bits {
    const uint8_t *src;
    size_t size, at; /* bytes of data; bits consumed */
} bits;

static uint64_t take(bits *b, uint32_t n)
{
    uint64_t value = 0;
    while (n > 0) {
        uint32_t left = 8 - b->at % 8, now = n < left ? n : left;
        uint32_t byte = b->src[b->at / 8];
        value = value << now | (byte >> (left - now) & ((1u << now) - 1));
        b->at += now;
        n -= now;
    }
    return value;
}

static void store(uint8_t *out, uint64_t value, size_t size, bool big_endian)
{
    for (size_t i = 0; i < size; i++)
        out[big_endian ? size - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

static mt_status check_room(size_t count, size_t element_size, size_t capacity, mt_error *err)
{
    if (count > capacity / element_size)
        return mt_fail(err, MT_E_CORRUPT, "%zu elements of %zu bytes are more than %zu bytes", count, element_size,
                       capacity);
    return MT_OK;
}

static mt_status copy(const uint8_t *src, size_t size, uint8_t *dst, size_t n, size_t capacity, size_t *written,
                      mt_error *err)
{
    if (size < n || n > capacity)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes, %zu of at most %zu are needed", size, n, capacity);
    memcpy(dst, src, n);
    *written = n;
    return MT_OK;
}

static mt_status decode_nbit(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                             size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_packed_params *p = params;
    if (p->raw)
        return copy(src, size, dst, size, capacity, written, err);
    mt_status st = check_room(p->count, p->element_size, capacity, err);
    if (st)
        return st;
    if (size < (p->count / 8) * p->bits + (p->count % 8 * p->bits + 7) / 8)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes do not hold %zu elements of %u bits", size, p->count, p->bits);
    bits b = { src, size, 0 };
    for (size_t i = 0; i < p->count; i++) {
        uint64_t value = take(&b, p->bits);
        if (p->is_signed && p->bits < 64 && value >> (p->bits - 1))
            value |= UINT64_MAX << p->bits;
        store(dst + i * p->element_size, value, p->element_size, p->big_endian);
    }
    *written = p->count * p->element_size;
    return MT_OK;
}

/* Stores the float smallest + value * unit. */
static void store_float(const mt_scaleoffset_params *p, uint8_t *out, uint64_t value, uint64_t smallest, double unit)
{
    if (p->element_size == 4) {
        uint32_t low = (uint32_t)smallest, pattern;
        float base, number;
        memcpy(&base, &low, 4);
        number = (float)(int32_t)value / (float)unit + base;
        memcpy(&pattern, &number, 4);
        store(out, pattern, 4, p->big_endian);
    } else {
        double base, number;
        uint64_t pattern;
        memcpy(&base, &smallest, 8);
        number = (double)(int64_t)value / unit + base;
        memcpy(&pattern, &number, 8);
        store(out, pattern, 8, p->big_endian);
    }
}

static double power_of_ten(int32_t n)
{
    double power = 1;
    for (int32_t i = 0; i < (n < 0 ? -n : n) && i < 400; i++)
        power *= 10;
    return n < 0 ? 1 / power : power;
}

static void unscale(const mt_scaleoffset_params *p, bits *b, uint32_t width, uint64_t smallest, uint8_t *dst)
{
    double unit = power_of_ten(p->decimals);
    uint64_t fill_code = width < 64 ? (UINT64_C(1) << width) - 1 : UINT64_MAX;
    for (size_t i = 0; i < p->count; i++) {
        uint64_t value = take(b, width);
        uint8_t *out = dst + i * p->element_size;
        if (p->has_fill && value == fill_code)
            store(out, p->fill, p->element_size, p->big_endian);
        else if (p->is_float)
            store_float(p, out, value, smallest, unit);
        else
            store(out, smallest + value, p->element_size, p->big_endian);
    }
}

/* Layout: width of a number in four bytes, size of the smallest value in one byte, the smallest value, and from byte 21
 * on the numbers. */
static mt_status decode_scaleoffset(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                                    size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_scaleoffset_params *p = params;
    enum { HEAD = 21 };
    mt_status st = check_room(p->count, p->element_size, capacity, err);
    if (st)
        return st;
    if (size < HEAD)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes are too short for a header", size);
    uint32_t width = mt_load_u32le(src);
    uint64_t smallest = 0;
    for (int i = 0; i < src[4] && i < 8; i++)
        smallest |= (uint64_t)src[5 + i] << 8 * i;
    if (width > 8 * p->element_size)
        return mt_fail(err, MT_E_CORRUPT, "numbers of %u bits for elements of %zu bytes", width, p->element_size);
    if (width == 8 * p->element_size) { /* in the byte order of the writing machine, assumed to be little-endian */
        st = copy(src + HEAD, size - HEAD, dst, p->count * p->element_size, capacity, written, err);
        if (!st && p->big_endian)
            mt_swap_bytes(dst, p->count, p->element_size);
        return st;
    }
    if (size - HEAD < (p->count / 8) * width + (p->count % 8 * width + 7) / 8)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes do not hold %zu numbers of %u bits", size, p->count, width);
    bits b = { src + HEAD, size - HEAD, 0 };
    unscale(p, &b, width, smallest, dst);
    *written = p->count * p->element_size;
    return MT_OK;
}

const mt_codec mt_codec_nbit = { .name = "nbit", .decode = decode_nbit };
const mt_codec mt_codec_scaleoffset = { .name = "scaleoffset", .decode = decode_scaleoffset };
