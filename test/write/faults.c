/* SPDX-License-Identifier: BSD-3-Clause */
/* For LD_PRELOAD: the N-th call of a kind fails, of those that touch a file whose path contains FAULTS_UNDER.
 *
 *     FAULTS_CALL   write, sync, rename, open, mkdir, link or unlink
 *     FAULTS_AT     N, from 1 on
 *     FAULTS_ERRNO  the reason; 0: writes are short, of one byte
 *     FAULTS_STAY   not 0: all later calls fail, too
 *     FAULTS_TOLD   a file that is created once a call failed
 *     FAULTS_RUN    a shell command, for which the call waits instead; it then succeeds */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))

static _Atomic long count;

static int number(const char *name)
{
    const char *text = getenv(name);
    return text ? (int)strtol(text, NULL, 10) : 0;
}

/* Whether this call is to fail. */
static int strikes(const char *call, const char *path)
{
    const char *wanted = getenv("FAULTS_CALL"), *under = getenv("FAULTS_UNDER"), *told = getenv("FAULTS_TOLD");
    if (!wanted || strcmp(wanted, call) != 0 || !path || !under || !strstr(path, under))
        return 0;
    long n = ++count, at = number("FAULTS_AT");
    if (n != at && !(n > at && number("FAULTS_STAY")))
        return 0;
    int mark = told ? REAL(int (*)(const char *, int, ...), "open")(told, O_CREAT | O_WRONLY, 0666) : -1;
    if (mark >= 0)
        close(mark);
    if (getenv("FAULTS_RUN")) {
        if (system("env -u LD_PRELOAD sh -c \"$FAULTS_RUN\"") != 0)
            fprintf(stderr, "faults: the command has failed\n");
        return 0;
    }
    errno = number("FAULTS_ERRNO");
    return 1;
}

static int strikes_file(const char *call, int file)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    return strikes(call, path);
}

static ssize_t write_pieces(const char *name, int file, const struct iovec *parts, int n, off_t offset)
{
    ssize_t (*real)(int, const struct iovec *, int, off_t) =
        REAL(ssize_t(*)(int, const struct iovec *, int, off_t), name);
    if (!strikes_file("write", file))
        return real(file, parts, n, offset);
    if (errno != 0)
        return -1;
    struct iovec one = { parts[0].iov_base, 1 };
    return real(file, &one, 1, offset);
}

ssize_t pwritev(int file, const struct iovec *parts, int n, off_t offset)
{
    return write_pieces("pwritev", file, parts, n, offset);
}

ssize_t pwritev64(int file, const struct iovec *parts, int n, off64_t offset)
{
    return write_pieces("pwritev64", file, parts, n, offset);
}

int fsync(int file) { return strikes_file("sync", file) ? -1 : REAL(int (*)(int), "fsync")(file); }

int rename(const char *from, const char *to)
{
    return strikes("rename", to) ? -1 : REAL(int (*)(const char *, const char *), "rename")(from, to);
}

int link(const char *from, const char *to)
{
    return strikes("link", to) ? -1 : REAL(int (*)(const char *, const char *), "link")(from, to);
}

int unlink(const char *path) { return strikes("unlink", path) ? -1 : REAL(int (*)(const char *), "unlink")(path); }

int remove(const char *path) { return strikes("unlink", path) ? -1 : REAL(int (*)(const char *), "remove")(path); }

int mkdir(const char *path, mode_t mode)
{
    return strikes("mkdir", path) ? -1 : REAL(int (*)(const char *, mode_t), "mkdir")(path, mode);
}

static int open_file(const char *name, const char *path, int flags, mode_t mode)
{
    if ((flags & O_CREAT) && strikes("open", path))
        return -1;
    return REAL(int (*)(const char *, int, ...), name)(path, flags, mode);
}

#define DEFINE_OPEN(name)                                                                                              \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        va_list list;                                                                                                  \
        va_start(list, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(list, int) : 0;                                   \
        va_end(list);                                                                                                  \
        return open_file(#name, path, flags, mode);                                                                    \
    }

DEFINE_OPEN(open)
DEFINE_OPEN(open64)
