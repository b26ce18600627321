/* SPDX-License-Identifier: BSD-3-Clause */
/* 8-bit JPEG by libjpeg-turbo, with the separate tables of TIFF's tag 347, if any. */
#include "codec/codec.h"

#ifdef MT_WITH_JPEG
#include "codec/params.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

/* Each scan of a progressive stream visits the whole image but may take only a few bytes. Encoders write about ten. */
#define MAX_SCANS 500

typedef struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr manager;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    mt_error *err;
} decoder;

static void fail_hard(j_common_ptr jpeg)
{
    decoder *d = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    mt_fail(d->err, MT_E_CORRUPT, "%s", text);
    longjmp(d->failed, 1);
}

/* After a warning (truncated data, a bad code), libjpeg invents pixels. */
static void fail_on_warning(j_common_ptr jpeg, int level)
{
    if (level < 0)
        fail_hard(jpeg);
}

static void watch_scans(j_common_ptr jpeg)
{
    decoder *d = jpeg->client_data;
    if (d->jpeg.input_scan_number <= MAX_SCANS)
        return;
    mt_fail(d->err, MT_E_LIMIT, "more than %d scans", MAX_SCANS);
    longjmp(d->failed, 1);
}

static void be_silent(j_common_ptr jpeg) { (void)jpeg; }

static void read_tables(decoder *d, const mt_picture_params *p)
{
    if (!p->tables || p->headless)
        return;
    jpeg_mem_src(&d->jpeg, p->tables, (unsigned long)p->tables_size);
    jpeg_read_header(&d->jpeg, FALSE);
}

static mt_status check_header(decoder *d, const mt_picture_params *p)
{
    const struct jpeg_decompress_struct *j = &d->jpeg;
    if ((int64_t)j->image_width != p->width || (int64_t)j->image_height > p->height + 16)
        return mt_fail(d->err, MT_E_CORRUPT, "an image of %u x %u in a chunk of %lld x %lld", j->image_width,
                       j->image_height, (long long)p->width, (long long)p->height);
    if (j->num_components != p->samples)
        return mt_fail(d->err, MT_E_CORRUPT, "%d components, not %lld", j->num_components, (long long)p->samples);
    if (j->data_precision != 8)
        return mt_fail(d->err, MT_E_UNSUPPORTED, "JPEG of %d bits is not supported", j->data_precision);
    return MT_OK;
}

/* The colour space comes from TIFF, not from the stream. */
static void choose_colors(decoder *d, const mt_picture_params *p)
{
    if (d->jpeg.num_components != 3) {
        d->jpeg.out_color_space = d->jpeg.jpeg_color_space;
        return;
    }
    d->jpeg.jpeg_color_space = p->ycbcr ? JCS_YCbCr : JCS_RGB;
    d->jpeg.out_color_space = JCS_RGB;
}

/* libjpeg invents components that no scan has. Those that one has got their quantizers when it began. */
static mt_status check_scans(const decoder *d)
{
    for (int i = 0; i < d->jpeg.num_components; i++)
        if (!d->jpeg.comp_info[i].quant_table)
            return mt_fail(d->err, MT_E_CORRUPT, "no scan has component %d of %d", i + 1, d->jpeg.num_components);
    return MT_OK;
}

static size_t read_rows(decoder *d, const mt_picture_params *p, uint8_t *dst, size_t capacity)
{
    size_t row = (size_t)(p->width * p->samples), n = 0;
    while (d->jpeg.output_scanline < d->jpeg.output_height && capacity - n >= row) {
        JSAMPROW at = dst + n;
        n += row * jpeg_read_scanlines(&d->jpeg, &at, 1);
    }
    return n;
}

static mt_status check(const void *params, mt_error *err)
{
    const mt_picture_params *p = params;
    if (p->dtype != MT_UINT8)
        return mt_fail(err, MT_E_UNSUPPORTED, "JPEG of %s is not supported", mt_dtype_name(p->dtype));
    if (p->samples > MAX_COMPONENTS)
        return mt_fail(err, MT_E_UNSUPPORTED, "JPEG of %lld samples is not supported", (long long)p->samples);
    return MT_OK;
}

/* Makes a stream of a restart interval: between its head and an end. The marker of the next interval is dropped. */
static mt_status add_head(const mt_picture_params *p, const uint8_t **src, size_t *size, mt_scratch *scratch,
                          mt_error *err)
{
    static const uint8_t end[2] = { 0xff, 0xd9 };
    uint8_t *stream;
    size_t n = *size;
    if (n >= 2 && (*src)[n - 2] == 0xff && ((*src)[n - 1] & 0xf8) == 0xd0)
        n -= 2;
    mt_status st = mt_scratch_buffer(scratch, 5, p->tables_size + n + sizeof end, &stream, err);
    if (st)
        return st;
    memcpy(stream, p->tables, p->tables_size);
    memcpy(stream + p->tables_size, *src, n);
    memcpy(stream + p->tables_size + n, end, sizeof end);
    *src = stream;
    *size = p->tables_size + n + sizeof end;
    return MT_OK;
}

static mt_status decode_stream(const mt_picture_params *p, const uint8_t *src, size_t size, uint8_t *dst,
                               size_t capacity, size_t *written, mt_error *err)
{
    mt_error local = MT_ERROR_INIT;
    decoder d = { .err = &local };
    volatile mt_status st = MT_E_CORRUPT;
    d.jpeg.err = jpeg_std_error(&d.manager);
    d.manager.error_exit = fail_hard;
    d.manager.emit_message = fail_on_warning;
    d.manager.output_message = be_silent;
    d.jpeg.client_data = &d;
    if (setjmp(d.failed) == 0) {
        jpeg_create_decompress(&d.jpeg);
        d.jpeg.mem->max_memory_to_use = 256L << 20;
        d.progress.progress_monitor = watch_scans;
        d.jpeg.progress = &d.progress;
        read_tables(&d, p);
        jpeg_mem_src(&d.jpeg, src, (unsigned long)size);
        jpeg_read_header(&d.jpeg, TRUE);
        st = check_header(&d, p);
        if (!st) {
            choose_colors(&d, p);
            jpeg_start_decompress(&d.jpeg);
            st = check_scans(&d);
        }
        if (!st)
            *written = read_rows(&d, p, dst, capacity);
    }
    jpeg_destroy_decompress(&d.jpeg);
    return st || local.status ? mt_fail(err, local.status, "%s", local.message) : MT_OK;
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    const mt_picture_params *p = params;
    mt_status st = p->headless ? add_head(p, &src, &size, scratch, err) : MT_OK;
    return st ? st : decode_stream(p, src, size, dst, capacity, written, err);
}

const mt_codec mt_codec_jpeg = { .name = "jpeg", .build_switch = "MT_WITH_JPEG", .check = check, .decode = decode };
#else
const mt_codec mt_codec_jpeg = { .name = "jpeg", .build_switch = "MT_WITH_JPEG" };
#endif
