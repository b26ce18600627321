/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome view: draws a plane, averaged down while it is read. */
#include "drawing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct view_job {
    struct image image;
    int64_t sample, z, max_size;
    int64_t region[4]; /* first row, first column, height, width, in pixels */
    int64_t *channels; /* NULL: not given */
    size_t n_channels;
    struct drawing drawing;
} view_job;

/* Opens another pyramid level of the image. */
static mt_status open_other(const view_job *job, const char *given, const struct open_options *open, int64_t level,
                            mt_stack **out, mt_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s%slevel=%" PRId64, given, *job->image.info->part ? "&" : "#", level);
    return mt_stack_open(job->image.context, path, &open->options, out, err);
}

/* Replaces the image by the smallest level that still fills the picture. */
static void choose_level(view_job *job, const struct args *args)
{
    const mt_stack_info *info = job->image.info;
    if (info->level || args_get(args, "level", 0) || args_get(args, "region", 0))
        return;
    for (int level = info->n_levels - 1; level > 0; level--) {
        mt_stack *stack;
        struct open_options open;
        if (open_options_get(&open, args))
            return; /* already reported */
        if (open_other(job, args->paths[0], &open, level, &stack, NULL))
            continue; /* the full resolution is sufficient */
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
    const mt_stack_info *info = job->image.info;
    if (level == info->level)
        return EXIT_OK;
    if (info->level)
        return usage_error(args, "--level: the path names level %d already", info->level);
    if ((status = check_level(info, level)))
        return status;
    struct open_options open;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    if ((status = open_options_get(&open, args)))
        return status;
    if (open_other(job, args->paths[0], &open, level, &stack, &err))
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
            return failed("%s: --region reaches beyond the plane of %" PRId64 " rows and %" PRId64 " columns",
                          info->source, height, width);
    }
    return height && width ? EXIT_OK : failed("%s has no pixels", info->source);
}

static int read_options(view_job *job, const struct args *args)
{
    const mt_stack_info *info = job->image.info;
    bool has_z = info->data_ndim == 5;
    int64_t planes = has_z ? info->data_shape[2] : 1;
    job->z = planes / 2;
    int status = image_index(info, args, "sample", info->data_shape[0], &job->sample);
    if (!status && args_get(args, "z", 0) && !has_z)
        status = failed("%s: the image has no Z", info->source);
    if (!status && job->drawing.options.project && !has_z)
        status = failed("--project: %s has no Z", info->source);
    if (!status)
        status = image_index(info, args, "z", planes, &job->z);
    if (!status && args_get(args, "channels", 0))
        status = image_channels(info, args, &job->channels, &job->n_channels);
    return status ? status : read_region(job, args);
}

static int draw(view_job *job, const struct args *args)
{
    const char *path = args_get(args, "out", 0);
    struct drawing *d = &job->drawing;
    mt_draw_options *o = &d->options;
    o->sample = job->sample;
    o->channels = job->channels;
    o->n_channels = job->n_channels;
    o->z = o->project ? NULL : &job->z;
    o->region = job->region;
    o->max_size = job->max_size;
    mt_error err = MT_ERROR_INIT;
    output out;
    int status = output_open(&out, path);
    if (status)
        return status;
    progress_start(&d->progress);
    mt_status st = mt_draw_plane(job->image.stack, o, output_write, &out, &d->drawn, &err);
    progress_end(&d->progress);
    status = output_drawn(&out, st, &err);
    if (status)
        return status;
    if (!job->channels && d->drawn.channels < job->image.info->data_shape[1])
        fprintf(stderr,
                "microtome: the first %" PRId64 " of %" PRId64 " channels are shown; use --channels to choose\n",
                d->drawn.channels, job->image.info->data_shape[1]);
    note_absent(job->image.stack);
    drawing_print(d, job->image.info, path, say_where(args));
    return EXIT_OK;
}

int run_view(const struct args *args)
{
    view_job job = { .max_size = 1024 };
    if (!args_get(args, "out", 0))
        return usage_error(args, "--out FILE.png is required");
    int status = args_integer(args, "max-size", 1, 32768, &job.max_size);
    if (!status)
        status = drawing_read(&job.drawing, args);
    if (!status && job.drawing.options.project && args_get(args, "z", 0))
        status = usage_error(args, "--z and --project exclude each other");
    if (!status)
        status = image_open(&job.image, args);
    if (!status)
        status = output_check(args, "out", args_get(args, "out", 0), ".png");
    if (status) {
        image_close(&job.image);
        drawing_free(&job.drawing);
        return status;
    }
    interrupt_catch();
    status = open_level(&job, args);
    if (!status) {
        choose_level(&job, args);
        status = read_options(&job, args);
    }
    if (!status)
        status = draw(&job, args);
    free(job.channels);
    drawing_free(&job.drawing);
    image_close(&job.image);
    return status;
}
