/* SPDX-License-Identifier: BSD-3-Clause */
/* The options and the image of tiles and predict, and the output that follows from them. */
#include "predict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SCALE = 64, DEFAULT_BATCH = 8 };

/* --- Options. --- */

/* "2", or "1/2". */
static int read_scale(prediction *p)
{
    const char *text = args_get(p->args, "scale", 0);
    char *end = NULL;
    p->up = p->down = 1;
    if (!text)
        return EXIT_OK;
    bool is_less = !strncmp(text, "1/", 2);
    const char *digits = is_less ? text + 2 : text;
    long value = *digits >= '1' && *digits <= '9' ? strtol(digits, &end, 10) : 0;
    if (!end || *end || value > MOST_SCALE)
        return usage_error(p->args, "--scale takes a whole number up to %d, or 1/2 and the like, not '%s'", MOST_SCALE,
                           text);
    *(is_less ? &p->down : &p->up) = (int)value;
    return EXIT_OK;
}

static int read_blend(prediction *p)
{
    static const char *const names[] = { "crop", "linear", "hann", "gaussian", NULL };
    const char *name = args_get(p->args, "blend", 0);
    if (name && word_index(p->args, "blend", name, strlen(name), names) < 0)
        return EXIT_USAGE;
    p->blend = name ? mt_blend_find(name) : MT_BLEND_CROP;
    return EXIT_OK;
}

static int read_pad(prediction *p)
{
    static const char *const names[] = { [PAD_ZERO] = "zero", [PAD_MEAN] = "mean", [PAD_REFLECT] = "reflect", NULL };
    const char *name = args_get(p->args, "pad", 0);
    int found = name ? word_index(p->args, "padding", name, strlen(name), names) : PAD_ZERO;
    if (found < 0)
        return EXIT_USAGE;
    p->pad = found;
    return p->pad == PAD_MEAN && p->normalize.kind != MT_NORMALIZE_MEAN_STD
               ? usage_error(p->args, "--pad mean needs --stats or --normalize, of mean-std")
               : EXIT_OK;
}

/* --stats FILE stands for --normalize mean-std@FILE. */
static int read_normalize(prediction *p)
{
    const char *file = args_get(p->args, "stats", 0);
    int status = normalize_read(&p->normalize, p->args);
    if (status || !file)
        return status;
    if (p->normalize.file)
        return usage_error(p->args, "--stats and the file of --normalize exclude each other");
    p->normalize.file = file;
    if (!args_get(p->args, "normalize", 0))
        p->normalize.kind = MT_NORMALIZE_MEAN_STD;
    return EXIT_OK;
}

int prediction_read(prediction *p, const struct args *args)
{
    *p = (prediction) { .args = args, .batch_size = DEFAULT_BATCH };
    int (*const readers[])(prediction *) = { read_normalize, read_scale, read_blend, read_pad };
    int status = writing_read(&p->out, args);
    if (!status)
        status = args_integer(args, "batch-size", 1, 65536, &p->batch_size);
    if (!status)
        status = args_integer(args, "output-channels", 1, 65536, &p->n_outputs);
    if (!status)
        status = args_size(args, "memory", &p->memory);
    for (size_t i = 0; i < sizeof readers / sizeof *readers && !status; i++)
        status = readers[i](p);
    return status;
}

/* --- The image. --- */

static int choose_sample(prediction *p)
{
    int64_t sample = -1;
    mt_error err = MT_ERROR_INIT;
    p->stack = p->images.stacks[0];
    p->info = mt_stack_get_info(p->stack);
    int status = image_index(p->info, p->args, "sample", p->info->data_shape[0], &sample);
    if (status || sample < 0 || p->info->data_shape[0] == 1)
        return status;
    if (sample_open(p->stack, p->context, sample, &p->sample, &err))
        return report(&err);
    p->stack = p->sample;
    p->info = mt_stack_get_info(p->stack);
    return EXIT_OK;
}

static int open_image(prediction *p)
{
    struct open_options open;
    int64_t level = -1;
    int status = open_options_get(&open, p->args);
    if (!status)
        status = args_integer(p->args, "level", 0, 1000, &level);
    if (status)
        return status;
    images_add(&p->images, p->context, p->args->paths[0], &open.options);
    if (p->images.failed || p->images.skipped || p->images.n == 0)
        return EXIT_FAILED;
    if (p->images.n > 1)
        return usage_error(p->args, "%s stands for %zu images: choose one", p->args->paths[0], p->images.n);
    return level >= 0 ? images_choose_level(&p->images, 0, p->context, p->args, &open.options, level) : EXIT_OK;
}

int prediction_open(prediction *p)
{
    int status = context_open_sized(&p->context, p->args, p->memory / 4);
    if (!status)
        status = open_image(p);
    if (!status)
        status = choose_sample(p);
    if (!status && p->args->n_paths > 1)
        status = images_check_input(&p->images, 0, p->args, p->out.path);
    else if (!status)
        note_opened(mt_stack_get_info(p->images.stacks[0]));
    if (!status)
        status = image_channels(p->info, p->args, &p->channels, &p->n_channels);
    if (!status)
        status = prediction_cut(p);
    p->n_outputs = p->n_outputs ? p->n_outputs : (int64_t)p->n_channels;
    return status;
}

static int take_inverse(prediction *p)
{
    mt_statistics *statistics;
    const char *from = args_get(p->args, "inverse", 0);
    bool is_input = !from || !strcmp(from, "input");
    if (from && !strcmp(from, "none"))
        return EXIT_OK;
    p->inverse = p->normalize;
    p->inverse.subtract = p->inverse.divide = NULL;
    if (is_input && p->n_outputs != (int64_t)p->n_channels)
        return usage_error(p->args,
                           "the output has %" PRId64 " channels and the input %zu: --inverse none leaves the output as "
                           "it is, --inverse FILE.json takes the statistics of its channels",
                           p->n_outputs, p->n_channels);
    size_t n = (size_t)p->n_outputs;
    int64_t *channels = need(n, sizeof *channels);
    for (size_t i = 0; i < n; i++)
        channels[i] = (int64_t)i;
    int status = EXIT_OK;
    if (is_input) {
        p->inverse.subtract = need(n, sizeof(float));
        p->inverse.divide = need(n, sizeof(float));
        memcpy(p->inverse.subtract, p->normalize.subtract, n * sizeof(float));
        memcpy(p->inverse.divide, p->normalize.divide, n * sizeof(float));
    } else if (!(status = statistics_read(p->context, from, &statistics))) {
        status = normalize_take(&p->inverse, statistics, channels, n);
        mt_statistics_free(statistics);
    }
    free(channels);
    return status;
}

int prediction_normalize(prediction *p)
{
    if (p->normalize.kind == MT_NORMALIZE_NONE)
        return args_get(p->args, "inverse", 0) ? usage_error(p->args, "--inverse needs --stats or --normalize")
                                               : EXIT_OK;
    int status = normalize_prepare(&p->normalize, p->context, &p->images, p->channels, p->n_channels);
    return status ? status : take_inverse(p);
}

/* --- The output. --- */

static int64_t scaled(const prediction *p, int64_t size) { return (size * p->up + p->down - 1) / p->down; }

/* Whether the size of an output pixel differs along a spatial axis: planes are not scaled along Z. */
static bool is_scaled(const prediction *p, char axis)
{
    return strchr("YX", axis) || (axis == 'Z' && !mt_tiling_get_info(p->tiling)->is_planar);
}

static void add_axis(prediction *p, char axis, int64_t size)
{
    size_t n = strlen(p->out.axes);
    const char *same = strchr(p->info->original_axes, axis);
    const ptrdiff_t d = same ? same - p->info->original_axes : 0;
    bool is_spatial = strchr("ZYX", axis) != NULL;
    p->out.axes[n] = axis;
    p->out.shape[n] = is_scaled(p, axis) ? scaled(p, size) : size;
    p->pixel_size[n] = same && (is_spatial || size == p->info->original_shape[d]) ? p->info->pixel_size[d] : 0;
    if (is_scaled(p, axis))
        p->pixel_size[n] *= (double)p->down / p->up;
    p->unit[n] = same ? p->info->unit[d] : "";
}

static void describe_channels(prediction *p)
{
    if (!p->info->channels || p->n_outputs != (int64_t)p->n_channels)
        return;
    p->described = need(p->n_channels, sizeof *p->described);
    for (size_t i = 0; i < p->n_channels; i++)
        p->described[i] = p->info->channels[p->channels[i]];
}

int prediction_plan(prediction *p)
{
    const mt_stack_info *info = p->info;
    const int64_t samples = info->data_shape[0];
    mt_writer_options *o = &p->out.options;
    for (size_t d = 0; d < spatial_count(info); d++)
        if (spatial_size(info, d) > INT64_MAX / MOST_SCALE / 2)
            return failed("%s: an axis of %" PRId64 " pixels is too long", info->source, spatial_size(info, d));
    if (samples > 1 || strchr(info->original_axes, 'T'))
        add_axis(p, 'T', samples);
    if (p->n_outputs > 1 || strchr(info->original_axes, 'C'))
        add_axis(p, 'C', p->n_outputs);
    for (size_t d = 0; d < spatial_count(info); d++)
        add_axis(p, "ZYX"[3 - spatial_count(info) + d], spatial_size(info, d));
    describe_channels(p);
    if (!o->dtype)
        o->dtype = args_count(p->args, "identity") || is_source_dtype(p->args) ? info->dtype : MT_FLOAT32;
    o->is_labels |= args_count(p->args, "identity") && mt_stack_get_info(p->images.stacks[0])->is_labels;
    o->channels = p->described;
    o->pixel_size = p->pixel_size;
    o->unit = p->unit;
    writing_note_missing(&p->out, p->images.stacks, 1, "predicted");
    return writing_plan(&p->out);
}

/* --- Stitching. --- */

uint64_t prediction_least_memory(const mt_stitcher_report *found)
{
    return ((2 * found->least_memory >> 20) + 1) << 20;
}

static int check_memory(const prediction *p, const mt_stitcher *stitcher)
{
    char given[32];
    mt_error err = MT_ERROR_INIT;
    mt_stitcher_report found = { .struct_size = sizeof found };
    if (mt_stitcher_get_report(stitcher, &found, &err))
        return report(&err);
    if (!p->memory || prediction_least_memory(&found) <= (uint64_t)p->memory)
        return EXIT_OK;
    return failed("--memory of %s is too small for the chunks or shards that wait for further tiles: at least %" PRIu64
                  "M are needed, or smaller chunks or shards",
                  bytes_text((double)p->memory, given, sizeof given), prediction_least_memory(&found) >> 20);
}

int prediction_stitch(const prediction *p, mt_writer *writer, uint64_t part, uint64_t n_parts, mt_stitcher **out)
{
    mt_error err = MT_ERROR_INIT;
    const mt_stitch_output to = { .writer = writer,
                                  .n_channels = p->n_outputs,
                                  .up = p->up,
                                  .down = p->down,
                                  .scale = p->inverse.divide,
                                  .offset = p->inverse.subtract };
    mt_stitcher_options options = {
        .struct_size = sizeof options, .blend = p->blend, .part = part, .n_parts = n_parts
    };
    if (mt_stitcher_new(p->tiling, &to, 1, &options, out, &err))
        return report(&err);
    int status = check_memory(p, *out);
    if (!status && !p->memory)
        return EXIT_OK;
    mt_stitcher_free(*out);
    *out = NULL;
    if (status)
        return status;
    options.memory = (size_t)p->memory / 2;
    return mt_stitcher_new(p->tiling, &to, 1, &options, out, &err) ? report(&err) : EXIT_OK;
}

void prediction_free(prediction *p)
{
    writing_free_plan(&p->out);
    mt_tiling_free(p->tiling);
    free(p->described);
    free(p->channels);
    normalize_free(&p->normalize);
    normalize_free(&p->inverse);
    mt_stack_close(p->sample);
    images_free(&p->images);
    mt_context_free(p->context);
}
