/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome status and microtome finish: outputs that are not complete. */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Whether there is anything at the path of an image of a collection, a folder or a URL. */
static bool exists(const char *path)
{
    mt_stack *stack;
    struct stat found;
    mt_error err = MT_ERROR_INIT;
    if (!strstr(path, "://"))
        return !stat(path, &found);
    const mt_open_options options = { .struct_size = sizeof options, .allow_unknown_axes = 1 };
    mt_status st = mt_stack_open(NULL, path, &options, &stack, &err);
    if (!st)
        mt_stack_close(stack);
    return st != MT_E_NOT_FOUND;
}

/* The state of an output, or of a collection, of whose images the numbers are added. */
typedef struct output_state {
    const char *path;
    bool is_complete;
    uint64_t n_images, n_complete; /* of a collection; 0: an image */
    const char *units;             /* unit_name */
    mt_writer_progress progress;
} output_state;

/* Whether a complete image is at the path of an output of which nothing is unfinished. */
static int check_complete(const char *path)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .allow_unknown_axes = 1 };
    if (mt_stack_open(NULL, path, &options, &stack, &err))
        return report(&err);
    mt_stack_close(stack);
    return EXIT_OK;
}

/* Adds an image. One of a collection that does not exist yet counts as not complete. */
static int look_at_image(const char *path, const char *format, output_state *s)
{
    mt_writer *writer;
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_writer_look(NULL, path, format, &writer, &err);
    if (st == MT_E_NOT_FOUND && s->n_images && !exists(path))
        return EXIT_OK;
    if (st == MT_E_NOT_FOUND) {
        s->n_complete++;
        return check_complete(path);
    }
    if (st)
        return report(&err);
    mt_writer_progress now = writer_progress(writer);
    s->units = unit_name(mt_writer_get_info(writer));
    s->progress.n_units += now.n_units;
    s->progress.n_done += now.n_done;
    s->progress.n_lost += now.n_lost;
    s->progress.bytes_published += now.bytes_published;
    mt_writer_close(writer);
    return EXIT_OK;
}

static char *member_path(const char *path, uint64_t i)
{
    size_t room = strlen(path) + 32;
    char *out = need(room, 1);
    snprintf(out, room, "%s/%" PRIu64, path, i);
    return out;
}

static int look(const struct args *args, output_state *s)
{
    mt_collection_options collection = { .struct_size = sizeof collection };
    int is_complete, status = EXIT_OK;
    mt_error err = MT_ERROR_INIT;
    *s = (output_state) { .path = args->paths[0], .units = "chunks" };
    if (mt_collection_look(NULL, s->path, &collection, &is_complete, &err)) {
        status = look_at_image(s->path, args_get(args, "format", 0), s);
        s->is_complete = s->n_complete > 0;
        return status;
    }
    s->n_images = collection.n_images;
    for (uint64_t i = 0; i < s->n_images && !status; i++) {
        char *path = member_path(s->path, i);
        status = look_at_image(path, "zarr", s);
        free(path);
    }
    s->is_complete = is_complete && s->n_complete == s->n_images;
    return status;
}

/* Whether every image was begun, and no shard or chunk is missing. */
static bool can_finish(const output_state *s)
{
    bool all = true;
    for (uint64_t i = 0; i < s->n_images && all; i++) {
        char *path = member_path(s->path, i);
        all = exists(path);
        free(path);
    }
    return all && s->progress.n_done == s->progress.n_units;
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
        printf("  %-9s%s\n", "written", bytes_text((double)s->progress.bytes_published, bytes, sizeof bytes));
    }
    if (s->progress.n_lost)
        printf("  %-9s%" PRIu64 " damaged records; their %s are done again\n", "lost", s->progress.n_lost, s->units);
    if (can_finish(s))
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

/* One that is complete already stays as it is. */
static mt_status finish_image(mt_context *context, const char *path, const char *format, mt_error *err)
{
    mt_writer *writer;
    mt_writer_options options = { .struct_size = sizeof options, .format = format };
    mt_status st = mt_writer_open(context, path, &options, &writer, err);
    if (st)
        return st == MT_E_NOT_FOUND ? MT_OK : st;
    st = finish_writer(writer, err);
    mt_writer_close(writer);
    return st;
}

static mt_status finish_collection(mt_context *context, const output_state *s, mt_error *err)
{
    mt_collection_options options = { .struct_size = sizeof options };
    int is_complete;
    mt_status st = mt_collection_look(context, s->path, &options, &is_complete, err);
    for (uint64_t i = 0; i < s->n_images && !st; i++) {
        char *path = member_path(s->path, i);
        st = finish_image(context, path, "zarr", err);
        free(path);
    }
    return st ? st : mt_collection_finish(context, s->path, &options, err);
}

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
    mt_error err = MT_ERROR_INIT;
    if (!can_finish(s))
        return refuse(s);
    mt_status st = s->n_images ? finish_collection(context, s, &err)
                               : finish_image(context, s->path, args_get(args, "format", 0), &err);
    if (st == MT_E_CANCELLED)
        fprintf(stderr, "microtome: interrupted; the same command goes on\n");
    if (st)
        return report(&err);
    printf("%s: complete\n", s->path);
    return EXIT_OK;
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
