/* SPDX-License-Identifier: BSD-3-Clause */
/* A folder of files. Files stay open, a bounded number of them, so that a read costs one system call. A file that is
 * replaced while it is open here goes on being read as it was. */
#include "store/store.h"

#include "platform/file.h"
#include "platform/thread.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SLOTS 128
#define WAYS 4 /* slots among which a key has the choice */

typedef struct open_file {
    char *key; /* NULL: the slot is free */
    mt_file file;
    unsigned users;
    uint64_t last_use;
    const void *mapping;
    size_t mapped;
} open_file;

typedef struct folder_store {
    mt_store base;
    mt_lock lock; /* of the slots; never held while the disk is asked */
    uint64_t clock;
    open_file slots[SLOTS];
} folder_store;

static folder_store *folder_of(mt_store *store) { return (folder_store *)(void *)store; }

static size_t hash(const char *key)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *key; key++)
        h = (h ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32);
}

static mt_status full_path(mt_store *store, const char *key, char *out, size_t room, mt_error *err)
{
    int n = snprintf(out, room, "%s%s%s", store->url, *key ? "/" : "", key);
    if (n < 0 || (size_t)n >= room)
        return mt_fail(err, MT_E_ARGUMENT, "%s/%s: the path is too long", store->url, key);
    return MT_OK;
}

static open_file *find(folder_store *f, const char *key)
{
    size_t first = hash(key) % SLOTS;
    for (size_t i = 0; i < WAYS; i++) {
        open_file *slot = &f->slots[(first + i) % SLOTS];
        if (slot->key && strcmp(slot->key, key) == 0)
            return slot;
    }
    return NULL;
}

static void close_file(mt_env *env, open_file *file)
{
    if (file->mapping)
        mt_file_unmap(file->mapping, file->mapped);
    mt_file_close(file->file);
    mt_release(env, file->key, strlen(file->key) + 1);
    file->key = NULL;
}

/* The slot for a new key: a free one, else the one that was not used for the longest time; NULL where all are in use
 * or mapped. */
static open_file *choose_slot(folder_store *f, const char *key)
{
    open_file *best = NULL;
    size_t first = hash(key) % SLOTS;
    for (size_t i = 0; i < WAYS; i++) {
        open_file *slot = &f->slots[(first + i) % SLOTS];
        if (!slot->key)
            return slot;
        if (slot->users == 0 && !slot->mapping && (!best || slot->last_use < best->last_use))
            best = slot;
    }
    return best;
}

/* Takes an opened file into the slots. False: it stays the caller's own. */
static bool keep(folder_store *f, open_file *opened, open_file **out)
{
    open_file old = { .key = NULL };
    mt_lock_take(&f->lock);
    open_file *slot = find(f, opened->key) ? NULL : choose_slot(f, opened->key);
    if (slot) {
        old = *slot;
        *slot = *opened;
        slot->users = 1;
        slot->last_use = ++f->clock;
    }
    mt_lock_give(&f->lock);
    if (old.key)
        close_file(f->base.env, &old);
    *out = slot;
    return slot != NULL;
}

static mt_status open_new(folder_store *f, const char *key, open_file *out, mt_error *err)
{
    char path[4096];
    *out = (open_file) { .key = NULL };
    mt_status st = full_path(&f->base, key, path, sizeof path, err);
    if (st || (st = mt_copy_text(f->base.env, key, &out->key, err)))
        return st;
    if ((st = mt_file_open(path, &out->file, err)))
        mt_release(f->base.env, out->key, strlen(key) + 1);
    return st;
}

/* An open file: in a slot, or in *own where there is no room. Given back with leave. */
static mt_status enter(folder_store *f, const char *key, open_file *own, open_file **out, mt_error *err)
{
    mt_lock_take(&f->lock);
    *out = find(f, key);
    if (*out) {
        (*out)->users++;
        (*out)->last_use = ++f->clock;
    }
    mt_lock_give(&f->lock);
    if (*out)
        return MT_OK;
    mt_status st = open_new(f, key, own, err);
    if (!st && !keep(f, own, out))
        *out = own;
    return st;
}

static void leave(folder_store *f, open_file *file, const open_file *own)
{
    if (file == own) {
        close_file(f->base.env, file);
        return;
    }
    mt_lock_take(&f->lock);
    file->users--;
    mt_lock_give(&f->lock);
}

static mt_status folder_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    open_file own, *file;
    mt_status st = enter(folder_of(store), key, &own, &file, err);
    if (st)
        return st;
    st = mt_file_size(file->file, key, out, err);
    leave(folder_of(store), file, &own);
    return st;
}

static mt_status folder_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    open_file own, *file;
    mt_status st = enter(folder_of(store), key, &own, &file, err);
    if (st)
        return st;
    for (size_t i = 0; !st && i < n; i++)
        st = mt_file_read(file->file, key, ranges[i].offset, ranges[i].out, ranges[i].size, err);
    leave(folder_of(store), file, &own);
    return st;
}

static const void *find_mapping(folder_store *f, const open_file *file, uint64_t *size)
{
    mt_lock_take(&f->lock);
    const void *mapping = file->mapping;
    *size = file->mapped;
    mt_lock_give(&f->lock);
    return mapping;
}

/* False where another thread was first. */
static bool publish_mapping(folder_store *f, open_file *file, const void *mapping, size_t mapped)
{
    mt_lock_take(&f->lock);
    bool first = !file->mapping;
    if (first)
        file->mapping = mapping, file->mapped = mapped;
    mt_lock_give(&f->lock);
    return first;
}

/* Maps a file that stays in its slot from then on; one that finds no slot is read instead. */
static const uint8_t *folder_view(mt_store *store, const char *key, uint64_t *size)
{
    folder_store *f = folder_of(store);
    open_file own, *file;
    if (!store->env->allow_mmap || enter(f, key, &own, &file, NULL))
        return NULL;
    const uint8_t *view = NULL;
    const void *mapping;
    size_t mapped;
    if (file != &own && !(view = find_mapping(f, file, size)) &&
        !mt_file_map(file->file, key, &mapping, &mapped, NULL)) {
        if (!publish_mapping(f, file, mapping, mapped))
            mt_file_unmap(mapping, mapped);
        view = find_mapping(f, file, size);
    }
    leave(f, file, &own);
    return view;
}

static mt_status folder_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    char path[4096];
    mt_status st = full_path(store, prefix, path, sizeof path, err);
    if (st)
        return st;
    if (mt_path_get_kind(path) == MT_PATH_NONE)
        return MT_OK;
    return mt_path_list(store->env, path, visit, user, err);
}

static void folder_close(mt_store *store)
{
    folder_store *f = folder_of(store);
    mt_env *env = store->env;
    for (size_t i = 0; i < SLOTS; i++)
        if (f->slots[i].key)
            close_file(env, &f->slots[i]);
    mt_lock_destroy(&f->lock);
    mt_release(env, store->url, strlen(store->url) + 1);
    mt_release(env, f, sizeof *f);
}

static const mt_store_ops folder_ops = { folder_size, folder_read, folder_view, folder_list, folder_close };

/* A child has the files, but not the threads that were using them. */
static void forget_users(void *owner)
{
    folder_store *f = owner;
    for (size_t i = 0; i < SLOTS; i++)
        f->slots[i].users = 0;
}

mt_status mt_store_open_folder(mt_env *env, const char *path, mt_store **out, mt_error *err)
{
    void *memory;
    char *url;
    if (mt_path_get_kind(path) == MT_PATH_NONE)
        return mt_fail(err, MT_E_NOT_FOUND, "%s: no such folder", path);
    mt_status st = mt_alloc(env, sizeof(folder_store), &memory, err);
    if (st)
        return st;
    if ((st = mt_copy_text(env, path, &url, err))) {
        mt_release(env, memory, sizeof(folder_store));
        return st;
    }
    folder_store *f = memset(memory, 0, sizeof(folder_store));
    f->base = (mt_store) { .ops = &folder_ops, .env = env, .url = url, .merge_gap = 2048 };
    if ((st = mt_lock_init(&f->lock, forget_users, f, err))) {
        mt_release(env, url, strlen(path) + 1);
        mt_release(env, f, sizeof *f);
        return st;
    }
    *out = &f->base;
    return MT_OK;
}
