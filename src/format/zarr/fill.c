/* SPDX-License-Identifier: BSD-3-Clause */
/* Data types of version 2, and fill values. */
#include "base/number.h"
#include "format/zarr/zarr.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static mt_dtype numeric_dtype(char kind, int size)
{
    switch (kind) {
    case 'b': return size == 1 ? MT_BOOL : (mt_dtype)0;
    case 'u':
        return size == 1   ? MT_UINT8
               : size == 2 ? MT_UINT16
               : size == 4 ? MT_UINT32
               : size == 8 ? MT_UINT64
                           : (mt_dtype)0;
    case 'i':
        return size == 1 ? MT_INT8 : size == 2 ? MT_INT16 : size == 4 ? MT_INT32 : size == 8 ? MT_INT64 : (mt_dtype)0;
    case 'f': return size == 2 ? MT_FLOAT16 : size == 4 ? MT_FLOAT32 : size == 8 ? MT_FLOAT64 : (mt_dtype)0;
    default: return (mt_dtype)0;
    }
}

static const char *unread_kind(char kind)
{
    switch (kind) {
    case 'c': return "complex numbers";
    case 'S':
    case 'a': return "byte strings";
    case 'U': return "strings";
    case 'V': return "raw bytes";
    case 'M': return "datetime64";
    case 'm': return "timedelta64";
    case 'O': return "Python objects";
    default: return NULL;
    }
}

mt_status zarr_parse_dtype(const json_t *dtype, mt_dtype *out, bool *big_endian, mt_error *err)
{
    if (json_is_array(dtype))
        return mt_fail(err, MT_E_UNSUPPORTED, "structured data types are not supported");
    const char *text = json_string_value(dtype);
    if (!text)
        return mt_fail(err, MT_E_CORRUPT, "dtype is not a string");
    if (!*text || !strchr("<>|", *text))
        return mt_fail(err, MT_E_UNSUPPORTED, "data type '%s' is not known", text);
    const char *unread = unread_kind(text[1]);
    if (unread)
        return mt_fail(err, MT_E_UNSUPPORTED, "data type '%s' (%s) is not supported", text, unread);
    int size = text[1] && text[2] >= '1' && text[2] <= '9' && !text[3] ? text[2] - '0' : 0;
    *out = numeric_dtype(text[1], size);
    if (!*out)
        return mt_fail(err, MT_E_UNSUPPORTED, "data type '%s' is not known", text);
    if (*text == '|' && size > 1)
        return mt_fail(err, MT_E_CORRUPT, "data type '%s' has no byte order", text);
    *big_endian = *text == '>';
    return MT_OK;
}

static void store_bits(uint64_t bits, size_t size, uint8_t *out)
{
    uint8_t byte = (uint8_t)bits;
    uint16_t half = (uint16_t)bits;
    uint32_t word = (uint32_t)bits;
    const void *from = size == 1   ? (const void *)&byte
                       : size == 2 ? (const void *)&half
                       : size == 4 ? (const void *)&word
                                   : &bits;
    memcpy(out, from, size);
}

/* Nearest, ties to even, as IEEE 754 rounds. */
static uint64_t float16_bits(double value)
{
    double a = fabs(value);
    uint64_t sign = signbit(value) ? 0x8000 : 0;
    if (a >= 65520)
        return sign | 0x7c00;
    if (a < ldexp(1, -14))
        return sign | (uint64_t)nearbyint(ldexp(a, 24));
    int exponent;
    frexp(a, &exponent); /* a = [0.5, 1) * 2^exponent */
    uint64_t mantissa = (uint64_t)nearbyint(ldexp(a, 11 - exponent));
    return sign | (((uint64_t)(exponent + 14) << 10) + (mantissa - 1024));
}

static uint64_t float_bits(double value, mt_dtype dtype)
{
    if (dtype == MT_FLOAT16)
        return float16_bits(value);
    if (dtype == MT_FLOAT32) {
        float narrow = value > FLT_MAX ? INFINITY : value < -FLT_MAX ? -INFINITY : (float)value;
        uint32_t bits;
        memcpy(&bits, &narrow, sizeof bits);
        return bits;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* "NaN", "Infinity", "-Infinity", the bits in hexadecimal, or an integer too long for the JSON parser. */
static mt_status parse_float_text(const char *text, mt_dtype dtype, uint64_t *bits, mt_error *err)
{
    size_t size = mt_dtype_size(dtype);
    if (strcmp(text, "NaN") == 0) {
        *bits = size == 2 ? 0x7e00 : size == 4 ? 0x7fc00000 : UINT64_C(0x7ff8000000000000);
        return MT_OK;
    }
    if (strcmp(text, "Infinity") == 0 || strcmp(text, "-Infinity") == 0) {
        *bits = float_bits(*text == '-' ? -HUGE_VAL : HUGE_VAL, dtype);
        return MT_OK;
    }
    if (strncmp(text, "0x", 2) == 0 && strlen(text) == 2 + 2 * size &&
        strspn(text + 2, "0123456789abcdefABCDEF") == 2 * size) {
        *bits = strtoull(text + 2, NULL, 16);
        return MT_OK;
    }
    size_t digits = strspn(text + (*text == '-'), "0123456789");
    if (digits == 0 || text[(*text == '-') + digits])
        return mt_fail(err, MT_E_CORRUPT, "fill_value '%s' is not a valid %s", text, mt_dtype_name(dtype));
    double value;
    bool fits = mt_parse_real(&text, &value);
    *bits = float_bits(value, dtype);
    return fits ? MT_OK : mt_fail(err, MT_E_CORRUPT, "fill_value '%s' does not fit %s", text, mt_dtype_name(dtype));
}

static mt_status parse_float(const json_t *value, mt_dtype dtype, uint64_t *bits, mt_error *err)
{
    if (json_is_string(value))
        return parse_float_text(json_string_value(value), dtype, bits, err);
    if (!json_is_number(value))
        return mt_fail(err, MT_E_CORRUPT, "fill_value is not a valid %s", mt_dtype_name(dtype));
    *bits = float_bits(json_number_value(value), dtype);
    return MT_OK;
}

/* Reads an integer as sign and magnitude. Accepts 0.0, false and, for numbers above 2^63, text from the JSON parser. */
static bool read_integer(const json_t *value, bool *negative, uint64_t *magnitude)
{
    *negative = false;
    if (json_is_boolean(value)) {
        *magnitude = json_is_true(value);
        return true;
    }
    if (json_is_integer(value)) {
        json_int_t i = json_integer_value(value);
        *negative = i < 0;
        *magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
        return true;
    }
    if (json_is_real(value)) {
        double d = json_real_value(value);
        if (d != floor(d) || fabs(d) > 9007199254740992.0)
            return false;
        *negative = d < 0;
        *magnitude = (uint64_t)fabs(d);
        return true;
    }
    const char *text = json_string_value(value);
    if (!text || !*text || strspn(text, "0123456789") != strlen(text))
        return false;
    errno = 0;
    *magnitude = strtoull(text, NULL, 10);
    return errno == 0;
}

static mt_status parse_integer(const json_t *value, mt_dtype dtype, uint64_t *bits, mt_error *err)
{
    bool negative;
    uint64_t magnitude;
    if (!read_integer(value, &negative, &magnitude))
        return mt_fail(err, MT_E_CORRUPT, "fill_value is not a valid %s", mt_dtype_name(dtype));
    bool is_signed = dtype == MT_INT8 || dtype == MT_INT16 || dtype == MT_INT32 || dtype == MT_INT64;
    unsigned width = dtype == MT_BOOL ? 1 : (unsigned)mt_dtype_size(dtype) * 8 - is_signed;
    uint64_t most = UINT64_MAX >> (64 - width);
    bool fits = negative ? is_signed && magnitude - 1 <= most : magnitude <= most;
    if (!fits)
        return mt_fail(err, MT_E_CORRUPT, "fill_value %s%" PRIu64 " does not fit %s", negative ? "-" : "", magnitude,
                       mt_dtype_name(dtype));
    *bits = negative ? 0 - magnitude : magnitude;
    return MT_OK;
}

mt_status zarr_parse_fill(const json_t *value, mt_dtype dtype, uint8_t *out, mt_error *err)
{
    bool is_float = dtype == MT_FLOAT16 || dtype == MT_FLOAT32 || dtype == MT_FLOAT64;
    uint64_t bits = 0;
    mt_status st = is_float ? parse_float(value, dtype, &bits, err) : parse_integer(value, dtype, &bits, err);
    if (!st)
        store_bits(bits, mt_dtype_size(dtype), out);
    return st;
}
