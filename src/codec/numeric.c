/* SPDX-License-Identifier: BSD-3-Clause */
/* Arithmetic filters of numcodecs: delta, fixedscaleoffset, astype, quantize; and scaled, the values that a file
 * declares its pixels to stand for. Elements are computed as int64_t,
 * uint64_t or double, depending on the type, with NumPy's arithmetic: integers wrap. */
#include "base/reader.h"
#include "codec/codec.h"
#include "codec/params.h"

#include <string.h>

static bool is_float(mt_dtype dtype) { return dtype >= MT_FLOAT16; }

/* The bits of an element in native byte order. */
static uint64_t load(const mt_stored_type *type, const uint8_t *p)
{
    size_t size = mt_dtype_size(type->dtype);
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)p[i] << 8 * (type->big_endian ? size - 1 - i : i);
    return bits;
}

static void store(const mt_stored_type *type, uint64_t bits, uint8_t *p)
{
    size_t size = mt_dtype_size(type->dtype);
    for (size_t i = 0; i < size; i++)
        p[i] = (uint8_t)(bits >> 8 * (type->big_endian ? size - 1 - i : i));
}

static int64_t as_integer(mt_dtype dtype, uint64_t bits)
{
    switch (dtype) {
    case MT_INT8: return (int8_t)bits;
    case MT_INT16: return (int16_t)bits;
    case MT_INT32: return (int32_t)bits;
    default: return (int64_t)bits;
    }
}

static double as_double(mt_dtype dtype, uint64_t bits)
{
    if (dtype == MT_FLOAT64) {
        double v;
        memcpy(&v, &bits, sizeof v);
        return v;
    }
    if (dtype == MT_FLOAT32) {
        uint32_t low = (uint32_t)bits;
        float v;
        memcpy(&v, &low, sizeof v);
        return (double)v;
    }
    return dtype == MT_UINT64 ? (double)bits : (double)as_integer(dtype, bits);
}

static uint64_t from_double(mt_dtype dtype, double value)
{
    uint64_t bits = 0;
    if (dtype == MT_FLOAT64) {
        memcpy(&bits, &value, sizeof value);
    } else if (dtype == MT_FLOAT32) {
        float v = (float)value;
        uint32_t low;
        memcpy(&low, &v, sizeof v);
        bits = low;
    } else if (value >= 0x1p63) {
        bits = value >= 0x1p64 ? UINT64_MAX : (uint64_t)value;
    } else {
        bits = value > -0x1p63 ? (uint64_t)(int64_t)value : (uint64_t)INT64_MIN; /* casting NaN is undefined, too */
    }
    return bits;
}

/* Converts a value to another type like NumPy's astype. */
static uint64_t convert(mt_dtype from, mt_dtype to, uint64_t bits)
{
    if (from == to)
        return bits;
    return is_float(from) || is_float(to) ? from_double(to, as_double(from, bits)) : (uint64_t)as_integer(from, bits);
}

static mt_status check(const void *params, mt_error *err)
{
    const mt_filter_params *p = params;
    return p->dtype.dtype == MT_FLOAT16 || p->astype.dtype == MT_FLOAT16
               ? mt_fail(err, MT_E_UNSUPPORTED, "filters of float16 are not supported")
               : MT_OK;
}

static mt_status count_elements(const mt_filter_params *p, size_t size, size_t capacity, size_t *n, mt_error *err)
{
    size_t encoded = mt_dtype_size(p->astype.dtype), decoded = mt_dtype_size(p->dtype.dtype);
    *n = size / encoded;
    if (size % encoded != 0 || *n > capacity / decoded)
        return mt_fail(err, MT_E_CORRUPT, "%zu encoded bytes for %zu", size, capacity);
    return MT_OK;
}

static mt_status decode_astype(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                               size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_filter_params *p = params;
    size_t n = 0, in = mt_dtype_size(p->astype.dtype), out = mt_dtype_size(p->dtype.dtype);
    mt_status st = count_elements(p, size, capacity, &n, err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++)
        store(&p->dtype, convert(p->astype.dtype, p->dtype.dtype, load(&p->astype, src + i * in)), dst + i * out);
    *written = n * out;
    return MT_OK;
}

/* Computes the cumulative sum, in the decoded type. */
static mt_status decode_delta(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                              size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_filter_params *p = params;
    size_t n = 0, in = mt_dtype_size(p->astype.dtype), out = mt_dtype_size(p->dtype.dtype);
    mt_status st = count_elements(p, size, capacity, &n, err);
    if (st)
        return st;
    mt_dtype type = p->dtype.dtype;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t step = convert(p->astype.dtype, type, load(&p->astype, src + i * in));
        if (is_float(type))
            sum = i ? from_double(type, as_double(type, sum) + as_double(type, step)) : step;
        else if (type == MT_BOOL)
            sum ^= step & 1;
        else
            sum += step;
        store(&p->dtype, sum, dst + i * out);
    }
    *written = n * out;
    return MT_OK;
}

static mt_status decode_fixedscaleoffset(const void *params, const uint8_t *src, size_t size, uint8_t *dst,
                                         size_t capacity, size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_filter_params *p = params;
    size_t n = 0, in = mt_dtype_size(p->astype.dtype), out = mt_dtype_size(p->dtype.dtype);
    mt_status st = count_elements(p, size, capacity, &n, err);
    if (st)
        return st;

    for (size_t i = 0; i < n; i++) {
        double value = as_double(p->astype.dtype, load(&p->astype, src + i * in));
        store(&p->dtype, from_double(p->dtype.dtype, value / p->scale + p->offset), dst + i * out);
    }
    *written = n * out;
    return MT_OK;
}

static mt_status decode_scaled(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                               size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_filter_params *p = params;
    size_t n = 0, in = mt_dtype_size(p->astype.dtype), out = mt_dtype_size(p->dtype.dtype);
    mt_status st = count_elements(p, size, capacity, &n, err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++) {
        double value = as_double(p->astype.dtype, load(&p->astype, src + i * in));
        store(&p->dtype, from_double(p->dtype.dtype, value * p->scale + p->offset), dst + i * out);
    }
    *written = n * out;
    return MT_OK;
}

static size_t filtered_size(const void *params, size_t n)
{
    const mt_filter_params *p = params;
    return n / mt_dtype_size(p->dtype.dtype) * mt_dtype_size(p->astype.dtype);
}

const mt_codec mt_codec_astype = {
    .name = "astype", .check = check, .decode = decode_astype, .encoded_size = filtered_size
};
const mt_codec mt_codec_quantize = {
    .name = "quantize", .check = check, .decode = decode_astype, .encoded_size = filtered_size
};
const mt_codec mt_codec_delta = {
    .name = "delta", .check = check, .decode = decode_delta, .encoded_size = filtered_size
};
const mt_codec mt_codec_fixedscaleoffset = {
    .name = "fixedscaleoffset", .check = check, .decode = decode_fixedscaleoffset, .encoded_size = filtered_size
};
const mt_codec mt_codec_scaled = {
    .name = "scaled", .check = check, .decode = decode_scaled, .encoded_size = filtered_size
};
