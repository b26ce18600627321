/* SPDX-License-Identifier: BSD-3-Clause */
/* Images that are folders, where a store does not tell folders from objects, or cannot list. What such folders are named
 * and hold is the formats' knowledge: the context passes it down in mt_env.folder_kind. */
#ifndef MT_STORE_FOLDER_KIND_H
#define MT_STORE_FOLDER_KIND_H

#include "store/store.h"

/* Both are lists with commas: "zarr", and the keys of documents of which a folder has at least one. */
typedef struct mt_folder_kind {
    const char *suffixes, *documents; /* separated by commas */
} mt_folder_kind;

/* Whether a path looks like such a folder: it has the suffix of one, or lies in one and has no suffix. */
bool mt_folder_is_named(const mt_env *env, const char *path);

/* Whether a folder ("" or "a/b") has a document of any kind: all are asked for together. */
bool mt_folder_has_document(mt_store *store, mt_arena *arena, const char *folder);

#endif
