/* SPDX-License-Identifier: BSD-3-Clause */
/* The HDF5 files of the data folder: every dataset against what h5py read, and the broken files. */
#include "support/contract.h"

#include "engine/engine.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>

typedef struct opened {
    mt_context *context;
    mt_store *store;
    mt_chunk_map *map;
} opened;

static void close_opened(opened *o)
{
    mt_chunk_map_free(o->map);
    mt_store_close(o->store);
    mt_context_free(o->context);
}

/* Opens a part of a file without asking for axes. */
static mt_status open_part(const char *folder, const char *name, const char *part, opened *o, mt_error *err)
{
    static const mt_open_options options = { .struct_size = sizeof options };
    mt_error own = MT_ERROR_INIT;
    mt_arena *arena;
    *o = (opened) { 0 };
    check_ok(mt_context_new(NULL, &o->context, &own), &own);
    check_ok(mt_store_open_folder(&o->context->env, folder, &o->store, &own), &own);
    check_ok(mt_arena_new(&o->context->env, &arena, &own), &own);
    uint8_t head[4096];
    uint64_t size;
    check_ok(mt_store_size(o->store, name, &size, &own), &own);
    mt_source source = { .env = &o->context->env, .store = o->store, .key = name, .name = name, .options = &options };
    source.head = head;
    source.head_size = size < sizeof head ? (size_t)size : sizeof head;
    check_ok(mt_store_read_at(o->store, name, 0, head, source.head_size, &own), &own);
    check_ok(mt_selection_parse(arena, part, &source.selection, &own), &own);
    mt_status st = mt_format_find("hdf5")->open(&source, &o->map, err);
    if (!st)
        st = mt_chunk_map_check(o->map, err);
    mt_arena_free(arena);
    return st;
}

/* All elements of a map, as stored but in the order of this machine (malloc). */
static mt_status read_all(opened *o, uint8_t **out, size_t *size, mt_error *err)
{
    const mt_chunk_map *map = o->map;
    mt_image image;
    mt_image_init(&image, o->context, map, o->store, "test", NULL);
    mt_read read = { .image = &image, .convert = { .from = map->dtype, .to = map->dtype, .swap = map->swap } };
    int64_t stride = (int64_t)mt_dtype_size(map->dtype);
    for (int d = map->ndim - 1; d >= 0; d--) {
        read.extent[d] = map->shape[d];
        read.out_stride[d] = stride;
        stride *= map->shape[d];
    }
    *size = (size_t)stride;
    read.out = *out = malloc(*size + 1);
    mt_status st = mt_engine_read(o->context, &read, 1, err);
    mt_image_forget(&image);
    return st;
}

typedef struct tally {
    int read, refused, wrong;
} tally;

/* What stands in a message where a dataset is refused on purpose. */
static const char *const features[] = { "type text",   "type compound", "type variable", "blosc2", "JPEG",
                                        "is null" };

static bool names_feature(const char *message)
{
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (strstr(message, features[i]))
            return true;
    return false;
}

static void check_dataset(const char *folder, const char *file, const char *part, const json_t *expected, tally *t)
{
    const char *md5 = json_string_value(json_object_get(expected, "md5_C_LE"));
    mt_error err = MT_ERROR_INIT;
    opened o;
    uint8_t *pixels = NULL;
    size_t size = 0;
    mt_status st = open_part(folder, file, part, &o, &err);
    bool huge = !st && o.map->ndim == 1 && o.map->shape[0] > INT32_MAX;
    if (!st && !huge)
        st = read_all(&o, &pixels, &size, &err);
    bool refused = st == MT_E_UNSUPPORTED && names_feature(err.message);
    if (st ? !refused || md5 : !huge && (!md5 || strcmp(md5_hex(pixels, size), md5) != 0)) {
        print_error("%s#%s: %s\n", file, part, st ? err.message : md5 ? "other pixels" : "gives pixels");
        t->wrong++;
    }
    t->read += !st;
    t->refused += refused;
    free(pixels);
    close_opened(&o);
}

static void check_file(const char *name, json_t *datasets, tally *t)
{
    char folder[1024];
    snprintf(folder, sizeof folder, "%s/%s", data_path("hdf5"), name);
    char *slash = strrchr(folder, '/');
    *slash = 0;
    const char *part;
    json_t *expected;
    json_object_foreach(datasets, part, expected)
    {
        if (json_is_object(expected))
            check_dataset(folder, slash + 1, part, expected, t);
    }
}

static void datasets_equal_those_of_h5py(void **state)
{
    (void)state;
    json_t *all = read_json("hdf5/expected_h5py.json"), *datasets;
    const char *name;
    tally t = { 0 };
    json_object_foreach(all, name, datasets) check_file(name, datasets, &t);
    json_decref(all);
    print_message("%d datasets read, %d refused by name, %d wrong\n", t.read, t.refused, t.wrong);
    assert_int_equal(t.wrong, 0);
    assert_true(t.read > 230);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datasets_equal_those_of_h5py),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
