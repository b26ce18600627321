/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/net_store.h"

#include "codec/codec.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static net_store *net_of(mt_store *store) { return (net_store *)(void *)store; }

static mt_status net_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    (void)key, (void)err;
    *out = net_of(store)->size;
    return MT_OK;
}

static void count_up(_Atomic unsigned *now, _Atomic unsigned *most)
{
    unsigned n = atomic_fetch_add(now, 1) + 1, seen = *most;
    while (n > seen && !atomic_compare_exchange_weak(most, &seen, n))
        continue;
}

/* The object: the index of 16 bytes per chunk, then the chunks. */
static mt_status net_read_ranges(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    net_store *s = net_of(store);
    int is_index = ranges[0].offset < 16 * NET_CHUNKS, fails = 0, damages = 0;
    s->started_late += s->stop != 0;
    count_up(is_index ? &s->index_now : &s->now, is_index ? &s->index_most : &s->most);
    usleep(s->delay_us);
    atomic_fetch_sub(is_index ? &s->index_now : &s->now, 1);
    for (size_t i = 0; i < n; i++) {
        const mt_range *r = &ranges[i];
        if (r->offset > s->size || r->size > s->size - r->offset)
            return mt_fail(err, MT_E_CORRUPT, "%s: too short", key);
        memcpy(r->out, s->bytes + r->offset, r->size);
        *(is_index ? &s->index_reads : &s->reads) += 1;
        for (int c = 0; !is_index && c < NET_CHUNKS; c++) {
            if (r->offset > s->offsets[c] || r->offset + r->size < s->offsets[c] + s->sizes[c])
                continue;
            s->chunk_reads[c]++;
            fails |= c == s->fails;
            if (c == s->damages) {
                memset((uint8_t *)r->out + (s->offsets[c] - r->offset), 0x55, s->sizes[c]);
                damages = 1;
            }
        }
    }
    if (damages)
        s->damages = -1;
    return fails ? mt_fail(err, MT_E_IO, "%s: the network is down", key) : MT_OK;
}

static void net_close_store(mt_store *store) { (void)store; }

static const mt_store_ops ops = { .size = net_size, .read = net_read_ranges, .close = net_close_store };

static mt_status net_locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    uint64_t entry[2], id = (uint64_t)(position[0] * NET_ACROSS + position[1]);
    mt_status st = mt_store_read_at(map->store, "o", 16 * id, entry, sizeof entry, err);
    out->key = "o";
    out->offset = entry[0];
    out->size = entry[1];
    return st;
}

static void make_map(net *n)
{
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_chunk_map_new(&n->context->env, &n->store.base, "net", &n->map, &err), &err);
    mt_chunk_map *map = n->map;
    map->ndim = 2;
    map->dtype = MT_UINT16;
    memcpy(map->axes, "YX", 3);
    for (int d = 0; d < 2; d++) {
        map->shape[d] = NET_IMAGE;
        map->chunk_shape[d] = NET_SIDE;
    }
    mt_chunk_map_c_order(map);
    check_ok(mt_chain_add(&map->chain, mt_codec_find("crc32c"), NULL, &err), &err);
    map->locate = net_locate;
    check_ok(mt_chunk_map_check(map, &err), &err);
}

static void encode(net *n, size_t gap)
{
    enum { BYTES = NET_SIDE * NET_SIDE * 2 };
    size_t bound = BYTES + 4, at = 16 * NET_CHUNKS;
    n->store.bytes = calloc(1, at + NET_CHUNKS * (bound + gap));
    for (int c = 0; c < NET_CHUNKS; c++) {
        uint16_t chunk[NET_SIDE][NET_SIDE];
        for (int y = 0; y < NET_SIDE; y++)
            memcpy(chunk[y], &n->pixels[c / NET_ACROSS * NET_SIDE + y][c % NET_ACROSS * NET_SIDE], sizeof chunk[y]);
        n->store.offsets[c] = at;
        n->store.sizes[c] = bound;
        memcpy(n->store.bytes + at, chunk, BYTES);
        uint32_t crc = mt_crc32c(n->store.bytes + at, BYTES);
        for (int i = 0; i < 4; i++)
            n->store.bytes[at + BYTES + (size_t)i] = (uint8_t)(crc >> 8 * i);
        memcpy(n->store.bytes + 16 * c, &n->store.offsets[c], 8);
        memcpy(n->store.bytes + 16 * c + 8, &n->store.sizes[c], 8);
        at += n->store.sizes[c] + gap;
    }
    n->store.size = at;
}

void net_open(net *n, const mt_context_options *options, const mt_store_costs *costs, unsigned delay_us, size_t gap)
{
    mt_error err = MT_ERROR_INIT;
    memset(n, 0, sizeof *n);
    check_ok(mt_context_new(options, &n->context, &err), &err);
    for (int y = 0; y < NET_IMAGE; y++)
        for (int x = 0; x < NET_IMAGE; x++)
            n->pixels[y][x] = (uint16_t)(y * 31 + x * 7 + y * x);
    n->store.base =
        (mt_store) { .ops = &ops, .env = &n->context->env, .url = (char *)(uintptr_t) "net", .costs = *costs };
    n->store.delay_us = delay_us;
    n->store.fails = n->store.damages = -1;
    encode(n, gap);
    make_map(n);
    mt_image_init(&n->image, n->context, n->map, &n->store.base, "net", NULL, NULL);
}

void net_close(net *n)
{
    mt_image_forget(&n->image);
    mt_chunk_map_free(n->map);
    mt_context_free(n->context);
    free(n->store.bytes);
}

mt_read net_read(net *n, int64_t y, int64_t x, int64_t size, uint16_t *out)
{
    return (mt_read) { .image = &n->image,
                       .convert = { .from = MT_UINT16, .to = MT_UINT16 },
                       .out = (uint8_t *)out,
                       .start = { y, x },
                       .extent = { size, size },
                       .out_stride = { 2 * size, 2 } };
}

int net_is_right(const net *n, int64_t y, int64_t x, int64_t size, const uint16_t *out)
{
    for (int64_t i = 0; i < size; i++)
        if (memcmp(out + i * size, &n->pixels[y + i][x], (size_t)size * 2) != 0)
            return 0;
    return 1;
}
