/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens to the pixels of a tile: they are cropped, or weighted and added to those of its neighbours. */
#include "predict/internal.h"

#include "base/checked.h"

#include <math.h>
#include <string.h>

void mt_stitch_strides(const int64_t extent[MT_STITCH_DIMS], int64_t out[MT_STITCH_DIMS])
{
    int64_t step = (int64_t)sizeof(float);
    for (int a = MT_STITCH_DIMS - 1; a >= 0; a--) {
        out[a] = step;
        step *= extent[a];
    }
}

/* The pixels of a tile at a place. */
static void find_common(const mt_stitched *output, const mt_stitch_tile *tile, const int64_t place[MT_STITCH_DIMS],
                        mt_stitch_box *out)
{
    mt_stitch_image_box(&output->images[tile->image], place, out);
    for (int a = 0; a < MT_STITCH_DIMS; a++) {
        const mt_stitch_box *region = &tile->region;
        int64_t end = mt_min_i64(out->start[a] + out->extent[a], region->start[a] + region->extent[a]);
        out->start[a] = mt_max_i64(out->start[a], region->start[a]);
        out->extent[a] = end - out->start[a];
    }
}

/* The address of a pixel of the image in the data of a tile. */
static const uint8_t *pixel_at(const mt_stitched *output, const mt_stitch_tile *tile,
                               const int64_t pixel[MT_STITCH_DIMS])
{
    const uint8_t *at = tile->data;
    for (int a = 0; a < MT_STITCH_DIMS; a++)
        at += (pixel[a] - output->axes[a].at[tile->index[a]]) * tile->strides[a];
    return at;
}

/* The number of values that are NaN. */
static uint64_t count_nan(const float *values, int64_t n)
{
    uint64_t nan = 0;
    for (int64_t i = 0; i < n; i++)
        nan += isnan(values[i]) != 0;
    return nan;
}

/* Applies scale and offset to n values of each channel, of a float32 array with channels outermost, and counts NaN. */
static void scale_values(mt_stitcher *s, const mt_stitched *output, float *values, int64_t n)
{
    for (int64_t c = 0; c < output->axes[MT_AXIS_C].size; c++, values += n) {
        if (output->scale) {
            const float scale = output->scale[c], offset = output->offset[c];
            for (int64_t i = 0; i < n; i++)
                values[i] = values[i] * scale + offset;
        }
        s->n_nan += count_nan(values, n);
    }
}

static int64_t pixels_of(const mt_stitch_box *box)
{
    return box->extent[MT_AXIS_T] * box->extent[MT_AXIS_Z] * box->extent[MT_AXIS_Y] * box->extent[MT_AXIS_X];
}

static bool is_float(mt_dtype dtype) { return dtype == MT_FLOAT16 || dtype == MT_FLOAT32 || dtype == MT_FLOAT64; }

/* Counts NaN in the rows of a float32 box, which has one pixel along T. */
static void count_rows(mt_stitcher *s, const mt_stitch_box *box, const uint8_t *data,
                       const int64_t strides[MT_STITCH_DIMS])
{
    for (int64_t c = 0; c < box->extent[MT_AXIS_C]; c++)
        for (int64_t z = 0; z < box->extent[MT_AXIS_Z]; z++)
            for (int64_t y = 0; y < box->extent[MT_AXIS_Y]; y++) {
                const uint8_t *row = data + c * strides[MT_AXIS_C] + z * strides[MT_AXIS_Z] + y * strides[MT_AXIS_Y];
                s->n_nan += count_nan((const float *)(const void *)row, box->extent[MT_AXIS_X]);
            }
}

/* Values that are scaled are copied first, to float32; a crop has one pixel along T, so that channels are outermost.
 * Other values are put as they are; NaN among them is counted in float32, too. */
mt_status mt_stitch_crop(mt_stitcher *s, mt_stitched *output, const mt_stitch_tile *tile,
                         const int64_t place[MT_STITCH_DIMS], mt_error *err)
{
    mt_stitch_box box;
    int64_t strides[MT_STITCH_DIMS];
    mt_value_counts counts = { 0 };
    find_common(output, tile, place, &box);
    const uint8_t *data = pixel_at(output, tile, box.start);
    mt_stitch_image *image = &output->images[tile->image];
    const bool is_plain = !output->scale && (tile->dtype == MT_FLOAT32 || !is_float(tile->dtype));
    if (is_plain && tile->dtype == MT_FLOAT32)
        count_rows(s, &box, data, tile->strides);
    if (is_plain)
        return mt_stitch_image_put(image, place, &box, data, tile->dtype, tile->strides, err);
    mt_stitch_strides(box.extent, strides);
    mt_values_convert(MT_STITCH_DIMS, box.extent,
                      &(mt_values_out) { .data = (uint8_t *)s->scratch, .stride = strides, .dtype = MT_FLOAT32 },
                      &(mt_values_in) { .data = data, .stride = tile->strides, .dtype = tile->dtype }, &counts);
    scale_values(s, output, s->scratch, pixels_of(&box));
    if (output->scale)
        return mt_stitch_image_put(image, place, &box, s->scratch, MT_FLOAT32, strides, err);
    return mt_stitch_image_put(image, place, &box, data, tile->dtype, tile->strides, err);
}

/* --- Blending. --- */

static mt_stitch_sum **bucket_of(mt_stitched *output, size_t image, const int64_t place[MT_STITCH_DIMS])
{
    uint64_t key = image + mt_stitch_image_position(&output->images[image], place);
    return &output->sums[key % MT_SUM_BUCKETS];
}

static void free_sum(mt_stitcher *s, mt_stitch_sum *sum)
{
    mt_release(s->env, sum->values, sum->bytes);
    mt_release(s->env, sum, sizeof *sum);
}

static void drop_spares(mt_stitcher *s, mt_stitched *output)
{
    for (mt_stitch_sum *sum; (sum = output->spares);) {
        output->spares = sum->next;
        free_sum(s, sum);
    }
}

/* Keeps it for the next sum: the system would zero new memory. */
static void end_sum(mt_stitcher *s, mt_stitched *output, mt_stitch_sum *sum)
{
    s->waiting_bytes -= sum->bytes;
    sum->next = output->spares;
    output->spares = sum;
}

/* Memory for the sum of a whole unit of each channel, without content. */
static mt_status take_sum(mt_stitcher *s, mt_stitched *output, const mt_stitch_image *image, mt_stitch_sum **out,
                          mt_error *err)
{
    void *memory, *values;
    if (output->spares) {
        *out = output->spares;
        output->spares = output->spares->next;
        return MT_OK;
    }
    size_t bytes = sizeof(float) * (size_t)image->shape[MT_AXIS_C];
    for (int a = 0; a < MT_STITCH_DIMS; a++)
        bytes *= a == MT_AXIS_C ? 1 : (size_t)image->unit[a];
    mt_status st = mt_alloc(s->env, sizeof **out, &memory, err);
    if (st)
        return st;
    if ((st = mt_alloc(s->env, bytes, &values, err))) {
        mt_release(s->env, memory, sizeof **out);
        return st;
    }
    *out = memory;
    **out = (mt_stitch_sum) { .values = values, .bytes = bytes };
    return MT_OK;
}

void mt_stitch_drop_sums(mt_stitcher *s, mt_stitched *output)
{
    drop_spares(s, output);
    for (size_t i = 0; i < MT_SUM_BUCKETS; i++)
        for (mt_stitch_sum *sum; (sum = output->sums[i]);) {
            output->sums[i] = sum->next;
            s->waiting_bytes -= sum->bytes;
            free_sum(s, sum);
        }
}

static mt_status new_sum(mt_stitcher *s, mt_stitched *output, size_t image, const int64_t place[MT_STITCH_DIMS],
                         mt_stitch_sum **out, mt_error *err)
{
    mt_stitch_sum *sum;
    mt_status st = take_sum(s, output, &output->images[image], &sum, err);
    if (st)
        return st;
    *sum = (mt_stitch_sum) { .image = image, .left = 1, .values = sum->values, .bytes = sum->bytes };
    memcpy(sum->place, place, sizeof sum->place);
    mt_stitch_image_box(&output->images[image], place, &sum->box);
    memset(sum->values, 0, (size_t)(pixels_of(&sum->box) * sum->box.extent[MT_AXIS_C]) * sizeof(float));
    for (int a = 0; a < MT_STITCH_DIMS; a++)
        sum->left *=
            (uint64_t)mt_stitch_axis_count(&output->axes[a], sum->box.start[a], sum->box.start[a] + sum->box.extent[a]);
    s->waiting_bytes += sum->bytes;
    *out = sum;
    return MT_OK;
}

/* Finds the sum of a place, or begins it. */
static mt_status find_sum(mt_stitcher *s, mt_stitched *output, size_t image, const int64_t place[MT_STITCH_DIMS],
                          mt_stitch_sum ***out, mt_error *err)
{
    mt_stitch_sum **bucket = bucket_of(output, image, place), *sum;
    for (mt_stitch_sum **at = bucket; *at; at = &(*at)->next)
        if ((*at)->image == image && memcmp((*at)->place, place, sizeof(*at)->place) == 0) {
            *out = at;
            return MT_OK;
        }
    mt_status st = new_sum(s, output, image, place, &sum, err);
    if (st)
        return st;
    sum->next = *bucket;
    *bucket = sum;
    *out = bucket;
    return MT_OK;
}

/* NULL: weights of 1. */
static const float *weights_of(const mt_stitched *output, const mt_stitch_tile *tile, int axis, int64_t pixel)
{
    const mt_stitch_axis *a = &output->axes[axis];
    int64_t i = tile->index[axis];
    return a->weights ? a->weights + i * a->tile_size + (pixel - a->at[i]) : NULL;
}

static void add_row(float *restrict sum, const float *restrict values, const float *restrict weights, float weight,
                    int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += weight * weights[i] * values[i];
}

/* Adds the box, which has one pixel along T, to a sum. The rows of a float32 tile lie in it one after another. */
static void add_box(const mt_stitched *output, const mt_stitch_tile *tile, mt_stitch_sum *sum, const mt_stitch_box *box)
{
    int64_t steps[MT_STITCH_DIMS], at[MT_STITCH_DIMS];
    const float *x = weights_of(output, tile, MT_AXIS_X, box->start[MT_AXIS_X]);
    mt_stitch_strides(sum->box.extent, steps);
    memcpy(at, box->start, sizeof at);
    for (int64_t c = 0; c < box->extent[MT_AXIS_C]; c++)
        for (int64_t z = 0; z < box->extent[MT_AXIS_Z]; z++)
            for (int64_t y = 0; y < box->extent[MT_AXIS_Y]; y++) {
                at[MT_AXIS_C] = box->start[MT_AXIS_C] + c;
                at[MT_AXIS_Z] = box->start[MT_AXIS_Z] + z;
                at[MT_AXIS_Y] = box->start[MT_AXIS_Y] + y;
                int64_t offset = 0;
                for (int a = 0; a < MT_STITCH_DIMS; a++)
                    offset += (at[a] - sum->box.start[a]) * steps[a] / (int64_t)sizeof(float);
                float weight = *weights_of(output, tile, MT_AXIS_Z, at[MT_AXIS_Z]) *
                               *weights_of(output, tile, MT_AXIS_Y, at[MT_AXIS_Y]);
                const uint8_t *row = pixel_at(output, tile, at);
                add_row(sum->values + offset, (const float *)(const void *)row, x, weight, box->extent[MT_AXIS_X]);
            }
}

static mt_status finish_sum(mt_stitcher *s, mt_stitched *output, mt_stitch_sum *sum, mt_error *err)
{
    int64_t strides[MT_STITCH_DIMS];
    const int64_t images = sum->box.extent[MT_AXIS_T], n = pixels_of(&sum->box) / images;
    for (int64_t t = 0; t < images; t++)
        scale_values(s, output, sum->values + t * n * sum->box.extent[MT_AXIS_C], n);
    mt_stitch_strides(sum->box.extent, strides);
    return mt_stitch_image_put(&output->images[sum->image], sum->place, &sum->box, sum->values, MT_FLOAT32, strides,
                               err);
}

mt_status mt_stitch_add(mt_stitcher *s, mt_stitched *output, const mt_stitch_tile *tile,
                        const int64_t place[MT_STITCH_DIMS], mt_error *err)
{
    mt_stitch_box box;
    mt_stitch_sum **at;
    mt_status st = find_sum(s, output, tile->image, place, &at, err);
    if (st)
        return st;
    mt_stitch_sum *sum = *at;
    find_common(output, tile, place, &box);
    add_box(output, tile, sum, &box);
    if (--sum->left > 0)
        return MT_OK;
    *at = sum->next;
    st = finish_sum(s, output, sum, err);
    end_sum(s, output, sum);
    return st;
}
