/* SPDX-License-Identifier: BSD-3-Clause */
/* MetaMorph STK: one directory, and as many contiguous planes as tag UIC2 has entries. Source: "MetaMorph Stack (STK)
 * Image File Format", Molecular Devices. */
#include "base/checked.h"
#include "base/reader.h"
#include "format/tiff/tiff.h"

#include <string.h>

#define UIC2_ENTRY 24 /* z distance as a fraction; date and time of creation and of change */

typedef struct stk_planes {
    bool all_z, all_t; /* every plane differs from the previous one in depth, or in time */
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

/* Reads an unsigned fraction at an offset; 0 if it is invalid. */
static mt_status read_fraction(const tiff_file *file, uint64_t offset, double *out, mt_error *err)
{
    uint8_t bytes[8];
    *out = 0;
    if (offset > file->size || file->size - offset < sizeof bytes)
        return MT_OK;
    mt_status st = mt_store_read_at(file->store, file->key, offset, bytes, sizeof bytes, err);
    if (st)
        return st;
    mt_reader r = mt_reader_over(bytes, sizeof bytes, file->big_endian);
    double numerator = mt_read_u32(&r), denominator = mt_read_u32(&r);
    *out = denominator > 0 ? numerator / denominator : 0;
    return MT_OK;
}

/* Reads the unit of calibration, length and letters, at an offset. *out is "pixel" if it is not a unit of length. */
static mt_status read_unit(const tiff_file *file, uint64_t offset, const char **out, mt_error *err)
{
    uint8_t bytes[4 + 32] = { 0 };
    size_t size = sizeof bytes - 1;
    *out = NULL;
    if (offset >= file->size)
        return MT_OK;
    if (size > file->size - offset)
        size = (size_t)(file->size - offset);
    mt_status st = mt_store_read_at(file->store, file->key, offset, bytes, size, err);
    if (st)
        return st;
    mt_reader r = mt_reader_over(bytes, 4, file->big_endian);
    uint32_t length = mt_read_u32(&r);
    if (length < sizeof bytes - 4)
        bytes[4 + length] = 0;
    *out = mt_unit_find((const char *)bytes + 4);
    return MT_OK;
}

#define MAX_UIC1 1024 /* pairs of a number and a value or its offset */

/* X and Y from tag UIC1: SpatialCalibration (3) is a flag: XCalibration (4), YCalibration (5) and CalibrationUnits (6)
 * are valid. */
static mt_status find_calibration(const tiff_file *file, const tiff_ifd *ifd, tiff_series *series, mt_error *err)
{
    enum { CALIBRATED = 3, X = 4, Y = 5, UNITS = 6 };
    const tiff_entry *entry = tiff_find(ifd, TAG_UIC1);
    uint64_t values[UNITS + 1] = { 0 };
    if (!entry || entry->type != 4 || entry->inside)
        return MT_OK;
    uint64_t count = entry->count < MAX_UIC1 ? entry->count : MAX_UIC1;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t bytes[8];
        uint64_t at = entry->offset + i * sizeof bytes;
        if (at > file->size || file->size - at < sizeof bytes)
            break;
        mt_status st = mt_store_read_at(file->store, file->key, at, bytes, sizeof bytes, err);
        if (st)
            return st;
        mt_reader r = mt_reader_over(bytes, sizeof bytes, file->big_endian);
        uint32_t id = mt_read_u32(&r), value = mt_read_u32(&r);
        if (id <= UNITS)
            values[id] = value;
    }
    const char *unit;
    mt_status st = values[CALIBRATED] && values[UNITS] ? read_unit(file, values[UNITS], &unit, err) : MT_OK;
    if (st || !values[CALIBRATED] || !values[UNITS] || !unit)
        return st;
    for (int i = 2; !st && i < 4; i++) {
        st = read_fraction(file, values[i == 2 ? Y : X], &series->pixel_size[i], err);
        series->unit[i] = unit;
    }
    return st;
}

typedef struct stage_position {
    uint32_t fractions[4]; /* x and y */
} stage_position;

/* Reads the stage position of each plane: entry 28 of tag UIC4, a list of 16-bit entry numbers with values. NULL if it
 * is not the first entry. */
static mt_status read_stage(const tiff_scan *scan, const tiff_ifd *ifd, size_t planes, stage_position **out,
                            mt_error *err)
{
    enum { STAGE_POSITION = 28, BYTES = 16 };
    const tiff_file *file = scan->file;
    const tiff_entry *entry = tiff_find(ifd, TAG_UIC4);
    uint8_t buffer[64 * BYTES];
    *out = NULL;
    if (!entry || entry->type != 4 || entry->inside || planes > file->size / BYTES ||
        entry->offset > file->size - planes * BYTES || file->size - planes * BYTES - entry->offset < 2)
        return MT_OK;
    mt_status st = mt_store_read_at(file->store, file->key, entry->offset, buffer, 2, err);
    mt_reader r = mt_reader_over(buffer, 2, file->big_endian);
    if (st || mt_read_u16(&r) != STAGE_POSITION)
        return st;
    stage_position *stage = mt_arena_alloc(scan->scratch, planes, sizeof *stage, err);
    if (!stage)
        return MT_E_MEMORY;
    for (size_t at = 0; at < planes; at += 64) {
        size_t n = planes - at < 64 ? planes - at : 64;
        st = mt_store_read_at(file->store, file->key, entry->offset + 2 + at * BYTES, buffer, n * BYTES, err);
        if (st)
            return st;
        r = mt_reader_over(buffer, n * BYTES, file->big_endian);
        for (size_t i = 0; i < n * 4; i++)
            stage[at + i / 4].fractions[i % 4] = mt_read_u32(&r);
    }
    *out = stage;
    return MT_OK;
}

static bool same_position(const stage_position *a, const stage_position *b) { return memcmp(a, b, sizeof *a) == 0; }

/* run consecutive planes share a position; the positions repeat after round runs. */
typedef struct stage_rounds {
    size_t run, round;
} stage_rounds;

/* False if the stage never moved, or not in such an order. */
static bool find_rounds(const stage_position *stage, size_t n, stage_rounds *out)
{
    size_t run = 1, round = 1;
    while (run < n && same_position(&stage[run], &stage[0]))
        run++;
    if (run == n || n % run != 0)
        return false;
    while (round * run < n && !same_position(&stage[round * run], &stage[0]))
        round++;
    if (n % (round * run) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!same_position(&stage[i], &stage[i / run % round * run]))
            return false;
    *out = (stage_rounds) { run, round };
    return true;
}

/* Stage positions become samples. If the stage moved with each plane of a z stack, it followed the specimen and is
 * ignored. */
static void add_axes(const stk_planes *planes, const stage_position *stage, size_t n, tiff_series *series)
{
    char axis = planes->all_z ? 'Z' : planes->all_t ? 'T' : '?';
    stage_rounds rounds;
    if (!stage || !find_rounds(stage, n, &rounds) || (planes->all_z && rounds.run == 1)) {
        tiff_add_axis(series, axis, (int64_t)n);
        return;
    }
    tiff_add_axis(series, 'T', (int64_t)(n / rounds.run / rounds.round));
    tiff_add_axis(series, 'S', (int64_t)rounds.round);
    tiff_add_axis(series, rounds.run * rounds.round < n ? 'Z' : axis, (int64_t)rounds.run);
}

mt_status tiff_describe_stk(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series, bool *found, mt_error *err)
{
    const tiff_file *file = scan->file;
    const tiff_entry *entry = tiff_find(ifd, TAG_UIC2);
    uint64_t in_a_row;
    stk_planes planes;
    stage_position *stage;
    *found = false;
    if (!entry || entry->type != 5 || entry->count == 0)
        return MT_OK;
    mt_status st = tiff_count_row(file, ifd, &series->page, &series->data_offset, &in_a_row, err);
    if (st)
        return st;
    if (entry->count > 1 && !tiff_is_raw(&series->page))
        return mt_fail(err, MT_E_UNSUPPORTED, "STK files with compressed planes are not supported");
    if (in_a_row < entry->count)
        return mt_fail(err, MT_E_CORRUPT, "%llu planes, but room for %llu", (unsigned long long)entry->count,
                       (unsigned long long)in_a_row);
    if ((st = read_planes(file, entry, &planes, err)) || (st = find_calibration(file, ifd, series, err)) ||
        (st = read_stage(scan, ifd, (size_t)entry->count, &stage, err)))
        return st;
    series->n_planes = entry->count;
    series->contiguous = true;
    add_axes(&planes, stage, (size_t)entry->count, series);
    if (planes.all_z && planes.z > 0) {
        series->pixel_size[1] = planes.z;
        series->unit[1] = "micrometer";
    }
    *found = true;
    return MT_OK;
}
