/* SPDX-License-Identifier: BSD-3-Clause */
/* A store: key + offset + length -> bytes.
 *
 * A key is a relative path of segments with '/'; "" is the store's own object where the store is one file. A key with
 * an empty, "." or ".." segment, or one that starts with '/', is refused (MT_E_ARGUMENT): nothing outside is reached.
 * All functions but close are thread-safe. Reads are positional: there is no cursor. */
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

typedef struct mt_store mt_store;

/* Two keys of one store with the same place are the same object or folder. */
typedef struct mt_place {
    uint64_t a, b; /* device and inode, or what stands for them */
} mt_place;

typedef enum mt_request_kind {
    MT_READ_RANGE, /* exactly size bytes at offset */
    MT_READ_SOME,  /* size bytes at offset, fewer where the object ends before: the first touch of an object */
    MT_READ_TAIL,  /* the last size bytes of the object, or all of it if it is shorter; 0 asks for object_size only */
    MT_READ_WHOLE  /* the whole object; MT_E_LIMIT, with object_size set, if it has more than size bytes */
} mt_request_kind;

/* One read that may be in flight together with others. The caller fills the first part, owns the struct, key and out,
 * and leaves them alone until done has been called. A store retries what is worth it by itself. */
typedef struct mt_request mt_request;
struct mt_request {
    const char *key;      /* of the object */
    mt_request_kind kind; /* which bytes to read */
    uint64_t offset;      /* of a range */
    size_t size;          /* bytes; of a whole object: the most that is accepted */
    /* Where the bytes go, size of them. NULL for a whole object: then the store allocates them, and the caller frees
     * them with mt_release(env, out, capacity), also after a failure. */
    void *out;
    void (*done)(mt_request *request); /* called once, from any thread, also before submit returns; must not block */
    void *user;                        /* of the caller */
    const void *owner;                 /* by which requests are cancelled */

    /* The outcome, valid from done on. MT_E_NOT_FOUND only if it is certain that there is no such object. */
    mt_status status;
    mt_error error;
    size_t n_read;        /* bytes in out */
    size_t capacity;      /* of an out that the store allocated */
    uint64_t object_size; /* of all kinds but MT_READ_RANGE, where 0 says that the store has not learnt it */

    /* The store's, while the request is in flight. */
    mt_store *store;
    mt_request *next;
    void *state;
};

/* What reads cost in a store, by which the engine joins ranges and decides how many are in flight. */
typedef struct mt_store_costs {
    unsigned in_flight;  /* reads at once that it serves well; 0 counts as 1 */
    unsigned io_threads; /* of those, reads that block a thread each, where the store has no submit of its own */
    size_t gap;          /* bytes between two ranges that are cheaper to read than to skip */
    size_t cold_gap;     /* the same if the device has to be waited for */
    size_t most_joined;  /* bytes of the longest read made of several ranges */
    size_t request;      /* bytes of sequential reading that take as long as one more request */
    bool is_slow;        /* to read again costs more than to keep: a network */
    bool is_memory;      /* objects lie in memory, or are mapped into it: view gives them */
} mt_store_costs;

typedef struct mt_store_ops {
    /* Bytes of an object. MT_E_NOT_FOUND only where it is certain that there is none. */
    mt_status (*size)(mt_store *store, const char *key, uint64_t *out, mt_error *err);
    /* Fills all ranges exactly; MT_E_CORRUPT where the object ends before. Optional with submit. */
    mt_status (*read)(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err);
    /* Optional: the object where it lies in memory, valid until close; NULL if it does not. */
    const uint8_t *(*view)(mt_store *store, const char *key, uint64_t *size);
    /* Optional: as read, but only if no device or network has to be waited for: true, and *status and err are the
     * outcome; else false, and what is in the ranges does not count. */
    bool (*read_now)(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *status,
                     mt_error *err);
    /* Optional: says that a range will be asked for soon. Must not block. */
    void (*advise)(mt_store *store, const char *key, uint64_t offset, uint64_t size);
    /* Optional: starts a request, and returns. Without it, requests go through size and read in threads for I/O. */
    void (*submit)(mt_store *store, mt_request *request);
    /* Optional, with submit: ends requests of this owner early; their done is called with MT_E_CANCELLED, or with what
     * they got meanwhile. */
    void (*cancel)(mt_store *store, const void *owner);
    /* Names directly below a prefix ("" or "a/b"), in byte order. A prefix that is not there has none. NULL, or
     * MT_E_UNSUPPORTED: the store cannot list. */
    mt_status (*list)(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err);
    /* Optional, where list may be long: visits some names, about 1,000, in any order. */
    mt_status (*sample)(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err);
    /* Optional: whether another store of this kind is the same place under another name. */
    bool (*is_same)(const mt_store *store, const mt_store *other);
    /* Optional: what a key of an object or folder stands for, by whatever links it is reached. False: not known. */
    bool (*get_place)(mt_store *store, const char *key, mt_place *out);
    /* Optional: by what an object is known again. Statuses are those of size. */
    mt_status (*identify)(mt_store *store, const char *key, mt_identity *out, mt_error *err);
    /* Optional, for stores that keep bytes or have them kept: forgets those of a range (size UINT64_MAX: to the end), so
     * that the next read of it brings them anew. */
    void (*forget)(mt_store *store, const char *key, uint64_t offset, uint64_t size);
    void (*close)(mt_store *store);
} mt_store_ops;

/* What the engine's fetch stage has waiting and in flight in a store; under its lock. */
typedef struct mt_lane {
    struct mt_flight *first, *last; /* queue of reads that wait */
    unsigned in_flight;             /* requests */
    bool is_listed;                 /* the fetch stage has the store in its list */
    unsigned forks;                 /* of the fetch stage when this was written: after another fork it does not count */
    mt_store *next;                 /* in that list */
} mt_lane;

/* A store embeds this as its first member. */
struct mt_store {
    const mt_store_ops *ops; /* of the implementation */
    mt_env *env;             /* memory, limits and caches */
    char *url;               /* for messages and for the source of stacks: the path, owned by the implementation */
    uint64_t place; /* a hash of what url leaves out: a query, which may be a secret, an endpoint. 0: of nothing */
    mt_store_costs costs;    /* set when the store is opened */
    _Atomic unsigned owners; /* beside the first: each mt_store_retain */
    bool is_front;           /* its reads go through another store, which counts them */
    bool is_archive;         /* what it holds are members of an archive */
    /* Not NULL: all that is asked of this store is asked of that one instead. Set once, by a front that has no more to
     * do (store/blocks.h). */
    _Atomic(mt_store *) through;
    mt_lane lane;
};

/* A folder. Its files stay open as long as those of the env have room for them. */
MT_MUST_CHECK mt_status mt_store_open_folder(mt_env *env, const char *path, mt_store **out, mt_error *err);

/* One object in memory, whose key is name; bytes are borrowed. */
MT_MUST_CHECK mt_status mt_store_open_memory(mt_env *env, const char *name, const void *bytes, size_t size,
                                             mt_store **out, mt_error *err);
/* One more owner. The last to close the store ends it. */
mt_store *mt_store_retain(mt_store *store);
void mt_store_close(mt_store *store);

/* The store that answers in place of this one: itself, or the one behind a front that has no more to do. */
static inline mt_store *mt_store_target(mt_store *store)
{
    mt_store *through = atomic_load_explicit(&store->through, memory_order_acquire);
    return through ? through : store;
}

/* The ops with key check, counters and, in errors, the name of the object. */
MT_MUST_CHECK mt_status mt_store_size(mt_store *store, const char *key, uint64_t *out, mt_error *err);
MT_MUST_CHECK mt_status mt_store_read(mt_store *store, const char *key, const mt_range *ranges, size_t n,
                                      mt_error *err);
MT_MUST_CHECK mt_status mt_store_read_at(mt_store *store, const char *key, uint64_t offset, void *out, size_t size,
                                         mt_error *err);
/* Fills the last size bytes of an object (*n_read of them, fewer if it is shorter) and tells its size: one round trip. */
MT_MUST_CHECK mt_status mt_store_read_tail(mt_store *store, const char *key, void *out, size_t size, size_t *n_read,
                                           uint64_t *object_size, mt_error *err);
/* The same of the first size bytes. */
MT_MUST_CHECK mt_status mt_store_read_start(mt_store *store, const char *key, void *out, size_t size, size_t *n_read,
                                            uint64_t *object_size, mt_error *err);

/* By what an object is known again (store/identity.h). MT_E_UNSUPPORTED: the store cannot tell when one has changed. */
MT_MUST_CHECK mt_status mt_store_identify(mt_store *store, const char *key, mt_identity *out, mt_error *err);

/* Says that what a range brought (size UINT64_MAX: to the end of the object) is damaged: what is kept of it is not to be
 * served again. May wait for a disk. */
void mt_store_forget(mt_store *store, const char *key, uint64_t offset, uint64_t size);

/* As mt_store_read, but only if nothing has to be waited for: true, and *status and err are the outcome. */
bool mt_store_read_now(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *status,
                       mt_error *err);

/* How many reads at once the store is to have: the context's number, else its own; at least 1. */
unsigned mt_store_in_flight(const mt_store *store);

/* Says that a range will be asked for soon. Does not block. */
void mt_store_advise(mt_store *store, const mt_request *request);

/* Starts a request; its outcome always comes with done. How many are in flight is the caller's business. */
void mt_store_submit(mt_store *store, mt_request *request);

/* Ends requests of this owner early if the store can: their done is called with MT_E_CANCELLED, or with what they got. */
void mt_store_cancel(mt_store *store, const void *owner);

/* Does n requests, as many at once as the store serves well, and returns when all have their outcome. done and user of
 * each are used for this. Each request has its own status; what is returned is the first failure, or MT_OK. */
MT_MUST_CHECK mt_status mt_store_perform(mt_store *store, mt_request *requests, size_t n, mt_error *err);

const uint8_t *mt_store_view(mt_store *store, const char *key, uint64_t *size);
MT_MUST_CHECK mt_status mt_store_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user,
                                      mt_error *err);
/* Some of the names, about 1,000 if there are so many, at a bounded cost. The order may be any. */
MT_MUST_CHECK mt_status mt_store_sample(mt_store *store, const char *prefix, mt_store_visit visit, void *user,
                                        mt_error *err);

/* Whether both are the same place, even if reached by different links. */
bool mt_store_is_same(const mt_store *a, const mt_store *b);

/* The place of a key. False: the store cannot tell, and different keys are to be taken for different places. */
bool mt_store_get_place(const mt_store *store, const char *key, mt_place *out);

/* For those who write stores: MT_E_ARGUMENT for a key that is not a path inside a store; and counting n requests that
 * brought so many bytes, which submit does for itself. */
MT_MUST_CHECK mt_status mt_store_check_key(const char *key, mt_error *err);
void mt_store_count(mt_store *store, uint64_t n, uint64_t bytes);

/* For those whose submit can start some requests only: does one by size and read, in a thread for I/O if there is one. */
void mt_store_submit_blocking(mt_store *store, mt_request *request);

/* A whole object of at most limit bytes (else MT_E_LIMIT, naming limit_name), with a NUL behind it, in the arena. */
MT_MUST_CHECK mt_status mt_store_load(mt_store *store, const char *key, size_t limit, const char *limit_name,
                                      mt_arena *arena, char **out, size_t *size, mt_error *err);

#endif
