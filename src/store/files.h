/* SPDX-License-Identifier: BSD-3-Clause */
/* A cache of open files, so that a read costs one system call; bounded for all stores of a context. Thread-safe. */
#ifndef MT_STORE_FILES_H
#define MT_STORE_FILES_H

#include "base/fnv.h"
#include "platform/file.h"

#include <string.h>

static inline uint64_t mt_key_hash(const char *key)
{
    uint64_t h = mt_fnv_add(MT_FNV_START, key, strlen(key));
    return h ^ h >> 32;
}

typedef struct mt_files mt_files;

typedef struct mt_open_file {
    const void *owner; /* the store */
    char *key;         /* owned; NULL: the slot is free */
    mt_file file;      /* open for reading */
    unsigned users;    /* calls of enter without leave */
    uint64_t last_use; /* value of the counter of uses */
} mt_open_file;

/* At most n files. */
MT_MUST_CHECK mt_status mt_files_new(mt_env *env, size_t n, mt_files **out, mt_error *err);
void mt_files_free(mt_files *files);

/* The owner's open file of a key, or NULL. Released with mt_files_leave. files may be NULL. */
mt_open_file *mt_files_enter(mt_files *files, const void *owner, const char *key);

/* Takes ownership of a newly opened file and enters it. NULL: the cache is full, the caller keeps the file. */
mt_open_file *mt_files_keep(mt_files *files, const mt_open_file *opened);
void mt_files_leave(mt_files *files, mt_open_file *file);

/* Closes the files of an owner, all of which are idle. */
void mt_files_close_all(mt_files *files, const void *owner);

#endif
