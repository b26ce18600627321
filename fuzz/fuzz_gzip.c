/* SPDX-License-Identifier: BSD-3-Clause */
/* A gzip object in memory with few restart points: reading it backwards in pieces gives the same bytes as reading it
 * forwards. */
#include "outcome.h"

#include "store/zip.h"

#include "cache/cache.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_IN = 1 << 16, MOST_OUT = 1 << 21, PIECE = 100000 };

static void compare(mt_store *gzip, const uint8_t *all, size_t size)
{
    uint8_t *piece = malloc(PIECE);
    for (size_t end = size; piece && end > 0;) {
        size_t n = end < PIECE ? end : PIECE;
        end -= n;
        if (mt_store_read_at(gzip, "a", end, piece, n, NULL) || memcmp(piece, all + end, n) != 0)
            __builtin_trap();
    }
    free(piece);
}

static void read_object(mt_store *gzip)
{
    uint64_t size;
    mt_error err = MT_ERROR_INIT;
    uint8_t byte;
    if (outcome_status(mt_store_read_at(gzip, "a", 1000, &byte, 1, &err), &err) && !*err.message)
        __builtin_trap();
    err = (mt_error)MT_ERROR_INIT;
    if (outcome_status(mt_store_size(gzip, "a", &size, &err), &err)) {
        if (!*err.message)
            __builtin_trap();
        return;
    }
    uint8_t *all = size <= MOST_OUT ? malloc(size ? size : 1) : NULL;
    if (all && mt_store_read_at(gzip, "a", 0, all, size, NULL))
        __builtin_trap();
    outcome_number((int64_t)size);
    if (all) {
        outcome_bytes(all, size);
        compare(gzip, all, size);
    }
    free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mt_env env;
    mt_store *memory, *gzip;
    mt_env_init(&env, NULL, NULL);
    env.restart_most = 100000;
    if (size > MOST_IN || mt_cache_new(&env, 600000, &env.index_cache, NULL))
        return 0;
    if (mt_store_open_memory(&env, "a.gz", data, size, &memory, NULL) == MT_OK) {
        mt_error err = MT_ERROR_INIT;
        if (outcome_status(mt_store_open_gzip(&env, memory, "a.gz", "a", &gzip, &err), &err) == MT_OK) {
            read_object(gzip);
            mt_store_close(gzip);
        } else {
            mt_store_close(memory);
        }
    }
    mt_cache_free(env.index_cache);
    if (env.memory_bytes != 0 || env.restart_bytes != 0)
        __builtin_trap();
    return 0;
}
