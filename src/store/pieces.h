/* SPDX-License-Identifier: BSD-3-Clause */
/* A bounded table of known objects of a store: sizes, missing objects, and pieces of bytes. Not thread-safe: the owner
 * (store/blocks.h) locks it. */
#ifndef MT_STORE_PIECES_H
#define MT_STORE_PIECES_H

#include "base/env.h"

#include <stdbool.h>

#define MT_NO_OBJECT UINT32_MAX

typedef struct mt_known_object {
    char *key;           /* NULL: the slot is free */
    uint64_t hash, size; /* of key; bytes, or MT_SIZE_UNKNOWN */
    bool is_missing;     /* the store does not have the object */
    size_t bytes;        /* bytes of all its pieces */
    uint64_t next;       /* end of the last read: a read from here is sequential */
    size_t ahead;        /* bytes of that read */
} mt_known_object;

/* Bytes of an object from one read. */
typedef struct mt_piece {
    uint32_t object;   /* slot in objects */
    uint64_t start;    /* first byte in the object */
    size_t size, room; /* bytes in use and allocated */
    uint8_t *bytes;    /* owned by the piece */
    uint64_t last_use; /* value of clock */
} mt_piece;

typedef struct mt_pieces {
    mt_env *env;                                  /* memory */
    size_t most_pieces, most_bytes, object_bytes; /* limits: pieces, bytes of all objects, bytes of one object */
    size_t n_objects, n_pieces, bytes;            /* in use; bytes: of all pieces */
    size_t hint;                                  /* the piece that answered last */
    uint64_t clock;                               /* counter of uses */
    bool forgot;                                  /* some objects were dropped */
    mt_piece *pieces;                             /* stored after the objects */
    uint32_t room;                                /* slots for objects, a power of two */
    mt_known_object objects[];                    /* hash table of room slots */
} mt_pieces;

/* room, the number of slots for objects, is a power of two; all objects are dropped when three quarters are in use. */
MT_MUST_CHECK mt_status mt_pieces_new(mt_env *env, uint32_t room, size_t most_pieces, size_t most_bytes,
                                      size_t object_bytes, mt_pieces **out, mt_error *err);
void mt_pieces_free(mt_pieces *t);
/* Reduces the limit on bytes. */
void mt_pieces_shrink(mt_pieces *t, size_t most_bytes);

/* Finds the object of a key; MT_NO_OBJECT if unknown. */
uint32_t mt_pieces_find(const mt_pieces *t, const char *key);
/* Finds or adds the object of a key. MT_NO_OBJECT: out of memory. */
uint32_t mt_pieces_enter(mt_pieces *t, const char *key);
/* Adds a piece: takes ownership of bytes, of room bytes, of which size are valid. Drops the least recently used
 * pieces. */
void mt_pieces_add(mt_pieces *t, uint32_t of, uint64_t start, uint8_t *bytes, size_t size, size_t room);
/* Copies known bytes from offset on (out NULL: only counts); returns their number. */
size_t mt_pieces_copy(mt_pieces *t, uint32_t of, uint64_t offset, uint8_t *out, size_t size);

#endif
