/* SPDX-License-Identifier: BSD-3-Clause */
/* A store: key + offset + length -> bytes.
 *
 * A key is a relative path of segments with '/'; "" is the object of a store that is a single file. A key with an
 * empty, "." or ".." segment, or a leading '/', is refused (MT_E_ARGUMENT), so that nothing outside the store can be
 * reached. All functions except close are thread-safe. Reads are positional: there is no cursor. */
#ifndef MT_STORE_STORE_H
#define MT_STORE_STORE_H

#include "base/arena.h"
#include "store/identity.h"

#include <stdatomic.h>
#include <stdbool.h>

typedef struct mt_range {
    uint64_t offset; /* first byte in the object */
    size_t size;     /* bytes */
    void *out;       /* size bytes; of the caller */
} mt_range;

typedef mt_status (*mt_store_visit)(void *user, const char *name, mt_error *err);
/* size: in bytes, of the object. */
typedef mt_status (*mt_store_visit_sized)(void *user, const char *key, uint64_t size, mt_error *err);

typedef struct mt_store mt_store;

/* The identity of an object or folder in its store: two keys with equal places refer to the same one. */
typedef struct mt_place {
    uint64_t a, b; /* device and inode, or their equivalent */
} mt_place;

typedef enum mt_request_kind {
    MT_READ_RANGE, /* exactly size bytes at offset */
    MT_READ_SOME,  /* size bytes at offset, fewer if the object ends before */
    /* the last size bytes of the object, or all of it if it is shorter; size 0 requests object_size only */
    MT_READ_TAIL,
    MT_READ_WHOLE /* the whole object; MT_E_LIMIT, with object_size set, if it has more than size bytes */
} mt_request_kind;

/* An asynchronous read. The caller sets the first part, owns the struct, key and out, and must not change them until
 * done is called. The store retries transient failures itself. */
typedef struct mt_request mt_request;
struct mt_request {
    const char *key;      /* of the object */
    mt_request_kind kind; /* which bytes to read */
    uint64_t offset;      /* first byte, for ranges */
    size_t size;          /* bytes; for a whole object the upper bound */
    /* Buffer of size bytes. NULL for a whole object: the store allocates it, and the caller frees it with
     * mt_release(env, out, capacity), also after a failure. */
    void *out;
    void (*done)(mt_request *request); /* called once, from any thread, also before submit returns; must not block */
    void *user;                        /* of the caller */
    const void *owner;                 /* key for cancellation */

    /* The outcome, valid once done is called. MT_E_NOT_FOUND only if the object certainly does not exist. */
    mt_status status;
    mt_error error;
    size_t n_read;        /* bytes in out */
    size_t capacity;      /* bytes of out if the store allocated it */
    uint64_t object_size; /* size of the object; for MT_READ_RANGE 0 if unknown */

    /* Private to the store while the request is in flight. */
    mt_store *store;
    mt_request *next;
    void *state;
};

/* The costs of reads, by which the engine merges ranges and limits the number in flight. */
typedef struct mt_store_costs {
    unsigned in_flight;  /* concurrent reads that the store serves well; 0 means 1 */
    unsigned io_threads; /* concurrent reads if each blocks a thread, for stores without submit */
    size_t gap;          /* bytes between two ranges that are cheaper to read than to skip */
    size_t cold_gap;     /* the same if data comes from the device, not from a cache */
    size_t most_joined;  /* bytes of the longest merged read */
    size_t request;      /* cost of a request, in bytes of sequential reading */
    bool is_slow;        /* network: reading again is expensive */
    bool is_memory;      /* objects are in memory or mapped: view returns them */
} mt_store_costs;

typedef struct mt_store_ops {
    /* The size of an object. MT_E_NOT_FOUND only if it certainly does not exist. */
    mt_status (*size)(mt_store *store, const char *key, uint64_t *out, mt_error *err);
    /* Fills all ranges exactly; MT_E_CORRUPT if the object ends before. Optional if there is submit. */
    mt_status (*read)(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err);
    /* Optional: the object in memory, valid until close; NULL if it is not in memory. */
    const uint8_t *(*view)(mt_store *store, const char *key, uint64_t *size);
    /* Optional: as read, but only if this need not wait for a device or network: returns true, with the outcome in
     * *status and err. Else returns false; the contents of the ranges are undefined. */
    bool (*read_now)(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *status,
                     mt_error *err);
    /* Optional: announces that a range will be read soon. Must not block. */
    void (*advise)(mt_store *store, const char *key, uint64_t offset, uint64_t size);
    /* Optional: starts a request and returns. Without it, I/O threads perform requests with size and read. */
    void (*submit)(mt_store *store, mt_request *request);
    /* Optional, with submit: cancels the requests of an owner; done is called with MT_E_CANCELLED or with the
     * outcome. */
    void (*cancel)(mt_store *store, const void *owner);
    /* Names directly below a prefix ("" or "a/b"), in byte order. A missing prefix has none. NULL, or MT_E_UNSUPPORTED:
     * the store cannot list. */
    mt_status (*list)(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err);
    /* Optional, if listings may be long: visits about 1,000 names in any order. */
    mt_status (*sample)(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err);
    /* Optional: whether another store of this kind is the same one under another name. */
    bool (*is_same)(const mt_store *store, const mt_store *other);
    /* Optional: the identity of an object or folder, independent of links. False if unknown. */
    bool (*get_place)(mt_store *store, const char *key, mt_place *out);
    /* Optional: the identity of an object over time (store/identity.h). Statuses as for size. */
    mt_status (*identify)(mt_store *store, const char *key, mt_identity *out, mt_error *err);
    /* Optional, for stores with caches: drops the cached bytes of a range (size UINT64_MAX: to the end), so that the
     * next read fetches them anew. */
    void (*forget)(mt_store *store, const char *key, uint64_t offset, uint64_t size);
    void (*close)(mt_store *store);
} mt_store_ops;

/* Reads of the engine's fetch stage in a store; guarded by its lock. */
typedef struct mt_lane {
    struct mt_flight *first, *last; /* queue of reads that wait */
    unsigned in_flight;             /* requests */
    bool is_listed;                 /* the fetch stage has the store in its list */
    unsigned forks;                 /* value of the fetch stage's fork counter; if it differs, the lane is stale */
    mt_store *next;                 /* in that list */
} mt_lane;

/* A store embeds this as its first member. */
struct mt_store {
    const mt_store_ops *ops; /* of the implementation */
    mt_env *env;             /* memory, limits and caches */
    char *url;               /* path or URL for messages and the source of stacks; owned by the implementation */
    uint64_t place;          /* hash of what url omits: a query, which may be secret, an endpoint; 0: nothing */
    mt_store_costs costs;    /* set when the store is opened */
    bool is_front;           /* reads go through another store, which counts them */
    bool is_archive;         /* objects are members of an archive */
    /* If not NULL, all calls are forwarded to this store. Set once, by a front that is no longer needed
     * (store/blocks.h). */
    _Atomic(mt_store *) through;
    mt_lane lane;
};

/* A folder. Its files stay open as long as those of the env have room for them. */
MT_MUST_CHECK mt_status mt_store_open_folder(mt_env *env, const char *path, mt_store **out, mt_error *err);

/* One object in memory, whose key is name; bytes are borrowed. */
MT_MUST_CHECK mt_status mt_store_open_memory(mt_env *env, const char *name, const void *bytes, size_t size,
                                             mt_store **out, mt_error *err);
void mt_store_close(mt_store *store);

/* The store that serves the calls: this one, or the one behind a front that is no longer needed. */
static inline mt_store *mt_store_target(mt_store *store)
{
    mt_store *through = atomic_load_explicit(&store->through, memory_order_acquire);
    return through ? through : store;
}

/* The operations, with a check of the key, counters, and the name of the object in errors. */
MT_MUST_CHECK mt_status mt_store_size(mt_store *store, const char *key, uint64_t *out, mt_error *err);
MT_MUST_CHECK mt_status mt_store_read(mt_store *store, const char *key, const mt_range *ranges, size_t n,
                                      mt_error *err);
MT_MUST_CHECK mt_status mt_store_read_at(mt_store *store, const char *key, uint64_t offset, void *out, size_t size,
                                         mt_error *err);
/* Reads the last size bytes of an object (*n_read, fewer if it is shorter) and its size in one round trip. */
MT_MUST_CHECK mt_status mt_store_read_tail(mt_store *store, const char *key, void *out, size_t size, size_t *n_read,
                                           uint64_t *object_size, mt_error *err);
/* The same for the first size bytes. */
MT_MUST_CHECK mt_status mt_store_read_start(mt_store *store, const char *key, void *out, size_t size, size_t *n_read,
                                            uint64_t *object_size, mt_error *err);

/* The identity of an object (store/identity.h). MT_E_UNSUPPORTED: the store cannot detect changes. */
MT_MUST_CHECK mt_status mt_store_identify(mt_store *store, const char *key, mt_identity *out, mt_error *err);

/* Reports that the bytes of a range (size UINT64_MAX: to the end of the object) are damaged: cached copies are dropped.
 * May wait for a disk. */
void mt_store_forget(mt_store *store, const char *key, uint64_t offset, uint64_t size);

/* As mt_store_read, but only if this need not wait: returns true, with the outcome in *status and err. */
bool mt_store_read_now(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *status,
                       mt_error *err);

/* The number of concurrent reads for the store: that of the context, else its own; at least 1. */
unsigned mt_store_in_flight(const mt_store *store);

/* Announces that a range will be read soon. Does not block. */
void mt_store_advise(mt_store *store, const mt_request *request);

/* Starts a request; the outcome is always delivered through done. The caller limits the number in flight. */
void mt_store_submit(mt_store *store, mt_request *request);

/* Cancels the requests of an owner if the store can: done is called with MT_E_CANCELLED or with the outcome. */
void mt_store_cancel(mt_store *store, const void *owner);

/* Performs n requests, as many at once as the store serves well, and waits for all. Uses their done and user. Each
 * request has its own status; returns the first failure, or MT_OK. */
MT_MUST_CHECK mt_status mt_store_perform(mt_store *store, mt_request *requests, size_t n, mt_error *err);

const uint8_t *mt_store_view(mt_store *store, const char *key, uint64_t *size);
MT_MUST_CHECK mt_status mt_store_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user,
                                      mt_error *err);
/* Visits up to about 1,000 names in any order, at bounded cost. */
MT_MUST_CHECK mt_status mt_store_sample(mt_store *store, const char *prefix, mt_store_visit visit, void *user,
                                        mt_error *err);

/* Whether both are the same store, even if reached by different links. */
bool mt_store_is_same(const mt_store *a, const mt_store *b);

/* The place of a key. False: unknown; different keys then count as different places. */
bool mt_store_get_place(const mt_store *store, const char *key, mt_place *out);

/* For implementations of stores: MT_E_ARGUMENT for an invalid key; and counts n requests of so many bytes, which
 * implementations of submit must do. */
MT_MUST_CHECK mt_status mt_store_check_key(const char *key, mt_error *err);
void mt_store_count(mt_store *store, uint64_t n, uint64_t bytes);

/* Joins a folder, of so many bytes, and a path relative to it to a key without "." and ".."; empty if they lead out of the
 * store. */
MT_MUST_CHECK mt_status mt_key_join(mt_arena *arena, const char *folder, size_t folder_bytes, const char *path,
                                    const char **out, mt_error *err);

/* For implementations whose submit supports only some requests: performs one with size and read, in an I/O thread if
 * there is one. */
void mt_store_submit_blocking(mt_store *store, mt_request *request);

/* Loads a whole object of at most limit bytes (else MT_E_LIMIT, naming limit_name) into the arena, NUL-terminated. */
MT_MUST_CHECK mt_status mt_store_load(mt_store *store, const char *key, size_t limit, const char *limit_name,
                                      mt_arena *arena, char **out, size_t *size, mt_error *err);

#endif
