/* SPDX-License-Identifier: BSD-3-Clause */
/* The XML that S3 answers with. Source: Amazon S3 API Reference, ListObjectsV2 and "Error responses". */
#ifndef MT_STORE_S3_DOCUMENTS_H
#define MT_STORE_S3_DOCUMENTS_H

#include "base/arena.h"

#include <stdbool.h>

/* Names directly below a prefix, in an arena. */
typedef struct mt_s3_names {
    mt_arena *arena;    /* of names */
    const char **names; /* NUL-terminated */
    size_t n, capacity; /* entries in use and allocated */
} mt_s3_names;

/* Adds the names of one page of a listing. prefix is "" or ends with '/'. *next is the token of the next page, in the
 * arena of the names, NULL behind the last. Fails for what is not a listing, or not one below the prefix; an object whose
 * name has an empty, "." or ".." segment has no key of ours, and is left out. */
MT_MUST_CHECK mt_status mt_s3_parse_page(mt_s3_names *names, const char *text, size_t size, const char *prefix,
                                         const char **next, mt_error *err);

/* Sorts the names in byte order, each once. */
void mt_s3_sort_names(mt_s3_names *names);

/* An answer that says what went wrong. */
typedef struct mt_s3_failure {
    char code[64];     /* "NoSuchKey"; "" if the text is not such a document */
    char message[192]; /* one line */
    char region[64];   /* where the bucket is; "" if it is not said, or is not a region */
} mt_s3_failure;

/* Never fails: what cannot be understood is "". The text may be cut anywhere, as the beginnings of answers are. */
void mt_s3_parse_failure(const char *text, size_t size, mt_s3_failure *out);

#endif
