/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages, memory, interruption, output files and the progress bar. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t is_interrupted;
/* The temporary file that now exists; for the signal handler. */
static char *volatile unfinished;

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
        failed("%zu times %zu bytes of memory are not to be had", n, size);
        if (unfinished)
            unlink(unfinished);
        exit(EXIT_FAILED);
    }
    return memory;
}

/* The first signal asks for an orderly end, the second does not wait for it. */
static void on_signal(int signal)
{
    (void)signal;
    if (is_interrupted) {
        if (unfinished)
            unlink(unfinished);
        _exit(EXIT_INTERRUPTED);
    }
    is_interrupted = 1;
}

void interrupt_catch(void)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction hangup;
    if (!sigaction(SIGHUP, NULL, &hangup) && hangup.sa_handler != SIG_IGN) /* as nohup has it */
        sigaction(SIGHUP, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* then the write fails */
}

bool interrupted(void) { return is_interrupted; }

static int ask_interrupted(void *user)
{
    (void)user;
    return is_interrupted;
}

const mt_extract_options until_interrupted = { .struct_size = sizeof until_interrupted, .cancelled = ask_interrupted };

int output_check(const struct args *args, const char *option, const char *suffix)
{
    struct stat found;
    const char *path = args_get(args, option, 0);
    if (!path)
        return EXIT_OK;
    bool exists = !lstat(path, &found);
    if (exists && S_ISDIR(found.st_mode))
        return failed("%s is a folder", path);
    if (exists && !S_ISREG(found.st_mode))
        return failed("%s is not a regular file", path);
    if (exists && !args_count(args, "force"))
        return failed("%s exists; --force replaces it", path);
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    if (suffix && dot && strcasecmp(dot, suffix) != 0)
        return usage_error(args, "--%s writes %s files only", option, suffix);
    return EXIT_OK;
}

int output_open(output *out, const char *path)
{
    size_t length = strlen(path);
    *out = (output) { .path = path, .temporary = need(length + 8, 1) };
    snprintf(out->temporary, length + 8, "%s.XXXXXX", path);
    mode_t mask = umask(0);
    umask(mask);
    int descriptor = mkstemp(out->temporary);
    if (descriptor < 0) {
        int status = failed("%s: cannot be written: %s", path, strerror(errno));
        free(out->temporary);
        return status;
    }
    unfinished = out->temporary;
    out->file = fdopen(descriptor, "wb");
    if (out->file && !fchmod(descriptor, 0666 & ~mask))
        return EXIT_OK;
    failed("%s: cannot be written: %s", path, strerror(errno));
    if (!out->file)
        close(descriptor);
    output_abandon(out);
    return EXIT_FAILED;
}

void output_abandon(output *out)
{
    if (out->file)
        fclose(out->file);
    unlink(out->temporary);
    unfinished = NULL;
    free(out->temporary);
}

int output_finish(output *out)
{
    bool good = !fflush(out->file) && !ferror(out->file);
    good = !fclose(out->file) && good;
    out->file = NULL;
    if (good && !rename(out->temporary, out->path)) {
        unfinished = NULL;
        free(out->temporary);
        return EXIT_OK;
    }
    int status = failed("%s: cannot be written: %s", out->path, strerror(errno));
    output_abandon(out);
    return status;
}

int output_write(void *user, const void *bytes, size_t size)
{
    output *out = user;
    return interrupted() || fwrite(bytes, 1, size, out->file) != size;
}

int output_drawn(output *out, mt_status st, const mt_error *err)
{
    if (!st && !interrupted())
        return output_finish(out);
    output_abandon(out);
    return interrupted() ? EXIT_INTERRUPTED : st == MT_E_IO ? failed("%s: %s", out->path, err->message) : report(err);
}

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
    fprintf(stderr, "\r[%s] %3.0f %%, %.0f s left \033[K", bar, 100 * done / total, left);
    p->last = now;
    p->drawn = true;
}

void progress_end(struct progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
}
