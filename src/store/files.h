/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that stay open, so that a read costs one system call: a bounded number of them for all stores of a context.
 * Thread-safe. */
#ifndef MT_STORE_FILES_H
#define MT_STORE_FILES_H

#include "platform/file.h"

/* FNV-1a. */
static inline uint64_t mt_key_hash(const char *key)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *key; key++)
        h = (h ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
    return h ^ h >> 32;
}

typedef struct mt_files mt_files;

typedef struct mt_open_file {
    const void *owner; /* the store */
    char *key;         /* of env's memory; NULL: the slot is free */
    mt_file file;
    unsigned users;
    uint64_t last_use;
} mt_open_file;

/* At most n files. */
MT_MUST_CHECK mt_status mt_files_new(mt_env *env, size_t n, mt_files **out, mt_error *err);
void mt_files_free(mt_files *files);

/* The owner's file of a key if it is open, else NULL. Given back with mt_files_leave. files may be NULL. */
mt_open_file *mt_files_enter(mt_files *files, const void *owner, const char *key);

/* Takes over a file that was just opened, as if it had been entered. NULL: there is no room, it stays the caller's. */
mt_open_file *mt_files_keep(mt_files *files, const mt_open_file *opened);
void mt_files_leave(mt_files *files, mt_open_file *file);

/* Closes the files of an owner; none of them may be in use. */
void mt_files_close_all(mt_files *files, const void *owner);

#endif
