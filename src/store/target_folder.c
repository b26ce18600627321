/* SPDX-License-Identifier: BSD-3-Clause */
/* A folder as a target.
 *
 * An object is written under a temporary name in its folder, synced (MT_SYNC_SHARDS), and renamed. The order is what
 * makes a power cut harmless: a name that is there after it refers to contents that were on the device before.
 *
 * The new name itself is not synced with each object. POSIX allows that it is lost, and work that relies on it must look
 * whether the object exists; the file systems in use commit names in order, so that the sync of the next object commits
 * this name, too (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014, table 1). A second sync for each
 * object would halve the rate for nothing. mt_target_sync syncs all folders. */
#include "store/target.h"

#include "platform/file.h"

#include <stdio.h>
#include <string.h>

typedef struct folder_target {
    mt_target base;
    _Atomic bool has_root; /* the folder was seen: it is not made a second time */
} folder_target;

static folder_target *folder_of(mt_target *target) { return (folder_target *)(void *)target; }

static mt_status full_path(const mt_target *target, const char *key, char out[MT_PATH_BYTES], mt_error *err)
{
    const char *root = target->path, *separator = *key && strcmp(root, "/") != 0 ? "/" : "";
    int n = snprintf(out, MT_PATH_BYTES, "%s%s%s", root, separator, key);
    if (n < 0 || n >= MT_PATH_BYTES)
        return mt_fail(err, MT_E_ARGUMENT, "the path is too long: %s/%s", root, key);
    return MT_OK;
}

/* The folder that holds a path. */
static void take_parent(const char *path, char out[MT_PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    if (slash)
        snprintf(out, MT_PATH_BYTES, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    else
        snprintf(out, MT_PATH_BYTES, ".");
}

static mt_status make_root(folder_target *f, mt_error *err)
{
    mt_status st = f->has_root ? MT_OK : mt_output_make_folder(f->base.path, err);
    if (!st)
        f->has_root = true;
    return st;
}

/* Makes the folders above the path of an object. */
static mt_status make_folders(folder_target *f, const char *path, mt_error *err)
{
    char folder[MT_PATH_BYTES];
    mt_status st = make_root(f, err);
    for (const char *slash = path + strlen(f->base.path) + 1; !st && (slash = strchr(slash, '/')); slash++) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        st = mt_output_make_folder(folder, err);
    }
    return st;
}

/* Creates a file: a temporary one beside the path, or, if temporary is NULL, the path itself. */
static mt_status create(const char *path, char *temporary, mt_output *file, bool *is_new, mt_error *err)
{
    *is_new = true;
    return temporary ? mt_output_begin(path, temporary, file, err) : mt_output_create(path, file, is_new, err);
}

/* No folder is looked for before a file: a file that cannot be created tells that its folder is missing. */
static mt_status create_below(mt_target *target, const char *path, char *temporary, mt_output *file, bool *is_new,
                              mt_error *err)
{
    folder_target *f = folder_of(target);
    mt_error own = MT_ERROR_INIT;
    mt_status st = create(path, temporary, file, is_new, &own);
    if (st == MT_E_NOT_FOUND) {
        mt_error_clear(&own);
        if (!(st = make_folders(f, path, &own)))
            st = create(path, temporary, file, is_new, &own);
    }
    if (st == MT_E_NOT_FOUND)
        return mt_fail(err, MT_E_IO, "%s: the folder was removed while it is being written", target->path);
    if (st)
        return mt_fail(err, st, "%s", own.message);
    f->has_root = true;
    return MT_OK;
}

static mt_status folder_create_file(mt_target *target, const char *path, mt_output *out, bool *is_new, mt_error *err)
{
    return create_below(target, path, NULL, out, is_new, err);
}

static mt_status fill(const mt_target *target, mt_output file, const char *path, const mt_piece *pieces, size_t n,
                      mt_error *err)
{
    uint64_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += pieces[i].size;
    mt_output_expect(file, size);
    mt_status st = mt_output_write(file, path, 0, pieces, n, err);
    if (!st && target->sync == MT_SYNC_SHARDS)
        st = mt_output_sync(file, path, err);
    mt_status closed = mt_output_close(file, path, st ? NULL : err);
    return st ? st : closed;
}

static mt_status sync_parent(const char *path, mt_error *err)
{
    char folder[MT_PATH_BYTES];
    take_parent(path, folder);
    return mt_output_sync_folder(folder, err);
}

/* Syncs the folders from that of an object up to the one that holds the root. */
static mt_status sync_above(const mt_target *target, const char *path, mt_error *err)
{
    char at[MT_PATH_BYTES];
    size_t root = strlen(target->path);
    mt_status st = sync_parent(target->path, err);
    snprintf(at, sizeof at, "%s", path);
    for (char *slash; !st && (slash = strrchr(at + root, '/')); *slash = 0)
        st = sync_parent(at, err);
    return st;
}

/* Writes an object under a temporary name, and gives it its own. MT_E_NOT_FOUND: the temporary file is gone. */
static mt_status publish_once(mt_target *target, const char *path, const mt_piece *pieces, size_t n, bool *made,
                              mt_error *err)
{
    char temporary[MT_PATH_BYTES];
    mt_output file;
    bool is_new; /* always */
    mt_status st = create_below(target, path, temporary, &file, &is_new, err);
    if (st)
        return st;
    st = fill(target, file, path, pieces, n, err);
    if (!st)
        st = made ? mt_output_rename_new(temporary, path, made, err) : mt_output_rename(temporary, path, err);
    if (st || (made && !*made))
        (void)!mt_output_remove(temporary, NULL);
    return st;
}

/* Who finishes an image removes what killed writers have left, and takes the file of one at work for such. */
static mt_status folder_publish(mt_target *target, const char *key, const mt_piece *pieces, size_t n, bool *made,
                                mt_error *err)
{
    enum { TRIES = 4 };
    char path[MT_PATH_BYTES];
    mt_error why = MT_ERROR_INIT;
    mt_status st = full_path(target, key, path, err);
    if (st)
        return st;
    st = publish_once(target, path, pieces, n, made, &why);
    for (int i = 1; i < TRIES && st == MT_E_NOT_FOUND; i++) {
        mt_error_clear(&why);
        st = publish_once(target, path, pieces, n, made, &why);
    }
    if (st)
        return mt_fail(err, st == MT_E_NOT_FOUND ? MT_E_IO : st, "%s", why.message);
    return made && *made && target->sync == MT_SYNC_SHARDS ? sync_above(target, path, err) : MT_OK;
}

static mt_status folder_measure(mt_target *target, const char *key, uint64_t *size, mt_error *err)
{
    char path[MT_PATH_BYTES];
    mt_file file;
    mt_status st = full_path(target, key, path, err);
    if (st || (st = mt_file_open(path, &file, err)))
        return st;
    st = mt_file_size(file, path, size, err);
    mt_file_close(file);
    return st;
}

static mt_status read_file(mt_file file, const char *path, size_t limit, mt_buffer *out, mt_error *err)
{
    uint64_t bytes;
    void *memory;
    mt_status st = mt_file_size(file, path, &bytes, err);
    if (st)
        return st;
    if (bytes > limit)
        return mt_fail(err, MT_E_LIMIT, "%s: has %llu bytes, more than the %zu that such a file may have", path,
                       (unsigned long long)bytes, limit);
    if (bytes == 0)
        return MT_OK;
    if ((st = mt_alloc(out->env, (size_t)bytes, &memory, err)))
        return st;
    out->data = memory;
    out->size = out->room = (size_t)bytes;
    return mt_file_read(file, path, 0, out->data, out->size, err);
}

static mt_status folder_read(mt_target *target, const char *key, size_t limit, mt_buffer *out, mt_error *err)
{
    char path[MT_PATH_BYTES];
    mt_file file;
    mt_status st = full_path(target, key, path, err);
    if (st || (st = mt_file_open(path, &file, err)))
        return st;
    st = read_file(file, path, limit, out, err);
    mt_file_close(file);
    return st;
}

static mt_status folder_remove(mt_target *target, const char *key, mt_error *err)
{
    char path[MT_PATH_BYTES];
    mt_status st = full_path(target, key, path, err);
    return st ? st : mt_output_remove(path, err);
}

typedef struct filter {
    mt_store_visit visit;
    void *user;
} filter;

static mt_status visit_complete(void *user, const char *name, mt_error *err)
{
    const filter *f = user;
    return mt_output_is_partial(name) ? MT_OK : f->visit(f->user, name, err);
}

/* *kind is MT_PATH_NONE, with MT_OK, for what does not exist. */
static mt_status find(const char *path, mt_path_kind *kind, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_path_find(path, kind, &own);
    return !st || st == MT_E_NOT_FOUND ? MT_OK : mt_fail(err, st, "%s", own.message);
}

static mt_status folder_list(mt_target *target, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    char path[MT_PATH_BYTES];
    mt_path_kind kind;
    mt_status st = full_path(target, prefix, path, err);
    if (st || (st = find(path, &kind, err)) || kind == MT_PATH_NONE)
        return st;
    return mt_path_list(target->env, path, visit_complete, &(filter) { visit, user }, err);
}

static bool is_partial(const char *path)
{
    const char *slash = strrchr(path, '/');
    return mt_output_is_partial(slash ? slash + 1 : path);
}

static mt_status sync_file(const char *path, mt_error *err)
{
    mt_output file;
    mt_status st = mt_output_open(path, &file, err);
    if (st)
        return st;
    st = mt_output_sync(file, path, err);
    mt_status closed = mt_output_close(file, path, st ? NULL : err);
    return st ? st : closed;
}

typedef struct syncing {
    const mt_target *target;
    mt_target_ask ask;
    void *user;
} syncing;

static mt_status sync_entry(void *user, const char *path, bool is_folder, mt_error *err)
{
    const syncing *s = user;
    mt_status st = s->ask ? s->ask(s->user, err) : MT_OK;
    if (st || is_folder)
        return st ? st : mt_output_sync_folder(path, err);
    return s->target->sync == MT_SYNC_SHARDS || is_partial(path) ? MT_OK : sync_file(path, err);
}

static mt_status walk(const mt_target *target, mt_output_visit visit, void *user, mt_error *err)
{
    mt_path_kind kind;
    mt_status st = find(target->path, &kind, err);
    return st || kind == MT_PATH_NONE ? st : mt_output_walk(target->path, visit, user, err);
}

static mt_status folder_sync(mt_target *target, mt_target_ask ask, void *user, mt_error *err)
{
    syncing s = { target, ask, user };
    if (target->sync == MT_SYNC_NONE)
        return MT_OK;
    mt_status st = walk(target, sync_entry, &s, err);
    return st ? st : sync_parent(target->path, err);
}

static mt_status sweep_entry(void *user, const char *path, bool is_folder, mt_error *err)
{
    (void)user;
    return !is_folder && is_partial(path) ? mt_output_remove(path, err) : MT_OK;
}

static mt_status folder_sweep(mt_target *target, mt_error *err) { return walk(target, sweep_entry, NULL, err); }

static void folder_close(mt_target *target)
{
    mt_env *env = target->env;
    mt_release(env, target->path, strlen(target->path) + 1);
    mt_release(env, target, sizeof(folder_target));
}

static const mt_target_ops folder_ops = { .publish = folder_publish,
                                          .measure = folder_measure,
                                          .read = folder_read,
                                          .remove = folder_remove,
                                          .list = folder_list,
                                          .get_file = full_path,
                                          .create_file = folder_create_file,
                                          .sync = folder_sync,
                                          .sweep = folder_sweep,
                                          .close = folder_close };

/* The folder, or else the one that it will lie in, must exist. */
static mt_status check_place(const char *path, bool *exists, mt_error *err)
{
    char parent[MT_PATH_BYTES];
    mt_path_kind kind;
    mt_status st = find(path, &kind, err);
    *exists = kind != MT_PATH_NONE;
    if (st)
        return st;
    if (*exists)
        return kind == MT_PATH_FOLDER ? MT_OK : mt_fail(err, MT_E_IO, "%s: is a file, not a folder", path);
    take_parent(path, parent);
    if ((st = find(parent, &kind, err)))
        return st;
    return kind == MT_PATH_FOLDER
               ? MT_OK
               : mt_fail(err, MT_E_NOT_FOUND, "%s: there is no folder %s; create it first", path, parent);
}

/* Copies the path without '/' at its end. */
static mt_status copy_path(mt_env *env, const char *path, char **out, mt_error *err)
{
    char text[MT_PATH_BYTES];
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (n == 0 || n >= sizeof text)
        return mt_fail(err, MT_E_ARGUMENT, "%s", n ? "the path of the output is too long" : "the output has no path");
    snprintf(text, sizeof text, "%.*s", (int)n, path);
    return mt_copy_text(env, text, out, err);
}

mt_status mt_target_open_folder(mt_env *env, const char *path, mt_sync sync, mt_target **out, mt_error *err)
{
    char *copy;
    bool exists;
    void *memory;
    mt_status st = copy_path(env, path, &copy, err);
    if (st)
        return st;
    st = check_place(copy, &exists, err);
    if (!st)
        st = mt_alloc(env, sizeof(folder_target), &memory, err);
    if (st) {
        mt_release(env, copy, strlen(copy) + 1);
        return st;
    }
    folder_target *f = memory;
    f->base = (mt_target) { .ops = &folder_ops, .env = env, .path = copy, .sync = sync };
    atomic_init(&f->has_root, exists);
    *out = &f->base;
    return MT_OK;
}
