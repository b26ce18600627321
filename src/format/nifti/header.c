/* SPDX-License-Identifier: BSD-3-Clause */
#include "format/nifti/nifti.h"

#include "base/reader.h"

#include <string.h>

int nifti_find_magic(const uint8_t *head, size_t size, bool *pair)
{
    static const struct {
        size_t at, n;
        const char *bytes;
        int version;
        bool pair;
    } magics[] = {
        { 344, 4, "n+1", 1, false },
        { 344, 4, "ni1", 1, true },
        { 4, 8, "n+2\0\r\n\032\n", 2, false },
        { 4, 8, "ni2\0\r\n\032\n", 2, true },
    };
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (size >= magics[i].at + magics[i].n && memcmp(head + magics[i].at, magics[i].bytes, magics[i].n) == 0) {
            *pair = magics[i].pair;
            return magics[i].version;
        }
    return 0;
}

static int16_t read_i16(mt_reader *r) { return (int16_t)mt_read_u16(r); }
static int64_t read_i64(mt_reader *r) { return (int64_t)mt_read_u64(r); }

static void parse_1(mt_reader *r, nifti_header *h)
{
    mt_read_seek(r, 40);
    for (int i = 0; i < 8; i++)
        h->dim[i] = read_i16(r);
    mt_read_seek(r, 68);
    h->intent = read_i16(r);
    h->datatype = read_i16(r);
    h->bits = read_i16(r);
    mt_read_seek(r, 76);
    for (int i = 0; i < 8; i++)
        h->pixel_size[i] = (double)mt_read_f32(r);
    h->offset = (double)mt_read_f32(r);
    h->slope = (double)mt_read_f32(r);
    h->inter = (double)mt_read_f32(r);
    mt_read_seek(r, 123);
    h->units = mt_read_u8(r);
}

static void parse_2(mt_reader *r, nifti_header *h)
{
    mt_read_seek(r, 12);
    h->datatype = read_i16(r);
    h->bits = read_i16(r);
    for (int i = 0; i < 8; i++)
        h->dim[i] = read_i64(r);
    mt_read_seek(r, 104);
    for (int i = 0; i < 8; i++)
        h->pixel_size[i] = mt_read_f64(r);
    h->offset = (double)read_i64(r);
    h->slope = mt_read_f64(r);
    h->inter = mt_read_f64(r);
    mt_read_seek(r, 500);
    h->units = mt_read_i32(r);
    h->intent = mt_read_i32(r);
}

mt_status nifti_parse(const uint8_t *head, size_t size, nifti_header *out, mt_error *err)
{
    nifti_header h = { 0 };
    h.version = nifti_find_magic(head, size, &h.pair);
    size_t needed = h.version == 1 ? NIFTI_HEADER_1 : NIFTI_HEADER_2;
    if (size < needed)
        return mt_fail(err, MT_E_CORRUPT, "the file ends inside its header of %zu bytes", needed);
    h.big_endian = mt_load_u32be(head) == needed; /* "sizeof_hdr" */
    if (!h.big_endian && mt_load_u32le(head) != needed)
        return mt_fail(err, MT_E_CORRUPT, "sizeof_hdr is not %zu in either byte order", needed);
    mt_reader r = mt_reader_over(head, needed, h.big_endian);
    (h.version == 1 ? parse_1 : parse_2)(&r, &h);
    *out = h;
    return MT_OK;
}
