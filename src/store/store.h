/* SPDX-License-Identifier: BSD-3-Clause */
/* A store: key + offset + length -> bytes.
 *
 * A key is a relative path of segments with '/'; "" is the store's own object where the store is one file. A key with
 * an empty, "." or ".." segment, or one that starts with '/', is refused (MT_E_ARGUMENT): nothing outside is reached.
 * All functions but close are thread-safe. Reads are positional: there is no cursor. */
#ifndef MT_STORE_STORE_H
#define MT_STORE_STORE_H

#include "base/arena.h"

#include <stdbool.h>

typedef struct mt_range {
    uint64_t offset;
    size_t size;
    void *out;
} mt_range;

typedef mt_status (*mt_store_visit)(void *user, const char *name, mt_error *err);

typedef struct mt_store mt_store;
typedef struct mt_store_ops {
    /* Bytes of an object. MT_E_NOT_FOUND only where it is certain that there is none. */
    mt_status (*size)(mt_store *store, const char *key, uint64_t *out, mt_error *err);
    /* Fills all ranges exactly; MT_E_CORRUPT where the object ends before. */
    mt_status (*read)(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err);
    /* Optional: the object where it lies in memory, valid until close; NULL if it does not. */
    const uint8_t *(*view)(mt_store *store, const char *key, uint64_t *size);
    /* Names directly below a prefix ("" or "a/b"), in byte order. A prefix that is not there has none. */
    mt_status (*list)(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err);
    void (*close)(mt_store *store);
} mt_store_ops;

/* A store embeds this as its first member. */
struct mt_store {
    const mt_store_ops *ops;
    mt_env *env;
    char *url; /* for messages and for the source of stacks: the path, owned by the implementation */
    /* Gaps of at most this many bytes between two ranges are cheaper to read than to skip. */
    size_t merge_gap;
};

/* A folder. Its files stay open as long as those of the env have room for them. */
MT_MUST_CHECK mt_status mt_store_open_folder(mt_env *env, const char *path, mt_store **out, mt_error *err);

/* One object in memory, whose key is name; bytes are borrowed. */
MT_MUST_CHECK mt_status mt_store_open_memory(mt_env *env, const char *name, const void *bytes, size_t size,
                                             mt_store **out, mt_error *err);
void mt_store_close(mt_store *store);

/* The ops with key check, counters and, in errors, the name of the object. */
MT_MUST_CHECK mt_status mt_store_size(mt_store *store, const char *key, uint64_t *out, mt_error *err);
MT_MUST_CHECK mt_status mt_store_read(mt_store *store, const char *key, const mt_range *ranges, size_t n,
                                      mt_error *err);
MT_MUST_CHECK mt_status mt_store_read_at(mt_store *store, const char *key, uint64_t offset, void *out, size_t size,
                                         mt_error *err);
const uint8_t *mt_store_view(mt_store *store, const char *key, uint64_t *size);
MT_MUST_CHECK mt_status mt_store_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user,
                                      mt_error *err);

/* A whole object of at most limit bytes (else MT_E_LIMIT, naming limit_name), with a NUL behind it, in the arena. */
MT_MUST_CHECK mt_status mt_store_load(mt_store *store, const char *key, size_t limit, const char *limit_name,
                                      mt_arena *arena, char **out, size_t *size, mt_error *err);

#endif
