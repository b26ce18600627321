/* SPDX-License-Identifier: BSD-3-Clause */
/* PackBits of TIFF 6.0, section 9: a byte n and n + 1 literal bytes, or a byte -n and one byte to repeat n + 1
 * times. */
#include "codec/codec.h"

#include <string.h>

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch;
    size_t n = 0, at = 0;
    while (at < size && n < capacity) {
        uint8_t head = src[at++];
        if (head == 0x80)
            continue;
        bool repeat = head > 0x80;
        size_t length = repeat ? 257u - head : head + 1u;
        size_t needed = repeat ? 1 : length;
        if (size - at < needed)
            return mt_fail(err, MT_E_CORRUPT, "the data ends inside a run");
        if (length > capacity - n)
            length = capacity - n; /* padding after the last row */
        if (repeat)
            memset(dst + n, src[at], length);
        else
            memcpy(dst + n, src + at, length);
        at += needed;
        n += length;
    }
    *written = n;
    return MT_OK;
}

const mt_codec mt_codec_tiff_packbits = { .name = "tiff_packbits", .decode = decode };
