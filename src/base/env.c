/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/env.h"

#include <stdlib.h>
#include <string.h>

static void *libc_resize(void *user, void *memory, size_t old_size, size_t new_size)
{
    (void)user, (void)old_size;
    if (new_size == 0) {
        free(memory);
        return NULL;
    }
    return realloc(memory, new_size);
}

static void set_default(size_t *limit, size_t value)
{
    if (*limit == 0)
        *limit = value;
}

static void fill_limits(mt_limits *limits)
{
    set_default(&limits->max_metadata_bytes, (size_t)256 << 20);
    set_default(&limits->max_json_bytes, (size_t)64 << 20);
    set_default(&limits->max_json_depth, 64);
    set_default(&limits->max_xml_bytes, (size_t)64 << 20);
    set_default(&limits->max_xml_depth, 64);
    set_default(&limits->max_dimensions, 16);
    set_default(&limits->max_pages, (size_t)1 << 24);
    set_default(&limits->max_chunk_bytes, (size_t)1 << 30);
    set_default(&limits->max_zip_bytes, (size_t)256 << 20);
    set_default(&limits->max_zip_members, (size_t)4 << 20);
    set_default(&limits->max_norange_bytes, (size_t)64 << 20);
}

void mt_env_init(mt_env *env, const mt_allocator *allocator, const mt_limits *limits)
{
    memset(env, 0, sizeof *env);
    if (allocator && allocator->resize)
        env->allocator = *allocator;
    else
        env->allocator.resize = libc_resize;
    if (limits)
        env->limits = *limits;
    fill_limits(&env->limits);
    env->restart_most = (uint64_t)16 << 20;
}

void mt_count_memory(mt_env *env, size_t old_size, size_t new_size)
{
    if (new_size <= old_size) {
        atomic_fetch_sub_explicit(&env->memory_bytes, old_size - new_size, memory_order_relaxed);
        return;
    }
    size_t grown = new_size - old_size;
    uint64_t now = atomic_fetch_add_explicit(&env->memory_bytes, grown, memory_order_relaxed) + grown;
    uint64_t peak = atomic_load_explicit(&env->memory_peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&env->memory_peak, &peak, now, memory_order_relaxed,
                                                                memory_order_relaxed))
        ;
}

void *mt_resize(mt_env *env, void *memory, size_t old_size, size_t new_size)
{
    old_size = memory ? old_size : 0;
    void *moved = env->allocator.resize(env->allocator.user, memory, old_size, new_size);
    if (moved || new_size == 0)
        mt_count_memory(env, old_size, new_size);
    return moved;
}

mt_status mt_alloc(mt_env *env, size_t size, void **out, mt_error *err)
{
    *out = mt_resize(env, NULL, 0, size ? size : 1);
    if (!*out)
        return mt_fail(err, MT_E_MEMORY, "out of memory (%zu bytes)", size);
    return MT_OK;
}

void mt_release(mt_env *env, void *memory, size_t size)
{
    if (memory)
        mt_resize(env, memory, size ? size : 1, 0);
}

mt_status mt_copy_text(mt_env *env, const char *text, char **out, mt_error *err)
{
    size_t size = strlen(text) + 1;
    void *copy;
    mt_status st = mt_alloc(env, size, &copy, err);
    if (!st)
        *out = memcpy(copy, text, size);
    return st;
}
