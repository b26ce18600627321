/* SPDX-License-Identifier: BSD-3-Clause */
/* JPEG XR by jxrlib: gray of 8 and 16 bits and float32, RGB of 8 and 16 bits.
 *
 * jxrlib prints what it does not know in a container and asserts what it does not like. So the container and the header
 * of the codestream are checked here, and jxrlib gets a new container with the least in it. Damage behind the headers
 * can still crash it: see SECURITY.md. Source: ITU-T T.832, annex A and clause 8.3. */
#include "codec/codec.h"

#ifdef MT_WITH_JPEGXR
#include "base/checked.h"
#include "base/reader.h"
#include "codec/params.h"

#include <limits.h>
#include <string.h>

#define INITGUID
#include <JXRGlue.h>

enum { TAG_FORMAT = 0xbc01, TAG_WIDTH = 0xbc80, TAG_HEIGHT = 0xbc81, TAG_OFFSET = 0xbcc0, TAG_BYTES = 0xbcc1 };

/* The pixel formats that are read: the last byte of a GUID whose other bytes are all alike, and how the codestream
 * numbers color format and bit depth. bgr: samples stand in that order, and leave as RGB. */
static const struct pixel_format {
    uint8_t id, color, depth;
    mt_dtype dtype;
    int samples;
    bool bgr;
} formats[] = {
    { 0x08, 0, 1, MT_UINT8, 1, false }, { 0x0b, 0, 2, MT_UINT16, 1, false }, { 0x11, 0, 7, MT_FLOAT32, 1, false },
    { 0x0c, 7, 1, MT_UINT8, 3, true },  { 0x0d, 7, 1, MT_UINT8, 3, false },  { 0x15, 7, 2, MT_UINT16, 3, false },
};

#define GUID_BYTES 16
static const uint8_t guid_start[GUID_BYTES - 1] = { 0x24, 0xc3, 0xdd, 0x6f, 0x03, 0x4e, 0xfe, 0x4b,
                                                    0xb1, 0x85, 0x3d, 0x77, 0x76, 0x8d, 0xc9 };

typedef struct container {
    const struct pixel_format *format;
    uint8_t guid[GUID_BYTES];
    uint32_t width, height;
    const uint8_t *stream;
    size_t stream_size;
} container;

static mt_status find_format(container *c, mt_error *err)
{
    if (memcmp(c->guid, guid_start, sizeof guid_start) != 0)
        return mt_fail(err, MT_E_CORRUPT, "the pixel format is none of JPEG XR");
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].id == c->guid[GUID_BYTES - 1])
            c->format = &formats[i];
    return c->format
               ? MT_OK
               : mt_fail(err, MT_E_UNSUPPORTED, "pixel format %02x of JPEG XR is not read", c->guid[GUID_BYTES - 1]);
}

static void read_entry(mt_reader *r, const uint8_t *src, size_t size, container *c, uint32_t *offset, uint32_t *bytes)
{
    uint16_t tag = mt_read_u16(r), type = mt_read_u16(r);
    uint32_t count = mt_read_u32(r), value = mt_read_u32(r);
    value = type == 3 ? value & 0xffff : value;
    if (tag == TAG_FORMAT && count == GUID_BYTES && value <= size && size - value >= GUID_BYTES)
        memcpy(c->guid, src + value, GUID_BYTES);
    if (tag == TAG_WIDTH)
        c->width = value;
    if (tag == TAG_HEIGHT)
        c->height = value;
    if (tag == TAG_OFFSET)
        *offset = value;
    if (tag == TAG_BYTES)
        *bytes = value;
}

static mt_status read_container(const uint8_t *src, size_t size, container *c, mt_error *err)
{
    uint32_t offset = 0, bytes = 0;
    mt_reader r = mt_reader_over(src, size, false);
    if (mt_read_u32(&r) != 0x01bc4949)
        return mt_fail(err, MT_E_CORRUPT, "it does not start as JPEG XR");
    mt_read_seek(&r, mt_read_u32(&r));
    for (unsigned n = mt_read_u16(&r); n > 0 && !r.failed; n--)
        read_entry(&r, src, size, c, &offset, &bytes);
    if (r.failed || offset == 0 || offset > size)
        return mt_fail(err, MT_E_CORRUPT, "the header is broken");
    /* Some writers give a size of 0 for what reaches to the end. */
    c->stream = src + offset;
    c->stream_size = bytes > 0 && bytes < size - offset ? bytes : size - offset;
    return find_format(c, err);
}

/* The numbers of tiles less one in 12 bits each, and the sizes of all tiles but the last of each direction. */
static void skip_tiles(mt_reader *r, bool short_header)
{
    size_t vertical = (size_t)mt_read_u8(r) << 4, horizontal = mt_read_u16(r);
    vertical |= horizontal >> 12;
    horizontal &= 0xfff;
    mt_read_skip(r, (vertical + horizontal) * (short_header ? 1 : 2));
}

/* Whether the header of the image plane, in jxrlib's hands, leads where it is at home: gray is coded as gray, RGB as
 * one of the YUV formats, and there are four kinds of missing bands. */
static bool is_known_plane(const container *c, uint8_t header)
{
    int internal = header >> 5, bands = header & 15;
    return bands <= 3 && (c->format->samples == 1 ? internal == 0 : internal >= 1 && internal <= 3);
}

/* The codestream must be of the image that the container tells of: jxrlib takes both on trust. */
static mt_status check_stream(const container *c, mt_error *err)
{
    enum { TILING = 0x80, SHORT = 0x80, WINDOWING = 0x20, ALPHA = 0x01 };
    mt_reader r = mt_reader_over(c->stream, c->stream_size, true);
    const uint8_t *magic = mt_read_bytes(&r, 8);
    mt_read_skip(&r, 1);
    bool tiling = mt_read_u8(&r) & TILING;
    uint8_t flags = mt_read_u8(&r), format = mt_read_u8(&r);
    bool is_short = flags & SHORT;
    uint64_t width = (uint64_t)(is_short ? mt_read_u16(&r) : mt_read_u32(&r)) + 1;
    uint64_t height = (uint64_t)(is_short ? mt_read_u16(&r) : mt_read_u32(&r)) + 1;
    if (tiling)
        skip_tiles(&r, is_short);
    uint8_t plane = mt_read_u8(&r);
    if (r.failed || memcmp(magic, "WMPHOTO", 8) != 0)
        return mt_fail(err, MT_E_CORRUPT, "the codestream is broken");
    if (flags & (WINDOWING | ALPHA))
        return mt_fail(err, MT_E_UNSUPPORTED, "JPEG XR with a window or an alpha plane is not read");
    if (width != c->width || height != c->height || format >> 4 != c->format->color ||
        (format & 15) != c->format->depth || !is_known_plane(c, plane))
        return mt_fail(err, MT_E_CORRUPT, "the codestream is of another image than the container says");
    return MT_OK;
}

static mt_status check_image(const container *c, const mt_picture_params *p, size_t capacity, size_t *row,
                             mt_error *err)
{
    if (c->format->dtype != p->dtype || c->format->samples != p->samples)
        return mt_fail(err, MT_E_CORRUPT, "%d samples of %s, not %lld of %s", c->format->samples,
                       mt_dtype_name(c->format->dtype), (long long)p->samples, mt_dtype_name(p->dtype));
    *row = (size_t)c->width * (size_t)p->samples * mt_dtype_size(p->dtype);
    size_t place = (size_t)(p->width * p->height * p->samples) * mt_dtype_size(p->dtype);
    bool fits = p->fit ? place == capacity
                       : c->width == (uint64_t)p->width && c->height <= (uint64_t)p->height &&
                             (uint64_t)c->height * *row <= capacity;
    if (!fits || c->width < 1 || c->height < 1 || *row > INT_MAX || c->height > INT_MAX)
        return mt_fail(err, MT_E_CORRUPT, "an image of %u x %u in a chunk of %lld x %lld", c->width, c->height,
                       (long long)p->width, (long long)p->height);
    return MT_OK;
}

#define CLEAN_HEAD (8 + 2 + 5 * 12 + 4 + GUID_BYTES)

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint8_t *put_entry(uint8_t *p, uint32_t tag, uint32_t type, uint32_t count, uint32_t value)
{
    put32(p, tag | type << 16);
    put32(p + 4, count);
    put32(p + 8, value);
    return p + 12;
}

/* A container with nothing in it that need not be, of CLEAN_HEAD + stream_size bytes. */
static void write_clean(const container *c, uint8_t *out)
{
    put32(out, 0x01bc4949);
    put32(out + 4, 8);
    out[8] = 5;
    out[9] = 0;
    uint8_t *p = out + 10;
    p = put_entry(p, TAG_FORMAT, 1, GUID_BYTES, CLEAN_HEAD - GUID_BYTES);
    p = put_entry(p, TAG_WIDTH, 4, 1, c->width);
    p = put_entry(p, TAG_HEIGHT, 4, 1, c->height);
    p = put_entry(p, TAG_OFFSET, 4, 1, CLEAN_HEAD);
    p = put_entry(p, TAG_BYTES, 4, 1, (uint32_t)c->stream_size);
    put32(p, 0);
    memcpy(p + 4, c->guid, GUID_BYTES);
    memcpy(out + CLEAN_HEAD, c->stream, c->stream_size);
}

static mt_status run_jxrlib(const container *c, uint8_t *clean, size_t clean_size, uint8_t *dst, size_t row,
                            mt_error *err)
{
    PKImageDecode *decoder = NULL;
    struct WMPStream *stream = NULL;
    if (CreateWS_Memory(&stream, clean, clean_size) != WMP_errSuccess)
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    PKRect whole = { 0, 0, (I32)c->width, (I32)c->height };
    mt_status st = MT_OK;
    if (PKImageDecode_Create_WMP(&decoder) != WMP_errSuccess)
        st = mt_fail(err, MT_E_MEMORY, "out of memory");
    else if (decoder->Initialize(decoder, stream) != WMP_errSuccess ||
             decoder->Copy(decoder, &whole, dst, (U32)row) != WMP_errSuccess)
        st = mt_fail(err, MT_E_CORRUPT, "the compressed data is broken");
    if (decoder)
        decoder->Release(&decoder);
    stream->Close(&stream);
    return st;
}

static void swap_red_and_blue(uint8_t *p, size_t pixels)
{
    for (; pixels > 0; pixels--, p += 3) {
        uint8_t blue = p[0];
        p[0] = p[2];
        p[2] = blue;
    }
}

/* An image of another size than its place goes there by way of a buffer. */
static mt_status run_fitting(const container *c, const mt_picture_params *p, uint8_t *clean, size_t clean_size,
                             uint8_t *dst, size_t capacity, size_t row, size_t *written, mt_scratch *scratch,
                             mt_error *err)
{
    uint8_t *pixels = dst;
    size_t bytes, limit = mt_scratch_env(scratch)->limits.max_chunk_bytes;
    bool other = p->fit && (c->width != (uint64_t)p->width || c->height != (uint64_t)p->height);
    if (mt_mul_size(row, c->height, &bytes) || (other && bytes > limit))
        return mt_fail(err, MT_E_LIMIT, "an image of %u x %u is more than max_chunk_bytes (%zu)", c->width, c->height,
                       limit);
    mt_status st = other ? mt_scratch_buffer(scratch, 5, bytes, &pixels, err) : MT_OK;
    if (st || (st = run_jxrlib(c, clean, clean_size, pixels, row, err)))
        return st;
    if (c->format->bgr)
        swap_red_and_blue(pixels, bytes / 3);
    *written = other ? capacity : bytes;
    if (other)
        mt_fit_picture(p, pixels, c->width, c->height, dst);
    return MT_OK;
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    container c = { 0 };
    size_t row;
    void *clean;
    mt_status st = read_container(src, size, &c, err);
    if (st || (st = check_image(&c, params, capacity, &row, err)) || (st = check_stream(&c, err)))
        return st;
    mt_env *env = mt_scratch_env(scratch);
    if (c.stream_size > INT_MAX)
        return mt_fail(err, MT_E_UNSUPPORTED, "JPEG XR of more than 2 GB is not read");
    if ((st = mt_alloc(env, CLEAN_HEAD + c.stream_size, &clean, err)))
        return st;
    write_clean(&c, clean);
    st = run_fitting(&c, params, clean, CLEAN_HEAD + c.stream_size, dst, capacity, row, written, scratch, err);
    mt_release(env, clean, CLEAN_HEAD + c.stream_size);
    return st;
}

const mt_codec mt_codec_jpegxr = { .name = "jpegxr", .build_switch = "MT_WITH_JPEGXR", .decode = decode };
#else
const mt_codec mt_codec_jpegxr = { .name = "jpegxr", .build_switch = "MT_WITH_JPEGXR" };
#endif
