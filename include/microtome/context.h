/* SPDX-License-Identifier: BSD-3-Clause */
/* The context: threads, the cache of decoded chunks, limits and the allocator, shared by the stacks opened in it.
 *
 * NULL stands for the default context, which is created on first use with default options. */
#ifndef MICROTOME_CONTEXT_H
#define MICROTOME_CONTEXT_H

#include <microtome/status.h>
#include <microtome/stores.h>

#include <stddef.h>
#include <stdint.h>

MT_BEGIN_DECLS

/* Limits on the resources that a file can use. 0 selects the default, given after the colon. Exceeding a limit is
 * MT_E_LIMIT; the message names the field. */
typedef struct mt_limits {
    size_t max_metadata_bytes; /* parsed metadata of one image, or parsed values of one JSON document: 256 MiB */
    size_t max_json_bytes;     /* one JSON document: 64 MiB */
    size_t max_json_depth;     /* nesting of one JSON document: 64 */
    size_t max_xml_bytes;      /* one XML document: 64 MiB */
    size_t max_xml_depth;      /* nesting of one XML document: 64 */
    size_t max_dimensions;     /* dimensions of one array: 16, also the maximum */
    size_t max_pages;          /* directories of one TIFF file: 16,777,216 */
    size_t max_chunk_bytes;    /* one decoded chunk: 1 GiB */
    size_t max_zip_bytes;      /* central directory of a zip archive: 256 MiB */
    size_t max_zip_members;    /* members of a zip archive: 4,194,304 */
    size_t max_norange_bytes;  /* one object of a web server without range requests, kept in memory: 64 MiB */
    size_t reserved[8];        /* 0 */
} mt_limits;

/* A custom allocator. resize(user, NULL, 0, n) allocates; resize(user, p, n, 0) frees and returns NULL. On failure it
 * returns NULL and leaves the old block unchanged. Must be thread-safe. */
typedef struct mt_allocator {
    void *(*resize)(void *user, void *memory, size_t old_size, size_t new_size); /* sizes in bytes */
    void *user;                                                                  /* passed to resize */
} mt_allocator;

#define MT_NO_CACHE ((int64_t)-1)

typedef struct mt_context_options {
    size_t struct_size; /* sizeof(mt_context_options) */
    unsigned threads;   /* decoding threads, including the caller; 0: one per processor available to the process */
    /* Memory budget in bytes. It covers the decoded chunks in the cache and the work in progress (encoded chunks,
     * buffers, reads in flight); work in progress evicts cached chunks. A chunk larger than the budget is decoded
     * alone. 0: an eighth of the memory available to this process (its control group's limit applies), and an eighth of
     * that with is_worker or in a process forked by one that had a context. MT_NO_CACHE: keep no chunk and use as
     * little memory as possible. A few megabytes and the caller's own buffers come on top. */
    int64_t cache_bytes;
    int allow_mmap;         /* not 0: map files instead of reading them. Truncating a mapped file kills the process. */
    mt_limits limits;       /* 0 in a field: its default */
    mt_allocator allocator; /* zeroed: malloc and free */
    unsigned in_flight;     /* concurrent reads per store; 0: the default of the kind of store */
    int is_worker;          /* not 0: one of several reading processes; the default budget is an eighth of the usual */
    mt_http_options http;   /* 0 in a field: its default */
    mt_s3_options s3;       /* 0 in a field: its default */
    /* Folder that caches blocks of remote objects across processes. Created with access for this user only if its
     * parent exists. Each process revalidates a cached object once, on first use. NULL: no disk cache. */
    const char *disk_cache;
    uint64_t disk_cache_bytes; /* approximate maximum size; 0: 16 GiB. The least recently used blocks are removed. */
} mt_context_options;

typedef struct mt_context mt_context;

/* Creates a context. options may be NULL. The caller frees it with mt_context_free. */
MT_API MT_MUST_CHECK mt_status mt_context_new(const mt_context_options *options, mt_context **out, mt_error *err);

/* Sets the options of the default context. MT_E_ARGUMENT once it is in use. Not thread-safe: call it first. */
MT_API MT_MUST_CHECK mt_status mt_context_set_default(const mt_context_options *options, mt_error *err);

/* Releases the context. It is destroyed when the last stack and list of names created in it is closed. NULL is
 * allowed. */
MT_API void mt_context_free(mt_context *context);

/* Work done in a context since its creation or the last reset of the counters. */
typedef struct mt_counters {
    uint64_t patches;         /* patch requests answered */
    uint64_t bytes_delivered; /* bytes of these patches, in the stored type */
    uint64_t ranges;          /* byte ranges read from stores */
    uint64_t bytes_fetched;   /* bytes of these ranges */
    uint64_t chunks_decoded;  /* chunks decoded, and raw blocks read into the cache */
    uint64_t bytes_decoded;   /* bytes of these chunks, decoded */
    uint64_t chunks_missing;  /* chunks that are not stored and read as the fill value */
    uint64_t cache_hits;      /* decoded chunks found in the cache */
    uint64_t cache_bytes;     /* bytes in the cache now */
    uint64_t memory_bytes;    /* bytes allocated now */
    uint64_t memory_peak;     /* maximum of memory_bytes */
    uint64_t reserved[8];     /* 0 */
} mt_counters;

/* Thread-safe. While other threads work, the counters are not read at one instant. */
MT_API void mt_context_get_counters(mt_context *context, mt_counters *out);

/* Sets the counters to zero (memory_peak to memory_bytes). */
MT_API void mt_context_reset_counters(mt_context *context);

/* Drops all decoded chunks that are not in use, cached file indices, and idle buffers. */
MT_API void mt_context_drop_cache(mt_context *context);

MT_END_DECLS

#endif
