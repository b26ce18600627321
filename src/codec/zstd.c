/* SPDX-License-Identifier: BSD-3-Clause */
/* Zstandard (RFC 8878): any number of frames, with or without their content size; checksums are verified. */
#include "codec/codec.h"

#ifdef MT_WITH_ZSTD
#include <zstd.h>
#include <zstd_errors.h>

static const char kind;
static void *create(void) { return ZSTD_createDCtx(); }
static void destroy(void *context) { ZSTD_freeDCtx(context); }

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params;
    ZSTD_DCtx *context = mt_scratch_context(scratch, &kind, create, destroy);
    if (!context)
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    *written = ZSTD_decompressDCtx(context, dst, capacity, src, size);
    if (!ZSTD_isError(*written))
        return size > 0 ? MT_OK : mt_fail(err, MT_E_CORRUPT, "no data");
    if (ZSTD_getErrorCode(*written) == ZSTD_error_dstSize_tooSmall)
        return mt_fail(err, MT_E_CORRUPT, "decodes to more than %zu bytes", capacity);
    return mt_fail(err, MT_E_CORRUPT, "%s", ZSTD_getErrorName(*written));
}

const mt_codec mt_codec_zstd = { .name = "zstd", .build_switch = "MT_WITH_ZSTD", .decode = decode };
#else
const mt_codec mt_codec_zstd = { .name = "zstd", .build_switch = "MT_WITH_ZSTD" };
#endif
