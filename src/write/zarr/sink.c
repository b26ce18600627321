/* SPDX-License-Identifier: BSD-3-Clause */
/* The sink of Zarr: an array for each level, named by its number, in a group with OME-Zarr's metadata. */
#include "base/checked.h"
#include "base/number.h"
#include "base/reader.h"
#include "codec/params.h"
#include "write/zarr/zarr_sink.h"

#include <stdio.h>
#include <string.h>

#define ENTRY_BYTES 16 /* of a shard index: offset and size of a chunk, u64 each */
#define CRC_BYTES 4
#define KEY_BYTES 384 /* MT_MAX_DIMS numbers, and the level */
#define ABSENT UINT64_MAX

typedef struct zarr_sink {
    mt_sink sink; /* base */
    mt_blosc_params blosc;
    mt_zstd_params zstd;
    mt_level_params level;
    mt_element_params element;
} zarr_sink;

/* --- Opening. --- */

static mt_status check(const mt_plan *plan, mt_error *err)
{
    if (zarr_is_v2(plan) && plan->shard[0] > 0)
        return mt_fail(err, MT_E_ARGUMENT, "OME-Zarr 0.4 has no shards: choose larger chunks, no shards, or 0.5");
    return MT_OK;
}

static mt_status add_codecs(zarr_sink *z, mt_error *err)
{
    mt_sink *sink = &z->sink;
    const mt_plan *plan = sink->plan;
    int level = zarr_codec_level(plan);
    z->blosc = (mt_blosc_params) { .level = level, .element_size = plan->element_size };
    z->blosc.shuffle = strcmp(plan->shuffle, "bit") == 0    ? MT_BLOSC_BITSHUFFLE
                       : strcmp(plan->shuffle, "byte") == 0 ? MT_BLOSC_SHUFFLE
                                                            : MT_BLOSC_NOSHUFFLE;
    z->zstd = (mt_zstd_params) { .level = level, .checksum = true };
    z->level = (mt_level_params) { .level = level };
    z->element = (mt_element_params) { .element_size = plan->element_size };
    mt_status st = MT_OK;
    if (mt_host_big_endian() && plan->element_size > 1)
        st = mt_sink_add_codec(sink, "byteswap", &z->element, err);
    if (st || strcmp(plan->codec, "none") == 0)
        return st;
    if (strncmp(plan->codec, "blosc-", 6) == 0) {
        z->blosc.compressor = plan->codec + 6;
        return mt_sink_add_codec(sink, "blosc", &z->blosc, err);
    }
    return strcmp(plan->codec, "zstd") == 0 ? mt_sink_add_codec(sink, "zstd", &z->zstd, err)
                                            : mt_sink_add_codec(sink, plan->codec, &z->level, err);
}

static mt_status open(mt_env *env, const mt_plan *plan, mt_target *target, mt_arena *arena, mt_sink **out,
                      mt_error *err)
{
    zarr_sink *z = mt_arena_alloc(arena, 1, sizeof *z, err);
    if (!z)
        return MT_E_MEMORY;
    z->sink = (mt_sink) { .ops = &mt_sink_zarr, .env = env, .plan = plan, .target = target };
    *out = &z->sink;
    mt_status st = add_codecs(z, err);
    for (int i = 0; i < plan->n_levels && z->sink.chain.n_steps > 0 && !st; i++)
        st = mt_chain_can_encode(&z->sink.chain, plan->levels[i].chunk_bytes, err);
    return st;
}

static void close(mt_sink *sink) { (void)sink; /* lives in the arena of the writer */ }

/* --- Documents. --- */

static mt_status publish_json(mt_sink *sink, const char *key, json_t *document, mt_error *err)
{
    return zarr_publish_json(sink->env, sink->target, key, document, err);
}

static mt_status publish_root(mt_sink *sink, bool only_new, json_t *attributes, mt_error *err)
{
    return zarr_publish_group(sink->env, sink->target, "", zarr_is_v2(sink->plan), only_new, attributes, err);
}

/* The documents of the arrays come first, then the root, without OME metadata: the image is not complete. A root that is
 * there may be that of the finished image: another process was faster. */
static mt_status begin(mt_sink *sink, mt_error *err)
{
    const mt_plan *plan = sink->plan;
    mt_status st = MT_OK;
    for (int i = 0; i < plan->n_levels && !st; i++) {
        char key[32];
        snprintf(key, sizeof key, "%d/%s", i, zarr_is_v2(plan) ? ".zarray" : "zarr.json");
        st = publish_json(sink, key, zarr_write_array(plan, &plan->levels[i]), err);
    }
    return st ? st : publish_root(sink, true, json_pack("{s{sb}}", "microtome", "incomplete", 1), err);
}

enum { DIGEST_BYTES = 17 };

static void write_digest(const mt_plan *plan, char text[DIGEST_BYTES])
{
    snprintf(text, DIGEST_BYTES, "%016llx", (unsigned long long)plan->digest);
}

static json_t *write_own(const mt_plan *plan, const char *digest)
{
    return *plan->note ? json_pack("{ss ss}", "request", digest, "note", plan->note)
                       : json_pack("{ss}", "request", digest);
}

/* The root names the request, so that its repetition finds that nothing is left to do. */
static mt_status finish(mt_sink *sink, mt_steps *steps, mt_error *err)
{
    (void)steps;
    char digest[DIGEST_BYTES];
    write_digest(sink->plan, digest);
    json_t *attributes = zarr_write_ome(sink->plan);
    if (!attributes || json_object_set_new(attributes, "microtome", write_own(sink->plan, digest))) {
        json_decref(attributes);
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    }
    return publish_root(sink, false, attributes, err);
}

static mt_status is_finished(const mt_plan *plan, mt_target *target, mt_arena *arena, bool *out, mt_error *err)
{
    char *text, digest[DIGEST_BYTES];
    size_t size;
    json_t *root;
    mt_error local = MT_ERROR_INIT;
    mt_env *env = mt_arena_env(arena);
    const char *key = zarr_is_v2(plan) ? ".zattrs" : "zarr.json";
    mt_status st = mt_target_load(target, key, env->limits.max_json_bytes, arena, &text, &size, &local);
    if (st)
        return st == MT_E_NOT_FOUND ? MT_OK : mt_fail(err, st, "%s", local.message);
    if ((st = mt_json_parse(env, text, size, key, &root, &local))) /* a power cut may damage what was not finished */
        return st == MT_E_CORRUPT ? MT_OK : mt_fail(err, st, "%s", local.message);
    const json_t *attributes = zarr_is_v2(plan) ? root : json_object_get(root, "attributes");
    const char *request = json_string_value(json_object_get(json_object_get(attributes, "microtome"), "request"));
    write_digest(plan, digest);
    *out = request && strcmp(request, digest) == 0;
    json_decref(root);
    return MT_OK;
}

/* --- Units. --- */

/* The folder of the units of a level. */
static int write_folder(const mt_sink *sink, const mt_level *level, char key[KEY_BYTES])
{
    return snprintf(key, KEY_BYTES, "%d%s", (int)(level - sink->plan->levels), zarr_is_v2(sink->plan) ? "" : "/c");
}

static void write_key(const mt_sink *sink, const mt_level *level, uint64_t unit, char key[KEY_BYTES])
{
    int64_t position[MT_MAX_DIMS];
    mt_plan_split(sink->plan, unit, level->units, position);
    int n = write_folder(sink, level, key);
    for (int d = 0; d < sink->plan->ndim; d++)
        n += snprintf(key + n, (size_t)(KEY_BYTES - n), "/%lld", (long long)position[d]);
}

/* The opposite: false for a key that is not that of a unit below the folder of its level. */
static bool read_key(const mt_plan *plan, const mt_level *level, const char *key, uint64_t *unit)
{
    *unit = 0;
    for (int d = 0; d < plan->ndim; d++) {
        int64_t position;
        if ((d > 0 && *key++ != '/') || !mt_parse_digits(&key, &position) || position >= level->units[d])
            return false;
        *unit = *unit * (uint64_t)level->units[d] + (uint64_t)position;
    }
    return !*key;
}

/* The pieces of an object: the stored chunks and, of a shard, the index, whose checksum covers its entries. *crc is that
 * of the object. */
static size_t list_pieces(const mt_level *level, const mt_encoded *chunks, bool is_shard, uint8_t *index,
                          mt_piece *pieces, uint64_t *size, uint32_t *crc)
{
    size_t n = 0;
    *size = 0;
    *crc = 0;
    for (size_t i = 0; i < level->inner; i++) {
        bool is_stored = chunks[i].data != NULL;
        if (is_shard) {
            mt_store_u64le(index + ENTRY_BYTES * i, is_stored ? *size : ABSENT);
            mt_store_u64le(index + ENTRY_BYTES * i + 8, is_stored ? chunks[i].size : ABSENT);
        }
        if (is_stored) {
            pieces[n++] = (mt_piece) { chunks[i].data, chunks[i].size };
            *size += chunks[i].size;
            *crc = mt_crc32c_join(*crc, chunks[i].crc, chunks[i].size);
        }
    }
    if (n > 0 && is_shard) {
        size_t bytes = ENTRY_BYTES * level->inner;
        mt_store_u32le(index + bytes, mt_crc32c(index, bytes));
        pieces[n++] = (mt_piece) { index, bytes + CRC_BYTES };
        *size += bytes + CRC_BYTES;
        *crc = mt_crc32c_add(*crc, index, bytes + CRC_BYTES);
    }
    return n;
}

static mt_status publish(mt_sink *sink, const mt_level *level, uint64_t unit, const mt_encoded *chunks, uint64_t *size,
                         uint32_t *crc, mt_error *err)
{
    char key[KEY_BYTES];
    bool is_shard = sink->plan->shard[0] > 0;
    size_t pieces_bytes = (level->inner + 1) * sizeof(mt_piece), index_bytes = ENTRY_BYTES * level->inner + CRC_BYTES;
    void *memory;
    mt_status st = mt_alloc(sink->env, pieces_bytes + index_bytes, &memory, err);
    if (st)
        return st;
    mt_piece *pieces = memory;
    size_t n = list_pieces(level, chunks, is_shard, (uint8_t *)memory + pieces_bytes, pieces, size, crc);
    if (n > 0) {
        write_key(sink, level, unit, key);
        st = mt_target_publish(sink->target, key, pieces, n, err);
    }
    mt_release(sink->env, memory, pieces_bytes + index_bytes);
    return st;
}

static mt_status measure(mt_sink *sink, const mt_level *level, uint64_t unit, uint64_t *size, mt_error *err)
{
    char key[KEY_BYTES];
    write_key(sink, level, unit, key);
    return mt_target_measure(sink->target, key, size, err);
}

typedef struct unit_listing {
    const mt_plan *plan;
    const mt_level *level;
    mt_unit_visit visit;
    void *user;
} unit_listing;

static mt_status visit_object(void *user, const char *key, uint64_t size, mt_error *err)
{
    const unit_listing *l = user;
    uint64_t unit;
    return read_key(l->plan, l->level, key, &unit) ? l->visit(l->user, l->level->first_unit + unit, size, err) : MT_OK;
}

static mt_status list_units(mt_sink *sink, mt_unit_visit visit, void *user, mt_error *err)
{
    mt_status st = MT_OK;
    for (int i = 0; i < sink->plan->n_levels && !st; i++) {
        char folder[KEY_BYTES];
        unit_listing l = { sink->plan, &sink->plan->levels[i], visit, user };
        write_folder(sink, l.level, folder);
        st = mt_target_list_sizes(sink->target, folder, visit_object, &l, err);
    }
    return st;
}

/* --- Reading back. --- */

/* Points to a chunk in its object. */
static mt_status find_chunk(const mt_buffer *object, uint64_t offset, uint64_t bytes, mt_encoded *out, mt_error *err)
{
    if (offset > object->size || bytes > object->size - offset)
        return mt_fail(err, MT_E_CORRUPT, "a chunk at byte %llu of a shard of %zu bytes", (unsigned long long)offset,
                       object->size);
    *out = (mt_encoded) { .data = object->data + offset, .size = (size_t)bytes };
    return MT_OK;
}

static mt_status split(const mt_sink *sink, const mt_level *level, const mt_buffer *object, mt_encoded *chunks,
                       mt_error *err)
{
    if (sink->plan->shard[0] == 0)
        return find_chunk(object, 0, object->size, &chunks[0], err);
    size_t bytes = ENTRY_BYTES * level->inner, size = object->size;
    const uint8_t *index = size < bytes + CRC_BYTES ? NULL : object->data + size - bytes - CRC_BYTES;
    if (!index || mt_crc32c(index, bytes) != mt_load_u32le(index + bytes))
        return mt_fail(err, MT_E_CORRUPT, "the index of the shard is damaged");
    mt_status st = MT_OK;
    for (size_t i = 0; i < level->inner && !st; i++) {
        uint64_t offset = mt_load_u64le(index + ENTRY_BYTES * i);
        if (offset != ABSENT)
            st = find_chunk(object, offset, mt_load_u64le(index + ENTRY_BYTES * i + 8), &chunks[i], err);
    }
    return st;
}

/* Reads the object of a unit into an empty buffer, which the caller frees. */
static mt_status read_object(mt_sink *sink, const mt_level *level, uint64_t unit, mt_buffer *out, mt_error *err)
{
    char key[KEY_BYTES];
    write_key(sink, level, unit, key);
    mt_status st = mt_target_read(sink->target, key, SIZE_MAX, out, err);
    if (st)
        mt_error_prefix(err, "%s", key);
    return st;
}

static mt_status load(mt_sink *sink, const mt_level *level, uint64_t unit, mt_buffer *object, mt_encoded *chunks,
                      mt_error *err)
{
    mt_status st = read_object(sink, level, unit, object, err);
    if (!st && (st = split(sink, level, object, chunks, err)))
        mt_error_prefix(err, "unit %llu of level %d", (unsigned long long)unit, (int)(level - sink->plan->levels));
    return st;
}

static mt_status sum(mt_sink *sink, const mt_level *level, uint64_t unit, uint32_t *crc, mt_error *err)
{
    mt_buffer object = mt_buffer_on(sink->env);
    mt_status st = read_object(sink, level, unit, &object, err);
    *crc = st ? 0 : mt_crc32c(object.data, object.size);
    mt_buffer_free(&object);
    return st;
}

const mt_sink_ops mt_sink_zarr = {
    .name = "zarr",
    .suffixes = "zarr",
    .is_folder = true,
    .rules = { .has_shards = true },
    .skips_zeros = true,
    .has_objects = true,
    .check = check,
    .open = open,
    .begin = begin,
    .publish = publish,
    .measure = measure,
    .sum = sum,
    .list_units = list_units,
    .load = load,
    .finish = finish,
    .is_finished = is_finished,
    .close = close,
};
