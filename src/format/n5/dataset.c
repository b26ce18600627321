/* SPDX-License-Identifier: BSD-3-Clause */
/* The attributes of a dataset as a chunk map, and the keys of its blocks. */
#include "base/checked.h"
#include "base/number.h"
#include "base/reader.h"
#include "codec/params.h"
#include "format/n5/n5.h"

#include <string.h>

bool n5_is_dataset(const json_t *attributes)
{
    return json_object_get(attributes, "dimensions") && json_object_get(attributes, "blockSize");
}

static mt_status read_type(const json_t *attributes, mt_dtype *out, mt_error *err)
{
    const char *name = json_string_value(json_object_get(attributes, "dataType"));
    if (!name)
        return mt_fail(err, MT_E_CORRUPT, "dataType is not a string");
    *out = mt_dtype_from_name(name);
    if (!*out || *out == MT_BOOL || *out == MT_FLOAT16)
        return mt_fail(err, MT_E_UNSUPPORTED, "dataType '%s' is not supported", name);
    if (json_is_true(json_object_get(attributes, "isLabelMultiset")))
        return mt_fail(err, MT_E_UNSUPPORTED, "label multisets are not supported");
    return MT_OK;
}

static mt_status read_sizes(const json_t *attributes, mt_chunk_map *map, mt_error *err)
{
    int64_t dimensions[MT_MAX_DIMS] = { 0 }, block[MT_MAX_DIMS] = { 0 };
    map->ndim = -1;
    mt_status st =
        mt_tree_get_sizes(map, json_object_get(attributes, "dimensions"), "dimensions", 0, dimensions, &map->ndim, err);
    if (!st)
        st = mt_tree_get_sizes(map, json_object_get(attributes, "blockSize"), "blockSize", 1, block, &map->ndim, err);
    if (!st && map->ndim == 0)
        st = mt_fail(err, MT_E_CORRUPT, "dimensions is empty");
    for (int d = 0; !st && d < map->ndim; d++) {
        map->shape[map->ndim - 1 - d] = dimensions[d];
        map->chunk_shape[map->ndim - 1 - d] = block[d];
    }
    return st;
}

static bool is_number(const json_t *object, const char *name, double expected)
{
    const json_t *value = json_object_get(object, name);
    return !value ||
           (json_is_number(value) && json_number_value(value) >= expected && json_number_value(value) <= expected);
}

/* n5-jpeg can map the values of any type to bytes: only bytes as they are have no loss beyond that of JPEG. */
static mt_status check_jpeg(const json_t *compression, mt_dtype dtype, mt_error *err)
{
    const char *type = json_string_value(json_object_get(compression, "dataType"));
    if (dtype == MT_UINT8 && (!type || strcmp(type, "uint8") == 0) && is_number(compression, "min", 0) &&
        is_number(compression, "max", 255) && is_number(compression, "gamma", 1))
        return MT_OK;
    return mt_fail(err, MT_E_UNSUPPORTED, "compression 'jpeg' with a range of values is not supported");
}

/* compression is an object with a type; before version 1 there was only compressionType. */
static mt_status find_codec(const json_t *attributes, mt_dtype dtype, const mt_codec **out, mt_error *err)
{
    static const struct {
        const char *type, *codec;
    } known[] = { { "gzip", "gzip" },   { "bzip2", "bz2" }, { "xz", "lzma" },  { "lz4", "n5_lz4" },
                  { "blosc", "blosc" }, { "zstd", "zstd" }, { "jpeg", "jpeg" } };
    const json_t *compression = json_object_get(attributes, "compression");
    const char *type = json_string_value(json_object_get(compression, "type"));
    if (!compression)
        type = json_string_value(json_object_get(attributes, "compressionType"));
    *out = NULL;
    if (json_object_get(attributes, "codecs") || json_object_get(attributes, "shardSize"))
        return mt_fail(err, MT_E_UNSUPPORTED, "shards and lists of codecs are not supported");
    if (!type)
        return mt_fail(err, MT_E_CORRUPT, "compression has no type");
    if (strcmp(type, "raw") == 0)
        return MT_OK;
    for (size_t i = 0; i < sizeof known / sizeof *known && !*out; i++)
        if (strcmp(type, known[i].type) == 0)
            *out = mt_codec_find(known[i].codec);
    if (!*out)
        return mt_fail(err, MT_E_UNSUPPORTED, "compression '%s' is not supported", type);
    if (strcmp(type, "gzip") == 0 && json_is_true(json_object_get(compression, "useZlib")))
        *out = mt_codec_find("zlib");
    return strcmp(type, "jpeg") == 0 ? check_jpeg(compression, dtype, err) : MT_OK;
}

static mt_status add_chain(mt_chunk_map *map, const mt_codec *codec, mt_error *err)
{
    mt_block_params *p = mt_arena_alloc(map->arena, 1, sizeof *p, err);
    int64_t bytes;
    if (!p)
        return mt_arena_failed(err);
    *p = (mt_block_params) { .ndim = map->ndim, .element_size = mt_dtype_size(map->dtype), .codec = codec };
    for (int d = 0; d < p->ndim; d++)
        p->extent[d] = p->least[d] = map->chunk_shape[map->ndim - 1 - d];
    size_t limit = mt_arena_env(map->arena)->limits.max_chunk_bytes;
    if (mt_product_i64(p->extent, p->ndim, &bytes) || mt_mul_i64(bytes, (int64_t)p->element_size, &bytes) ||
        (uint64_t)bytes > limit)
        return mt_fail(err, MT_E_LIMIT, "a block has more than max_chunk_bytes (%zu)", limit);
    return mt_chain_add(&map->chain, mt_codec_find("n5_block"), p, err);
}

/* A number has at most 19 digits and one separator. */
static mt_status set_stem(mt_chunk_map *map, const char *path, mt_error *err)
{
    n5_state *state = map->state;
    state->stem = mt_arena_printf(map->arena, err, "%s%s", path, *path ? "/" : "");
    return state->stem ? MT_OK : mt_arena_failed(err);
}

static mt_status parse(const json_t *attributes, const char *path, mt_chunk_map *map, mt_error *err)
{
    const mt_codec *codec;
    mt_status st = read_sizes(attributes, map, err);
    if (st || (st = read_type(attributes, &map->dtype, err)) ||
        (st = find_codec(attributes, map->dtype, &codec, err)) || (st = add_chain(map, codec, err)) ||
        (st = set_stem(map, path, err)))
        return st;
    map->ask_axes = true;
    map->swap = mt_dtype_size(map->dtype) > 1 && !mt_host_big_endian();
    return MT_OK;
}

mt_status n5_parse_dataset(const mt_node *dataset, mt_chunk_map *map, mt_error *err)
{
    map->state = mt_arena_alloc(map->arena, 1, sizeof(n5_state), err);
    map->document = mt_arena_printf(map->arena, err, "%s%sattributes.json", dataset->path, *dataset->path ? "/" : "");
    if (!map->state || !map->document)
        return mt_arena_failed(err);
    mt_status st = parse(dataset->document, dataset->path, map, err);
    if (st)
        mt_error_prefix(err, "%s", map->document);
    return st;
}

mt_status n5_map_dataset(const mt_node *dataset, mt_chunk_map *map, mt_error *err)
{
    mt_status st = n5_parse_dataset(dataset, map, err);
    return st ? st : n5_finish(map, err);
}

/* The chain of blocks that are the last along some of the borders: they may be cut to what lies in the array. */
static mt_status add_border(mt_chunk_map *map, int borders, mt_error *err)
{
    n5_state *state = map->state;
    mt_block_params *p = mt_arena_alloc(map->arena, 1, sizeof *p, err);
    if (!p)
        return mt_arena_failed(err);
    *p = *(const mt_block_params *)map->chain.steps[0].params;
    for (int i = 0; i < state->n_borders; i++) {
        int d = state->borders[i];
        if (borders >> i & 1)
            p->least[map->ndim - 1 - d] = map->shape[d] % map->chunk_shape[d];
    }
    return mt_chain_add(&state->chains[borders], map->chain.steps[0].codec, p, err);
}

/* Bytes of the name of a time point and of what follows it. */
static size_t longest_time(const mt_chunk_map *map)
{
    const n5_state *state = map->state;
    size_t most = 0;
    for (int64_t t = 0; state->infix && t < map->shape[0]; t++) {
        size_t n = state->times[t] ? strlen(state->times[t]) : 0;
        most = n > most ? n : most;
    }
    return most + (state->infix ? strlen(state->infix) : 0);
}

static char *append(char *out, const char *text)
{
    while (*text)
        *out++ = *text++;
    return out;
}

/* Returns the end, or NULL if there is no dataset at the time point. */
static char *write_stem(const mt_chunk_map *map, int64_t time, char *out)
{
    const n5_state *state = map->state;
    out = append(out, state->stem);
    if (!state->infix)
        return out;
    return state->times[time] ? append(append(out, state->times[time]), state->infix) : NULL;
}

bool n5_write_folder(const mt_chunk_map *map, int64_t time, char *out)
{
    char *end = write_stem(map, time, out);
    if (end)
        end[end > out ? -1 : 0] = 0; /* without the slash */
    return end;
}

/* Returns false if the block has no key. */
static bool write_key(const mt_chunk_map *map, const int64_t *position, char *out)
{
    const n5_state *state = map->state;
    out = write_stem(map, position[0], out);
    for (int d = map->ndim - 1; out && d >= (state->infix != NULL); d--) {
        out = mt_write_digits(out, (uint64_t)position[d]);
        *out++ = '/';
    }
    if (out)
        out[-1] = 0;
    return out;
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)err;
    const n5_state *state = map->state;
    int borders = 0;
    for (int i = 0; i < state->n_borders; i++) {
        int d = state->borders[i];
        borders |= (position[d] == map->shape[d] / map->chunk_shape[d]) << i;
    }
    out->missing = !write_key(map, position, out->key_buffer);
    out->absent_is_fill = true;
    out->key = out->key_buffer;
    out->offset = 0;
    out->size = MT_WHOLE;
    out->chain = &state->chains[borders];
    return MT_OK;
}

mt_status n5_finish(mt_chunk_map *map, mt_error *err)
{
    n5_state *state = map->state;
    for (int d = 0; d < map->ndim; d++) {
        if (map->shape[d] % map->chunk_shape[d] == 0)
            continue;
        if (state->n_borders == N5_MOST_BORDERS)
            return mt_fail(err, MT_E_UNSUPPORTED, "arrays whose border cuts blocks along more than %d dimensions",
                           N5_MOST_BORDERS);
        state->borders[state->n_borders++] = d;
    }
    int n = 1 << state->n_borders;
    if (!(state->chains = mt_arena_alloc(map->arena, (size_t)n, sizeof *state->chains, err)))
        return mt_arena_failed(err);
    mt_status st = MT_OK;
    for (int i = 0; !st && i < n; i++)
        st = add_border(map, i, err);
    if (st)
        return st;
    if (strlen(state->stem) + longest_time(map) + (size_t)map->ndim * 20 + 2 > MT_KEY_BYTES)
        return mt_fail(err, MT_E_UNSUPPORTED, "keys of more than %d bytes are not supported", MT_KEY_BYTES);
    mt_chunk_map_c_order(map);
    map->locate = locate;
    map->save = n5_save;
    map->find_stored = n5_find_stored;
    map->judge_absent = n5_judge_absent;
    return MT_OK;
}
