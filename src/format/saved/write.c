/* SPDX-License-Identifier: BSD-3-Clause */
/* From a chunk map to bytes. */
#include "base/checked.h"
#include "codec/saved.h"
#include "format/saved/saved.h"
#include "store/files.h"

#include <stdlib.h>
#include <string.h>

#define MOST_CHAINS 65535

typedef struct writing {
    mt_env *env;
    mt_arena *arena; /* temporary memory */
    const mt_chunk_map *map;
    const mt_saved_source *source;
    const char **keys; /* keys of objects, documents first */
    size_t n_keys, key_room;
    uint32_t *slots; /* hash table of keys: index + 1; 0: free */
    size_t n_slots;
    mt_buffer layout, chains;
    size_t n_chains;
    size_t *chain_ends; /* end of each chain in chains */
    size_t chain_room;
    mt_chain last_chain; /* last chain that was looked up, and its number */
    size_t last_number;
    mt_saved_ref before; /* chunk written last */
    uint64_t run;        /* run of missing chunks not yet written */
} writing;

static mt_status failed(const mt_error *err) { return err && err->status ? err->status : MT_E_MEMORY; }

static void put_slot(writing *w, size_t number)
{
    size_t i = (size_t)mt_key_hash(w->keys[number]) & (w->n_slots - 1);
    while (w->slots[i])
        i = (i + 1) & (w->n_slots - 1);
    w->slots[i] = (uint32_t)number + 1;
}

static mt_status make_slots(writing *w, mt_error *err)
{
    w->n_slots = w->n_slots ? 4 * w->n_slots : 64;
    w->slots = mt_arena_alloc(w->arena, w->n_slots, sizeof *w->slots, err);
    if (!w->slots)
        return failed(err);
    for (size_t i = 0; i < w->n_keys; i++)
        put_slot(w, i);
    return MT_OK;
}

/* Finds or adds an object: its number. */
static mt_status find_object(writing *w, const char *key, uint32_t *out, mt_error *err)
{
    if (w->n_slots == 0 || 2 * w->n_keys >= w->n_slots) {
        mt_status st = make_slots(w, err);
        if (st)
            return st;
    }
    size_t i = (size_t)mt_key_hash(key) & (w->n_slots - 1);
    for (; w->slots[i]; i = (i + 1) & (w->n_slots - 1))
        if (strcmp(w->keys[w->slots[i] - 1], key) == 0) {
            *out = w->slots[i] - 1;
            return MT_OK;
        }
    const char **keys = mt_arena_grow(w->arena, w->keys, w->n_keys, &w->key_room, 16, sizeof *keys, err);
    char *copy = keys ? mt_arena_strndup(w->arena, key, strlen(key), err) : NULL;
    if (!copy)
        return failed(err);
    w->keys = keys;
    w->keys[w->n_keys] = copy;
    w->slots[i] = (uint32_t)++w->n_keys;
    *out = (uint32_t)w->n_keys - 1;
    return MT_OK;
}

/* Appends the bytes of a chain. Its number is that of an equal earlier chain, or new. */
static mt_status add_chain(writing *w, const mt_chain *chain, size_t *out, mt_error *err)
{
    size_t from = w->chains.size;
    mt_chain_write(chain, &w->chains);
    if (w->chains.status)
        return mt_fail(err, MT_E_MEMORY, "out of memory for a map");
    size_t n = w->chains.size - from, start = 0;
    for (size_t i = 0; i < w->n_chains; start = w->chain_ends[i++])
        if (w->chain_ends[i] - start == n && memcmp(w->chains.data + start, w->chains.data + from, n) == 0) {
            w->chains.size = from;
            *out = i;
            return MT_OK;
        }
    if (w->n_chains == MOST_CHAINS)
        return mt_fail(err, MT_E_LIMIT, "more than %d chains of codecs", MOST_CHAINS);
    size_t *ends = mt_arena_grow(w->arena, w->chain_ends, w->n_chains, &w->chain_room, 16, sizeof *ends, err);
    if (!ends)
        return failed(err);
    w->chain_ends = ends;
    w->chain_ends[w->n_chains] = w->chains.size;
    *out = w->n_chains++;
    return MT_OK;
}

static bool same_chain(const mt_chain *a, const mt_chain *b)
{
    bool same = a->n_steps == b->n_steps;
    for (int i = 0; same && i < a->n_steps; i++)
        same = a->steps[i].codec == b->steps[i].codec && a->steps[i].params == b->steps[i].params;
    return same;
}

static mt_status find_chain(writing *w, const mt_chain *chain, uint16_t *out, mt_error *err)
{
    mt_status st = MT_OK;
    if (w->n_chains == 0 || !same_chain(chain, &w->last_chain)) {
        st = add_chain(w, chain, &w->last_number, err);
        w->last_chain = *chain;
    }
    *out = (uint16_t)w->last_number;
    return st;
}

static void end_run(writing *w)
{
    if (w->run == 0)
        return;
    mt_put_u8(&w->layout, MT_SAVED_MISSING);
    mt_put_varint(&w->layout, w->run);
    w->run = 0;
}

static mt_status put_ref(writing *w, const mt_chunk_ref *found, mt_error *err)
{
    if (found->missing) {
        w->run++;
        return MT_OK;
    }
    end_run(w);
    mt_saved_ref ref = { .offset = found->offset, .size = found->size, .absent_is_fill = found->absent_is_fill };
    mt_status st = find_object(w, found->key, &ref.object, err);
    if (st || (st = find_chain(w, found->chain ? found->chain : &w->map->chain, &ref.chain, err)))
        return st;
    bool whole = ref.size == MT_WHOLE, other_object = ref.object != w->before.object;
    unsigned flags = ref.absent_is_fill ? MT_SAVED_ABSENT_IS_FILL : 0;
    flags |= whole ? MT_SAVED_WHOLE : 0;
    flags |= other_object ? MT_SAVED_OTHER_OBJECT : 0;
    flags |= ref.chain != w->before.chain ? MT_SAVED_OTHER_CHAIN : 0;
    mt_put_u8(&w->layout, (uint8_t)flags);
    if (other_object)
        mt_put_varint(&w->layout, ref.object);
    if (flags & MT_SAVED_OTHER_CHAIN)
        mt_put_varint(&w->layout, ref.chain);
    ref.size = whole ? 0 : ref.size;
    uint64_t expected = other_object ? 0 : w->before.offset + w->before.size;
    mt_put_signed(&w->layout, (int64_t)(ref.offset - expected));
    if (!whole)
        mt_put_signed(&w->layout, (int64_t)(ref.size - w->before.size));
    w->before = ref;
    return w->layout.status ? mt_fail(err, MT_E_MEMORY, "out of memory for a map") : MT_OK;
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    out->missing = out->absent_is_fill = false;
    out->key = "";
    out->offset = 0;
    out->size = MT_WHOLE;
    out->chain = NULL;
    return map->locate(map, position, out, err);
}

static mt_status check_count(const writing *w, uint64_t n, size_t bytes, mt_error *err)
{
    size_t limit = w->env->limits.max_metadata_bytes;
    return n <= limit / bytes ? MT_OK
                              : mt_fail(err, MT_E_LIMIT, "a map of %llu chunks is larger than max_metadata_bytes (%zu)",
                                        (unsigned long long)n, limit);
}

static mt_status write_table(writing *w, mt_error *err)
{
    const mt_chunk_map *map = w->map;
    int64_t grid[MT_MAX_DIMS], position[MT_MAX_DIMS] = { 0 }, n = 1;
    for (int d = 0; d < map->ndim; d++)
        grid[d] = mt_chunk_map_grid(map, d);
    if (mt_product_i64(grid, map->ndim, &n))
        n = INT64_MAX;
    mt_status st = check_count(w, (uint64_t)n, sizeof(mt_saved_ref), err);
    mt_put_u8(&w->layout, MT_SAVED_TABLE);
    for (int64_t i = 0; !st && i < n; i++) {
        mt_chunk_ref ref;
        if ((st = locate(map, position, &ref, err)) || (st = put_ref(w, &ref, err)))
            mt_error_prefix(err, "chunk %lld", (long long)i);
        for (int d = map->ndim - 1; d >= 0 && ++position[d] == grid[d]; d--)
            position[d] = 0;
    }
    end_run(w);
    return st;
}

/* The boxes in paint order. */
typedef struct boxes {
    writing *writing;
    mt_shown *items;
    size_t n, room;
} boxes;

static mt_status add_box(void *user, uint64_t id, mt_error *err)
{
    boxes *b = user;
    writing *w = b->writing;
    mt_shown *items = mt_arena_grow(w->arena, b->items, b->n, &b->room, 64, sizeof *items, err);
    if (!items)
        return failed(err);
    b->items = items;
    memset(&items[b->n], 0, sizeof *items);
    return w->map->get_box(w->map, id, &items[b->n++], err);
}

static int compare_chunks(const void *a, const void *b)
{
    const mt_shown *x = *(mt_shown *const *)a, *y = *(mt_shown *const *)b;
    return x->chunk < y->chunk ? -1 : x->chunk > y->chunk;
}

static mt_status write_chunk(writing *w, const mt_shown *shown, int64_t *whole, mt_error *err)
{
    mt_chunk_ref ref;
    int64_t position[MT_MAX_DIMS] = { (int64_t)shown->chunk };
    for (int d = 0; d < w->map->ndim; d++) {
        mt_put_signed(&w->layout, shown->whole[d] - whole[d]);
        whole[d] = shown->whole[d];
    }
    mt_status st = locate(w->map, position, &ref, err);
    if (!st)
        st = put_ref(w, &ref, err);
    end_run(w);
    if (st)
        mt_error_prefix(err, "tile %llu", (unsigned long long)shown->chunk);
    return st;
}

/* Writes the chunks in the order of their numbers, each once. Afterwards chunk of each box is the index in that order +
 * 1; 0: fill value. */
static mt_status write_chunks(writing *w, boxes *b, mt_error *err)
{
    mt_shown **sorted = mt_arena_alloc(w->arena, b->n + 1, sizeof(mt_shown *), err);
    int64_t whole[MT_MAX_DIMS] = { 0 };
    uint64_t n = 0, last = MT_NOTHING;
    mt_status st = MT_OK;
    if (!sorted)
        return failed(err);
    for (size_t i = 0; i < b->n; i++)
        sorted[i] = &b->items[i];
    qsort(sorted, b->n, sizeof *sorted, compare_chunks);
    for (size_t i = 0; i < b->n; i++) {
        n += sorted[i]->chunk != MT_NOTHING && (n == 0 || sorted[i]->chunk != last);
        last = sorted[i]->chunk;
    }
    mt_put_varint(&w->layout, n);
    n = 0;
    for (size_t i = 0; !st && i < b->n; i++) {
        uint64_t chunk = sorted[i]->chunk;
        if (chunk == MT_NOTHING) {
            sorted[i]->chunk = 0;
            continue;
        }
        if (n == 0 || chunk != last) {
            st = write_chunk(w, sorted[i], whole, err);
            n++;
        }
        last = chunk;
        sorted[i]->chunk = n;
    }
    return st;
}

static mt_status write_boxes(writing *w, mt_error *err)
{
    static const int64_t origin[MT_MAX_DIMS] = { 0 };
    boxes b = { .writing = w };
    mt_shown before = { 0 };
    mt_status st = w->map->find_boxes(w->map, origin, w->map->shape, add_box, &b, err);
    if (st)
        return st;
    mt_put_u8(&w->layout, MT_SAVED_BOXES);
    if ((st = write_chunks(w, &b, err)))
        return st;
    mt_put_varint(&w->layout, b.n);
    for (size_t i = 0; i < b.n; i++) {
        const mt_shown *s = &b.items[i];
        mt_put_signed(&w->layout, (int64_t)(s->chunk - before.chunk));
        for (int d = 0; d < w->map->ndim; d++) {
            mt_put_signed(&w->layout, s->place.start[d] - before.place.start[d]);
            mt_put_signed(&w->layout, s->place.extent[d] - before.place.extent[d]);
            mt_put_varint(&w->layout, (uint64_t)s->low[d]);
        }
        before = *s;
    }
    return MT_OK;
}

static mt_status write_piece(writing *w, const char *key, uint64_t offset, bool fortran_order, mt_error *err)
{
    uint32_t object = 0;
    mt_status st = find_object(w, key, &object, err);
    mt_put_u8(&w->layout, MT_SAVED_PIECE);
    mt_put_varint(&w->layout, object);
    mt_put_varint(&w->layout, offset);
    mt_put_u8(&w->layout, fortran_order);
    return st;
}

static mt_status write_layout(writing *w, mt_error *err)
{
    const char *key;
    uint64_t offset;
    bool fortran_order;
    if (mt_chunk_map_get_piece(w->map, &key, &offset, &fortran_order))
        return write_piece(w, key, offset, fortran_order, err);
    if (w->map->find_boxes)
        return write_boxes(w, err);
    if (!w->map->save)
        return write_table(w, err);
    mt_put_u8(&w->layout, MT_SAVED_OWN);
    return w->map->save(w->map, &w->layout, err);
}

static mt_status write_objects(const writing *w, mt_buffer *out, mt_error *err)
{
    mt_put_varint(out, w->n_keys);
    mt_put_varint(out, w->source->n_documents);
    for (size_t i = 0; i < w->n_keys; i++) {
        mt_identity identity;
        mt_status st = mt_store_identify(w->map->store, w->keys[i], &identity, err);
        if (st)
            return st;
        mt_put_text(out, w->keys[i]);
        mt_put_varint(out, identity.size);
        mt_put_signed(out, identity.mtime_ns);
        mt_put_text(out, identity.etag);
    }
    return MT_OK;
}

static void put_sizes(mt_buffer *out, const int64_t *sizes, int n)
{
    for (int d = 0; d < n; d++)
        mt_put_varint(out, (uint64_t)sizes[d]);
}

static void put_optional(mt_buffer *out, const char *text)
{
    mt_put_u8(out, text != NULL);
    if (text)
        mt_put_text(out, text);
}

static void put_texts(mt_buffer *out, const mt_texts *texts)
{
    mt_put_varint(out, texts->n);
    for (size_t i = 0; i < texts->n; i++)
        mt_put_text(out, texts->items[i]);
}

static void write_edges(const mt_chunk_map *map, mt_buffer *out)
{
    for (int d = 0; d < map->ndim; d++) {
        int64_t n = map->chunk_edges[d] ? mt_chunk_map_grid(map, d) : 0;
        mt_put_varint(out, (uint64_t)n);
        for (int64_t i = 0; i < n; i++)
            mt_put_varint(out, (uint64_t)(map->chunk_edges[d][i + 1] - map->chunk_edges[d][i]));
    }
}

static void write_fields(const mt_chunk_map *map, mt_buffer *out)
{
    int n = map->ndim;
    mt_put_u8(out, (uint8_t)n);
    put_sizes(out, map->shape, n);
    mt_put_bytes(out, map->axes, (size_t)n);
    mt_put_u8(out, (uint8_t)map->dtype);
    mt_put_u8(out, (uint8_t)(map->ask_axes | map->swap << 1 | map->cut_at_edge << 2 | map->axes_assumed << 3 |
                             map->is_labels << 4 | (map->value_scale != 0) << 5));
    mt_put_bytes(out, map->fill, sizeof map->fill);
    if (map->value_scale != 0) {
        mt_put_f64(out, map->value_scale);
        mt_put_f64(out, map->value_offset);
    }
    put_sizes(out, map->chunk_shape, n);
    for (int d = 0; d < n; d++)
        mt_put_signed(out, map->chunk_stride[d]);
    mt_put_varint(out, (uint64_t)map->chunk_first);
    mt_put_varint(out, map->chunk_bytes);
    put_sizes(out, map->shard_shape, n);
    write_edges(map, out);
    for (int d = 0; d < n; d++) {
        mt_put_f64(out, map->pixel_size[d]);
        put_optional(out, map->unit[d]);
    }
    for (int i = 0; i < 3; i++)
        mt_put_f64(out, map->axis_size[i]);
    put_optional(out, map->axis_unit);
    mt_put_varint(out, map->channels ? map->n_channels : 0);
    for (size_t c = 0; map->channels && c < map->n_channels; c++) {
        mt_put_text(out, map->channels[c].name);
        mt_put_u8(out, map->channels[c].has_color != 0);
        mt_put_bytes(out, map->channels[c].rgb, 3);
        mt_put_u8(out, map->channels[c].has_window != 0);
        mt_put_f64(out, map->channels[c].window[0]);
        mt_put_f64(out, map->channels[c].window[1]);
    }
    mt_put_varint(out, map->samples ? map->n_samples : 0);
    for (size_t s = 0; map->samples && s < map->n_samples; s++) {
        mt_put_text(out, map->samples[s].name);
        mt_put_u8(out, (uint8_t)((map->samples[s].has_position != 0) | (map->samples[s].has_time != 0) << 1));
        for (int i = 0; i < 3; i++)
            mt_put_f64(out, map->samples[s].position[i]);
        mt_put_f64(out, map->samples[s].time);
    }
    put_optional(out, map->part);
    put_texts(out, &map->warnings);
    put_texts(out, &map->missing);
    mt_put_varint(out, map->n_missing);
    mt_put_varint(out, (uint64_t)map->level);
    mt_put_varint(out, (uint64_t)map->n_levels);
}

/* Writes everything after the head. */
static mt_status write_all(writing *w, mt_buffer *out, mt_error *err)
{
    const mt_saved_source *s = w->source;
    uint16_t first;
    uint32_t object;
    mt_status st = find_chain(w, &w->map->chain, &first, err); /* number 0 */
    for (size_t i = 0; !st && i < s->n_documents; i++)
        st = find_object(w, s->documents[i], &object, err);
    if (st || (st = write_layout(w, err)))
        return st;
    mt_put_u8(out, (uint8_t)((mt_host_big_endian() ? MT_SAVED_BIG_ENDIAN : 0) |
                             (s->depth_view ? MT_SAVED_DEPTH_VIEW : 0) | (s->use_masks ? MT_SAVED_MASKS : 0) |
                             (s->scaled ? MT_SAVED_SCALED : 0) | (s->merge_tiles ? MT_SAVED_MERGED : 0)));
    mt_put_text(out, s->key);
    mt_put_text(out, s->selection);
    mt_put_text(out, w->map->format);
    put_optional(out, w->map->document);
    put_optional(out, s->members);
    if ((st = write_objects(w, out, err)))
        return st;
    mt_put_varint(out, w->n_chains);
    mt_put_bytes(out, w->chains.data, w->chains.size);
    write_fields(w->map, out);
    mt_put_bytes(out, w->layout.data, w->layout.size);
    return w->layout.status || out->status ? mt_fail(err, MT_E_MEMORY, "out of memory for a map") : MT_OK;
}

static void store_head(mt_buffer *out, size_t start)
{
    uint8_t *head = out->data + start;
    uint64_t size = out->size - start - MT_SAVED_HEAD;
    uint32_t numbers[2] = { MT_SAVED_VERSION, mt_crc32c(head + MT_SAVED_HEAD, (size_t)size) };
    for (int i = 0; i < 8; i++) {
        head[i] = (uint8_t)MT_SAVED_MAGIC[i];
        head[8 + i] = (uint8_t)(numbers[i / 4] >> 8 * (i % 4));
        head[16 + i] = (uint8_t)(size >> 8 * i);
    }
}

mt_status mt_map_write(const mt_chunk_map *map, const mt_saved_source *source, mt_buffer *out, mt_error *err)
{
    static const uint8_t no_head[MT_SAVED_HEAD] = { 0 };
    mt_env *env = mt_arena_env(map->arena);
    writing w = { .env = env, .map = map, .source = source };
    w.layout = mt_buffer_on(env);
    w.chains = mt_buffer_on(env);
    size_t start = out->size;
    mt_status st = mt_arena_new(env, &w.arena, err);
    if (st)
        return st;
    mt_put_bytes(out, no_head, sizeof no_head);
    if (!(st = write_all(&w, out, err)))
        store_head(out, start);
    mt_buffer_free(&w.layout);
    mt_buffer_free(&w.chains);
    mt_arena_free(w.arena);
    return st;
}
