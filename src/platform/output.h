/* SPDX-License-Identifier: BSD-3-Clause */
/* Files and folders that are written for the user: created with the permissions of the umask, and made durable.
 *
 * Failures are MT_E_IO with the reason of the system and, where there is one, the remedy. Interrupted and partial calls
 * are continued. */
#ifndef MT_PLATFORM_OUTPUT_H
#define MT_PLATFORM_OUTPUT_H

#include "base/env.h"

#include <stdbool.h>

#define MT_PATH_BYTES 4096 /* longest path, with the NUL */

/* A part of what is written; all parts together are one object. */
typedef struct mt_piece {
    const void *bytes;
    size_t size;
} mt_piece;

typedef struct mt_output {
    int handle; /* file descriptor */
} mt_output;

/* Creates a file. *is_new is false, with MT_OK and no open file, if the path exists already. MT_E_NOT_FOUND: the folder
 * does not exist. */
MT_MUST_CHECK mt_status mt_output_create(const char *path, mt_output *out, bool *is_new, mt_error *err);

/* Creates a file ".NAME.RANDOM.partial" in the folder of path, whose name becomes NAME once it is complete. MT_E_NOT_FOUND
 * as above. */
MT_MUST_CHECK mt_status mt_output_begin(const char *path, char temporary[MT_PATH_BYTES], mt_output *out, mt_error *err);

/* Whether a name (not a path) is that of such a file. */
bool mt_output_is_partial(const char *name);

/* Opens an existing file for writing. MT_E_NOT_FOUND: it does not exist. */
MT_MUST_CHECK mt_status mt_output_open(const char *path, mt_output *out, mt_error *err);

/* Announces the size of a new file before it is written. Writing is faster on some file systems; nothing else changes. */
void mt_output_expect(mt_output file, uint64_t size);

/* Writes the pieces, one after the other, from an offset on. */
MT_MUST_CHECK mt_status mt_output_write(mt_output file, const char *path, uint64_t offset, const mt_piece *pieces,
                                        size_t n, mt_error *err);
MT_MUST_CHECK mt_status mt_output_truncate(mt_output file, const char *path, uint64_t size, mt_error *err);

/* Returns when the contents are on the device. After a failure the file must be written anew: a second call may succeed
 * although data is lost. */
MT_MUST_CHECK mt_status mt_output_sync(mt_output file, const char *path, mt_error *err);
/* Closes the file, also on failure: some file systems report failed writes only now. */
MT_MUST_CHECK mt_status mt_output_close(mt_output file, const char *path, mt_error *err);

/* Gives a file another name in the same folder, atomically, in place of a file that has this name. MT_E_NOT_FOUND: the file
 * is gone. */
MT_MUST_CHECK mt_status mt_output_rename(const char *from, const char *to, mt_error *err);
/* The same, but never replaces a file: *is_new is false, with MT_OK, if the name is taken; from then still exists. */
MT_MUST_CHECK mt_status mt_output_rename_new(const char *from, const char *to, bool *is_new, mt_error *err);

/* Removes a file or an empty folder. MT_OK if it does not exist. */
MT_MUST_CHECK mt_status mt_output_remove(const char *path, mt_error *err);

/* Creates a folder. MT_OK if it exists already. MT_E_NOT_FOUND: its parent does not exist. */
MT_MUST_CHECK mt_status mt_output_make_folder(const char *path, mt_error *err);
/* Returns when the names in a folder are on the device, as far as the file system supports this. */
MT_MUST_CHECK mt_status mt_output_sync_folder(const char *path, mt_error *err);

/* Calls visit for all files and folders below a folder, and at last for the folder itself: a folder follows what is in
 * it. Links are neither followed nor visited. visit may remove what it is called for. */
typedef mt_status (*mt_output_visit)(void *user, const char *path, bool is_folder, mt_error *err);
MT_MUST_CHECK mt_status mt_output_walk(const char *path, mt_output_visit visit, void *user, mt_error *err);

/* "HOST-PID-RANDOM", fit for file names: tells the writers apart that share a file system. */
#define MT_WRITER_BYTES 112
void mt_output_name_writer(char out[MT_WRITER_BYTES]);

#endif
