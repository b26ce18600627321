/* SPDX-License-Identifier: BSD-3-Clause */
/* WebP: 8-bit RGB or RGBA. */
#include "codec/codec.h"

#ifdef MT_WITH_WEBP
#include "codec/params.h"

#include <webp/decode.h>

static mt_status check(const void *params, mt_error *err)
{
    const mt_picture_params *p = params;
    bool fits = p->dtype == MT_UINT8 && (p->samples == 3 || p->samples == 4);
    return fits ? MT_OK : mt_fail(err, MT_E_CORRUPT, "WebP has 3 or 4 samples of uint8");
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_picture_params *p = params;
    int width, height;
    if (!WebPGetInfo(src, size, &width, &height))
        return mt_fail(err, MT_E_CORRUPT, "the header is broken");
    size_t row = (size_t)(p->width * p->samples);
    if (width != p->width || height > p->height || (size_t)height * row > capacity)
        return mt_fail(err, MT_E_CORRUPT, "an image of %d x %d in a chunk of %lld x %lld", width, height,
                       (long long)p->width, (long long)p->height);
    const uint8_t *done = p->samples == 3 ? WebPDecodeRGBInto(src, size, dst, capacity, (int)row)
                                          : WebPDecodeRGBAInto(src, size, dst, capacity, (int)row);
    *written = (size_t)height * row;
    return done ? MT_OK : mt_fail(err, MT_E_CORRUPT, "the compressed data is broken");
}

const mt_codec mt_codec_webp = { .name = "webp", .build_switch = "MT_WITH_WEBP", .check = check, .decode = decode };
#else
const mt_codec mt_codec_webp = { .name = "webp", .build_switch = "MT_WITH_WEBP" };
#endif
