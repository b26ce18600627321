/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/broken.h"

#include <stdlib.h>
#include <string.h>

static void add_hash(outcome *o, const void *bytes, size_t n)
{
    for (const uint8_t *p = bytes, *end = p + n; p < end; p++)
        o->hash = (o->hash ^ *p) * UINT64_C(0x100000001b3);
}

static bool is_small(const mt_chunk_map *map)
{
    int64_t n = 1;
    for (int d = 0; d < map->ndim; d++)
        if (__builtin_mul_overflow(n, map->shape[d], &n) || n > 1 << 22)
            return false;
    return true;
}

static mt_context *tight_context(void)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = 16 << 20 };
    options.limits.max_chunk_bytes = (size_t)64 << 20;
    options.limits.max_metadata_bytes = (size_t)32 << 20;
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

static mt_status read_image(mt_context *context, mt_container *container, const char *part, outcome *o, mt_error *err)
{
    opened_map file = { .context = context, .store = container->source.store };
    mt_status st = map_part(container, part, &file.map, err);
    if (!st && is_small(file.map)) {
        uint8_t *pixels;
        size_t size;
        st = read_map(&file, &pixels, &size, err);
        if (!st)
            add_hash(o, pixels, size);
        free(pixels);
    }
    mt_chunk_map_free(file.map);
    return st;
}

static void read_container(mt_context *context, mt_container *container, outcome *o)
{
    static const mt_selection all = { .text = "", .path = "", .series = -1, .level = -1 };
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_names_new(&context->env, &names, &err), &err);
    if (mt_container_list(container, &all, names, &err)) {
        o->refused++;
        assert_true(strlen(err.message) > 8);
    }
    for (size_t i = 0; i < mt_names_count(names) && i < 60; i++) {
        mt_error own = MT_ERROR_INIT;
        if (read_image(context, container, mt_names_get(names, i), o, &own))
            o->refused++;
        else
            o->images++;
        assert_true((own.status == MT_OK) == (own.message[0] == 0));
    }
    mt_names_free(names);
}

void read_images(const char *format, const char *name, const uint8_t *bytes, size_t size, outcome *o)
{
    static const mt_open_options options = { .struct_size = sizeof options, .external_folder = "" };
    mt_context *context = tight_context();
    mt_store *store;
    mt_container *container;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_store_open_memory(&context->env, name, bytes, size, &store, &err), &err);
    if (open_container(format, store, name, name, &options, &container, &err)) {
        o->refused++;
        assert_true(strlen(err.message) > 8);
    } else {
        read_container(context, container, o);
        mt_container_close(container);
    }
    mt_counters counters;
    mt_context_get_counters(context, &counters);
    assert_true(counters.memory_peak < (uint64_t)256 << 20);
    mt_context_free(context);
}

void mutate_files(const char *format, const char *const *names, size_t n_names)
{
    const char *wanted = getenv("MICROTOME_MUTATIONS");
    int each = (wanted ? (int)strtol(wanted, NULL, 10) : 1000) / (int)n_names, corrupt = 0, same = 0, other = 0;
    uint64_t seed = 1;
    for (size_t f = 0; f < n_names; f++) {
        size_t size;
        bool own = strncmp(names[f], "fuzz/", 5) == 0 || strncmp(names[f], "test/", 5) == 0;
        uint8_t *bytes = read_file(own ? names[f] : data_path(names[f]), &size);
        outcome whole = { 0 };
        read_images(format, "fuzz.h5", bytes, size, &whole);
        for (int i = 0; i < each; i++) {
            size_t at[4];
            uint8_t old[4];
            int n = (int)random_between(&seed, 1, 4);
            for (int k = 0; k < n; k++) {
                at[k] = (size_t)random_between(&seed, 0, (int64_t)size - 1);
                old[k] = bytes[at[k]];
                bytes[at[k]] ^= (uint8_t)random_between(&seed, 1, 255);
            }
            outcome now = { 0 };
            read_images(format, "fuzz.h5", bytes, size, &now);
            corrupt += now.refused > whole.refused;
            same += now.refused <= whole.refused && now.hash == whole.hash;
            other += now.refused <= whole.refused && now.hash != whole.hash;
            for (int k = n - 1; k >= 0; k--)
                bytes[at[k]] = old[k];
        }
        free(bytes);
    }
    print_message("%d mutations: %d refused, %d read the same, %d read something else\n", corrupt + same + other,
                  corrupt, same, other);
    assert_int_equal(corrupt + same + other, (int)n_names * each);
}
