/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome view: a plane as a picture, averaged down while it is read. */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Squares of this side are read at once. */
enum { TILE = 2048, MOST_CHANNELS = 7 };

typedef struct view_job {
    struct image image;
    int64_t sample, z, max_size;
    int64_t region[4]; /* y, x, height, width */
    int64_t *channels;
    size_t n_channels;
    int64_t factor; /* pixels averaged along each side */
    picture picture;
} view_job;

/* Replaces the image by the smallest level that still fills the picture. */
static void choose_level(view_job *job, const struct args *args)
{
    const mt_stack_info *info = job->image.info;
    if (info->level || args_get(args, "level", 0) || args_get(args, "region", 0))
        return;
    for (int level = info->n_levels - 1; level > 0; level--) {
        char part[4096];
        mt_stack *stack;
        snprintf(part, sizeof part, "%s%slevel=%d", info->part, *info->part ? "&" : "", level);
        struct open_options open;
        if (open_options_get(&open, args))
            return; /* it was said before */
        open.options.part = part;
        if (mt_stack_open(job->image.context, args->paths[0], &open.options, &stack, NULL))
            continue; /* the full image serves as well */
        const mt_stack_info *found = mt_stack_get_info(stack);
        int64_t height = found->data_shape[found->data_ndim - 2], width = found->data_shape[found->data_ndim - 1];
        if (height >= job->max_size || width >= job->max_size) {
            mt_stack_close(job->image.stack);
            job->image.stack = stack;
            job->image.info = found;
            return;
        }
        mt_stack_close(stack);
    }
}

static int open_level(view_job *job, const struct args *args)
{
    int64_t level = -1;
    int status = args_integer(args, "level", 0, 1000, &level);
    if (status || level < 0)
        return status;
    char part[4096];
    const mt_stack_info *info = job->image.info;
    snprintf(part, sizeof part, "%s%slevel=%" PRId64, info->part, *info->part ? "&" : "", level);
    if (level == info->level)
        return EXIT_OK;
    if (info->level)
        return usage_error(args, "--level: the path names level %d already", info->level);
    if (level >= info->n_levels)
        return usage_error(args, "--level: there is no level %" PRId64 "; the image has %d, counted from 0", level,
                           info->n_levels);
    struct open_options open;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    if ((status = open_options_get(&open, args)))
        return status;
    open.options.part = part;
    if (mt_stack_open(job->image.context, args->paths[0], &open.options, &stack, &err))
        return report(&err);
    mt_stack_close(job->image.stack);
    job->image.stack = stack;
    job->image.info = mt_stack_get_info(stack);
    return EXIT_OK;
}

static int read_region(view_job *job, const struct args *args)
{
    const mt_stack_info *info = job->image.info;
    int64_t height = info->data_shape[info->data_ndim - 2], width = info->data_shape[info->data_ndim - 1];
    int64_t *r = job->region;
    r[2] = height;
    r[3] = width;
    if (args_get(args, "region", 0)) {
        size_t n;
        int status = args_list(args, "region", 0, 0, INT64_MAX, 4, r, &n);
        if (status)
            return status;
        if (n != 4 || r[2] < 1 || r[3] < 1)
            return usage_error(args, "--region takes first row and column, height and width, such as 0,0,512,512");
        if (r[0] > height - r[2] || r[1] > width - r[3])
            return usage_error(args, "--region reaches beyond the plane of %" PRId64 " x %" PRId64 " pixels", height,
                               width);
    }
    return height && width ? EXIT_OK : failed("%s has no pixels", args->paths[0]);
}

static int read_options(view_job *job, const struct args *args)
{
    const mt_stack_info *info = job->image.info;
    bool has_z = info->data_ndim == 5;
    int64_t planes = has_z ? info->data_shape[2] : 1;
    job->z = planes / 2;
    int status = args_integer(args, "sample", 0, info->data_shape[0] - 1, &job->sample);
    if (!status && args_get(args, "z", 0) && !has_z)
        status = usage_error(args, "--z: the image has no Z");
    if (!status)
        status = args_integer(args, "z", 0, planes - 1, &job->z);
    if (!status)
        status = image_channels(&job->image, args, "channel", &job->channels, &job->n_channels);
    if (status)
        return status;
    int64_t samples = rgb_samples(info);
    if (samples && (int64_t)job->n_channels > samples && !args_get(args, "channel", 0)) {
        fprintf(stderr, "microtome: the first of %" PRId64 " colour images is shown; --channel chooses\n",
                (int64_t)job->n_channels / samples);
        job->n_channels = (size_t)samples;
    }
    if (job->n_channels > MOST_CHANNELS && !args_get(args, "channel", 0)) {
        fprintf(stderr, "microtome: the first %d of %zu channels are shown; --channel chooses\n", MOST_CHANNELS,
                job->n_channels);
        job->n_channels = MOST_CHANNELS;
    }
    return read_region(job, args);
}

/* Which pixels of a tile (its first one, its length) lie in square i, along one axis. */
static void cover(const view_job *job, int64_t i, int64_t first, int64_t length, int64_t *from, int64_t *to)
{
    int64_t start = i * job->factor - first, end = start + job->factor;
    *from = start > 0 ? start : 0;
    *to = end < length ? end : length;
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
static void shrink(view_job *job, const float *tile, int64_t y, int64_t x, int64_t height, int64_t width)
{
    int64_t k = job->factor, top, bottom, left, right;
    size_t pixels = job->picture.height * job->picture.width;
    for (int64_t i = y / k; i <= (y + height - 1) / k; i++) {
        cover(job, i, y, height, &top, &bottom);
        int64_t rows = job->region[2] - i * k < k ? job->region[2] - i * k : k;
        for (int64_t j = x / k; j <= (x + width - 1) / k; j++) {
            cover(job, j, x, width, &left, &right);
            int64_t columns = job->region[3] - j * k < k ? job->region[3] - j * k : k;
            double share = 1 / ((double)rows * (double)columns);
            float *out = job->picture.planes + (size_t)i * job->picture.width + (size_t)j;
            for (size_t c = 0; c < job->n_channels; c++)
                out[c * pixels] +=
                    (float)(share * sum_box(tile + c * (size_t)(height * width), width, top, bottom, left, right));
        }
    }
}

static int read_tile(view_job *job, int64_t y, int64_t x, int64_t height, int64_t width, float *tile)
{
    mt_error err = MT_ERROR_INIT;
    int64_t coords[3] = { job->z, job->region[0] + y, job->region[1] + x }, size[3] = { 1, height, width };
    size_t n = spatial_count(job->image.info);
    if (mt_stack_extract_patch(job->image.stack, job->sample, job->channels, job->n_channels, coords + 3 - n,
                               size + 3 - n, n, tile, &err))
        return report(&err);
    shrink(job, tile, y, x, height, width);
    return EXIT_OK;
}

static int read_plane(view_job *job)
{
    int64_t height = job->region[2], width = job->region[3];
    int64_t rows = TILE < height ? TILE : height, columns = TILE < width ? TILE : width;
    float *tile = need((size_t)(rows * columns), job->n_channels * sizeof *tile);
    struct progress progress;
    progress_start(&progress);
    int status = EXIT_OK;
    for (int64_t y = 0; !status && y < height; y += TILE)
        for (int64_t x = 0; !status && x < width; x += TILE) {
            status = interrupted() ? EXIT_INTERRUPTED
                                   : read_tile(job, y, x, height - y < TILE ? height - y : TILE,
                                               width - x < TILE ? width - x : TILE, tile);
            progress_show(&progress, (double)y + TILE * (double)x / (double)width, (double)height);
        }
    progress_end(&progress);
    free(tile);
    return status;
}

static int draw(view_job *job, const struct args *args)
{
    int64_t height = job->region[2], width = job->region[3], longest = height > width ? height : width;
    job->factor = longest > 0 ? longest / job->max_size + (longest % job->max_size != 0) : 1;
    int64_t k = job->factor;
    picture_init(&job->picture, (size_t)(height / k + (height % k != 0)), (size_t)(width / k + (width % k != 0)),
                 job->n_channels);
    picture_color(&job->picture, job->image.info, job->channels);
    int status = read_plane(job);
    if (!status)
        status = picture_write(&job->picture, args_get(args, "out", 0));
    if (!status)
        printf("%s: %zu x %zu pixels%s\n", args_get(args, "out", 0), job->picture.height, job->picture.width,
               k > 1 ? ", shrunk" : "");
    picture_free(&job->picture);
    return status;
}

int run_view(const struct args *args)
{
    view_job job = { .max_size = 1024 };
    if (!args_get(args, "out", 0))
        return usage_error(args, "--out FILE.png is missing");
    int status = args_integer(args, "max-size", 1, 32768, &job.max_size);
    if (!status)
        status = output_check(args_get(args, "out", 0), args_count(args, "force"));
    if (!status)
        status = image_open(&job.image, args);
    if (status)
        return status;
    interrupt_catch();
    status = open_level(&job, args);
    if (!status) {
        choose_level(&job, args);
        status = read_options(&job, args);
    }
    if (!status)
        status = draw(&job, args);
    free(job.channels);
    image_close(&job.image);
    return status;
}
