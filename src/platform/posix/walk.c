/* SPDX-License-Identifier: BSD-3-Clause */
#include "platform/output.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct walk {
    char path[MT_PATH_BYTES]; /* of the current entry */
    mt_output_visit visit;
    void *user;
    mt_error *err;
} walk;

static mt_status fail_listing(const walk *w)
{
    return mt_fail(w->err,
                   errno == ENOENT   ? MT_E_NOT_FOUND
                   : errno == ENOMEM ? MT_E_MEMORY
                                     : MT_E_IO,
                   "%s: cannot be listed: %s", w->path, strerror(errno));
}

typedef enum kind { IS_FILE, IS_FOLDER, IS_OTHER } kind;

/* d_type saves a call for each file, where the file system has it. */
static kind kind_of(const walk *w, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_REG ? IS_FILE : entry->d_type == DT_DIR ? IS_FOLDER : IS_OTHER;
    if (lstat(w->path, &st) != 0)
        return IS_OTHER; /* removed meanwhile */
    return S_ISREG(st.st_mode) ? IS_FILE : S_ISDIR(st.st_mode) ? IS_FOLDER : IS_OTHER;
}

/* The depth is bounded by the length of a path. */
static mt_status walk_folder(walk *w, size_t n);

static mt_status walk_entry(walk *w, size_t n, const struct dirent *entry)
{
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return MT_OK;
    int added = snprintf(w->path + n, sizeof w->path - n, "/%s", entry->d_name);
    if (added < 0 || (size_t)added >= sizeof w->path - n) {
        errno = ENAMETOOLONG;
        return fail_listing(w);
    }
    kind k = kind_of(w, entry);
    mt_status st = MT_OK;
    if (k == IS_FOLDER)
        st = walk_folder(w, n + (size_t)added);
    else if (k == IS_FILE)
        st = w->visit(w->user, w->path, false, w->err);
    w->path[n] = 0;
    return st;
}

static mt_status walk_folder(walk *w, size_t n)
{
    DIR *folder = opendir(w->path);
    mt_status st = MT_OK;
    if (!folder)
        return fail_listing(w);
    while (!st) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry) {
            st = errno ? fail_listing(w) : MT_OK;
            break;
        }
        st = walk_entry(w, n, entry);
    }
    closedir(folder);
    return st ? st : w->visit(w->user, w->path, true, w->err);
}

mt_status mt_output_walk(const char *path, mt_output_visit visit, void *user, mt_error *err)
{
    walk w = { .visit = visit, .user = user, .err = err };
    int n = snprintf(w.path, sizeof w.path, "%s", path);
    if (n < 0 || (size_t)n >= sizeof w.path)
        return mt_fail(err, MT_E_ARGUMENT, "the path is too long: %s", path);
    return walk_folder(&w, (size_t)n);
}
