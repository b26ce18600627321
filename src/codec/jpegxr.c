/* SPDX-License-Identifier: BSD-3-Clause */
/* JPEG XR: the container and its pixel formats. Source: ITU-T T.832, annex A. */
#include "codec/codec.h"
#include "base/checked.h"
#include "codec/jpegxr/jpegxr.h"
#include "codec/params.h"

#include <string.h>

enum { TAG_FORMAT = 0xbc01, TAG_WIDTH = 0xbc80, TAG_HEIGHT = 0xbc81 };
enum { TAG_IMAGE = 0xbcc0, TAG_IMAGE_BYTES = 0xbcc1, TAG_ALPHA = 0xbcc2, TAG_ALPHA_BYTES = 0xbcc3 };

/* Supported pixel formats, by the last byte of the GUID; the other bytes are common to all. Output is always RGB: the
 * codestream does not use the order of the format. Padding samples are dropped. */
static const struct pixel_format {
    uint8_t id;
    jxr_color color;
    jxr_depth depth;
    mt_dtype dtype;
    int samples; /* per pixel; alpha, if any, is the last */
    bool has_alpha;
} formats[] = {
    { 0x05, JXR_GRAY, JXR_WHITE_1, MT_UINT8, 1, false },
    { 0x08, JXR_GRAY, JXR_8, MT_UINT8, 1, false },
    { 0x0b, JXR_GRAY, JXR_16, MT_UINT16, 1, false },
    { 0x13, JXR_GRAY, JXR_16_SIGNED, MT_INT16, 1, false },
    { 0x3e, JXR_GRAY, JXR_16_FLOAT, MT_FLOAT16, 1, false },
    { 0x3f, JXR_GRAY, JXR_32_SIGNED, MT_INT32, 1, false },
    { 0x11, JXR_GRAY, JXR_32_FLOAT, MT_FLOAT32, 1, false },
    { 0x0c, JXR_RGB, JXR_8, MT_UINT8, 3, false },
    { 0x0d, JXR_RGB, JXR_8, MT_UINT8, 3, false },
    { 0x0e, JXR_RGB, JXR_8, MT_UINT8, 3, false },
    { 0x15, JXR_RGB, JXR_16, MT_UINT16, 3, false },
    { 0x12, JXR_RGB, JXR_16_SIGNED, MT_INT16, 3, false },
    { 0x40, JXR_RGB, JXR_16_SIGNED, MT_INT16, 3, false },
    { 0x3b, JXR_RGB, JXR_16_FLOAT, MT_FLOAT16, 3, false },
    { 0x42, JXR_RGB, JXR_16_FLOAT, MT_FLOAT16, 3, false },
    { 0x18, JXR_RGB, JXR_32_SIGNED, MT_INT32, 3, false },
    { 0x41, JXR_RGB, JXR_32_SIGNED, MT_INT32, 3, false },
    { 0x1b, JXR_RGB, JXR_32_FLOAT, MT_FLOAT32, 3, false },
    { 0x0f, JXR_RGB, JXR_8, MT_UINT8, 4, true },
    { 0x10, JXR_RGB, JXR_8, MT_UINT8, 4, true },
    { 0x16, JXR_RGB, JXR_16, MT_UINT16, 4, true },
    { 0x17, JXR_RGB, JXR_16, MT_UINT16, 4, true },
    { 0x1d, JXR_RGB, JXR_16_SIGNED, MT_INT16, 4, true },
    { 0x3a, JXR_RGB, JXR_16_FLOAT, MT_FLOAT16, 4, true },
    { 0x1e, JXR_RGB, JXR_32_SIGNED, MT_INT32, 4, true },
    { 0x19, JXR_RGB, JXR_32_FLOAT, MT_FLOAT32, 4, true },
    { 0x1a, JXR_RGB, JXR_32_FLOAT, MT_FLOAT32, 4, true },
    { 0x1c, JXR_CMYK, JXR_8, MT_UINT8, 4, false },
    { 0x1f, JXR_CMYK, JXR_16, MT_UINT16, 4, false },
    { 0x20, JXR_SEPARATE, JXR_8, MT_UINT8, 3, false },
    { 0x21, JXR_SEPARATE, JXR_8, MT_UINT8, 4, false },
    { 0x22, JXR_SEPARATE, JXR_8, MT_UINT8, 5, false },
    { 0x23, JXR_SEPARATE, JXR_8, MT_UINT8, 6, false },
    { 0x24, JXR_SEPARATE, JXR_8, MT_UINT8, 7, false },
    { 0x25, JXR_SEPARATE, JXR_8, MT_UINT8, 8, false },
    { 0x26, JXR_SEPARATE, JXR_16, MT_UINT16, 3, false },
    { 0x27, JXR_SEPARATE, JXR_16, MT_UINT16, 4, false },
    { 0x28, JXR_SEPARATE, JXR_16, MT_UINT16, 5, false },
    { 0x29, JXR_SEPARATE, JXR_16, MT_UINT16, 6, false },
    { 0x2a, JXR_SEPARATE, JXR_16, MT_UINT16, 7, false },
    { 0x2b, JXR_SEPARATE, JXR_16, MT_UINT16, 8, false },
};

#define GUID_BYTES 16
static const uint8_t guid_start[GUID_BYTES - 1] = { 0x24, 0xc3, 0xdd, 0x6f, 0x03, 0x4e, 0xfe, 0x4b,
                                                    0xb1, 0x85, 0x3d, 0x77, 0x76, 0x8d, 0xc9 };

typedef struct span {
    uint32_t offset, bytes;
} span;

typedef struct container {
    const struct pixel_format *format;
    uint8_t guid[GUID_BYTES];
    uint32_t width, height;
    span image, alpha;
} container;

static mt_status find_format(container *c, mt_error *err)
{
    if (memcmp(c->guid, guid_start, sizeof guid_start) != 0)
        return mt_fail(err, MT_E_CORRUPT, "the pixel format is not one of JPEG XR");
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].id == c->guid[GUID_BYTES - 1])
            c->format = &formats[i];
    return c->format ? MT_OK
                     : mt_fail(err, MT_E_UNSUPPORTED, "pixel format %02x of JPEG XR is not supported",
                               c->guid[GUID_BYTES - 1]);
}

static void read_entry(mt_reader *r, const uint8_t *src, size_t size, container *c)
{
    uint16_t tag = mt_read_u16(r), type = mt_read_u16(r);
    uint32_t count = mt_read_u32(r), value = mt_read_u32(r);
    value = type == 3 ? value & 0xffff : value;
    switch (tag) {
    case TAG_FORMAT:
        if (count == GUID_BYTES && value <= size && size - value >= GUID_BYTES)
            memcpy(c->guid, src + value, GUID_BYTES);
        break;
    case TAG_WIDTH: c->width = value; break;
    case TAG_HEIGHT: c->height = value; break;
    case TAG_IMAGE: c->image.offset = value; break;
    case TAG_IMAGE_BYTES: c->image.bytes = value; break;
    case TAG_ALPHA: c->alpha.offset = value; break;
    case TAG_ALPHA_BYTES: c->alpha.bytes = value; break;
    default: break;
    }
}

static mt_status read_container(const uint8_t *src, size_t size, container *c, mt_error *err)
{
    mt_reader r = mt_reader_over(src, size, false);
    if (mt_read_u32(&r) != 0x01bc4949)
        return mt_fail(err, MT_E_CORRUPT, "it does not start as JPEG XR");
    mt_read_seek(&r, mt_read_u32(&r));
    for (unsigned n = mt_read_u16(&r); n > 0 && !r.failed; n--)
        read_entry(&r, src, size, c);
    if (r.failed || c->image.offset == 0)
        return mt_fail(err, MT_E_CORRUPT, "the header is broken");
    return find_format(c, err);
}

static mt_status read_stream(const container *c, const span *s, const uint8_t *src, size_t size, jxr_header *h,
                             mt_error *err)
{
    if (s->offset > size)
        return mt_fail(err, MT_E_CORRUPT, "the codestream lies beyond the end");
    /* Some writers give a size of 0 for a codestream that extends to the end. */
    size_t room = size - s->offset, bytes = s->bytes > 0 && s->bytes < room ? s->bytes : room;
    mt_status st = jxr_header_read(src + s->offset, bytes, h, err);
    if (!st && (h->width != c->width || h->height != c->height))
        st = mt_fail(err, MT_E_CORRUPT, "the codestream is of another image than the container says");
    return st;
}

/* Gray is coded as gray, RGB as gray or with chroma, other formats unchanged. */
static bool is_of_format(const jxr_header *h, const struct pixel_format *f)
{
    const jxr_plane_header *p = &h->planes[0];
    jxr_depth depth = h->depth == JXR_BLACK_1 ? JXR_WHITE_1 : h->depth;
    if (h->color != f->color || depth != f->depth)
        return false;
    return f->color == JXR_RGB ? p->color <= JXR_444 : p->color == f->color && p->channels == f->samples - f->has_alpha;
}

static mt_status check_image(const container *c, const mt_picture_params *p, mt_error *err)
{
    if (c->format->dtype != p->dtype || c->format->samples != p->samples)
        return mt_fail(err, MT_E_CORRUPT, "%d samples of %s, not %lld of %s", c->format->samples,
                       mt_dtype_name(c->format->dtype), (long long)p->samples, mt_dtype_name(p->dtype));
    if (!p->fits && (c->width != (uint64_t)p->width || c->height > (uint64_t)p->height))
        return mt_fail(err, MT_E_CORRUPT, "an image of %u x %u in a chunk of %lld x %lld", c->width, c->height,
                       (long long)p->width, (long long)p->height);
    return MT_OK;
}

static mt_status run(const jxr_header *h, const jxr_target *target, mt_scratch *scratch, mt_error *err)
{
    size_t bytes;
    uint8_t *memory;
    mt_status st = jxr_decoder_size(h, mt_scratch_env(scratch)->limits.max_chunk_bytes, &bytes, err);
    if (!st)
        st = mt_scratch_buffer(scratch, 5, bytes + JXR_ALIGNMENT, &memory, err);
    if (st)
        return st;
    memory += (0 - (uintptr_t)memory) % JXR_ALIGNMENT;
    memset(memory, 0, bytes);
    return jxr_decode(h, memory, target, err);
}

/* Decodes alpha stored as a separate image of one channel. */
static mt_status run_alpha(const container *c, const uint8_t *src, size_t size, jxr_target target, mt_scratch *scratch,
                           mt_error *err)
{
    jxr_header h;
    struct pixel_format alpha = *c->format;
    if (c->alpha.offset == 0)
        return mt_fail(err, MT_E_CORRUPT, "there is no alpha");
    alpha.color = JXR_GRAY;
    alpha.samples = 1;
    alpha.has_alpha = false;
    mt_status st = read_stream(c, &c->alpha, src, size, &h, err);
    if (st)
        return st;
    if (!is_of_format(&h, &alpha) || h.has_alpha)
        return mt_fail(err, MT_E_CORRUPT, "alpha is of another kind than the image");
    target.pixels += (target.samples - 1) * mt_dtype_size(c->format->dtype);
    return run(&h, &target, scratch, err);
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    const mt_picture_params *p = params;
    container c = { 0 };
    jxr_header h;
    uint64_t row, bytes;
    mt_status st = read_container(src, size, &c, err);
    if (st || (st = check_image(&c, p, err)) || (st = read_stream(&c, &c.image, src, size, &h, err)))
        return st;
    if (!is_of_format(&h, c.format))
        return mt_fail(err, MT_E_CORRUPT, "the codestream is of another image than the container says");
    uint64_t height = p->fits ? (uint64_t)p->height : c.height;
    if (mt_mul_u64((uint64_t)p->width, (uint64_t)p->samples * mt_dtype_size(p->dtype), &row) ||
        mt_mul_u64(row, height, &bytes) || bytes > capacity)
        return mt_fail(err, MT_E_CORRUPT, "%lld x %llu pixels in %zu bytes", (long long)p->width,
                       (unsigned long long)height, capacity);
    jxr_target target = { .pixels = dst,
                          .width = (uint32_t)mt_min_i64(p->width, c.width),
                          .height = (uint32_t)mt_min_i64((int64_t)height, c.height),
                          .row_bytes = (size_t)row,
                          .samples = (int)p->samples };
    if (target.width < (uint64_t)p->width || target.height < height)
        memset(dst, 0, (size_t)bytes);
    st = run(&h, &target, scratch, err);
    if (!st && c.format->has_alpha && !h.has_alpha)
        st = run_alpha(&c, src, size, target, scratch, err);
    *written = (size_t)bytes;
    return st;
}

const mt_codec mt_codec_jpegxr = { .name = "jpegxr", .decode = decode };
