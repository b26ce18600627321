/* SPDX-License-Identifier: BSD-3-Clause */
/* The context: threads, the cache of decoded chunks, limits and the allocator, shared by the stacks opened in it.
 *
 * Everywhere a context is asked for, NULL means the default one, which is made on first use with default options. */
#ifndef MICROTOME_CONTEXT_H
#define MICROTOME_CONTEXT_H

#include <microtome/status.h>
#include <microtome/stores.h>

#include <stddef.h>
#include <stdint.h>

MT_BEGIN_DECLS

/* What a file may make us do. Zero means the default, given behind each. Hitting one is MT_E_LIMIT, naming the field. */
typedef struct mt_limits {
    size_t max_metadata_bytes; /* parsed metadata of one image, parsed values of one JSON document: 256 MiB */
    size_t max_json_bytes;     /* one JSON document: 64 MiB */
    size_t max_json_depth;     /* 64 */
    size_t max_xml_bytes;      /* one XML document: 64 MiB */
    size_t max_xml_depth;      /* 64 */
    size_t max_dimensions;     /* 16, which is also the most */
    size_t max_pages;          /* TIFF directories: 16,777,216 */
    size_t max_chunk_bytes;    /* one chunk, decoded: 1 GiB */
    size_t max_zip_bytes;      /* the directory of a zip archive: 256 MiB */
    size_t max_zip_members;    /* 4,194,304 */
    size_t max_norange_bytes;  /* one object of a web server that cannot send parts of it; it is then kept: 64 MiB */
    size_t reserved[8];        /* 0 */
} mt_limits;

/* resize(user, NULL, 0, n) allocates, resize(user, p, n, 0) frees and returns NULL. Must be thread-safe. */
typedef struct mt_allocator {
    void *(*resize)(void *user, void *memory, size_t old_size, size_t new_size);
    void *user;
} mt_allocator;

#define MT_NO_CACHE ((int64_t)-1)

typedef struct mt_context_options {
    size_t struct_size; /* sizeof(mt_context_options) */
    unsigned threads;   /* threads that decode, the caller's included; 0: one for each processor of the process */
    /* The budget of memory in bytes: decoded chunks that are kept, and beside them what is being worked on (encoded
     * chunks, buffers, reads in flight), which makes chunks give way. A chunk larger than the budget is worked on alone. 0:
     * an eighth of the memory that this process may use (its control group's limit counts); an eighth of that in a
     * process that was forked by one that had a context, and with is_worker. MT_NO_CACHE: keep no chunk, and take as
     * little as goes. On top come a few megabytes, and what the caller passes. */
    int64_t cache_bytes;
    int allow_mmap;         /* map files instead of reading them. A file that is cut while mapped kills the process. */
    mt_limits limits;       /* zero fields: the defaults */
    mt_allocator allocator; /* zero: malloc and free */
    unsigned in_flight;     /* reads at once in each store; 0: as many as the kind of store serves well */
    int is_worker;          /* one of several processes that read: the default budget is an eighth of the usual one */
    mt_http_options http;   /* zero fields: the defaults */
    mt_s3_options s3;       /* likewise */
    /* A folder in which blocks of remote objects are kept, for other processes and later ones, too; made if its parent is
     * there, and then for this user alone. An object is asked for once in a process, to see that it is the one that was
     * kept. NULL: none. */
    const char *disk_cache;
    uint64_t disk_cache_bytes; /* the most that lie in it, about; 0: 16 GiB; those used longest ago are removed */
} mt_context_options;

typedef struct mt_context mt_context;

/* Makes a context. options may be NULL. The caller closes it with mt_context_free. */
MT_API MT_MUST_CHECK mt_status mt_context_new(const mt_context_options *options, mt_context **out, mt_error *err);

/* Sets the options of the default context. MT_E_ARGUMENT once it is in use. Not thread-safe: call it first. */
MT_API MT_MUST_CHECK mt_status mt_context_set_default(const mt_context_options *options, mt_error *err);

/* Gives the context up; it lives on until the last stack and list of names made in it is closed. NULL is allowed. */
MT_API void mt_context_free(mt_context *context);

/* What has been done in a context since it was made or since the counters were last reset. */
typedef struct mt_counters {
    uint64_t patches;         /* patch requests answered */
    uint64_t bytes_delivered; /* bytes of these patches, in the stored type */
    uint64_t ranges;          /* byte ranges read from stores */
    uint64_t bytes_fetched;   /* bytes of those */
    uint64_t chunks_decoded;  /* chunks that went through their codecs, or raw blocks that were read for the cache */
    uint64_t bytes_decoded;   /* bytes that came out */
    uint64_t chunks_missing;  /* chunks that are not stored and were filled */
    uint64_t cache_hits;      /* chunks found decoded */
    uint64_t cache_bytes;     /* bytes in the cache now */
    uint64_t memory_bytes;    /* bytes allocated now */
    uint64_t memory_peak;     /* the most that were allocated at once */
    uint64_t reserved[8];     /* 0 */
} mt_counters;

/* Thread-safe; a snapshot, not one instant, while other threads work. */
MT_API void mt_context_get_counters(mt_context *context, mt_counters *out);

/* Sets the counters to zero (memory_peak to memory_bytes). */
MT_API void mt_context_reset_counters(mt_context *context);

/* Drops every decoded chunk that is not in use, indices of files, and idle buffers. */
MT_API void mt_context_drop_cache(mt_context *context);

MT_END_DECLS

#endif
