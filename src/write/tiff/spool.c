/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/tiff/spool.h"

#include "base/checked.h"
#include "base/reader.h"
#include "codec/codec.h"

#include <string.h>

#define KEY "tiles"
#define HEAD 32 /* bytes before a tile */

/* With MT_SYNC_SHARDS, bytes after which the spool is synced: the most that a power cut costs. */
#define SYNC_BYTES ((uint64_t)64 << 20)

static const char magic[8] = "mttile\0\n";

/* --- Heads. --- */

typedef struct tile_head {
    uint64_t unit, size;
    uint32_t crc; /* of the tile */
} tile_head;

static void format_head(const tile_head *head, uint8_t out[HEAD])
{
    memcpy(out, magic, sizeof magic);
    mt_store_u64le(out + 8, head->unit);
    mt_store_u64le(out + 16, head->size);
    mt_store_u32le(out + 24, head->crc);
    mt_store_u32le(out + 28, mt_crc32c(out, 28));
}

static bool parse_head(const uint8_t bytes[HEAD], tile_head *out)
{
    *out = (tile_head) { mt_load_u64le(bytes + 8), mt_load_u64le(bytes + 16), mt_load_u32le(bytes + 24) };
    return memcmp(bytes, magic, sizeof magic) == 0 && mt_load_u32le(bytes + 28) == mt_crc32c(bytes, 28);
}

/* --- Opening. --- */

/* Reads the tile at the end of what is known; *is_tile is false if no tile begins there. */
static mt_status scan_tile(tiff_spool *spool, uint64_t file_size, uint8_t *memory, bool *is_tile, mt_error *err)
{
    uint8_t bytes[HEAD];
    tile_head head;
    *is_tile = false;
    if (file_size - spool->size < HEAD)
        return MT_OK;
    mt_status st = mt_file_read(spool->reader, spool->path, spool->size, bytes, HEAD, err);
    if (st || !parse_head(bytes, &head) || head.unit >= spool->n_units || head.size > spool->most ||
        head.size > file_size - spool->size - HEAD)
        return st;
    tiff_tile tile = { spool->size + HEAD, head.size };
    if (!spool->only_looks &&
        (st = mt_file_read(spool->reader, spool->path, tile.offset, memory, (size_t)tile.size, err)))
        return st;
    if (spool->only_looks || mt_crc32c(memory, (size_t)tile.size) == head.crc)
        spool->tiles[head.unit] = tile;
    spool->size = tile.offset + tile.size;
    *is_tile = true;
    return MT_OK;
}

/* Finds the tiles of earlier writers, and cuts off what follows them. */
static mt_status scan(tiff_spool *spool, mt_error *err)
{
    uint64_t file_size;
    void *memory;
    bool go_on = true;
    mt_status st = mt_file_size(spool->reader, spool->path, &file_size, err);
    if (st || (st = mt_alloc(spool->target->env, spool->most, &memory, err)))
        return st;
    while (!st && go_on)
        st = scan_tile(spool, file_size, memory, &go_on, err);
    mt_release(spool->target->env, memory, spool->most);
    return st || spool->only_looks || spool->size == file_size
               ? st
               : mt_output_truncate(spool->file, spool->path, spool->size, err);
}

static mt_status open_to_write(tiff_spool *spool, mt_error *err)
{
    bool is_new;
    mt_status st = mt_target_create_file(spool->target, KEY, spool->path, &spool->file, &is_new, err);
    if (!st && !is_new)
        st = mt_output_open(spool->path, &spool->file, err);
    spool->is_open = !st;
    return st;
}

static mt_status open_to_read(tiff_spool *spool, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_target_get_file(spool->target, KEY, spool->path, err);
    if (st)
        return st;
    st = mt_file_open(spool->path, &spool->reader, &own);
    spool->has_reader = !st;
    return !st || (st == MT_E_NOT_FOUND && spool->only_looks) ? MT_OK : mt_fail(err, st, "%s", own.message);
}

mt_status tiff_spool_open(tiff_spool *spool, mt_target *target, uint64_t n_units, size_t most, bool only_looks,
                          mt_error *err)
{
    size_t bytes;
    void *memory;
    spool->only_looks = only_looks;
    spool->target = target;
    spool->n_units = n_units;
    spool->most = most;
    if (mt_mul_size((size_t)n_units, sizeof *spool->tiles, &bytes))
        return mt_fail(err, MT_E_LIMIT, "the image has too many tiles");
    mt_status st = mt_alloc(target->env, bytes, &memory, err);
    if (st)
        return st;
    if ((st = mt_lock_init(&spool->lock, NULL, NULL, err))) {
        mt_release(target->env, memory, bytes);
        return st;
    }
    spool->tiles = memset(memory, 0, bytes);
    if ((!only_looks && (st = open_to_write(spool, err))) || (st = open_to_read(spool, err)))
        return st;
    return spool->has_reader ? scan(spool, err) : MT_OK;
}

static mt_status close_file(tiff_spool *spool, mt_error *err)
{
    mt_status st = spool->is_open ? mt_output_close(spool->file, spool->path, err) : MT_OK;
    if (spool->has_reader)
        mt_file_close(spool->reader);
    spool->is_open = spool->has_reader = false;
    return st;
}

void tiff_spool_close(tiff_spool *spool)
{
    if (!spool->tiles)
        return;
    (void)!close_file(spool, NULL); /* tiles that are lost are found missing by the next writer */
    mt_lock_destroy(&spool->lock);
    mt_release(spool->target->env, spool->tiles, (size_t)spool->n_units * sizeof *spool->tiles);
    spool->tiles = NULL;
}

mt_status tiff_spool_remove(tiff_spool *spool, mt_error *err)
{
    (void)!close_file(spool, NULL); /* nothing in it is needed any more */
    return mt_target_remove(spool->target, KEY, err);
}

/* --- Tiles. --- */

mt_status tiff_spool_add(tiff_spool *spool, uint64_t unit, const void *bytes, size_t size, uint32_t crc, mt_error *err)
{
    uint8_t head[HEAD];
    mt_piece pieces[] = { { head, HEAD }, { bytes, size } };
    bool syncs = false;
    format_head(&(tile_head) { unit, size, crc }, head);
    mt_lock_take(&spool->lock);
    mt_status st = mt_output_write(spool->file, spool->path, spool->size, pieces, 2, err);
    if (!st) {
        spool->tiles[unit] = (tiff_tile) { spool->size + HEAD, size };
        spool->size += HEAD + size;
        spool->unsynced += HEAD + size;
        syncs = spool->unsynced >= SYNC_BYTES && mt_target_get_sync(spool->target) == MT_SYNC_SHARDS;
        if (syncs)
            spool->unsynced = 0;
    }
    mt_lock_give(&spool->lock);
    return st || !syncs ? st : mt_output_sync(spool->file, spool->path, err);
}

tiff_tile tiff_spool_find(tiff_spool *spool, uint64_t unit)
{
    mt_lock_take(&spool->lock);
    tiff_tile tile = spool->tiles[unit];
    mt_lock_give(&spool->lock);
    return tile;
}

mt_status tiff_spool_read(tiff_spool *spool, uint64_t unit, tiff_tile tile, void *out, uint32_t *crc, mt_error *err)
{
    uint8_t bytes[HEAD];
    tile_head head;
    mt_status st = mt_file_read(spool->reader, spool->path, tile.offset - HEAD, bytes, HEAD, err);
    if (st || (st = mt_file_read(spool->reader, spool->path, tile.offset, out, (size_t)tile.size, err)))
        return st;
    if (!parse_head(bytes, &head) || head.unit != unit || head.size != tile.size ||
        mt_crc32c(out, (size_t)tile.size) != head.crc)
        return mt_fail(err, MT_E_CORRUPT,
                       "%s: tile %llu was damaged since it was written: close the image and continue it, which writes "
                       "the tile again",
                       spool->path, (unsigned long long)unit);
    if (crc)
        *crc = head.crc;
    return MT_OK;
}
