/* SPDX-License-Identifier: BSD-3-Clause */
/* MetaMorph STK: one directory, and as many planes behind each other as tag UIC2 has entries.
 * Source: "MetaMorph Stack (STK) Image File Format", Molecular Devices. */
#include "base/checked.h"
#include "base/reader.h"
#include "format/tiff/tiff.h"

#include <string.h>

#define UIC2_ENTRY 24 /* z distance as a fraction; date and time of creation and of change */

typedef struct stk_planes {
    bool all_z, all_t; /* each plane is away from the one before, in depth or in time */
    double z;          /* the first distance */
} stk_planes;

static mt_status read_planes(const tiff_file *file, const tiff_entry *entry, stk_planes *out, mt_error *err)
{
    uint8_t buffer[UIC2_ENTRY * 128];
    uint32_t last_time = 0;
    *out = (stk_planes) { .all_z = true, .all_t = true };
    for (uint64_t at = 0; at < entry->count; at += 128) {
        size_t n = (size_t)mt_min_i64((int64_t)(entry->count - at), 128);
        mt_status st =
            mt_store_read_at(file->store, file->key, entry->offset + at * UIC2_ENTRY, buffer, n * UIC2_ENTRY, err);
        if (st) {
            mt_error_prefix(err, "tag %u (%s)", entry->tag, tiff_tag_name(entry->tag));
            return st;
        }
        mt_reader r = mt_reader_over(buffer, n * UIC2_ENTRY, file->big_endian);
        for (size_t i = 0; i < n; i++) {
            uint32_t numerator = mt_read_u32(&r), denominator = mt_read_u32(&r);
            mt_read_skip(&r, 4);
            uint32_t time = mt_read_u32(&r);
            mt_read_skip(&r, 8);
            out->all_z = out->all_z && numerator != 0;
            out->all_t = out->all_t && (at + i == 0 || time != last_time);
            if (at + i == 0 && denominator > 0)
                out->z = (double)(int32_t)numerator / denominator;
            last_time = time;
        }
    }
    return MT_OK;
}

mt_status tiff_describe_stk(const tiff_file *file, const tiff_ifd *ifd, tiff_series *series, bool *found, mt_error *err)
{
    const tiff_entry *entry = tiff_find(ifd, TAG_UIC2);
    uint64_t in_a_row;
    stk_planes planes;
    *found = false;
    if (!entry || entry->type != 5 || entry->count == 0)
        return MT_OK;
    mt_status st = tiff_count_row(file, ifd, &series->page, &series->data_offset, &in_a_row, err);
    if (st)
        return st;
    if (entry->count > 1 && !tiff_is_raw(&series->page))
        return mt_fail(err, MT_E_UNSUPPORTED, "STK files with compressed planes are not read");
    if (in_a_row < entry->count)
        return mt_fail(err, MT_E_CORRUPT, "%llu planes, but room for %llu", (unsigned long long)entry->count,
                       (unsigned long long)in_a_row);
    if ((st = read_planes(file, entry, &planes, err)))
        return st;
    series->n_planes = entry->count;
    series->contiguous = true;
    tiff_add_axis(series, planes.all_z ? 'Z' : planes.all_t ? 'T' : '?', (int64_t)entry->count);
    if (planes.all_z && planes.z > 0) {
        series->pixel_size[1] = planes.z;
        series->unit[1] = "micrometer";
    }
    *found = true;
    return MT_OK;
}
