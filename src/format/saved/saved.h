/* SPDX-License-Identifier: BSD-3-Clause */
/* Saved maps: a chunk map as bytes, and back.
 *
 * Little-endian; numbers are varints (base/buffer.h) unless a size is given. A head of 24 bytes: the magic, a version
 * (u32), the CRC-32C of what follows (u32) and its length (u64). Then: flags, names, the objects with their identities,
 * the chains, the fields of the map, and the locations of its chunks: contiguous data, a table, boxes, or data written
 * by the format. Offsets are stored as differences. Each change increments the version; other versions are refused.
 *
 * A saved map is untrusted input and checked like any file. */
#ifndef MT_FORMAT_SAVED_SAVED_H
#define MT_FORMAT_SAVED_SAVED_H

#include "format/format.h"

/* The source of a map. */
typedef struct mt_saved_source {
    const char *key;                                 /* of the file or folder in the store */
    const char *selection;                           /* part after '#' */
    bool depth_view, use_masks, scaled, merge_tiles; /* options that affect the map */
    const char *const *documents; /* keys of objects with metadata, which are checked before the first read */
    size_t n_documents;           /* entries of documents */
    const mt_identity *identity;  /* when read: of the file, or of the document of the map; NULL: not known */
    const char *members;          /* the identity of the other files, of printable ASCII (stack/members.c); or NULL */
} mt_saved_source;

/* Locates all chunks of the map, which may read the store, and identifies its objects. MT_E_LIMIT if the chunks do not
 * fit in max_metadata_bytes. */
MT_MUST_CHECK mt_status mt_map_write(const mt_chunk_map *map, const mt_saved_source *source, mt_buffer *out,
                                     mt_error *err);

/* Makes the map for the file or folder of this key without reading the store. Documents are checked before the first
 * chunk is located, other objects when they are first needed: MT_E_CHANGED if one has changed. Each object is checked
 * once; the checks run one after the other and block even while locate collects (store/collect.h). bytes may be freed
 * afterwards. What source points to lives in the arena of the map; source->documents is not set. */
MT_MUST_CHECK mt_status mt_map_read(mt_env *env, mt_store *store, const char *key, const uint8_t *bytes, size_t size,
                                    mt_chunk_map **out, mt_saved_source *source, mt_error *err);

/* A key after renaming, in the arena; NULL if out of memory. */
char *mt_key_rename(const mt_renaming *renaming, const char *key, mt_arena *arena, mt_error *err);

/* Shared by reader and writer. */
#define MT_SAVED_MAGIC "\x89mtmap\r\n"
enum { MT_SAVED_HEAD = 24, MT_SAVED_VERSION = 6, MT_SAVED_MEMBERS = 3072 /* most bytes of members */ };
enum {
    MT_SAVED_BIG_ENDIAN = 1,
    MT_SAVED_DEPTH_VIEW = 2,
    MT_SAVED_MASKS = 4,
    MT_SAVED_SCALED = 8,
    MT_SAVED_MERGED = 16
};
typedef enum mt_saved_layout { MT_SAVED_PIECE = 1, MT_SAVED_TABLE, MT_SAVED_BOXES, MT_SAVED_OWN } mt_saved_layout;
/* Flags at the start of a chunk of the table. A missing chunk is followed by a run length. */
enum {
    MT_SAVED_MISSING = 1,
    MT_SAVED_OTHER_OBJECT = 2,
    MT_SAVED_OTHER_CHAIN = 4,
    MT_SAVED_WHOLE = 8, /* the size is that of the object */
    MT_SAVED_ABSENT_IS_FILL = 16
};

/* The location of a chunk. */
typedef struct mt_saved_ref {
    uint64_t offset, size;               /* bytes in the object */
    uint32_t object;                     /* index in the list of objects */
    uint16_t chain;                      /* index in the list of chains */
    bool missing, absent_is_fill, whole; /* whole: the size is that of the object */
} mt_saved_ref;

#endif
