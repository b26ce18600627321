/* SPDX-License-Identifier: BSD-3-Clause */
#include "predict/image.h"

#include "base/bits.h"
#include "base/checked.h"
#include "write/writer.h"

#include <stdio.h>
#include <string.h>

static const char letters[] = "TCZYX";

/* Units of an array: small enough for the caches when tiles are blended, and of one plane if the image has one. */
static const int64_t array_unit[MT_STITCH_DIMS] = { 1, INT64_MAX, 64, 256, 256 };

static mt_status lay_out(mt_arena *arena, mt_stitch_image *image, mt_error *err)
{
    image->n_positions = 1;
    for (int a = 0; a < MT_STITCH_DIMS; a++) {
        image->grid[a] = image->shape[a] / image->unit[a] + (image->shape[a] % image->unit[a] != 0);
        if (a != MT_AXIS_C && mt_mul_u64(image->n_positions, (uint64_t)image->grid[a], &image->n_positions))
            return mt_fail(err, MT_E_LIMIT, "more than 2^64 chunks");
    }
    uint64_t rows = image->grid[MT_AXIS_X] > 0 ? image->n_positions / (uint64_t)image->grid[MT_AXIS_X] : 0;
    image->needed = mt_arena_alloc(arena, image->n_positions / 64 + 1, sizeof *image->needed, err);
    image->needed_rows = mt_arena_alloc(arena, rows / 64 + 1, sizeof *image->needed_rows, err);
    return image->needed && image->needed_rows ? MT_OK : MT_E_MEMORY;
}

/* As "T=2, C=1, Z=5, Y=100, X=100"; axes of length 1 are left out. */
static const char *shape_text(const int64_t shape[MT_STITCH_DIMS], char *out, size_t room)
{
    size_t used = 0;
    out[0] = 0;
    for (int a = 0; a < MT_STITCH_DIMS && used < room; a++)
        if (shape[a] != 1)
            used += (size_t)snprintf(out + used, room - used, "%s%c=%lld", used ? ", " : "", letters[a],
                                     (long long)shape[a]);
    return out;
}

mt_status mt_stitch_image_of_writer(mt_arena *arena, mt_writer *writer, const int64_t shape[MT_STITCH_DIMS],
                                    mt_stitch_image *out, mt_error *err)
{
    const mt_writer_info *info = mt_writer_get_info(writer);
    char wanted[160], given[160];
    *out = (mt_stitch_image) { .writer = writer, .dtype = info->dtype, .ndim = info->ndim, .chunk_bytes = 1 };
    for (int a = 0; a < MT_STITCH_DIMS; a++)
        out->shape[a] = out->unit[a] = 1;
    for (int d = 0; d < info->ndim; d++) {
        int a = (int)(strchr(letters, info->axes[d]) - letters); /* a writer has no other axes */
        out->axis_of[d] = a;
        out->shape[a] = info->shape[d];
        out->unit[a] = info->shard_shape[0] ? info->shard_shape[d] : info->chunk_shape[d];
        out->chunk_bytes *= (uint64_t)info->chunk_shape[d];
    }
    out->chunk_bytes *= mt_dtype_size(info->dtype);
    if (memcmp(out->shape, shape, sizeof out->shape) != 0)
        return mt_fail(err, MT_E_ARGUMENT, "%s has %s, and the prediction %s", info->path,
                       shape_text(out->shape, given, sizeof given), shape_text(shape, wanted, sizeof wanted));
    return lay_out(arena, out, err);
}

mt_status mt_stitch_image_of_array(mt_arena *arena, void *data, mt_dtype dtype, const int64_t shape[MT_STITCH_DIMS],
                                   mt_stitch_image *out, mt_error *err)
{
    if (mt_dtype_size(dtype) == 0)
        return mt_fail(err, MT_E_ARGUMENT, "an array of no valid dtype");
    *out = (mt_stitch_image) { .data = data, .dtype = dtype, .is_new = true };
    memcpy(out->shape, shape, sizeof out->shape);
    for (int a = 0; a < MT_STITCH_DIMS; a++)
        out->unit[a] = mt_min_i64(array_unit[a], shape[a]);
    return lay_out(arena, out, err);
}

/* The number of the writer's unit at a place. */
static uint64_t unit_number(const mt_stitch_image *image, const int64_t place[MT_STITCH_DIMS])
{
    uint64_t number = 0;
    for (int d = 0; d < image->ndim; d++)
        number = number * (uint64_t)image->grid[image->axis_of[d]] + (uint64_t)place[image->axis_of[d]];
    return number;
}

static void place_of(const mt_stitch_image *image, uint64_t position, int64_t place[MT_STITCH_DIMS])
{
    for (int a = MT_STITCH_DIMS - 1; a >= 0; a--) {
        uint64_t n = a == MT_AXIS_C ? 1 : (uint64_t)image->grid[a];
        place[a] = (int64_t)(position % n);
        position /= n;
    }
}

mt_writer_progress mt_stitch_progress(mt_writer *writer)
{
    mt_writer_progress progress = { .struct_size = sizeof progress };
    (void)!mt_writer_get_progress(writer, &progress, NULL); /* its size is right */
    return progress;
}

void mt_stitch_image_need(mt_stitch_image *image, uint64_t first, uint64_t count)
{
    image->is_new = !image->writer || mt_stitch_progress(image->writer).n_done == 0;
    for (uint64_t p = first; p < first + count; p++) {
        int64_t place[MT_STITCH_DIMS];
        bool needed = image->is_new;
        place_of(image, p, place);
        for (; !needed && place[MT_AXIS_C] < image->grid[MT_AXIS_C]; place[MT_AXIS_C]++)
            needed = !mt_writer_is_done(image->writer, unit_number(image, place));
        if (!needed)
            continue;
        mt_bit_set(image->needed, p);
        mt_bit_set(image->needed_rows, p / (uint64_t)image->grid[MT_AXIS_X]);
        image->n_needed++;
    }
}

uint64_t mt_stitch_image_position(const mt_stitch_image *image, const int64_t place[MT_STITCH_DIMS])
{
    uint64_t position = 0;
    for (int a = 0; a < MT_STITCH_DIMS; a++)
        if (a != MT_AXIS_C)
            position = position * (uint64_t)image->grid[a] + (uint64_t)place[a];
    return position;
}

void mt_stitch_image_box(const mt_stitch_image *image, const int64_t place[MT_STITCH_DIMS], mt_stitch_box *out)
{
    for (int a = 0; a < MT_STITCH_DIMS; a++) {
        out->start[a] = a == MT_AXIS_C ? 0 : place[a] * image->unit[a];
        out->extent[a] = a == MT_AXIS_C ? image->shape[a] : mt_min_i64(image->unit[a], image->shape[a] - out->start[a]);
    }
}

static mt_status put_in_writer(mt_stitch_image *image, const mt_stitch_box *box, const void *data, mt_dtype dtype,
                               const int64_t strides[MT_STITCH_DIMS], mt_error *err)
{
    int64_t start[MT_MAX_DIMS], extent[MT_MAX_DIMS], steps[MT_MAX_DIMS];
    for (int d = 0; d < image->ndim; d++) {
        int a = image->axis_of[d];
        start[d] = box->start[a];
        extent[d] = box->extent[a];
        steps[d] = strides[a];
    }
    const mt_writer_box put = { .start = start, .extent = extent, .data = data, .dtype = dtype, .strides = steps };
    return mt_writer_put(image->writer, &put, err);
}

static void put_in_array(mt_stitch_image *image, const mt_stitch_box *box, const void *data, mt_dtype dtype,
                         const int64_t strides[MT_STITCH_DIMS])
{
    int64_t steps[MT_STITCH_DIMS], step = (int64_t)mt_dtype_size(image->dtype), offset = 0;
    for (int a = MT_STITCH_DIMS - 1; a >= 0; a--) {
        steps[a] = step;
        offset += box->start[a] * step;
        step *= image->shape[a];
    }
    mt_values_convert(MT_STITCH_DIMS, box->extent,
                      &(mt_values_out) { .data = image->data + offset, .stride = steps, .dtype = image->dtype },
                      &(mt_values_in) { .data = data, .stride = strides, .dtype = dtype }, &image->counts);
}

/* Channel by channel, unless all units are to be made. */
mt_status mt_stitch_image_put(mt_stitch_image *image, const int64_t place[MT_STITCH_DIMS], const mt_stitch_box *box,
                              const void *data, mt_dtype dtype, const int64_t strides[MT_STITCH_DIMS], mt_error *err)
{
    if (image->data) {
        put_in_array(image, box, data, dtype, strides);
        return MT_OK;
    }
    if (image->is_new)
        return put_in_writer(image, box, data, dtype, strides, err);
    int64_t at[MT_STITCH_DIMS];
    mt_status st = MT_OK;
    memcpy(at, place, sizeof at);
    for (at[MT_AXIS_C] = 0; !st && at[MT_AXIS_C] < image->grid[MT_AXIS_C]; at[MT_AXIS_C]++) {
        const int64_t unit = image->unit[MT_AXIS_C], first = at[MT_AXIS_C] * unit;
        mt_stitch_box part = *box;
        part.start[MT_AXIS_C] = first;
        part.extent[MT_AXIS_C] = mt_min_i64(unit, image->shape[MT_AXIS_C] - first);
        if (!mt_writer_is_done(image->writer, unit_number(image, at)))
            st = put_in_writer(image, &part, (const uint8_t *)data + first * strides[MT_AXIS_C], dtype, strides, err);
    }
    return st;
}
