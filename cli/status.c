/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome status and microtome finish: outputs that are not complete. */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

/* The state of an output. */
typedef struct output_state {
    const char *path;
    mt_writer *writer; /* NULL: it is complete */
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

static int look(const struct args *args, output_state *out)
{
    mt_error err = MT_ERROR_INIT;
    *out = (output_state) { .path = args->paths[0] };
    mt_status st = mt_writer_look(NULL, out->path, args_get(args, "format", 0), &out->writer, &err);
    if (st)
        return st == MT_E_NOT_FOUND ? check_complete(out->path) : report(&err);
    mt_writer_get_progress(out->writer, &out->progress);
    return EXIT_OK;
}

static void print_state(const output_state *s)
{
    char bytes[32];
    if (!s->writer) {
        printf("%s: complete\n", s->path);
        return;
    }
    const char *units = unit_name(mt_writer_get_info(s->writer));
    uint64_t left = s->progress.n_units - s->progress.n_done;
    printf("%s: incomplete, %" PRIu64 " of %" PRIu64 " %s\n", s->path, s->progress.n_done, s->progress.n_units, units);
    printf("  %-9s%" PRIu64 " %s\n", "left", left, units);
    printf("  %-9s%s\n", "written", bytes_text((double)s->progress.bytes_published, bytes, sizeof bytes));
    if (s->progress.n_lost)
        printf("  %-9s%" PRIu64 " records of %s that are missing or damaged; they are done again\n", "lost",
               s->progress.n_lost, units);
    if (left == 0)
        printf("  %-9smicrotome finish\n", "next");
}

static void print_state_json(const output_state *s)
{
    fputs("{\"path\": ", stdout);
    print_json_string(s->path);
    printf(", \"complete\": %s", s->writer ? "false" : "true");
    if (s->writer)
        printf(", \"unit\": \"%.5s\", \"units\": %" PRIu64 ", \"done\": %" PRIu64 ", \"left\": %" PRIu64
               ", \"lost\": %" PRIu64 ", \"bytes\": %" PRIu64,
               unit_name(mt_writer_get_info(s->writer)), s->progress.n_units, s->progress.n_done,
               s->progress.n_units - s->progress.n_done, s->progress.n_lost, s->progress.bytes_published);
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
    status = state.writer ? EXIT_INCOMPLETE : EXIT_OK;
    mt_writer_close(state.writer);
    return status;
}

static int finish(const struct args *args, mt_context *context, const output_state *state)
{
    mt_writer *writer;
    mt_error err = MT_ERROR_INIT;
    const char *path = args->paths[0];
    uint64_t left = state->progress.n_units - state->progress.n_done;
    if (left > 0) {
        failed("%s: %" PRIu64 " of %" PRIu64 " %s are missing: repeat the commands that write them", path, left,
               state->progress.n_units, unit_name(mt_writer_get_info(state->writer)));
        return EXIT_INCOMPLETE;
    }
    mt_writer_options options = { .struct_size = sizeof options, .format = args_get(args, "format", 0) };
    if (mt_writer_open(context, path, &options, &writer, &err))
        return report(&err);
    mt_status st = mt_writer_finish(writer, 1, &err);
    mt_writer_close(writer);
    if (st)
        return report(&err);
    printf("%s: complete\n", path);
    return EXIT_OK;
}

int run_finish(const struct args *args)
{
    output_state state;
    mt_context *context = NULL;
    int status = context_open(&context, args);
    if (!status && !(status = look(args, &state))) {
        if (state.writer)
            status = finish(args, context, &state);
        else
            printf("%s: already complete\n", state.path);
        mt_writer_close(state.writer);
    }
    mt_context_free(context);
    return status;
}
