/* SPDX-License-Identifier: BSD-3-Clause */
/* LERC by Esri's library: one image per chunk, samples interleaved. */
#include "codec/codec.h"

#ifdef MT_WITH_LERC
#include "codec/params.h"

#include <Lerc_c_api.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* Indices in the result of lerc_getBlobInfo. */
enum { VERSION, DATA_TYPE, DEPTH, COLUMNS, ROWS, BANDS, VALID_PIXELS, BLOB_SIZE, MASKS, N_INFO };

static bool is_type(mt_dtype dtype, unsigned type)
{
    static const mt_dtype types[] = { MT_INT8,  MT_UINT8,  MT_INT16,   MT_UINT16,
                                      MT_INT32, MT_UINT32, MT_FLOAT32, MT_FLOAT64 };
    return type < sizeof types / sizeof *types && types[type] == dtype;
}

/* Sets the pixels that the mask marks as invalid. */
static void fill_invalid(mt_dtype dtype, const uint8_t *valid, size_t pixels, size_t samples, uint8_t *dst)
{
    const float f = NAN;
    const double d = NAN;
    for (size_t i = 0; i < pixels * samples && dtype >= MT_FLOAT32; i++)
        if (!valid[i / samples])
            memcpy(dst + i * mt_dtype_size(dtype), dtype == MT_FLOAT32 ? (const void *)&f : &d, mt_dtype_size(dtype));
}

static mt_status check_info(const unsigned *info, const mt_picture_params *p, size_t capacity, mt_error *err)
{
    if (!is_type(p->dtype, info[DATA_TYPE]))
        return mt_fail(err, MT_E_CORRUPT, "values of another type than %s", mt_dtype_name(p->dtype));
    if (info[BANDS] != 1 || info[MASKS] > 1 || (int64_t)info[DEPTH] != p->samples)
        return mt_fail(err, MT_E_UNSUPPORTED, "LERC of %u values a pixel in %u bands and %u masks, not %lld in 1",
                       info[DEPTH], info[BANDS], info[MASKS], (long long)p->samples);
    uint64_t bytes = (uint64_t)p->width * info[ROWS] * (uint64_t)p->samples * mt_dtype_size(p->dtype);
    if ((int64_t)info[COLUMNS] != p->width || (int64_t)info[ROWS] > p->height || bytes > capacity)
        return mt_fail(err, MT_E_CORRUPT, "an image of %u x %u in a chunk of %lld x %lld", info[COLUMNS], info[ROWS],
                       (long long)p->width, (long long)p->height);
    return MT_OK;
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    const mt_picture_params *p = params;
    unsigned info[N_INFO] = { 0 };
    if (size > UINT_MAX || lerc_getBlobInfo(src, (unsigned)size, info, NULL, N_INFO, 0) != 0)
        return mt_fail(err, MT_E_CORRUPT, "the header is broken");
    mt_status st = check_info(info, p, capacity, err);
    if (st)
        return st;
    size_t pixels = (size_t)info[COLUMNS] * info[ROWS];
    void *valid = NULL;
    if (info[MASKS] && (st = mt_alloc(mt_scratch_env(scratch), pixels, &valid, err)))
        return st;
    *written = pixels * (size_t)p->samples * mt_dtype_size(p->dtype);
    memset(dst, 0, *written);
    if (lerc_decode(src, (unsigned)size, (int)info[MASKS], valid, (int)info[DEPTH], (int)info[COLUMNS], (int)info[ROWS],
                    1, info[DATA_TYPE], dst) != 0)
        st = mt_fail(err, MT_E_CORRUPT, "the compressed data is broken");
    else if (valid)
        fill_invalid(p->dtype, valid, pixels, (size_t)p->samples, dst);
    if (valid)
        mt_release(mt_scratch_env(scratch), valid, pixels);
    return st;
}

const mt_codec mt_codec_lerc = { .name = "lerc", .build_switch = "MT_WITH_LERC", .decode = decode };
#else
const mt_codec mt_codec_lerc = { .name = "lerc", .build_switch = "MT_WITH_LERC" };
#endif
