/* SPDX-License-Identifier: BSD-3-Clause */
/* Saved maps: a chunk map as bytes, and back.
 *
 * Little-endian; numbers are varints (base/buffer.h) unless a size is given. A head of 24 bytes: the magic, a version
 * (u32), the CRC-32C of what follows (u32) and its length (u64). Then: flags, names, the objects with their identities,
 * the chains, the fields of the map, and where its chunks lie: one piece, a table, boxes, or what the format itself
 * writes. Places are stored as differences to those before. The version counts up with each change; there is no other
 * compatibility.
 *
 * What is read from a saved map is checked like a file of any format. */
#ifndef MT_FORMAT_SAVED_SAVED_H
#define MT_FORMAT_SAVED_SAVED_H

#include "format/format.h"

/* What a map was made of. */
typedef struct mt_saved_source {
    const char *key;              /* of the file or folder in the store */
    const char *selection;        /* as it stood behind '#' */
    bool depth_view, use_masks;   /* options that change what a format maps */
    const char *const *documents; /* objects with metadata, which are checked before the first read */
    size_t n_documents;           /* entries of documents */
} mt_saved_source;

/* Finds all chunks of the map (which may read the store), and identifies its objects. MT_E_LIMIT for more chunks than fit
 * into max_metadata_bytes. */
MT_MUST_CHECK mt_status mt_map_write(const mt_chunk_map *map, const mt_saved_source *source, mt_buffer *out,
                                     mt_error *err);

/* Makes the map for a file or folder of this key; reads nothing from the store. Before its first chunk is located the
 * documents are checked, and the other objects when they are first needed: MT_E_CHANGED if one is not what it was. These
 * checks are made once an object, one after the other, and block also while locate collects (store/collect.h). bytes
 * are not needed any more afterwards; strings of source live in the arena of the map; it names no documents. */
MT_MUST_CHECK mt_status mt_map_read(mt_env *env, mt_store *store, const char *key, const uint8_t *bytes, size_t size,
                                    mt_chunk_map **out, mt_saved_source *source, mt_error *err);

/* A key under its new name, in the arena; NULL as arenas do. */
char *mt_key_rename(const mt_renaming *renaming, const char *key, mt_arena *arena, mt_error *err);

/* Shared by both directions. */
#define MT_SAVED_MAGIC "\x89mtmap\r\n"
enum { MT_SAVED_HEAD = 24, MT_SAVED_VERSION = 2 };
enum { MT_SAVED_BIG_ENDIAN = 1, MT_SAVED_DEPTH_VIEW = 2, MT_SAVED_MASKS = 4 };
typedef enum mt_saved_layout { MT_SAVED_PIECE = 1, MT_SAVED_TABLE, MT_SAVED_BOXES, MT_SAVED_OWN } mt_saved_layout;
/* What begins a chunk of the table. A missing one stands for a number of them, which follows. */
enum {
    MT_SAVED_MISSING = 1,
    MT_SAVED_OTHER_OBJECT = 2,
    MT_SAVED_OTHER_CHAIN = 4,
    MT_SAVED_WHOLE = 8, /* the size is that of the object */
    MT_SAVED_ABSENT_IS_FILL = 16
};

/* Where a chunk lies. */
typedef struct mt_saved_ref {
    uint64_t offset, size;               /* bytes in the object */
    uint32_t object;                     /* index in the list of objects */
    uint16_t chain;                      /* index in the list of chains */
    bool missing, absent_is_fill, whole; /* whole: size does not count */
} mt_saved_ref;

#endif
