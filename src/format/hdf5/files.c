/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of a container: the one that was opened and those it refers to. Each is opened once. The lock is not held
 * while a file is opened; if two threads open the same file, the first result is kept. */
#include "format/hdf5/hdf5.h"
#include "platform/thread.h"

#include <string.h>

typedef struct member {
    struct member *next;
    bool is_open; /* else its key is only recorded */
    h5_file file; /* file.key is set in any case */
    char key[];
} member;

#define BUCKETS 256

struct h5_files {
    mt_env *env;
    mt_store *store;
    bool may_follow; /* the option external_folder allows to follow references to other files */
    mt_lock lock;
    member *buckets[BUCKETS]; /* by the hash of the key */
};

mt_status h5_files_new(const mt_source *source, mt_arena *arena, h5_files **out, mt_error *err)
{
    h5_files *files = mt_arena_alloc(arena, 1, sizeof *files, err);
    if (!files)
        return MT_E_MEMORY;
    files->env = source->env;
    files->store = source->store;
    files->may_follow = source->options->external_folder != NULL;
    mt_status st = mt_lock_init(&files->lock, NULL, NULL, err);
    if (!st)
        *out = files;
    return st;
}

static void free_member(h5_files *files, member *m)
{
    if (m->is_open)
        mt_cache_drop(files->env->index_cache, m->file.owner);
    mt_release(files->env, m, sizeof *m + strlen(m->key) + 1);
}

void h5_files_free(h5_files *files)
{
    if (!files)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (member *m = files->buckets[i], *next; m; m = next) {
            next = m->next;
            free_member(files, m);
        }
    mt_lock_destroy(&files->lock);
}

static member **bucket_of(h5_files *files, const char *key)
{
    return &files->buckets[h5_checksum((const uint8_t *)key, strlen(key)) % BUCKETS];
}

/* The lock is held. */
static member *find_locked(h5_files *files, const char *key, bool is_open)
{
    member *m = *bucket_of(files, key);
    while (m && (m->is_open != is_open || strcmp(m->key, key) != 0))
        m = m->next;
    return m;
}

static member *find(h5_files *files, const char *key, bool is_open)
{
    mt_lock_take(&files->lock);
    member *found = find_locked(files, key, is_open);
    mt_lock_give(&files->lock);
    return found;
}

static mt_status new_member(h5_files *files, const char *key, bool is_open, member **out, mt_error *err)
{
    void *memory;
    size_t key_bytes = strlen(key) + 1;
    mt_status st = mt_alloc(files->env, sizeof(member) + key_bytes, &memory, err);
    if (st)
        return st;
    member *m = *out = memset(memory, 0, sizeof(member));
    m->is_open = is_open;
    m->file = (h5_file) { .env = files->env, .store = files->store, .files = files };
    m->file.key = memcpy(m->key, key, key_bytes);
    if (is_open)
        m->file.owner = mt_cache_new_owner(files->env->index_cache);
    return MT_OK;
}

/* The first of the same key wins. */
static member *publish(h5_files *files, member *m)
{
    mt_lock_take(&files->lock);
    member *found = find_locked(files, m->key, m->is_open);
    if (!found) {
        member **bucket = bucket_of(files, m->key);
        m->next = *bucket;
        *bucket = m;
    }
    mt_lock_give(&files->lock);
    if (found)
        free_member(files, m);
    return found ? found : m;
}

mt_status h5_files_open(h5_files *files, const char *key, const h5_file **out, mt_error *err)
{
    member *m = find(files, key, true);
    if (m) {
        *out = &m->file;
        return MT_OK;
    }
    mt_status st = new_member(files, key, true, &m, err);
    if (st)
        return st;
    if ((st = h5_read_superblock(&m->file, err)))
        free_member(files, m);
    else
        *out = &publish(files, m)->file;
    return st;
}

mt_status h5_files_note(h5_files *files, const char *key, mt_error *err)
{
    member *m;
    if (find(files, key, false))
        return MT_OK;
    mt_status st = new_member(files, key, false, &m, err);
    if (!st)
        publish(files, m);
    return st;
}

mt_status h5_files_list(h5_files *files, const char *but, mt_names *out, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = 0; i < BUCKETS && !st; i++) {
        mt_lock_take(&files->lock);
        const member *m = files->buckets[i]; /* entries that are added meanwhile are not listed */
        mt_lock_give(&files->lock);
        for (; m && !st; m = m->next)
            if (strcmp(m->key, but) != 0)
                st = mt_names_add(out, m->key, err);
    }
    return st;
}

mt_status h5_resolve(const h5_file *file, mt_arena *arena, const char *what, const char *name, bool beside,
                     const char **key, mt_error *err)
{
    const char *slash = strrchr(file->key, '/'), *root = file->store->url, *rest = name;
    size_t n = strlen(root), folder_bytes = slash ? (size_t)(slash - file->key) : 0;
    while (strncmp(rest, "./", 2) == 0)
        rest += 2;
    if (!file->files->may_follow && (!beside || strchr(rest, '/')))
        return mt_fail(err, MT_E_UNSUPPORTED,
                       "%s leads to \"%s\", which is not followed: the option external_folder allows it", what, name);
    if (name[0] == '/') { /* only if it starts with the external folder as spelled */
        bool below = strncmp(name, root, n) == 0 && name[n] == '/';
        folder_bytes = 0;
        rest = below ? name + n : "..";
    }
    mt_status st = mt_key_join(arena, file->key, folder_bytes, rest, key, err);
    if (!st && **key == 0)
        st = mt_fail(err, MT_E_UNSUPPORTED, "%s leads to \"%s\", which is outside of the folder %s", what, name, root);
    return st;
}

mt_status h5_open_other(const h5_file *file, const char *key, const h5_file **out, mt_error *err)
{
    mt_status st = h5_files_open(file->files, key, out, err);
    if (st)
        mt_error_prefix(err, "%s", key);
    return st;
}
