/* SPDX-License-Identifier: BSD-3-Clause */
/* A target: where an output goes, a folder or a prefix of a bucket. Objects are published whole under keys as in
 * store/store.h: another reader, and a reader after a crash, sees the old object, or the new one, or none.
 *
 * Objects may be published by many threads and processes at once, different ones or the same. All functions but open
 * and close are thread-safe. */
#ifndef MT_STORE_TARGET_H
#define MT_STORE_TARGET_H

#include "base/buffer.h"
#include "platform/output.h"
#include "store/store.h"

typedef struct mt_target mt_target;

/* What a power cut, or a crash of the operating system, may cost. A killed process never costs more than what it had
 * not published. Object stores keep what they have acknowledged: for them, all are the same. */
typedef enum mt_sync {
    /* An object is on the device before it gets its name. After a power cut, before mt_target_sync, an object that was
     * published is there whole or not at all. */
    MT_SYNC_SHARDS,
    /* After a power cut, before mt_target_sync, objects may be missing, or have the right size and wrong contents. */
    MT_SYNC_END,
    MT_SYNC_NONE /* the same, and mt_target_sync does nothing */
} mt_sync;

/* A folder, or s3://bucket/prefix. Changes nothing: the folder is made with the first object, but the folder that it
 * lies in must exist (MT_E_NOT_FOUND). */
MT_MUST_CHECK mt_status mt_target_open(mt_env *env, const char *path, mt_sync sync, mt_target **out, mt_error *err);
void mt_target_close(mt_target *target); /* NULL is allowed */

const char *mt_target_get_path(const mt_target *target); /* as given, without a '/' at the end */
mt_sync mt_target_get_sync(const mt_target *target);

/* Publishes an object, in place of one of this name. Makes the folders above it. The pieces follow one another. */
MT_MUST_CHECK mt_status mt_target_publish(mt_target *target, const char *key, const mt_piece *pieces, size_t n,
                                          mt_error *err);

/* Publishes an object of a name that is free: *made is false, with MT_OK, if it is not. Of several that try at once,
 * one succeeds (in object stores, which cannot tell them apart, all that have the same contents). With MT_SYNC_SHARDS
 * the object with its name is on the device afterwards. */
MT_MUST_CHECK mt_status mt_target_make_new(mt_target *target, const char *key, const mt_piece *pieces, size_t n,
                                           bool *made, mt_error *err);

/* The size of an object in bytes. MT_E_NOT_FOUND: it certainly does not exist. */
MT_MUST_CHECK mt_status mt_target_measure(mt_target *target, const char *key, uint64_t *size, mt_error *err);

/* Sets which of n objects exist, many at a time where a request takes long. */
MT_MUST_CHECK mt_status mt_target_find_all(mt_target *target, const char *const *keys, size_t n, bool *exist,
                                           mt_error *err);

/* Reads an object of at most limit bytes (else MT_E_LIMIT) into an empty buffer, which the caller frees, also after a
 * failure. MT_E_NOT_FOUND as above. */
MT_MUST_CHECK mt_status mt_target_read(mt_target *target, const char *key, size_t limit, mt_buffer *out, mt_error *err);

/* The same for small objects: into the arena, NUL-terminated. */
MT_MUST_CHECK mt_status mt_target_load(mt_target *target, const char *key, size_t limit, mt_arena *arena, char **out,
                                       size_t *size, mt_error *err);

/* Whether one listing tells the sizes of many objects, and costs far less than to measure each. */
bool mt_target_lists_sizes(const mt_target *target);

/* Visits all objects below a folder, "a" or "a/b"; their keys are those below it. Only if mt_target_lists_sizes. */
MT_MUST_CHECK mt_status mt_target_list_sizes(mt_target *target, const char *folder, mt_store_visit_sized visit,
                                             void *user, mt_error *err);

/* Removes an object or an empty folder. MT_OK if it does not exist. */
MT_MUST_CHECK mt_status mt_target_remove(mt_target *target, const char *key, mt_error *err);

/* The same for n objects, many at a time where a request takes long. Fails if one could not be removed. */
MT_MUST_CHECK mt_status mt_target_remove_all(mt_target *target, const char *const *keys, size_t n, mt_error *err);

/* Visits the names directly below a prefix ("" or "a/b") in byte order (in a bucket: if all are objects, or all are
 * folders); objects that are being written are left out. In a bucket, memory does not grow with the number of names. A
 * prefix that does not exist has none. visit may remove what it is called for. */
MT_MUST_CHECK mt_status mt_target_list(mt_target *target, const char *prefix, mt_store_visit visit, void *user,
                                       mt_error *err);

/* Returns when all that was published, by any process of this machine, is on the device with its name. */
MT_MUST_CHECK mt_status mt_target_sync(mt_target *target, mt_error *err);

/* The same; ask is called between two objects, and its failure is returned. */
typedef mt_status (*mt_target_ask)(void *user, mt_error *err);
MT_MUST_CHECK mt_status mt_target_sync_asking(mt_target *target, mt_target_ask ask, void *user, mt_error *err);

/* Removes what killed writers have left half written, and what others are writing, who then write it again. */
MT_MUST_CHECK mt_status mt_target_sweep(mt_target *target, mt_error *err);

/* Files that grow where they lie, such as journals, exist in folders only: MT_E_UNSUPPORTED elsewhere. The caller writes
 * them by platform/output.h. */
bool mt_target_has_files(const mt_target *target);
MT_MUST_CHECK mt_status mt_target_get_file(const mt_target *target, const char *key, char path[MT_PATH_BYTES],
                                           mt_error *err);
/* Creates one, and the folders above it. *is_new is false, with MT_OK and no open file, if it exists already. */
MT_MUST_CHECK mt_status mt_target_create_file(mt_target *target, const char *key, char path[MT_PATH_BYTES],
                                              mt_output *out, bool *is_new, mt_error *err);

/* For implementations. Keys are checked. */
typedef struct mt_target_ops {
    /* made is NULL: an existing object is replaced; else as in mt_target_make_new. */
    mt_status (*publish)(mt_target *target, const char *key, const mt_piece *pieces, size_t n, bool *made,
                         mt_error *err);
    mt_status (*measure)(mt_target *target, const char *key, uint64_t *size, mt_error *err);
    mt_status (*read)(mt_target *target, const char *key, size_t limit, mt_buffer *out, mt_error *err);
    mt_status (*remove)(mt_target *target, const char *key, mt_error *err);
    /* Optional: as mt_target_find_all, mt_target_remove_all and mt_target_list_sizes. */
    mt_status (*find_all)(mt_target *target, const char *const *keys, size_t n, bool *exist, mt_error *err);
    mt_status (*remove_all)(mt_target *target, const char *const *keys, size_t n, mt_error *err);
    mt_status (*list_sizes)(mt_target *target, const char *folder, mt_store_visit_sized visit, void *user,
                            mt_error *err);
    mt_status (*list)(mt_target *target, const char *prefix, mt_store_visit visit, void *user, mt_error *err);
    /* Optional, both or none. */
    mt_status (*get_file)(const mt_target *target, const char *key, char path[MT_PATH_BYTES], mt_error *err);
    mt_status (*create_file)(mt_target *target, const char *path, mt_output *out, bool *is_new, mt_error *err);
    mt_status (*sync)(mt_target *target, mt_target_ask ask, void *user, mt_error *err); /* optional; ask may be NULL */
    mt_status (*sweep)(mt_target *target, mt_error *err);                               /* optional */
    void (*close)(mt_target *target);
} mt_target_ops;

/* A target embeds this as its first member. */
struct mt_target {
    const mt_target_ops *ops;
    mt_env *env;
    char *path; /* freed by mt_release with strlen + 1 */
    mt_sync sync;
};

MT_MUST_CHECK mt_status mt_target_open_folder(mt_env *env, const char *path, mt_sync sync, mt_target **out,
                                              mt_error *err);
/* Only with MT_WITH_S3. */
MT_MUST_CHECK mt_status mt_target_open_s3(mt_env *env, const char *url, mt_sync sync, mt_target **out, mt_error *err);

#endif
