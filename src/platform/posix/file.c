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
        handle = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused below, not waited for */
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
            return mt_fail(err, MT_E_CORRUPT, "%s: %zu bytes at %llu lie behind its end", path, size,
                           (unsigned long long)offset);
        at += n, offset += (uint64_t)n, size -= (size_t)n;
    }
    return MT_OK;
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

mt_path_kind mt_path_get_kind(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return MT_PATH_NONE;
    return S_ISREG(st.st_mode) ? MT_PATH_FILE : S_ISDIR(st.st_mode) ? MT_PATH_FOLDER : MT_PATH_OTHER;
}

bool mt_path_is_same(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
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

static mt_status add_name(name_list *list, const char *name, mt_error *err)
{
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

static mt_status read_names(name_list *list, const char *path, DIR *folder, mt_error *err)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry)
            return errno ? fail_errno(err, path, "cannot be listed") : MT_OK;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        mt_status st = add_name(list, entry->d_name, err);
        if (st)
            return st;
    }
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

mt_status mt_path_list(mt_env *env, const char *path, mt_path_visit visit, void *user, mt_error *err)
{
    DIR *folder = opendir(path);
    if (!folder)
        return fail_errno(err, path, "cannot be listed");
    name_list list = { .env = env };
    mt_status st = read_names(&list, path, folder, err);
    closedir(folder);
    if (!st && list.n > 0)
        qsort(list.names, list.n, sizeof *list.names, compare_names);
    for (size_t i = 0; !st && i < list.n; i++)
        st = visit(user, list.names[i], err);
    free_names(&list);
    return st;
}
