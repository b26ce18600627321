/* SPDX-License-Identifier: BSD-3-Clause */
/* Files written by the library (the disk cache), in a folder shared with other processes. */
#ifndef MT_PLATFORM_FOLDER_H
#define MT_PLATFORM_FOLDER_H

#include "base/env.h"

#include <stdbool.h>

/* Creates a folder accessible to its owner only. MT_OK if it already exists. Its parent must exist. */
MT_MUST_CHECK mt_status mt_folder_make(const char *path, mt_error *err);

/* Replaces a file atomically: writes a temporary file and renames it. Not synced to disk. */
MT_MUST_CHECK mt_status mt_file_publish(const char *path, const void *bytes, size_t size, mt_error *err);

/* Reads at most size bytes from the start of the file. False, without an error, if it does not exist or cannot be read.
 * Sets the time of last use to now, if that is a minute ago or more. */
bool mt_file_recall(const char *path, void *out, size_t size, size_t *n_read);

void mt_file_forget(const char *path); /* removes the file, if it exists */

/* The size in bytes and the time of last use in seconds since 1970. */
bool mt_file_measure(const char *path, uint64_t *size, int64_t *used);

#endif
