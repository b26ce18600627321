/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/target.h"

#include "store/resolve.h"

#include <string.h>

mt_status mt_target_open(mt_env *env, const char *path, mt_sync sync, mt_target **out, mt_error *err)
{
    *out = NULL;
    if (!mt_is_url(path))
        return mt_target_open_folder(env, path, sync, out, err);
    if (strncmp(path, "s3://", 5) != 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "%s: outputs are written to folders and s3:// only", path);
#ifdef MT_WITH_S3
    return mt_target_open_s3(env, path, sync, out, err);
#else
    return mt_fail(err, MT_E_UNSUPPORTED, "%s: this build was made without MT_WITH_S3", path);
#endif
}

void mt_target_close(mt_target *target)
{
    if (target)
        target->ops->close(target);
}

const char *mt_target_get_path(const mt_target *target) { return target->path; }

mt_sync mt_target_get_sync(const mt_target *target) { return target->sync; }

/* The keys of objects are not "". */
static mt_status check_key(const mt_target *target, const char *key, mt_error *err)
{
    if (!*key)
        return mt_fail(err, MT_E_ARGUMENT, "%s: an object needs a name", target->path);
    return mt_store_check_key(key, err);
}

mt_status mt_target_publish(mt_target *target, const char *key, const mt_piece *pieces, size_t n, mt_error *err)
{
    mt_status st = check_key(target, key, err);
    return st ? st : target->ops->publish(target, key, pieces, n, NULL, err);
}

mt_status mt_target_make_new(mt_target *target, const char *key, const mt_piece *pieces, size_t n, bool *made,
                             mt_error *err)
{
    *made = false;
    mt_status st = check_key(target, key, err);
    return st ? st : target->ops->publish(target, key, pieces, n, made, err);
}

mt_status mt_target_measure(mt_target *target, const char *key, uint64_t *size, mt_error *err)
{
    mt_status st = check_key(target, key, err);
    return st ? st : target->ops->measure(target, key, size, err);
}

static mt_status find(mt_target *target, const char *key, bool *exists, mt_error *err)
{
    uint64_t size;
    mt_error why = MT_ERROR_INIT;
    mt_status st = mt_target_measure(target, key, &size, &why);
    *exists = !st;
    return !st || st == MT_E_NOT_FOUND ? MT_OK : mt_fail(err, st, "%s", why.message);
}

mt_status mt_target_find_all(mt_target *target, const char *const *keys, size_t n, bool *exist, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = 0; i < n && !st; i++)
        st = target->ops->find_all ? check_key(target, keys[i], err) : find(target, keys[i], &exist[i], err);
    return st || !target->ops->find_all ? st : target->ops->find_all(target, keys, n, exist, err);
}

mt_status mt_target_read(mt_target *target, const char *key, size_t limit, mt_buffer *out, mt_error *err)
{
    mt_status st = check_key(target, key, err);
    return st ? st : target->ops->read(target, key, limit, out, err);
}

mt_status mt_target_load(mt_target *target, const char *key, size_t limit, mt_arena *arena, char **out, size_t *size,
                         mt_error *err)
{
    mt_buffer bytes = mt_buffer_on(target->env);
    mt_status st = mt_target_read(target, key, limit, &bytes, err);
    if (!st && !(*out = mt_arena_strndup(arena, bytes.data ? (const char *)bytes.data : "", bytes.size, err)))
        st = MT_E_MEMORY;
    *size = bytes.size;
    mt_buffer_free(&bytes);
    return st;
}

mt_status mt_target_remove(mt_target *target, const char *key, mt_error *err)
{
    mt_status st = check_key(target, key, err);
    return st ? st : target->ops->remove(target, key, err);
}

mt_status mt_target_remove_all(mt_target *target, const char *const *keys, size_t n, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = 0; i < n && !st; i++)
        st = target->ops->remove_all ? check_key(target, keys[i], err) : mt_target_remove(target, keys[i], err);
    return st || !target->ops->remove_all ? st : target->ops->remove_all(target, keys, n, err);
}

bool mt_target_lists_sizes(const mt_target *target) { return target->ops->list_sizes != NULL; }

mt_status mt_target_list_sizes(mt_target *target, const char *folder, mt_store_visit_sized visit, void *user,
                               mt_error *err)
{
    mt_status st = check_key(target, folder, err);
    return st ? st : target->ops->list_sizes(target, folder, visit, user, err);
}

mt_status mt_target_list(mt_target *target, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    mt_status st = mt_store_check_key(prefix, err);
    return st ? st : target->ops->list(target, prefix, visit, user, err);
}

mt_status mt_target_sync(mt_target *target, mt_error *err) { return mt_target_sync_asking(target, NULL, NULL, err); }

mt_status mt_target_sync_asking(mt_target *target, mt_target_ask ask, void *user, mt_error *err)
{
    return target->ops->sync ? target->ops->sync(target, ask, user, err) : MT_OK;
}

mt_status mt_target_sweep(mt_target *target, mt_error *err)
{
    return target->ops->sweep ? target->ops->sweep(target, err) : MT_OK;
}

bool mt_target_has_files(const mt_target *target) { return target->ops->get_file != NULL; }

mt_status mt_target_get_file(const mt_target *target, const char *key, char path[MT_PATH_BYTES], mt_error *err)
{
    mt_status st = check_key(target, key, err);
    if (!st && !target->ops->get_file)
        st = mt_fail(err, MT_E_UNSUPPORTED, "%s/%s: only a file in a folder can grow", target->path, key);
    return st ? st : target->ops->get_file(target, key, path, err);
}

mt_status mt_target_create_file(mt_target *target, const char *key, char path[MT_PATH_BYTES], mt_output *out,
                                bool *is_new, mt_error *err)
{
    *is_new = false;
    mt_status st = mt_target_get_file(target, key, path, err);
    return st ? st : target->ops->create_file(target, path, out, is_new, err);
}
