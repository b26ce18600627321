/* SPDX-License-Identifier: BSD-3-Clause */
/* The chunk map of an image: its tiles in paint order and the locations of their pixels. */
#include "base/checked.h"
#include "format/czi/tiles.h"

#include <stdlib.h>
#include <string.h>

#define MAX_KINDS 4096
#define SLOT_BITS 13
#define N_SLOTS (1 << SLOT_BITS)

typedef struct making {
    mt_chunk_map *map;
    czi_state *state;
    uint16_t *slots; /* hash table of kinds: index + 1; 0 if free */
} making;

static int64_t range_of(const czi_image *image, int d) { return (int64_t)image->high[d] - image->low[d]; }

static mt_status add_step(mt_chain *chain, const char *name, const void *params, mt_error *err)
{
    return mt_chain_add(chain, mt_codec_find(name), params, err);
}

/* Raw and zstd pixels are stored as blue, green, red; JPEG and JPEG XR decode to their own order. */
static mt_status make_raw_chain(czi_state *s, mt_error *err)
{
    s->samples = (mt_samples_params) { mt_dtype_size(s->type->dtype), (size_t)s->type->samples };
    mt_status st = s->type->samples > 1 ? add_step(&s->raw, "bgr", &s->samples, err) : MT_OK;
    return st ? st : add_step(&s->raw, "fit", NULL, err);
}

static mt_status refuse(int32_t compression, mt_error *err)
{
    enum { FIRST_CAMERA = 100, FIRST_SYSTEM = 1000 };
    const char *name = compression == CZI_LZW       ? "LZW"
                       : compression < FIRST_CAMERA ? "not known"
                       : compression < FIRST_SYSTEM ? "raw data of a camera"
                                                    : "raw data of a system";
    return mt_fail(err, MT_E_UNSUPPORTED,
                   "compression %d (%s) is not supported: open the file in ZEN and save it again", compression, name);
}

static mt_status make_chain(const czi_state *s, kind *k, mt_error *err)
{
    k->picture = (mt_picture_params) { .width = k->width,
                                       .height = k->height,
                                       .samples = s->type->samples,
                                       .dtype = s->type->dtype,
                                       .fits = true,
                                       .ycbcr = s->type->samples == 3 };
    bool is_picture = k->compression == CZI_JPEG || k->compression == CZI_JPEGXR;
    if (!is_picture && (k->compression != CZI_RAW || s->type->samples > 1))
        k->chain = s->raw;
    switch (k->compression) {
    case CZI_RAW: return MT_OK;
    case CZI_JPEG: return add_step(&k->chain, "jpeg", &k->picture, err);
    case CZI_JPEGXR: return add_step(&k->chain, "jpegxr", &k->picture, err);
    case CZI_ZSTD0: return add_step(&k->chain, "zstd", NULL, err);
    case CZI_ZSTD1: return add_step(&k->chain, "zstd1", NULL, err);
    default: return refuse(k->compression, err);
    }
}

static bool is_kind(const kind *k, const czi_entry *e)
{
    return k->compression == e->compression && k->width == e->stored_width && k->height == e->stored_height;
}

/* The slot of the kind of an entry, or a free one for it. At least half of the slots are free. */
static uint16_t *find_slot(const making *m, const czi_entry *e)
{
    uint32_t hash = ((uint32_t)e->stored_width * 0x9e3779b1u ^ (uint32_t)e->stored_height) * 0x85ebca6bu;
    size_t at = (hash ^ (uint32_t)e->compression * 0x9e3779b1u) >> (32 - SLOT_BITS);
    while (m->slots[at] && !is_kind(m->state->kinds[m->slots[at] - 1], e))
        at = (at + 1) % N_SLOTS;
    return &m->slots[at];
}

static mt_status find_kind(making *m, const czi_entry *e, uint32_t *out, mt_error *err)
{
    czi_state *s = m->state;
    uint16_t *slot = find_slot(m, e);
    if (*slot) {
        *out = *slot - 1u;
        return MT_OK;
    }
    if (s->n_kinds == MAX_KINDS)
        return mt_fail(err, MT_E_LIMIT, "tiles of more than %d sizes", MAX_KINDS);
    kind *k = mt_arena_alloc(m->map->arena, 1, sizeof *k, err);
    if (!k)
        return MT_E_MEMORY;
    *k = (kind) { .compression = e->compression, .width = e->stored_width, .height = e->stored_height };
    *out = s->n_kinds;
    s->kinds[s->n_kinds++] = k;
    *slot = (uint16_t)s->n_kinds;
    return make_chain(s, k, err);
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static mt_status add_tile(making *m, const czi_entry *e, uint32_t plane, uint64_t skip, mt_error *err)
{
    czi_state *s = m->state;
    uint32_t k;
    mt_status st = find_kind(m, e, &k, err);
    if (st)
        return st;
    size_t expected = s->image->n_tiles[s->level] + 1;
    tile *tiles = mt_arena_grow(m->map->arena, s->tiles, s->n_tiles, &s->tile_room, expected, sizeof *tiles, err);
    if (!tiles)
        return MT_E_MEMORY;
    s->tiles = tiles;
    /* Both fit: tiles of full size lie inside the image, and others are divided by a factor of 2 or more. */
    int64_t x = floor_div((int64_t)e->start[CZI_X] - s->image->low[CZI_X], s->factor);
    int64_t y = floor_div((int64_t)e->start[CZI_Y] - s->image->low[CZI_Y], s->factor);
    s->tiles[s->n_tiles] = (tile) { .position = e->position,
                                    .skip = skip,
                                    .plane = plane,
                                    .kind = k,
                                    .number = (uint32_t)s->n_tiles,
                                    .x = (int32_t)x,
                                    .y = (int32_t)y,
                                    .scene = e->present >> CZI_S & 1 ? e->start[CZI_S] : INT32_MIN,
                                    .m = s->factor == 1 && (e->present >> CZI_M & 1) ? e->start[CZI_M] : INT32_MIN,
                                    .file = (uint8_t)e->file };
    s->n_tiles++;
    return MT_OK;
}

/* The plane at a position along the dimensions before Y and X; false if outside the image. */
static bool find_plane(const czi_state *s, const int32_t *place, uint32_t *out)
{
    uint64_t plane = 0;
    for (int i = 0; i < s->n_axes; i++) {
        int d = s->axes[i];
        if (place[d] < s->image->low[d] || place[d] >= s->image->high[d])
            return false;
        plane = plane * (uint64_t)range_of(s->image, d) + (uint64_t)((int64_t)place[d] - s->image->low[d]);
    }
    *out = (uint32_t)plane;
    return true;
}

/* A subblock may hold several planes in the order of its dimensions. Each becomes a tile. */
static mt_status add_planes(making *m, const czi_entry *e, mt_error *err)
{
    czi_state *s = m->state;
    int32_t place[CZI_DIMS], count = 1;
    uint64_t plane_bytes = (uint64_t)e->stored_width * (uint64_t)e->stored_height * mt_dtype_size(s->type->dtype) *
                           (uint64_t)s->type->samples;
    for (int d = 0; d < CZI_DIMS; d++)
        place[d] = e->present >> d & 1 ? e->start[d] : s->image->low[d];
    for (int i = 0; i < s->n_axes; i++) {
        int32_t size = e->present >> s->axes[i] & 1 ? e->size[s->axes[i]] : 1;
        if (__builtin_mul_overflow(count, size, &count) || count > 1 << 20)
            return mt_fail(err, MT_E_LIMIT, "a subblock of more than 2^20 planes");
    }
    if (count > 1 && e->compression != CZI_RAW)
        return mt_fail(err, MT_E_UNSUPPORTED, "several compressed planes in one subblock are not supported");
    for (int32_t i = 0; i < count; i++) {
        uint32_t plane, rest = (uint32_t)i;
        for (int k = 0; k < e->n_order; k++) {
            int d = e->order[k];
            bool counts = false;
            for (int a = 0; a < s->n_axes; a++)
                counts |= s->axes[a] == d;
            if (!counts)
                continue;
            place[d] = e->start[d] + (int32_t)(rest % (uint32_t)e->size[d]);
            rest /= (uint32_t)e->size[d];
        }
        mt_status st = find_plane(s, place, &plane) ? add_tile(m, e, plane, plane_bytes * (uint64_t)i, err) : MT_OK;
        if (st)
            return st;
    }
    return MT_OK;
}

static mt_status add_entry(void *user, const czi_entry *e, mt_error *err)
{
    making *m = user;
    bool whole = e->stored_width == e->size[CZI_X] && e->stored_height == e->size[CZI_Y];
    if (!czi_belongs(m->state->image, e) || (whole ? 1 : czi_factor(e)) != m->state->factor ||
        (!whole && m->state->factor == 1))
        return MT_OK;
    return add_planes(m, e, err);
}

/* Paint order: by scene, then by M; tiles without M come first. */
static int compare_tiles(const void *a, const void *b)
{
    const tile *x = a, *y = b;
    if (x->plane != y->plane)
        return x->plane < y->plane ? -1 : 1;
    if (x->scene != y->scene)
        return x->scene < y->scene ? -1 : 1;
    if (x->m != y->m)
        return x->m < y->m ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Location of the pixels of a subblock, as kept in the index cache. */
typedef struct place {
    uint64_t offset, size;
    bool raw; /* raw pixels: the size fits, and the signature of the declared compression is missing */
} place;

typedef struct place_making {
    const czi_state *state;
    const tile *tile;
    size_t raw_bytes;
} place_making;

/* Some writers flag a compression and store raw pixels. */
static mt_status check_raw(const place_making *m, const czi_file *file, place *out, mt_error *err)
{
    static const uint8_t zstd[4] = { 0x28, 0xb5, 0x2f, 0xfd }, jpegxr[4] = { 0x49, 0x49, 0xbc, 0x01 };
    int32_t compression = m->state->kinds[m->tile->kind]->compression;
    const uint8_t *mark = compression == CZI_ZSTD0 ? zstd : compression == CZI_JPEGXR ? jpegxr : NULL;
    uint8_t start[4];
    if (!mark || out->size != m->raw_bytes || out->size < 4)
        return MT_OK;
    mt_status st = czi_read(file, out->offset, start, sizeof start, err);
    out->raw = !st && memcmp(start, mark, 4) != 0;
    return st;
}

static mt_status make_place(void *argument, void **data, size_t *size, mt_error *err)
{
    const place_making *m = argument;
    const czi_file *file = &m->state->files->file[m->tile->file];
    czi_subblock parts;
    mt_status st = czi_find_data(file, m->tile->position, &parts, err);
    if (st)
        return st;
    place found = { .offset = parts.offset, .size = parts.size };
    if ((st = check_raw(m, file, &found, err)) || (st = mt_alloc(file->env, sizeof found, data, err)))
        return st;
    memcpy(*data, &found, sizeof found);
    *size = sizeof found;
    return MT_OK;
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const czi_state *s = map->state;
    const tile *t = &s->tiles[position[0]];
    const kind *k = s->kinds[t->kind];
    uint64_t bytes =
        (uint64_t)k->width * (uint64_t)k->height * mt_dtype_size(s->type->dtype) * (uint64_t)s->type->samples;
    mt_cache *cache = s->files->file[0].env->index_cache;
    place_making m = { s, t, (size_t)bytes };
    mt_cache_entry *entry;
    mt_status st = mt_cache_get(cache, s->owner, (uint64_t)position[0], make_place, &m, &entry, err);
    if (st)
        return st;
    const place *found = entry->data;
    uint64_t skip = t->skip < found->size ? t->skip : found->size;
    const czi_file *file = &s->files->file[t->file];
    out->key = file->key;
    out->offset = file->base + found->offset + skip;
    out->size = found->size - skip;
    out->chain = &k->chain;
    if (found->raw)
        out->chain = &s->raw;
    mt_cache_release(cache, entry);
    if (k->compression == CZI_RAW && out->size > bytes)
        out->size = bytes;
    if (k->compression == CZI_RAW && out->size < bytes && k->chain.n_steps == 0)
        out->chain = &s->raw;
    return MT_OK;
}

static void add_dimension(mt_chunk_map *map, char axis, int64_t size, int64_t chunk)
{
    map->axes[map->ndim] = axis;
    map->shape[map->ndim] = size;
    map->chunk_shape[map->ndim++] = chunk;
}

static mt_status set_planes(const czi_image *image, czi_state *s, mt_chunk_map *map, mt_error *err)
{
    static const int orders[2][8] = { { CZI_H, CZI_V, CZI_I, CZI_R, CZI_B, CZI_T, CZI_C, CZI_Z },
                                      { CZI_R, CZI_I, CZI_H, CZI_V, CZI_B, CZI_T, CZI_C, CZI_Z } };
    const int *order = orders[image->depth_view];
    int64_t planes = 1;
    for (int i = 0; i < 8; i++) {
        int64_t size = range_of(image, order[i]);
        if (size == 1)
            continue;
        s->axes[s->n_axes++] = order[i];
        add_dimension(map, i < 5 ? 'S' : CZI_LETTERS[order[i]], size, 1);
        if (mt_mul_i64(planes, size, &planes) || planes > UINT32_MAX)
            return mt_fail(err, MT_E_CORRUPT, "more than 2^32 planes");
    }
    return MT_OK;
}

static int64_t divide_up(int64_t a, int64_t b) { return a / b + (a % b != 0); }

static void set_size(const czi_image *image, const czi_state *s, mt_chunk_map *map)
{
    int64_t width = 1, height = 1;
    for (uint32_t i = 0; i < s->n_kinds; i++) {
        width = mt_max_i64(width, s->kinds[i]->width);
        height = mt_max_i64(height, s->kinds[i]->height);
    }
    add_dimension(map, 'Y', divide_up(range_of(image, CZI_Y), s->factor), height);
    add_dimension(map, 'X', divide_up(range_of(image, CZI_X), s->factor), width);
    if (s->type->samples > 1)
        add_dimension(map, 'C', s->type->samples, s->type->samples);
    mt_chunk_map_c_order(map);
    for (uint32_t i = 0; i < s->n_kinds; i++)
        if (s->kinds[i]->chain.n_steps >= map->chain.n_steps)
            map->chain = s->kinds[i]->chain;
}

mt_status czi_make_map(const czi_entries *entries, const czi_image *image, int level, mt_chunk_map *map, mt_error *err)
{
    czi_state *s = mt_arena_alloc(map->arena, 1, sizeof *s, err);
    if (!s)
        return MT_E_MEMORY;
    s->files = entries->files;
    s->image = image;
    s->type = czi_find_pixel_type(image->pixel_type);
    s->level = level;
    s->factor = image->factor[level];
    if (!s->type->dtype)
        return mt_fail(err, MT_E_UNSUPPORTED, "pixel type %s is not supported", s->type->name);
    s->owner = mt_chunk_map_new_owner(map);
    s->mask_owner = image->use_masks ? mt_chunk_map_new_owner(map) : 0;
    s->kinds = mt_arena_alloc(map->arena, MAX_KINDS, sizeof *s->kinds, err);
    making m = { map, s, mt_arena_alloc(map->arena, N_SLOTS, sizeof(uint16_t), err) };
    if (!s->kinds || !m.slots)
        return MT_E_MEMORY;
    mt_status st = set_planes(image, s, map, err);
    if (st || (st = make_raw_chain(s, err)) || (st = czi_walk(entries, add_entry, &m, err)))
        return st;
    set_size(image, s, map);
    qsort(s->tiles, s->n_tiles, sizeof *s->tiles, compare_tiles);
    map->dtype = s->type->dtype;
    map->swap = mt_dtype_size(map->dtype) > 1 && mt_host_big_endian();
    map->state = s;
    map->locate = locate;
    map->find_boxes = czi_find_boxes;
    map->get_box = czi_get_box;
    return czi_make_groups(s, map->arena, map->shape[s->n_axes + 1], map->shape[s->n_axes], err);
}
