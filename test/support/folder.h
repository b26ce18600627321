/* SPDX-License-Identifier: BSD-3-Clause */
/* The folder of a test program. */
#ifndef MT_TEST_FOLDER_H
#define MT_TEST_FOLDER_H

#include <stddef.h>

/* Created with the first call, below TMPDIR or /tmp. The teardown of the group must be remove_temporary_folder. */
const char *temporary_folder(void);
int remove_temporary_folder(void **state);

/* A path in the temporary folder, valid until the next call but three. */
const char *temporary_path(const char *name);

/* Writes a file into the temporary folder, making the folders that lead there. */
void write_temporary(const char *name, const void *bytes, size_t size);
void write_temporary_text(const char *name, const char *text);

#endif
