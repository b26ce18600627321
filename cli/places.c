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

/* Uniform in [0, n), by rejection sampling. */
static int64_t draw_below(uint64_t *state, int64_t n)
{
    uint64_t bound = UINT64_MAX - UINT64_MAX % (uint64_t)n, value;
    do
        value = mix(*state += 0x9e3779b97f4a7c15u);
    while (value >= bound);
    return (int64_t)(value % (uint64_t)n);
}

static int64_t last_position(const patch_job *job, size_t image, size_t d)
{
    int64_t size = spatial_size(patch_image(job, image), d);
    return size > job->size[d] ? size - job->size[d] : 0;
}

static int64_t grid_count(const patch_job *job, size_t image, size_t d)
{
    int64_t last = last_position(job, image, d), step = job->size[d] - job->overlap[d];
    return last / step + (last % step != 0) + 1;
}

/* Finds the image of item *i of job->ends, and makes *i relative to that image. */
static size_t find_image(const patch_job *job, int64_t *i)
{
    size_t low = 0, high = job->images.n - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (job->ends[middle] > *i)
            high = middle;
        else
            low = middle + 1;
    }
    *i -= low ? job->ends[low - 1] : 0;
    return low;
}

static void find_in_grid(const patch_job *job, int64_t i, struct place *out)
{
    out->image = find_image(job, &i);
    for (size_t d = job->n_spatial; d-- > 0;) {
        int64_t n = grid_count(job, out->image, d), k = i % n;
        out->coords[d] = k == n - 1 ? last_position(job, out->image, d) : k * (job->size[d] - job->overlap[d]);
        i /= n;
    }
    out->sample = job->sample < 0 ? i : job->sample;
}

static void find_random(const patch_job *job, int64_t i, struct place *out)
{
    uint64_t state = mix(mix(job->seed + 0x9e3779b97f4a7c15u) + (uint64_t)i);
    out->image = 0;
    if (job->images.n > 1) {
        int64_t position = draw_below(&state, job->ends[job->images.n - 1]);
        out->image = find_image(job, &position);
    }
    int64_t sample = draw_below(&state, patch_image(job, out->image)->data_shape[0]);
    out->sample = job->sample < 0 ? sample : job->sample;
    for (size_t d = 0; d < job->n_spatial; d++)
        out->coords[d] = draw_below(&state, last_position(job, out->image, d) + 1);
}

static int find_of_strategy(const patch_job *job, int64_t i, struct place *out)
{
    mt_patch_spec spec;
    mt_error err = MT_ERROR_INIT;
    if (mt_patching_get(job->patching, job->epoch, (uint64_t)i, 0, &spec, &err))
        return report(&err);
    *out = (struct place) { .image = spec.stack, .sample = spec.sample };
    memcpy(out->coords, spec.coords, sizeof out->coords);
    return EXIT_OK;
}

int place_find(const patch_job *job, int64_t i, struct place *out)
{
    if (job->places == PLACES_STRATEGY)
        return find_of_strategy(job, i, out);
    if (job->places == PLACES_AT) {
        *out = job->at[i % (int64_t)job->n_at];
        out->image = (size_t)(i / (int64_t)job->n_at);
    } else if (job->places == PLACES_GRID) {
        find_in_grid(job, i, out);
    } else {
        find_random(job, i, out);
    }
    return EXIT_OK;
}

mt_patch_request place_request(const patch_job *job, const struct place *place, void *data)
{
    const int64_t *channels = job->channels ? job->channels + place->image * job->n_channels : NULL;
    return (mt_patch_request) { .stack = job->images.stacks[place->image],
                                .sample = place->sample,
                                .channels = channels,
                                .n_channels = channels ? job->n_channels : 0,
                                .n_spatial = job->n_spatial,
                                .coords = place->coords,
                                .patch_size = job->size,
                                .view = patch_view(job, data) };
}

static int check_dimensions(const patch_job *job, const char *name, size_t n)
{
    char text[128];
    const mt_stack_info *info = job->info;
    if (n == job->n_spatial)
        return EXIT_OK;
    return failed("%s: --%s takes %zu numbers, because the image has %s: %s pixels", info->source, name, job->n_spatial,
                  job->n_spatial == 3 ? "Z, Y and X" : "Y and X only",
                  shape_text(info->data_shape + 2, (int)job->n_spatial, text, sizeof text));
}

int places_lengths(const patch_job *job, const struct args *args, const char *name, int64_t low, int64_t *out)
{
    size_t n;
    if (!args_get(args, name, 0))
        return EXIT_OK;
    int status = args_list(args, name, 0, low, INT32_MAX, 3, out, &n);
    return status ? status : check_dimensions(job, name, n);
}

int places_overlap(patch_job *job, const struct args *args)
{
    int status = places_lengths(job, args, "overlap", 0, job->overlap);
    for (size_t d = 0; d < job->n_spatial && !status; d++)
        if (job->overlap[d] >= job->size[d])
            status = usage_error(args, "--overlap must be smaller than --size");
    return status;
}

/* Sums the counts of all images into job->ends. */
static int count_images(patch_job *job, int64_t (*count)(const patch_job *job, size_t image, size_t d),
                        const char *what)
{
    int64_t sum = 0;
    job->ends = need(job->images.n, sizeof *job->ends);
    for (size_t i = 0; i < job->images.n; i++) {
        int64_t n = job->sample < 0 ? patch_image(job, i)->data_shape[0] : 1;
        for (size_t d = 0; d < job->n_spatial; d++) {
            int64_t more = count(job, i, d);
            if (n > INT64_MAX / more)
                return failed("%s are more than can be counted", what);
            n *= more;
        }
        if (n > INT64_MAX - sum)
            return failed("%s are more than can be counted", what);
        job->ends[i] = sum += n;
    }
    return EXIT_OK;
}

static int read_grid(patch_job *job, const struct args *args)
{
    int status = places_overlap(job, args);
    if (!status)
        status = count_images(job, grid_count, "the patches of the grid");
    if (!status)
        job->count = job->ends[job->images.n - 1];
    return status;
}

static int read_at(patch_job *job, const struct args *args)
{
    job->n_at = args_count(args, "at");
    job->at = need(job->n_at, sizeof *job->at);
    job->count = (int64_t)(job->n_at * job->images.n);
    for (size_t i = 0; i < job->n_at; i++) {
        size_t n;
        int status = args_list(args, "at", i, INT64_MIN / 4, INT64_MAX / 4, 3, job->at[i].coords, &n);
        if (status || (status = check_dimensions(job, "at", n)))
            return status;
        job->at[i].sample = job->sample < 0 ? 0 : job->sample;
    }
    return EXIT_OK;
}

static int64_t count_positions(const patch_job *job, size_t image, size_t d)
{
    return last_position(job, image, d) + 1;
}

static int read_random(patch_job *job, const struct args *args)
{
    int status = args_integer(args, "count", 1, INT64_MAX, &job->count);
    if (!status)
        status = args_seed(args, "seed", &job->seed);
    if (!status && job->images.n > 1)
        status = count_images(job, count_positions, "the positions in all images");
    return status;
}

int places_read(patch_job *job, const struct args *args)
{
    job->n_spatial = spatial_count(job->info);
    job->sample = -1;
    job->count = 64;
    if (args_count(args, "strategy"))
        return strategy_read(job, args);
    int status = places_lengths(job, args, "size", 1, job->size);
    for (size_t i = 0; i < job->images.n && !status; i++)
        status = image_index(patch_image(job, i), args, "sample", patch_image(job, i)->data_shape[0], &job->sample);
    if (status)
        return status;
    job->places = args_count(args, "at") ? PLACES_AT : args_count(args, "grid") ? PLACES_GRID : PLACES_RANDOM;
    return job->places == PLACES_AT     ? read_at(job, args)
           : job->places == PLACES_GRID ? read_grid(job, args)
                                        : read_random(job, args);
}

void places_free(patch_job *job)
{
    free(job->at);
    free(job->ends);
}

/* RFC 4180: quotes a field with a comma, a quote or a line break; doubles quotes. */
static void write_field(FILE *file, const char *text)
{
    bool quoted = text[strcspn(text, ",\"\r\n")] != 0;
    if (quoted)
        fputc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    if (quoted)
        fputc('"', file);
}

static void write_names(const patch_job *job, const patch_job *labels, FILE *file)
{
    static const char *const names[] = { "z", "y", "x" };
    fprintf(file, "patch,image,%ssample", labels ? "labels," : "");
    for (size_t d = 0; d < job->n_spatial; d++)
        fprintf(file, ",%s", names[3 - job->n_spatial + d]);
    strategy_names(job, file);
    fputc('\n', file);
}

static int write_row(const patch_job *job, const patch_job *labels, int64_t i, FILE *file)
{
    struct place place = { 0 };
    int status = place_find(job, i, &place);
    if (status)
        return status;
    fprintf(file, "%" PRId64 ",", i);
    write_field(file, patch_image(job, place.image)->source);
    if (labels) {
        fputc(',', file);
        write_field(file, patch_image(labels, place.image)->source);
    }
    fprintf(file, ",%" PRId64, place.sample);
    for (size_t d = 0; d < job->n_spatial; d++)
        fprintf(file, ",%" PRId64, place.coords[d]);
    status = strategy_columns(job, i, file);
    fputc('\n', file);
    return status;
}

static int write_all(const patch_job *job, const patch_job *labels, FILE *file)
{
    int status = EXIT_OK;
    write_names(job, labels, file);
    for (int64_t i = 0; i < job->count && !status && !ferror(file) && !interrupted(); i++)
        status = write_row(job, labels, i, file);
    return !status && interrupted() ? EXIT_INTERRUPTED : status;
}

int places_write(const patch_job *job, const patch_job *labels, const char *path)
{
    output out;
    int status = output_open(&out, path);
    if (status)
        return status;
    if (!(status = write_all(job, labels, out.file)))
        return output_finish(&out);
    output_abandon(&out);
    return status;
}
