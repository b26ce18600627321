/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome stats: mean, std, minimum, maximum and quantiles as a table, or JSON. */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct stats_job {
    const struct args *args;
    mt_context *context;
    struct images images, masks;
    double quantiles[MT_MOST_QUANTILES];
    mt_statistics_options options;
    struct progress progress;
} stats_job;

/* Parses a list of quantiles separated by commas. */
static int read_quantiles(stats_job *job)
{
    const char *text = args_get(job->args, "quantiles", 0), *rest = text ? text : "0.01,0.99";
    for (bool more = true; more; rest++) {
        char *end;
        double value = strtod(rest, &end);
        if (end == rest || (*end && *end != ',') || !(value >= 0 && value <= 1))
            return usage_error(job->args, "--quantiles takes numbers from 0 to 1, such as 0.01,0.5,0.99; not '%s'",
                               text);
        if (job->options.n_quantiles == MT_MOST_QUANTILES)
            return usage_error(job->args, "--quantiles takes at most %d numbers", MT_MOST_QUANTILES);
        job->quantiles[job->options.n_quantiles++] = value;
        more = *(rest = end) == ',';
    }
    job->options.quantiles = job->quantiles;
    return EXIT_OK;
}

/* "5%" of the chunks, or a number of them. */
static int read_sample(stats_job *job)
{
    const char *text = args_get(job->args, "sample", 0);
    size_t length = text ? strlen(text) : 0;
    int64_t chunks = 0;
    if (length == 0 || text[length - 1] != '%') {
        int status = args_integer(job->args, "sample", 2, INT64_MAX, &chunks);
        job->options.sample_chunks = (uint64_t)chunks;
        return status;
    }
    char *end;
    double percent = strtod(text, &end);
    if (end == text || end != text + length - 1 || !(percent > 0 && percent < 100))
        return usage_error(job->args, "--sample takes a number of chunks, or a share such as 5%%; not '%s'", text);
    job->options.sample_share = percent / 100;
    return EXIT_OK;
}

static int is_interrupted(void *user)
{
    (void)user;
    return interrupted();
}

static void show(void *user, uint64_t done, uint64_t total)
{
    stats_job *job = user;
    progress_show(&job->progress, (double)done, (double)total);
}

static int read_options(stats_job *job)
{
    const char *missing = args_get(job->args, "missing", 0);
    job->options = (mt_statistics_options) { .struct_size = sizeof job->options,
                                             .allow_missing = missing && !strcmp(missing, "fill"),
                                             .cancelled = is_interrupted,
                                             .progress = show,
                                             .user = job };
    int status = read_quantiles(job);
    if (!status)
        status = read_sample(job);
    return status ? status : args_seed(job->args, "seed", &job->options.seed);
}

static void note_images(const struct images *images)
{
    for (size_t i = 0; i < images->n; i++)
        note_opened(mt_stack_get_info(images->stacks[i]));
}

static int open_images(stats_job *job)
{
    struct open_options open;
    const mt_open_options plain = { .struct_size = sizeof plain };
    int status = open_options_get(&open, job->args);
    if (!status && open.options.map && job->args->n_paths > 1)
        status = usage_error(job->args, "--use-map takes one image");
    if (status || (status = context_open(&job->context, job->args)))
        return status;
    for (size_t i = 0; i < job->args->n_paths; i++)
        images_add(&job->images, job->context, job->args->paths[i], &open.options);
    for (size_t i = 0; i < args_count(job->args, "mask"); i++)
        images_add(&job->masks, job->context, args_get(job->args, "mask", i), &plain);
    if (job->images.failed || job->masks.failed)
        return EXIT_FAILED;
    note_images(&job->images);
    note_images(&job->masks);
    if (job->masks.n > 0 && job->masks.n != job->images.n)
        return failed("--mask stands for %zu image%s, but there %s %zu to measure", job->masks.n,
                      job->masks.n == 1 ? "" : "s", job->images.n == 1 ? "is" : "are", job->images.n);
    job->options.masks = job->masks.n > 0 ? job->masks.stacks : NULL;
    return EXIT_OK;
}

/* The name of a channel: of the first image, or its number. */
static const char *name_channel(const stats_job *job, int64_t channel, char *text, size_t room)
{
    const mt_stack_info *info = mt_stack_get_info(job->images.stacks[0]);
    const char *name = channel >= 0 && info->channels ? info->channels[channel].name : "";
    if (channel < 0)
        snprintf(text, room, "all");
    else
        snprintf(text, room, name && *name ? "%" PRId64 " %s" : "%" PRId64, channel, name);
    return text;
}

static void print_row(const stats_job *job, const mt_statistics *s, const mt_statistics_info *info, int64_t channel)
{
    const mt_channel_statistics *c = mt_statistics_get(s, channel);
    char name[20];
    printf("%-16.16s %12" PRIu64 " %12.6g %12.6g %12.6g %12.6g", name_channel(job, channel, name, sizeof name), c->n,
           c->mean, c->std, c->min, c->max);
    for (size_t i = 0; i < info->n_quantiles; i++) {
        double value = 0;
        mt_error err = MT_ERROR_INIT;
        if (!mt_statistics_quantile(s, channel, info->quantiles[i], &value, &err))
            printf(" %12.6g", value);
    }
    if (info->sample_chunks)
        printf(" %12.3g", c->mean_error);
    putchar('\n');
}

static void print_table(const stats_job *job, const mt_statistics *s)
{
    mt_statistics_info info = { .struct_size = sizeof info };
    mt_error err = MT_ERROR_INIT;
    if (mt_statistics_get_info(s, &info, &err))
        return;
    printf("%-16s %12s %12s %12s %12s %12s", "channel", "pixels", "mean", "std", "min", "max");
    for (size_t i = 0; i < info.n_quantiles; i++) {
        char title[24];
        snprintf(title, sizeof title, "q%.4g", info.quantiles[i]);
        printf(" %12s", title);
    }
    printf("%s\n", info.sample_chunks ? "  mean error" : "");
    for (int64_t c = 0; c < info.n_channels; c++)
        print_row(job, s, &info, c);
    if (info.n_channels > 1)
        print_row(job, s, &info, MT_OVERALL);
    const mt_channel_statistics *all = mt_statistics_get(s, MT_OVERALL);
    if (info.sample_chunks)
        printf("a sample of %" PRIu64 " of %" PRIu64 " chunks, seed %" PRIu64 "\n", info.sample_chunks, info.chunks,
               info.seed);
    if (all->n_nan || all->n_infinite)
        printf("left out: %" PRIu64 " NaN, %" PRIu64 " infinite\n", all->n_nan, all->n_infinite);
}

static int compute(stats_job *job)
{
    mt_statistics *s;
    mt_error err = MT_ERROR_INIT;
    progress_start(&job->progress);
    mt_status st = mt_statistics_new(job->images.stacks, job->images.n, &job->options, &s, &err);
    progress_end(&job->progress);
    if (st)
        return report(&err);
    for (size_t i = 0; i < job->images.n; i++)
        note_absent(job->images.stacks[i]);
    if (args_count(job->args, "json"))
        fputs(mt_statistics_json(s), stdout);
    else
        print_table(job, s);
    mt_statistics_free(s);
    return job->images.skipped || job->masks.skipped ? EXIT_FAILED : EXIT_OK;
}

int run_stats(const struct args *args)
{
    stats_job job = { .args = args };
    int status = read_options(&job);
    interrupt_catch();
    if (!status)
        status = open_images(&job);
    if (!status)
        status = compute(&job);
    images_free(&job.images);
    images_free(&job.masks);
    mt_context_free(job.context);
    return status;
}
