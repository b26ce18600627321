/* SPDX-License-Identifier: BSD-3-Clause */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Milliseconds. MOMENT bounds how late an interruption is seen that came just before a wait. */
enum { MOMENT = 200, PATIENCE = 1000, END_PATIENCE = 10000 };

enum { PIPE_BYTES = 1 << 20 };

/* --- Start. --- */

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

/* Moves a file above those that become standard input, output and error of the child. */
static int move_up(int file)
{
    int moved = fcntl(file, F_DUPFD_CLOEXEC, 3);
    close(file);
    return moved;
}

/* A pipe that the child does not inherit. Ours does not block. */
static bool make_pipe(int *ours, int *theirs, bool we_read)
{
    int ends[2];
    if (pipe(ends))
        return false;
    *ours = move_up(ends[we_read ? 0 : 1]);
    *theirs = move_up(ends[we_read ? 1 : 0]);
#ifdef F_SETPIPE_SZ
    (void)fcntl(*ours, F_SETPIPE_SZ, PIPE_BYTES); /* fewer turns; a limit of the system may forbid it */
#endif
    return *ours >= 0 && *theirs >= 0 && !fcntl(*ours, F_SETFL, O_NONBLOCK);
}

/* Signals that this process ignores are not ignored by the child. */
static int set_attributes(posix_spawnattr_t *how)
{
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    int error = posix_spawnattr_setsigdefault(how, &usual);
    if (!error)
        error = posix_spawnattr_setpgroup(how, 0);
    return error ? error : posix_spawnattr_setflags(how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
}

static int spawn(pid_t *id, const char *command, const int theirs[3])
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    char *const words[] = { (char[]) { "sh" }, (char[]) { "-c" }, (char *)command, NULL };
    int error = posix_spawn_file_actions_init(&files);
    if (error)
        return error;
    if (!(error = posix_spawnattr_init(&how))) {
        for (int i = 0; i < 3 && !error; i++)
            error = posix_spawn_file_actions_adddup2(&files, theirs[i], i);
        if (!error)
            error = set_attributes(&how);
        if (!error)
            error = posix_spawn(id, "/bin/sh", &files, &how, words, environ);
        posix_spawnattr_destroy(&how);
    }
    posix_spawn_file_actions_destroy(&files);
    return error;
}

int process_start(struct process *p, const char *command)
{
    int theirs[3] = { -1, -1, -1 };
    p->in = p->out = p->err = -1;
    p->words[0] = 0;
    bool has_pipes = make_pipe(&p->in, &theirs[0], false) && make_pipe(&p->out, &theirs[1], true) &&
                     make_pipe(&p->err, &theirs[2], true);
    int error = has_pipes ? spawn(&p->id, command, theirs) : errno;
    for (int i = 0; i < 3; i++)
        close_end(&theirs[i]);
    if (!error) {
        program_group = p->id;
        return EXIT_OK;
    }
    p->id = 0;
    close_end(&p->in);
    close_end(&p->out);
    close_end(&p->err);
    return failed("the program could not be started: %s", strerror(error));
}

/* --- Input and output. --- */

/* Keeps the end of what was said. */
static void remember(struct process *p, const char *text, size_t n)
{
    size_t length = strlen(p->words), most = sizeof p->words - 1;
    if (n > most)
        text += n - most, n = most;
    size_t drop = length + n > most ? length + n - most : 0;
    memmove(p->words, p->words + drop, length - drop);
    for (size_t i = 0; i < n; i++)
        p->words[length - drop + i] = (char)(text[i] ? text[i] : ' ');
    p->words[length - drop + n] = 0;
}

/* Prints what the process has written to standard error. */
static void hear(struct process *p)
{
    char text[1024];
    ssize_t n = 1;
    while (p->err >= 0 && (n = read(p->err, text, sizeof text)) > 0) {
        progress_end(p->progress);
        fwrite(text, 1, (size_t)n, stderr);
        remember(p, text, (size_t)n);
    }
    if (n == 0)
        close_end(&p->err);
}

struct process_events process_wait(struct process *p, bool writes, bool at_once)
{
    struct pollfd files[] = { { .fd = p->out, .events = POLLIN },
                              { .fd = p->err, .events = POLLIN },
                              { .fd = writes ? p->in : -1, .events = POLLOUT } };
    if (poll(files, 3, at_once ? 0 : MOMENT) <= 0)
        return (struct process_events) { false, false };
    if (files[1].revents)
        hear(p);
    return (struct process_events) { .can_write = files[2].revents != 0, .can_read = files[0].revents != 0 };
}

ssize_t process_read(struct process *p, void *data, size_t size)
{
    ssize_t n = read(p->out, data, size);
    return n < 0 && errno != EAGAIN && errno != EINTR ? 0 : n;
}

ssize_t process_write(struct process *p, const void *data, size_t size)
{
    ssize_t n = write(p->in, data, size);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        close_end(&p->in); /* its end follows, or its answer without having read all */
    return n;
}

/* --- End. --- */

/* Whether the process ends within some milliseconds. It keeps its number until it is reaped. */
static bool ends_within(const struct process *p, int milliseconds)
{
    for (double end = clock_seconds() + milliseconds / 1e3;;) {
        siginfo_t found = { .si_pid = 0 };
        if (!waitid(P_PID, (id_t)p->id, &found, WEXITED | WNOHANG | WNOWAIT) && found.si_pid == p->id)
            return true;
        if (clock_seconds() >= end)
            return false;
        (void)poll(NULL, 0, 5);
    }
}

/* Kills what is left of the group, and returns the status of the process. */
static int reap(struct process *p)
{
    int status = 0;
    kill(-p->id, SIGKILL);
    (void)waitpid(p->id, &status, 0);
    program_group = 0;
    p->id = 0;
    hear(p);
    close_end(&p->in);
    close_end(&p->out);
    close_end(&p->err);
    return status;
}

size_t process_close(struct process *p)
{
    char text[4096];
    size_t extra = 0;
    bool is_open = true;
    close_end(&p->in);
    for (double end = clock_seconds() + END_PATIENCE / 1e3; is_open && clock_seconds() < end && !interrupted();) {
        if (!process_wait(p, false, false).can_read)
            continue;
        ssize_t n = process_read(p, text, sizeof text);
        extra += n > 0 ? (size_t)n : 0;
        is_open = n != 0;
    }
    return extra;
}

bool process_end(struct process *p, char *how, size_t room)
{
    close_end(&p->in);
    bool has_ended = ends_within(p, PATIENCE);
    int status = reap(p);
    if (!has_ended)
        snprintf(how, room, "its standard input or output closed, but still running");
    else if (WIFSIGNALED(status))
        snprintf(how, room, "signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(how, room, "exit status %d", WEXITSTATUS(status));
    return has_ended && WIFEXITED(status) && (WEXITSTATUS(status) == 126 || WEXITSTATUS(status) == 127);
}

void process_kill(struct process *p)
{
    kill(-p->id, SIGTERM);
    (void)ends_within(p, PATIENCE);
    (void)reap(p);
}
