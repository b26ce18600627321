/* SPDX-License-Identifier: BSD-3-Clause */
/* Datatype (IV.A.2.d) and dataspace (IV.A.2.b) messages. */
#include "format/hdf5/hdf5.h"

static mt_dtype integer_of(uint32_t size, bool is_signed)
{
    switch (size) {
    case 1: return is_signed ? MT_INT8 : MT_UINT8;
    case 2: return is_signed ? MT_INT16 : MT_UINT16;
    case 4: return is_signed ? MT_INT32 : MT_UINT32;
    case 8: return is_signed ? MT_INT64 : MT_UINT64;
    default: return (mt_dtype)0;
    }
}

/* Fixed-point numbers and bit fields (unsigned). */
static void read_integer(mt_reader *r, uint32_t flags, h5_type *out)
{
    uint32_t offset = mt_read_u16(r), precision = mt_read_u16(r);
    out->big_endian = (flags & 1) != 0;
    out->is_signed = out->kind == H5_INTEGER && (flags & 8);
    out->dtype = integer_of(out->size, out->is_signed);
    if (!out->dtype)
        out->obstacle = "integer of an odd size";
    out->bits = precision;
    if (offset != 0 || precision < 1 || precision > 8 * out->size) {
        out->dtype = (mt_dtype)0;
        out->obstacle = "integer with unused bits";
    } else if (out->size > 1 && precision < 4 * out->size) { /* refused by libhdf5 since 1.14.4 as a sign of damage */
        out->dtype = (mt_dtype)0;
        out->obstacle = "integer of implausible precision (fewer than half of its bits)";
    }
}

/* IEEE 754 floats, recognised by the position of sign, exponent and mantissa. */
static void read_float(mt_reader *r, uint32_t flags, h5_type *out)
{
    static const struct {
        mt_dtype dtype;
        uint32_t size, exponent_at, exponent_bits, mantissa_bits, bias;
    } table[] = { { MT_FLOAT16, 2, 10, 5, 10, 15 },
                  { MT_FLOAT32, 4, 23, 8, 23, 127 },
                  { MT_FLOAT64, 8, 52, 11, 52, 1023 } };
    uint32_t offset = mt_read_u16(r), precision = mt_read_u16(r);
    uint32_t exponent_at = mt_read_u8(r), exponent_bits = mt_read_u8(r);
    uint32_t mantissa_at = mt_read_u8(r), mantissa_bits = mt_read_u8(r), bias = mt_read_u32(r);
    out->big_endian = (flags & 1) != 0;
    out->obstacle = "float that is not IEEE 754";
    for (int i = 0; i < 3; i++)
        if (table[i].size == out->size && offset == 0 && precision == 8 * out->size && mantissa_at == 0 &&
            table[i].exponent_at == exponent_at && table[i].exponent_bits == exponent_bits &&
            table[i].mantissa_bits == mantissa_bits && table[i].bias == bias && (flags & 0x40) == 0 &&
            (flags >> 4 & 3) == 2 && (flags >> 8 & 0xff) == 8 * out->size - 1)
            out->dtype = table[i].dtype;
}

/* Whether an enumeration is a bool as written by h5py: FALSE is 0, TRUE is 1. */
static bool is_bool(mt_reader *r, int version, uint32_t members, const h5_type *base)
{
    static const char *const names[2] = { "FALSE", "TRUE" };
    if (members != 2 || base->size != 1)
        return false;
    for (int i = 0; i < 2; i++) {
        for (const char *c = names[i];; c++) {
            if (mt_read_u8(r) != (uint8_t)*c)
                return false;
            if (*c == 0)
                break;
        }
        size_t length = i == 0 ? 6 : 5;
        mt_read_skip(r, version < 3 ? 8 - length : 0);
    }
    uint8_t low = mt_read_u8(r), high = mt_read_u8(r);
    return !r->failed && low == 0 && high == 1;
}

/* Reads the common header of datatypes. */
static mt_status read_class(mt_reader *r, h5_type *out, int *version, uint32_t *flags, mt_error *err)
{
    uint8_t first = mt_read_u8(r);
    *flags = (uint32_t)h5_read_number(r, 3);
    *version = first >> 4;
    *out = (h5_type) { .size = mt_read_u32(r) };
    out->kind = first & 15;
    if (r->failed || *version < 1 || *version > 5 || out->kind > H5_COMPLEX)
        return mt_fail(err, MT_E_CORRUPT, "a datatype of class %d, version %d", (int)out->kind, *version);
    return MT_OK;
}

static mt_status read_enum(mt_reader *r, int version, uint32_t flags, h5_type *out, mt_error *err)
{
    h5_type base;
    int base_version;
    uint32_t base_flags;
    mt_status st = read_class(r, &base, &base_version, &base_flags, err);
    if (st)
        return st;
    if (base.kind == H5_INTEGER)
        read_integer(r, base_flags, &base);
    if (base.kind != H5_INTEGER || base.size != out->size) {
        out->obstacle = "enumeration whose base type is not an integer";
        return MT_OK;
    }
    out->big_endian = base.big_endian;
    out->dtype = is_bool(r, version, flags & 0xffff, &base) ? MT_BOOL : base.dtype;
    out->obstacle = base.obstacle;
    return r->failed ? mt_fail(err, MT_E_CORRUPT, "an enumeration is cut off") : MT_OK;
}

mt_status h5_read_type(mt_reader *r, h5_type *out, mt_error *err)
{
    static const char *const obstacles[] = { NULL,     NULL,       "time",      "text", NULL,
                                             "opaque", "compound", "reference", NULL,   "variable length",
                                             "array",  "complex" };
    int version;
    uint32_t flags;
    mt_status st = read_class(r, out, &version, &flags, err);
    if (st)
        return st;
    int kind = out->kind;
    out->obstacle = obstacles[kind];
    out->is_text = kind == H5_VARIABLE && (flags & 15) == 1;
    if (kind == H5_INTEGER || kind == H5_BITFIELD)
        read_integer(r, flags, out);
    else if (kind == H5_FLOAT)
        read_float(r, flags, out);
    else if (kind == H5_ENUM)
        return read_enum(r, version, flags, out, err);
    return r->failed ? mt_fail(err, MT_E_CORRUPT, "a datatype is cut off") : MT_OK;
}

mt_status h5_read_space(const h5_file *file, mt_reader *r, h5_space *out, mt_error *err)
{
    int version = mt_read_u8(r);
    out->rank = mt_read_u8(r);
    int flags = mt_read_u8(r), kind = mt_read_u8(r);
    if (version == 1)
        mt_read_skip(r, 4);
    if (r->failed || version < 1 || version > 2 || out->rank > H5_MAX_RANK)
        return mt_fail(err, MT_E_CORRUPT, "a dataspace of version %d with %d dimensions", version, out->rank);
    out->is_null = version == 2 && kind == 2;
    for (int d = 0; d < out->rank; d++)
        out->most[d] = out->size[d] = h5_read_length(file, r);
    for (int d = 0; d < out->rank && (flags & 1); d++)
        out->most[d] = h5_read_length(file, r);
    return r->failed ? mt_fail(err, MT_E_CORRUPT, "a dataspace is cut off") : MT_OK;
}
