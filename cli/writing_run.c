/* SPDX-License-Identifier: BSD-3-Clause */
/* Outputs at work: begun or continued, reported on, and verified. */
#include "writing.h"

#include <inttypes.h>
#include <string.h>

mt_writer_progress writer_progress(mt_writer *writer)
{
    mt_writer_progress now = { .struct_size = sizeof now };
    (void)!mt_writer_get_progress(writer, &now, NULL); /* its size is right */
    return now;
}

const char *unit_name(const mt_writer_info *info) { return info->shard_shape[0] ? "shards" : "chunks"; }

int writing_begin(writing_run *run, const writing *to, mt_context *context)
{
    int is_finished;
    mt_error err = MT_ERROR_INIT;
    *run = (writing_run) { .to = to };
    if (mt_writer_is_finished(context, to->path, &to->options, &is_finished, &err))
        return report(&err);
    if (is_finished) {
        printf("%s: already complete\n", to->path);
        return EXIT_OK;
    }
    if (mt_writer_create(context, to->path, &to->options, &run->writer, &err))
        return report(&err);
    const mt_writer_info *info = mt_writer_get_info(run->writer);
    mt_writer_progress now = writer_progress(run->writer);
    run->n_done = now.n_done;
    run->bytes = now.bytes_published;
    run->unit_bytes = (double)mt_dtype_size(info->dtype) / (double)info->n_units;
    for (int d = 0; d < info->ndim; d++)
        run->unit_bytes *= (double)info->shape[d];
    for (size_t i = 0; i < info->n_warnings; i++)
        fprintf(stderr, "microtome: %s: %s\n", info->path, info->warnings[i]);
    if (now.n_done || now.n_lost)
        fprintf(stderr, "microtome: %s: resuming: %" PRIu64 " of %" PRIu64 " %s are done\n", info->path, now.n_done,
                now.n_units, unit_name(info));
    if (now.n_lost)
        fprintf(stderr, "microtome: %s: %" PRIu64 " records of %s were lost or damaged; these are done again\n",
                info->path, now.n_lost, unit_name(info));
    return EXIT_OK;
}

static void show(void *user, uint64_t done, uint64_t total) { progress_show(user, (double)done, (double)total); }

mt_status finish_writer(mt_writer *writer, mt_error *err)
{
    struct progress progress;
    const mt_finish_options options = { .struct_size = sizeof options,
                                        .all_required = 1,
                                        .cancelled = until_interrupted.cancelled,
                                        .progress = show,
                                        .user = &progress };
    progress_start(&progress);
    mt_status st = mt_writer_finish(writer, &options, err);
    progress_end(&progress);
    return st;
}

bool writing_was_finished(const writing_run *run, mt_context *context)
{
    int is_finished = 0;
    const writing *w = run->to;
    if (!w->lease || mt_writer_is_finished(context, w->path, &w->options, &is_finished, NULL) || !is_finished)
        return false;
    printf("%s: another process has finished it\n", w->path);
    return true;
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

void say_how_to_continue(const writing_run *run)
{
    const struct args *args = run->to->args;
    const writing *w = run->to;
    mt_writer_progress now = writer_progress(run->writer);
    int is_finished = 0;
    if (!mt_writer_is_finished(NULL, w->path, &w->options, &is_finished, NULL) && is_finished) {
        fprintf(stderr, "microtome: %s: another process has finished it\n", w->path);
        return;
    }
    fprintf(stderr, "microtome: %" PRIu64 " of %" PRIu64 " %s are done; to continue:\n  microtome %s", now.n_done,
            now.n_units, unit_name(mt_writer_get_info(run->writer)), args->command->name);
    for (int i = 0; i < args->argc; i++)
        print_argument(stderr, args->argv[i]);
    fputc('\n', stderr);
}

int writing_failed(const writing_run *run, const mt_error *err)
{
    int status = report(err);
    if (status == EXIT_INTERRUPTED)
        fprintf(stderr, "microtome: interrupted\n");
    say_how_to_continue(run);
    return status;
}

void note_values(const writing_run *run, mt_stack *const *inputs, size_t n)
{
    const char *path = run->to->path;
    uint64_t absent = 0;
    mt_writer_progress now = writer_progress(run->writer);
    if (now.n_nan)
        fprintf(stderr, "microtome: %s: %" PRIu64 " pixels were NaN and became 0\n", path, now.n_nan);
    if (now.n_clipped)
        fprintf(stderr, "microtome: %s: %" PRIu64 " pixels were beyond the range of %s and were clipped\n", path,
                now.n_clipped, mt_dtype_name(mt_writer_get_info(run->writer)->dtype));
    for (size_t i = 0; i < n; i++) {
        uint64_t here, present;
        mt_stack_count_chunks(inputs[i], &here, &present);
        absent += here;
    }
    if (absent)
        fprintf(stderr, "microtome: %s: %" PRIu64 " chunks are not stored in the input and have its fill value\n", path,
                absent);
}

void report_shared(const writing *w)
{
    if (w->lease)
        printf("%s: all is done; when the other processes have ended: microtome finish", w->path);
    else
        printf("%s: part %" PRIu64 " of %" PRIu64 " is done; when all are: microtome finish", w->path, w->part + 1,
               w->n_parts);
    print_argument(stdout, w->path);
    putchar('\n');
}

/* --- Verification. --- */

int check_verify(const struct args *args, const char *const *others, size_t n)
{
    for (size_t i = 0; i < n && args_count(args, "verify"); i++)
        if (args_count(args, others[i]))
            return usage_error(args, "--verify compares a whole image with its copy: not with --%s", others[i]);
    return EXIT_OK;
}

/* With the axes that it was written with: NPY does not name them, and TIFF drops a Z of one plane. */
static mt_status open_copy(const writing *w, mt_context *context, mt_stack **out, mt_error *err)
{
    char axes[MT_MAX_DIMS * 24] = "";
    size_t n = 0;
    for (int d = 0; w->axes[d]; d++)
        n += (size_t)snprintf(axes + n, sizeof axes - n, "%c%" PRId64, w->axes[d], w->shape[d]);
    const mt_open_options options = { .struct_size = sizeof options, .axes = axes };
    return mt_stack_open(context, w->path, &options, out, err);
}

int writing_verify(const writing *w, mt_context *context, mt_stack *input)
{
    mt_checksum of[2];
    mt_stack *copy;
    mt_error err = MT_ERROR_INIT;
    if (open_copy(w, context, &copy, &err))
        return report(&err);
    mt_status st = mt_stack_checksum(input, &until_interrupted, &of[0], &err);
    if (!st)
        st = mt_stack_checksum(copy, &until_interrupted, &of[1], &err);
    mt_stack_close(copy);
    if (st)
        return report(&err);
    if (strcmp(of[0].text, of[1].text) != 0)
        return failed("%s: the checksum %s differs from that of the input, %s", w->path, of[1].text, of[0].text);
    printf("%s: verified, checksum %s\n", w->path, of[1].text);
    return EXIT_OK;
}
