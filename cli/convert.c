/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome convert: an image, or several joined, as OME-Zarr and other formats. */
#include "convert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A conversion at work. */
typedef struct convert_run {
    conversion *c;
    mt_writer *writer;
    uint64_t first, count;  /* units of the part */
    uint64_t done_before;   /* of these: done by earlier runs */
    uint64_t n_done, bytes; /* units of the image done and bytes published before the run */
    double unit_bytes;      /* pixels of a unit, on average */
    struct progress progress;
} convert_run;

const char *unit_name(const mt_writer_info *info) { return info->shard_shape[0] ? "shards" : "chunks"; }

/* --- Inputs. --- */

/* Replaces an input by a level of it. */
static int open_level(conversion *c, size_t i, const mt_open_options *options, int64_t level)
{
    const mt_stack_info *info = mt_stack_get_info(c->images.stacks[i]);
    mt_stack *other;
    mt_error err = MT_ERROR_INIT;
    if (level == info->level)
        return EXIT_OK;
    if (info->level)
        return usage_error(c->args, "--level: %s is level %d already", c->images.names[i], info->level);
    int status = check_level(info, level);
    if (status)
        return status;
    bool is_source = c->images.names[i] == info->source; /* without the part */
    size_t room = strlen(c->images.names[i]) + strlen(info->part) + 32;
    char *path = need(room, 1);
    snprintf(path, room, "%s%s%s%slevel=%" PRId64, c->images.names[i], is_source && *info->part ? "#" : "",
             is_source ? info->part : "", *info->part ? "&" : "#", level);
    mt_status st = mt_stack_open(c->context, path, options, &other, &err);
    free(path);
    if (st)
        return report(&err);
    mt_stack_close(c->images.stacks[i]);
    c->images.stacks[i] = other;
    return EXIT_OK;
}

static int check_input(const conversion *c, size_t i)
{
    const char *missing = args_get(c->args, "missing", 0);
    const mt_stack_info *info = mt_stack_get_info(c->images.stacks[i]);
    note_opened(info);
    if (info->n_missing && !missing)
        return failed("%s: files or frames are missing; --missing fill converts them as the fill value", info->source);
    return output_apart(c->path, c->images.names[i]);
}

/* Label images lie inside the images that they describe; a collection lists images. */
static void leave_out_labels(conversion *c)
{
    struct images *images = &c->images;
    size_t n = images->n;
    images->n = 0;
    for (size_t i = 0; i < n; i++) {
        const mt_stack_info *info = mt_stack_get_info(images->stacks[i]);
        if (info->is_labels && strstr(info->part, "labels/")) {
            fprintf(stderr, "microtome: %s#%s: label images are not converted with --join S: convert each by itself\n",
                    info->source, info->part);
            mt_stack_close(images->stacks[i]);
            continue;
        }
        images->names[images->n] = images->names[i];
        images->stacks[images->n++] = images->stacks[i];
    }
}

static int open_inputs(conversion *c)
{
    struct open_options open;
    int64_t level = -1, memory = 0;
    int status = open_options_get(&open, c->args);
    if (!status)
        status = args_integer(c->args, "level", 0, 1000, &level);
    if (!status)
        status = args_size(c->args, "memory", &memory);
    if (status || (status = context_open_sized(&c->context, c->args, memory / 2)))
        return status;
    c->options.memory = (size_t)(memory / 2);
    for (size_t i = 0; i + 1 < c->args->n_paths && !c->images.failed; i++)
        (c->join == 'S' ? images_add_all : images_add)(&c->images, c->context, c->args->paths[i], &open.options);
    if (c->images.failed || c->images.skipped)
        return EXIT_FAILED;
    if (c->join == 'S')
        leave_out_labels(c);
    if (c->images.n > 1 && !c->join)
        return usage_error(c->args, "there are %zu images: --join names the axis along which they follow one another",
                           c->images.n);
    for (size_t i = 0; i < c->images.n && !status; i++) {
        status = level >= 0 ? open_level(c, i, &open.options, level) : EXIT_OK;
        if (!status)
            status = check_input(c, i);
    }
    return status;
}

/* --- Progress. --- */

static int is_interrupted(void *user)
{
    (void)user;
    return interrupted();
}

static void show(void *user, uint64_t done, uint64_t total)
{
    convert_run *run = user;
    mt_writer_progress now;
    (void)done;
    mt_writer_get_progress(run->writer, &now);
    uint64_t fresh = now.n_done - run->n_done;
    run->progress.bytes = (double)fresh * run->unit_bytes;
    progress_show(&run->progress, (double)fresh, (double)(total - run->done_before));
}

static void count_done(convert_run *run)
{
    mt_writer_progress now;
    const conversion *c = run->c;
    const mt_writer_info *info = mt_writer_get_info(run->writer);
    mt_writer_get_progress(run->writer, &now);
    run->n_done = now.n_done;
    run->bytes = now.bytes_published;
    run->count = info->n_units;
    if (c->n_parts)
        mt_writer_part(info->n_units, c->part, c->n_parts, &run->first, &run->count);
    for (uint64_t i = 0; i < run->count; i++)
        run->done_before += (uint64_t)mt_writer_is_done(run->writer, run->first + i);
    run->unit_bytes = (double)mt_dtype_size(info->dtype) / (double)info->n_units;
    for (int d = 0; d < info->ndim; d++)
        run->unit_bytes *= (double)info->shape[d];
    if (now.n_done || now.n_lost)
        fprintf(stderr, "microtome: %s: resuming: %" PRIu64 " of %" PRIu64 " %s are done\n", info->path, now.n_done,
                now.n_units, unit_name(info));
    if (now.n_lost)
        fprintf(stderr, "microtome: %s: %" PRIu64 " records of %s were lost or damaged; these are done again\n",
                info->path, now.n_lost, unit_name(info));
}

/* --- Reports. --- */

/* Prints an argument so that a shell reads it back. */
static void print_argument(FILE *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,+@%-";
    bool is_plain = *text && strspn(text, plain) == strlen(text);
    if (is_plain) {
        fprintf(out, " %s", text);
        return;
    }
    fputs(" '", out);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    fputc('\'', out);
}

/* After a failure or an interruption. */
static void say_how_to_continue(const convert_run *run)
{
    mt_writer_progress now;
    const struct args *args = run->c->args;
    mt_writer_get_progress(run->writer, &now);
    fprintf(stderr, "microtome: %" PRIu64 " of %" PRIu64 " %s are done; to continue:\n  microtome %s", now.n_done,
            now.n_units, unit_name(mt_writer_get_info(run->writer)), args->command->name);
    for (int i = 0; i < args->argc; i++)
        print_argument(stderr, args->argv[i]);
    fputc('\n', stderr);
}

static void note_values(const convert_run *run)
{
    mt_writer_progress now;
    const conversion *c = run->c;
    uint64_t absent = 0;
    mt_writer_get_progress(run->writer, &now);
    if (now.n_nan)
        fprintf(stderr, "microtome: %s: %" PRIu64 " pixels were NaN and became 0\n", c->path, now.n_nan);
    if (now.n_clipped)
        fprintf(stderr, "microtome: %s: %" PRIu64 " pixels were beyond the range of %s and were clipped\n", c->path,
                now.n_clipped, mt_dtype_name(mt_writer_get_info(run->writer)->dtype));
    for (size_t i = 0; i < c->images.n; i++) {
        uint64_t here, present;
        mt_stack_count_chunks(c->images.stacks[i], &here, &present);
        absent += here;
    }
    if (absent)
        fprintf(stderr, "microtome: %s: %" PRIu64 " chunks are not stored in the input and have its fill value\n",
                c->path, absent);
}

static void print_summary(const convert_run *run, double seconds)
{
    mt_writer_progress now;
    char pixels[32], written[32], rate[32];
    const mt_writer_info *info = mt_writer_get_info(run->writer);
    mt_writer_get_progress(run->writer, &now);
    double bytes = (double)(now.n_done - run->n_done) * run->unit_bytes;
    printf("%s: %" PRIu64 " %s, %s of pixels, %s written, %.1f s, %s/s\n", info->path, now.n_done - run->n_done,
           unit_name(info), bytes_text(bytes, pixels, sizeof pixels),
           bytes_text((double)(now.bytes_published - run->bytes), written, sizeof written), seconds,
           bytes_text(bytes / (seconds > 1e-3 ? seconds : 1e-3), rate, sizeof rate));
}

/* --- The work. --- */

/* With the axes that it was written with: NPY does not name them, and TIFF drops a Z of one plane. */
static mt_status open_copy(const conversion *c, mt_stack **out, mt_error *err)
{
    char axes[MT_MAX_DIMS * 24] = "";
    size_t n = 0;
    for (int d = 0; c->axes[d]; d++)
        n += (size_t)snprintf(axes + n, sizeof axes - n, "%c%" PRId64, c->axes[d], c->shape[d]);
    const mt_open_options options = { .struct_size = sizeof options, .axes = axes };
    return mt_stack_open(c->context, c->path, &options, out, err);
}

static int verify(const conversion *c)
{
    mt_checksum of[2];
    mt_stack *copy;
    mt_error err = MT_ERROR_INIT;
    if (open_copy(c, &copy, &err))
        return report(&err);
    mt_status st = mt_stack_checksum(c->images.stacks[0], &until_interrupted, &of[0], &err);
    if (!st)
        st = mt_stack_checksum(copy, &until_interrupted, &of[1], &err);
    mt_stack_close(copy);
    if (st)
        return report(&err);
    if (strcmp(of[0].text, of[1].text) != 0)
        return failed("%s: the checksum %s differs from that of the input, %s", c->path, of[1].text, of[0].text);
    printf("%s: verified, checksum %s\n", c->path, of[1].text);
    return EXIT_OK;
}

static int work(convert_run *run)
{
    conversion *c = run->c;
    mt_error err = MT_ERROR_INIT;
    mt_copy_options copy = { .struct_size = sizeof copy,
                             .part = c->part,
                             .n_parts = c->n_parts,
                             .cancelled = is_interrupted,
                             .progress = show,
                             .user = run };
    count_done(run);
    progress_start(&run->progress);
    mt_status st = mt_writer_copy_sources(run->writer, c->sources, c->n_sources, &copy, &err);
    if (!st && !c->n_parts)
        st = mt_writer_finish(run->writer, 1, &err);
    progress_end(&run->progress);
    if (st) {
        int status = report(&err);
        if (status == EXIT_INTERRUPTED)
            fprintf(stderr, "microtome: interrupted\n");
        say_how_to_continue(run);
        return status;
    }
    note_values(run);
    print_summary(run, clock_seconds() - run->progress.start);
    return c->n_parts ? EXIT_INCOMPLETE : EXIT_OK; /* a part leaves the rest, and finishing, to others */
}

static int convert(conversion *c)
{
    int is_finished;
    mt_error err = MT_ERROR_INIT;
    convert_run run = { .c = c };
    if (mt_writer_is_finished(c->context, c->path, &c->options, &is_finished, &err))
        return report(&err);
    if (is_finished) {
        printf("%s: already complete\n", c->path);
        return EXIT_OK;
    }
    if (mt_writer_create(c->context, c->path, &c->options, &run.writer, &err))
        return report(&err);
    int status = work(&run);
    mt_writer_close(run.writer);
    return status;
}

static int convert_image(conversion *c)
{
    int status = conversion_plan(c);
    if (!status)
        status = convert(c);
    if (!status && args_count(c->args, "verify"))
        status = verify(c);
    return status;
}

/* --- Collections. --- */

/* Converts one image of a collection; returns EXIT_INCOMPLETE for a part. */
static int convert_member(const conversion *all, size_t image, int64_t sample, uint64_t number)
{
    conversion c = *all;
    size_t room = strlen(all->path) + 32;
    char *path = need(room, 1);
    snprintf(path, room, "%s/%" PRIu64, all->path, number);
    c.path = path;
    c.join = 0;
    c.images.stacks += image;
    c.images.names += image;
    c.images.n = 1;
    c.region[0] = (span) { .is_given = strchr(mt_stack_get_info(c.images.stacks[0])->original_axes, 'S') != NULL,
                           .start = sample,
                           .size = 1 };
    int status = convert_image(&c);
    conversion_free_plan(&c);
    free(path);
    return status;
}

static int convert_members(const conversion *c)
{
    uint64_t number = 0;
    int status = EXIT_OK, of_all = EXIT_OK;
    for (size_t i = 0; i < c->images.n && (!status || status == EXIT_INCOMPLETE); i++)
        for (int64_t s = 0; s < count_samples(c, i) && (!status || status == EXIT_INCOMPLETE); s++) {
            status = convert_member(c, i, s, number++);
            of_all = status ? status : of_all;
        }
    return status ? status : of_all;
}

/* All images of the inputs, as a collection. */
static int convert_collection(conversion *c)
{
    mt_error err = MT_ERROR_INIT;
    mt_collection_options options = { .struct_size = sizeof options,
                                      .ome = c->options.ome,
                                      .durability = c->options.durability };
    for (size_t i = 0; i < c->images.n; i++)
        options.n_images += (uint64_t)count_samples(c, i);
    c->options.format = "zarr";
    mt_collection_options found = { .struct_size = sizeof found };
    int is_complete;
    if (mt_collection_begin(c->context, c->path, &options, &err) ||
        mt_collection_look(c->context, c->path, &found, &is_complete, &err))
        return report(&err);
    int status = convert_members(c);
    if (status)
        return status;
    if (is_complete) {
        printf("%s: already complete\n", c->path);
        return EXIT_OK;
    }
    if (c->n_parts)
        return EXIT_INCOMPLETE;
    if (mt_collection_finish(c->context, c->path, &options, &err))
        return report(&err);
    printf("%s: %" PRIu64 " images\n", c->path, options.n_images);
    return EXIT_OK;
}

static void report_part(const conversion *c)
{
    printf("%s: part %" PRIu64 " of %" PRIu64 " is done; when all are: microtome finish", c->path, c->part + 1,
           c->n_parts);
    print_argument(stdout, c->path);
    putchar('\n');
}

int run_convert(const struct args *args)
{
    conversion c;
    int status = conversion_read(&c, args);
    interrupt_catch();
    if (!status)
        status = open_inputs(&c);
    if (!status)
        status = c.join == 'S' ? convert_collection(&c) : convert_image(&c);
    if (status == EXIT_INCOMPLETE)
        report_part(&c);
    conversion_free(&c);
    return status;
}
