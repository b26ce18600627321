/* SPDX-License-Identifier: BSD-3-Clause */
/* Positional file reads and folder listings. Nothing here writes. */
#ifndef MT_PLATFORM_FILE_H
#define MT_PLATFORM_FILE_H

#include "base/env.h"

#include <stdbool.h>

typedef struct mt_file {
    int handle; /* file descriptor */
} mt_file;

/* Opens a regular file for reading. MT_E_NOT_FOUND only if it does not exist; a folder or missing permission is
 * MT_E_IO. */
MT_MUST_CHECK mt_status mt_file_open(const char *path, mt_file *out, mt_error *err);
void mt_file_close(mt_file file);
size_t mt_file_limit(void); /* maximum number of open files of this process */
MT_MUST_CHECK mt_status mt_file_size(mt_file file, const char *path, uint64_t *out, mt_error *err);
/* The size in bytes and the modification time in nanoseconds since 1970. */
MT_MUST_CHECK mt_status mt_file_stamp(mt_file file, const char *path, uint64_t *size, int64_t *mtime_ns, mt_error *err);

/* Reads exactly size bytes, and retries short reads; MT_E_CORRUPT if the file ends before. */
MT_MUST_CHECK mt_status mt_file_read(mt_file file, const char *path, uint64_t offset, void *out, size_t size,
                                     mt_error *err);

/* Like mt_file_read, but only if the read does not block on a device; then returns true, and *status and err are the
 * outcome. If the system cannot tell (tmpfs, old kernels), reads a local file, but not one on a network file system. */
bool mt_file_read_now(mt_file file, const char *path, uint64_t offset, void *out, size_t size, mt_status *status,
                      mt_error *err);
void mt_file_will_need(mt_file file, uint64_t offset, uint64_t size); /* starts read-ahead; does not block */
bool mt_path_is_remote(const char *path);                             /* on a network or FUSE file system */

/* Maps the whole file read-only. */
MT_MUST_CHECK mt_status mt_file_map(mt_file file, const char *path, const void **out, size_t *size, mt_error *err);
void mt_file_unmap(const void *mapping, size_t size);

typedef enum mt_path_kind { MT_PATH_NONE, MT_PATH_FILE, MT_PATH_FOLDER, MT_PATH_OTHER } mt_path_kind;
mt_path_kind mt_path_get_kind(const char *path);
/* Like mt_path_get_kind, with errors; MT_E_NOT_FOUND only if the path certainly does not exist. */
MT_MUST_CHECK mt_status mt_path_find(const char *path, mt_path_kind *out, mt_error *err);

/* Whether both paths exist and lead to the same file or folder, links resolved. */
bool mt_path_is_same(const char *a, const char *b);

/* Identifies a file or folder, links resolved. */
typedef struct mt_path_id {
    uint64_t device, number; /* device and inode number */
} mt_path_id;
/* False: the path does not exist, or the file system has no inode numbers. */
bool mt_path_get_id(const char *path, mt_path_id *out);

/* Calls visit for each entry of a folder except "." and "..", in byte order of their names. Stops at the first failure
 * and returns it. */
typedef mt_status (*mt_path_visit)(void *user, const char *name, mt_error *err);
MT_MUST_CHECK mt_status mt_path_list(mt_env *env, const char *path, mt_path_visit visit, void *user, mt_error *err);

/* Like mt_path_list, for at most `most` entries, unsorted. */
MT_MUST_CHECK mt_status mt_path_sample(const char *path, size_t most, mt_path_visit visit, void *user, mt_error *err);

#endif
