/* SPDX-License-Identifier: BSD-3-Clause */
/* Output files: checked before the work, allocated, and written atomically. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static bool is_stdout(const char *path) { return !strcmp(path, "-"); }

FILE *say_where(const struct args *args)
{
    const char *out = args_get(args, "out", 0);
    return out && is_stdout(out) ? stderr : stdout;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Copies a path, or the path of a file URL. False if it is too long. */
static bool take_path(const char *input, char path[PATH_MAX])
{
    bool is_url = !strncasecmp(input, "file://", 7);
    if (is_url)
        input += strcspn(input + 7, "/") + 7;
    size_t n = 0;
    for (; *input && n < PATH_MAX - 1; input++) {
        bool is_code = is_url && *input == '%' && hex(input[1]) >= 0 && hex(input[2]) >= 0;
        path[n++] = is_code ? (char)(hex(input[1]) * 16 + hex(input[2])) : *input;
        input += is_code ? 2 : 0;
    }
    path[n] = 0;
    return !*input;
}

/* Finds the local file or folder of an input path: the path itself, or the path before "#part" or an archive member. */
static bool find_input(const char *input, char path[PATH_MAX], struct stat *found)
{
    if (!take_path(input, path))
        return false;
    if (!stat(path, found))
        return true;
    char *mark = strrchr(path, '#');
    if (mark)
        *mark = 0;
    if (mark && *path && !stat(path, found))
        return true;
    for (char *slash; (slash = strrchr(path, '/')) && slash > path;) {
        *slash = 0;
        if (!stat(path, found))
            return S_ISREG(found->st_mode); /* a parent folder of a missing path is not an input */
    }
    return false;
}

/* Finds the parent folder of a path. False if it is too long. */
static bool find_folder(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return snprintf(folder, PATH_MAX, ".") == 1;
    size_t n = slash == path ? 1 : (size_t)(slash - path);
    return snprintf(folder, PATH_MAX, "%.*s", (int)n, path) < PATH_MAX;
}

static bool lies_inside(const char *path, const struct stat *input)
{
    char folder[PATH_MAX], real[PATH_MAX];
    struct stat found;
    if (!S_ISDIR(input->st_mode) || !find_folder(path, folder) || !realpath(folder, real))
        return false;
    for (char *slash; *real; *slash = 0) {
        if (!stat(real, &found) && is_same(&found, input))
            return true;
        slash = strrchr(real, '/');
    }
    return !stat("/", &found) && is_same(&found, input);
}

enum { S3 = sizeof "s3://" - 1 };

/* Bytes of the URL of an object or a folder in a bucket, without a "#part" and a '/' at the end; 0 for other paths. */
static size_t bucket_url_length(const char *url)
{
    size_t n = strncasecmp(url, "s3://", S3) ? 0 : strcspn(url, "#");
    while (n > 0 && url[n - 1] == '/')
        n--;
    return n > S3 ? n : 0;
}

/* Whether the first n bytes of a URL are another URL, or that of a folder above it. */
static bool url_contains(const char *url, size_t n, const char *other)
{
    return n > 0 && bucket_url_length(other) >= n && !strncmp(url + S3, other + S3, n - S3) &&
           (!other[n] || strchr("/#", other[n]));
}

/* How an output and an input lie to one another. */
typedef struct nesting {
    bool is_same, contains, is_inside; /* the output does or is, in or of the input */
} nesting;

static nesting compare_urls(const char *path, const char *input)
{
    size_t n = bucket_url_length(path), m = bucket_url_length(input);
    return (nesting) { .is_same = n == m && url_contains(path, n, input),
                       .contains = url_contains(path, n, input),
                       .is_inside = url_contains(input, m, path) };
}

static nesting compare_files(const char *path, const char *input)
{
    struct stat read, written;
    char found[PATH_MAX];
    if (!find_input(input, found, &read))
        return (nesting) { .is_same = false };
    bool exists = !stat(path, &written);
    return (nesting) { .is_same = exists && is_same(&read, &written),
                       .contains = exists && lies_inside(found, &written),
                       .is_inside = lies_inside(path, &read) };
}

int output_apart(const char *path, const char *input)
{
    if (is_stdout(path))
        return EXIT_OK;
    nesting of = bucket_url_length(path) ? compare_urls(path, input) : compare_files(path, input);
    if (of.is_same)
        return failed("%s is an input: it cannot be an output too", path);
    if (of.contains)
        return failed("%s contains %s, which is an input: write it elsewhere", path, input);
    return of.is_inside ? failed("%s lies inside %s, which is an input: write it elsewhere", path, input) : EXIT_OK;
}

static int check_inputs(const struct args *args, const char *path)
{
    static const char *const others[] = { "labels", "use-map" };
    int status = EXIT_OK;
    for (size_t i = 0; i < args->n_paths && !status; i++)
        status = output_apart(path, args->paths[i]);
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        for (size_t i = 0; i < args_count(args, others[k]) && !status; i++)
            status = output_apart(path, args_get(args, others[k], i));
    return status;
}

static bool is_listed(const char *suffixes, const char *suffix)
{
    size_t n = strlen(suffix);
    for (const char *s = suffixes; *s; s += strspn(s, ", ")) {
        size_t length = strcspn(s, ", ");
        if (length == n && !strncasecmp(s, suffix, n))
            return true;
        s += length;
    }
    return false;
}

static int check_suffix(const struct args *args, const char *option, const char *path, const char *wanted)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.'), *suffixes;
    if (!dot || !strcasecmp(dot + 1, option) || (wanted && !strcasecmp(dot, wanted)))
        return EXIT_OK; /* --map writes .map files, although MRC has this suffix, too */
    if (wanted)
        return usage_error(args, "--%s writes %s files only", option, wanted);
    bool is_image = is_listed("png,csv", dot + 1);
    for (size_t i = 0; !is_image && mt_format_name(i, NULL, &suffixes); i++)
        is_image = is_listed(suffixes, dot + 1);
    return is_image ? usage_error(args, "--%s does not write %s files", option, dot) : EXIT_OK;
}

static int not_written(const char *path)
{
    return failed("%s: cannot be written: %s", is_stdout(path) ? "standard output" : path, strerror(errno));
}

static int create(output *out, const char *path, char mark)
{
    size_t length = strlen(path);
    *out = (output) { .path = path };
    out->temporary = need(length + 8, 1);
    snprintf(out->temporary, length + 8, "%s%cXXXXXX", path, mark);
    mode_t mask = umask(0);
    umask(mask);
    int descriptor = mkstemp(out->temporary);
    if (descriptor < 0) {
        not_written(path);
        free(out->temporary);
        out->temporary = NULL;
        return EXIT_FAILED;
    }
    output_unfinished = out->temporary;
    out->file = fdopen(descriptor, "wb");
    if (out->file && !fchmod(descriptor, 0666 & ~mask))
        return EXIT_OK;
    not_written(path);
    if (!out->file)
        close(descriptor);
    output_abandon(out);
    return EXIT_FAILED;
}

/* Fails before the work if a path cannot be written. */
static int try_to_write(const char *path)
{
    output out;
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old); /* signals are not caught yet */
    int status = create(&out, path, '-');
    if (!status)
        output_abandon(&out);
    sigprocmask(SIG_SETMASK, &old, NULL);
    return status;
}

int output_check(const struct args *args, const char *option, const char *path, const char *suffix)
{
    struct stat found;
    if (!path)
        return EXIT_OK;
    if (is_stdout(path) && strcmp(option, "out") != 0)
        return usage_error(args, "--%s cannot go to standard output", option);
    if (is_stdout(path))
        return isatty(STDOUT_FILENO) ? usage_error(args, "--out -: standard output is a terminal") : EXIT_OK;
    int status = check_suffix(args, option, path, suffix);
    if (status || (status = check_inputs(args, path)))
        return status;
    bool exists = !lstat(path, &found);
    if (exists && S_ISDIR(found.st_mode))
        return failed("%s is a folder", path);
    if (exists && !S_ISREG(found.st_mode))
        return failed("%s is not a regular file", path);
    if (exists && !args_count(args, "force"))
        return failed("%s exists; --force replaces it", path);
    return try_to_write(path);
}

static int no_room(const char *path, uint64_t bytes)
{
    char folder[PATH_MAX], needed[32], available[32] = "less";
    struct statvfs space;
    if (find_folder(path, folder) && !statvfs(folder, &space))
        bytes_text((double)space.f_bavail * (double)space.f_frsize, available, sizeof available);
    return failed("%s: no space: %s needed, %s free", path, bytes_text((double)bytes, needed, sizeof needed),
                  available);
}

/* A file system of unknown size reports 0 blocks. */
int output_room(const char *path, uint64_t bytes)
{
    char folder[PATH_MAX];
    struct statvfs space;
    if (is_stdout(path) || !find_folder(path, folder) || statvfs(folder, &space) || !space.f_blocks)
        return EXIT_OK;
    return (double)bytes > (double)space.f_bavail * (double)space.f_frsize ? no_room(path, bytes) : EXIT_OK;
}

int output_allocate(output *out, uint64_t bytes)
{
#ifdef __linux__
    if (!out->temporary || !bytes || bytes > INT64_MAX || !fallocate(fileno(out->file), 0, 0, (off_t)bytes))
        return EXIT_OK;
    if (errno != ENOSPC && errno != EDQUOT && errno != EFBIG)
        return EXIT_OK; /* not supported by the file system: writing will report failures */
    int status = errno == ENOSPC ? no_room(out->path, bytes) : failed("%s: %s", out->path, strerror(errno));
    output_abandon(out);
    return status;
#else
    (void)out, (void)bytes;
    return EXIT_OK;
#endif
}

int output_open(output *out, const char *path)
{
    *out = (output) { .path = path, .file = stdout };
    interrupt_catch();
    return is_stdout(path) ? EXIT_OK : create(out, path, '.');
}

void output_abandon(output *out)
{
    if (!out->temporary)
        return;
    if (out->file)
        fclose(out->file);
    unlink(out->temporary);
    output_unfinished = NULL;
    free(out->temporary);
    out->temporary = NULL;
}

int output_finish(output *out)
{
    bool good = !fflush(out->file) && !ferror(out->file);
    if (!out->temporary)
        return good ? EXIT_OK : not_written(out->path);
    good = !fclose(out->file) && good;
    out->file = NULL;
    if (good && !rename(out->temporary, out->path)) {
        output_unfinished = NULL;
        free(out->temporary);
        return EXIT_OK;
    }
    int status = not_written(out->path);
    output_abandon(out);
    return status;
}

int output_write(void *user, const void *bytes, size_t size)
{
    output *out = user;
    if (interrupted())
        return 1;
    bool good = fwrite(bytes, 1, size, out->file) == size;
    out->error = good ? 0 : errno;
    return !good;
}

int output_drawn(output *out, mt_status st, const mt_error *err)
{
    if (!st && !interrupted())
        return output_finish(out);
    output_abandon(out);
    if (interrupted())
        return EXIT_INTERRUPTED;
    errno = out->error;
    return out->error ? not_written(out->path) : report(err);
}
