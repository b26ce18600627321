/* SPDX-License-Identifier: BSD-3-Clause */
/* Levels that are built when an image is finished, because several writers have put the pixels below: from damaged
 * shards, and with little memory. */
#include "base/reader.h"
#include "codec/codec.h"
#include "support/folder.h"
#include "support/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Begins an image, or goes on with it, by one thread and with a budget (0: the default). */
static mt_writer *create(const char *path, const output *o, size_t memory)
{
    const mt_context_options alone = { .struct_size = sizeof alone, .threads = 1 };
    mt_writer_options options = output_options(o);
    mt_context *context;
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    options.memory = memory;
    check_ok(mt_context_new(&alone, &context, &err), &err);
    check_ok(mt_writer_create(context, path, &options, &w, &err), &err);
    mt_context_free(context);
    return w;
}

/* Puts the units from one on, each whole. */
static void put_units(mt_writer *w, const output *o, const uint8_t *pixels, uint64_t first, uint64_t n)
{
    mt_error err = MT_ERROR_INIT;
    for (uint64_t unit = first; unit < first + n; unit++) {
        output_box box;
        mt_writer_get_unit(w, unit, box.start, box.extent);
        check_ok(put_box(w, o, pixels, &box, &err), &err);
    }
    check_ok(mt_writer_flush(w, &err), &err);
}

/* --- Damaged shards. --- */

enum { CHUNK = 16 * 16 * 2, N = 4, INDEX = 16 * N, SIZE = N * CHUNK + INDEX + 4 };

static const output two_shards = { "YX", { 32, 64 }, { 16, 16 }, MT_UINT16, "none", 2, { 32, 32 } };

typedef struct shard {
    size_t size;           /* bytes that are left, from the end on */
    int from;              /* chunks from this one on are changed in the index */
    int64_t offset, bytes; /* of these */
    bool is_wrong;         /* the checksum of the index */
    mt_status status;
    const char *words;
} shard;

static const shard shards[] = {
    { SIZE, N, 0, 0, false, MT_OK, "" },
    { SIZE, 3, -1, -1, false, MT_OK, "" }, /* there is no such chunk: zeros */
    { SIZE, 3, SIZE - CHUNK, CHUNK, false, MT_OK, "" },
    { INDEX + 4, 0, -1, -1, false, MT_OK, "" }, /* no chunk at all */
    { SIZE, 3, SIZE - CHUNK + 1, CHUNK, false, MT_E_CORRUPT,
      "unit 0 of level 0: a chunk at byte 1605 of a shard of 2116" },
    { SIZE, 3, SIZE, 0, false, MT_E_CORRUPT, "a published chunk has 0 bytes, not 512" },
    { SIZE, 3, SIZE + 1, 0, false, MT_E_CORRUPT, "a chunk at byte 2117 of a shard of 2116 bytes" },
    { SIZE, 3, 0, SIZE, false, MT_E_CORRUPT, "a published chunk has 2116 bytes, not 512" },
    { SIZE, 3, 0, SIZE + 1, false, MT_E_CORRUPT, "a chunk at byte 0 of a shard of 2116 bytes" },
    { SIZE, 3, 0, INT64_MAX, false, MT_E_CORRUPT, "a chunk at byte 0" },
    { SIZE, N, 0, 0, true, MT_E_CORRUPT, "unit 0 of level 0: the index of the shard is damaged" },
    { INDEX + 3, N, 0, 0, false, MT_E_CORRUPT, "the index of the shard is damaged" },
    { 0, N, 0, 0, false, MT_E_CORRUPT, "the index of the shard is damaged" },
    { INDEX + 4, N, 0, 0, false, MT_E_CORRUPT, "a chunk at byte 0 of a shard of 68 bytes" },
};

/* Changes the first shard on the disk. */
static void spoil(const char *path, const shard *s)
{
    char name[1200];
    size_t size;
    snprintf(name, sizeof name, "%s/0/c/0/0", path);
    uint8_t *bytes = read_file(name, &size), *index = bytes + size - INDEX - 4;
    assert_int_equal(size, SIZE);
    for (int i = s->from; i < N; i++) {
        mt_store_u64le(index + 16 * i, (uint64_t)s->offset);
        mt_store_u64le(index + 16 * i + 8, (uint64_t)s->bytes);
    }
    mt_store_u32le(index + INDEX, mt_crc32c(index, INDEX) ^ s->is_wrong);
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes + SIZE - s->size, 1, s->size, file), s->size);
    assert_int_equal(fclose(file), 0);
    free(bytes);
}

static void damaged_shards_are_told(void **state)
{
    (void)state;
    uint8_t *pixels = make_output_pixels(&two_shards, 4);
    for (size_t i = 0; i < sizeof shards / sizeof *shards; i++) {
        const char *path = temporary_path("shards.zarr");
        mt_error err = MT_ERROR_INIT;
        mt_writer *w = create(path, &two_shards, 0);
        put_units(w, &two_shards, pixels, 0, 1);
        mt_writer_close(w);
        w = create(path, &two_shards, 0);
        put_units(w, &two_shards, pixels, 1, 1);
        spoil(path, &shards[i]);
        mt_status st = mt_writer_finish(w, &if_complete, &err);
        if (st != shards[i].status || !strstr(err.message, shards[i].words))
            fail_msg("shard %zu: status %d, \"%s\"", i, (int)st, err.message);
        mt_writer_close(w);
        remove_tree(path);
    }
    free(pixels);
}

/* --- Little memory. --- */

/* Eight shards, each put by a writer of its own: all of the upper levels is missing. Each of the two units of the first
 * one has four chunks, which wait for each other. */
static const output eight_shards = { "YX", { 64, 128 }, { 16, 16 }, MT_UINT16, "none", 3, { 32, 32 } };

static void sum_levels(const char *path, mt_checksum sums[3])
{
    for (int i = 0; i < 3; i++)
        sum_level(path, i, &sums[i]);
}

static void levels_need_memory_for_one_unit(void **state)
{
    (void)state;
    static const struct {
        size_t memory;
        mt_status status;
    } cases[] = {
        { 0, MT_OK },         { 2 * N * CHUNK, MT_OK },      { 2 * N * CHUNK - 1, MT_OK }, { N * CHUNK + 1, MT_OK },
        { N * CHUNK, MT_OK }, { N * CHUNK - 1, MT_E_LIMIT }, { CHUNK, MT_E_LIMIT }
    };
    uint8_t *pixels = make_output_pixels(&eight_shards, 6);
    mt_checksum whole[3], built[3];
    const char *path = temporary_path("once.zarr");
    write_output(NULL, path, &eight_shards, pixels, 1, 1);
    sum_levels(path, whole);
    remove_tree(path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        path = temporary_path("little.zarr");
        for (uint64_t unit = 0; unit < 8; unit++) {
            mt_writer *w = create(path, &eight_shards, 0);
            put_units(w, &eight_shards, pixels, unit, 1);
            mt_writer_close(w);
        }
        mt_writer *w = create(path, &eight_shards, cases[i].memory);
        mt_status st = mt_writer_finish(w, &if_complete, &err);
        if (st != cases[i].status)
            fail_msg("with %zu bytes: status %d, \"%s\"", cases[i].memory, (int)st, err.message);
        mt_writer_close(w);
        if (st) {
            assert_non_null(strstr(err.message, "the memory budget of 0 MiB is too small to build level 1"));
        } else {
            sum_levels(path, built);
            for (int k = 0; k < 3; k++)
                assert_string_equal(built[k].text, whole[k].text);
        }
        remove_tree(path);
    }
    free(pixels);
}

/* --- What is dropped while pixels are put. --- */

/* A box of chunk (y, x): all of it, or the first row. */
static mt_status put_chunk(mt_writer *w, const output *o, const uint8_t *pixels, int64_t y, int64_t x, int64_t rows)
{
    const output_box box = { { 16 * y, 16 * x }, { rows, 16 } };
    mt_error err = MT_ERROR_INIT;
    mt_status st = put_box(w, o, pixels, &box, &err);
    const char *what = o->shard[0] ? "complete one shard of 16 x 32 after" : "complete one chunk of 16 x 16 after";
    assert_true(!st || strstr(err.message, what));
    return st;
}

/* All that was not published is put again, and nothing is missing. */
static void complete(const char *path, const output *o, const uint8_t *pixels)
{
    mt_error err = MT_ERROR_INIT;
    mt_writer *w = create(path, o, 0);
    put_units(w, o, pixels, 0, mt_writer_get_info(w)->n_units);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
    check_output(path, o, pixels);
    remove_tree(path);
}

/* Pixels of upper levels make room for those of the full resolution, which are never dropped. */
static void chunks_of_upper_levels_are_dropped(void **state)
{
    (void)state;
    const output o = { "YX", { 64, 64 }, { 16, 16 }, MT_UINT16, "none", 2 };
    const char *path = temporary_path("chunks.zarr");
    uint8_t *pixels = make_output_pixels(&o, 7);
    mt_writer *w = create(path, &o, 3 * CHUNK);
    assert_int_equal(put_chunk(w, &o, pixels, 0, 0, 16), MT_OK); /* a quarter of a chunk above waits */
    assert_int_equal(progress_of(w).waiting_bytes, CHUNK);
    for (int64_t x = 1; x < 4; x++)
        assert_int_equal(put_chunk(w, &o, pixels, 0, x, 1), MT_OK);
    assert_int_equal(progress_of(w).waiting_bytes, 3 * CHUNK);
    assert_int_equal(put_chunk(w, &o, pixels, 1, 0, 1), MT_E_LIMIT);
    assert_int_equal(progress_of(w).waiting_bytes, 3 * CHUNK);
    for (int64_t x = 1; x < 4; x++) {
        const output_box rest = { { 1, 16 * x }, { 15, 16 } };
        mt_error err = MT_ERROR_INIT;
        check_ok(put_box(w, &o, pixels, &rest, &err), &err);
    }
    assert_int_equal(progress_of(w).n_done, 4);
    mt_writer_close(w);
    complete(path, &o, pixels);
    free(pixels);
}

static void units_of_upper_levels_are_dropped(void **state)
{
    (void)state;
    const output o = { "YX", { 64, 64 }, { 16, 16 }, MT_UINT16, "none", 2, { 16, 32 } };
    const char *path = temporary_path("units.zarr");
    uint8_t *pixels = make_output_pixels(&o, 8);
    mt_writer *w = create(path, &o, 3 * CHUNK);
    put_units(w, &o, pixels, 0, 1);
    put_units(w, &o, pixels, 2, 1); /* a chunk of a unit above waits */
    assert_int_equal(progress_of(w).n_done, 2);
    assert_int_equal(progress_of(w).waiting_bytes, CHUNK);
    for (int64_t y = 0; y < 3; y++)
        assert_int_equal(put_chunk(w, &o, pixels, y, 2, 16), MT_OK);
    assert_int_equal(progress_of(w).waiting_bytes, 3 * CHUNK);
    assert_int_equal(put_chunk(w, &o, pixels, 3, 2, 16), MT_E_LIMIT);
    assert_int_equal(progress_of(w).n_done, 2);
    mt_writer_close(w);
    complete(path, &o, pixels);
    free(pixels);
}

/* --- What is not put. --- */

/* Pixels beside a box are zeros, though the memory of a chunk was that of another one before. */
static void pixels_beside_a_box_are_zeros(void **state)
{
    (void)state;
    static const output_box boxes[] = { { { 0, 0 }, { 1, 1 } },   { { 15, 15 }, { 1, 1 } }, { { 0, 0 }, { 16, 15 } },
                                        { { 0, 0 }, { 15, 16 } }, { { 4, 4 }, { 8, 8 } },   { { 4, 0 }, { 8, 16 } },
                                        { { 0, 0 }, { 0, 0 } },   { { 0, 4 }, { 16, 8 } },  { { 1, 0 }, { 15, 16 } } };
    for (size_t i = 0; i < 2 * (sizeof boxes / sizeof *boxes); i++) {
        output o = { "YX", { 16, 32 }, { 16, 16 }, MT_UINT16, "none", 1 };
        o.shard[0] = i % 2 ? 16 : 0; /* alone, and in one shard */
        o.shard[1] = i % 2 ? 64 : 0;
        const output_box box = boxes[i / 2], whole = { { 0, 16 }, { 16, 16 } };
        const char *path = temporary_path("beside.zarr");
        static uint16_t pixels[16][32];
        mt_error err = MT_ERROR_INIT;
        mt_writer *w = create(path, &o, 0);
        memset(pixels, 0x55, sizeof pixels);
        check_ok(put_box(w, &o, (const uint8_t *)pixels, &whole, &err), &err);
        check_ok(put_box(w, &o, (const uint8_t *)pixels, &box, &err), &err);
        check_ok(mt_writer_finish(w, NULL, &err), &err);
        mt_writer_close(w);
        for (int64_t y = 0; y < 16; y++)
            for (int64_t x = 0; x < 16; x++)
                if (y < box.start[0] || y >= box.start[0] + box.extent[0] || x < box.start[1] ||
                    x >= box.start[1] + box.extent[1])
                    pixels[y][x] = 0;
        check_output(path, &o, (const uint8_t *)pixels);
        remove_tree(path);
    }
}

/* Chunks and shards of zeros have no object, however they would be encoded. */
static void zeros_are_not_stored(void **state)
{
    (void)state;
    static const char *const codecs[] = { "none", "zstd" };
    for (size_t i = 0; i < 4; i++) {
        output o = { "YX", { 16, 32 }, { 16, 16 }, MT_UINT16, codecs[i / 2], 1 };
        const char *path = temporary_path("zeros.zarr");
        static uint16_t pixels[16][32];
        pixels[15][31] = 1;
        o.shard[0] = o.shard[1] = i % 2 ? 16 : 0;
        write_output(NULL, path, &o, (const uint8_t *)pixels, i, 1);
        assert_false(path_exists(path, "/0/c/0/0"));
        assert_true(path_exists(path, "/0/c/0/1"));
        check_output(path, &o, (const uint8_t *)pixels);
        remove_tree(path);
    }
}

/* Noise is longer when it is encoded, and shorter than half if it is nearly constant. */
static void chunks_of_a_shard_have_any_size(void **state)
{
    (void)state;
    static const char *const codecs[] = { "zstd", "gzip", "lz4", "blosc-lz4" };
    uint64_t random = 3;
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        const output o = { "YX", { 64, 64 }, { 16, 16 }, MT_UINT8, codecs[i], 1, { 64, 64 } };
        const char *path = temporary_path("noise.zarr");
        failing_allocator checking; /* that what is freed has the size of what was allocated */
        mt_context_options given = { .struct_size = sizeof given, .threads = 1 };
        mt_context *context;
        mt_error err = MT_ERROR_INIT;
        given.allocator = failing_allocator_make(&checking, SIZE_MAX, 0);
        check_ok(mt_context_new(&given, &context, &err), &err);
        uint8_t *pixels = calloc(64, 64);
        assert_non_null(pixels);
        for (size_t k = 0; k < 64 * 64; k++)
            pixels[k] = k % 64 < 32 ? (uint8_t)(next_random(&random) >> 20) : (uint8_t)(k / 64 / 8);
        memset(pixels + 32 * 64, 0, 16 * 64); /* chunks that are not stored */
        write_output(context, path, &o, pixels, i, 1);
        mt_context_free(context);
        check_output(path, &o, pixels);
        remove_tree(path);
        free(pixels);
    }
}

/* --- Failures. --- */

/* A unit that cannot be published is the end: all later calls say why, and a new writer goes on. */
static void failures_to_publish_stay(void **state)
{
    (void)state;
    const output o = { "YX", { 64, 64 }, { 16, 16 }, MT_UINT16, "none", 1 };
    const char *path = temporary_path("failing.zarr");
    uint8_t *pixels = make_output_pixels(&o, 9);
    char folder[1200], command[2600];
    mt_error err = MT_ERROR_INIT, later = MT_ERROR_INIT;
    mt_writer *w = create(path, &o, 0);
    put_units(w, &o, pixels, 0, 2);
    const output_box whole = { { 32, 32 }, { 16, 16 } }, part = { { 48, 48 }, { 1, 1 } };
    snprintf(folder, sizeof folder, "%s/0/c/2", path);
    snprintf(command, sizeof command, "touch '%s'", folder); /* a file where a folder has to be */
    assert_int_equal(system(command), 0);
    mt_status st = put_box(w, &o, pixels, &whole, &err);
    assert_int_equal(st, MT_E_IO);
    assert_int_equal(mt_writer_flush(w, &later), st);
    assert_string_equal(later.message, err.message);
    assert_int_equal(put_box(w, &o, pixels, &part, &later), st);
    assert_string_equal(later.message, err.message);
    assert_int_equal(put_box(w, &o, pixels, &(output_box) { { 0, 0 }, { 64, 64 } }, &later), st);
    assert_int_equal(mt_writer_finish(w, NULL, &later), st);
    assert_string_equal(later.message, err.message);
    assert_int_equal(progress_of(w).n_done, 2);
    mt_writer_close(w);
    assert_int_equal(remove(folder), 0);
    complete(path, &o, pixels);
    free(pixels);
}

/* How many are missing, and of what. */
static void missing_units_are_counted(void **state)
{
    (void)state;
    static const struct {
        int64_t shard[2];
        const char *words;
    } cases[] = { { { 0, 0 }, "14 of 16 chunks are missing: the image cannot be finished yet" },
                  { { 16, 16 }, "14 of 16 shards are missing" },
                  { { 32, 64 }, "1 of 2 shards are missing" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        output o = { "YX", { 64, 64 }, { 16, 16 }, MT_UINT16, "none", 1 };
        memcpy(o.shard, cases[i].shard, sizeof cases[i].shard);
        const char *path = temporary_path("missing.zarr");
        uint8_t *pixels = make_output_pixels(&o, 9);
        mt_error err = MT_ERROR_INIT;
        mt_writer *w = create(path, &o, 0);
        put_units(w, &o, pixels, 0, mt_writer_get_info(w)->n_units == 2 ? 1 : 2);
        assert_int_equal(mt_writer_finish(w, &if_complete, &err), MT_E_ARGUMENT);
        if (!strstr(err.message, cases[i].words))
            fail_msg("\"%s\" is not in \"%s\"", cases[i].words, err.message);
        mt_writer_close(w);
        complete(path, &o, pixels);
        free(pixels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_shards_are_told),
        cmocka_unit_test(levels_need_memory_for_one_unit),
        cmocka_unit_test(chunks_of_upper_levels_are_dropped),
        cmocka_unit_test(units_of_upper_levels_are_dropped),
        cmocka_unit_test(pixels_beside_a_box_are_zeros),
        cmocka_unit_test(zeros_are_not_stored),
        cmocka_unit_test(chunks_of_a_shard_have_any_size),
        cmocka_unit_test(failures_to_publish_stay),
        cmocka_unit_test(missing_units_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
