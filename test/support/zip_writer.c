/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/zip_writer.h"

#include "store/zip.h"

#include "support/support.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#ifdef MT_WITH_ZSTD
#include <zstd.h>
#endif

static void put(zip_writer *w, const void *data, size_t n)
{
    if (w->n + n > w->room) {
        w->room = 2 * (w->n + n) + 4096;
        w->bytes = realloc(w->bytes, w->room);
        assert_non_null(w->bytes);
    }
    if (n > 0)
        memcpy(w->bytes + w->n, data, n);
    w->n += n;
}

static void put_number(zip_writer *w, uint64_t value, int bytes)
{
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)(value >> 8 * i);
    put(w, b, (size_t)bytes);
}

void zip_begin(zip_writer *w, size_t prepended)
{
    memset(w, 0, sizeof *w);
    w->prepended = prepended;
    for (size_t i = 0; i < prepended; i++)
        put_number(w, '#', 1);
}

static size_t compress_bytes(const void *data, size_t size, unsigned method, uint8_t **out)
{
    size_t room = size + size / 100 + 1000;
    *out = malloc(room);
    assert_non_null(*out);
#ifdef MT_WITH_ZSTD
    if (method == 93) {
        size_t n = ZSTD_compress(*out, room, data, size, 3);
        assert_false(ZSTD_isError(n));
        return n;
    }
#endif
    if (method != 8) {
        if (size > 0)
            memcpy(*out, data, size);
        return size;
    }
    z_stream z = { .next_in = (uint8_t *)(uintptr_t)data, .avail_in = (unsigned)size };
    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = *out;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

zip_entry *zip_add(zip_writer *w, const char *name, const void *data, size_t size, unsigned method, int descriptor)
{
    zip_entry *e = &w->entries[w->n_entries++];
    uint8_t *packed;
    assert_true(w->n_entries <= sizeof w->entries / sizeof *w->entries);
    memset(e, 0, sizeof *e);
    e->name_size = strlen(name);
    if (e->name_size < sizeof e->name)
        memcpy(e->name, name, e->name_size);
    else
        e->long_name = name;
    e->method = method;
    e->flags = descriptor ? 8 : 0;
    e->size = size;
    e->crc = (uint32_t)crc32(0, data, (unsigned)size);
    e->local = w->n - w->prepended;
    e->packed = compress_bytes(data, size, method, &packed);
    put_number(w, 0x04034b50, 4);
    put_number(w, 20, 2);
    put_number(w, e->flags, 2);
    put_number(w, method, 2);
    put_number(w, 0, 4);
    put_number(w, descriptor ? 0 : e->crc, 4);
    put_number(w, descriptor ? 0 : e->packed, 4);
    put_number(w, descriptor ? 0 : size, 4);
    put_number(w, e->name_size, 2);
    put_number(w, w->local_extra, 2);
    put(w, name, e->name_size);
    for (unsigned i = 0; i < w->local_extra; i++)
        put_number(w, 'e', 1);
    put(w, packed, e->packed);
    if (descriptor) {
        put_number(w, 0x08074b50, 4);
        put_number(w, e->crc, 4);
        put_number(w, e->packed, 4);
        put_number(w, size, 4);
    }
    free(packed);
    return e;
}

void zip_add_file(zip_writer *w, const char *name, const char *path, unsigned method)
{
    size_t size;
    uint8_t *bytes = read_file(path, &size);
    zip_add(w, name, bytes, size, method, 0);
    free(bytes);
}

static void put_record(zip_writer *w, const zip_entry *e)
{
    put_number(w, 0x02014b50, 4);
    put_number(w, 20 | e->made_by << 8, 2);
    put_number(w, 20, 2);
    put_number(w, e->flags, 2);
    put_number(w, e->method, 2);
    put_number(w, 0, 4);
    put_number(w, e->crc, 4);
    put_number(w, e->zip64 ? 0xffffffff : e->packed, 4);
    put_number(w, e->zip64 ? 0xffffffff : e->size, 4);
    put_number(w, e->name_size, 2);
    put_number(w, e->zip64 == 1 ? 9 + 28 : 0, 2);
    put_number(w, 0, 2);
    put_number(w, 0, 4);
    put_number(w, e->attributes, 4);
    put_number(w, e->zip64 ? 0xffffffff : e->local, 4);
    put(w, e->long_name ? e->long_name : e->name, e->name_size);
    if (e->zip64 == 1) {
        put(w, "UT\5\0\1\1\1\1\1", 9); /* preceded by another field */
        put_number(w, 1, 2);
        put_number(w, 24, 2);
        put_number(w, e->size, 8);
        put_number(w, e->packed, 8);
        put_number(w, e->local, 8);
    }
}

void zip_end(zip_writer *w)
{
    uint64_t at = w->n - w->prepended;
    for (size_t i = 0; i < w->n_entries; i++)
        put_record(w, &w->entries[i]);
    uint64_t size = w->size ? w->size : w->n - w->prepended - at, count = w->count ? w->count : w->n_entries;
    uint64_t offset = w->offset ? w->offset : at, end = w->n - w->prepended;
    if (w->zip64) {
        put_number(w, 0x06064b50, 4);
        put_number(w, 44, 8);
        put_number(w, 45 | 45 << 16, 4);
        put_number(w, w->disk, 4);
        put_number(w, 0, 4);
        put_number(w, count, 8);
        put_number(w, count, 8);
        put_number(w, size, 8);
        put_number(w, offset, 8);
        put_number(w, 0x07064b50, 4);
        put_number(w, 0, 4);
        put_number(w, end, 8);
        put_number(w, 1, 4);
    }
    put_number(w, 0x06054b50, 4);
    put_number(w, w->zip64 ? 0 : w->disk, 4);
    put_number(w, w->zip64 ? 0xffff : count, 2);
    put_number(w, w->zip64 ? 0xffff : count, 2);
    put_number(w, w->zip64 ? 0xffffffff : size, 4);
    put_number(w, w->zip64 ? 0xffffffff : offset, 4);
    size_t n = w->comment ? strlen(w->comment) : 0;
    put_number(w, n, 2);
    put(w, w->comment, n);
}

void zip_save(const zip_writer *w, const char *path)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(w->bytes, 1, w->n, file), w->n);
    fclose(file);
}

void zip_free(zip_writer *w) { free(w->bytes); }

void gzip_append(uint8_t *out, size_t room, size_t *n, const void *data, size_t size, int level)
{
    z_stream z = { .next_in = (uint8_t *)(uintptr_t)data, .avail_in = (unsigned)size };
    assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = out + *n;
    z.avail_out = (unsigned)(room - *n);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    *n += z.total_out;
}

mt_status zip_open(mt_env *env, const void *bytes, size_t n, mt_store **out, mt_error *err)
{
    mt_store *outer;
    mt_status st = mt_store_open_memory(env, "a.zip", bytes, n, &outer, err);
    if (!st && (st = mt_store_open_zip(env, outer, "a.zip", out, err)))
        mt_store_close(outer);
    return st;
}
