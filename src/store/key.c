/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/store.h"

#include <string.h>

/* Appends a segment to a key of n bytes; ".." removes the last segment, false if there is none. */
static bool add_segment(char *key, size_t *n, const char *segment, size_t length)
{
    if (length == 0 || (length == 1 && segment[0] == '.'))
        return true;
    if (length == 2 && memcmp(segment, "..", 2) == 0) {
        if (*n == 0)
            return false;
        while (*n > 0 && key[--*n] != '/')
            ;
        return true;
    }
    if (*n > 0)
        key[(*n)++] = '/';
    memcpy(key + *n, segment, length);
    *n += length;
    return true;
}

mt_status mt_key_join(mt_arena *arena, const char *folder, size_t folder_bytes, const char *path, const char **out,
                      mt_error *err)
{
    const char *parts[2] = { folder, path };
    size_t sizes[2] = { folder_bytes, strlen(path) }, n = 0;
    char *key = mt_arena_alloc(arena, folder_bytes + sizes[1] + 3, 1, err);
    bool inside = true;
    if (!key)
        return MT_E_MEMORY;
    for (int i = 0; i < 2; i++)
        for (size_t at = 0; inside && at < sizes[i];) {
            const char *slash = memchr(parts[i] + at, '/', sizes[i] - at);
            size_t end = slash ? (size_t)(slash - parts[i]) : sizes[i];
            inside = add_segment(key, &n, parts[i] + at, end - at);
            at = end + 1;
        }
    key[inside ? n : 0] = 0;
    *out = key;
    return MT_OK;
}
