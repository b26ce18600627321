/* SPDX-License-Identifier: BSD-3-Clause */
#include "patches.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The output function of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in 0 .. n - 1: numbers of the incomplete last round of n are drawn again. */
static int64_t draw_below(uint64_t *state, int64_t n)
{
    uint64_t bound = UINT64_MAX - UINT64_MAX % (uint64_t)n, value;
    do
        value = mix(*state += 0x9e3779b97f4a7c15u);
    while (value >= bound);
    return (int64_t)(value % (uint64_t)n);
}

static int64_t last_position(const patch_job *job, size_t d)
{
    int64_t size = spatial_size(job->image.info, d);
    return size > job->size[d] ? size - job->size[d] : 0;
}

static int64_t grid_count(const patch_job *job, size_t d)
{
    int64_t last = last_position(job, d), step = job->size[d] - job->overlap[d];
    return last / step + (last % step != 0) + 1;
}

static void find_in_grid(const patch_job *job, int64_t i, struct place *out)
{
    for (size_t d = job->n_spatial; d-- > 0;) {
        int64_t n = grid_count(job, d), k = i % n;
        out->coords[d] = k == n - 1 ? last_position(job, d) : k * (job->size[d] - job->overlap[d]);
        i /= n;
    }
    out->sample = job->sample < 0 ? i : job->sample;
}

static void find_random(const patch_job *job, int64_t i, struct place *out)
{
    uint64_t state = mix(mix(job->seed + 0x9e3779b97f4a7c15u) + (uint64_t)i);
    int64_t sample = draw_below(&state, job->image.info->data_shape[0]);
    out->sample = job->sample < 0 ? sample : job->sample;
    for (size_t d = 0; d < job->n_spatial; d++)
        out->coords[d] = draw_below(&state, last_position(job, d) + 1);
}

void place_find(const patch_job *job, int64_t i, struct place *out)
{
    if (job->places == PLACES_AT)
        *out = job->at[i];
    else if (job->places == PLACES_GRID)
        find_in_grid(job, i, out);
    else
        find_random(job, i, out);
}

mt_patch_request place_request(const patch_job *job, const struct place *place, void *data)
{
    return (
        mt_patch_request) { .stack = job->image.stack,
                            .sample = place->sample,
                            .channels = job->channels,
                            .n_channels = job->n_channels,
                            .n_spatial = job->n_spatial,
                            .coords = place->coords,
                            .patch_size = job->size,
                            .view = { .data = data, .dtype = job->as_float ? MT_FLOAT32 : job->image.info->dtype } };
}

static int check_dimensions(const patch_job *job, const struct args *args, const char *name, size_t n)
{
    char text[128];
    const mt_stack_info *info = job->image.info;
    if (n == job->n_spatial)
        return EXIT_OK;
    return usage_error(args, "--%s takes %zu numbers, for the image has %s: %s pixels", name, job->n_spatial,
                       job->n_spatial == 3 ? "Z, Y and X" : "Y and X only",
                       shape_text(info->data_shape + 2, (int)job->n_spatial, text, sizeof text));
}

static int read_grid(patch_job *job, const struct args *args)
{
    size_t n;
    if (args_get(args, "overlap", 0)) {
        int status = args_list(args, "overlap", 0, 0, INT64_MAX, 3, job->overlap, &n);
        if (status || (status = check_dimensions(job, args, "overlap", n)))
            return status;
    }
    job->count = job->sample < 0 ? job->image.info->data_shape[0] : 1;
    for (size_t d = 0; d < job->n_spatial; d++) {
        if (job->overlap[d] >= job->size[d])
            return usage_error(args, "--overlap must be smaller than --size");
        int64_t rows = grid_count(job, d);
        if (job->count > INT64_MAX / rows)
            return usage_error(args, "the grid has more patches than can be counted");
        job->count *= rows;
    }
    return EXIT_OK;
}

static int read_at(patch_job *job, const struct args *args)
{
    job->count = (int64_t)args_count(args, "at");
    job->at = need((size_t)job->count, sizeof *job->at);
    for (int64_t i = 0; i < job->count; i++) {
        size_t n;
        int status = args_list(args, "at", (size_t)i, INT64_MIN / 4, INT64_MAX / 4, 3, job->at[i].coords, &n);
        if (status || (status = check_dimensions(job, args, "at", n)))
            return status;
        job->at[i].sample = job->sample < 0 ? 0 : job->sample;
    }
    return EXIT_OK;
}

int places_read(patch_job *job, const struct args *args)
{
    size_t n;
    const mt_stack_info *info = job->image.info;
    job->n_spatial = spatial_count(info);
    job->sample = -1;
    job->count = 64;
    int status = args_list(args, "size", 0, 1, INT32_MAX, 3, job->size, &n);
    if (!status)
        status = check_dimensions(job, args, "size", n);
    if (!status)
        status = args_integer(args, "sample", 0, info->data_shape[0] - 1, &job->sample);
    if (!status && args_count(args, "at"))
        job->places = PLACES_AT;
    else if (!status && args_count(args, "grid"))
        job->places = PLACES_GRID;
    if (!status)
        status = args_integer(args, "count", 1, INT64_MAX, &job->count);
    if (!status)
        status = args_seed(args, "seed", &job->seed);
    if (!status && job->places != PLACES_RANDOM)
        status = job->places == PLACES_AT ? read_at(job, args) : read_grid(job, args);
    return status;
}
