/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/inflate_cursor.h"

#include "base/reader.h"

#include <string.h>

#define LEAST_INPUT ((size_t)64 << 10)
#define MOST_INPUT ((size_t)1 << 20)
#define MOST_TEXT 65536 /* most bytes of a file name or comment in a gzip header */
#define MOST_IDLE 8     /* most consecutive calls of inflate that neither consume nor produce a byte */

/* Stores the size before each block, so that zlib's memory is counted, too. */
typedef union block_head {
    size_t size;
    max_align_t align;
} block_head;

static void *take_memory(void *env, unsigned items, unsigned size)
{
    size_t bytes = sizeof(block_head) + (size_t)items * size;
    block_head *head = mt_resize(env, NULL, 0, bytes);
    if (!head)
        return NULL;
    head->size = bytes;
    return head + 1;
}

static void give_memory(void *env, void *memory)
{
    block_head *head = (block_head *)memory - 1;
    mt_release(env, head, head->size);
}

static mt_status init_stream(mt_env *env, z_stream *z, mt_error *err)
{
    *z = (z_stream) { .zalloc = take_memory, .zfree = give_memory, .opaque = env };
    if (inflateInit2(z, -15) != Z_OK)
        return mt_fail(err, MT_E_MEMORY, "out of memory for decoding deflate");
    return MT_OK;
}

static size_t input_room(const mt_deflated *source)
{
    size_t room = 4 * source->store->costs.request;
    room = room < LEAST_INPUT ? LEAST_INPUT : room > MOST_INPUT ? MOST_INPUT : room;
    return source->size < room ? (size_t)source->size : room;
}

static void rewind_cursor(mt_cursor *c)
{
    c->at = (mt_inflate_place) { .phase = c->source->gzip ? MT_AT_HEADER : MT_IN_BLOCKS };
    c->loaded = 0;
    c->z.next_in = c->input + 1;
    c->z.avail_in = 0;
}

mt_status mt_cursor_new(mt_env *env, const mt_deflated *source, mt_cursor **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(env, sizeof(mt_cursor), &memory, err);
    if (st)
        return st;
    mt_cursor *c = memset(memory, 0, sizeof(mt_cursor));
    c->env = env;
    c->source = source;
    c->room = input_room(source);
    if (!(st = mt_alloc(env, 1 + c->room, &memory, err))) {
        c->input = memory;
        st = init_stream(env, &c->z, err);
        c->ready = !st;
    }
    if (st) {
        mt_cursor_free(c);
        return st;
    }
    rewind_cursor(c);
    *out = c;
    return MT_OK;
}

void mt_cursor_free(mt_cursor *c)
{
    if (!c)
        return;
    if (c->ready)
        inflateEnd(&c->z);
    mt_release(c->env, c->input, 1 + c->room);
    mt_release(c->env, c, sizeof *c);
}

size_t mt_cursor_cost(const mt_cursor *c) { return sizeof *c + c->room + MT_WINDOW + 10000; }

static uint64_t taken(const mt_cursor *c) { return c->loaded - c->z.avail_in; }

mt_status mt_cursor_move(mt_cursor *c, const mt_inflate_place *place, const uint8_t *window, size_t n_window,
                         mt_error *err)
{
    c->at = *place;
    c->loaded = place->in;
    c->z.next_in = c->input + 1;
    c->z.avail_in = 0;
    c->input[0] = place->byte;
    bool done = inflateReset(&c->z) == Z_OK;
    if (done && place->bits > 0)
        done = inflatePrime(&c->z, place->bits, place->byte >> (8 - place->bits)) == Z_OK;
    if (done && n_window > 0)
        done = inflateSetDictionary(&c->z, window, (unsigned)n_window) == Z_OK;
    return done ? MT_OK : mt_fail(err, MT_E_CORRUPT, "a restart point of the deflate stream is unusable");
}

static mt_status fail_early_end(const mt_cursor *c, mt_error *err)
{
    return mt_fail(err, MT_E_CORRUPT, "the compressed data ends at byte %llu, in the member that starts at byte %llu",
                   (unsigned long long)c->loaded, (unsigned long long)c->at.member_in);
}

/* Loads more input, unless all of it has been loaded. */
static mt_status fill(mt_cursor *c, mt_error *err)
{
    uint64_t left = c->source->size - c->loaded;
    size_t n = left < c->room ? (size_t)left : c->room;
    if (c->z.avail_in > 0 || n == 0)
        return MT_OK;
    c->input[0] = c->z.next_in[-1];
    mt_status st =
        mt_store_read_at(c->source->store, c->source->key, c->source->offset + c->loaded, c->input + 1, n, err);
    if (st)
        return st;
    c->loaded += n;
    c->z.next_in = c->input + 1;
    c->z.avail_in = (unsigned)n;
    return MT_OK;
}

static mt_status take_byte(mt_cursor *c, uint8_t *out, mt_error *err)
{
    mt_status st = fill(c, err);
    if (st)
        return st;
    if (c->z.avail_in == 0)
        return fail_early_end(c, err);
    *out = *c->z.next_in++;
    c->z.avail_in--;
    return MT_OK;
}

static mt_status take_bytes(mt_cursor *c, uint8_t *out, size_t n, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < n; i++)
        st = take_byte(c, out + i, err);
    return st;
}

static mt_status skip_text(mt_cursor *c, mt_error *err)
{
    uint8_t byte = 1;
    mt_status st = MT_OK;
    for (int i = 0; !st && byte != 0; i++) {
        if (i == MOST_TEXT)
            return mt_fail(err, MT_E_LIMIT, "a text in the gzip header at byte %llu has more than %d bytes",
                           (unsigned long long)c->at.member_in, MOST_TEXT);
        st = take_byte(c, &byte, err);
    }
    return st;
}

/* RFC 1952, 2.3.1: the optional fields after the ten fixed bytes. */
static mt_status skip_optional(mt_cursor *c, unsigned flags, mt_error *err)
{
    uint8_t two[2], byte;
    mt_status st = MT_OK;
    if (flags & 4) {
        if ((st = take_bytes(c, two, 2, err)))
            return st;
        for (unsigned n = mt_load_u16le(two); !st && n > 0; n--)
            st = take_byte(c, &byte, err);
    }
    if (!st && flags & 8)
        st = skip_text(c, err);
    if (!st && flags & 16)
        st = skip_text(c, err);
    return st || !(flags & 2) ? st : take_bytes(c, two, 2, err);
}

/* Zeros may pad the end (gzip on tapes); anything else is an error. */
static mt_status skip_padding(mt_cursor *c, mt_error *err)
{
    uint8_t byte = 0;
    mt_status st = MT_OK;
    while (!st && byte == 0 && taken(c) < c->source->size)
        st = take_byte(c, &byte, err);
    if (!st && byte != 0)
        return mt_fail(err, MT_E_CORRUPT, "no gzip member at byte %llu, after the last one",
                       (unsigned long long)c->at.member_in);
    c->at.phase = MT_AT_END;
    return st;
}

static mt_status take_header(mt_cursor *c, mt_error *err)
{
    uint8_t head[10];
    c->at.member_in = taken(c);
    if (c->at.member_in > 0 && c->at.member_in == c->source->size) {
        c->at.phase = MT_AT_END;
        return MT_OK;
    }
    mt_status st = take_byte(c, head, err);
    if (!st && c->at.member_in > 0 && head[0] == 0)
        return skip_padding(c, err);
    if (st || (st = take_bytes(c, head + 1, 9, err)))
        return st;
    if (head[0] != 0x1f || head[1] != 0x8b || head[2] != 8 || head[3] & 0xe0)
        return mt_fail(err, MT_E_CORRUPT, "no gzip member at byte %llu", (unsigned long long)c->at.member_in);
    if ((st = skip_optional(c, head[3], err)))
        return st;
    if (inflateReset(&c->z) != Z_OK)
        return mt_fail(err, MT_E_MEMORY, "out of memory for decoding deflate");
    c->at.member_out = c->at.out;
    c->at.crc = 0;
    c->at.phase = MT_IN_BLOCKS;
    return MT_OK;
}

static mt_status take_trailer(mt_cursor *c, mt_error *err)
{
    uint64_t size = c->at.out - c->at.member_out;
    uint32_t crc = c->source->crc;
    bool same = size == c->source->decoded_size;
    if (c->source->gzip) {
        uint8_t end[8];
        mt_status st = take_bytes(c, end, 8, err);
        if (st)
            return st;
        crc = mt_load_u32le(end);
        same = (uint32_t)size == mt_load_u32le(end + 4);
    }
    if (crc != c->at.crc || !same)
        return mt_fail(err, MT_E_CORRUPT, "the member that starts at byte %llu: %s is wrong",
                       (unsigned long long)c->at.member_in, crc != c->at.crc ? "the checksum" : "the size");
    c->at.phase = c->source->gzip ? MT_AT_HEADER : MT_AT_END;
    return MT_OK;
}

/* One call of inflate, even without input: output may still be pending. */
static mt_status decode(mt_cursor *c, uint8_t *out, size_t size, size_t *n, bool *at_block, mt_error *err)
{
    bool stop = c->at.out >= c->stop_from;
    mt_status st = fill(c, err);
    if (st)
        return st;
    if (!stop && size > c->stop_from - c->at.out)
        size = (size_t)(c->stop_from - c->at.out);
    unsigned room = size < (1u << 30) ? (unsigned)size : 1u << 30;
    c->z.next_out = out;
    c->z.avail_out = room;
    int result = inflate(&c->z, stop ? Z_BLOCK : Z_NO_FLUSH);
    *at_block = stop && (c->z.data_type & 0xc0) == 0x80; /* not after the last block: see data_type in zlib.h */
    *n = room - c->z.avail_out;
    c->at.crc = mt_crc32(c->at.crc, out, *n);
    c->at.out += *n;
    if (result == Z_STREAM_END) {
        c->at.phase = MT_AT_TRAILER;
        return MT_OK;
    }
    if (result == Z_BUF_ERROR && c->z.avail_in == 0 && c->loaded == c->source->size && c->z.avail_out > 0)
        return fail_early_end(c, err);
    if (result == Z_OK || result == Z_BUF_ERROR)
        return MT_OK;
    if (result == Z_MEM_ERROR)
        return mt_fail(err, MT_E_MEMORY, "out of memory for decoding deflate");
    return mt_fail(err, MT_E_CORRUPT, "the deflate stream is broken near byte %llu (decoded byte %llu): %s",
                   (unsigned long long)taken(c), (unsigned long long)c->at.out, c->z.msg ? c->z.msg : "no detail");
}

mt_status mt_cursor_run(mt_cursor *c, uint8_t *out, size_t size, size_t *n, bool *stopped, mt_error *err)
{
    mt_status st = MT_OK;
    *n = 0;
    *stopped = false;
    for (int idle = 0; !st && *n < size && c->at.phase != MT_AT_END && !*stopped;) {
        uint64_t before = taken(c);
        size_t got = 0;
        bool at_block = false;
        if (c->at.phase == MT_AT_HEADER) {
            st = take_header(c, err);
        } else if (c->at.phase == MT_AT_TRAILER) {
            st = take_trailer(c, err);
            *stopped = c->at.phase == MT_AT_HEADER;
        } else {
            st = decode(c, out + *n, size - *n, &got, &at_block, err);
            *stopped = c->at.phase == MT_IN_BLOCKS && at_block;
        }
        *n += got;
        idle = got > 0 || taken(c) > before || c->at.phase != MT_IN_BLOCKS ? 0 : idle + 1;
        if (idle > MOST_IDLE)
            st = mt_fail(err, MT_E_CORRUPT, "the deflate stream makes no progress at byte %llu",
                         (unsigned long long)taken(c));
    }
    return st;
}

mt_status mt_cursor_finish(mt_cursor *c, mt_error *err)
{
    mt_status st = MT_OK;
    while (!st && c->at.phase != MT_AT_END) {
        uint8_t more;
        size_t n;
        bool stopped;
        st = mt_cursor_run(c, &more, 1, &n, &stopped, err);
        if (!st && n > 0)
            st = mt_fail(err, MT_E_CORRUPT, "decodes to more than %llu bytes", (unsigned long long)c->at.out - 1);
    }
    return st;
}

mt_inflate_place mt_cursor_place(mt_cursor *c, uint8_t *window, size_t *n_window)
{
    mt_inflate_place place = c->at;
    place.in = taken(c);
    place.bits = 0;
    *n_window = 0;
    if (place.phase == MT_IN_BLOCKS) {
        unsigned n = 0;
        place.bits = c->z.data_type & 7;
        place.byte = c->z.next_in[-1];
        inflateGetDictionary(&c->z, window, &n);
        *n_window = n;
    }
    return place;
}

uint32_t mt_crc32(uint32_t crc, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        unsigned some = n < (1u << 30) ? (unsigned)n : 1u << 30;
        crc = (uint32_t)crc32(crc, bytes, some);
        bytes += some, n -= some;
    }
    return crc;
}

mt_status mt_inflate_whole(mt_env *env, const uint8_t *packed, size_t packed_size, uint8_t *out, size_t size,
                           uint32_t crc, mt_error *err)
{
    z_stream z;
    uint8_t more;
    if (packed_size > UINT32_MAX || size >= UINT32_MAX)
        return mt_fail(err, MT_E_LIMIT, "%zu bytes are too many to decode at once", size);
    mt_status st = init_stream(env, &z, err);
    if (st)
        return st;
    z.next_in = (uint8_t *)(uintptr_t)packed;
    z.avail_in = (unsigned)packed_size;
    z.next_out = out;
    z.avail_out = (unsigned)size;
    int result = inflate(&z, Z_FINISH);
    if (result != Z_STREAM_END && z.avail_out == 0) { /* the end of the last block may still be pending */
        z.next_out = &more;
        z.avail_out = 1;
        result = inflate(&z, Z_FINISH);
    }
    bool whole = result == Z_STREAM_END && z.total_out == size;
    if (result == Z_MEM_ERROR)
        st = mt_fail(err, MT_E_MEMORY, "out of memory for decoding deflate");
    else if (z.total_out > size)
        st = mt_fail(err, MT_E_CORRUPT, "decodes to more than %zu bytes", size);
    else if (!whole)
        st = mt_fail(err, MT_E_CORRUPT, "the deflate stream is broken or ends early, near byte %lu: %s", z.total_in,
                     z.msg ? z.msg : "no detail");
    else if (mt_crc32(0, out, size) != crc)
        st = mt_fail(err, MT_E_CORRUPT, "the checksum is wrong");
    inflateEnd(&z);
    return st;
}
