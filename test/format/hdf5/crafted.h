/* SPDX-License-Identifier: BSD-3-Clause */
/* A small HDF5 file in memory, whose blocks tests write byte by byte. */
#ifndef MT_TEST_HDF5_CRAFTED_H
#define MT_TEST_HDF5_CRAFTED_H

#include "support/support.h"

#include "engine/context.h"
#include "format/hdf5/hdf5.h"

#include <stdio.h>
#include <string.h>

#define CRAFTED_BYTES 8192

typedef struct crafted {
    mt_context *context;
    mt_arena *arena;
    mt_store *store;
    h5_file file;
    uint8_t bytes[CRAFTED_BYTES];
    size_t at; /* where the next bytes are put */
} crafted;

static inline void put(crafted *c, const void *bytes, size_t n)
{
    assert_true(n <= CRAFTED_BYTES - c->at);
    memcpy(c->bytes + c->at, bytes, n);
    c->at += n;
}

static inline void put_text(crafted *c, const char *text) { put(c, text, strlen(text)); }

static inline void put_number(crafted *c, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(c, &(uint8_t) { (uint8_t)(i < 8 ? value >> 8 * i : 0) }, 1);
}

/* Each of n numbers in a byte. */
#define PUT_BYTES(c, ...) put((c), (const uint8_t[]) { __VA_ARGS__ }, sizeof(const uint8_t[]) { __VA_ARGS__ })

/* The checksum behind what was put since start. */
static inline void seal(crafted *c, size_t start) { put_number(c, h5_checksum(c->bytes + start, c->at - start), 4); }

static inline void craft(crafted *c)
{
    memset(c, 0, sizeof *c);
    check_ok(mt_context_new(NULL, &c->context, NULL), NULL);
    check_ok(mt_arena_new(&c->context->env, &c->arena, NULL), NULL);
}

/* What was put becomes the file; its blocks are read anew. */
static inline const h5_file *open_crafted(crafted *c)
{
    mt_error err = MT_ERROR_INIT;
    mt_store_close(c->store);
    c->store = NULL;
    check_ok(mt_store_open_memory(&c->context->env, "crafted.h5", c->bytes, CRAFTED_BYTES, &c->store, &err), &err);
    c->file = (h5_file) { .env = &c->context->env,
                          .store = c->store,
                          .key = "crafted.h5",
                          .size = CRAFTED_BYTES,
                          .address_bytes = 8,
                          .length_bytes = 8,
                          .owner = mt_cache_new_owner(c->context->env.index_cache) };
    return &c->file;
}

static inline void discard(crafted *c)
{
    mt_store_close(c->store);
    mt_arena_free(c->arena);
    mt_context_free(c->context);
}

/* Clears the error. */
static inline void check_failure(mt_status st, mt_status expected, mt_error *err, const char *message, int i)
{
    if (st != expected || (st && !strstr(err->message, message)))
        fail_msg("case %d: %s: %s (\"%s\" was expected)", i, mt_status_name(st), err->message, message ? message : "");
    *err = (mt_error)MT_ERROR_INIT;
}

#endif
