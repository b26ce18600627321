/* SPDX-License-Identifier: BSD-3-Clause */
#include "format/nifti/nifti.h"

#include "base/reader.h"

#include <math.h>
#include <string.h>

typedef struct nifti_type {
    int number;
    mt_dtype dtype;   /* of a sample; 0: not supported */
    int samples;      /* of a pixel */
    const char *name; /* if it is not supported */
} nifti_type;

static const nifti_type *find_type(int number)
{
    static const nifti_type types[] = {
        { 2, MT_UINT8, 1, NULL },          { 4, MT_INT16, 1, NULL },          { 8, MT_INT32, 1, NULL },
        { 16, MT_FLOAT32, 1, NULL },       { 64, MT_FLOAT64, 1, NULL },       { 128, MT_UINT8, 3, NULL },
        { 256, MT_INT8, 1, NULL },         { 512, MT_UINT16, 1, NULL },       { 768, MT_UINT32, 1, NULL },
        { 1024, MT_INT64, 1, NULL },       { 1280, MT_UINT64, 1, NULL },      { 2304, MT_UINT8, 4, NULL },
        { 1, 0, 0, "single bits" },        { 32, 0, 0, "complex numbers" },   { 1536, 0, 0, "floats of 128 bits" },
        { 1792, 0, 0, "complex numbers" }, { 2048, 0, 0, "complex numbers" },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].number == number)
            return &types[i];
    return NULL;
}

static mt_status choose_type(const nifti_header *h, const nifti_type **out, mt_chunk_map *map, mt_error *err)
{
    const nifti_type *type = find_type(h->datatype);
    if (!type)
        return mt_fail(err, MT_E_UNSUPPORTED, "datatype %d is not supported", h->datatype);
    if (!type->dtype)
        return mt_fail(err, MT_E_UNSUPPORTED, "datatype %d (%s) is not supported", h->datatype, type->name);
    map->dtype = type->dtype;
    map->swap = mt_dtype_size(map->dtype) > 1 && h->big_endian != mt_host_big_endian();
    *out = type;
    int bits = 8 * (int)mt_dtype_size(type->dtype) * type->samples;
    return bits == h->bits ? MT_OK
                           : mt_chunk_map_warn(map, err, "bitpix is %d, but datatype %d has %d bits, which are used",
                                               h->bits, h->datatype, bits);
}

static mt_status check_dims(const nifti_header *h, mt_error *err)
{
    int n = (int)h->dim[0];
    if (h->dim[0] < 1 || h->dim[0] > 7)
        return mt_fail(err, MT_E_CORRUPT, "dim[0] is %lld, not 1 to 7", (long long)h->dim[0]);
    for (int i = 1; i <= n; i++)
        if (h->dim[i] < 1)
            return mt_fail(err, MT_E_CORRUPT, "dim[%d] is %lld", i, (long long)h->dim[i]);
    /* nifti1.h: intent codes of CIFTI-2 are 3000 and up; their pixels lie along dimensions 5 to 7 */
    if (h->version == 2 && h->intent >= 3000 && h->intent < 3100)
        return mt_fail(err, MT_E_UNSUPPORTED, "CIFTI (intent code %d) is not supported", h->intent);
    for (int i = 6; i <= n; i++)
        if (h->dim[i] > 1)
            return mt_fail(err, MT_E_UNSUPPORTED, "dim[%d] is %lld; only 1 is supported", i, (long long)h->dim[i]);
    return MT_OK;
}

/* nifti1.h: bits 0 to 2 are the unit of X, Y and Z, bits 3 to 5 that of T, among which are hertz and the like. */
static const char *find_unit(int units, char axis)
{
    if (axis == 'T')
        return (units & 56) == 8    ? "second"
               : (units & 56) == 16 ? "millisecond"
               : (units & 56) == 24 ? "microsecond"
                                    : NULL;
    return (units & 7) == 1 ? "meter" : (units & 7) == 2 ? "millimeter" : (units & 7) == 3 ? "micrometer" : NULL;
}

static void set_size(const nifti_header *h, int i, char axis, mt_chunk_map *map, int d)
{
    double size = fabs(h->pixel_size[i]);
    bool is_time = (h->units & 56) <= 24;
    if (axis == 'C' || (axis == 'T' && !is_time) || !(size > 0) || !isfinite(size))
        return;
    map->pixel_size[d] = size;
    map->unit[d] = find_unit(h->units, axis);
}

/* The axes X, Y, Z, T and C of the file are stored fastest first; samples of a pixel are faster still. */
static void set_shape(const nifti_header *h, int samples, mt_chunk_map *map)
{
    static const char letters[] = " XYZTC";
    int n = h->dim[0] < 2 ? 2 : h->dim[0] > 5 ? 5 : (int)h->dim[0];
    for (int i = n; i >= 1; i--) {
        int d = map->ndim++;
        map->axes[d] = letters[i];
        map->shape[d] = i > h->dim[0] ? 1 : h->dim[i];
        set_size(h, i, letters[i], map, d);
    }
    if (samples > 1) {
        map->axes[map->ndim] = 'C';
        map->shape[map->ndim++] = samples;
    }
}

/* In a single file the pixels follow the header and the four bytes that tell whether extensions follow. */
static mt_status find_pixels(const nifti_header *h, uint64_t *out, mt_chunk_map *map, mt_error *err)
{
    int least = h->pair ? 0 : (h->version == 1 ? NIFTI_HEADER_1 : NIFTI_HEADER_2) + 4;
    if (!(h->offset >= 0 && h->offset <= 0x1p62) || h->offset != floor(h->offset))
        return mt_fail(err, MT_E_CORRUPT, "vox_offset is %g", h->offset);
    *out = (uint64_t)h->offset;
    if (*out >= (uint64_t)least)
        return MT_OK;
    *out = (uint64_t)least;
    return mt_chunk_map_warn(map, err, "vox_offset is %g, inside the header: %d is used", h->offset, least);
}

/* nifti1.h: a slope of 0 means that there is no scaling, and colours have none. NiBabel writes NaN for it. */
static mt_status find_scaling(const nifti_header *h, int samples, mt_chunk_map *map, mt_error *err)
{
    if (samples > 1 || h->slope == 0 || isnan(h->slope) || (h->slope == 1 && h->inter == 0))
        return MT_OK;
    if (!isfinite(h->slope) || !isfinite(h->inter))
        return mt_chunk_map_warn(map, err, "scl_slope is %g and scl_inter %g: values are not scaled", h->slope,
                                 h->inter);
    map->value_scale = h->slope;
    map->value_offset = h->inter;
    return MT_OK;
}

mt_status nifti_make_map(const nifti_header *header, const char *key, bool scaled, mt_chunk_map *map, mt_error *err)
{
    const nifti_type *type;
    uint64_t offset;
    mt_status st = check_dims(header, err);
    if (st || (st = choose_type(header, &type, map, err)) || (st = find_pixels(header, &offset, map, err)))
        return st;
    set_shape(header, type->samples, map);
    if ((st = find_scaling(header, type->samples, map, err)) ||
        (st = mt_chunk_map_contiguous(map, key, offset, false, err)) || (st = mt_chunk_map_check_size(map, err)))
        return st;
    return scaled && map->value_scale != 0 ? mt_chunk_map_scale(map, err) : MT_OK;
}
