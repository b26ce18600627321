/* SPDX-License-Identifier: BSD-3-Clause */
/* A folder of files. If a file is replaced while it is open here, the old version is read. */
#include "store/store.h"

#include "platform/file.h"
#include "platform/thread.h"
#include "store/files.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAPPINGS 128 /* most mappings; further files are read */

typedef struct mapping {
    uint64_t hash; /* of key */
    char *key;
    const void *bytes;
    size_t size;
} mapping;

typedef struct folder_store {
    mt_store base;
    mt_lock lock; /* guards the mappings; never held during I/O */
    size_t n;
    mapping mappings[MAPPINGS];
} folder_store;

static folder_store *folder_of(mt_store *store) { return (folder_store *)(void *)store; }

static mt_status full_path(mt_store *store, const char *key, char *out, size_t room, mt_error *err)
{
    int n = snprintf(out, room, "%s%s%s", store->url, *key ? "/" : "", key);
    if (n < 0 || (size_t)n >= room)
        return mt_fail(err, MT_E_ARGUMENT, "%.100s/%.100s...: the path is too long", store->url, key);
    return MT_OK;
}

static void close_own(folder_store *f, const mt_open_file *own)
{
    mt_file_close(own->file);
    mt_release(f->base.env, own->key, strlen(own->key) + 1);
}

static mt_status open_new(folder_store *f, const char *key, mt_open_file *out, mt_error *err)
{
    char path[4096];
    *out = (mt_open_file) { .owner = f };
    mt_status st = full_path(&f->base, key, path, sizeof path, err);
    if (st || (st = mt_copy_text(f->base.env, key, &out->key, err)))
        return st;
    if ((st = mt_file_open(path, &out->file, err)))
        mt_release(f->base.env, out->key, strlen(key) + 1);
    return st;
}

/* Opens a file: cached, or in *own if the cache is full. Released with leave. */
static mt_status enter(folder_store *f, const char *key, mt_open_file *own, mt_open_file **out, mt_error *err)
{
    mt_files *files = f->base.env->files;
    if ((*out = mt_files_enter(files, f, key)))
        return MT_OK;
    mt_status st = open_new(f, key, own, err);
    if (!st && !(*out = mt_files_keep(files, own)))
        *out = own;
    return st;
}

static void leave(folder_store *f, mt_open_file *file, const mt_open_file *own)
{
    if (file == own)
        close_own(f, own);
    else
        mt_files_leave(f->base.env->files, file);
}

static mt_status folder_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    mt_open_file own, *file;
    mt_status st = enter(folder_of(store), key, &own, &file, err);
    if (st)
        return st;
    st = mt_file_size(file->file, key, out, err);
    leave(folder_of(store), file, &own);
    return st;
}

/* The identity of the open file, which may have been replaced since. */
static mt_status folder_identify(mt_store *store, const char *key, mt_identity *out, mt_error *err)
{
    mt_open_file own, *file;
    mt_status st = enter(folder_of(store), key, &own, &file, err);
    if (st)
        return st;
    st = mt_file_stamp(file->file, key, &out->size, &out->mtime_ns, err);
    leave(folder_of(store), file, &own);
    return st;
}

static mt_status folder_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    mt_open_file own, *file;
    mt_status st = enter(folder_of(store), key, &own, &file, err);
    if (st)
        return st;
    for (size_t i = 0; !st && i < n; i++)
        st = mt_file_read(file->file, key, ranges[i].offset, ranges[i].out, ranges[i].size, err);
    leave(folder_of(store), file, &own);
    return st;
}

/* The rows of a patch are close to each other: if the first, every sixteenth and the last are in the page cache, the
 * others are read with the plain call, which is 10 % faster. */
#define ASK_EVERY 16

static bool folder_read_now(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *status,
                            mt_error *err)
{
    mt_open_file own, *file;
    if ((*status = enter(folder_of(store), key, &own, &file, err)))
        return true;
    bool now = true;
    for (size_t i = 0; now && !*status && i < n; i++)
        if (i % ASK_EVERY == 0 || i == n - 1)
            now = mt_file_read_now(file->file, key, ranges[i].offset, ranges[i].out, ranges[i].size, status, err);
        else
            *status = mt_file_read(file->file, key, ranges[i].offset, ranges[i].out, ranges[i].size, err);
    leave(folder_of(store), file, &own);
    return now;
}

static void folder_advise(mt_store *store, const char *key, uint64_t offset, uint64_t size)
{
    mt_open_file own, *file;
    if (enter(folder_of(store), key, &own, &file, NULL))
        return;
    mt_file_will_need(file->file, offset, size);
    leave(folder_of(store), file, &own);
}

/* The lock is held. */
static const mapping *find_locked(const folder_store *f, uint64_t hash, const char *key)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->mappings[i].hash == hash && strcmp(f->mappings[i].key, key) == 0)
            return &f->mappings[i];
    return NULL;
}

/* Finds a mapping; false if there is none and no room for one. */
static bool find_mapping(folder_store *f, uint64_t hash, const char *key, const mapping **out)
{
    mt_lock_take(&f->lock);
    *out = find_locked(f, hash, key);
    bool room = f->n < MAPPINGS;
    mt_lock_give(&f->lock);
    return *out || room;
}

static mt_status map_new(folder_store *f, const char *key, mapping *out)
{
    mt_open_file own, *file;
    mt_status st = mt_copy_text(f->base.env, key, &out->key, NULL);
    if (st)
        return st;
    st = enter(f, key, &own, &file, NULL);
    if (!st) {
        st = mt_file_map(file->file, key, &out->bytes, &out->size, NULL);
        leave(f, file, &own);
    }
    if (st)
        mt_release(f->base.env, out->key, strlen(key) + 1);
    return st;
}

static void unmap(folder_store *f, const mapping *m)
{
    mt_file_unmap(m->bytes, m->size);
    mt_release(f->base.env, m->key, strlen(m->key) + 1);
}

/* False if another thread was first. */
static bool publish_mapping(folder_store *f, const mapping *m)
{
    mt_lock_take(&f->lock);
    bool first = f->n < MAPPINGS && !find_locked(f, m->hash, m->key);
    if (first)
        f->mappings[f->n++] = *m;
    mt_lock_give(&f->lock);
    return first;
}

/* Files stay mapped until the store is closed. */
static const uint8_t *folder_view(mt_store *store, const char *key, uint64_t *size)
{
    folder_store *f = folder_of(store);
    const mapping *found;
    mapping own = { .hash = mt_key_hash(key) };
    if (!store->env->allow_mmap || !find_mapping(f, own.hash, key, &found))
        return NULL;
    if (!found) {
        if (map_new(f, key, &own))
            return NULL;
        if (!publish_mapping(f, &own))
            unmap(f, &own);
        find_mapping(f, own.hash, key, &found);
    }
    if (!found)
        return NULL;
    *size = found->size;
    return found->bytes;
}

/* The path of a folder to list; *is_there is false if it does not exist. */
static mt_status find_folder(mt_store *store, const char *prefix, char *path, size_t room, bool *is_there,
                             mt_error *err)
{
    mt_path_kind kind;
    mt_error own = MT_ERROR_INIT;
    mt_status st = full_path(store, prefix, path, room, err);
    if (st)
        return st;
    st = mt_path_find(path, &kind, &own);
    *is_there = st != MT_E_NOT_FOUND;
    return st && *is_there ? mt_fail(err, st, "%s", own.message) : MT_OK;
}

static mt_status folder_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    char path[4096];
    bool is_there;
    mt_status st = find_folder(store, prefix, path, sizeof path, &is_there, err);
    return st || !is_there ? st : mt_path_list(store->env, path, visit, user, err);
}

static mt_status folder_sample(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    char path[4096];
    bool is_there;
    mt_status st = find_folder(store, prefix, path, sizeof path, &is_there, err);
    return st || !is_there ? st : mt_path_sample(path, 1000, visit, user, err);
}

static bool folder_is_same(const mt_store *store, const mt_store *other)
{
    return mt_path_is_same(store->url, other->url);
}

static bool folder_get_place(mt_store *store, const char *key, mt_place *out)
{
    char path[4096];
    mt_path_id id;
    if (full_path(store, key, path, sizeof path, NULL) || !mt_path_get_id(path, &id))
        return false;
    *out = (mt_place) { id.device, id.number };
    return true;
}

static void folder_close(mt_store *store)
{
    folder_store *f = folder_of(store);
    mt_env *env = store->env;
    mt_files_close_all(env->files, f);
    for (size_t i = 0; i < f->n; i++)
        unmap(f, &f->mappings[i]);
    mt_lock_destroy(&f->lock);
    mt_release(env, store->url, strlen(store->url) + 1);
    mt_release(env, f, sizeof *f);
}

static const mt_store_ops folder_ops = { .size = folder_size,
                                         .read = folder_read,
                                         .view = folder_view,
                                         .read_now = folder_read_now,
                                         .advise = folder_advise,
                                         .list = folder_list,
                                         .sample = folder_sample,
                                         .identify = folder_identify,
                                         .is_same = folder_is_same,
                                         .get_place = folder_get_place,
                                         .close = folder_close };

/* Local disks need few threads, as reads are announced ahead; network mounts need many to hide their latency. */
static const mt_store_costs disk = { .in_flight = 32,
                                     .io_threads = 8,
                                     .gap = 2048,
                                     .cold_gap = (size_t)16 << 10,
                                     .most_joined = (size_t)512 << 10,
                                     .request = 8192 };
static const mt_store_costs network_mount = { .in_flight = 64,
                                              .io_threads = 32,
                                              .gap = (size_t)64 << 10,
                                              .cold_gap = (size_t)64 << 10,
                                              .most_joined = (size_t)2 << 20,
                                              .request = (size_t)128 << 10,
                                              .is_slow = true };

mt_status mt_store_open_folder(mt_env *env, const char *path, mt_store **out, mt_error *err)
{
    void *memory;
    char *url;
    mt_path_kind kind;
    mt_status st = mt_path_find(path, &kind, err);
    if (st)
        return st;
    st = mt_alloc(env, sizeof(folder_store), &memory, err);
    if (st)
        return st;
    if ((st = mt_copy_text(env, path, &url, err))) {
        mt_release(env, memory, sizeof(folder_store));
        return st;
    }
    folder_store *f = memset(memory, 0, sizeof(folder_store));
    f->base = (mt_store) {
        .ops = &folder_ops, .env = env, .url = url, .costs = mt_path_is_remote(path) ? network_mount : disk
    };
    f->base.costs.is_memory = env->allow_mmap;
    if ((st = mt_lock_init(&f->lock, NULL, NULL, err))) {
        mt_release(env, url, strlen(path) + 1);
        mt_release(env, f, sizeof *f);
        return st;
    }
    *out = &f->base;
    return MT_OK;
}
