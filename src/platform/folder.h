/* SPDX-License-Identifier: BSD-3-Clause */
/* A folder of files that the library writes itself, shared with other processes. */
#ifndef MT_PLATFORM_FOLDER_H
#define MT_PLATFORM_FOLDER_H

#include "base/env.h"

#include <stdbool.h>

/* Makes a folder that only its owner may read; one that is there is fine. Its parent must be there. */
MT_MUST_CHECK mt_status mt_folder_make(const char *path, mt_error *err);

/* Writes a file under a temporary name and renames it: others see the old file, the new one or none, whole. It is not
 * forced to the disk. */
MT_MUST_CHECK mt_status mt_file_publish(const char *path, const void *bytes, size_t size, mt_error *err);

/* Reads the file from its beginning, size bytes at most. False if it is not there or cannot be read; quiet. What was
 * last used a minute ago or more counts as used now. */
bool mt_file_recall(const char *path, void *out, size_t size, size_t *n_read);

void mt_file_forget(const char *path); /* removes a file, if it is there */

/* Size and time of the last use (seconds since 1970) of a file. */
bool mt_file_measure(const char *path, uint64_t *size, int64_t *used);

#endif
