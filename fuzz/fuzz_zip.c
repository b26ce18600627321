/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens and lists a zip archive in memory and reads members in part and whole. Sizes must match the directory, and
 * parts must match the whole. */
#include "outcome.h"

#include "store/zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_READ = 1 << 20, MOST_MEMBERS = 50 };

typedef struct walk {
    mt_store *store;
    const char *folder;
    int depth, *left;
} walk;

static void read_member(mt_store *store, const char *key, uint64_t size)
{
    uint8_t *whole = malloc(size ? size : 1), part[64];
    size_t n = size < sizeof part ? (size_t)size : sizeof part;
    mt_error err = MT_ERROR_INIT;
    bool good = whole && outcome_status(mt_store_read_at(store, key, 0, whole, size, &err), &err) == MT_OK;
    outcome_bytes(whole, good ? size : 0);
    if (!good && whole && !*err.message)
        __builtin_trap();
    uint64_t from = (size - n) / 2;
    mt_status st = mt_store_read_at(store, key, from, part, n, &err);
    if (outcome_status(st, &err) == MT_OK && good && memcmp(part, whole + from, n) != 0)
        __builtin_trap();
    if (outcome_status(mt_store_read_at(store, key, size - n + 1, part, n, &err), &err) == MT_OK && n > 0)
        __builtin_trap();
    free(whole);
}

static mt_status visit(void *user, const char *name, mt_error *err)
{
    const walk *w = user;
    outcome_text(name);
    char key[1024];
    uint64_t size;
    int n = snprintf(key, sizeof key, "%s%s%s", w->folder, *w->folder ? "/" : "", name);
    if (n < 0 || (size_t)n >= sizeof key || --*w->left < 0)
        return MT_OK;
    mt_error why = MT_ERROR_INIT;
    if (outcome_status(mt_store_size(w->store, key, &size, &why), &why) == MT_OK) {
        outcome_number((int64_t)size);
        if (size <= MOST_READ)
            read_member(w->store, key, size);
    }
    walk below = { w->store, key, w->depth + 1, w->left };
    return w->depth < 8 ? mt_store_list(w->store, key, visit, &below, err) : MT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mt_env env;
    mt_limits limits = { .max_zip_bytes = 1 << 20, .max_zip_members = 1000, .max_chunk_bytes = 4 << 20 };
    mt_error err = MT_ERROR_INIT;
    mt_store *memory, *zip;
    mt_env_init(&env, NULL, &limits);
    if (mt_store_open_memory(&env, "a.zip", data, size, &memory, NULL))
        return 0;
    if (outcome_status(mt_store_open_zip(&env, memory, "a.zip", &zip, &err), &err) == MT_OK) {
        int left = MOST_MEMBERS;
        walk all = { zip, "", 0, &left };
        outcome_status(mt_store_list(zip, "", visit, &all, &err), &err);
        mt_store_close(zip);
    } else {
        if (!*err.message)
            __builtin_trap();
        mt_store_close(memory);
    }
    if (env.memory_bytes != 0 || env.restart_bytes != 0)
        __builtin_trap();
    return 0;
}
