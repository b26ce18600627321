/* SPDX-License-Identifier: BSD-3-Clause */
/* Case-insensitive names in folders, for file sets written on Windows. */
#include "format/tiff/ome.h"

#include <string.h>

/* Bounds on listings; beyond them folders are not listed. */
#define MAX_NAMES 131072
#define MAX_FOLDERS 64

typedef struct folder {
    const char *path;
    const char **names;
    size_t n, room;
    uint32_t *slots; /* hash table by the name in lower case: index + 1; a power of two */
    size_t n_slots;
    bool is_listed; /* false: too large, or the store cannot list */
    mt_arena *arena;
    struct folder *next;
} folder;

struct ome_folders {
    mt_store *store;
    mt_arena *scratch;
    folder *first;
    int n;
};

static unsigned char lower(char c) { return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c); }

static bool is_same_but_case(const char *name, const char *other, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lower(name[i]) != lower(other[i]))
            return false;
    return name[n] == 0;
}

static uint32_t hash_name(const char *name, size_t n)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ lower(name[i])) * 16777619U;
    return hash;
}

mt_status ome_folders_new(mt_store *store, mt_arena *scratch, ome_folders **out, mt_error *err)
{
    *out = mt_arena_alloc(scratch, 1, sizeof **out, err);
    if (!*out)
        return MT_E_MEMORY;
    **out = (ome_folders) { .store = store, .scratch = scratch };
    return MT_OK;
}

static mt_status note_name(void *user, const char *name, mt_error *err)
{
    folder *f = user;
    if (f->n >= MAX_NAMES)
        return mt_fail(err, MT_E_LIMIT, "more than %d names", MAX_NAMES);
    const char **names = mt_arena_grow(f->arena, f->names, f->n, &f->room, 16, sizeof *names, err);
    if (!names)
        return MT_E_MEMORY;
    f->names = names;
    f->names[f->n] = mt_arena_strndup(f->arena, name, strlen(name), err);
    return f->names[f->n++] ? MT_OK : MT_E_MEMORY;
}

static mt_status index_names(folder *f, mt_error *err)
{
    f->n_slots = 16;
    while (f->n_slots < 2 * f->n)
        f->n_slots *= 2;
    f->slots = mt_arena_alloc(f->arena, f->n_slots, sizeof *f->slots, err);
    if (!f->slots)
        return MT_E_MEMORY;
    for (size_t i = 0; i < f->n; i++) {
        size_t slot = hash_name(f->names[i], strlen(f->names[i])) & (f->n_slots - 1);
        while (f->slots[slot])
            slot = (slot + 1) & (f->n_slots - 1);
        f->slots[slot] = (uint32_t)i + 1;
    }
    f->is_listed = true;
    return MT_OK;
}

/* The listing of a folder: without names if the store cannot list or the folder is very large. */
static mt_status get_folder(ome_folders *folders, const char *path, size_t n, folder **out, mt_error *err)
{
    for (folder *f = folders->first; f; f = f->next)
        if (strncmp(f->path, path, n) == 0 && f->path[n] == 0) {
            *out = f;
            return MT_OK;
        }
    folder *f = mt_arena_alloc(folders->scratch, 1, sizeof *f, err);
    if (!f || !(f->path = mt_arena_strndup(folders->scratch, path, n, err)))
        return MT_E_MEMORY;
    f->arena = folders->scratch;
    f->next = folders->first;
    folders->first = *out = f;
    if (++folders->n > MAX_FOLDERS)
        return MT_OK;
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_store_list(folders->store, f->path, note_name, f, &own);
    if (!st)
        return index_names(f, err);
    bool cannot = st == MT_E_UNSUPPORTED || f->n >= MAX_NAMES;
    f->n = 0;
    return cannot ? MT_OK : mt_fail(err, own.status ? own.status : st, "%s", own.message);
}

mt_status ome_folders_list(ome_folders *folders, const char *path, const char *const **names, size_t *n, mt_error *err)
{
    folder *f;
    mt_status st = get_folder(folders, path, strlen(path), &f, err);
    *names = st ? NULL : f->names;
    *n = st ? 0 : f->n;
    return st;
}

/* The name itself, or the only one that differs from it only in case. */
static const char *find_name(const folder *f, const char *name, size_t n, bool *ambiguous)
{
    const char *found = NULL;
    *ambiguous = false;
    for (size_t slot = f->n_slots ? hash_name(name, n) & (f->n_slots - 1) : 0; f->n_slots && f->slots[slot];
         slot = (slot + 1) & (f->n_slots - 1)) {
        const char *other = f->names[f->slots[slot] - 1];
        if (strncmp(other, name, n) == 0 && other[n] == 0) {
            *ambiguous = false;
            return other;
        }
        if (is_same_but_case(other, name, n)) {
            *ambiguous = found != NULL;
            found = other;
        }
    }
    return *ambiguous ? NULL : found;
}

mt_status ome_folders_find(ome_folders *folders, const char *key, const char **out, bool *listed, bool *ambiguous,
                           mt_error *err)
{
    const char *path = "";
    *out = NULL;
    *ambiguous = false;
    for (;;) {
        folder *f;
        size_t n = strcspn(key, "/");
        mt_status st = get_folder(folders, path, strlen(path), &f, err);
        if (st)
            return st;
        *listed = f->is_listed;
        const char *name = find_name(f, key, n, ambiguous);
        if (!name)
            return MT_OK;
        path = mt_arena_printf(folders->scratch, err, "%s%s%s", path, *path ? "/" : "", name);
        if (!path)
            return MT_E_MEMORY;
        if (key[n] == 0)
            break;
        key += n + 1;
    }
    *out = path;
    return MT_OK;
}
