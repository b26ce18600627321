/* SPDX-License-Identifier: BSD-3-Clause */
/* Masks of valid pixels, attached to subblocks: the valid part of a tile as rectangles. */
#include "format/czi/tiles.h"

#include <string.h>

enum { GUID_BYTES = 16, CHUNK_HEAD = 20, MASK_HEAD = 16, MAX_CHUNKS = 1000 };

typedef struct mask_making {
    const czi_state *state;
    const tile *tile;
} mask_making;

/* Rectangles under construction. Those that extend to the last row may grow; open lists them from left to right. */
typedef struct shapes {
    czi_rectangle *list;
    size_t n;
    uint32_t *open, *next;
    size_t n_open, n_next;
} shapes;

static mt_status add_run(shapes *s, int32_t y, int32_t low, int32_t high, size_t *at, mt_error *err)
{
    while (*at < s->n_open && s->list[s->open[*at]].low[0] < low)
        ++*at;
    czi_rectangle *above = *at < s->n_open ? &s->list[s->open[*at]] : NULL;
    if (above && above->low[0] == low && above->high[0] == high) {
        above->high[1] = y + 1;
        s->next[s->n_next++] = s->open[*at];
        return MT_OK;
    }
    if (s->n == CZI_MAX_RECTANGLES)
        return mt_fail(err, MT_E_LIMIT, "a mask of more than %d rectangles", CZI_MAX_RECTANGLES);
    s->list[s->n] = (czi_rectangle) { { low, y }, { high, y + 1 } };
    s->next[s->n_next++] = (uint32_t)s->n++;
    return MT_OK;
}

/* The highest bit is the leftmost pixel. */
static bool is_valid(const uint8_t *row, int32_t x) { return row[x / 8] >> (7 - x % 8) & 1; }

static mt_status add_row(shapes *s, const uint8_t *row, int32_t width, int32_t y, mt_error *err)
{
    size_t at = 0;
    s->n_next = 0;
    for (int32_t x = 0; x < width;) {
        int32_t low = x;
        bool valid = is_valid(row, x);
        while (x < width && is_valid(row, x) == valid)
            x++;
        mt_status st = valid ? add_run(s, y, low, x, &at, err) : MT_OK;
        if (st)
            return st;
    }
    uint32_t *next = s->next;
    s->next = s->open;
    s->open = next;
    s->n_open = s->n_next;
    return MT_OK;
}

/* Finds the mask in a container of chunks, each with a GUID and a size; size 0 if there is none. */
static mt_status find_mask(const czi_file *file, const czi_subblock *parts, uint64_t *offset, uint64_t *size,
                           mt_error *err)
{
    static const uint8_t guid[GUID_BYTES] = { 0x67, 0xea, 0xe3, 0xcb, 0xfc, 0x5b, 0x2b, 0x49,
                                              0xa1, 0x6a, 0xec, 0xe3, 0x78, 0x03, 0x14, 0x48 };
    uint64_t position = parts->mask_offset, left = parts->mask_size;
    *size = 0;
    for (int i = 0; left >= CHUNK_HEAD; i++) {
        uint8_t head[CHUNK_HEAD];
        if (i == MAX_CHUNKS)
            return mt_fail(err, MT_E_LIMIT, "more than %d parts in the attachment of a subblock", MAX_CHUNKS);
        mt_status st = czi_read(file, position, head, sizeof head, err);
        if (st)
            return st;
        uint64_t bytes = mt_load_u32le(head + GUID_BYTES);
        position += CHUNK_HEAD;
        left -= CHUNK_HEAD;
        if (bytes > left)
            return mt_fail(err, MT_E_CORRUPT, "a part of %llu bytes in the attachment of a subblock, with %llu left",
                           (unsigned long long)bytes, (unsigned long long)left);
        if (memcmp(head, guid, sizeof guid) == 0) {
            *offset = position;
            *size = bytes;
            return MT_OK;
        }
        position += bytes;
        left -= bytes;
    }
    return MT_OK;
}

/* The attachment is a container of chunks only if the metadata of the subblock declares it. */
static mt_status is_container(const czi_file *file, const czi_subblock *parts, bool *out, mt_error *err)
{
    static const char name[] = "CHUNKCONTAINER";
    size_t size = (size_t)parts->metadata_size, limit = file->env->limits.max_xml_bytes;
    void *text;
    *out = false;
    if (parts->mask_size == 0 || size < sizeof name)
        return MT_OK;
    if (size > limit)
        return mt_fail(err, MT_E_LIMIT, "metadata of %zu bytes, more than max_xml_bytes (%zu)", size, limit);
    mt_status st = mt_alloc(file->env, size + 1, &text, err);
    if (st)
        return st;
    if (!(st = czi_read(file, parts->metadata_offset, text, size, err))) {
        ((char *)text)[size] = 0;
        *out = strstr(text, name) != NULL;
    }
    mt_release(file->env, text, size + 1);
    return st;
}

/* Reads a mask whose head was checked and decomposes it row by row. */
static mt_status read_rows(const czi_file *file, uint64_t offset, size_t stride, int32_t width, int32_t height,
                           shapes *s, mt_error *err)
{
    void *rows;
    size_t bytes = stride * (size_t)height;
    mt_status st = mt_alloc(file->env, bytes, &rows, err);
    if (st)
        return st;
    st = czi_read(file, offset, rows, bytes, err);
    for (int32_t y = 0; y < height && !st; y++)
        st = add_row(s, (const uint8_t *)rows + (size_t)y * stride, width, y, err);
    mt_release(file->env, rows, bytes);
    return st;
}

static mt_status decompose(const mask_making *m, const czi_file *file, uint64_t offset, uint64_t size, shapes *s,
                           mt_error *err)
{
    const kind *k = m->state->kinds[m->tile->kind];
    uint8_t head[MASK_HEAD];
    if (size < MASK_HEAD)
        return mt_fail(err, MT_E_CORRUPT, "a mask of %llu bytes", (unsigned long long)size);
    mt_status st = czi_read(file, offset, head, sizeof head, err);
    if (st)
        return st;
    uint32_t width = mt_load_u32le(head), height = mt_load_u32le(head + 4), stride = mt_load_u32le(head + 12);
    if (mt_load_u32le(head + 8) != 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "masks of type %u are not supported", mt_load_u32le(head + 8));
    if (width != (uint32_t)k->width || height != (uint32_t)k->height)
        return mt_fail(err, MT_E_UNSUPPORTED, "a mask of %u x %u on a tile of %d x %d is not supported", height, width,
                       k->height, k->width);
    if (stride < (width + 7) / 8 || stride > (size - MASK_HEAD) / height)
        return mt_fail(err, MT_E_CORRUPT, "a mask of %u rows of %u bytes in %llu", height, stride,
                       (unsigned long long)size);
    size_t limit = file->env->limits.max_chunk_bytes;
    if (height > 0 && stride > limit / height)
        return mt_fail(err, MT_E_LIMIT, "a mask of %u rows of %u bytes, more than max_chunk_bytes (%zu)", height,
                       stride, limit);
    return read_rows(file, offset + MASK_HEAD, stride, k->width, k->height, s, err);
}

static mt_status make_shapes(const mask_making *m, shapes *s, mt_error *err)
{
    const czi_file *file = &m->state->files->file[m->tile->file];
    const kind *k = m->state->kinds[m->tile->kind];
    czi_subblock parts;
    uint64_t offset, size = 0;
    bool has_chunks;
    mt_status st = czi_find_data(file, m->tile->position, &parts, err);
    if (st || (st = is_container(file, &parts, &has_chunks, err)) ||
        (has_chunks && (st = find_mask(file, &parts, &offset, &size, err))))
        return st;
    if (size > 0)
        return decompose(m, file, offset, size, s, err);
    s->list[s->n++] = (czi_rectangle) { { 0, 0 }, { k->width, k->height } };
    return MT_OK;
}

static mt_status make_visible(void *argument, void **data, size_t *size, mt_error *err)
{
    const mask_making *m = argument;
    mt_env *env = m->state->files->file[0].env;
    size_t bytes = CZI_MAX_RECTANGLES * (sizeof(czi_rectangle) + 2 * sizeof(uint32_t));
    void *room;
    mt_status st = mt_alloc(env, bytes, &room, err);
    if (st)
        return st;
    shapes s = { .list = room };
    s.open = (uint32_t *)(void *)(s.list + CZI_MAX_RECTANGLES);
    s.next = s.open + CZI_MAX_RECTANGLES;
    st = make_shapes(m, &s, err);
    *size = s.n * sizeof *s.list;
    if (!st && s.n > 0 && !(st = mt_alloc(env, *size, data, err)))
        memcpy(*data, s.list, *size);
    if (!st && s.n == 0)
        *data = NULL;
    mt_release(env, room, bytes);
    return st;
}

mt_status czi_find_visible(const czi_state *state, size_t i, czi_visible *out, mt_error *err)
{
    mask_making m = { state, &state->tiles[i] };
    mt_cache *cache = state->files->file[0].env->index_cache;
    mt_status st = mt_cache_get(cache, state->mask_owner, i, make_visible, &m, &out->entry, err);
    if (st) {
        mt_error_prefix(err, "tile %zu", i);
        return st;
    }
    out->rectangles = out->entry->data;
    out->n = out->entry->size / sizeof *out->rectangles;
    return MT_OK;
}

void czi_release_visible(const czi_state *state, czi_visible *visible)
{
    mt_cache_release(state->files->file[0].env->index_cache, visible->entry);
}
