/* SPDX-License-Identifier: BSD-3-Clause */
/* Zstandard (RFC 8878): any number of frames, with or without their content size; checksums are verified. */
#include "codec/codec.h"
#include "codec/params.h"

#ifdef MT_WITH_ZSTD
#include <zstd.h>
#include <zstd_errors.h>

static const char decoder, encoder; /* kinds of contexts */
static void *create_decoder(int variant)
{
    (void)variant;
    return ZSTD_createDCtx();
}
static void destroy_decoder(void *context) { ZSTD_freeDCtx(context); }
static void *create_encoder(int variant)
{
    (void)variant;
    return ZSTD_createCCtx();
}
static void destroy_encoder(void *context) { ZSTD_freeCCtx(context); }

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params;
    ZSTD_DCtx *context = mt_scratch_context(scratch, &decoder, 0, create_decoder, destroy_decoder);
    if (!context)
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    *written = ZSTD_decompressDCtx(context, dst, capacity, src, size);
    if (!ZSTD_isError(*written))
        return size > 0 ? MT_OK : mt_fail(err, MT_E_CORRUPT, "no data");
    if (ZSTD_getErrorCode(*written) == ZSTD_error_dstSize_tooSmall)
        return mt_fail(err, MT_E_CORRUPT, "decodes to more than %zu bytes", capacity);
    return mt_fail(err, MT_E_CORRUPT, "%s", ZSTD_getErrorName(*written));
}

static mt_status check(const void *params, mt_error *err)
{
    const mt_zstd_params *p = params;
    if (p && (p->level < ZSTD_minCLevel() || p->level > ZSTD_maxCLevel()))
        return mt_fail(err, MT_E_ARGUMENT, "zstd: a codec level of %d is not between %d and %d", p->level,
                       ZSTD_minCLevel(), ZSTD_maxCLevel());
    return MT_OK;
}

/* The frame has the size of its content: many readers allocate by it. */
static mt_status encode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    const mt_zstd_params zero = { 0 }, *p = params ? params : &zero;
    ZSTD_CCtx *context = mt_scratch_context(scratch, &encoder, 0, create_encoder, destroy_encoder);
    if (!context)
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    size_t n = ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters); /* a failure leaves its session open */
    if (!ZSTD_isError(n))
        n = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, p->level);
    if (!ZSTD_isError(n))
        n = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, p->checksum);
    if (!ZSTD_isError(n))
        n = ZSTD_compress2(context, dst, capacity, src, size);
    if (ZSTD_isError(n)) {
        bool room = ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall;
        return mt_fail(err, room ? MT_E_ARGUMENT : MT_E_MEMORY, "%s", ZSTD_getErrorName(n));
    }
    *written = n;
    return MT_OK;
}

static size_t encoded_bound(const void *params, size_t n)
{
    (void)params;
    return ZSTD_compressBound(n);
}

const mt_codec mt_codec_zstd = { .name = "zstd",
                                 .build_switch = "MT_WITH_ZSTD",
                                 .check = check,
                                 .decode = decode,
                                 .encode = encode,
                                 .encoded_bound = encoded_bound };
#else
const mt_codec mt_codec_zstd = { .name = "zstd", .build_switch = "MT_WITH_ZSTD" };
#endif
