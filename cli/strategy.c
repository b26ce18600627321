/* SPDX-License-Identifier: BSD-3-Clause */
/* --strategy: the patches of an epoch, in index order, as a loader gives them to training. */
#include "patches.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const strategies[] = {
    "stratified", "random", "fixed_random", "tiled", "sequential", "whole", NULL
};

static bool is_strategy(const struct args *args, const char *name)
{
    const char *given = args_get(args, "strategy", 0);
    return given && !strcmp(given, name);
}

static bool is_overlapping(const struct args *args)
{
    return is_strategy(args, "tiled") || is_strategy(args, "sequential");
}

static int check_needs(const struct args *args)
{
    static const char *const names[] = { "filter", "augment", "epoch" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (args_count(args, names[i]) && !args_count(args, "strategy"))
            return usage_error(args, "--%s needs --strategy", names[i]);
    if ((args_count(args, "probability") || args_count(args, "mask-axes")) && !args_count(args, "filter"))
        return usage_error(args, "--probability and --mask-axes need --filter");
    if (args_count(args, "filter") && !is_strategy(args, "stratified"))
        return usage_error(args, "--filter needs --strategy stratified");
    if (args_count(args, "overlap") && !args_count(args, "grid") && !is_overlapping(args))
        return usage_error(args, "--overlap needs --grid, or --strategy tiled or sequential");
    return EXIT_OK;
}

int strategy_check(const struct args *args)
{
    const char *name = args_get(args, "strategy", 0);
    bool is_whole = is_strategy(args, "whole");
    if (name && word_index(args, "strategy", name, strlen(name), strategies) < 0)
        return EXIT_USAGE;
    if (!is_whole && !args_get(args, "size", 0))
        return usage_error(args, "--size is required, such as --size 64x64");
    if (is_whole && args_get(args, "size", 0))
        return usage_error(args, "--strategy whole cuts whole samples, and takes no --size");
    if (name && args_count(args, "sample"))
        return usage_error(args, "--strategy covers all samples, and takes no --sample");
    return check_needs(args);
}

/* "flip,rotate90" or "d4". */
static int read_augment(patch_job *job, const struct args *args)
{
    static const char *const names[] = { "flip", "rotate90", "d4", NULL };
    static const unsigned flags[] = { MT_AUGMENT_FLIP, MT_AUGMENT_ROTATE90, MT_AUGMENT_D4 };
    const char *text = args_get(args, "augment", 0);
    for (bool more = text != NULL; more; text++) {
        size_t length = strcspn(text, ",");
        int found = word_index(args, "augmentation", text, length, names);
        if (found < 0)
            return EXIT_USAGE;
        job->augment |= flags[found];
        more = *(text += length) == ',';
    }
    if (job->augment & MT_AUGMENT_D4 && job->augment != MT_AUGMENT_D4)
        return usage_error(args, "--augment d4 contains flips and quarter turns, and stands alone");
    bool turns = job->augment & (MT_AUGMENT_D4 | MT_AUGMENT_ROTATE90);
    if (turns && !is_strategy(args, "whole") && job->size[job->n_spatial - 1] != job->size[job->n_spatial - 2])
        return usage_error(args, "only square patches can be turned: --augment rotate90 and d4 need as many Y as X");
    return EXIT_OK;
}

/* The patches of "whole" have the size of the images, which must be the same for all. */
static int take_whole_size(patch_job *job)
{
    char one[96], other[96];
    memcpy(job->size, job->info->data_shape + 2, job->n_spatial * sizeof *job->size);
    for (size_t i = 1; i < job->images.n; i++) {
        const mt_stack_info *info = patch_image(job, i);
        if (memcmp(info->data_shape + 2, job->size, job->n_spatial * sizeof *job->size) != 0)
            return failed("%s has %s pixels, and %s has %s: whole samples of one array must have the same size",
                          job->info->source, shape_text(job->size, (int)job->n_spatial, one, sizeof one), info->source,
                          shape_text(info->data_shape + 2, (int)job->n_spatial, other, sizeof other));
    }
    return EXIT_OK;
}

static int new_patching(patch_job *job, const char *name)
{
    mt_error err = MT_ERROR_INIT;
    const mt_patching_options options = { .struct_size = sizeof options,
                                          .strategy = name,
                                          .patch_size = job->size,
                                          .n_spatial = job->n_spatial,
                                          .overlap = job->overlap,
                                          .seed = job->seed,
                                          .pad = 1 };
    return mt_patching_new(job->images.stacks, job->images.n, &options, &job->patching, &err) ? report(&err) : EXIT_OK;
}

int strategy_read(patch_job *job, const struct args *args)
{
    int64_t epoch = 0;
    job->places = PLACES_STRATEGY;
    job->is_tiled = is_strategy(args, "tiled");
    int status = is_strategy(args, "whole") ? take_whole_size(job) : places_lengths(job, args, "size", 1, job->size);
    if (!status)
        status = places_overlap(job, args);
    if (!status)
        status = args_seed(args, "seed", &job->seed);
    if (!status)
        status = args_integer(args, "epoch", 0, INT64_MAX, &epoch);
    if (!status)
        status = args_integer(args, "count", 1, INT64_MAX, &job->count);
    job->epoch = (uint64_t)epoch;
    if (!status)
        status = read_augment(job, args);
    if (!status)
        status = check_channel_numbers(job, "strategy");
    if (!status)
        status = filters_read(job, args);
    return status ? status : new_patching(job, args_get(args, "strategy", 0));
}

int strategy_count(patch_job *job, const struct args *args)
{
    int status = job->filters ? filters_apply(job, say_where(args)) : EXIT_OK;
    if (status)
        return status;
    uint64_t n = mt_patching_count(job->patching);
    if (n == 0)
        return failed("the epoch has no patches: all regions are background, and --probability is 0");
    if (!args_count(args, "count"))
        job->count = n < INT64_MAX ? (int64_t)n : INT64_MAX;
    if (n < (uint64_t)job->count) {
        fprintf(stderr, "microtome: the epoch has %" PRIu64 " patches, fewer than --count %" PRId64 "\n", n,
                job->count);
        job->count = (int64_t)n;
    }
    if (job->augment)
        job->symmetries = need((size_t)job->count, sizeof *job->symmetries);
    return EXIT_OK;
}

int strategy_start(patch_job *job)
{
    mt_error err = MT_ERROR_INIT;
    const mt_loader_array array = { .stacks = job->images.stacks,
                                    .channels = job->channels,
                                    .n_channels = job->channels ? job->n_channels : 0,
                                    .view = patch_view(job, NULL) };
    const mt_loader_options options = { .struct_size = sizeof options,
                                        .seed = job->seed,
                                        .arrays = &array,
                                        .n_arrays = 1,
                                        .augment = job->augment,
                                        .in_order = 1,
                                        .fill_missing = 1 };
    return mt_loader_new(job->patching, &options, &job->loader, &err) ? report(&err) : EXIT_OK;
}

int strategy_cut(const patch_job *job, int64_t first, size_t n, FILE *file)
{
    uint64_t positions[PATCHES_AT_ONCE];
    mt_batch *batch;
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < n; i++)
        positions[i] = (uint64_t)first + i;
    if (mt_loader_read(job->loader, job->epoch, positions, n, &until_interrupted, &batch, &err))
        return report(&err);
    if (job->symmetries)
        memcpy(job->symmetries + first, batch->symmetries, n);
    int status = file ? patches_write(job, batch->arrays[0].data, n, file) : EXIT_OK;
    mt_batch_release(batch);
    return status;
}

/* Numbers of one kind of a tile, such as ",crop_y,crop_x". */
static void print_names(const patch_job *job, const char *kind, FILE *file)
{
    for (size_t d = 3 - job->n_spatial; d < 3; d++)
        fprintf(file, ",%s_%c", kind, "zyx"[d]);
}

static void print_numbers(const patch_job *job, const int64_t *numbers, FILE *file)
{
    for (size_t d = 0; d < job->n_spatial; d++)
        fprintf(file, ",%" PRId64, numbers[d]);
}

void strategy_names(const patch_job *job, FILE *file)
{
    if (job->symmetries)
        fprintf(file, ",symmetry");
    if (job->is_tiled) {
        print_names(job, "crop", file);
        print_names(job, "crop_size", file);
        print_names(job, "stitch", file);
    }
}

int strategy_columns(const patch_job *job, int64_t i, FILE *file)
{
    mt_patch_spec spec;
    mt_error err = MT_ERROR_INIT;
    if (job->symmetries)
        fprintf(file, ",%d", job->symmetries[i]);
    if (!job->is_tiled)
        return EXIT_OK;
    if (mt_patching_get(job->patching, job->epoch, (uint64_t)i, 0, &spec, &err))
        return report(&err);
    print_numbers(job, spec.crop_coords, file);
    print_numbers(job, spec.crop_size, file);
    print_numbers(job, spec.stitch_coords, file);
    return EXIT_OK;
}

void strategy_free(patch_job *job)
{
    mt_patching_free(job->patching);
    filters_free(job);
    free(job->symmetries);
}
