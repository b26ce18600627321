/* SPDX-License-Identifier: BSD-3-Clause */
/* The tiles of an unfinished OME-TIFF: damage behind the back of its writer, and files that are not there. */
#include "base/reader.h"
#include "codec/codec.h"
#include "support/folder.h"
#include "support/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const output image = { "YX", { 32, 32 }, { 16, 16 }, MT_UINT16, "none", 1 };
enum { TILES = 4, HEAD = 32, BYTES = 16 * 16 * 2, ONE = HEAD + BYTES };

static mt_writer *create(const char *path)
{
    const mt_context_options alone = { .struct_size = sizeof alone, .threads = 1 };
    const mt_writer_options options = output_options(&image);
    mt_context *context;
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&alone, &context, &err), &err);
    check_ok(mt_writer_create(context, path, &options, &w, &err), &err);
    mt_context_free(context);
    return w;
}

/* Tiles without zeros, in order. */
static mt_writer *put_all(const char *path)
{
    uint16_t pixels[32 * 32];
    mt_writer *w = create(path);
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < 32 * 32; i++)
        pixels[i] = (uint16_t)(i + 1);
    put_boxes(w, &image, (const uint8_t *)pixels, 1, 1, 1);
    check_ok(mt_writer_flush(w, &err), &err);
    return w;
}

/* --- Damage. --- */

static void sum_head(uint8_t *head) { mt_store_u32le(head + 28, mt_crc32c(head, 28)); }

static void swap(uint8_t *tiles)
{
    uint8_t first[ONE];
    memcpy(first, tiles, ONE);
    memcpy(tiles, tiles + ONE, ONE);
    memcpy(tiles + ONE, first, ONE);
}

static void flip_magic(uint8_t *tiles)
{
    tiles[0] ^= 1;
    sum_head(tiles);
}

static void flip_head(uint8_t *tiles) { tiles[28] ^= 1; }

static void rename_tile(uint8_t *tiles)
{
    tiles[8] ^= 1;
    sum_head(tiles);
}

static void shorten(uint8_t *tiles)
{
    mt_store_u64le(tiles + 16, BYTES - 2);
    mt_store_u32le(tiles + 24, mt_crc32c(tiles + HEAD, BYTES - 2));
    sum_head(tiles);
}

static void flip_sum(uint8_t *tiles)
{
    tiles[24] ^= 1;
    sum_head(tiles);
}

static void flip_pixels(uint8_t *tiles) { tiles[ONE - 1] ^= 1; }
static void flip_last(uint8_t *tiles) { tiles[TILES * ONE - 1] ^= 1; }

static void (*const damages[])(uint8_t *) = { swap,    flip_magic, flip_head,   rename_tile,
                                              shorten, flip_sum,   flip_pixels, flip_last };

static void tiles_that_changed_meanwhile_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const char *path = output_path(i, "changed");
        char spool[1200], partial[1200];
        size_t size;
        mt_error err = MT_ERROR_INIT;
        mt_writer *w = put_all(path);
        snprintf(partial, sizeof partial, "%s.partial", path);
        snprintf(spool, sizeof spool, "%s.partial/tiles", path);
        uint8_t *bytes = read_file(spool, &size);
        assert_int_equal(size, TILES * ONE);
        damages[i](bytes);
        FILE *file = fopen(spool, "r+b");
        assert_int_equal(fwrite(bytes, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
        free(bytes);
        assert_int_equal(mt_writer_finish(w, &if_complete, &err), MT_E_CORRUPT);
        assert_non_null(strstr(err.message, "was damaged since it was written"));
        mt_writer_close(w);
        w = create(path); /* takes the others; it does not matter where a tile lies */
        assert_int_equal(progress_of(w).n_done == TILES, damages[i] == swap);
        mt_writer_close(w);
        assert_false(path_exists(path, ""));
        remove_tree(partial);
    }
}

/* --- Files that are not there, or are something else. --- */

static void tiles_may_be_gone_for_those_who_look(void **state)
{
    (void)state;
    const char *path = output_path(0, "gone");
    char spool[1200], command[1400];
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    snprintf(spool, sizeof spool, "%s.partial/tiles", path);
    mt_writer_close(put_all(path));
    check_ok(mt_writer_look(NULL, path, NULL, &w, &err), &err);
    assert_true(progress_of(w).n_done == TILES && progress_of(w).n_lost == 0);
    mt_writer_close(w);
    assert_int_equal(remove(spool), 0);
    check_ok(mt_writer_look(NULL, path, NULL, &w, &err), &err);
    assert_true(progress_of(w).n_done == 0 && progress_of(w).n_lost == TILES);
    mt_writer_close(w);
    snprintf(command, sizeof command, "mkdir '%s'", spool); /* cannot be read */
    assert_int_equal(system(command), 0);
    assert_int_equal(mt_writer_look(NULL, path, NULL, &w, &err), MT_E_IO);
    assert_int_equal(mt_writer_open(NULL, path, NULL, &w, &err), MT_E_IO);
}

/* What follows the tiles is cut off by who writes, not by who looks. */
static void the_end_of_the_tiles_is_cut_off(void **state)
{
    (void)state;
    const char *path = output_path(0, "end");
    char spool[1200], partial[1200];
    size_t size;
    mt_error err = MT_ERROR_INIT;
    mt_writer *w = put_all(path);
    mt_writer_close(w);
    snprintf(partial, sizeof partial, "%s.partial", path);
    snprintf(spool, sizeof spool, "%s.partial/tiles", path);
    for (size_t n = 0; n <= 40; n += 8) {
        FILE *file = fopen(spool, "ab");
        for (size_t i = 0; i < n; i++)
            fputc('x', file);
        assert_int_equal(fclose(file), 0);
        check_ok(mt_writer_look(NULL, path, NULL, &w, &err), &err);
        assert_int_equal(progress_of(w).n_done, TILES);
        mt_writer_close(w);
        free(read_file(spool, &size));
        assert_int_equal(size, TILES * ONE + n);
        w = create(path);
        assert_int_equal(progress_of(w).n_done, TILES);
        mt_writer_close(w);
        free(read_file(spool, &size));
        assert_int_equal(size, TILES * ONE);
    }
    remove_tree(partial);
}

/* Tiles whose journal was lost are found, and no others. */
static void tiles_without_records_are_found(void **state)
{
    (void)state;
    const char *path = output_path(0, "found");
    char command[2600];
    mt_error err = MT_ERROR_INIT;
    mt_writer_close(put_all(path));
    snprintf(command, sizeof command, "cd '%s.partial' && rm .microtome/journal-* && truncate -s %d tiles", path,
             2 * ONE);
    assert_int_equal(system(command), 0);
    mt_writer *w = create(path);
    assert_int_equal(progress_of(w).n_done, 0);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    assert_int_equal(progress_of(w).n_resumed, 2);
    mt_writer_close(w);
    remove_tree(path);
}

/* Files of any size in the place of the image are not the finished one. */
static void other_files_are_not_finished(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 8, 16, 17, 300, 2000 };
    const mt_writer_options options = output_options(&image);
    const char *path = output_path(0, "other");
    static char text[2000];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int is_finished = 1;
        mt_error err = MT_ERROR_INIT;
        FILE *file = fopen(path, "wb");
        assert_int_equal(fwrite(text, 1, sizes[i], file), sizes[i]);
        assert_int_equal(fclose(file), 0);
        check_ok(mt_writer_is_finished(NULL, path, &options, &is_finished, &err), &err);
        assert_false(is_finished);
    }
    remove_tree(path);
}

/* A file of the same size, but with other bytes, or of the same bytes and more: the name is taken by another image. */
static void names_may_be_taken_by_similar_files(void **state)
{
    (void)state;
    static const struct {
        int64_t changed; /* a byte from the end on; -1: none */
        bool grows;
        mt_status status;
    } cases[] = {
        { -1, false, MT_OK }, { 0, false, MT_E_ARGUMENT }, { 2000, false, MT_E_ARGUMENT }, { -1, true, MT_E_ARGUMENT }
    };
    const char *sound = output_path(1, "sound"), *path = output_path(2, "taken");
    char partial[1200];
    size_t size;
    mt_error err = MT_ERROR_INIT;
    mt_writer *w = put_all(sound);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
    snprintf(partial, sizeof partial, "%s.partial", path);
    uint8_t *bytes = read_file(sound, &size);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        w = put_all(path);
        if (cases[i].changed >= 0)
            bytes[size - 1 - (size_t)cases[i].changed] ^= 1;
        FILE *file = fopen(path, "wb");
        assert_int_equal(fwrite(bytes, 1, size, file), size);
        if (cases[i].grows)
            fputc(0, file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(mt_writer_finish(w, &if_complete, &err), cases[i].status);
        assert_true(!cases[i].status || strstr(err.message, "a file of this name was made meanwhile"));
        mt_error_clear(&err);
        mt_writer_close(w);
        if (cases[i].changed >= 0)
            bytes[size - 1 - (size_t)cases[i].changed] ^= 1;
        remove_tree(path);
        remove_tree(partial);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_that_changed_meanwhile_are_told), cmocka_unit_test(tiles_may_be_gone_for_those_who_look),
        cmocka_unit_test(the_end_of_the_tiles_is_cut_off),       cmocka_unit_test(tiles_without_records_are_found),
        cmocka_unit_test(other_files_are_not_finished),          cmocka_unit_test(names_may_be_taken_by_similar_files),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
