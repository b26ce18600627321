/* SPDX-License-Identifier: BSD-3-Clause */
/* An image of chunks with checksums in memory, behind a store with latency and injected failures. Each chunk is located
 * by a small index entry that must be read first, like shard indices and B-trees. */
#ifndef MT_TEST_NET_STORE_H
#define MT_TEST_NET_STORE_H

#include "engine/engine.h"
#include "support/support.h"

enum { NET_SIDE = 16, NET_ACROSS = 8, NET_CHUNKS = NET_ACROSS * NET_ACROSS, NET_IMAGE = NET_SIDE * NET_ACROSS };

typedef struct net_store {
    mt_store base;                                   /* the store that callers see */
    uint8_t *bytes;                                  /* the object */
    size_t size;                                     /* of the object, in bytes */
    uint64_t offsets[NET_CHUNKS], sizes[NET_CHUNKS]; /* of each chunk, in bytes */
    _Atomic unsigned delay_us;                       /* before each answer, in microseconds */
    /* Counters. */
    _Atomic unsigned now, most;             /* chunk reads: in flight, most in flight */
    _Atomic unsigned index_now, index_most; /* the same for index reads */
    /* reads of chunks and of the index; reads started after stop was set */
    _Atomic size_t reads, index_reads, started_late;
    _Atomic size_t chunk_reads[NET_CHUNKS]; /* by chunk */
    _Atomic int fails;                      /* chunk whose reads fail; -1: none */
    _Atomic int damages;                    /* chunk whose next read returns wrong bytes; -1: none */
    _Atomic int stop;                       /* for use by the test */
} net_store;

typedef struct net {
    mt_context *context;                   /* of the image */
    net_store store;                       /* that holds the chunks */
    mt_chunk_map *map;                     /* of the chunks */
    mt_image image;                        /* under test */
    uint16_t pixels[NET_IMAGE][NET_IMAGE]; /* expected */
} net;

/* gap: bytes between two chunks in the object. */
void net_open(net *n, const mt_context_options *options, const mt_store_costs *costs, unsigned delay_us, size_t gap);
void net_close(net *n);

/* A request for size x size pixels at (y, x) as uint16 into out. */
mt_read net_read(net *n, int64_t y, int64_t x, int64_t size, uint16_t *out);
int net_is_right(const net *n, int64_t y, int64_t x, int64_t size, const uint16_t *out);

#endif
