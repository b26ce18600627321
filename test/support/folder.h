/* SPDX-License-Identifier: BSD-3-Clause */
/* The folder of a test program. */
#ifndef MT_TEST_FOLDER_H
#define MT_TEST_FOLDER_H

/* Created with the first call, below TMPDIR or /tmp. The teardown of the group must be remove_temporary_folder. */
const char *temporary_folder(void);
int remove_temporary_folder(void **state);

/* A path in the temporary folder, valid until the next call but three. */
const char *temporary_path(const char *name);

#endif
