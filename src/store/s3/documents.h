/* SPDX-License-Identifier: BSD-3-Clause */
/* XML documents in S3 responses. Source: Amazon S3 API Reference, ListObjectsV2 and "Error responses". */
#ifndef MT_STORE_S3_DOCUMENTS_H
#define MT_STORE_S3_DOCUMENTS_H

#include "store/store.h"

/* Names directly below a prefix, in an arena. */
typedef struct mt_s3_names {
    mt_arena *arena;    /* of names */
    const char **names; /* NUL-terminated */
    size_t n, capacity; /* entries in use and allocated */
} mt_s3_names;

/* Adds the names in one page of a listing. prefix is "" or ends with '/'. *next is the continuation token, in the arena
 * of the names; NULL after the last page. Fails if the document is not a listing below the prefix. Objects whose names
 * have an empty, "." or ".." segment are skipped, as they have no valid key. */
MT_MUST_CHECK mt_status mt_s3_parse_page(mt_s3_names *names, const char *text, size_t size, const char *prefix,
                                         const char **next, mt_error *err);

/* Visits the objects in one page of a listing of all that is below a prefix; their keys are those behind it. *next is in
 * the arena. Otherwise as mt_s3_parse_page. */
MT_MUST_CHECK mt_status mt_s3_parse_sizes(mt_arena *arena, const char *text, size_t size, const char *prefix,
                                          mt_store_visit_sized visit, void *user, const char **next, mt_error *err);

/* Sorts the names in byte order and removes duplicates. */
void mt_s3_sort_names(mt_s3_names *names);

/* An error response. */
typedef struct mt_s3_failure {
    char code[64];     /* "NoSuchKey"; "" if the text is not such a document */
    char message[192]; /* one line */
    char region[64];   /* region of the bucket; "" if absent or invalid */
} mt_s3_failure;

/* Copies the text of the first element of a name as one printable line; "" if it is missing or incomplete. */
void mt_s3_get_element(const char *text, size_t size, const char *name, char *out, size_t capacity);

/* Never fails: fields that cannot be parsed are "". The text may be truncated anywhere. */
void mt_s3_parse_failure(const char *text, size_t size, mt_s3_failure *out);

#endif
