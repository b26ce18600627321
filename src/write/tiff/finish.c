/* SPDX-License-Identifier: BSD-3-Clause */
/* The finished image is written beside the spool, and gets its name when it is complete. */
#include "base/fnv.h"
#include "write/name.h"
#include "write/tiff/tiff_sink.h"

#include <stdio.h>
#include <string.h>

#define KEY "final"
static const char no_uuid[TIFF_UUID_BYTES] = "00000000-0000-0000-0000-000000000000";

typedef struct assembly {
    tiff_sink *sink;
    tiff_spool *spool;
    mt_env *env;
    mt_steps *steps;  /* tiles */
    uint64_t n_units; /* of all levels */
    uint8_t *tile;    /* a tile; spool->most bytes */
    mt_buffer zeros;  /* the encoded tile of zeros, if a unit has none */
    uint64_t hash;    /* of the tiles */
    tiff_layout layout;
    tiff_places places;
    tiff_stream out;
} assembly;

/* --- Tiles. --- */

static bool lacks_tiles(const assembly *a)
{
    for (uint64_t unit = 0; unit < a->n_units; unit++)
        if (tiff_spool_find(a->spool, unit).offset == 0)
            return true;
    return false;
}

static mt_status encode_zeros(assembly *a, uint8_t *pixels, size_t size, mt_error *err)
{
    mt_scratch *scratch;
    const mt_chain *chain = &a->sink->sink.chain;
    size_t written = size;
    if (chain->n_steps == 0) {
        mt_put_bytes(&a->zeros, pixels, size);
        return MT_OK;
    }
    mt_status st = mt_scratch_new(a->env, &scratch, err);
    if (st)
        return st;
    st = mt_chain_encode(chain, pixels, size, a->tile, a->spool->most, &written, scratch, err);
    if (!st)
        mt_put_bytes(&a->zeros, a->tile, written);
    mt_scratch_free(scratch);
    return st;
}

static mt_status make_zeros(assembly *a, mt_error *err)
{
    size_t size = a->sink->sink.plan->levels[0].chunk_bytes;
    void *pixels;
    mt_status st = mt_alloc(a->env, size, &pixels, err);
    if (st)
        return st;
    st = encode_zeros(a, memset(pixels, 0, size), size, err);
    mt_release(a->env, pixels, size);
    return st ? st : a->zeros.status ? mt_fail(err, a->zeros.status, "out of memory") : MT_OK;
}

/* Writes all tiles, in order, behind the place of the directories. */
static mt_status copy_tiles(assembly *a, mt_error *err)
{
    mt_status st = MT_OK;
    a->hash = MT_FNV_START;
    a->out.offset = a->layout.end;
    a->places.zeros = (tiff_tile) { a->out.offset, a->zeros.size };
    a->places.first = a->out.offset + a->zeros.size;
    mt_put_bytes(&a->out.buffer, a->zeros.data, a->zeros.size);
    for (uint64_t unit = 0; unit < a->n_units && !st; unit++) {
        tiff_tile tile = tiff_spool_find(a->spool, unit);
        uint32_t crc = 0;
        if (tile.offset > 0 && !(st = tiff_spool_read(a->spool, unit, tile, a->tile, &crc, err))) {
            mt_put_bytes(&a->out.buffer, a->tile, (size_t)tile.size);
            st = tiff_stream_flush(&a->out, false, err);
        }
        a->hash = mt_fnv_add_number(a->hash, tile.size);
        a->hash = mt_fnv_add_number(a->hash, crc);
        st = st ? st : mt_steps_take(a->steps, 1, err);
    }
    return st ? st : tiff_stream_flush(&a->out, true, err);
}

/* --- The file. --- */

/* A UUID of version 8 (RFC 9562, section 5.8): the digest of the plan, and a hash of the tiles. So equal images have
 * equal bytes, and the repetition of a request finds what it made. */
static void format_uuid(const mt_plan *plan, uint64_t hash, char out[TIFF_UUID_BYTES])
{
    uint64_t high = (plan->digest & ~UINT64_C(0xf000)) | 0x8000;
    uint64_t low = (hash & (UINT64_MAX >> 2)) | UINT64_C(1) << 63;
    snprintf(out, TIFF_UUID_BYTES, "%08llx-%04llx-%04llx-%04llx-%012llx", (unsigned long long)(high >> 32),
             (unsigned long long)(high >> 16 & 0xffff), (unsigned long long)(high & 0xffff),
             (unsigned long long)(low >> 48), (unsigned long long)(low & UINT64_C(0xffffffffffff)));
}

static mt_status describe(const mt_plan *plan, const char uuid[TIFF_UUID_BYTES], mt_buffer *out, mt_error *err)
{
    mt_ome_begin(uuid, out);
    mt_ome_put_image(plan, 0, true, out);
    mt_ome_end(out);
    mt_put_u8(out, 0);
    return out->status ? mt_fail(err, out->status, "out of memory") : MT_OK;
}

static mt_status lay_out(assembly *a, mt_error *err)
{
    mt_buffer text = mt_buffer_on(a->env);
    mt_status st = describe(a->sink->sink.plan, no_uuid, &text, err);
    if (!st)
        tiff_lay_out(a->sink->sink.plan, text.size, &a->layout);
    mt_buffer_free(&text);
    return st;
}

static mt_status write_directories(assembly *a, mt_error *err)
{
    char uuid[TIFF_UUID_BYTES];
    mt_buffer text = mt_buffer_on(a->env);
    format_uuid(a->sink->sink.plan, a->hash, uuid);
    mt_status st = describe(a->sink->sink.plan, uuid, &text, err);
    a->out.offset = 0;
    if (!st)
        st = tiff_write_directories(&a->layout, a->spool, &a->places, &text, &a->out, err);
    mt_buffer_free(&text);
    return st;
}

static mt_status fill(assembly *a, mt_error *err)
{
    mt_status st = lay_out(a, err);
    if (st || (lacks_tiles(a) && (st = make_zeros(a, err))) || (st = copy_tiles(a, err)) ||
        (st = write_directories(a, err)))
        return st;
    return mt_target_get_sync(a->spool->target) == MT_SYNC_NONE ? MT_OK : mt_output_sync(a->out.file, a->out.path, err);
}

/* What an earlier attempt left is removed, not overwritten: it may already be the finished image under its name. */
static mt_status create(assembly *a, char path[MT_PATH_BYTES], mt_error *err)
{
    bool is_new;
    mt_status st = mt_target_remove(a->spool->target, KEY, err);
    if (st || (st = mt_target_create_file(a->spool->target, KEY, path, &a->out.file, &is_new, err)))
        return st;
    a->out.path = path;
    return is_new ? MT_OK : mt_fail(err, MT_E_IO, "%s: another process writes this image, too", path);
}

static mt_status write_file(assembly *a, char path[MT_PATH_BYTES], mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(a->env, a->spool->most, &memory, err);
    if (st)
        return st;
    a->tile = memory;
    if (!(st = create(a, path, err))) {
        st = fill(a, err);
        mt_status closed = mt_output_close(a->out.file, path, st ? NULL : err);
        st = st ? st : closed;
        if (st) {
            (void)!mt_output_remove(path, NULL); /* the disk may be full: the spool must have room to grow */
            mt_error_prefix(err, "the finished image, of about %llu MiB beside the tiles",
                            (unsigned long long)(a->spool->size >> 20) + 1);
        }
    }
    mt_buffer_free(&a->zeros);
    mt_buffer_free(&a->out.buffer);
    mt_release(a->env, memory, a->spool->most);
    return st;
}

mt_status tiff_finish(mt_sink *sink, mt_steps *steps, mt_error *err)
{
    char path[MT_PATH_BYTES];
    tiff_sink *t = tiff_sink_of(sink);
    assembly a = { .sink = t, .spool = &t->spool, .env = sink->env, .steps = steps, .n_units = sink->n_steps };
    a.zeros = a.out.buffer = mt_buffer_on(sink->env);
    mt_status st = write_file(&a, path, err);
    return st ? st : mt_sink_give_name(sink, path, err);
}

/* Whether a file begins, after the header, with a text. */
static mt_status has_text(const char *path, const void *text, size_t n, bool *out, mt_error *err)
{
    uint8_t bytes[1024];
    uint64_t size;
    mt_file file;
    mt_error own = MT_ERROR_INIT;
    *out = false;
    mt_status st = mt_file_open(path, &file, &own);
    if (st)
        return st == MT_E_NOT_FOUND ? MT_OK : mt_fail(err, st, "%s", own.message);
    st = mt_file_size(file, path, &size, err);
    if (!st && n <= sizeof bytes && size >= TIFF_HEADER + n) {
        st = mt_file_read(file, path, TIFF_HEADER, bytes, n, err);
        *out = !st && memcmp(bytes, text, n) == 0;
    }
    mt_file_close(file);
    return st;
}

/* The OME-XML begins with the UUID, and that with the digest of the plan. */
mt_status tiff_is_finished(const mt_plan *plan, mt_target *target, mt_arena *arena, bool *out, mt_error *err)
{
    enum { HALF = 18 }; /* characters of the UUID */
    char path[MT_PATH_BYTES], uuid[TIFF_UUID_BYTES];
    mt_buffer text = mt_buffer_on(mt_arena_env(arena));
    mt_target_find_name(target, path);
    format_uuid(plan, 0, uuid);
    mt_status st = describe(plan, uuid, &text, err);
    if (!st) {
        const char *at = strstr((const char *)text.data, uuid);
        st = has_text(path, text.data, (size_t)(at - (const char *)text.data) + HALF, out, err);
    }
    mt_buffer_free(&text);
    return st;
}
