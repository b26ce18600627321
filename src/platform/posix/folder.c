/* SPDX-License-Identifier: BSD-3-Clause */
#include "platform/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define USED_AGAIN 60 /* minimum seconds between two updates of the time of last use */

static mt_status fail_errno(mt_error *err, const char *path, const char *what)
{
    return mt_fail(err, MT_E_IO, "%s: %s: %s", path, what, strerror(errno));
}

mt_status mt_folder_make(const char *path, mt_error *err)
{
    struct stat st;
    if (mkdir(path, 0700) == 0 || (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        return MT_OK;
    return fail_errno(err, path, "cannot be made a folder");
}

static bool write_all(int handle, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(handle, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

mt_status mt_file_publish(const char *path, const void *bytes, size_t size, mt_error *err)
{
    char temporary[4096];
    int n = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof temporary)
        return mt_fail(err, MT_E_ARGUMENT, "%.100s...: the path is too long", path);
    int handle = mkstemp(temporary);
    if (handle < 0)
        return fail_errno(err, path, "cannot be written");
    bool good = write_all(handle, bytes, size);
    good = close(handle) == 0 && good && rename(temporary, path) == 0;
    if (good)
        return MT_OK;
    mt_status st = fail_errno(err, path, "cannot be written");
    unlink(temporary);
    return st;
}

bool mt_file_recall(const char *path, void *out, size_t size, size_t *n_read)
{
    struct stat st;
    int handle = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (handle < 0)
        return false;
    char *at = out;
    bool good = fstat(handle, &st) == 0 && S_ISREG(st.st_mode);
    *n_read = 0;
    while (good && *n_read < size) {
        ssize_t n = read(handle, at + *n_read, size - *n_read);
        if (n < 0 && errno == EINTR)
            continue;
        good = n >= 0;
        if (n <= 0)
            break;
        *n_read += (size_t)n;
    }
    if (good && time(NULL) - st.st_mtime >= USED_AGAIN)
        (void)!futimens(handle, NULL);
    close(handle);
    return good;
}

void mt_file_forget(const char *path) { unlink(path); }

bool mt_file_measure(const char *path, uint64_t *size, int64_t *used)
{
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    *size = (uint64_t)st.st_size;
    *used = (int64_t)st.st_mtime;
    return true;
}
