/* SPDX-License-Identifier: BSD-3-Clause */
/* Zip archives, read as stores. Source: PKWARE's APPNOTE.TXT 6.3.10; section numbers 4.x refer to it.
 *
 * The central directory is read once, checked as a whole and kept; an index of 16 bytes per member locates its record
 * and, once its local header was read, its data. */
#ifndef MT_STORE_ZIP_ZIP_H
#define MT_STORE_ZIP_ZIP_H

#include "platform/thread.h"
#include "store/inflate.h"

#include <stdatomic.h>

#define ZIP_LOCAL_BYTES 30           /* 4.3.7 */
#define ZIP_CENTRAL_BYTES 46         /* 4.3.12 */
#define ZIP_HEADER_ROOM 2048         /* bytes read for a local header alone */
#define ZIP_NEAR ((size_t)256 << 10) /* members up to this size are read together with the local header */

enum { ZIP_STORED = 0, ZIP_DEFLATED = 8, ZIP_ZSTD = 93 };

/* A record of the central directory. */
typedef struct zip_record {
    const char *name;       /* not terminated */
    size_t name_size;       /* bytes */
    unsigned flags, method; /* 4.4.4, 4.4.5 */
    uint32_t crc;           /* of the decoded bytes */
    uint64_t packed, size;  /* bytes */
    uint64_t local;         /* offset of the local header in the object, including prepended data */
    bool is_link;           /* a symbolic link */
} zip_record;

typedef struct zip_member {
    uint32_t record;       /* offset of its record in the directory */
    uint32_t hash;         /* of the name */
    _Atomic uint64_t data; /* offset of its data in the object; 0: not known yet */
} zip_member;

typedef struct zip_directory {
    mt_env *env;                   /* memory and limits */
    uint8_t *bytes;                /* the directory as stored */
    size_t size;                   /* bytes of it */
    uint64_t at;                   /* offset of the directory in the object */
    uint64_t shift;                /* bytes before the archive, not counted by offsets */
    bool zip64;                    /* the archive has ZIP64 end records */
    uint64_t n_told;               /* members according to the end record */
    uint64_t n_stored, n_deflated; /* compressed bytes of all stored and of all deflated members */
    zip_member *members;           /* in the order of the directory */
    size_t n, room;                /* entries in use and allocated */
    uint32_t *table;               /* hash table: index of the member + 1; 0: free */
    size_t n_table;                /* a power of two */
} zip_directory;

/* Reads and checks the directory; freed with zip_directory_free, also after a failure. */
MT_MUST_CHECK mt_status zip_directory_load(mt_env *env, mt_store *outer, const char *key, zip_directory *out,
                                           mt_error *err);
void zip_directory_free(zip_directory *directory);

/* Finds the end records and reads the directory: sets bytes, size, at, shift, zip64, n_told. */
MT_MUST_CHECK mt_status zip_find_directory(mt_store *outer, const char *key, zip_directory *out, mt_error *err);

/* The record of a member; it was checked before. */
zip_record zip_get_record(const zip_directory *directory, const zip_member *member);

/* The member of a name; NULL: there is none. */
zip_member *zip_find(const zip_directory *directory, const char *name);

/* Whether a name is a folder, which need not have a record. */
bool zip_has_folder(const zip_directory *directory, const char *name);

/* The single folder that contains everything; NULL if there is none. *size is its length. */
const char *zip_top_folder(const zip_directory *directory, size_t *size);

/* The names in listing order, made on first use. */
typedef struct zip_order zip_order;
MT_MUST_CHECK mt_status zip_order_new(const zip_directory *directory, zip_order **out, mt_error *err);
void zip_order_free(mt_env *env, zip_order *order);
MT_MUST_CHECK mt_status zip_order_list(const zip_order *order, const char *prefix, mt_store_visit visit, void *user,
                                       mt_error *err);

#define ZIP_INFLATED 32 /* large deflated members that are open at once */

/* An open deflated member that is too large to be decoded whole for each read. */
typedef struct zip_open_member {
    const zip_member *member; /* NULL: free */
    mt_inflated *inflated;    /* its restart points */
    unsigned users;           /* reads in progress */
    uint64_t last_use;        /* value of zip_store.uses */
} zip_open_member;

typedef struct zip_store {
    mt_store base;                      /* the store that callers see */
    mt_store *outer;                    /* that holds the archive */
    char *key;                          /* key of the archive in outer */
    zip_directory directory;            /* of the archive */
    uint64_t owner;                     /* owner of entries in the index cache */
    mt_lock lock;                       /* guards the fields below */
    zip_order *order;                   /* NULL until names are listed */
    uint64_t uses;                      /* counter of uses */
    zip_open_member open[ZIP_INFLATED]; /* slots */
} zip_store;

/* MT_E_UNSUPPORTED, with the reason, if a member cannot be read. */
MT_MUST_CHECK mt_status zip_check_member(const zip_record *record, mt_error *err);

/* Bytes that contain the local header if its extra field has at most 1 kB. */
size_t zip_header_bytes(const zip_store *zip, const zip_record *record);

/* Checks a local header, of which n bytes (at least 30) are given, and records the offset of the data. */
MT_MUST_CHECK mt_status zip_take_header(zip_store *zip, const zip_record *record, zip_member *member,
                                        const uint8_t *bytes, size_t n, mt_error *err);

/* Verifies the checksum of a whole member. */
MT_MUST_CHECK mt_status zip_check_crc(const zip_record *record, const void *bytes, mt_error *err);

/* Reads [offset, offset + size), which lies in the member, in this thread. */
MT_MUST_CHECK mt_status zip_read_part(zip_store *zip, zip_member *member, const mt_range *range, mt_error *err);

/* The same for a compressed member that is decoded in the cache. */
bool zip_try_packed(zip_store *zip, const zip_member *member, const mt_range *range);

/* Drops the decoded pieces of a large deflated member. Small ones are verified by their checksum. */
void zip_forget_packed(zip_store *zip, const zip_member *member);

void zip_close_members(zip_store *zip);

#endif
