/* SPDX-License-Identifier: BSD-3-Clause */
/* The images that patches are cut from, and their labels. */
#include "patches.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const mt_stack_info *patch_image(const patch_job *job, size_t i) { return mt_stack_get_info(job->images.stacks[i]); }

mt_dtype patch_dtype(const patch_job *job) { return job->as_float ? MT_FLOAT32 : job->info->dtype; }

mt_view patch_view(const patch_job *job, void *data)
{
    return (mt_view) { .data = data,
                       .dtype = patch_dtype(job),
                       .scale = job->normalize.divide,
                       .offset = job->normalize.subtract,
                       .divide = job->normalize.divide != NULL,
                       .scale_padding = 1 };
}

/* Opens the paths of an option; name NULL: those of the command. */
static int open_all(patch_job *job, const struct args *args, const char *name, const mt_open_options *options)
{
    size_t n = name ? args_count(args, name) : args->n_paths;
    for (size_t i = 0; i < n && !job->images.failed; i++)
        images_add(&job->images, job->context, name ? args_get(args, name, i) : args->paths[i], options);
    if (job->images.failed || !job->images.stacks)
        return EXIT_FAILED;
    job->info = patch_image(job, 0);
    for (size_t i = 0; i < job->images.n; i++) {
        const mt_stack_info *info = patch_image(job, i);
        note_opened(info);
        for (int d = 0; d < info->data_ndim; d++)
            if (!info->data_shape[d])
                return failed("%s has no pixels", info->source);
    }
    return EXIT_OK;
}

/* Checks that the patches of all images fit into one array. */
static int check_alike(const patch_job *job)
{
    const mt_stack_info *first = job->info;
    for (size_t i = 1; i < job->images.n; i++) {
        const mt_stack_info *info = patch_image(job, i);
        if (info->data_ndim != first->data_ndim)
            return failed("%s has %s, and %s does not: one size of patch cannot fit both",
                          info->data_ndim == 5 ? info->source : first->source, "planes along Z",
                          info->data_ndim == 5 ? first->source : info->source);
        if (info->dtype != first->dtype && !job->as_float)
            return failed("%s is %s, and %s is %s; use --float to write float32", first->source,
                          mt_dtype_name(first->dtype), info->source, mt_dtype_name(info->dtype));
    }
    return EXIT_OK;
}

/* The channels of each image: names may stand for other numbers there. */
static int find_channels(patch_job *job, const struct args *args)
{
    int64_t *found;
    for (size_t i = 0; i < job->images.n; i++) {
        int status = image_channels(patch_image(job, i), args, &found, &job->n_channels);
        if (status)
            return status;
        if (!job->channels)
            job->channels = need(job->images.n * job->n_channels, sizeof *found);
        memcpy(job->channels + i * job->n_channels, found, job->n_channels * sizeof *found);
        free(found);
    }
    return EXIT_OK;
}

static int choose_channels(patch_job *job, const struct args *args)
{
    const mt_stack_info *first = job->info;
    for (size_t i = 1; i < job->images.n && !args_get(args, "channels", 0); i++) {
        const mt_stack_info *info = patch_image(job, i);
        if (info->data_shape[1] != first->data_shape[1])
            return failed("%s has %" PRId64 " channels, and %s has %" PRId64 "; use --channels to choose",
                          first->source, first->data_shape[1], info->source, info->data_shape[1]);
    }
    return find_channels(job, args);
}

int check_channel_numbers(const patch_job *job, const char *what)
{
    for (size_t i = 1; i < job->images.n; i++)
        if (memcmp(job->channels, job->channels + i * job->n_channels, job->n_channels * sizeof *job->channels) != 0)
            return failed("the channels of --channels have other numbers in %s than in %s; --%s needs the same in all "
                          "images",
                          patch_image(job, i)->source, job->info->source, what);
    return EXIT_OK;
}

int patch_images_open(patch_job *job, const struct args *args)
{
    struct open_options open;
    int status = open_options_get(&open, args);
    if (!status && open.options.map && args->n_paths > 1)
        status = usage_error(args, "--use-map takes one image");
    if (!status)
        status = open_all(job, args, NULL, &open.options);
    if (!status)
        status = check_alike(job);
    return status ? status : choose_channels(job, args);
}

/* Checks that labels have the same samples, planes, rows and columns as their image. */
static int check_pair(const mt_stack_info *image, const mt_stack_info *labels)
{
    char one[128], other[128];
    bool same = image->data_ndim == labels->data_ndim && image->data_shape[0] == labels->data_shape[0] &&
                !memcmp(image->data_shape + 2, labels->data_shape + 2, spatial_count(image) * sizeof(int64_t));
    if (same)
        return EXIT_OK;
    return failed("%s (%s: %s) does not fit %s (%s: %s): labels must have the samples and pixels of their image",
                  labels->source, labels->data_ndim == 5 ? "SCZYX" : "SCYX",
                  shape_text(labels->data_shape, labels->data_ndim, one, sizeof one), image->source,
                  image->data_ndim == 5 ? "SCZYX" : "SCYX",
                  shape_text(image->data_shape, image->data_ndim, other, sizeof other));
}

int patch_labels_open(patch_job *labels, const patch_job *job, const struct args *args)
{
    const mt_open_options options = { .struct_size = sizeof options,
                                      .axes = args_get(args, "labels-axes", 0),
                                      .depth_axis = args_get(args, "depth-axis", 0) };
    *labels = *job;
    labels->images = (struct images) { 0 };
    labels->channels = NULL; /* all */
    labels->as_float = false;
    labels->normalize = (struct normalize) { 0 };
    int status = open_all(labels, args, "labels", &options);
    if (!status && labels->images.n != job->images.n)
        status = failed("--labels stands for %zu image%s, but there %s %zu to cut", labels->images.n,
                        labels->images.n == 1 ? "" : "s", job->images.n == 1 ? "is" : "are", job->images.n);
    if (!status)
        status = check_alike(labels);
    for (size_t i = 0; i < job->images.n && !status; i++) {
        status = check_pair(patch_image(job, i), patch_image(labels, i));
        if (!status && patch_image(labels, i)->data_shape[1] != labels->info->data_shape[1])
            status = failed("%s and %s differ in channels", labels->info->source, patch_image(labels, i)->source);
    }
    if (!status)
        labels->n_channels = (size_t)labels->info->data_shape[1];
    return status;
}

static bool is_small(const patch_job *job, const mt_stack_info *info)
{
    bool found = false;
    for (size_t d = 0; d < job->n_spatial; d++)
        found |= spatial_size(info, d) < job->size[d];
    return found;
}

void patch_images_note_small(const patch_job *job)
{
    size_t n = 0, first = 0;
    for (size_t i = 0; i < job->images.n && job->places != PLACES_AT; i++)
        if (is_small(job, patch_image(job, i)))
            first = n++ ? first : i;
    if (n == 1)
        fprintf(stderr, "microtome: %s is smaller than a patch: padded with zeros\n", patch_image(job, first)->source);
    else if (n > 1)
        fprintf(stderr, "microtome: %zu images, such as %s, are smaller than a patch: padded with zeros\n", n,
                patch_image(job, first)->source);
}

void patch_images_close(patch_job *job)
{
    mt_loader_free(job->loader);
    free(job->channels);
    images_free(&job->images);
}
