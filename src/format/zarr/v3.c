/* SPDX-License-Identifier: BSD-3-Clause */
/* Array metadata of version 3: zarr.json. Extensions must be known or declared optional. */
#include "base/checked.h"
#include "format/zarr/zarr.h"

#include <string.h>

const char *zarr_extension_name(const json_t *extension)
{
    return json_string_value(json_is_object(extension) ? json_object_get(extension, "name") : extension);
}

const json_t *zarr_extension_configuration(const json_t *extension)
{
    return json_object_get(extension, "configuration");
}

/* Whether an extension may be ignored: an object with "must_understand": false. */
static bool may_ignore(const json_t *extension) { return json_is_false(json_object_get(extension, "must_understand")); }

mt_status zarr_check_members(const json_t *document, const char *const *known, size_t n, mt_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)document, key, value)
    {
        bool is_known = may_ignore(value);
        for (size_t i = 0; i < n; i++)
            is_known |= strcmp(key, known[i]) == 0;
        if (!is_known)
            return mt_fail(err, MT_E_UNSUPPORTED, "the extension '%s' is required, but not supported", key);
    }
    return MT_OK;
}

static mt_status check_members(const json_t *document, mt_error *err)
{
    static const char *const known[] = {
        "zarr_format",        "node_type",  "shape",  "data_type",  "chunk_grid",
        "chunk_key_encoding", "fill_value", "codecs", "attributes", "storage_transformers",
        "dimension_names",
    };
    mt_status st = zarr_check_members(document, known, sizeof known / sizeof *known, err);
    if (st)
        return st;
    const json_t *transformers = json_object_get(document, "storage_transformers");
    if (json_array_size(transformers) > 0) {
        const char *name = zarr_extension_name(json_array_get(transformers, 0));
        return mt_fail(err, MT_E_UNSUPPORTED, "storage transformers ('%s') are not supported", name ? name : "");
    }
    return MT_OK;
}

static mt_status parse_data_type(const json_t *value, mt_dtype *out, mt_error *err)
{
    const char *name = zarr_extension_name(value);
    if (!name)
        return mt_fail(err, MT_E_CORRUPT, "data_type is missing or has no name");
    *out = mt_dtype_from_name(name);
    return *out ? MT_OK : mt_fail(err, MT_E_UNSUPPORTED, "data type '%s' is not supported", name);
}

/* Parses an entry of a list of chunk sizes: a size, or a size and a repeat count. */
static mt_status parse_run(const json_t *entry, int64_t *size, int64_t *count, mt_error *err)
{
    const json_t *first = json_is_array(entry) ? json_array_get(entry, 0) : entry;
    const json_t *second = json_array_get(entry, 1);
    *size = json_integer_value(first);
    *count = json_is_array(entry) ? json_integer_value(second) : 1;
    bool is_pair = json_array_size(entry) == 2 && json_is_integer(second);
    if (!json_is_integer(first) || (json_is_array(entry) && !is_pair) || *size < 1 || *count < 1)
        return mt_fail(err, MT_E_CORRUPT, "an entry of chunk_shapes is neither a size nor a pair of size and count");
    return MT_OK;
}

/* Walks the chunks along a dimension until they cover it. Counts them, finds the largest, and sets edges unless
 * NULL. */
static mt_status walk_runs(const json_t *runs, int64_t extent, int64_t *edges, int64_t *n, int64_t *largest,
                           mt_error *err)
{
    int64_t end = 0;
    *n = 0;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        int64_t size, count;
        mt_status st = parse_run(json_array_get(runs, i), &size, &count, err);
        if (st)
            return st;
        *largest = mt_max_i64(*largest, size);
        if (end >= extent)
            continue;
        count = mt_min_i64(count, (extent - end - 1) / size + 1);
        for (int64_t k = 0; edges && k < count; k++)
            edges[*n + k + 1] = end + (k + 1) * size;
        int64_t length;
        if (mt_mul_i64(size, count, &length) || mt_add_i64(end, length, &end))
            return mt_fail(err, MT_E_CORRUPT, "chunk_shapes are larger than any array");
        *n += count;
    }
    if (end < extent)
        return mt_fail(err, MT_E_CORRUPT, "chunk_shapes cover %lld of %lld elements", (long long)end,
                       (long long)extent);
    return MT_OK;
}

static mt_status parse_edges(mt_chunk_map *map, int d, const json_t *runs, int64_t *largest, mt_error *err)
{
    int64_t n;
    *largest = 1;
    mt_status st = walk_runs(runs, map->shape[d], NULL, &n, largest, err);
    if (st || n == 0)
        return st;
    int64_t *edges = mt_arena_alloc(map->arena, (size_t)n + 1, sizeof *edges, err);
    if (!edges)
        return mt_arena_failed(err);
    map->chunk_edges[d] = edges;
    return walk_runs(runs, map->shape[d], edges, &n, largest, err);
}

static mt_status parse_rectilinear(zarr_builder *b, const json_t *configuration, mt_error *err)
{
    const char *kind = json_string_value(json_object_get(configuration, "kind"));
    if (!kind || strcmp(kind, "inline") != 0)
        return mt_fail(err, MT_E_UNSUPPORTED,
                       "rectilinear chunk grids of another kind than 'inline' are not supported");
    const json_t *shapes = json_object_get(configuration, "chunk_shapes");
    if (json_array_size(shapes) != (size_t)b->map->ndim)
        return mt_fail(err, MT_E_CORRUPT, "chunk_shapes do not have the array's %d dimensions", b->map->ndim);
    for (int d = 0; d < b->map->ndim; d++) {
        const json_t *along = json_array_get(shapes, (size_t)d);
        b->chunk[d] = json_integer_value(along);
        mt_status st = MT_OK;
        if (json_is_array(along))
            st = parse_edges(b->map, d, along, &b->chunk[d], err);
        else if (b->chunk[d] < 1)
            st = mt_fail(err, MT_E_CORRUPT, "entry %d of chunk_shapes is neither a size nor a list", d);
        if (st)
            return st;
    }
    return MT_OK;
}

static mt_status parse_grid(zarr_builder *b, const json_t *grid, mt_error *err)
{
    const char *name = zarr_extension_name(grid);
    const json_t *configuration = zarr_extension_configuration(grid);
    if (!name)
        return mt_fail(err, MT_E_CORRUPT, "chunk_grid is missing or has no name");
    if (strcmp(name, "regular") == 0)
        return mt_tree_get_sizes(b->map, json_object_get(configuration, "chunk_shape"), "chunk_shape", 1, b->chunk,
                                 &b->map->ndim, err);
    if (strcmp(name, "rectilinear") == 0)
        return parse_rectilinear(b, configuration, err);
    return mt_fail(err, MT_E_UNSUPPORTED, "chunk grid '%s' is not supported", name);
}

static mt_status parse_key_encoding(zarr_builder *b, const json_t *encoding, const char *path, mt_error *err)
{
    const char *name = zarr_extension_name(encoding);
    if (!name)
        return mt_fail(err, MT_E_CORRUPT, "chunk_key_encoding is missing or has no name");
    bool is_default = strcmp(name, "default") == 0;
    if (!is_default && strcmp(name, "v2") != 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "chunk key encoding '%s' is not supported", name);
    const json_t *value = json_object_get(zarr_extension_configuration(encoding), "separator");
    const char *separator = value ? json_string_value(value) : is_default ? "/" : ".";
    if (!separator || (strcmp(separator, "/") != 0 && strcmp(separator, ".") != 0))
        return mt_fail(err, MT_E_CORRUPT, "the separator of chunk keys is neither '.' nor '/'");
    b->state->separator = *separator;
    b->state->leading_separator = is_default;
    b->state->no_number_is_zero = !is_default;
    return zarr_set_stem(b->map, path, is_default ? "c" : "", err);
}

mt_status zarr_v3_parse(const json_t *document, const char *path, mt_chunk_map *map, mt_error *err)
{
    zarr_builder b = { .map = map, .state = map->state };
    mt_status st = check_members(document, err);
    if (st)
        return st;
    map->ndim = -1;
    st = mt_tree_get_sizes(map, json_object_get(document, "shape"), "shape", 0, map->shape, &map->ndim, err);
    for (int i = 0; !st && i < map->ndim; i++)
        b.order[i] = i;
    if (!st)
        st = parse_data_type(json_object_get(document, "data_type"), &map->dtype, err);
    if (!st)
        st = parse_grid(&b, json_object_get(document, "chunk_grid"), err);
    if (!st)
        st = parse_key_encoding(&b, json_object_get(document, "chunk_key_encoding"), path, err);
    const json_t *fill = json_object_get(document, "fill_value");
    if (!st)
        st = fill ? zarr_parse_fill(fill, map->dtype, map->fill, err)
                  : mt_fail(err, MT_E_CORRUPT, "fill_value is missing");
    if (!st)
        st = zarr_v3_codecs(&b, json_object_get(document, "codecs"), err);
    return st ? st : zarr_builder_finish(&b, err);
}
