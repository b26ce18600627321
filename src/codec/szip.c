/* SPDX-License-Identifier: BSD-3-Clause */
/* Szip as HDF5 writes it (H5Zszip.c), by the szip interface of libaec: the decoded size in four bytes, then the data. */
#include "codec/codec.h"

#ifdef MT_WITH_SZIP
#include "base/reader.h"
#include "codec/params.h"

#include <szlib.h>

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_szip_params *p = params;
    if (size < 4)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes are no data", size);
    size_t expected = mt_load_u32le(src);
    if (expected > capacity)
        return mt_fail(err, MT_E_CORRUPT, "decodes to %zu bytes, more than %zu", expected, capacity);
    if (p->bits < 1 || p->bits > 64 || p->block_pixels < 2 || p->block_pixels > 32 || p->block_pixels % 2 ||
        p->line_pixels < 1 || p->line_pixels > 32 * 128)
        return mt_fail(err, MT_E_CORRUPT, "%u bits, %u pixels a block, %u a line", p->bits, p->block_pixels,
                       p->line_pixels);
    SZ_com_t options = { .options_mask = (int)p->options,
                         .bits_per_pixel = (int)p->bits,
                         .pixels_per_block = (int)p->block_pixels,
                         .pixels_per_scanline = (int)p->line_pixels };
    *written = expected;
    int result = SZ_BufftoBuffDecompress(dst, written, src + 4, size - 4, &options);
    if (result == SZ_MEM_ERROR)
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    if (result != SZ_OK || *written != expected)
        return mt_fail(err, MT_E_CORRUPT, "the data is broken");
    return MT_OK;
}

const mt_codec mt_codec_szip = { .name = "szip", .build_switch = "MT_WITH_SZIP", .decode = decode };
#else
const mt_codec mt_codec_szip = { .name = "szip", .build_switch = "MT_WITH_SZIP" };
#endif
