/* SPDX-License-Identifier: BSD-3-Clause */
/* Recognises images that are folders in stores that cannot tell folders from objects, or cannot list. The suffixes and
 * documents of such folders come from the formats, through mt_env.folder_kind. */
#ifndef MT_STORE_FOLDER_KIND_H
#define MT_STORE_FOLDER_KIND_H

#include "store/store.h"

/* A kind of image that is a folder: suffixes such as "zarr", and keys of documents of which a folder has at least
 * one. */
typedef struct mt_folder_kind {
    const char *suffixes, *documents; /* separated by commas */
} mt_folder_kind;

/* Whether a path looks like such a folder: it has the suffix, or is inside one and has no suffix. */
bool mt_folder_is_named(const mt_env *env, const char *path);

/* Whether a folder ("" or "a/b") has a document of any kind; all are requested together. */
bool mt_folder_has_document(mt_store *store, mt_arena *arena, const char *folder);

#endif
