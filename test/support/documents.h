/* SPDX-License-Identifier: BSD-3-Clause */
/* Documents in JSON that tests find in a folder. */
#ifndef MT_TEST_DOCUMENTS_H
#define MT_TEST_DOCUMENTS_H

#include <stddef.h>

/* A member of a document, and its value as JSON with ' in the place of "; NULL: there is none. */
typedef struct member {
    const char *file, *path, *value;
} member;

/* path has parts between '/', names or the index of an item of a list, below 10; "": the whole document. */
void check_members(const char *folder, const member *members, size_t n);

#endif
