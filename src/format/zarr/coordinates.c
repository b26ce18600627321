/* SPDX-License-Identifier: BSD-3-Clause */
/* Coordinates as stored by xarray: one-dimensional arrays beside an array, named like its dimensions. Evenly spaced
 * values give the pixel size. */
#include "base/reader.h"
#include "format/zarr/zarr.h"
#include "store/blocks.h"

#include <math.h>
#include <string.h>

#define MOST_VALUES 65536 /* longer coordinates are not read for a pixel size */
#define MOST_CHUNKS 16

/* The coordinate of a dimension. */
typedef struct coordinate {
    const char *path; /* NULL: no coordinate */
    mt_node node;
    mt_chunk_map *map;
    double *values;
} coordinate;

/* The path of the coordinate called name, in scratch; NULL if the name is not a valid key. */
static const char *find_path(const mt_tree *r, const mt_node *array, const json_t *name)
{
    const char *slash = strrchr(array->path, '/'), *text = json_string_value(name), *path;
    char *group = mt_arena_strndup(r->scratch, array->path, slash ? (size_t)(slash - array->path) : 0, NULL);
    if (!text || !*text || strchr(text, '/') || !group || mt_tree_join(r, group, text, MT_E_CORRUPT, &path, NULL))
        return NULL;
    return strcmp(path, array->path) == 0 ? NULL : path;
}

static mt_status load(const mt_tree *r, coordinate *c, int64_t size, mt_error *err)
{
    mt_status st = mt_node_load(r, c->path, &c->node, err);
    if (st || c->node.kind != MT_NODE_ARRAY || (st = zarr_node_load_attributes(r, &c->node, err)) ||
        (st = mt_chunk_map_new(r->env, r->store, "zarr", &c->map, err)) || (st = zarr_map_array(&c->node, c->map, err)))
        return st;
    c->map->axes[0] = '?'; /* for the check */
    bool fits = c->map->ndim == 1 && c->map->shape[0] == size && size > 1 && size <= MOST_VALUES;
    if (fits && !(st = mt_chunk_map_check(c->map, err)) && mt_chunk_map_grid(c->map, 0) <= MOST_CHUNKS)
        return MT_OK;
    mt_chunk_map_free(c->map);
    c->map = NULL;
    return st;
}

/* Loads the stored bytes of a chunk into scratch; *out is NULL if it is missing. */
static mt_status load_chunk(const mt_tree *r, const mt_chunk_ref *ref, size_t limit, char **out, size_t *size,
                            mt_error *err)
{
    *out = NULL;
    if (ref->missing)
        return MT_OK;
    if (ref->size == MT_WHOLE) {
        mt_error own = MT_ERROR_INIT;
        mt_status st = mt_store_load(r->store, ref->key, limit, "the size of a chunk", r->scratch, out, size, &own);
        return st == MT_E_NOT_FOUND || !st ? MT_OK : mt_fail(err, st, "%s", own.message);
    }
    if (ref->size > limit)
        return mt_fail(err, MT_E_CORRUPT, "%llu encoded bytes for a chunk of coordinates",
                       (unsigned long long)ref->size);
    *size = (size_t)ref->size;
    *out = mt_arena_alloc(r->scratch, *size + 1, 1, err);
    return *out ? mt_store_read_at(r->store, ref->key, ref->offset, *out, *size, err) : mt_arena_failed(err);
}

static mt_status decode(const mt_chunk_map *map, const char *encoded, size_t size, void *out, size_t bytes,
                        mt_error *err)
{
    if (map->chain.n_steps == 0 && size != bytes)
        return mt_fail(err, MT_E_CORRUPT, "a raw chunk of %zu bytes has %zu", bytes, size);
    if (map->chain.n_steps == 0) {
        memcpy(out, encoded, bytes);
        return MT_OK;
    }
    mt_scratch *scratch;
    mt_status st = mt_scratch_new(mt_arena_env(map->arena), &scratch, err);
    if (st)
        return st;
    st = mt_chain_decode(&map->chain, (const uint8_t *)encoded, size, out, bytes, bytes, scratch, err);
    mt_scratch_free(scratch);
    return st;
}

static bool read_value(mt_dtype dtype, mt_reader *r, double *out)
{
    switch (dtype) {
    case MT_UINT8: *out = mt_read_u8(r); break;
    case MT_INT8: *out = (int8_t)mt_read_u8(r); break;
    case MT_UINT16: *out = mt_read_u16(r); break;
    case MT_INT16: *out = (int16_t)mt_read_u16(r); break;
    case MT_UINT32: *out = mt_read_u32(r); break;
    case MT_INT32: *out = mt_read_i32(r); break;
    case MT_UINT64: *out = (double)mt_read_u64(r); break;
    case MT_INT64: *out = (double)(int64_t)mt_read_u64(r); break;
    case MT_FLOAT32: *out = (double)mt_read_f32(r); break;
    case MT_FLOAT64: *out = mt_read_f64(r); break;
    default: return false;
    }
    return !r->failed;
}

/* Reads the values of one chunk; false if it is not stored or not numeric. */
static mt_status read_chunk(const mt_tree *r, coordinate *c, int64_t i, bool *found, mt_error *err)
{
    const mt_chunk_map *map = c->map;
    size_t bytes = (size_t)mt_chunk_map_elements(map) * mt_dtype_size(map->dtype), size;
    int64_t first = map->chunk_edges[0] ? map->chunk_edges[0][i] : i * map->chunk_shape[0];
    int64_t end = map->chunk_edges[0] ? map->chunk_edges[0][i + 1] : first + map->chunk_shape[0];
    char *encoded;
    mt_chunk_ref ref = { .size = MT_WHOLE };
    *found = false;
    mt_status st = map->locate(map, &i, &ref, err);
    if (st || (st = load_chunk(r, &ref, mt_chain_encoded_bound(&map->chain, bytes), &encoded, &size, err)) || !encoded)
        return st;
    bytes = (size_t)(end - first) * mt_dtype_size(map->dtype);
    void *decoded = mt_arena_alloc(r->scratch, bytes + 1, 1, err);
    if (!decoded)
        return mt_arena_failed(err);
    if ((st = decode(map, encoded, size, decoded, bytes, err)))
        return st;
    mt_reader in = mt_reader_over(decoded, bytes, map->swap != mt_host_big_endian());
    *found = true;
    for (int64_t k = first; *found && k < end && k < map->shape[0]; k++)
        *found = read_value(map->dtype, &in, &c->values[k]);
    return MT_OK;
}

/* The step of evenly spaced values; 0 if they are not. */
static double find_step(const double *values, int64_t n)
{
    double step = (values[n - 1] - values[0]) / (double)(n - 1);
    for (int64_t i = 1; i < n; i++)
        if (!(fabs(values[0] + (double)i * step - values[i]) <= fabs(step) * 1e-3))
            return 0;
    return isfinite(step) ? fabs(step) : 0;
}

static mt_status describe(const mt_tree *r, coordinate *c, int d, mt_chunk_map *map, mt_error *err)
{
    int64_t n = c->map->shape[0];
    bool found = true;
    mt_status st = MT_OK;
    if (!(c->values = mt_arena_alloc(r->scratch, (size_t)n, sizeof *c->values, err)))
        return mt_arena_failed(err);
    for (int64_t i = 0, chunks = mt_chunk_map_grid(c->map, 0); !st && found && i < chunks; i++)
        st = read_chunk(r, c, i, &found, err);
    double step = st || !found ? 0 : find_step(c->values, n);
    if (st || step == 0)
        return st;
    const char *unit = json_string_value(json_object_get(c->node.attributes, "units"));
    map->pixel_size[d] = step;
    if (unit && *unit && !(map->unit[d] = mt_unit_name(map->arena, unit, err)))
        return mt_arena_failed(err);
    return MT_OK;
}

/* Damaged coordinates only mean that pixel sizes are unknown. Strings and dates give none. */
static mt_status forgive(mt_status st, const char *path, const mt_error *why, mt_chunk_map *map, mt_error *err)
{
    if (st == MT_E_MEMORY || mt_is_request_failure(st))
        return mt_fail(err, st, "%s", why->message);
    if (st == MT_E_UNSUPPORTED)
        return MT_OK;
    return st ? mt_chunk_map_warn(map, err, "the coordinate '%s' cannot be read: %s", path, why->message) : MT_OK;
}

/* Prefetches the first chunk of each coordinate. */
static void touch_chunks(const mt_tree *r, const coordinate *all, int n)
{
    char keys[MT_MAX_DIMS][MT_KEY_BYTES];
    mt_touch touches[MT_MAX_DIMS];
    static const int64_t first[MT_MAX_DIMS] = { 0 };
    size_t count = 0;
    for (int d = 0; d < n && r->store->costs.is_slow; d++)
        if (all[d].map && all[d].map->locate == zarr_locate) {
            zarr_write_key(all[d].map, first, keys[count]);
            touches[count] = (mt_touch) { .key = keys[count] };
            count++;
        }
    mt_blocks_touch(r->store, touches, count);
}

static mt_status load_all(const mt_tree *r, coordinate *all, mt_chunk_map *map, mt_error *err)
{
    const char *paths[MT_MAX_DIMS];
    size_t n = 0;
    for (int d = 0; d < map->ndim; d++)
        if (all[d].path)
            paths[n++] = all[d].path;
    mt_tree_touch(r, paths, n);
    for (int d = 0; d < map->ndim; d++) {
        coordinate *c = &all[d];
        mt_error why = MT_ERROR_INIT;
        mt_status st = c->path ? forgive(load(r, c, map->shape[d], &why), c->path, &why, map, err) : MT_OK;
        if (st)
            return st;
        if (map->axes[d] == '?' && c->map) /* as the CF conventions have it */
            map->axes[d] = mt_axis_letter(json_string_value(json_object_get(c->node.attributes, "axis")));
        if (c->map && (!strchr("TZYX", map->axes[d]) || why.status)) {
            mt_chunk_map_free(c->map);
            c->map = NULL;
        }
    }
    mt_axes_drop_ambiguous(map->axes);
    return MT_OK;
}

mt_status zarr_read_coordinates(const mt_tree *r, const mt_node *array, mt_chunk_map *map, mt_error *err)
{
    const json_t *names = zarr_dimension_names(array);
    coordinate all[MT_MAX_DIMS];
    memset(all, 0, sizeof all);
    if (!names || strlen(array->path) <= r->root) /* the array is the root: nothing is beside it */
        return MT_OK;
    for (int d = 0; d < map->ndim; d++)
        if (map->pixel_size[d] == 0 && strchr("?TZYX", map->axes[d]))
            all[d].path = find_path(r, array, json_array_get(names, (size_t)d));
    mt_status st = load_all(r, all, map, err);
    touch_chunks(r, all, st ? 0 : map->ndim);
    for (int d = 0; d < map->ndim; d++) {
        mt_error why = MT_ERROR_INIT;
        if (!st && all[d].map)
            st = forgive(describe(r, &all[d], d, map, &why), all[d].path, &why, map, err);
        mt_chunk_map_free(all[d].map);
        mt_node_free(&all[d].node);
    }
    return st;
}
