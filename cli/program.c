/* SPDX-License-Identifier: BSD-3-Clause */
#include "program.h"

#include "process.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 256, LAST_LINES = 5 };

struct program {
    struct process process;
    const char *command; /* borrowed */
};

/* What is under way: bytes sent and received of an exchange. */
typedef struct transfer {
    const exchange *batch;
    char sent_line[LINE], line[LINE]; /* of the batch and of the answer */
    size_t sent, to_send;             /* of line and values */
    size_t line_length;               /* received */
    bool has_line;
    size_t received, to_receive; /* of the values */
    double deaf;                 /* when it was found that the program has closed its standard input; 0: it has not */
} transfer;

typedef enum outcome { GOES_ON, ANSWERED, DIED, FAILED, INTERRUPTED } outcome;

static size_t count_bytes(int ndim, const int64_t *shape)
{
    size_t n = sizeof(float);
    for (int i = 0; i < ndim; i++)
        n *= (size_t)shape[i];
    return n;
}

static const char *list_text(int ndim, const int64_t *shape, char text[LINE])
{
    size_t n = 0;
    for (int i = 0; i < ndim; i++)
        n += (size_t)snprintf(text + n, LINE - n, "%s%" PRId64, i ? " " : "", shape[i]);
    return text;
}

/* --- Words. --- */

static void print_last_lines(const struct process *process)
{
    const char *text = process->words, *from = text + strlen(text);
    while (from > text && from[-1] == '\n')
        from--;
    const char *end = from;
    for (int lines = 0; from > text; from--)
        if (from[-1] == '\n' && ++lines == LAST_LINES)
            break;
    if (end == from)
        return;
    fputs("microtome: the last lines of its standard error:\n", stderr);
    while (from < end) {
        size_t n = strcspn(from, "\n");
        fprintf(stderr, "  %.*s\n", (int)(n < (size_t)(end - from) ? n : (size_t)(end - from)), from);
        from += n + 1;
    }
}

static outcome wrong_line(const transfer *t)
{
    char wanted[LINE];
    const exchange *b = t->batch;
    size_t n = strcspn(t->line, "\n");
    failed("the program answered batch %" PRIu64 " with the line '%.*s%s', where its number and the shape of the "
           "answer were expected, '%" PRIu64 ": %s'; messages belong on standard error",
           b->number, n < 60 ? (int)n : 60, t->line, n < 60 ? "" : "...", b->number,
           list_text(b->ndim, b->out_shape, wanted));
    return FAILED;
}

static outcome wrong_shape(const transfer *t, const int64_t *shape)
{
    char wanted[LINE], given[LINE];
    const exchange *b = t->batch;
    failed("the program answered batch %" PRIu64 " with an array of %s (tiles, channels, %srows, columns), not of %s; "
           "--output-channels and --scale say what it gives",
           b->number, list_text(b->ndim, shape, given), b->ndim == 5 ? "planes, " : "",
           list_text(b->ndim, b->out_shape, wanted));
    return FAILED;
}

static outcome too_much(const transfer *t)
{
    failed("the program wrote more than its answer to batch %" PRIu64 ", which has %zu bytes after the line",
           t->batch->number, t->to_receive);
    return FAILED;
}

static outcome was_interrupted(const transfer *t)
{
    fprintf(stderr, "microtome: interrupted while the program worked on batch %" PRIu64 ": ", t->batch->number);
    if (t->has_line)
        fprintf(stderr, "%zu of the %zu bytes of its answer had arrived\n", t->received, t->to_receive);
    else
        fprintf(stderr, "%zu of its %zu bytes were sent, and no answer had arrived\n", t->sent, t->to_send);
    return INTERRUPTED;
}

/* --- An exchange. --- */

/* "17: 8 1 256 256" */
static outcome take_line(transfer *t)
{
    const exchange *b = t->batch;
    int64_t shape[BATCH_DIMS];
    char *end = t->line;
    unsigned long long number = *t->line >= '0' && *t->line <= '9' ? strtoull(t->line, &end, 10) : UINT64_MAX;
    if (number != b->number || *end++ != ':')
        return wrong_line(t);
    for (int i = 0; i < b->ndim; i++) {
        const char *from = end + strspn(end, " ");
        errno = 0;
        shape[i] = *from >= '0' && *from <= '9' ? strtoll(from, &end, 10) : -1;
        if (shape[i] < 0 || errno)
            return wrong_line(t);
    }
    if (*end != '\n')
        return wrong_line(t);
    t->has_line = true;
    return memcmp(shape, b->out_shape, (size_t)b->ndim * sizeof *shape) != 0 ? wrong_shape(t, shape) : GOES_ON;
}

/* A part of the answer: byte by byte up to the end of the line, and then the values at once. */
static outcome receive(struct process *process, transfer *t)
{
    char extra;
    uint8_t *to = (uint8_t *)t->batch->out + t->received;
    size_t room = t->to_receive - t->received;
    if (!t->has_line)
        to = (uint8_t *)t->line + t->line_length, room = 1;
    ssize_t n = process_read(process, room ? (void *)to : &extra, room ? room : 1);
    if (n <= 0)
        return n < 0 ? GOES_ON : room == 0 ? ANSWERED : DIED; /* the end after an answer is of the next batch */
    if (room == 0)
        return too_much(t);
    if (t->has_line) {
        t->received += (size_t)n;
        return GOES_ON;
    }
    t->line_length++;
    if (*to == '\n')
        return take_line(t);
    return t->line_length < LINE - 1 ? GOES_ON : wrong_line(t);
}

static void send_some(struct process *process, transfer *t)
{
    const size_t line = strlen(t->sent_line);
    bool is_line = t->sent < line;
    const char *from = is_line ? t->sent_line + t->sent : (const char *)t->batch->in + (t->sent - line);
    ssize_t n = process_write(process, from, (is_line ? line : t->to_send) - t->sent);
    t->sent += n > 0 ? (size_t)n : 0;
}

static outcome step(struct process *process, transfer *t)
{
    bool is_all_sent = t->sent == t->to_send || process->in < 0;
    bool is_answered = t->has_line && t->received == t->to_receive;
    if (process->in < 0 && t->deaf == 0)
        t->deaf = clock_seconds();
    if (process->in < 0 && !is_answered && clock_seconds() - t->deaf > 1)
        return DIED;
    struct process_events events = process_wait(process, !is_all_sent, is_all_sent && is_answered);
    if (interrupted())
        return was_interrupted(t);
    if (events.can_write)
        send_some(process, t);
    if (events.can_read)
        return receive(process, t);
    return is_all_sent && is_answered ? ANSWERED : GOES_ON;
}

static outcome transfer_once(struct process *process, const exchange *batch)
{
    char shape[LINE];
    transfer t = { .batch = batch, .to_receive = count_bytes(batch->ndim, batch->out_shape) };
    outcome found = process->in < 0 ? DIED : GOES_ON;
    snprintf(t.sent_line, sizeof t.sent_line, "%" PRIu64 ": %.200s\n", batch->number,
             list_text(batch->ndim, batch->in_shape, shape));
    t.to_send = strlen(t.sent_line) + count_bytes(batch->ndim, batch->in_shape);
    while (found == GOES_ON)
        found = step(process, &t);
    return found;
}

/* --- Lives and deaths. --- */

program *program_new(const char *command, struct progress *progress)
{
    program *p = need(1, sizeof *p);
    *p = (program) { .command = command, .process = { .progress = progress } };
    return p;
}

/* Notes a death, or reports the last one. */
static int bury(program *p, const exchange *batch, int deaths)
{
    char how[80];
    bool is_missing = process_end(&p->process, how, sizeof how);
    if (deaths < MOST_DEATHS && !is_missing) {
        fprintf(stderr, "microtome: the program ended on batch %" PRIu64 " (%s); it is started again\n", batch->number,
                how);
        return EXIT_OK;
    }
    if (is_missing)
        failed("the program could not be run (%s): %s", how, p->command);
    else
        failed("the program ended %d times in a row on batch %" PRIu64 ", the last time with %s", deaths, batch->number,
               how);
    print_last_lines(&p->process);
    return EXIT_FAILED;
}

int program_ask(program *p, const exchange *batch)
{
    int status = EXIT_OK;
    for (int deaths = 0; !status;) {
        if (!p->process.id && (status = process_start(&p->process, p->command)))
            return status;
        outcome found = transfer_once(&p->process, batch);
        if (found == ANSWERED)
            return EXIT_OK;
        if (found == DIED)
            status = bury(p, batch, ++deaths);
        else
            status = found == INTERRUPTED ? EXIT_INTERRUPTED : EXIT_FAILED;
    }
    return status;
}

void program_finish(program *p)
{
    char how[80];
    if (!p->process.id)
        return;
    size_t extra = process_close(&p->process);
    if (extra > 0)
        fprintf(stderr, "microtome: the program wrote %zu bytes after its last answer\n", extra);
    if (!process_end(&p->process, how, sizeof how) && strcmp(how, "exit status 0") != 0)
        fprintf(stderr, "microtome: the program ended with %s after its last answer\n", how);
}

void program_free(program *p)
{
    if (!p)
        return;
    if (p->process.id)
        process_kill(&p->process);
    free(p);
}
