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

/* The bits of a decoded element from those of the encoded one. state is the decoder's own, at first the identity of
 * addition, which for floating-point types is -0. */
typedef uint64_t decode_element(const mt_filter_params *p, uint64_t bits, uint64_t *state);

static inline mt_status decode_each(decode_element *decode, const void *params, const uint8_t *src, size_t size,
                                    uint8_t *dst, size_t capacity, size_t *written, mt_error *err)
{
    const mt_filter_params *p = params;
    const size_t in = mt_dtype_size(p->astype.dtype), out = mt_dtype_size(p->dtype.dtype), n = size / in;
    if (size % in != 0 || n > capacity / out)
        return mt_fail(err, MT_E_CORRUPT, "%zu encoded bytes for %zu", size, capacity);
    uint64_t state = is_float(p->dtype.dtype) ? from_double(p->dtype.dtype, -0.0) : 0;
    for (size_t i = 0; i < n; i++)
        store(&p->dtype, decode(p, load(&p->astype, src + i * in), &state), dst + i * out);
    *written = n * out;
    return MT_OK;
}

#define DECODE(name)                                                                                                   \
    static mt_status decode_##name(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity, \
                                   size_t *written, mt_scratch *scratch, mt_error *err)                                \
    {                                                                                                                  \
        (void)scratch;                                                                                                 \
        return decode_each(name, params, src, size, dst, capacity, written, err);                                      \
    }

static uint64_t astype(const mt_filter_params *p, uint64_t bits, uint64_t *state)
{
    (void)state;
    return convert(p->astype.dtype, p->dtype.dtype, bits);
}
DECODE(astype)

/* The cumulative sum, in the decoded type. */
static uint64_t delta(const mt_filter_params *p, uint64_t bits, uint64_t *sum)
{
    const mt_dtype type = p->dtype.dtype;
    uint64_t step = convert(p->astype.dtype, type, bits);
    if (is_float(type))
        *sum = from_double(type, as_double(type, *sum) + as_double(type, step));
    else if (type == MT_BOOL)
        *sum ^= step & 1;
    else
        *sum += step;
    return *sum;
}
DECODE(delta)

static uint64_t fixedscaleoffset(const mt_filter_params *p, uint64_t bits, uint64_t *state)
{
    (void)state;
    return from_double(p->dtype.dtype, as_double(p->astype.dtype, bits) / p->scale + p->offset);
}
DECODE(fixedscaleoffset)

static uint64_t scaled(const mt_filter_params *p, uint64_t bits, uint64_t *state)
{
    (void)state;
    return from_double(p->dtype.dtype, as_double(p->astype.dtype, bits) * p->scale + p->offset);
}
DECODE(scaled)

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
