/* SPDX-License-Identifier: BSD-3-Clause */
#include "platform/file.h"

#include "base/checked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/uio.h>
#include <sys/vfs.h>
#endif
#include <unistd.h>

static mt_status fail_errno(mt_error *err, const char *path, const char *what)
{
    return mt_fail(err,
                   errno == ENOENT   ? MT_E_NOT_FOUND
                   : errno == ENOMEM ? MT_E_MEMORY
                                     : MT_E_IO,
                   "%s: %s: %s", path, what, strerror(errno));
}

mt_status mt_file_open(const char *path, mt_file *out, mt_error *err)
{
    int handle;
    do
        handle = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* do not block on a pipe; it is refused below */
    while (handle < 0 && errno == EINTR);
    if (handle < 0)
        return fail_errno(err, path, "cannot be opened");
    struct stat st;
    if (fstat(handle, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(handle);
        return mt_fail(err, MT_E_IO, "%s: not a regular file", path);
    }
    out->handle = handle;
    return MT_OK;
}

void mt_file_close(mt_file file) { close(file.handle); }

size_t mt_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 256;
    return limit.rlim_cur > SIZE_MAX ? SIZE_MAX : (size_t)limit.rlim_cur;
}

mt_status mt_file_size(mt_file file, const char *path, uint64_t *out, mt_error *err)
{
    struct stat st;
    if (fstat(file.handle, &st) != 0)
        return fail_errno(err, path, "has no size");
    *out = (uint64_t)st.st_size;
    return MT_OK;
}

mt_status mt_file_stamp(mt_file file, const char *path, uint64_t *size, int64_t *mtime_ns, mt_error *err)
{
    struct stat st;
    if (fstat(file.handle, &st) != 0)
        return fail_errno(err, path, "has no time");
#ifdef __APPLE__
    struct timespec when = st.st_mtimespec;
#else
    struct timespec when = st.st_mtim;
#endif
    *size = (uint64_t)st.st_size;
    *mtime_ns = (int64_t)when.tv_sec * 1000000000 + when.tv_nsec;
    return MT_OK;
}

mt_status mt_file_read(mt_file file, const char *path, uint64_t offset, void *out, size_t size, mt_error *err)
{
    uint8_t *at = out;
    uint64_t end;
    if (mt_add_u64(offset, size, &end) || end > INT64_MAX)
        return mt_fail(err, MT_E_CORRUPT, "%s: %zu bytes at %llu: beyond any file", path, size,
                       (unsigned long long)offset);
    while (size > 0) {
        ssize_t n = pread(file.handle, at, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, path, "cannot be read");
        if (n == 0)
            return mt_fail(err, MT_E_CORRUPT, "%s: the file is cut or damaged: it ends before the %zu bytes at %llu",
                           path, size, (unsigned long long)offset);
        at += n, offset += (uint64_t)n, size -= (size_t)n;
    }
    return MT_OK;
}

#ifdef __linux__
static bool is_remote(const struct statfs *fs)
{
    /* NFS, SMB1, SMB2, CIFS, FUSE, Lustre, Ceph, 9P, AFS, GPFS, BeeGFS. Source: statfs(2) and their source code. */
    static const unsigned long remote[] = { 0x6969,     0x517b,     0xfe534d42, 0xff534d42, 0x65735546, 0x0bd00bd0,
                                            0x00c36400, 0x01021997, 0x5346414f, 0x47504653, 0x19830326 };
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        if (((unsigned long)fs->f_type & 0xffffffff) == remote[i])
            return true;
    return false;
}
#endif

static bool is_remote_file(mt_file file)
{
#ifdef __linux__
    struct statfs fs;
    return fstatfs(file.handle, &fs) == 0 && is_remote(&fs);
#else
    (void)file;
    return false;
#endif
}

bool mt_path_is_remote(const char *path)
{
#ifdef __linux__
    struct statfs fs;
    return statfs(path, &fs) == 0 && is_remote(&fs);
#else
    (void)path;
    return false;
#endif
}

bool mt_file_read_now(mt_file file, const char *path, uint64_t offset, void *out, size_t size, mt_status *status,
                      mt_error *err)
{
#ifdef RWF_NOWAIT
    if (offset <= INT64_MAX) {
        struct iovec part = { out, size };
        ssize_t n = preadv2(file.handle, &part, 1, (off_t)offset, RWF_NOWAIT);
        if (n == (ssize_t)size) {
            *status = MT_OK;
            return true;
        }
        if (n > 0 || (n < 0 && errno == EAGAIN)) /* the read, or a part of it, would block */
            return false;
    }
#endif
    if (is_remote_file(file))
        return false;
    *status = mt_file_read(file, path, offset, out, size, err);
    return true;
}

void mt_file_will_need(mt_file file, uint64_t offset, uint64_t size)
{
#ifdef POSIX_FADV_WILLNEED
    if (offset <= INT64_MAX && size <= INT64_MAX)
        (void)posix_fadvise(file.handle, (off_t)offset, (off_t)size, POSIX_FADV_WILLNEED);
#endif
}

mt_status mt_file_map(mt_file file, const char *path, const void **out, size_t *size, mt_error *err)
{
    uint64_t bytes;
    mt_status st = mt_file_size(file, path, &bytes, err);
    if (st)
        return st;
    if (bytes == 0 || bytes > SIZE_MAX)
        return mt_fail(err, MT_E_IO, "%s: cannot be mapped", path);
    void *mapping = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, file.handle, 0);
    if (mapping == MAP_FAILED)
        return fail_errno(err, path, "cannot be mapped");
    *out = mapping;
    *size = (size_t)bytes;
    return MT_OK;
}

void mt_file_unmap(const void *mapping, size_t size) { munmap((void *)(uintptr_t)mapping, size); }

mt_status mt_path_find(const char *path, mt_path_kind *out, mt_error *err)
{
    struct stat st;
    *out = MT_PATH_NONE;
    if (stat(path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR ? mt_fail(err, MT_E_NOT_FOUND, "%s: no such file or folder", path)
                                                   : fail_errno(err, path, "cannot be reached");
    *out = S_ISREG(st.st_mode) ? MT_PATH_FILE : S_ISDIR(st.st_mode) ? MT_PATH_FOLDER : MT_PATH_OTHER;
    return MT_OK;
}

mt_path_kind mt_path_get_kind(const char *path)
{
    mt_path_kind kind;
    return mt_path_find(path, &kind, NULL) ? MT_PATH_NONE : kind;
}

bool mt_path_is_same(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool mt_path_get_id(const char *path, mt_path_id *out)
{
    struct stat st;
    if (stat(path, &st) != 0 || st.st_ino == 0)
        return false;
    *out = (mt_path_id) { (uint64_t)st.st_dev, (uint64_t)st.st_ino };
    return true;
}

typedef struct name_list {
    mt_env *env;
    char **names;
    size_t n, room;
} name_list;

static void free_names(name_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        mt_release(list->env, list->names[i], strlen(list->names[i]) + 1);
    mt_release(list->env, list->names, list->room * sizeof *list->names);
}

static mt_status add_name(void *user, const char *name, mt_error *err)
{
    name_list *list = user;
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        void *moved = mt_resize(list->env, list->names, list->room * sizeof *list->names, room * sizeof *list->names);
        if (!moved)
            return mt_fail(err, MT_E_MEMORY, "out of memory for a folder of %zu names", room);
        list->names = moved;
        list->room = room;
    }
    mt_status st = mt_copy_text(list->env, name, &list->names[list->n], err);
    list->n += st == MT_OK;
    return st;
}

mt_status mt_path_sample(const char *path, size_t most, mt_path_visit visit, void *user, mt_error *err)
{
    DIR *folder = opendir(path);
    if (!folder)
        return fail_errno(err, path, "cannot be listed");
    mt_status st = MT_OK;
    for (size_t n = 0; !st && n < most;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry) {
            st = errno ? fail_errno(err, path, "cannot be listed") : MT_OK;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        n++;
        st = visit(user, entry->d_name, err);
    }
    closedir(folder);
    return st;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

mt_status mt_path_list(mt_env *env, const char *path, mt_path_visit visit, void *user, mt_error *err)
{
    name_list list = { .env = env };
    mt_status st = mt_path_sample(path, SIZE_MAX, add_name, &list, err);
    if (!st && list.n > 0)
        qsort(list.names, list.n, sizeof *list.names, compare_names);
    for (size_t i = 0; !st && i < list.n; i++)
        st = visit(user, list.names[i], err);
    free_names(&list);
    return st;
}
