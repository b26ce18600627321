/* SPDX-License-Identifier: BSD-3-Clause */
/* --filter: draws fewer patches from regions that are background. */
#include "patches.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_MAX, KIND_MEAN_STD, KIND_SHANNON, KIND_MASK };

static const char *const names[] = { "max", "mean-std", "shannon", "mask", NULL };
static const char *const forms[] = { "max:THRESHOLD[,COVERAGE], such as max:120 or max:120,0.25",
                                     "mean-std:MEAN[,STD], both from 0 on, such as mean-std:100,20",
                                     "shannon:BITS, from 0 on, such as shannon:2.5",
                                     "mask:IMAGE[,COVERAGE], such as mask:cells.tif or mask:cells.tif,0.1" };

struct filter {
    enum kind kind;
    double first, second; /* threshold; coverage or threshold of the standard deviation */
    bool has_second;
    char *path; /* of the masks; owned; borrowed by masks */
    struct images masks;
};

struct filters {
    double probability; /* weight of background */
    size_t n;
    struct filter items[];
};

static bool has_coverage(const struct filter *filter) { return filter->has_second && filter->kind != KIND_MEAN_STD; }

/* A pass of the filters over all samples. */
struct pass {
    const patch_job *job;
    struct progress progress;
    uint64_t sample, samples; /* samples done; of all images */
    uint64_t background, regions;
};

static bool read_number(const char **text, double *out)
{
    char *end;
    *out = strtod(*text, &end);
    bool good = end != *text && isfinite(*out);
    *text = end;
    return good;
}

/* Numbers after the name: one, and a second one if the kind has it. */
static bool read_numbers(struct filter *filter, const char *text)
{
    bool good = read_number(&text, &filter->first);
    if (good && *text == ',' && filter->kind != KIND_SHANNON) {
        text++;
        filter->has_second = true;
        good = read_number(&text, &filter->second);
    }
    return good && !*text && (filter->kind == KIND_MAX || (filter->first >= 0 && filter->second >= 0));
}

/* The length of the path of a mask: text up to a comma that a number follows. */
static size_t split_path(struct filter *filter, const char *text)
{
    const char *comma = strrchr(text, ','), *rest = comma ? comma + 1 : NULL;
    filter->has_second = comma && read_number(&rest, &filter->second) && !*rest;
    return filter->has_second ? (size_t)(comma - text) : strlen(text);
}

static int open_masks(const patch_job *job, struct filter *filter, const struct args *args)
{
    const mt_open_options options = { .struct_size = sizeof options,
                                      .axes = args_get(args, "mask-axes", 0),
                                      .depth_axis = args_get(args, "depth-axis", 0) };
    images_add(&filter->masks, job->context, filter->path, &options);
    if (filter->masks.failed)
        return EXIT_FAILED;
    for (size_t i = 0; i < filter->masks.n; i++)
        note_opened(mt_stack_get_info(filter->masks.stacks[i]));
    if (filter->masks.n != job->images.n)
        return failed("--filter mask: %s stands for %zu image%s, but there %s %zu to cut", filter->path,
                      filter->masks.n, filter->masks.n == 1 ? "" : "s", job->images.n == 1 ? "is" : "are",
                      job->images.n);
    return EXIT_OK;
}

static int read_mask(const patch_job *job, struct filter *filter, const char *text, const struct args *args)
{
    size_t length = split_path(filter, text);
    if (length == 0)
        return usage_error(args, "--filter takes %s", forms[KIND_MASK]);
    filter->path = need(length + 1, 1);
    memcpy(filter->path, text, length);
    return open_masks(job, filter, args);
}

static int read_filter(const patch_job *job, struct filter *filter, const char *text, const struct args *args)
{
    size_t length = strcspn(text, ":");
    int found = word_index(args, "filter", text, length, names);
    if (found < 0)
        return EXIT_USAGE;
    filter->kind = (enum kind)found;
    bool is_mask = filter->kind == KIND_MASK;
    if (!text[length] || (!is_mask && !read_numbers(filter, text + length + 1)))
        return usage_error(args, "--filter takes %s; not '%s'", forms[found], text);
    int status = is_mask ? read_mask(job, filter, text + length + 1, args) : EXIT_OK;
    if (!status && has_coverage(filter) && !(filter->second >= 0 && filter->second <= 1))
        status = usage_error(args, "--filter: the coverage, a share from 0 to 1, is %g in '%s'", filter->second, text);
    return status;
}

static int read_probability(struct filters *filters, const struct args *args)
{
    const char *text = args_get(args, "probability", 0), *rest = text;
    filters->probability = 0.1;
    if (!text ||
        (read_number(&rest, &filters->probability) && !*rest && filters->probability >= 0 && filters->probability <= 1))
        return EXIT_OK;
    return usage_error(args, "--probability takes a number from 0 to 1, not '%s'", text);
}

int filters_read(patch_job *job, const struct args *args)
{
    size_t n = args_count(args, "filter");
    if (n == 0)
        return EXIT_OK;
    job->filters = need(1, sizeof *job->filters + n * sizeof *job->filters->items);
    job->filters->n = n;
    int status = read_probability(job->filters, args);
    for (size_t i = 0; i < n && !status; i++)
        status = read_filter(job, &job->filters->items[i], args_get(args, "filter", i), args);
    return status;
}

static void show(void *user, uint64_t done, uint64_t total)
{
    struct pass *pass = user;
    progress_show(&pass->progress, (double)pass->sample + (double)done / (double)(total ? total : 1),
                  (double)pass->samples);
}

static mt_filter_options filter_options(struct pass *pass, const struct filter *filter, size_t image)
{
    static const char *const filters[] = { "max", "mean_std", "shannon", "mask" };
    bool is_mask = filter->kind == KIND_MASK, has_std = filter->has_second && !has_coverage(filter);
    return (mt_filter_options) { .struct_size = sizeof(mt_filter_options),
                                 .filter = filters[filter->kind],
                                 .threshold = filter->first,
                                 .std_threshold = has_std ? &filter->second : NULL,
                                 .coverage = has_coverage(filter) ? &filter->second : NULL,
                                 .ref_channel = is_mask ? 0 : pass->job->channels[0],
                                 .mask = is_mask ? filter->masks.stacks[image] : NULL,
                                 .cancelled = until_interrupted.cancelled,
                                 .progress = show,
                                 .user = pass };
}

/* Judges a sample with one filter: the weights of background become 0. */
static int judge(struct pass *pass, const struct filter *filter, size_t image, int64_t sample, uint8_t *keep,
                 double *weights)
{
    const patch_job *job = pass->job;
    const mt_filter_options options = filter_options(pass, filter, image);
    mt_filter_info info = { .struct_size = sizeof info };
    mt_error err = MT_ERROR_INIT;
    if (mt_filter_apply(job->images.stacks[image], sample, job->size, job->n_spatial, &options, keep, NULL, &info,
                        &err))
        return report(&err);
    if (info.n_nan)
        fprintf(stderr, "microtome: %s: %" PRIu64 " pixels are NaN and count as 0 for the filter\n",
                patch_image(job, image)->source, info.n_nan);
    for (uint64_t k = 0; k < info.n_regions; k++)
        if (!keep[k])
            weights[k] = 0;
    return EXIT_OK;
}

static int weigh(struct pass *pass, size_t image, int64_t sample)
{
    const patch_job *job = pass->job;
    mt_region_info grid = { .struct_size = sizeof grid };
    mt_error err = MT_ERROR_INIT;
    if (mt_patching_get_grid(job->patching, image, sample, &grid, &err))
        return report(&err);
    size_t n = (size_t)grid.n_regions;
    uint8_t *keep = need(n, 1);
    double *weights = need(n, sizeof *weights);
    for (size_t k = 0; k < n; k++)
        weights[k] = 1;
    int status = EXIT_OK;
    for (size_t i = 0; i < job->filters->n && !status; i++)
        status = judge(pass, &job->filters->items[i], image, sample, keep, weights);
    for (size_t k = 0; k < n; k++)
        if (weights[k] == 0) {
            weights[k] = job->filters->probability;
            pass->background++;
        }
    pass->regions += n;
    if (!status && mt_patching_weigh(job->patching, image, sample, weights, n, &err))
        status = report(&err);
    free(weights);
    free(keep);
    return status;
}

int filters_apply(patch_job *job, FILE *to)
{
    struct pass pass = { .job = job };
    int status = EXIT_OK;
    for (size_t i = 0; i < job->images.n; i++)
        pass.samples += (uint64_t)patch_image(job, i)->data_shape[0];
    progress_start(&pass.progress);
    for (size_t i = 0; i < job->images.n; i++)
        for (int64_t s = 0; s < patch_image(job, i)->data_shape[0] && !status; s++, pass.sample++)
            status = weigh(&pass, i, s);
    progress_end(&pass.progress);
    if (!status)
        fprintf(to, "filtered: %" PRIu64 " of %" PRIu64 " regions are background; %" PRIu64 " patches in an epoch\n",
                pass.background, pass.regions, mt_patching_count(job->patching));
    return status;
}

const struct images *filters_masks(const patch_job *job, size_t i)
{
    return job->filters && i < job->filters->n ? &job->filters->items[i].masks : NULL;
}

void filters_free(patch_job *job)
{
    for (size_t i = 0; job->filters && i < job->filters->n; i++) {
        images_free(&job->filters->items[i].masks);
        free(job->filters->items[i].path);
    }
    free(job->filters);
}
