/* SPDX-License-Identifier: BSD-3-Clause */
#include "platform/output.h"

#include "base/fnv.h"
#include "platform/thread.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

#define MOST_PIECES 80                 /* of one call: a shard of 64 chunks and its index; all systems have 1024 */
#define MOST_BYTES ((size_t)512 << 20) /* of one call; macOS refuses INT_MAX, Linux writes a part */
#define NAME_BYTES 255                 /* longest name of common file systems */

/* The remedy, with a separator in front; "" if there is none. */
static const char *advice(int code)
{
    switch (code) {
    case ENOSPC:
    case EDQUOT: return "; free some space or choose another place";
    case EROFS: return "; choose another place";
    case EACCES:
    case EPERM: return "; change the permissions of the folder or choose another place";
    case ENAMETOOLONG: return "; choose a shorter name or place";
    case EMFILE:
    case ENFILE: return "; raise the limit of open files (ulimit -n)";
    default: return "";
    }
}

static mt_status fail_as(mt_error *err, mt_status status, const char *path, const char *what)
{
    int code = errno;
    return mt_fail(err, code == ENOMEM ? MT_E_MEMORY : status, "%s: %s: %s%s", path, what, strerror(code),
                   advice(code));
}

static mt_status fail_errno(mt_error *err, const char *path, const char *what)
{
    return fail_as(err, MT_E_IO, path, what);
}

static mt_status fail_missing(mt_error *err, const char *path, const char *what)
{
    return fail_as(err, errno == ENOENT ? MT_E_NOT_FOUND : MT_E_IO, path, what);
}

static int open_again(const char *path, int flags)
{
    int handle;
    do
        handle = open(path, flags | O_CLOEXEC, 0666);
    while (handle < 0 && errno == EINTR);
    return handle;
}

mt_status mt_output_create(const char *path, mt_output *out, bool *is_new, mt_error *err)
{
    out->handle = open_again(path, O_RDWR | O_CREAT | O_EXCL);
    *is_new = out->handle >= 0;
    return *is_new || errno == EEXIST ? MT_OK : fail_missing(err, path, "cannot be created");
}

mt_status mt_output_open(const char *path, mt_output *out, mt_error *err)
{
    out->handle = open_again(path, O_RDWR);
    return out->handle >= 0 ? MT_OK : fail_missing(err, path, "cannot be opened for writing");
}

/* Differs between processes, threads and calls, but for coincidences, which O_EXCL finds. */
static uint64_t draw_token(void)
{
    uint64_t hash = mt_fnv_add_number(MT_FNV_START, (uint64_t)getpid());
    hash = mt_fnv_add_number(hash, (uint64_t)(uintptr_t)&hash);
    return mt_fnv_add_number(hash, mt_clock_ns());
}

static const char suffix[] = ".partial";

/* Bytes of a name that fit beside the rest of the temporary name, cut between UTF-8 characters. */
static int fitting(const char *name)
{
    size_t most = NAME_BYTES - strlen("..0123456789abcdef") - (sizeof suffix - 1), n = strlen(name);
    if (n > most)
        for (n = most; n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80;)
            n--;
    return (int)n;
}

mt_status mt_output_begin(const char *path, char temporary[MT_PATH_BYTES], mt_output *out, mt_error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (;;) {
        int n = snprintf(temporary, MT_PATH_BYTES, "%.*s.%.*s.%016llx%s", (int)(name - path), path, fitting(name), name,
                         (unsigned long long)draw_token(), suffix);
        if (n < 0 || n >= MT_PATH_BYTES) {
            errno = ENAMETOOLONG;
            return fail_errno(err, path, "cannot be created");
        }
        out->handle = open_again(temporary, O_RDWR | O_CREAT | O_EXCL);
        if (out->handle >= 0)
            return MT_OK;
        if (errno != EEXIST)
            return fail_missing(err, path, "cannot be created");
    }
}

bool mt_output_is_partial(const char *name)
{
    size_t n = strlen(name), tail = sizeof suffix - 1 + strlen(".0123456789abcdef");
    if (name[0] != '.' || n <= tail || strcmp(name + n - (sizeof suffix - 1), suffix) != 0)
        return false;
    const char *token = name + n - tail;
    return token[0] == '.' && strspn(token + 1, "0123456789abcdef") == 16;
}

#ifdef __linux__

/* ext4 reserves a block for each page of a file that grows, which takes a fifth of the time of writing it. Other file
 * systems do not gain, or would not compress the file (Btrfs). If there is no space, the write fails. */
void mt_output_expect(mt_output file, uint64_t size)
{
    const uint64_t least = (uint64_t)1 << 20;
    struct statfs system;
    if (size >= least && size <= INT64_MAX && fstatfs(file.handle, &system) == 0 &&
        (unsigned long)system.f_type == EXT4_SUPER_MAGIC)
        (void)!fallocate(file.handle, 0, 0, (off_t)size);
}

#else

void mt_output_expect(mt_output file, uint64_t size) { (void)file, (void)size; }

#endif

/* What is still to be written. */
typedef struct rest {
    const mt_piece *pieces;
    size_t n, done; /* pieces; bytes of the first that are written */
} rest;

static int gather(const rest *r, struct iovec parts[MOST_PIECES])
{
    size_t room = MOST_BYTES, done = r->done;
    int n = 0;
    for (size_t i = 0; i < r->n && n < MOST_PIECES && room > 0; i++, done = 0) {
        size_t size = r->pieces[i].size - done;
        size = size < room ? size : room;
        if (size > 0)
            parts[n++] = (struct iovec) { (char *)(uintptr_t)r->pieces[i].bytes + done, size };
        room -= size;
    }
    return n;
}

static void advance(rest *r, size_t written)
{
    for (; r->n > 0 && written >= r->pieces->size - r->done; r->pieces++, r->n--, r->done = 0)
        written -= r->pieces->size - r->done;
    r->done += written;
}

mt_status mt_output_write(mt_output file, const char *path, uint64_t offset, const mt_piece *pieces, size_t n,
                          mt_error *err)
{
    rest r = { pieces, n, 0 };
    struct iovec parts[MOST_PIECES];
    for (int count; (count = gather(&r, parts)) > 0;) {
        ssize_t written = offset > INT64_MAX ? -1 : pwritev(file.handle, parts, count, (off_t)offset);
        if (offset > INT64_MAX)
            errno = EFBIG;
        else if (written < 0 && errno == EINTR)
            continue;
        else if (written == 0) /* not defined by POSIX; systems that do it are full */
            errno = ENOSPC;
        if (written <= 0)
            return fail_errno(err, path, "cannot be written");
        advance(&r, (size_t)written);
        offset += (uint64_t)written;
    }
    return MT_OK;
}

mt_status mt_output_truncate(mt_output file, const char *path, uint64_t size, mt_error *err)
{
    int code = -1;
    errno = EFBIG;
    if (size <= INT64_MAX)
        do
            code = ftruncate(file.handle, (off_t)size);
        while (code != 0 && errno == EINTR);
    return code == 0 ? MT_OK : fail_errno(err, path, "cannot be given its size");
}

static int sync_handle(int handle)
{
    int code;
#ifdef F_FULLFSYNC /* macOS: fsync leaves data in the cache of the device */
    if (fcntl(handle, F_FULLFSYNC) == 0)
        return 0;
#endif
    do
        code = fsync(handle);
    while (code != 0 && errno == EINTR);
    return code;
}

mt_status mt_output_sync(mt_output file, const char *path, mt_error *err)
{
    return sync_handle(file.handle) == 0 ? MT_OK : fail_errno(err, path, "cannot be written to the device");
}

mt_status mt_output_close(mt_output file, const char *path, mt_error *err)
{
    /* After EINTR the descriptor is closed on Linux, and no error of a write is lost: close(2). */
    return close(file.handle) == 0 || errno == EINTR ? MT_OK : fail_errno(err, path, "cannot be written");
}

mt_status mt_output_rename(const char *from, const char *to, mt_error *err)
{
    return rename(from, to) == 0 ? MT_OK : fail_missing(err, to, "cannot be given its name");
}

/* For file systems without hard links: an empty file claims the name. */
static mt_status claim_and_rename(const char *from, const char *to, bool *is_new, mt_error *err)
{
    mt_output claim;
    mt_status st = mt_output_create(to, &claim, is_new, err);
    if (st || !*is_new)
        return st;
    close(claim.handle);
    st = mt_output_rename(from, to, err);
    *is_new = st == MT_OK;
    if (st)
        unlink(to);
    return st;
}

static bool are_one_file(const char *a, const char *b)
{
    struct stat x, y;
    return lstat(a, &x) == 0 && lstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

mt_status mt_output_rename_new(const char *from, const char *to, bool *is_new, mt_error *err)
{
    /* Over NFS the answer of a link that was made may be lost, and the repeated request then finds the name taken:
     * open(2), O_EXCL. */
    *is_new = link(from, to) == 0 || (errno == EEXIST && are_one_file(from, to));
    if (*is_new)
        return unlink(from) == 0 || errno == ENOENT ? MT_OK : fail_errno(err, from, "cannot be removed");
    if (errno == EEXIST)
        return MT_OK;
    if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS)
        return claim_and_rename(from, to, is_new, err);
    return fail_missing(err, to, "cannot be given its name");
}

mt_status mt_output_remove(const char *path, mt_error *err)
{
    return remove(path) == 0 || errno == ENOENT || errno == ENOTDIR ? MT_OK
                                                                    : fail_errno(err, path, "cannot be removed");
}

mt_status mt_output_make_folder(const char *path, mt_error *err)
{
    struct stat st;
    if (mkdir(path, 0777) == 0)
        return MT_OK;
    int code = errno; /* EEXIST, or, on read-only file systems, EROFS */
    if (code != ENOENT && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return MT_OK;
    errno = code == EEXIST ? ENOTDIR : code;
    return fail_missing(err, path, "cannot be made a folder");
}

mt_status mt_output_sync_folder(const char *path, mt_error *err)
{
    int handle = open_again(path, O_RDONLY | O_DIRECTORY);
    if (handle < 0)
        return fail_missing(err, path, "cannot be opened");
    /* Some file systems cannot sync folders; nothing else can be done there. PostgreSQL, fd.c, fsync_fname_ext. */
    bool good = sync_handle(handle) == 0 || errno == EBADF || errno == EINVAL;
    mt_status st = good ? MT_OK : fail_errno(err, path, "cannot be written to the device");
    close(handle);
    return st;
}

void mt_output_name_writer(char out[MT_WRITER_BYTES])
{
    char host[65] = "";
    if (gethostname(host, sizeof host - 1) != 0 || !*host)
        snprintf(host, sizeof host, "host");
    for (char *c = host; *c; c++)
        if (!isalnum((unsigned char)*c) || (unsigned char)*c > 'z')
            *c = '_';
    snprintf(out, MT_WRITER_BYTES, "%s-%ld-%016llx", host, (long)getpid(), (unsigned long long)draw_token());
}
