/* SPDX-License-Identifier: BSD-3-Clause */
/* For LD_PRELOAD: appends to the file RECORD_TO what is done to files below RECORD_UNDER, a line each, in the order in
 * which it is done. Fields are separated by tabs; files are named by their inode.
 *
 *     create INODE PATH     folder INODE PATH     rename FROM TO     link FROM TO     unlink PATH
 *     write INODE OFFSET HEXADECIMAL     truncate INODE SIZE     sync INODE */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))

/* Held while something is done and written down. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int is_below(const char *path)
{
    const char *under = getenv("RECORD_UNDER");
    return under && strncmp(path, under, strlen(under)) == 0;
}

static int is_file_below(int file)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    return is_below(path);
}

__attribute__((format(printf, 3, 4))) static void record(const void *bytes, size_t size, const char *format, ...)
{
    static const char digits[] = "0123456789abcdef";
    char head[9000];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(head, sizeof head, format, list);
    va_end(list);
    char *line = malloc((size_t)n + 2 * size + 1);
    memcpy(line, head, (size_t)n);
    for (size_t i = 0; i < size; i++) {
        line[n++] = digits[((const unsigned char *)bytes)[i] >> 4];
        line[n++] = digits[((const unsigned char *)bytes)[i] & 15];
    }
    line[n++] = '\n';
    int out = REAL(int (*)(const char *, int, ...), "open")(getenv("RECORD_TO"), O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (write(out, line, (size_t)n) != n)
        abort();
    close(out);
    free(line);
}

static unsigned long inode_of(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? (unsigned long)st.st_ino : 0;
}

static unsigned long inode_of_file(int file)
{
    struct stat st;
    return fstat(file, &st) == 0 ? (unsigned long)st.st_ino : 0;
}

static ssize_t write_pieces(const char *name, int file, const struct iovec *parts, int n, off_t offset)
{
    ssize_t (*real)(int, const struct iovec *, int, off_t) =
        REAL(ssize_t(*)(int, const struct iovec *, int, off_t), name);
    if (!is_file_below(file))
        return real(file, parts, n, offset);
    pthread_mutex_lock(&lock);
    ssize_t done = real(file, parts, n, offset), left = done;
    for (int i = 0; i < n && left > 0; i++) {
        size_t size = left < (ssize_t)parts[i].iov_len ? (size_t)left : parts[i].iov_len;
        record(parts[i].iov_base, size, "write\t%lu\t%lld\t", inode_of_file(file), (long long)(offset + done - left));
        left -= (ssize_t)size;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwritev(int file, const struct iovec *parts, int n, off_t offset)
{
    return write_pieces("pwritev", file, parts, n, offset);
}

ssize_t pwritev64(int file, const struct iovec *parts, int n, off64_t offset)
{
    return write_pieces("pwritev64", file, parts, n, offset);
}

static int truncate_file(const char *name, int file, off_t size)
{
    pthread_mutex_lock(&lock);
    int code = REAL(int (*)(int, off_t), name)(file, size);
    if (code == 0 && is_file_below(file))
        record(NULL, 0, "truncate\t%lu\t%lld", inode_of_file(file), (long long)size);
    pthread_mutex_unlock(&lock);
    return code;
}

int ftruncate(int file, off_t size) { return truncate_file("ftruncate", file, size); }
int ftruncate64(int file, off64_t size) { return truncate_file("ftruncate64", file, size); }

int fsync(int file)
{
    pthread_mutex_lock(&lock);
    int code = REAL(int (*)(int), "fsync")(file);
    if (code == 0 && is_file_below(file))
        record(NULL, 0, "sync\t%lu", inode_of_file(file));
    pthread_mutex_unlock(&lock);
    return code;
}

static int two_paths(const char *name, const char *from, const char *to)
{
    pthread_mutex_lock(&lock);
    int code = REAL(int (*)(const char *, const char *), name)(from, to);
    if (code == 0 && is_below(to))
        record(NULL, 0, "%s\t%s\t%s", name, from, to);
    pthread_mutex_unlock(&lock);
    return code;
}

int rename(const char *from, const char *to) { return two_paths("rename", from, to); }
int link(const char *from, const char *to) { return two_paths("link", from, to); }

static int remove_path(const char *name, const char *path)
{
    pthread_mutex_lock(&lock);
    int code = REAL(int (*)(const char *), name)(path);
    if (code == 0 && is_below(path))
        record(NULL, 0, "unlink\t%s", path);
    pthread_mutex_unlock(&lock);
    return code;
}

int unlink(const char *path) { return remove_path("unlink", path); }
int rmdir(const char *path) { return remove_path("rmdir", path); }
int remove(const char *path) { return remove_path("remove", path); }

int mkdir(const char *path, mode_t mode)
{
    pthread_mutex_lock(&lock);
    int code = REAL(int (*)(const char *, mode_t), "mkdir")(path, mode);
    if (code == 0 && is_below(path))
        record(NULL, 0, "folder\t%lu\t%s", inode_of(path), path);
    pthread_mutex_unlock(&lock);
    return code;
}

static int open_file(const char *name, const char *path, int flags, mode_t mode)
{
    int (*real)(const char *, int, ...) = REAL(int (*)(const char *, int, ...), name);
    if (!(flags & O_CREAT) || !is_below(path))
        return real(path, flags, mode);
    pthread_mutex_lock(&lock);
    int is_new = inode_of(path) == 0, file = real(path, flags, mode);
    if (file >= 0 && is_new)
        record(NULL, 0, "create\t%lu\t%s", inode_of_file(file), path);
    pthread_mutex_unlock(&lock);
    return file;
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
