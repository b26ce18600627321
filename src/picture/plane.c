/* SPDX-License-Identifier: BSD-3-Clause */
/* A plane as a picture, averaged down while it is read. */
#include "base/checked.h"
#include "picture/picture.h"
#include "stack/stack.h"

#include <string.h>

/* Squares of this side are read at once. */
enum { TILE = 2048 };

typedef struct plane_job {
    mt_stack *stack;
    const mt_draw_options *options;
    int64_t z, region[4]; /* first row and column, height, width */
    const int64_t *channels;
    size_t n_channels;
    int64_t factor; /* pixels averaged along each side */
    double share;   /* that is done */
    mt_picture picture;
} plane_job;

static mt_status check_region(plane_job *job, mt_error *err)
{
    const mt_stack_info *info = &job->stack->info;
    int64_t height = info->data_shape[info->data_ndim - 2], width = info->data_shape[info->data_ndim - 1];
    int64_t *r = job->region;
    r[0] = r[1] = 0;
    r[2] = height;
    r[3] = width;
    if (!height || !width)
        return mt_fail(err, MT_E_RANGE, "the image has no pixels");
    if (!job->options->region)
        return MT_OK;
    memcpy(r, job->options->region, sizeof job->region);
    if (r[0] < 0 || r[1] < 0 || r[2] < 1 || r[3] < 1 || r[2] > height || r[3] > width || r[0] > height - r[2] ||
        r[1] > width - r[3])
        return mt_fail(err, MT_E_RANGE, "the region reaches beyond the plane of %lld x %lld pixels", (long long)height,
                       (long long)width);
    return MT_OK;
}

static mt_status check_options(plane_job *job, mt_error *err)
{
    const mt_stack_info *info = &job->stack->info;
    const mt_draw_options *o = job->options;
    int64_t planes = info->data_ndim == 5 ? info->data_shape[2] : 1;
    job->z = o->z ? *o->z : planes / 2;
    job->channels = o->channels;
    job->n_channels = o->n_channels;
    mt_default_channels(info, &job->channels, &job->n_channels);
    if (job->z < 0 || (planes && job->z >= planes))
        return mt_fail(err, MT_E_RANGE, "plane %lld is out of bounds for an image of %lld planes", (long long)job->z,
                       (long long)planes);
    if (o->max_size < 0 || o->max_size > MT_MOST_PIXELS)
        return mt_fail(err, MT_E_ARGUMENT, "max_size %lld is not between 1 and %d", (long long)o->max_size,
                       MT_MOST_PIXELS);
    return check_region(job, err);
}

/* Which pixels of a tile (its first one, its length) lie in square i, along one axis. */
static void cover(const plane_job *job, int64_t i, int64_t first, int64_t length, int64_t *from, int64_t *to)
{
    int64_t start = i * job->factor - first;
    *from = mt_max_i64(start, 0);
    *to = mt_min_i64(start + job->factor, length);
}

static double sum_box(const float *plane, int64_t width, int64_t top, int64_t bottom, int64_t left, int64_t right)
{
    double sum = 0;
    for (int64_t y = top; y < bottom; y++)
        for (int64_t x = left; x < right; x++)
            sum += (double)plane[y * width + x];
    return sum;
}

/* Adds the tile at (y, x) of the region to the averages, each over the pixels of its square inside the region. */
static void shrink(plane_job *job, const float *tile, int64_t y, int64_t x, int64_t height, int64_t width)
{
    int64_t k = job->factor, top, bottom, left, right;
    size_t pixels = job->picture.height * job->picture.width;
    for (int64_t i = y / k; i <= (y + height - 1) / k; i++) {
        cover(job, i, y, height, &top, &bottom);
        int64_t rows = mt_min_i64(job->region[2] - i * k, k);
        for (int64_t j = x / k; j <= (x + width - 1) / k; j++) {
            cover(job, j, x, width, &left, &right);
            int64_t columns = mt_min_i64(job->region[3] - j * k, k);
            double share = 1 / ((double)rows * (double)columns);
            float *out = job->picture.planes + (size_t)i * job->picture.width + (size_t)j;
            for (size_t c = 0; c < job->n_channels; c++)
                out[c * pixels] +=
                    (float)(share * sum_box(tile + c * (size_t)(height * width), width, top, bottom, left, right));
        }
    }
}

static int tell_progress(void *user)
{
    const plane_job *job = user;
    const mt_draw_options *o = job->options;
    return o->progress ? o->progress(o->user, job->share) : 0;
}

static mt_status read_tile(plane_job *job, int64_t y, int64_t x, int64_t height, int64_t width, float *tile,
                           mt_error *err)
{
    int64_t coords[3] = { job->z, job->region[0] + y, job->region[1] + x }, size[3] = { 1, height, width };
    size_t n = (size_t)job->stack->info.data_ndim - 2;
    mt_extract_options options = { .struct_size = sizeof options, .cancelled = tell_progress, .user = job };
    mt_patch_request request = { .stack = job->stack,
                                 .sample = job->options->sample,
                                 .channels = job->channels,
                                 .n_channels = job->n_channels,
                                 .n_spatial = n,
                                 .coords = coords + 3 - n,
                                 .patch_size = size + 3 - n,
                                 .view = { .data = tile } };
    job->share = ((double)y + TILE * (double)x / (double)job->region[3]) / (double)job->region[2];
    mt_status st = mt_extract_patches(&request, 1, &options, err);
    if (!st)
        shrink(job, tile, y, x, height, width);
    return st;
}

static mt_status read_plane(plane_job *job, float *tile, mt_error *err)
{
    int64_t height = job->region[2], width = job->region[3];
    mt_status st = MT_OK;
    for (int64_t y = 0; !st && y < height; y += TILE)
        for (int64_t x = 0; !st && x < width; x += TILE)
            st = read_tile(job, y, x, mt_min_i64(height - y, TILE), mt_min_i64(width - x, TILE), tile, err);
    return st;
}

static mt_status draw(plane_job *job, mt_write_bytes write, void *user, mt_error *err)
{
    int64_t rows = mt_min_i64(TILE, job->region[2]), columns = mt_min_i64(TILE, job->region[3]);
    size_t bytes = (size_t)(rows * columns) * job->n_channels * sizeof(float);
    void *tile;
    mt_status st = mt_alloc(job->picture.env, bytes, &tile, err);
    if (st)
        return st;
    st = read_plane(job, tile, err);
    mt_release(job->picture.env, tile, bytes);
    return st ? st : mt_picture_write(&job->picture, write, user, err);
}

mt_status mt_draw_plane(mt_stack *stack, const mt_draw_options *options, mt_write_bytes write, void *user,
                        mt_picture_size *out, mt_error *err)
{
    mt_draw_options given = { .struct_size = sizeof given };
    if (options && (options->struct_size == 0 || options->struct_size > sizeof given))
        return mt_fail(err, MT_E_ARGUMENT, "mt_draw_options needs its struct_size");
    if (options)
        memcpy(&given, options, options->struct_size);
    plane_job job = { .stack = stack, .options = &given };
    mt_status st = check_options(&job, err);
    if (st) {
        mt_error_prefix(err, "%s", stack->info.source);
        return st;
    }
    int64_t height = job.region[2], width = job.region[3], most = given.max_size ? given.max_size : 1024;
    int64_t k = job.factor = (mt_max_i64(height, width) - 1) / most + 1;
    mt_picture_size size = { (height - 1) / k + 1, (width - 1) / k + 1, k, (int64_t)job.n_channels };
    if (out)
        *out = size;
    st = mt_picture_init(&job.picture, stack, job.channels, job.n_channels, size.height, size.width, err);
    if (st)
        return st;
    st = draw(&job, write, user, err);
    mt_picture_free(&job.picture);
    return st;
}
