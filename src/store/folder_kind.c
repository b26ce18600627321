/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/folder_kind.h"

#include <string.h>

/* The next item of a comma-separated list; length 0 at the end. */
static size_t next_item(const char **list, const char **item)
{
    *item = *list;
    size_t n = strcspn(*list, ",");
    *list += n + ((*list)[n] == ',');
    return n;
}

/* Whether a segment of the path ends with ".suffix": the last one, or, if the last has no suffix at all, one before. */
static bool has_suffix(const char *path, const char *suffix, size_t n)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.')) {
        if (strncmp(dot + 1, suffix, n) != 0)
            continue;
        if (dot[1 + n] == 0 || (dot[1 + n] == '/' && !strchr(name, '.')))
            return true;
    }
    return false;
}

bool mt_folder_is_named(const mt_env *env, const char *path)
{
    mt_folder_kind kind;
    for (size_t i = 0; env->folder_kind && env->folder_kind(i, &kind); i++) {
        const char *list = kind.suffixes, *suffix;
        for (size_t n; (n = next_item(&list, &suffix)) > 0;)
            if (has_suffix(path, suffix, n))
                return true;
    }
    return false;
}

bool mt_folder_has_document(mt_store *store, mt_arena *arena, const char *folder)
{
    enum { MOST = 16 };
    char bytes[MOST];
    mt_request requests[MOST];
    mt_folder_kind kind;
    size_t n = 0;
    for (size_t i = 0; store->env->folder_kind && store->env->folder_kind(i, &kind); i++) {
        const char *list = kind.documents, *name;
        for (size_t length; n < MOST && (length = next_item(&list, &name)) > 0; n++) {
            const char *key = mt_arena_printf(arena, NULL, "%s%s%.*s", folder, *folder ? "/" : "", (int)length, name);
            if (!key)
                return false;
            requests[n] = (mt_request) { .key = key, .kind = MT_READ_TAIL, .size = 1, .out = &bytes[n] };
        }
    }
    (void)!mt_store_perform(store, requests, n, NULL); /* each request holds its own outcome */
    for (size_t i = 0; i < n; i++)
        if (requests[i].status == MT_OK)
            return true;
    return false;
}
