/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome convert: an image, or several joined, as OME-Zarr and other formats. */
#include "convert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A conversion at work. */
typedef struct convert_run {
    conversion *c;
    writing_run w;
    uint64_t done_before; /* units of the part done by earlier runs */
} convert_run;

/* --- Inputs. --- */

/* Whether an input is a label image of another input: of PATH#labels/NAME, or PATH#PART/labels/NAME, that is PATH, or
 * PATH#PART. */
static bool belongs_to_another(const struct images *images, size_t label)
{
    const mt_stack_info *info = mt_stack_get_info(images->stacks[label]);
    const char *at = info->is_labels ? strstr(info->part, "labels/") : NULL;
    size_t after = at ? strlen(at) + 1 : 0, length = strlen(info->source), n = after < length ? length - after : 0;
    for (size_t i = 0; i < images->n && at; i++) {
        const char *other = mt_stack_get_info(images->stacks[i])->source;
        if (strlen(other) == n && memcmp(other, info->source, n) == 0)
            return true;
    }
    return false;
}

/* Label images are written with the images that they belong to; a collection lists images. One that is named without its
 * image is an image like others. */
static void leave_out_labels(conversion *c)
{
    struct images *images = &c->images;
    size_t n = images->n;
    bool *is_out = need(n, sizeof *is_out);
    for (size_t i = 0; i < n; i++)
        is_out[i] = belongs_to_another(images, i);
    images->n = 0;
    for (size_t i = 0; i < n; i++) {
        if (is_out[i]) {
            mt_stack_close(images->stacks[i]);
            continue;
        }
        images->names[images->n] = images->names[i];
        images->stacks[images->n++] = images->stacks[i];
    }
    free(is_out);
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
    c->out.options.memory = (size_t)(memory / 2);
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
        status = level >= 0 ? images_choose_level(&c->images, i, c->context, c->args, &open.options, level) : EXIT_OK;
        if (!status)
            status = images_check_input(&c->images, i, c->args, c->out.path);
    }
    return status;
}

/* --- Progress. --- */

static void show(void *user, uint64_t done, uint64_t total)
{
    convert_run *run = user;
    (void)done;
    mt_writer_progress now = writer_progress(run->w.writer);
    uint64_t fresh = now.n_done - run->w.n_done; /* by any process */
    run->w.progress.bytes = (double)fresh * run->w.unit_bytes;
    progress_show(&run->w.progress, (double)fresh, (double)(total - run->done_before));
}

/* The units of the part that are done. */
static uint64_t count_done(const writing_run *run)
{
    uint64_t first = 0, count = mt_writer_get_info(run->writer)->n_units, done = 0;
    if (run->to->n_parts)
        mt_writer_part(count, run->to->part, run->to->n_parts, &first, &count);
    for (uint64_t i = 0; i < count; i++)
        done += (uint64_t)mt_writer_is_done(run->writer, first + i);
    return done;
}

/* --- The work. --- */

static void print_summary(const convert_run *run, double seconds)
{
    char pixels[32], written[32], rate[32];
    const mt_writer_info *info = mt_writer_get_info(run->w.writer);
    mt_writer_progress now = writer_progress(run->w.writer);
    uint64_t own = now.n_done - now.n_resumed;
    double bytes = (double)own * run->w.unit_bytes;
    printf("%s: %" PRIu64 " %s, %s of pixels, %s written, %.1f s, %s/s\n", info->path, own, unit_name(info),
           bytes_text(bytes, pixels, sizeof pixels),
           bytes_text((double)(now.bytes_published - run->w.bytes), written, sizeof written), seconds,
           bytes_text(bytes / (seconds > 1e-3 ? seconds : 1e-3), rate, sizeof rate));
}

static int work(convert_run *run)
{
    conversion *c = run->c;
    mt_error err = MT_ERROR_INIT;
    mt_copy_options copy = { .struct_size = sizeof copy,
                             .part = c->out.part,
                             .n_parts = c->out.n_parts,
                             .lease = (double)c->out.lease,
                             .cancelled = until_interrupted.cancelled,
                             .progress = show,
                             .user = run };
    run->done_before = count_done(&run->w);
    progress_start(&run->w.progress);
    mt_status st = mt_writer_copy_sources(run->w.writer, c->sources, c->n_sources, &copy, &err);
    progress_end(&run->w.progress);
    int status = st ? EXIT_OK : labels_convert(c);
    if (status && status != EXIT_INCOMPLETE)
        return status;
    if (!st && !writing_is_shared(&c->out))
        st = finish_writer(run->w.writer, &err);
    if (st)
        return writing_failed(&run->w, &err);
    note_values(&run->w, c->images.stacks, c->images.n);
    print_summary(run, clock_seconds() - run->w.progress.start);
    if (writing_was_finished(&run->w, c->context))
        return EXIT_OK;
    return writing_is_shared(&c->out) ? EXIT_INCOMPLETE : EXIT_OK; /* the rest, and finishing, are left to others */
}

static int convert(conversion *c)
{
    convert_run run = { .c = c };
    int status = writing_begin(&run.w, &c->out, c->context);
    if (status)
        return status;
    if (!run.w.writer) /* complete, as are the label images, which may have to be verified again */
        return args_count(c->args, "verify") ? labels_convert(c) : EXIT_OK;
    status = labels_begin(c);
    if (!status)
        status = work(&run);
    mt_writer_close(run.w.writer);
    return status;
}

int convert_image(conversion *c)
{
    int status = labels_open(c);
    if (!status)
        status = conversion_plan(c);
    if (!status)
        status = convert(c);
    if (!status && args_count(c->args, "verify"))
        status = writing_verify(&c->out, c->context, c->images.stacks[0]);
    return status;
}

/* --- Collections. --- */

/* The names of the images, in their order: those of the fields of a plate are their parts. NULL: they are numbers. */
static const char **name_members(const conversion *c)
{
    size_t n = 0;
    if (!args_count(c->args, "plate"))
        return NULL;
    for (size_t i = 0; i < c->images.n; i++)
        n += (size_t)count_samples(c, i);
    const char **names = need(n, sizeof *names);
    n = 0;
    for (size_t i = 0; i < c->images.n; i++)
        for (int64_t s = 0; s < count_samples(c, i); s++)
            names[n++] = mt_stack_get_info(c->images.stacks[i])->part;
    return names;
}

/* Converts one image of a collection; returns EXIT_INCOMPLETE for a part. */
static int convert_member(const conversion *all, size_t image, int64_t sample, const char *name)
{
    conversion c = *all;
    size_t room = strlen(all->out.path) + strlen(name) + 2;
    char *path = need(room, 1);
    snprintf(path, room, "%s/%s", all->out.path, name);
    c.out.path = path;
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

static int convert_members(const conversion *c, const char *const *names)
{
    uint64_t number = 0;
    int status = EXIT_OK, of_all = EXIT_OK;
    for (size_t i = 0; i < c->images.n && (!status || status == EXIT_INCOMPLETE); i++)
        for (int64_t s = 0; s < count_samples(c, i) && (!status || status == EXIT_INCOMPLETE); s++) {
            char text[24];
            snprintf(text, sizeof text, "%" PRIu64, number);
            status = convert_member(c, i, s, names ? names[number] : text);
            of_all = status ? status : of_all;
            number++;
        }
    return status ? status : of_all;
}

static int convert_named(const conversion *c, const mt_collection_options *options)
{
    mt_error err = MT_ERROR_INIT;
    mt_collection_options found = { .struct_size = sizeof found };
    int is_complete;
    if (mt_collection_begin(c->context, c->out.path, options, &err) ||
        mt_collection_look(c->context, c->out.path, &found, &is_complete, &err))
        return report(&err);
    int status = convert_members(c, options->names);
    if (status)
        return status;
    if (is_complete) {
        printf("%s: already complete\n", c->out.path);
        return EXIT_OK;
    }
    if (c->out.n_parts)
        return EXIT_INCOMPLETE;
    if (mt_collection_finish(c->context, c->out.path, options, &err))
        return report(&err);
    printf("%s: %" PRIu64 " images\n", c->out.path, options->n_images);
    return EXIT_OK;
}

/* All images of the inputs, as a collection. */
static int convert_collection(conversion *c)
{
    const char **names = name_members(c);
    mt_collection_options options = { .struct_size = sizeof options,
                                      .ome = c->out.options.ome,
                                      .durability = c->out.options.durability,
                                      .kind = names ? "plate" : "series",
                                      .names = names };
    for (size_t i = 0; i < c->images.n; i++)
        options.n_images += (uint64_t)count_samples(c, i);
    c->out.options.format = "zarr";
    int status = convert_named(c, &options);
    free(names);
    return status;
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
        report_shared(&c.out);
    conversion_free(&c);
    return status;
}
