/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/files.h"

#include "platform/thread.h"

#include <string.h>

#define WAYS 4 /* slots that a file may use */

struct mt_files {
    mt_env *env;
    mt_lock lock; /* guards the slots; never held during I/O */
    uint64_t clock;
    size_t n;
    mt_open_file *slots;
};

/* In the child of a fork: the files are open, but the threads that used them are gone. */
static void forget_users(void *owner)
{
    mt_files *files = owner;
    for (size_t i = 0; i < files->n; i++)
        files->slots[i].users = 0;
}

mt_status mt_files_new(mt_env *env, size_t n, mt_files **out, mt_error *err)
{
    void *memory, *slots;
    n = n < WAYS ? WAYS : n;
    mt_status st = mt_alloc(env, sizeof(mt_files), &memory, err);
    if (st)
        return st;
    mt_files *files = memset(memory, 0, sizeof(mt_files));
    if ((st = mt_alloc(env, n * sizeof *files->slots, &slots, err))) {
        mt_release(env, files, sizeof *files);
        return st;
    }
    files->env = env;
    files->n = n;
    files->slots = memset(slots, 0, n * sizeof *files->slots);
    if ((st = mt_lock_init(&files->lock, forget_users, files, err))) {
        mt_release(env, slots, n * sizeof *files->slots);
        mt_release(env, files, sizeof *files);
        return st;
    }
    *out = files;
    return MT_OK;
}

void mt_files_free(mt_files *files)
{
    if (!files)
        return;
    mt_lock_destroy(&files->lock);
    mt_release(files->env, files->slots, files->n * sizeof *files->slots);
    mt_release(files->env, files, sizeof *files);
}

static size_t first_slot(const mt_files *files, const void *owner, const char *key)
{
    return (size_t)((mt_key_hash(key) ^ (uintptr_t)owner * UINT64_C(0x9e3779b97f4a7c15)) % files->n);
}

static mt_open_file *find(const mt_files *files, const void *owner, const char *key)
{
    size_t first = first_slot(files, owner, key);
    for (size_t i = 0; i < WAYS; i++) {
        mt_open_file *slot = &files->slots[(first + i) % files->n];
        if (slot->key && slot->owner == owner && strcmp(slot->key, key) == 0)
            return slot;
    }
    return NULL;
}

/* A slot for a new file: a free one, else the least recently used idle one; NULL if all are in use. */
static mt_open_file *choose_slot(const mt_files *files, const mt_open_file *opened)
{
    mt_open_file *best = NULL;
    size_t first = first_slot(files, opened->owner, opened->key);
    for (size_t i = 0; i < WAYS; i++) {
        mt_open_file *slot = &files->slots[(first + i) % files->n];
        if (!slot->key)
            return slot;
        if (slot->users == 0 && (!best || slot->last_use < best->last_use))
            best = slot;
    }
    return best;
}

static void close_file(mt_files *files, const mt_open_file *file)
{
    mt_file_close(file->file);
    mt_release(files->env, file->key, strlen(file->key) + 1);
}

mt_open_file *mt_files_enter(mt_files *files, const void *owner, const char *key)
{
    if (!files)
        return NULL;
    mt_lock_take(&files->lock);
    mt_open_file *file = find(files, owner, key);
    if (file) {
        file->users++;
        file->last_use = ++files->clock;
    }
    mt_lock_give(&files->lock);
    return file;
}

mt_open_file *mt_files_keep(mt_files *files, const mt_open_file *opened)
{
    if (!files)
        return NULL;
    mt_open_file old = { .key = NULL };
    mt_lock_take(&files->lock);
    mt_open_file *slot = find(files, opened->owner, opened->key) ? NULL : choose_slot(files, opened);
    if (slot) {
        old = *slot;
        *slot = *opened;
        slot->users = 1;
        slot->last_use = ++files->clock;
    }
    mt_lock_give(&files->lock);
    if (old.key)
        close_file(files, &old);
    return slot;
}

void mt_files_leave(mt_files *files, mt_open_file *file)
{
    mt_lock_take(&files->lock);
    file->users--;
    mt_lock_give(&files->lock);
}

/* Frees the next slot of an owner, from *i on. False if there is none. */
static bool take_out(mt_files *files, const void *owner, size_t *i, mt_open_file *out)
{
    mt_lock_take(&files->lock);
    while (*i < files->n && !(files->slots[*i].key && files->slots[*i].owner == owner))
        ++*i;
    bool found = *i < files->n;
    if (found) {
        *out = files->slots[*i];
        files->slots[*i].key = NULL;
    }
    mt_lock_give(&files->lock);
    return found;
}

void mt_files_close_all(mt_files *files, const void *owner)
{
    mt_open_file file;
    for (size_t i = 0; files && take_out(files, owner, &i, &file);)
        close_file(files, &file);
}
