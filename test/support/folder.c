/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/folder.h"

#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[256];

const char *temporary_folder(void)
{
    if (!*folder) {
        const char *base = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/microtome-XXXXXX", base && *base ? base : "/tmp");
        assert_non_null(mkdtemp(folder));
    }
    return folder;
}

int remove_temporary_folder(void **state)
{
    (void)state;
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return *folder ? system(command) : 0;
}

const char *temporary_path(const char *name)
{
    static char paths[4][512];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", temporary_folder(), name);
    return path;
}
