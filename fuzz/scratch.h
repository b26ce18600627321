/* SPDX-License-Identifier: BSD-3-Clause */
/* A folder for what targets write, whose name is kept out of outcomes. */
#ifndef MT_FUZZ_SCRATCH_H
#define MT_FUZZ_SCRATCH_H

#include "choose.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRATCH_PATH = 512 };

static char scratch_root[64];

/* Calls visit for each file below a folder, in the order of their names, and removes it if visit is NULL. */
static inline void walk_scratch(const char *folder, void (*visit)(const char *path))
{
    struct dirent **entries;
    struct stat st;
    char path[SCRATCH_PATH];
    int n = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            snprintf(path, sizeof path, "%s/%s", folder, name) < SCRATCH_PATH && lstat(path, &st) == 0) {
            if (S_ISDIR(st.st_mode))
                walk_scratch(path, visit);
            else if (visit)
                visit(path);
            else
                (void)unlink(path);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    if (!visit)
        (void)rmdir(folder);
}

static inline void remove_scratch(void) { walk_scratch(scratch_root, NULL); }

/* A path in the empty folder. */
static inline const char *begin_scratch(const char *name, char path[SCRATCH_PATH])
{
    if (!*scratch_root) {
        /* of one length, as long messages are cut */
        snprintf(scratch_root, sizeof scratch_root, "/tmp/microtome-fuzz-XXXXXX");
        if (!mkdtemp(scratch_root))
            abort();
        (void)atexit(remove_scratch);
    }
    remove_scratch();
    if (mkdir(scratch_root, 0700))
        abort();
    snprintf(path, SCRATCH_PATH, "%s/%s", scratch_root, name);
    return path;
}

/* As note_status, without the name of the folder. */
static inline mt_status note_written(mt_status status, const mt_error *err)
{
    mt_error without = *err;
    size_t n = strlen(scratch_root);
    for (char *at = without.message; n && (at = strstr(at, scratch_root));)
        memmove(at, at + n, strlen(at + n) + 1);
    return note_status(status, &without);
}

#endif
