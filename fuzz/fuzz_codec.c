/* SPDX-License-Identifier: BSD-3-Clause */
/* One codec, FUZZ_CODEC. The first bytes of the input choose its parameters and the output size. */
#include "outcome.h"

#include "codec/codec.h"
#include "codec/params.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD 8

/* The parameters of all codecs. */
typedef union params {
    mt_element_params element;
    mt_filter_params filter;
    mt_checksum_params checksum;
    mt_lzma_params lzma;
    mt_row_params rows;
    mt_picture_params picture;
    mt_szip_params szip;
    mt_packed_params packed;
    mt_scaleoffset_params scaleoffset;
    mt_bitshuffle_params bitshuffle;
    mt_samples_params samples;
    mt_constant_params constant;
    mt_block_params block;
} params;

static mt_stored_type stored_type(uint8_t byte)
{
    return (mt_stored_type) { .dtype = (mt_dtype)(1 + byte % 12), .big_endian = byte & 16 };
}

static bool is(const char *name) { return strcmp(FUZZ_CODEC, name) == 0; }

/* A block of two dimensions, at any place of its border. */
static mt_block_params block_params(const uint8_t *head)
{
    static const char *const codecs[] = { "gzip", "zlib", "bz2", "lzma", "n5_lz4", "blosc", "zstd", "jpeg" };
    const char *name = head[0] % 9 ? codecs[head[0] % 9 - 1] : "";
    int64_t width = 1 + head[1] % 64, height = 1 + head[2] % 64;
    const mt_codec *codec = mt_codec_find(name);
    return (mt_block_params) { .ndim = 2,
                               .element_size = strcmp(name, "jpeg") == 0 ? 1 : (size_t)1 << head[3] % 4,
                               .extent = { width, height },
                               .least = { 1 + head[4] % width, 1 + (head[4] >> 4) % height },
                               .codec = codec && codec->decode ? codec : NULL };
}

/* Messages of the others are those of libraries. */
static bool words_its_messages(void)
{
    static const char *const others[] = {
        "jpeg", "jpeg2000", "webp", "lerc", "blosc", "zstd", "lzma", "bz2", "n5_block"
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (is(others[i]))
            return false;
    return true;
}

static params make_params(const uint8_t *head)
{
    params p;
    memset(&p, 0, sizeof p);
    if (is("shuffle") || is("byteswap"))
        p.element.element_size = (size_t)1 << head[0] % 4;
    else if (is("delta") || is("fixedscaleoffset") || is("astype") || is("quantize") || is("scaled"))
        p.filter = (mt_filter_params) { stored_type(head[0]), stored_type(head[1]), head[2] / 3.0, 1 + head[3] / 7.0 };
    else if (is("crc32c") || is("crc32") || is("adler32") || is("fletcher32"))
        p.checksum.at_start = head[0] & 1;
    else if (is("lzma"))
        p.lzma.format = head[0] % 3;
    else if (is("predictor2") || is("predictor3") || is("unpack_bits"))
        p.rows = (mt_row_params) { .width = 1 + head[0] % 64,
                                   .samples = 1 + head[1] % 4,
                                   .bits = is("unpack_bits") ? 1 + head[2] % 64 : 8 << head[2] % 4,
                                   .is_signed = head[3] & 1,
                                   .big_endian = head[3] & 2 };
    else if (is("szip"))
        p.szip = (mt_szip_params) { head[0], 2 + head[1] % 32, 1 + head[2] % 64, 1 + head[3] * 16 };
    else if (is("nbit"))
        p.packed = (mt_packed_params) {
            .is_signed = head[0] & 1, .raw = head[0] & 2, .count = head[1], .element_size = 8, .bits = 1 + head[2] % 64
        };
    else if (is("scaleoffset"))
        p.scaleoffset = (mt_scaleoffset_params) { .is_float = head[0] & 1,
                                                  .decimals = head[1] % 20,
                                                  .count = head[2],
                                                  .element_size = (size_t)4 << head[3] % 2,
                                                  .has_fill = head[4] & 1,
                                                  .fill = head[5] };
    else if (is("bgr"))
        p.samples = (mt_samples_params) { 1 + head[0] % 4, 3 + head[1] % 2 };
    else if (is("constant"))
        p.constant = (mt_constant_params) { .element_size = 1 + head[0] % 8 };
    else if (is("bitshuffle"))
        p.bitshuffle = (mt_bitshuffle_params) { .element_size = 1 + head[0] % 9,
                                                .block = 8 * (head[1] % 32),
                                                .compressor = head[2] % 3 == 0   ? MT_BLOCKS_RAW
                                                              : head[2] % 3 == 1 ? MT_BLOCKS_LZ4
                                                                                 : MT_BLOCKS_ZSTD };
    else if (is("n5_block"))
        p.block = block_params(head);
    else
        p.picture = (mt_picture_params) { .width = 1 + head[0] % 64,
                                          .height = 1 + head[1] % 64,
                                          .samples = 1 + head[2] % 4,
                                          .dtype = stored_type(head[3]).dtype,
                                          .ycbcr = head[4] & 1,
                                          .fits = head[4] & 2,
                                          .tables = (const uint8_t *)"",
                                          .headless = head[4] & 4 };
    return p;
}

static void decode_part(const mt_codec *codec, const params *p, const uint8_t *data, size_t size, uint8_t *out,
                        size_t capacity, mt_scratch *scratch)
{
    size_t from = capacity / 3, to = capacity - capacity / 4;
    mt_error err = MT_ERROR_INIT;
    memset(out, 0, capacity);
    mt_status st = codec->decode_part(p, data, size, out, capacity, from, to, scratch, &err);
    outcome_status(st, words_its_messages() ? &err : NULL);
    outcome_bytes(out + from, st ? 0 : to - from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mt_env env;
    static mt_scratch *scratch;
    const mt_codec *codec = mt_codec_find(FUZZ_CODEC);
    if (!scratch) {
        mt_env_init(&env, NULL, NULL);
        if (mt_scratch_new(&env, &scratch, NULL))
            return 0;
    }
    if (size < HEAD || !codec || !codec->decode)
        return 0;
    params p = make_params(data);
    size_t capacity = (size_t)data[5] | (size_t)data[6] << 8, written = 0;
    /* Exact size, so that the sanitizer detects writes past the end. */
    uint8_t *out = calloc(1, capacity ? capacity : 1);
    mt_error err = MT_ERROR_INIT;
    if (!out)
        return 0;
    mt_status st = codec->decode(&p, data + HEAD, size - HEAD, out, capacity, &written, scratch, &err);
    if (st == MT_OK && written > capacity)
        __builtin_trap();
    outcome_status(st, words_its_messages() ? &err : NULL);
    outcome_number(st ? 0 : (int64_t)written);
    outcome_bytes(out, st ? 0 : written);
    if (codec->decode_part)
        decode_part(codec, &p, data + HEAD, size - HEAD, out, capacity, scratch);
    free(out);
    return 0;
}
