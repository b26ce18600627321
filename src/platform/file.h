/* SPDX-License-Identifier: BSD-3-Clause */
/* Positional reads of files, and directory listings. Nothing here writes. */
#ifndef MT_PLATFORM_FILE_H
#define MT_PLATFORM_FILE_H

#include "base/env.h"

#include <stdbool.h>

typedef struct mt_file {
    int handle;
} mt_file;

/* MT_E_NOT_FOUND only where there is no such file; a folder, or one that may not be read, is MT_E_IO. */
MT_MUST_CHECK mt_status mt_file_open(const char *path, mt_file *out, mt_error *err);
void mt_file_close(mt_file file);
size_t mt_file_limit(void); /* how many this process may have open */
MT_MUST_CHECK mt_status mt_file_size(mt_file file, const char *path, uint64_t *out, mt_error *err);
/* The size, and when the file was last written, in nanoseconds since 1970. */
MT_MUST_CHECK mt_status mt_file_stamp(mt_file file, const char *path, uint64_t *size, int64_t *mtime_ns, mt_error *err);

/* Reads exactly size bytes; MT_E_CORRUPT where the file ends before. */
MT_MUST_CHECK mt_status mt_file_read(mt_file file, const char *path, uint64_t offset, void *out, size_t size,
                                     mt_error *err);

/* As mt_file_read, but only if no device has to be waited for: then true, and *status and err are the outcome. Where the
 * system cannot tell (tmpfs, old kernels), a local file is read, and one on a network file system is not. */
bool mt_file_read_now(mt_file file, const char *path, uint64_t offset, void *out, size_t size, mt_status *status,
                      mt_error *err);
void mt_file_will_need(mt_file file, uint64_t offset, uint64_t size); /* starts to read ahead; does not block */
bool mt_path_is_remote(const char *path);                             /* lies on a network or FUSE file system */

/* Maps the whole file, read only. */
MT_MUST_CHECK mt_status mt_file_map(mt_file file, const char *path, const void **out, size_t *size, mt_error *err);
void mt_file_unmap(const void *mapping, size_t size);

typedef enum mt_path_kind { MT_PATH_NONE, MT_PATH_FILE, MT_PATH_FOLDER, MT_PATH_OTHER } mt_path_kind;
mt_path_kind mt_path_get_kind(const char *path);
/* The same; MT_E_NOT_FOUND only where it is certain that there is nothing. */
MT_MUST_CHECK mt_status mt_path_find(const char *path, mt_path_kind *out, mt_error *err);

/* Whether both are there and are the same, by whatever links. */
bool mt_path_is_same(const char *a, const char *b);

/* A file or folder, by whatever links it is reached. */
typedef struct mt_path_id {
    uint64_t device, number;
} mt_path_id;
/* False: there is nothing, or the file system gives no numbers. */
bool mt_path_get_id(const char *path, mt_path_id *out);

/* Calls visit for each entry of a folder, in the order of their names (byte order), without "." and "..". Stops at
 * and returns the first failure. */
typedef mt_status (*mt_path_visit)(void *user, const char *name, mt_error *err);
MT_MUST_CHECK mt_status mt_path_list(mt_env *env, const char *path, mt_path_visit visit, void *user, mt_error *err);

/* The same for the first entries that the system tells, at most so many, in its order. */
MT_MUST_CHECK mt_status mt_path_sample(const char *path, size_t most, mt_path_visit visit, void *user, mt_error *err);

#endif
