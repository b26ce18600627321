/* SPDX-License-Identifier: BSD-3-Clause */
/* The images of paths, folders and globs. */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void take(struct images *images, mt_stack *stack, const char *name)
{
    if (images->n == images->room) {
        size_t room = images->room ? 2 * images->room : 64;
        mt_stack **stacks = need(room, sizeof *stacks);
        const char **names = need(room, sizeof *names);
        if (images->n) {
            memcpy(stacks, images->stacks, images->n * sizeof *stacks);
            memcpy(names, images->names, images->n * sizeof *names);
        }
        free(images->stacks);
        free(images->names);
        images->stacks = stacks;
        images->names = names;
        images->room = room;
    }
    images->stacks[images->n] = stack;
    images->names[images->n++] = name;
}

/* Whether a name ends like those of a format. */
static bool is_named_like_an_image(const char *path)
{
    const char *title, *suffixes, *point = strrchr(path, '.');
    for (size_t i = 0; point && mt_format_name(i, &title, &suffixes); i++)
        for (const char *at = suffixes; *at; at += strspn(at, ",")) {
            size_t n = strcspn(at, ",");
            if (n > 0 && strlen(point + 1) == n && !strncasecmp(point + 1, at, n))
                return true;
            at += n;
        }
    return false;
}

/* Counts files that are not images. One that was meant to be gives its reason: it is empty, or a web page. */
static void say_skipped(struct images *images, const mt_stacks *stacks, const char *path)
{
    const char *skipped, *reason, *name = NULL, *why = NULL;
    size_t n = 0;
    for (size_t i = 0; mt_stacks_skipped(stacks, i, &skipped, &reason); i++)
        if (mt_stacks_skipped_status(stacks, i) != MT_E_NOT_AN_IMAGE) {
            failed("%s: %s", skipped, reason);
            images->skipped = true;
        } else {
            bool first = !name && is_named_like_an_image(skipped);
            name = first ? skipped : name;
            why = first ? reason : why;
            n++;
        }
    if (n == 0)
        return;
    fprintf(stderr, "microtome: %s: skipped %zu file%s that %s", path, n, n == 1 ? "" : "s",
            n == 1 ? "is not an image" : "are not images");
    if (name)
        fprintf(stderr, "%s%s: %s", n == 1 ? ": " : ", such as ", name, why);
    fputc('\n', stderr);
}

/* Adds the images of a folder or glob. */
static mt_status add_many(struct images *images, mt_context *context, const char *path, const mt_open_options *options,
                          mt_error *err)
{
    mt_stacks *stacks;
    mt_status st = mt_stacks_open(context, &path, 1, options, &stacks, err);
    if (st)
        return st;
    size_t n = mt_stacks_count(stacks);
    for (size_t i = 0; i < n; i++) {
        mt_stack *stack = mt_stack_retain(mt_stacks_get(stacks, i));
        take(images, stack, mt_stack_get_info(stack)->source);
    }
    say_skipped(images, stacks, path);
    mt_stacks_close(stacks);
    return n ? MT_OK : mt_fail(err, MT_E_NOT_FOUND, "%s: no image found", path);
}

/* A file that is being written gets its name at the end. */
static bool report_unfinished(const char *path)
{
    mt_writer *writer;
    mt_error err = MT_ERROR_INIT;
    if (mt_writer_look(NULL, path, NULL, &writer, &err))
        return false;
    mt_writer_progress now = writer_progress(writer);
    failed("%s: incomplete, %" PRIu64 " of %" PRIu64 " %s are written", path, now.n_done, now.n_units,
           unit_name(mt_writer_get_info(writer)));
    mt_writer_close(writer);
    return true;
}

void images_add(struct images *images, mt_context *context, const char *path, const mt_open_options *options)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT, of_many = MT_ERROR_INIT;
    bool is_url = strstr(path, "://") != NULL;
    mt_status st = mt_stack_open(context, path, options, &stack, &err);
    if (!st) /* the query of a URL may be secret; the source omits it */
        take(images, stack, is_url ? mt_stack_get_info(stack)->source : path);
    else if (st == MT_E_NOT_AN_IMAGE || (st == MT_E_NOT_FOUND && strpbrk(path, "*?[") && !is_url))
        st = add_many(images, context, path, options, &of_many);
    if (!st)
        return;
    images->failed = true;
    if (st != MT_E_NOT_FOUND || is_url || !report_unfinished(path))
        report(of_many.status ? &of_many : &err);
}

void images_add_all(struct images *images, mt_context *context, const char *path, const mt_open_options *options)
{
    mt_error err = MT_ERROR_INIT;
    if (!add_many(images, context, path, options, &err))
        return;
    report(&err);
    images->failed = true;
}

void images_free(struct images *images)
{
    for (size_t i = 0; i < images->n; i++)
        mt_stack_close(images->stacks[i]);
    free(images->stacks);
    free(images->names);
    *images = (struct images) { 0 };
}

int images_choose_level(struct images *images, size_t i, mt_context *context, const struct args *args,
                        const mt_open_options *options, int64_t level)
{
    const mt_stack_info *info = mt_stack_get_info(images->stacks[i]);
    mt_stack *other;
    mt_error err = MT_ERROR_INIT;
    if (level == info->level)
        return EXIT_OK;
    if (info->level)
        return usage_error(args, "--level: %s is level %d already", images->names[i], info->level);
    int status = check_level(info, level);
    if (status)
        return status;
    bool is_source = images->names[i] == info->source; /* without the part */
    size_t room = strlen(images->names[i]) + strlen(info->part) + 32;
    char *path = need(room, 1);
    snprintf(path, room, "%s%s%s%slevel=%" PRId64, images->names[i], is_source && *info->part ? "#" : "",
             is_source ? info->part : "", *info->part ? "&" : "#", level);
    mt_status st = mt_stack_open(context, path, options, &other, &err);
    free(path);
    if (st)
        return report(&err);
    if (is_source)
        images->names[i] = mt_stack_get_info(other)->source;
    mt_stack_close(images->stacks[i]);
    images->stacks[i] = other;
    return EXIT_OK;
}

int images_check_input(const struct images *images, size_t i, const struct args *args, const char *out)
{
    const char *missing = args_get(args, "missing", 0);
    const mt_stack_info *info = mt_stack_get_info(images->stacks[i]);
    note_opened(info);
    if (info->n_missing && !missing)
        return failed("%s: files or frames are missing; --missing fill reads them as the fill value", info->source);
    return output_apart(out, images->names[i]);
}
