/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages, memory, interruption and the progress bar. */
#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t is_interrupted;
/* The current temporary file, for the signal handlers. */
char *volatile output_unfinished;
/* The program that runs, for them as well. */
volatile sig_atomic_t program_group;

/* Leaves nothing behind when the process ends at once. */
static void clean_up(void)
{
    if (output_unfinished)
        unlink(output_unfinished);
    if (program_group > 0)
        kill(-(pid_t)program_group, SIGKILL);
}

int failed(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("microtome: ", stderr);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return EXIT_FAILED;
}

int report(const mt_error *err)
{
    return err->status == MT_E_CANCELLED ? EXIT_INTERRUPTED : failed("%s", err->message);
}

void *need(size_t n, size_t size)
{
    void *memory = calloc(n ? n : 1, size);
    if (!memory) {
        failed("out of memory for %zu times %zu bytes", n, size);
        clean_up();
        exit(EXIT_FAILED);
    }
    return memory;
}

/* The first signal requests an orderly exit, the second exits at once. */
static void on_signal(int signal)
{
    (void)signal;
    if (is_interrupted) {
        clean_up();
        _exit(EXIT_INTERRUPTED);
    }
    is_interrupted = 1;
}

/* Terminates with the signal. */
static void on_fatal(int number)
{
    clean_up();
    signal(number, SIG_DFL);
    raise(number);
}

static void on(int number, void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

/* Whether the parent process ignores a signal: nohup, or a shell's background job. */
static bool is_ignored(int number)
{
    struct sigaction old;
    return !sigaction(number, NULL, &old) && old.sa_handler == SIG_IGN;
}

void interrupt_catch(void)
{
    on(SIGINT, on_signal);
    on(SIGTERM, on_signal);
    if (!is_ignored(SIGHUP))
        on(SIGHUP, on_signal);
    if (!is_ignored(SIGQUIT))
        on(SIGQUIT, on_fatal);
    if (!is_ignored(SIGPIPE))
        on(SIGPIPE, on_fatal);
    signal(SIGXFSZ, SIG_IGN); /* the write fails instead */
}

bool interrupted(void) { return is_interrupted; }

static int ask_interrupted(void *user)
{
    (void)user;
    return is_interrupted;
}

const mt_extract_options until_interrupted = { .struct_size = sizeof until_interrupted, .cancelled = ask_interrupted };

double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_start(struct progress *p)
{
    *p = (struct progress) { .start = clock_seconds(), .terminal = isatty(STDERR_FILENO) };
}

void progress_show(struct progress *p, double done, double total)
{
    enum { CELLS = 40 };
    double now = p->terminal ? clock_seconds() : 0;
    if (!p->terminal || now - p->start < 1 || now - p->last < 0.1 || total <= 0)
        return;
    char bar[CELLS + 1];
    memset(bar, '.', CELLS);
    memset(bar, '#', (size_t)(CELLS * (done < total ? done / total : 1)));
    bar[CELLS] = 0;
    double left = done > 0 ? (now - p->start) * (total - done) / done : 0;
    char rate[32];
    bytes_text(p->bytes / (now - p->start), rate, sizeof rate);
    fprintf(stderr, "\r[%s] %3.0f %%, %s%s%.0f s left \033[K", bar, 100 * done / total, p->bytes > 0 ? rate : "",
            p->bytes > 0 ? "/s, " : "", left);
    p->last = now;
    p->drawn = true;
}

void progress_end(struct progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
}
