/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome status and microtome finish: outputs that are not complete. */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The state of an output, or of a collection, of whose images the numbers are added, with those of label images. */
typedef struct output_state {
    const char *path;
    bool is_complete;
    uint64_t n_images, n_complete; /* of a collection; 0: an image */
    uint64_t n_absent;             /* images and label images that were not begun */
    const char *units;             /* unit_name */
    mt_writer_progress progress;
} output_state;

/* Whether a complete image is at the path of an output of which nothing is unfinished. A folder without an image is what
 * a process leaves that is killed when it begins one: *is_there is false. Without is_there, that is a failure. */
static int check_complete(const char *path, bool *is_there)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .allow_unknown_axes = 1 };
    mt_status st = mt_stack_open(NULL, path, &options, &stack, &err);
    bool is_absent = st == MT_E_NOT_FOUND || st == MT_E_NOT_AN_IMAGE;
    if (!st)
        mt_stack_close(stack);
    if (is_there)
        *is_there = !st;
    return !st || (is_there && is_absent) ? EXIT_OK : report(&err);
}

static char *path_below(const char *path, const char *name)
{
    size_t room = strlen(path) + strlen(name) + 2;
    char *out = need(room, 1);
    snprintf(out, room, "%s/%s", path, name);
    return out;
}

typedef int (*visit_path)(const char *path, void *user);

/* Calls visit with the path of each of the images of a collection until it fails. */
static int visit_names(const char *folder, const mt_names *names, visit_path visit, void *user)
{
    int status = EXIT_OK;
    for (size_t i = 0; i < mt_names_count(names) && !status; i++) {
        char *path = path_below(folder, mt_names_get(names, i));
        status = visit(path, user);
        free(path);
    }
    return status;
}

static int visit_members(const char *folder, visit_path visit, void *user)
{
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    if (mt_collection_list(NULL, folder, &names, &err))
        return report(&err);
    int status = visit_names(folder, names, visit, user);
    mt_names_free(names);
    return status;
}

/* Visits the label images of an unfinished image. */
static int visit_labels(const char *path, visit_path visit, void *user)
{
    mt_collection_options found = { .struct_size = sizeof found };
    int is_complete;
    mt_error err = MT_ERROR_INIT;
    char *folder = path_below(path, "labels");
    mt_status st = mt_collection_look(NULL, folder, &found, &is_complete, &err);
    int status = st == MT_E_NOT_FOUND ? EXIT_OK : st ? report(&err) : visit_members(folder, visit, user);
    free(folder);
    return status;
}

static int look_at_label(const char *path, void *user);

/* Adds an unfinished image; *is_one is false if the path is none. */
static int look_at_unfinished(const char *path, const char *format, output_state *s, bool *is_one)
{
    mt_writer *writer;
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_writer_look(NULL, path, format, &writer, &err);
    *is_one = !st;
    if (st)
        return st == MT_E_NOT_FOUND ? EXIT_OK : report(&err);
    const mt_writer_info *info = mt_writer_get_info(writer);
    bool is_zarr = strcmp(info->format, "zarr") == 0;
    const mt_writer_progress now = writer_progress(writer);
    s->units = unit_name(info);
    s->progress.n_units += now.n_units;
    s->progress.n_done += now.n_done;
    s->progress.n_lost += now.n_lost;
    s->progress.bytes_published += now.bytes_published;
    mt_writer_close(writer);
    return is_zarr ? visit_labels(path, look_at_label, s) : EXIT_OK;
}

static int look_at_label(const char *path, void *user)
{
    output_state *s = user;
    bool is_unfinished, is_there = true;
    int status = look_at_unfinished(path, "zarr", s, &is_unfinished);
    if (!status && !is_unfinished)
        status = check_complete(path, &is_there);
    s->n_absent += !is_there;
    return status;
}

/* Adds an image. One of a collection that does not exist yet counts as not complete. */
static int look_at_image(const char *path, const char *format, output_state *s)
{
    bool is_unfinished, is_there = true;
    int status = look_at_unfinished(path, format, s, &is_unfinished);
    if (status || is_unfinished)
        return status;
    status = check_complete(path, s->n_images ? &is_there : NULL);
    s->n_complete += is_there;
    s->n_absent += !is_there;
    return status;
}

static int look_at_member(const char *path, void *user) { return look_at_image(path, "zarr", user); }

static int look(const struct args *args, output_state *s)
{
    mt_collection_options collection = { .struct_size = sizeof collection };
    int is_complete, status = EXIT_OK;
    mt_error err = MT_ERROR_INIT;
    *s = (output_state) { .path = args->paths[0], .units = "chunks" };
    mt_status st = mt_collection_look(NULL, s->path, &collection, &is_complete, &err);
    if (st == MT_E_CORRUPT)
        return report(&err);
    if (st) {
        status = look_at_image(s->path, args_get(args, "format", 0), s);
        s->is_complete = s->n_complete > 0;
        return status;
    }
    s->n_images = collection.n_images;
    status = visit_members(s->path, look_at_member, s);
    s->is_complete = is_complete && s->n_complete == s->n_images;
    return status;
}

/* --- microtome status. --- */

static void print_state(const output_state *s)
{
    char bytes[32];
    uint64_t left = s->progress.n_units - s->progress.n_done;
    if (s->is_complete) {
        printf("%s: complete\n", s->path);
        return;
    }
    if (s->n_images)
        printf("%s: incomplete, %" PRIu64 " of %" PRIu64 " images", s->path, s->n_complete, s->n_images);
    else
        printf("%s: incomplete", s->path);
    if (s->progress.n_units)
        printf(", %" PRIu64 " of %" PRIu64 " %s", s->progress.n_done, s->progress.n_units, s->units);
    putchar('\n');
    if (s->progress.n_units) {
        printf("  %-9s%" PRIu64 " %s\n", "left", left, s->units);
        if (s->n_absent)
            printf("  %-9s%" PRIu64 " image%s not begun\n", "and", s->n_absent, s->n_absent == 1 ? "" : "s");
        printf("  %-9s%s\n", "written", bytes_text((double)s->progress.bytes_published, bytes, sizeof bytes));
    }
    if (s->progress.n_lost)
        printf("  %-9s%" PRIu64 " damaged records; their %s are done again\n", "lost", s->progress.n_lost, s->units);
    if (left == 0 && !s->n_absent)
        printf("  %-9smicrotome finish\n", "next");
}

static void print_state_json(const output_state *s)
{
    fputs("{\"path\": ", stdout);
    print_json_string(s->path);
    printf(", \"complete\": %s", s->is_complete ? "true" : "false");
    if (s->n_images)
        printf(", \"images\": %" PRIu64 ", \"complete_images\": %" PRIu64, s->n_images, s->n_complete);
    if (!s->is_complete && s->progress.n_units)
        printf(", \"unit\": \"%.5s\", \"units\": %" PRIu64 ", \"done\": %" PRIu64 ", \"left\": %" PRIu64
               ", \"lost\": %" PRIu64 ", \"bytes\": %" PRIu64,
               s->units, s->progress.n_units, s->progress.n_done, s->progress.n_units - s->progress.n_done,
               s->progress.n_lost, s->progress.bytes_published);
    puts("}");
}

int run_status(const struct args *args)
{
    output_state state;
    int status = look(args, &state);
    if (status)
        return status;
    if (args_count(args, "json"))
        print_state_json(&state);
    else
        print_state(&state);
    return state.is_complete ? EXIT_OK : EXIT_INCOMPLETE;
}

/* --- microtome finish. --- */

static int finish_member(const char *path, void *user);

/* Finishes the images that are named, and then the collection. */
static int finish_named(mt_context *context, const char *path, mt_collection_options *options, const mt_names *names)
{
    mt_error err = MT_ERROR_INIT;
    size_t n = mt_names_count(names);
    int status = visit_names(path, names, finish_member, context);
    const char **list = need(n, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = mt_names_get(names, i);
    options->names = strcmp(options->kind, "series") == 0 ? NULL : list;
    if (!status && mt_collection_finish(context, path, options, &err))
        status = report(&err);
    free(list);
    return status;
}

static int finish_collection(mt_context *context, const char *path)
{
    mt_collection_options options = { .struct_size = sizeof options };
    mt_names *names;
    int is_complete;
    mt_error err = MT_ERROR_INIT;
    if (mt_collection_look(context, path, &options, &is_complete, &err) ||
        mt_collection_list(context, path, &names, &err))
        return report(&err);
    int status = finish_named(context, path, &options, names);
    mt_names_free(names);
    return status;
}

/* The label images are finished before their image. */
static int finish_labels(mt_context *context, const char *path)
{
    mt_collection_options found = { .struct_size = sizeof found };
    int is_complete;
    mt_error err = MT_ERROR_INIT;
    char *folder = path_below(path, "labels");
    mt_status st = mt_collection_look(context, folder, &found, &is_complete, &err);
    int status = st == MT_E_NOT_FOUND ? EXIT_OK : st ? report(&err) : finish_collection(context, folder);
    free(folder);
    return status;
}

/* One that is complete already stays as it is. */
static int finish_image(mt_context *context, const char *path, const char *format)
{
    mt_writer *writer;
    mt_error err = MT_ERROR_INIT;
    mt_writer_options options = { .struct_size = sizeof options, .format = format };
    mt_status st = mt_writer_open(context, path, &options, &writer, &err);
    if (st)
        return st == MT_E_NOT_FOUND ? EXIT_OK : report(&err);
    bool is_zarr = strcmp(mt_writer_get_info(writer)->format, "zarr") == 0;
    int status = is_zarr ? finish_labels(context, path) : EXIT_OK;
    if (!status && (st = finish_writer(writer, &err))) {
        if (st == MT_E_CANCELLED)
            fprintf(stderr, "microtome: interrupted; the same command goes on\n");
        status = report(&err);
    }
    mt_writer_close(writer);
    return status;
}

static int finish_member(const char *path, void *user) { return finish_image(user, path, "zarr"); }

static int refuse(const output_state *s)
{
    if (s->progress.n_units > s->progress.n_done)
        failed("%s: %" PRIu64 " of %" PRIu64 " %s are missing: repeat the commands that write them", s->path,
               s->progress.n_units - s->progress.n_done, s->progress.n_units, s->units);
    else
        failed("%s: images are missing: repeat the commands that write them", s->path);
    return EXIT_INCOMPLETE;
}

static int finish(const struct args *args, mt_context *context, const output_state *s)
{
    if (s->n_absent || s->progress.n_done < s->progress.n_units)
        return refuse(s);
    int status =
        s->n_images ? finish_collection(context, s->path) : finish_image(context, s->path, args_get(args, "format", 0));
    if (!status)
        printf("%s: complete\n", s->path);
    return status;
}

int run_finish(const struct args *args)
{
    output_state state;
    mt_context *context = NULL;
    int status = context_open(&context, args);
    interrupt_catch();
    if (!status && !(status = look(args, &state))) {
        if (state.is_complete)
            printf("%s: already complete\n", state.path);
        else
            status = finish(args, context, &state);
    }
    mt_context_free(context);
    return status;
}
