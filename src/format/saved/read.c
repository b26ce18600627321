/* SPDX-License-Identifier: BSD-3-Clause */
/* From bytes to a chunk map. */
#include "base/checked.h"
#include "codec/saved.h"
#include "format/saved/state.h"

#include <math.h>
#include <string.h>

/* Bound on sizes and offsets, so that the sum of two does not overflow. */
#define MOST_SIZE (INT64_MAX / 4)

static mt_status failed(const mt_error *err) { return err && err->status ? err->status : MT_E_MEMORY; }

static mt_status broken(const char *what, mt_error *err)
{
    return mt_fail(err, MT_E_CORRUPT, "%s of the saved map are broken", what);
}

char *mt_key_rename(const mt_renaming *renaming, const char *key, mt_arena *arena, mt_error *err)
{
    const char *from = renaming->from, *to = renaming->to;
    size_t n = strlen(from);
    if (strcmp(key, from) == 0)
        return mt_arena_strndup(arena, to, strlen(to), err);
    bool below = n == 0 || (strncmp(key, from, n) == 0 && key[n] == '/');
    if (!below)
        return mt_arena_strndup(arena, key, strlen(key), err);
    return mt_arena_printf(arena, err, "%s%s%s", to, *to ? "/" : "", key + n + (n > 0));
}

/* Reads a string into the arena. It ends at the first NUL byte. */
static mt_status read_text(mt_reader *r, mt_arena *arena, char **out, mt_error *err)
{
    uint64_t n = mt_read_varint(r);
    const uint8_t *bytes = n <= mt_read_left(r) ? mt_read_bytes(r, (size_t)n) : NULL;
    if (!bytes || r->failed)
        return broken("texts", err);
    *out = mt_arena_strndup(arena, (const char *)bytes, (size_t)n, err);
    return *out ? MT_OK : failed(err);
}

static mt_status read_optional(mt_reader *r, mt_arena *arena, const char **out, mt_error *err)
{
    char *text;
    mt_status st = MT_OK;
    if (mt_read_u8(r) && !(st = read_text(r, arena, &text, err)))
        *out = text;
    return st;
}

/* Reads a count of items of at least one byte each. */
static mt_status read_count(mt_reader *r, size_t *out, mt_error *err)
{
    uint64_t n = mt_read_varint(r);
    *out = (size_t)n;
    return r->failed || n > mt_read_left(r) ? broken("counts", err) : MT_OK;
}

static mt_status read_object(mt_reader *r, const mt_renaming *renaming, mt_arena *arena, saved_object *out,
                             mt_error *err)
{
    char *key, *etag;
    mt_status st = read_text(r, arena, &key, err);
    if (st)
        return st;
    out->key = mt_key_rename(renaming, key, arena, err);
    if (!out->key)
        return failed(err);
    out->identity.size = mt_read_varint(r);
    out->identity.mtime_ns = mt_read_signed(r);
    if ((st = read_text(r, arena, &etag, err)))
        return st;
    size_t n = strlen(etag);
    if (n >= sizeof out->identity.etag)
        return broken("identities", err);
    memcpy(out->identity.etag, etag, n + 1);
    return mt_store_check_key(out->key, err);
}

static mt_status read_objects(mt_reader *r, const mt_renaming *renaming, mt_arena *arena, saved_state *s, mt_error *err)
{
    mt_status st = read_count(r, &s->n_objects, err);
    s->n_documents = (size_t)mt_read_varint(r);
    if (!st && s->n_documents > s->n_objects)
        st = broken("objects", err);
    if (!st && !(s->objects = mt_arena_alloc(arena, s->n_objects + 1, sizeof *s->objects, err)))
        st = failed(err);
    for (size_t i = 0; !st && i < s->n_objects; i++)
        st = read_object(r, renaming, arena, &s->objects[i], err);
    return st;
}

/* The first chain is that of the map. */
static mt_status read_chains(mt_reader *r, mt_chunk_map *map, saved_state *s, mt_error *err)
{
    mt_status st = read_count(r, &s->n_chains, err);
    if (st || s->n_chains == 0 || s->n_chains > UINT16_MAX)
        return st ? st : broken("chains", err);
    s->chains = mt_arena_alloc(map->arena, s->n_chains, sizeof *s->chains, err);
    if (!s->chains)
        return failed(err);
    for (size_t i = 0; !st && i < s->n_chains; i++)
        st = mt_chain_read(r, map->arena, &s->chains[i], err);
    map->chain = s->chains[0];
    return st;
}

static bool read_sizes(mt_reader *r, int64_t *sizes, int n)
{
    bool good = true;
    for (int d = 0; d < n; d++) {
        uint64_t size = mt_read_varint(r);
        good &= size <= MOST_SIZE;
        sizes[d] = (int64_t)size;
    }
    return good;
}

static mt_status read_edges(mt_reader *r, mt_chunk_map *map, int d, mt_error *err)
{
    size_t n;
    mt_status st = read_count(r, &n, err);
    if (st || n == 0)
        return st;
    int64_t *edges = mt_arena_alloc(map->arena, n + 1, sizeof *edges, err);
    if (!edges)
        return failed(err);
    for (size_t i = 0; i < n; i++) {
        uint64_t size = mt_read_varint(r);
        if (size < 1 || size > MOST_SIZE || mt_add_i64(edges[i], (int64_t)size, &edges[i + 1]))
            return broken("chunk sizes", err);
    }
    map->chunk_edges[d] = edges;
    return edges[n] >= map->shape[d] ? MT_OK : broken("chunk sizes", err);
}

static mt_status read_channels(mt_reader *r, mt_chunk_map *map, mt_error *err)
{
    mt_status st = read_count(r, &map->n_channels, err);
    if (st || map->n_channels == 0)
        return st;
    mt_channel *channels = mt_arena_alloc(map->arena, map->n_channels, sizeof *channels, err);
    if (!channels)
        return failed(err);
    for (size_t c = 0; !st && c < map->n_channels; c++) {
        char *name;
        if ((st = read_text(r, map->arena, &name, err)))
            break;
        channels[c].name = name;
        channels[c].has_color = mt_read_u8(r);
        const uint8_t *rgb = mt_read_bytes(r, 3);
        if (rgb)
            memcpy(channels[c].rgb, rgb, 3);
        channels[c].has_window = mt_read_u8(r);
        channels[c].window[0] = mt_read_f64(r);
        channels[c].window[1] = mt_read_f64(r);
        if (!(channels[c].window[0] < channels[c].window[1])) /* also refuses NaN */
            channels[c].has_window = 0;
    }
    map->channels = channels;
    return st;
}

static mt_status read_samples(mt_reader *r, mt_chunk_map *map, mt_error *err)
{
    mt_status st = read_count(r, &map->n_samples, err);
    if (st || map->n_samples == 0)
        return st;
    mt_sample_info *samples = mt_arena_alloc(map->arena, map->n_samples, sizeof *samples, err);
    if (!samples)
        return failed(err);
    for (size_t s = 0; !st && s < map->n_samples; s++) {
        char *name;
        if ((st = read_text(r, map->arena, &name, err)))
            break;
        uint8_t flags = mt_read_u8(r);
        samples[s].name = name;
        samples[s].has_position = flags & 1;
        samples[s].has_time = flags >> 1 & 1;
        for (int i = 0; i < 3; i++)
            samples[s].position[i] = mt_read_f64(r);
        samples[s].time = mt_read_f64(r);
    }
    map->samples = samples;
    return st;
}

static mt_status read_texts(mt_reader *r, mt_chunk_map *map, mt_texts *out, mt_error *err)
{
    mt_status st = read_count(r, &out->n, err);
    if (st || out->n == 0)
        return st;
    out->room = out->n;
    out->items = mt_arena_alloc(map->arena, out->n, sizeof *out->items, err);
    for (size_t i = 0; !st && out->items && i < out->n; i++) {
        char *text;
        if (!(st = read_text(r, map->arena, &text, err)))
            out->items[i] = text;
    }
    return out->items ? st : failed(err);
}

static mt_status read_remarks(mt_reader *r, mt_chunk_map *map, mt_error *err)
{
    mt_status st = read_texts(r, map, &map->warnings, err);
    if (st || (st = read_texts(r, map, &map->missing, err)))
        return st;
    map->n_missing = mt_read_varint(r);
    uint64_t named = map->n_missing < MT_MAX_MISSING_NAMES ? map->n_missing : MT_MAX_MISSING_NAMES;
    return map->missing.n == named ? MT_OK : broken("missing files", err);
}

static bool read_strides(mt_reader *r, mt_chunk_map *map)
{
    bool good = true;
    for (int d = 0; d < map->ndim; d++) {
        map->chunk_stride[d] = mt_read_signed(r);
        good &= map->chunk_stride[d] >= -MOST_SIZE && map->chunk_stride[d] <= MOST_SIZE;
    }
    uint64_t first = mt_read_varint(r), bytes = mt_read_varint(r);
    map->chunk_first = (int64_t)first;
    map->chunk_bytes = (size_t)bytes;
    return good && first <= MOST_SIZE && bytes <= MOST_SIZE;
}

static mt_status read_grid(mt_reader *r, mt_chunk_map *map, mt_error *err)
{
    map->ndim = mt_read_u8(r);
    if (map->ndim > MT_MAX_DIMS)
        return mt_fail(err, MT_E_LIMIT, "%d dimensions are more than max_dimensions (%d)", map->ndim, MT_MAX_DIMS);
    bool good = read_sizes(r, map->shape, map->ndim);
    const uint8_t *axes = mt_read_bytes(r, (size_t)map->ndim);
    map->dtype = (mt_dtype)mt_read_u8(r);
    uint8_t flags = mt_read_u8(r);
    const uint8_t *fill = mt_read_bytes(r, sizeof map->fill);
    if (flags >> 5 & 1) {
        map->value_scale = mt_read_f64(r);
        map->value_offset = mt_read_f64(r);
        good &= map->value_scale != 0 && isfinite(map->value_scale) && isfinite(map->value_offset);
    }
    good &= read_sizes(r, map->chunk_shape, map->ndim);
    good &= read_strides(r, map);
    good &= read_sizes(r, map->shard_shape, map->ndim);
    if (!good || r->failed)
        return broken("sizes", err);
    memcpy(map->axes, axes, (size_t)map->ndim);
    memcpy(map->fill, fill, sizeof map->fill);
    map->ask_axes = flags & 1;
    map->swap = flags >> 1 & 1;
    map->cut_at_edge = flags >> 2 & 1;
    map->axes_assumed = flags >> 3 & 1;
    map->is_labels = flags >> 4 & 1;
    mt_status st = MT_OK;
    for (int d = 0; !st && d < map->ndim; d++)
        st = read_edges(r, map, d, err);
    return st;
}

static double read_size(mt_reader *r)
{
    double size = mt_read_f64(r);
    return size > 0 ? size : 0;
}

static mt_status read_fields(mt_reader *r, mt_chunk_map *map, mt_error *err)
{
    mt_status st = read_grid(r, map, err);
    for (int d = 0; !st && d < map->ndim; d++) {
        map->pixel_size[d] = read_size(r);
        st = read_optional(r, map->arena, &map->unit[d], err);
    }
    for (int i = 0; !st && i < 3; i++)
        map->axis_size[i] = read_size(r);
    if (st || (st = read_optional(r, map->arena, &map->axis_unit, err)) || (st = read_channels(r, map, err)) ||
        (st = read_samples(r, map, err)) || (st = read_optional(r, map->arena, &map->part, err)) ||
        (st = read_remarks(r, map, err)))
        return st;
    uint64_t level = mt_read_varint(r), n_levels = mt_read_varint(r);
    if (r->failed || n_levels > 1000 || level >= (n_levels ? n_levels : 1))
        return broken("levels", err);
    map->level = (int)level;
    map->n_levels = (int)n_levels;
    return MT_OK;
}

/* Reads one chunk, or a run of *run missing ones. */
static mt_status read_ref(mt_reader *r, const saved_state *s, mt_saved_ref *before, uint64_t *run, mt_error *err)
{
    uint8_t flags = mt_read_u8(r);
    *run = flags & MT_SAVED_MISSING ? mt_read_varint(r) : 0;
    if (flags & MT_SAVED_MISSING)
        return r->failed || *run == 0 ? broken("chunks", err) : MT_OK;
    uint64_t object = flags & MT_SAVED_OTHER_OBJECT ? mt_read_varint(r) : before->object;
    uint64_t chain = flags & MT_SAVED_OTHER_CHAIN ? mt_read_varint(r) : before->chain;
    uint64_t expected = flags & MT_SAVED_OTHER_OBJECT ? 0 : before->offset + before->size;
    uint64_t offset = expected + (uint64_t)mt_read_signed(r);
    bool whole = flags & MT_SAVED_WHOLE;
    uint64_t size = whole ? 0 : before->size + (uint64_t)mt_read_signed(r);
    if (r->failed || object >= s->n_objects || chain >= s->n_chains || offset > MOST_SIZE || size > MOST_SIZE)
        return broken("chunks", err);
    *before = (mt_saved_ref) { .offset = offset, .size = size, .object = (uint32_t)object, .chain = (uint16_t)chain };
    before->absent_is_fill = (flags & MT_SAVED_ABSENT_IS_FILL) != 0;
    before->whole = whole;
    return MT_OK;
}

static mt_status read_refs(mt_reader *r, mt_arena *arena, saved_state *s, mt_error *err)
{
    mt_saved_ref before = { .offset = 0 };
    mt_status st = MT_OK;
    s->refs = mt_arena_alloc(arena, s->n_refs + 1, sizeof *s->refs, err);
    if (!s->refs)
        return failed(err);
    for (size_t i = 0; !st && i < s->n_refs;) {
        uint64_t run;
        if ((st = read_ref(r, s, &before, &run, err)))
            break;
        if (run > s->n_refs - i)
            return broken("chunks", err);
        if (run == 0)
            s->refs[i++] = before;
        for (; run > 0; run--)
            s->refs[i++].missing = true;
    }
    return st;
}

static mt_status read_table(mt_reader *r, mt_chunk_map *map, saved_state *s, mt_error *err)
{
    int64_t n = 1;
    for (int d = 0; d < map->ndim; d++)
        s->grid[d] = mt_chunk_map_grid(map, d);
    if (mt_product_i64(s->grid, map->ndim, &n) || (uint64_t)n > SIZE_MAX / sizeof *s->refs - 1)
        return broken("sizes", err);
    s->n_refs = (size_t)n;
    map->locate = saved_locate_in_table;
    return read_refs(r, map->arena, s, err);
}

static mt_status read_piece(mt_reader *r, mt_chunk_map *map, saved_state *s, mt_error *err)
{
    uint64_t object = mt_read_varint(r), offset = mt_read_varint(r);
    bool fortran_order = mt_read_u8(r) != 0;
    if (r->failed || object >= s->n_objects || offset > MOST_SIZE || map->chain.n_steps > 0 ||
        mt_dtype_size(map->dtype) == 0)
        return broken("places", err);
    s->piece = &s->objects[object];
    return mt_chunk_map_contiguous(map, s->piece->key, offset, fortran_order, err);
}

/* Reads the chunks of boxes, each with its extent. */
static mt_status read_chunks(mt_reader *r, mt_chunk_map *map, saved_state *s, mt_error *err)
{
    mt_saved_ref before = { .offset = 0 };
    int64_t whole[MT_MAX_DIMS] = { 0 };
    mt_status st = read_count(r, &s->n_refs, err);
    size_t n = (size_t)map->ndim;
    if (st)
        return st;
    s->refs = mt_arena_alloc(map->arena, s->n_refs + 1, sizeof *s->refs, err);
    s->wholes = mt_arena_alloc(map->arena, s->n_refs + 1, (n + 1) * sizeof *s->wholes, err);
    if (!s->refs || !s->wholes)
        return failed(err);
    for (size_t i = 0; i < s->n_refs; i++) {
        for (int d = 0; d < map->ndim; d++) {
            int64_t step = mt_read_signed(r);
            if (step > MOST_SIZE || step < -MOST_SIZE || (whole[d] += step) < 1 || whole[d] > map->chunk_shape[d])
                return broken("extents", err);
            s->wholes[i * n + (size_t)d] = whole[d];
        }
        uint64_t run;
        if ((st = read_ref(r, s, &before, &run, err)))
            return st;
        s->refs[i] = before;
        if (run > 0)
            s->refs[i] = (mt_saved_ref) { .missing = true };
    }
    return MT_OK;
}

static mt_status read_box(mt_reader *r, const mt_chunk_map *map, const saved_state *s, saved_box *box, mt_error *err)
{
    size_t n = (size_t)map->ndim;
    for (size_t d = 0; d < n; d++) {
        int64_t start = mt_read_signed(r), extent = mt_read_signed(r);
        uint64_t low = mt_read_varint(r);
        if (mt_add_i64(box->start[d], start, &box->start[d]) || mt_add_i64(box->extent[d], extent, &box->extent[d]) ||
            box->start[d] > MOST_SIZE || box->start[d] < -MOST_SIZE || box->extent[d] < 1 ||
            box->extent[d] > MOST_SIZE || low > MOST_SIZE)
            return broken("boxes", err);
        box->low[d] = (int64_t)low;
        if (box->chunk > 0 && box->low[d] > s->wholes[(box->chunk - 1) * n + d] - box->extent[d])
            return broken("boxes", err);
    }
    return r->failed ? broken("boxes", err) : MT_OK;
}

static mt_status read_boxes(mt_reader *r, mt_chunk_map *map, saved_state *s, mt_error *err)
{
    saved_box box = { 0 };
    size_t n = (size_t)map->ndim;
    mt_status st = read_chunks(r, map, s, err);
    if (st || (st = read_count(r, &s->n_boxes, err)))
        return st;
    s->boxes = mt_arena_alloc(map->arena, s->n_boxes + 1, 3 * (n + 1) * sizeof *s->boxes, err);
    s->chunks = mt_arena_alloc(map->arena, s->n_boxes + 1, sizeof *s->chunks, err);
    if (!s->boxes || !s->chunks)
        return failed(err);
    for (size_t i = 0; !st && i < s->n_boxes; i++) {
        uint64_t chunk = box.chunk + (uint64_t)mt_read_signed(r);
        if (chunk > s->n_refs)
            return broken("boxes", err);
        box.chunk = (size_t)chunk;
        st = read_box(r, map, s, &box, err);
        s->chunks[i] = (uint32_t)chunk;
        memcpy(s->boxes + 3 * n * i, box.start, n * sizeof *s->boxes);
        memcpy(s->boxes + 3 * n * i + n, box.extent, n * sizeof *s->boxes);
        memcpy(s->boxes + 3 * n * i + 2 * n, box.low, n * sizeof *s->boxes);
    }
    return st ? st : saved_set_boxes(map, s, err);
}

static mt_status read_own(mt_reader *r, mt_chunk_map *map, const mt_renaming *renaming, mt_error *err)
{
    const mt_format *format = mt_format_find(map->format);
    if (!format || !format->restore)
        return mt_fail(err, MT_E_UNSUPPORTED, "the saved map is of format \"%s\", which this version does not restore",
                       map->format);
    return format->restore(map, renaming, r, err);
}

/* The image must be valid before its chunks are counted. */
static mt_status read_layout(mt_reader *r, mt_chunk_map *map, saved_state *s, const mt_renaming *renaming,
                             mt_error *err)
{
    uint8_t layout = mt_read_u8(r);
    mt_status st = layout == MT_SAVED_PIECE ? read_piece(r, map, s, err) : MT_OK;
    if (st || (st = mt_chunk_map_check(map, err)))
        return st;
    switch (layout) {
    case MT_SAVED_PIECE: break;
    case MT_SAVED_TABLE: st = read_table(r, map, s, err); break;
    case MT_SAVED_BOXES: st = read_boxes(r, map, s, err); break;
    case MT_SAVED_OWN: st = read_own(r, map, renaming, err); break;
    default: return broken("chunks", err);
    }
    if (!st && (r->failed || mt_read_left(r) > 0))
        st = broken("chunks", err);
    return st ? st : saved_guard(map, s, err);
}

static mt_status read_head(const uint8_t *bytes, size_t size, mt_reader *out, mt_error *err)
{
    if (size < MT_SAVED_HEAD || memcmp(bytes, MT_SAVED_MAGIC, 8) != 0)
        return mt_fail(err, MT_E_CORRUPT, "this is not a saved map");
    uint32_t version = mt_load_u32le(bytes + 8);
    if (version != MT_SAVED_VERSION)
        return mt_fail(err, MT_E_UNSUPPORTED, "the saved map is of version %u, not %d: save it anew", version,
                       MT_SAVED_VERSION);
    size_t n = size - MT_SAVED_HEAD;
    if (mt_load_u64le(bytes + 16) != n || mt_load_u32le(bytes + 12) != mt_crc32c(bytes + MT_SAVED_HEAD, n))
        return mt_fail(err, MT_E_CORRUPT, "the saved map is cut or damaged: its checksum is wrong");
    *out = mt_reader_over(bytes + MT_SAVED_HEAD, n, false);
    return MT_OK;
}

/* source->key is the key of the file when the map was saved. */
static mt_status read_names(mt_reader *r, mt_arena *arena, mt_saved_source *source, char **format, mt_error *err)
{
    char *key, *selection;
    uint8_t flags = mt_read_u8(r);
    mt_status st = read_text(r, arena, &key, err);
    if (st || (st = read_text(r, arena, &selection, err)) || (st = read_text(r, arena, format, err)))
        return st;
    if (((flags & MT_SAVED_BIG_ENDIAN) != 0) != mt_host_big_endian())
        return mt_fail(err, MT_E_UNSUPPORTED, "the map was saved on a machine of the other byte order");
    *source = (mt_saved_source) { .key = key,
                                  .selection = selection,
                                  .depth_view = flags & MT_SAVED_DEPTH_VIEW,
                                  .use_masks = flags & MT_SAVED_MASKS,
                                  .scaled = flags & MT_SAVED_SCALED,
                                  .merge_tiles = flags & MT_SAVED_MERGED };
    return MT_OK;
}

/* key: of the file or folder now. */
static mt_status find_identity(mt_chunk_map *map, const saved_state *s, const mt_renaming *renaming, const char *key,
                               mt_saved_source *source, mt_error *err)
{
    if (map->document && !(map->document = mt_key_rename(renaming, map->document, map->arena, err)))
        return failed(err);
    for (size_t i = 0; i < s->n_documents; i++) {
        const bool is_file = strcmp(s->objects[i].key, key) == 0;
        if (is_file || (map->document && strcmp(s->objects[i].key, map->document) == 0))
            source->identity = &s->objects[i].identity;
        if (is_file)
            break;
    }
    return MT_OK;
}

static mt_status read_members(mt_reader *r, mt_arena *arena, mt_saved_source *source, mt_error *err)
{
    mt_status st = read_optional(r, arena, &source->members, err);
    size_t n = 0;
    for (const char *c = source->members; !st && c && *c; c++, n++)
        if (*c < ' ' || *c > '~' || n == MT_SAVED_MEMBERS)
            return broken("identities", err);
    return st;
}

static mt_status read_map(mt_reader *r, mt_chunk_map *map, const char *key, mt_saved_source *source, mt_error *err)
{
    char *format;
    saved_state *s = mt_arena_alloc(map->arena, 1, sizeof *s, err);
    mt_status st = s ? read_names(r, map->arena, source, &format, err) : failed(err);
    if (st)
        return st;
    map->format = format;
    mt_renaming renaming = { source->key, key };
    if ((st = read_optional(r, map->arena, &map->document, err)) || (st = read_members(r, map->arena, source, err)) ||
        (st = read_objects(r, &renaming, map->arena, s, err)) || (st = read_chains(r, map, s, err)) ||
        (st = read_fields(r, map, err)) || (st = find_identity(map, s, &renaming, key, source, err)))
        return st;
    return read_layout(r, map, s, &renaming, err);
}

mt_status mt_map_read(mt_env *env, mt_store *store, const char *key, const uint8_t *bytes, size_t size,
                      mt_chunk_map **out, mt_saved_source *source, mt_error *err)
{
    mt_reader r;
    mt_chunk_map *map;
    mt_status st = read_head(bytes, size, &r, err);
    if (st || (st = mt_chunk_map_new(env, store, "map", &map, err)))
        return st;
    if ((st = read_map(&r, map, key, source, err)))
        mt_chunk_map_free(map);
    else
        *out = map;
    return st;
}
