/* SPDX-License-Identifier: BSD-3-Clause */
/* LZMA and xz by liblzma: the formats of Python's lzma module, and of TIFF (xz). */
#include "codec/codec.h"

#ifdef MT_WITH_LZMA
#include "codec/params.h"

#include <lzma.h>

#define MEMORY_LIMIT ((uint64_t)256 << 20)

enum { ANY, XZ, ALONE, RAW };

/* Starts a raw stream. The last filter is LZMA1 or LZMA2. */
static lzma_ret start_raw(lzma_stream *stream, const mt_lzma_params *params)
{
    lzma_filter filters[MT_MAX_LZMA_FILTERS + 1];
    lzma_options_lzma lzma[MT_MAX_LZMA_FILTERS];
    lzma_options_delta delta[MT_MAX_LZMA_FILTERS];
    for (int i = 0; i < params->n_filters; i++) {
        filters[i] = (lzma_filter) { params->filters[i].id, NULL };
        if (filters[i].id == LZMA_FILTER_DELTA) {
            delta[i] = (lzma_options_delta) { .type = LZMA_DELTA_TYPE_BYTE, .dist = params->filters[i].distance };
            filters[i].options = &delta[i];
        } else if (filters[i].id == LZMA_FILTER_LZMA1 || filters[i].id == LZMA_FILTER_LZMA2) {
            lzma_lzma_preset(&lzma[i], LZMA_PRESET_DEFAULT);
            if (params->filters[i].dict_size)
                lzma[i].dict_size = params->filters[i].dict_size;
            if (filters[i].id == LZMA_FILTER_LZMA1 && params->filters[i].pb <= LZMA_PB_MAX) {
                lzma[i].lc = params->filters[i].lc;
                lzma[i].lp = params->filters[i].lp;
                lzma[i].pb = params->filters[i].pb;
            }
            filters[i].options = &lzma[i];
        }
    }
    filters[params->n_filters] = (lzma_filter) { LZMA_VLI_UNKNOWN, NULL };
    uint64_t memory = lzma_raw_decoder_memusage(filters);
    if (memory == UINT64_MAX)
        return LZMA_OPTIONS_ERROR;
    if (memory > MEMORY_LIMIT)
        return LZMA_MEMLIMIT_ERROR;
    return lzma_raw_decoder(stream, filters);
}

static lzma_ret start(lzma_stream *stream, const mt_lzma_params *params)
{
    switch (params ? params->format : ANY) {
    case XZ: return lzma_stream_decoder(stream, MEMORY_LIMIT, LZMA_CONCATENATED);
    case ALONE: return lzma_alone_decoder(stream, MEMORY_LIMIT);
    case RAW: return start_raw(stream, params);
    default: return lzma_auto_decoder(stream, MEMORY_LIMIT, 0);
    }
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_ret result = start(&stream, params);
    stream.next_in = src;
    stream.avail_in = size;
    stream.next_out = dst;
    stream.avail_out = capacity;
    while (result == LZMA_OK)
        result = lzma_code(&stream, LZMA_FINISH);
    *written = capacity - stream.avail_out;
    bool full = stream.avail_out == 0 && stream.avail_in > 0;
    lzma_end(&stream);
    if (result == LZMA_STREAM_END)
        return MT_OK;
    if (result == LZMA_MEM_ERROR)
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    if (result == LZMA_MEMLIMIT_ERROR)
        return mt_fail(err, MT_E_LIMIT, "decoding takes more than %u MiB", (unsigned)(MEMORY_LIMIT >> 20));
    if (result == LZMA_OPTIONS_ERROR)
        return mt_fail(err, MT_E_UNSUPPORTED, "liblzma does not support these filters");
    if (full)
        return mt_fail(err, MT_E_CORRUPT, "decodes to more than %zu bytes", capacity);
    return mt_fail(err, MT_E_CORRUPT, "the compressed data is broken");
}

const mt_codec mt_codec_lzma = { .name = "lzma", .build_switch = "MT_WITH_LZMA", .decode = decode };
#else
const mt_codec mt_codec_lzma = { .name = "lzma", .build_switch = "MT_WITH_LZMA" };
#endif
