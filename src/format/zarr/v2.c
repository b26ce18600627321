/* SPDX-License-Identifier: BSD-3-Clause */
/* Array metadata of version 2: .zarray. Unknown members are ignored, as required by the specification. */
#include "format/zarr/zarr.h"

#include <string.h>

static mt_status parse_separator(const json_t *value, char *out, mt_error *err)
{
    const char *text = value ? json_string_value(value) : ".";
    if (!text || (strcmp(text, ".") != 0 && strcmp(text, "/") != 0))
        return mt_fail(err, MT_E_CORRUPT, "dimension_separator is neither '.' nor '/'");
    *out = *text;
    return MT_OK;
}

static mt_status parse_order(zarr_builder *b, const json_t *value, mt_error *err)
{
    const char *text = json_string_value(value);
    if (!text || (strcmp(text, "C") != 0 && strcmp(text, "F") != 0))
        return mt_fail(err, MT_E_CORRUPT, "order is neither C nor F");
    int n = b->map->ndim;
    for (int i = 0; i < n; i++)
        b->order[i] = *text == 'C' ? i : n - 1 - i;
    return MT_OK;
}

static mt_status parse_fill(mt_chunk_map *map, const json_t *value, mt_error *err)
{
    if (!value)
        return mt_fail(err, MT_E_CORRUPT, "fill_value is missing");
    /* null: missing chunks are undefined. */
    return json_is_null(value) ? MT_OK : zarr_parse_fill(value, map->dtype, map->fill, err);
}

mt_status zarr_v2_parse(const json_t *document, const char *path, mt_chunk_map *map, mt_error *err)
{
    zarr_builder b = { .map = map, .state = map->state };
    const json_t *format = json_object_get(document, "zarr_format");
    if (!json_is_integer(format) || json_integer_value(format) != 2)
        return mt_fail(err, MT_E_CORRUPT, "zarr_format is not 2");
    map->ndim = -1;
    mt_status st = mt_tree_get_sizes(map, json_object_get(document, "shape"), "shape", 0, map->shape, &map->ndim, err);
    if (!st)
        st = mt_tree_get_sizes(map, json_object_get(document, "chunks"), "chunks", 1, b.chunk, &map->ndim, err);
    if (!st)
        st = zarr_parse_dtype(json_object_get(document, "dtype"), &map->dtype, &b.big_endian, err);
    if (!st)
        st = parse_order(&b, json_object_get(document, "order"), err);
    if (!st)
        st = parse_fill(map, json_object_get(document, "fill_value"), err);
    if (!st)
        st = parse_separator(json_object_get(document, "dimension_separator"), &b.state->separator, err);
    if (!st)
        st = zarr_set_stem(map, path, "", err);
    if (!st)
        st = zarr_v2_codecs(&b, json_object_get(document, "filters"), json_object_get(document, "compressor"), err);
    b.state->no_number_is_zero = true;
    return st ? st : zarr_builder_finish(&b, err);
}
