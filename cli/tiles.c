/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome tiles: how an image would be cut, and what predict would write. */
#include "predict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What one part has to do. */
typedef struct part {
    uint64_t units, tiles;
    int64_t first[MT_MAX_DIMS]; /* corner of its first unit, in the axes of the output */
} part;

typedef struct tiles_job {
    prediction p;
    mt_writer *writer; /* of the output, which is only planned */
    const mt_writer_info *output;
    mt_stitcher_report report;
    mt_patch_spec first, last; /* tiles */
    part *parts;
    int64_t n_parts;
    uint64_t shared; /* tiles that two parts need are counted once for each part but one */
} tiles_job;

/* --- What is found. --- */

static int plan_output(tiles_job *job)
{
    mt_error err = MT_ERROR_INIT;
    mt_writer_options *o = &job->p.out.options;
    int status = prediction_plan(&job->p);
    if (status)
        return status;
    o->format = o->format ? o->format : "zarr";
    if (mt_writer_plan(job->p.context, "output", o, &job->writer, &err))
        return report(&err);
    job->output = mt_writer_get_info(job->writer);
    return EXIT_OK;
}

/* The least memory, and with n_parts the tiles that a part needs. */
static int ask_stitcher(tiles_job *job, uint64_t k, uint64_t n_parts, mt_stitcher_report *out)
{
    mt_stitcher *stitcher;
    mt_error err = MT_ERROR_INIT;
    out->struct_size = sizeof *out;
    int status = prediction_stitch(&job->p, job->writer, k, n_parts, &stitcher);
    if (status)
        return status;
    mt_status st = mt_stitcher_get_report(stitcher, out, &err);
    mt_stitcher_free(stitcher);
    return st ? report(&err) : EXIT_OK;
}

/* Units along an axis of the output. */
static uint64_t count_units(const mt_writer_info *info, int d)
{
    int64_t unit = info->shard_shape[0] ? info->shard_shape[d] : info->chunk_shape[d];
    return (uint64_t)(info->shape[d] / unit + (info->shape[d] % unit != 0));
}

/* Parts consist of places in the grid of units without C, with the units of all channels. */
static void find_units(const tiles_job *job, int64_t k, part *out)
{
    const mt_writer_info *info = job->output;
    const char *c = strchr(info->axes, 'C');
    uint64_t channels = c ? count_units(info, (int)(c - info->axes)) : 1, first, count;
    mt_writer_part(info->n_units / channels, (uint64_t)k, (uint64_t)job->n_parts, &first, &count);
    out->units = count * channels;
    for (int d = info->ndim - 1; d >= 0; d--) {
        if (info->axes[d] == 'C')
            continue;
        out->first[d] = (int64_t)(first % count_units(info, d)) *
                        (info->shard_shape[0] ? info->shard_shape[d] : info->chunk_shape[d]);
        first /= count_units(info, d);
    }
}

static int find_parts(tiles_job *job)
{
    int status = EXIT_OK;
    mt_stitcher_report found = { .struct_size = sizeof found };
    job->parts = need((size_t)job->n_parts, sizeof *job->parts);
    for (int64_t k = 0; k < job->n_parts && !status; k++) {
        find_units(job, k, &job->parts[k]);
        status = interrupted() ? EXIT_INTERRUPTED : ask_stitcher(job, (uint64_t)k, (uint64_t)job->n_parts, &found);
        job->parts[k].tiles = found.n_needed;
        job->shared += found.n_needed;
    }
    job->shared -= job->n_parts ? job->report.n_tiles : 0;
    return status;
}

static int find_all(tiles_job *job)
{
    mt_error err = MT_ERROR_INIT;
    int status = plan_output(job);
    if (!status)
        status = ask_stitcher(job, 0, 0, &job->report);
    if (status)
        return status;
    if (mt_tiling_get(job->p.tiling, 0, &job->first, &err) ||
        mt_tiling_get(job->p.tiling, job->report.n_tiles - 1, &job->last, &err))
        return report(&err);
    return find_parts(job);
}

static double batch_bytes(const tiles_job *job)
{
    const mt_tiling_info *t = mt_tiling_get_info(job->p.tiling);
    double bytes = (double)sizeof(float) * (double)job->p.batch_size * (double)job->p.n_channels;
    for (size_t d = 0; d < t->n_spatial; d++)
        bytes *= (double)t->tile[d];
    return bytes;
}

/* --- Text. --- */

static const char *sizes_text(const tiles_job *job, const int64_t *sizes, char *text, size_t room)
{
    return shape_text(sizes, (int)mt_tiling_get_info(job->p.tiling)->n_spatial, text, room);
}

static void print_tiles(const tiles_job *job)
{
    char one[96], other[96];
    const mt_tiling_info *t = mt_tiling_get_info(job->p.tiling);
    const uint64_t size = (uint64_t)job->p.batch_size;
    printf("%s\n", job->p.info->source);
    printf("  %-9s%" PRIu64 " of %s pixels, overlap %s\n", "tiles", t->n_tiles,
           sizes_text(job, t->tile, one, sizeof one), sizes_text(job, t->overlap, other, sizeof other));
    printf("  %-9s%s tiles of each of %" PRId64 " sample%s\n", "grid", sizes_text(job, t->counts, one, sizeof one),
           t->n_samples, t->n_samples == 1 ? "" : "s");
    printf("  %-9s%s pixels of the first, %s of the last\n", "kept",
           sizes_text(job, job->first.crop_size, one, sizeof one),
           sizes_text(job, job->last.crop_size, other, sizeof other));
    printf("  %-9s%" PRIu64 " of %" PRIu64 " tiles, %s of float32 each\n", "batches",
           t->n_tiles / size + (t->n_tiles % size != 0), size, bytes_text(batch_bytes(job), one, sizeof one));
}

static void print_output(const tiles_job *job)
{
    char one[96], other[96];
    const mt_writer_info *o = job->output;
    printf("  %-9s%s, %s %s %s, %" PRIu64 " %s of %s\n", "output", o->format, o->axes,
           shape_text(o->shape, o->ndim, one, sizeof one), mt_dtype_name(o->dtype), o->n_units, unit_name(o),
           shape_text(o->shard_shape[0] ? o->shard_shape : o->chunk_shape, o->ndim, other, sizeof other));
    printf("  %-9sat least %s (predict --memory)\n", "memory",
           bytes_text((double)prediction_least_memory(&job->report), one, sizeof one));
}

static void print_parts(const tiles_job *job)
{
    const mt_writer_info *o = job->output;
    printf("\n  %-9s%12s%12s  from\n", "part", unit_name(o), "tiles");
    for (int64_t k = 0; k < job->n_parts; k++) {
        char name[48];
        const part *found = &job->parts[k];
        snprintf(name, sizeof name, "%" PRId64 "/%" PRId64, k + 1, job->n_parts);
        printf("  %-9s%12" PRIu64 "%12" PRIu64, name, found->units, found->tiles);
        for (int d = 0; d < o->ndim && found->units; d++)
            if (o->axes[d] != 'C')
                printf("  %c=%" PRId64, o->axes[d], found->first[d]);
        putchar('\n');
    }
    printf("  at the borders of parts, %" PRIu64 " tiles are predicted again\n", job->shared);
}

/* --- JSON. --- */

static void print_numbers(const char *name, const int64_t *numbers, size_t n)
{
    printf("\"%s\": [", name);
    for (size_t i = 0; i < n; i++)
        printf("%s%" PRId64, i ? ", " : "", numbers[i]);
    printf("]");
}

static void print_output_json(const tiles_job *job)
{
    const mt_writer_info *o = job->output;
    printf(", \"output\": {\"format\": \"%s\", \"axes\": \"%s\", \"dtype\": \"%s\", ", o->format, o->axes,
           mt_dtype_name(o->dtype));
    print_numbers("shape", o->shape, (size_t)o->ndim);
    printf(", ");
    print_numbers("chunk_shape", o->chunk_shape, (size_t)o->ndim);
    printf(", ");
    if (o->shard_shape[0])
        print_numbers("shard_shape", o->shard_shape, (size_t)o->ndim);
    else
        printf("\"shard_shape\": null");
    printf(", \"units\": %" PRIu64 "}, \"least_memory\": %" PRIu64, o->n_units, prediction_least_memory(&job->report));
}

static void print_parts_json(const tiles_job *job)
{
    printf(", \"parts\": [");
    for (int64_t k = 0; k < job->n_parts; k++) {
        const part *found = &job->parts[k];
        printf("%s{\"units\": %" PRIu64 ", \"tiles\": %" PRIu64 ", ", k ? ", " : "", found->units, found->tiles);
        print_numbers("from", found->first, found->units ? (size_t)job->output->ndim : 0);
        printf("}");
    }
    printf("], \"tiles_again\": %" PRIu64, job->shared);
}

static void print_json(const tiles_job *job)
{
    const mt_tiling_info *t = mt_tiling_get_info(job->p.tiling);
    const struct {
        const char *name;
        const int64_t *numbers;
    } lists[] = { { "tile", t->tile },
                  { "overlap", t->overlap },
                  { "grid", t->counts },
                  { "first_crop", job->first.crop_size },
                  { "last_crop", job->last.crop_size } };
    printf("{\"source\": ");
    print_json_string(job->p.info->source);
    printf(", \"tiles\": %" PRIu64 ", \"samples\": %" PRId64 ", \"align\": %" PRId64 ", \"planar\": %s", t->n_tiles,
           t->n_samples, t->align, t->is_planar ? "true" : "false");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        printf(", ");
        print_numbers(lists[i].name, lists[i].numbers, t->n_spatial);
    }
    printf(", \"batch_size\": %" PRId64 ", \"batch_bytes\": %.0f", job->p.batch_size, batch_bytes(job));
    print_output_json(job);
    if (job->n_parts)
        print_parts_json(job);
    puts("}");
}

/* --- The command. --- */

static int run(tiles_job *job, const struct args *args, struct drawing *drawing)
{
    const char *picture = args_get(args, "picture", 0);
    int status = prediction_open(&job->p);
    if (!status)
        status = find_all(job);
    if (!status && picture)
        status = tiles_draw(&job->p, drawing, picture);
    if (status)
        return status;
    if (args_count(args, "json")) {
        print_json(job);
        return EXIT_OK;
    }
    print_tiles(job);
    print_output(job);
    if (job->n_parts)
        print_parts(job);
    if (picture)
        drawing_print(drawing, job->p.info, picture, stdout);
    return EXIT_OK;
}

int run_tiles(const struct args *args)
{
    tiles_job job = { .writer = NULL };
    struct drawing drawing;
    int status = drawing_read(&drawing, args);
    if (!status && !args_get(args, "picture", 0) && drawing_option(args))
        status = usage_error(args, "--%s needs --picture", drawing_option(args));
    if (!status)
        status = output_check(args, "picture", args_get(args, "picture", 0), ".png");
    if (!status)
        status = prediction_read(&job.p, args);
    if (!status)
        status = args_integer(args, "parts", 1, 65536, &job.n_parts);
    interrupt_catch();
    if (!status)
        status = run(&job, args, &drawing);
    free(job.parts);
    mt_writer_close(job.writer);
    prediction_free(&job.p);
    drawing_free(&drawing);
    return status;
}
