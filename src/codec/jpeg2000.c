/* SPDX-License-Identifier: BSD-3-Clause */
/* JPEG 2000 by OpenJPEG: codestreams (J2K) and files (JP2), up to 16 bits per sample. */
#include "codec/codec.h"

#ifdef MT_WITH_JPEG2000
#include "codec/params.h"

#include <math.h>
#include <openjpeg.h>
#include <stdio.h>
#include <string.h>

typedef struct bytes {
    const uint8_t *data;
    size_t size, at;
} bytes;

static OPJ_SIZE_T read_bytes(void *out, OPJ_SIZE_T n, void *user)
{
    bytes *b = user;
    if (b->at >= b->size)
        return (OPJ_SIZE_T)-1;
    if (n > b->size - b->at)
        n = b->size - b->at;
    memcpy(out, b->data + b->at, n);
    b->at += n;
    return n;
}

static OPJ_OFF_T skip_bytes(OPJ_OFF_T n, void *user)
{
    bytes *b = user;
    if (n < 0 || (uint64_t)n > b->size - b->at)
        return -1;
    b->at += (size_t)n;
    return n;
}

static OPJ_BOOL seek_bytes(OPJ_OFF_T at, void *user)
{
    bytes *b = user;
    if (at < 0 || (uint64_t)at > b->size)
        return OPJ_FALSE;
    b->at = (size_t)at;
    return OPJ_TRUE;
}

static void take_message(const char *message, void *user)
{
    mt_fail(user, MT_E_CORRUPT, "%.*s", (int)strcspn(message, "\n"), message);
}

static mt_status check_image(const opj_image_t *image, const mt_picture_params *p, mt_error *err)
{
    if (mt_dtype_size(p->dtype) > 2)
        return mt_fail(err, MT_E_CORRUPT, "JPEG 2000 of %s", mt_dtype_name(p->dtype));
    if ((int64_t)image->numcomps != p->samples)
        return mt_fail(err, MT_E_CORRUPT, "%u components, not %lld", image->numcomps, (long long)p->samples);
    for (OPJ_UINT32 c = 0; c < image->numcomps; c++) {
        const opj_image_comp_t *component = &image->comps[c];
        if (component->dx != 1 || component->dy != 1)
            return mt_fail(err, MT_E_UNSUPPORTED, "subsampled components of JPEG 2000 are not supported");
        if ((int64_t)component->w != p->width || (int64_t)component->h > p->height ||
            component->prec > 8 * mt_dtype_size(p->dtype))
            return mt_fail(err, MT_E_CORRUPT, "an image of %u x %u of %u bits in a chunk of %lld x %lld", component->w,
                           component->h, component->prec, (long long)p->width, (long long)p->height);
    }
    return MT_OK;
}

static uint8_t clamp(double v) { return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)lround(v); }

/* Converts YCbCr (ITU-R BT.601, full range) to RGB, for Aperio's compression 33003. */
static void to_rgb(uint8_t *p, size_t n)
{
    for (; n > 0; n--, p += 3) {
        double y = p[0], b = p[1] - 128.0, r = p[2] - 128.0;
        p[0] = clamp(y + 1.402 * r);
        p[1] = clamp(y - 0.344136 * b - 0.714136 * r);
        p[2] = clamp(y + 1.772 * b);
    }
}

static mt_status copy_out(const opj_image_t *image, const mt_picture_params *p, uint8_t *dst, size_t capacity,
                          size_t *written, mt_error *err)
{
    size_t size = mt_dtype_size(p->dtype), samples = (size_t)p->samples;
    size_t n = (size_t)image->comps[0].w * image->comps[0].h;
    if (n * samples * size > capacity)
        return mt_fail(err, MT_E_CORRUPT, "decodes to %zu bytes, more than %zu", n * samples * size, capacity);
    for (size_t c = 0; c < samples; c++)
        for (size_t i = 0; i < n; i++) {
            uint16_t wide = (uint16_t)image->comps[c].data[i];
            uint8_t narrow = (uint8_t)wide;
            memcpy(dst + (i * samples + c) * size, size == 1 ? (void *)&narrow : (void *)&wide, size);
        }
    if (p->ycbcr && samples == 3 && size == 1)
        to_rgb(dst, n);
    *written = n * samples * size;
    return MT_OK;
}

static mt_status read_image(opj_codec_t *codec, opj_stream_t *stream, const mt_picture_params *p, uint8_t *dst,
                            size_t capacity, size_t *written, mt_error *err)
{
    opj_image_t *image = NULL;
    mt_status st = MT_OK;
    if (!opj_read_header(stream, codec, &image))
        st = mt_fail(err, MT_E_CORRUPT, "the header is broken");
    if (!st)
        st = check_image(image, p, err);
    if (!st && (!opj_decode(codec, stream, image) || !opj_end_decompress(codec, stream)))
        st = mt_fail(err, MT_E_CORRUPT, "the compressed data is broken");
    for (OPJ_UINT32 c = 0; !st && c < image->numcomps; c++)
        if (!image->comps[c].data)
            st = mt_fail(err, MT_E_CORRUPT, "component %u is missing", c);
    if (!st)
        st = copy_out(image, p, dst, capacity, written, err);
    opj_image_destroy(image);
    return st;
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    bytes b = { src, size, 0 };
    bool codestream = size >= 2 && src[0] == 0xff && src[1] == 0x4f;
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    opj_codec_t *codec = opj_create_decompress(codestream ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
    mt_status st = MT_OK;
    if (!codec || !stream)
        st = mt_fail(err, MT_E_MEMORY, "out of memory");
    if (!st) {
        opj_set_error_handler(codec, take_message, err);
        opj_stream_set_user_data(stream, &b, NULL);
        opj_stream_set_user_data_length(stream, size);
        opj_stream_set_read_function(stream, read_bytes);
        opj_stream_set_skip_function(stream, skip_bytes);
        opj_stream_set_seek_function(stream, seek_bytes);
        if (!opj_setup_decoder(codec, &parameters) || !opj_decoder_set_strict_mode(codec, OPJ_TRUE))
            st = mt_fail(err, MT_E_MEMORY, "the decoder cannot be set up");
    }
    if (!st)
        st = read_image(codec, stream, params, dst, capacity, written, err);
    if (stream)
        opj_stream_destroy(stream);
    if (codec)
        opj_destroy_codec(codec);
    return st;
}

const mt_codec mt_codec_jpeg2000 = { .name = "jpeg2000", .build_switch = "MT_WITH_JPEG2000", .decode = decode };
#else
const mt_codec mt_codec_jpeg2000 = { .name = "jpeg2000", .build_switch = "MT_WITH_JPEG2000" };
#endif
