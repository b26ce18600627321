/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome predict: the tiles of an image go through a program, and the answers are stitched to an image. */
#include "predict.h"
#include "program.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A prediction at work. */
typedef struct predict_run {
    const prediction *p;
    writing_run w;
    mt_stitcher *stitcher;
    mt_loader *loader;
    uint64_t next;            /* the batch that the loader gives next */
    program *program;         /* NULL: --identity */
    float *answer;            /* of a batch */
    mt_batch *first;          /* answered before the output was created; NULL: none */
    bool is_answered;         /* the batch that was loaded last is that one */
    double start;             /* in seconds */
    uint64_t n_needed, n_put; /* tiles */
} predict_run;

/* --- Preparation. --- */

static mt_view input_view(const prediction *p)
{
    return (mt_view) { .dtype = MT_FLOAT32,
                       .scale = p->normalize.divide,
                       .offset = p->normalize.subtract,
                       .divide = p->normalize.divide != NULL,
                       .scale_padding = p->pad != PAD_MEAN,
                       .padding_mode = p->pad == PAD_REFLECT ? MT_PAD_REFLECT : MT_PAD_CONSTANT };
}

static int open_loader(predict_run *r)
{
    const prediction *p = r->p;
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack = p->stack;
    const mt_loader_array array = {
        .stacks = &stack, .channels = p->channels, .n_channels = p->n_channels, .view = input_view(p)
    };
    const mt_loader_options options = { .struct_size = sizeof options,
                                        .batch_size = (size_t)p->batch_size,
                                        .arrays = &array,
                                        .n_arrays = 1,
                                        .in_order = 1,
                                        .uneven = MT_UNEVEN_SHORT,
                                        .fill_missing = 1, /* after images_check_input */
                                        .prefetch_bytes = (uint64_t)p->memory / 4 };
    return mt_loader_new(mt_tiling_get_patching(p->tiling), &options, &r->loader, &err) ? report(&err) : EXIT_OK;
}

/* The values of a tile of the output. */
static size_t answer_values(const prediction *p)
{
    const mt_tiling_info *t = mt_tiling_get_info(p->tiling);
    size_t n = (size_t)p->n_outputs;
    for (size_t d = 0; d < t->n_spatial; d++)
        n *= (size_t)t->tile[d] * (size_t)(t->is_planar && d == 0 ? 1 : p->up) /
             (size_t)(t->is_planar && d == 0 ? 1 : p->down);
    return n;
}

/* Opens the loader and the program, if they are not open yet. */
static int open_network(predict_run *r)
{
    const prediction *p = r->p;
    const char *command = args_get(p->args, "pipe", 0);
    int status = r->loader ? EXIT_OK : open_loader(r);
    if (status || !command || r->program)
        return status;
    signal(SIGPIPE, SIG_IGN); /* writing to a program that has ended fails instead */
    r->program = program_new(command, &r->w.progress);
    r->answer = need((size_t)p->batch_size, answer_values(p) * sizeof *r->answer);
    return EXIT_OK;
}

static int prepare(predict_run *r)
{
    const prediction *p = r->p;
    mt_error err = MT_ERROR_INIT;
    mt_stitcher_report found = { .struct_size = sizeof found };
    int status = prediction_stitch(p, r->w.writer, p->out.part, p->out.n_parts, &r->stitcher);
    if (!status)
        status = open_network(r);
    if (status)
        return status;
    if (mt_stitcher_get_report(r->stitcher, &found, &err))
        return report(&err);
    r->n_needed = found.n_needed;
    return EXIT_OK;
}

static void free_run(predict_run *r)
{
    mt_batch_release(r->first);
    program_free(r->program);
    free(r->answer);
    mt_loader_free(r->loader);
    mt_stitcher_free(r->stitcher);
    mt_writer_close(r->w.writer);
}

/* --- Batches. --- */

/* The shapes of a batch and of its answer: tiles of planes have no Z. */
static exchange describe(const predict_run *r, const mt_batch *batch)
{
    const prediction *p = r->p;
    const mt_tiling_info *t = mt_tiling_get_info(p->tiling);
    exchange x = { .number = batch->number, .in = batch->arrays[0].data, .out = r->answer };
    const int64_t *shape = batch->arrays[0].shape;
    for (int i = 0; i < batch->arrays[0].ndim; i++) {
        if (t->is_planar && i == 2)
            continue;
        x.in_shape[x.ndim] = shape[i];
        x.out_shape[x.ndim++] = i == 0 ? shape[0] : i == 1 ? p->n_outputs : shape[i] * p->up / p->down;
    }
    return x;
}

static void show(predict_run *r, const mt_batch *batch)
{
    r->n_put += batch->n;
    if (r->n_put > r->n_needed) /* of the last batches, some tiles may not be needed */
        r->n_put = r->n_needed;
    r->w.progress.bytes = (double)r->n_put * (double)answer_values(r->p) * (double)sizeof(float);
    progress_show(&r->w.progress, (double)r->n_put, (double)r->n_needed);
}

/* EXIT_FAILED and EXIT_INTERRUPTED after a message. */
static int predict_batch(predict_run *r, const mt_batch *batch)
{
    mt_error err = MT_ERROR_INIT;
    exchange x = describe(r, batch);
    int status = r->program && !r->is_answered ? program_ask(r->program, &x) : EXIT_OK;
    if (status)
        return status;
    r->is_answered = false;
    const mt_stitch_values values = { .data = r->program ? x.out : x.in, .dtype = MT_FLOAT32 };
    if (mt_stitcher_put(r->stitcher, batch->indices[0], batch->n, &values, &err))
        return report(&err);
    show(r, batch);
    return EXIT_OK;
}

/* NULL after an error, which *status tells. */
static mt_batch *load_batch(predict_run *r, uint64_t number, int *status)
{
    mt_batch *batch = r->first;
    mt_error err = MT_ERROR_INIT;
    r->is_answered = batch && batch->number == number;
    if (r->is_answered) {
        r->first = NULL;
        return batch;
    }
    batch = NULL;
    mt_status st = interrupted() ? MT_E_CANCELLED : MT_OK;
    if (!st && number != r->next)
        st = mt_loader_seek(r->loader, 0, number, &err);
    r->next = number + 1;
    if (!st)
        st = mt_loader_next(r->loader, &until_interrupted, &batch, &err);
    if (st == MT_E_CANCELLED) {
        fputs("microtome: interrupted\n", stderr);
        *status = EXIT_INTERRUPTED;
    } else if (st) {
        *status = report(&err);
    } else if (!batch) { /* never: the number is below that of the batches */
        *status = failed("batch %" PRIu64 " is missing", number);
    }
    return batch;
}

static uint64_t count_batches(const predict_run *r)
{
    const uint64_t tiles = mt_tiling_get_info(r->p->tiling)->n_tiles, size = (uint64_t)r->p->batch_size;
    return tiles / size + (tiles % size != 0);
}

static int predict_batches(predict_run *r)
{
    const size_t size = (size_t)r->p->batch_size;
    const uint64_t n = count_batches(r);
    int status = EXIT_OK;
    for (uint64_t b = mt_stitcher_next(r->stitcher, size, 0); b < n && !status;
         b = mt_stitcher_next(r->stitcher, size, b + 1)) {
        mt_batch *batch = load_batch(r, b, &status);
        if (!batch)
            return status;
        status = predict_batch(r, batch);
        mt_batch_release(batch);
    }
    if (!status && r->program)
        program_finish(r->program);
    return status;
}

/* --- The end. --- */

static int finish(predict_run *r)
{
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_stitcher_flush(r->stitcher, &err);
    if (!st && !r->p->out.n_parts)
        st = finish_writer(r->w.writer, &err);
    return st ? report(&err) : EXIT_OK;
}

static void print_summary(const predict_run *r, double seconds)
{
    char written[32];
    mt_error err = MT_ERROR_INIT;
    const mt_writer_info *info = mt_writer_get_info(r->w.writer);
    mt_stitcher_report found = { .struct_size = sizeof found };
    mt_writer_progress now = writer_progress(r->w.writer);
    if (mt_stitcher_get_report(r->stitcher, &found, &err))
        return;
    if (found.n_nan && !now.n_nan)
        fprintf(stderr, "microtome: %s: %" PRIu64 " pixels are NaN\n", info->path, found.n_nan);
    printf("%s: %" PRIu64 " tiles, %" PRIu64 " %s, %s written, %.1f s, %.0f tiles/s\n", info->path, found.n_put,
           now.n_done - r->w.n_done, unit_name(info),
           bytes_text((double)(now.bytes_published - r->w.bytes), written, sizeof written), seconds,
           (double)found.n_put / (seconds > 1e-3 ? seconds : 1e-3));
}

static int work(predict_run *r)
{
    const prediction *p = r->p;
    progress_start(&r->w.progress);
    int status = prepare(r);
    if (!status)
        status = predict_batches(r);
    if (!status)
        status = finish(r);
    progress_end(&r->w.progress);
    if (status) {
        say_how_to_continue(&r->w);
        return status;
    }
    note_values(&r->w, p->images.stacks, p->images.n);
    print_summary(r, clock_seconds() - r->start);
    return p->out.n_parts ? EXIT_INCOMPLETE : EXIT_OK;
}

/* Refuses what does not fit together before anything is written. */
static int check_plan(const prediction *p)
{
    mt_writer *writer;
    mt_stitcher *stitcher = NULL;
    mt_error err = MT_ERROR_INIT;
    if (mt_writer_plan(p->context, p->out.path, &p->out.options, &writer, &err))
        return report(&err);
    int status = prediction_stitch(p, writer, 0, 0, &stitcher);
    mt_stitcher_free(stitcher);
    mt_writer_close(writer);
    return status;
}

/* Whether nothing is there that could be continued or that is in the way. */
static bool is_new(const prediction *p)
{
    struct stat found;
    mt_writer *writer;
    mt_error err = MT_ERROR_INIT;
    if (!stat(p->out.path, &found))
        return false;
    if (mt_writer_look(p->context, p->out.path, p->out.options.format, &writer, &err))
        return err.status == MT_E_NOT_FOUND;
    mt_writer_close(writer);
    return false;
}

static int ask_first(predict_run *r, mt_stitcher *stitcher)
{
    const uint64_t number = mt_stitcher_next(stitcher, (size_t)r->p->batch_size, 0);
    if (number >= count_batches(r)) /* nothing to do in this part */
        return EXIT_OK;
    int status = EXIT_OK;
    r->first = load_batch(r, number, &status);
    if (!r->first)
        return status;
    exchange x = describe(r, r->first);
    return program_ask(r->program, &x);
}

/* Lets the program answer the first batch before a new output is created: a mistake in the command leaves nothing
 * behind. */
static int try_program(predict_run *r)
{
    const prediction *p = r->p;
    mt_writer *writer;
    mt_stitcher *stitcher = NULL;
    mt_error err = MT_ERROR_INIT;
    if (!args_count(p->args, "pipe") || !is_new(p))
        return EXIT_OK;
    if (mt_writer_plan(p->context, p->out.path, &p->out.options, &writer, &err))
        return report(&err);
    int status = prediction_stitch(p, writer, p->out.part, p->out.n_parts, &stitcher);
    if (!status)
        status = open_network(r);
    if (!status)
        status = ask_first(r, stitcher);
    if (status)
        fprintf(stderr, "microtome: %s: nothing was written\n", p->out.path);
    mt_stitcher_free(stitcher);
    mt_writer_close(writer);
    return status;
}

static int predict(prediction *p)
{
    predict_run r = { .p = p, .start = clock_seconds() };
    int status = prediction_plan(p);
    if (!status)
        status = check_plan(p);
    if (!status)
        status = prediction_normalize(p);
    if (!status)
        status = prediction_identify(p);
    if (!status)
        status = try_program(&r);
    if (!status)
        status = writing_begin(&r.w, &p->out, p->context);
    if (!status && r.w.writer)
        status = work(&r);
    free_run(&r);
    if (!status && args_count(p->args, "verify"))
        status = writing_verify(&p->out, p->context, p->stack);
    return status;
}

static int check_options(const struct args *args)
{
    static const char *const sizes[] = { "scale", "output-channels", "network" };
    static const char *const others[] = { "pipe", "channels", "sample", "dtype", "part" };
    bool has_pipe = args_count(args, "pipe"), has_identity = args_count(args, "identity");
    if (has_pipe == has_identity)
        return usage_error(args, has_pipe
                                     ? "--pipe and --identity exclude each other"
                                     : "--pipe 'COMMAND' names the program that predicts; --identity does without");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && has_identity; i++)
        if (args_count(args, sizes[i]))
            return usage_error(args, "--identity gives what it gets: not with --%s", sizes[i]);
    return check_verify(args, others, sizeof others / sizeof *others);
}

int run_predict(const struct args *args)
{
    prediction p = { .args = args };
    int status = check_options(args);
    if (!status)
        status = prediction_read(&p, args);
    interrupt_catch();
    if (!status)
        status = prediction_open(&p);
    if (!status)
        status = predict(&p);
    if (status == EXIT_INCOMPLETE)
        report_shared(&p.out);
    prediction_free(&p);
    return status;
}
