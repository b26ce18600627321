/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/name.h"

#include "platform/file.h"

#include <stdio.h>
#include <string.h>

/* Whether a file has the contents of another. */
static mt_status compare(mt_env *env, const char *paths[2], bool *is_same, mt_error *err)
{
    enum { BLOCK = 1 << 20 };
    mt_file files[2];
    uint64_t sizes[2];
    void *memory = NULL;
    *is_same = false;
    mt_status st = mt_file_open(paths[0], &files[0], err);
    if (st)
        return st;
    if ((st = mt_file_open(paths[1], &files[1], err))) {
        mt_file_close(files[0]);
        return st;
    }
    for (int i = 0; i < 2 && !st; i++)
        st = mt_file_size(files[i], paths[i], &sizes[i], err);
    if (!st && !(st = mt_alloc(env, 2 * BLOCK, &memory, err)))
        *is_same = sizes[0] == sizes[1];
    for (uint64_t at = 0; !st && *is_same && at < sizes[0]; at += BLOCK) {
        uint8_t *blocks = memory;
        size_t n = sizes[0] - at < BLOCK ? (size_t)(sizes[0] - at) : BLOCK;
        for (int i = 0; i < 2 && !st; i++)
            st = mt_file_read(files[i], paths[i], at, blocks + i * BLOCK, n, err);
        *is_same = !st && memcmp(blocks, blocks + BLOCK, n) == 0;
    }
    mt_release(env, memory, memory ? 2 * BLOCK : 0);
    mt_file_close(files[0]);
    mt_file_close(files[1]);
    return st;
}

void mt_target_find_name(const mt_target *target, char out[MT_PATH_BYTES])
{
    static const char suffix[] = ".partial";
    const char *work = mt_target_get_path(target);
    snprintf(out, MT_PATH_BYTES, "%.*s", (int)(strlen(work) - (sizeof suffix - 1)), work);
}

/* If the name is taken, it may be by the same image: a writer was killed when it had just finished. */
mt_status mt_sink_give_name(mt_sink *sink, const char *path, mt_error *err)
{
    char name[MT_PATH_BYTES];
    bool is_new, is_same;
    mt_target_find_name(sink->target, name);
    mt_status st = mt_output_rename_new(path, name, &is_new, err);
    if (st || is_new || (st = compare(sink->env, (const char *[]) { path, name }, &is_same, err)))
        return st;
    return is_same ? mt_output_remove(path, err)
                   : mt_fail(err, MT_E_ARGUMENT,
                             "a file of this name was made meanwhile: move it away, and finish the image again");
}
