/* SPDX-License-Identifier: BSD-3-Clause */
/* Codec metadata of both versions to a chain. Transposes become strides and shards become levels of the state; what
 * remains is a chain of bytes-to-bytes codecs. */
#include "base/reader.h"
#include "format/zarr/codecs.h"

#include <string.h>

static const char *without_prefix(const char *name) { return strncmp(name, "numcodecs.", 10) == 0 ? name + 10 : name; }

static mt_status parse_transpose(zarr_builder *b, const json_t *configuration, mt_error *err)
{
    const json_t *order = json_object_get(configuration, "order");
    int n = b->map->ndim;
    int64_t permutation[MT_MAX_DIMS];
    const char *text = json_string_value(order); /* written by early versions */
    if (text && (strcmp(text, "C") == 0 || strcmp(text, "F") == 0)) {
        for (int i = 0; i < n; i++)
            permutation[i] = *text == 'C' ? i : n - 1 - i;
    } else {
        mt_status st = mt_tree_get_sizes(b->map, order, "order of transpose", 0, permutation, &n, err);
        if (st)
            return st;
    }
    int composed[MT_MAX_DIMS] = { 0 };
    unsigned seen = 0;
    for (int i = 0; i < n; i++) {
        if (permutation[i] >= n || seen >> permutation[i] & 1)
            return mt_fail(err, MT_E_CORRUPT, "order of transpose is not a permutation of %d dimensions", n);
        seen |= 1u << permutation[i];
        composed[i] = b->order[permutation[i]];
    }
    memcpy(b->order, composed, sizeof composed);
    return MT_OK;
}

/* Parses the byte order of the codec bytes (formerly endian); optional for elements of one byte. */
static mt_status parse_endian(const json_t *configuration, size_t element_size, bool *big_endian, mt_error *err)
{
    const json_t *value = json_object_get(configuration, "endian");
    const char *text = json_string_value(value);
    if (!value && element_size > 1)
        return mt_fail(err, MT_E_CORRUPT, "codec bytes has no endian");
    if (value && (!text || (strcmp(text, "little") != 0 && strcmp(text, "big") != 0)))
        return mt_fail(err, MT_E_CORRUPT, "endian of codec bytes is neither little nor big");
    *big_endian = text && *text == 'b';
    return MT_OK;
}

static mt_status parse_bytes(zarr_builder *b, zarr_coding *coding, const json_t *configuration, mt_error *err)
{
    size_t element_size = mt_dtype_size(coding->dtype);
    bool big_endian;
    mt_status st = parse_endian(configuration, element_size, &big_endian, err);
    if (st)
        return st;
    coding->is_bytes = true;
    if (coding->chain->n_steps == 0) { /* the engine swaps during the copy */
        b->big_endian = big_endian;
        return MT_OK;
    }
    b->big_endian = mt_host_big_endian();
    return element_size > 1 && big_endian != mt_host_big_endian() ? zarr_add_byteswap(coding, element_size, err)
                                                                  : MT_OK;
}

static bool is_array_to_bytes(const char *name)
{
    return strcmp(name, "bytes") == 0 || strcmp(name, "endian") == 0 || strcmp(name, "sharding_indexed") == 0;
}

/* Parses an array codec: a transpose, a filter, or an array-to-bytes codec. *inner is set for shards. */
static mt_status parse_array_codec(zarr_builder *b, zarr_coding *coding, const char *name, const json_t *configuration,
                                   const json_t **inner, mt_error *err)
{
    if (strcmp(name, "transpose") == 0)
        return parse_transpose(b, configuration, err);
    if (strcmp(name, "bytes") == 0 || strcmp(name, "endian") == 0)
        return parse_bytes(b, coding, configuration, err);
    if (strcmp(name, "packbits") == 0) /* its layout differs from that of numcodecs */
        return mt_fail(err, MT_E_UNSUPPORTED, "codec 'packbits' is not supported, 'numcodecs.packbits' is");
    if (strcmp(name, "sharding_indexed") != 0)
        return zarr_add_filter(coding, without_prefix(name), configuration, err);
    if (coding->chain->n_steps > 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "filters before sharding_indexed are not supported");
    coding->is_bytes = true;
    return zarr_add_shards(b, configuration, inner, err);
}

/* Parses a list of codecs; *inner is set if it ends in shards. */
static mt_status parse_list(zarr_builder *b, zarr_coding *coding, const json_t *codecs, const json_t **inner,
                            mt_error *err)
{
    *inner = NULL;
    coding->is_bytes = false;
    if (!json_is_array(codecs))
        return mt_fail(err, MT_E_CORRUPT, "codecs is not a list");
    for (size_t i = 0; i < json_array_size(codecs); i++) {
        const json_t *codec = json_array_get(codecs, i);
        const char *name = zarr_extension_name(codec);
        const json_t *configuration = zarr_extension_configuration(codec);
        if (!name)
            return mt_fail(err, MT_E_CORRUPT, "codec %zu has no name", i);
        if (*inner)
            return mt_fail(err, MT_E_UNSUPPORTED, "codec '%s' around shards is not supported", name);
        mt_status st;
        if (coding->is_bytes && (is_array_to_bytes(name) || strcmp(name, "transpose") == 0))
            st = mt_fail(err, MT_E_CORRUPT, "codec '%s' comes after the array has become bytes", name);
        else if (coding->is_bytes)
            st = zarr_add_bytes_codec(coding, without_prefix(name), configuration, err);
        else
            st = parse_array_codec(b, coding, name, configuration, inner, err);
        if (st)
            return st;
    }
    return coding->is_bytes ? MT_OK : mt_fail(err, MT_E_CORRUPT, "no codec converts the array to bytes");
}

mt_status zarr_v3_codecs(zarr_builder *b, const json_t *codecs, mt_error *err)
{
    zarr_coding coding = { .map = b->map,
                           .chain = &b->map->chain,
                           .dtype = b->map->dtype,
                           .big_endian = mt_host_big_endian(),
                           .is_native = true };
    do {
        mt_status st = parse_list(b, &coding, codecs, &codecs, err);
        if (st)
            return st;
    } while (codecs);
    return MT_OK;
}

mt_status zarr_index_codecs(zarr_builder *b, const json_t *codecs, zarr_shards *shards, mt_error *err)
{
    zarr_coding coding = { .map = b->map, .chain = &shards->index_chain, .dtype = MT_UINT64 };
    if (json_array_size(codecs) == 0)
        return mt_fail(err, MT_E_CORRUPT, "sharding_indexed has no index_codecs");
    for (size_t i = 0; i < json_array_size(codecs); i++) {
        const json_t *codec = json_array_get(codecs, i);
        const char *name = zarr_extension_name(codec);
        if (!name)
            return mt_fail(err, MT_E_CORRUPT, "index codec %zu has no name", i);
        bool is_bytes = strcmp(name, "bytes") == 0 || strcmp(name, "endian") == 0;
        if (is_bytes != (i == 0))
            return mt_fail(err, MT_E_UNSUPPORTED, "index codec '%s' at position %zu is not supported", name, i);
        bool big_endian;
        mt_status st =
            is_bytes ? parse_endian(zarr_extension_configuration(codec), 8, &big_endian, err)
                     : zarr_add_bytes_codec(&coding, without_prefix(name), zarr_extension_configuration(codec), err);
        if (st)
            return st;
        if (is_bytes)
            shards->index_swap = big_endian != mt_host_big_endian();
    }
    return MT_OK;
}

/* Codecs of version 2 are numcodecs configurations: an object with an id and parameters. */
static mt_status add_v2_codec(zarr_coding *coding, const json_t *codec, const char *what, mt_error *err)
{
    const char *id = json_string_value(json_object_get(codec, "id"));
    if (!id)
        return mt_fail(err, MT_E_CORRUPT, "%s has no id", what);
    return zarr_is_filter(id) ? zarr_add_filter(coding, id, codec, err) : zarr_add_bytes_codec(coding, id, codec, err);
}

mt_status zarr_v2_codecs(zarr_builder *b, const json_t *filters, const json_t *compressor, mt_error *err)
{
    zarr_coding coding = {
        .map = b->map, .chain = &b->map->chain, .dtype = b->map->dtype, .big_endian = b->big_endian
    };
    if (filters && !json_is_null(filters) && !json_is_array(filters))
        return mt_fail(err, MT_E_CORRUPT, "filters is neither a list nor null");
    for (size_t i = 0; i < json_array_size(filters); i++) {
        mt_status st = add_v2_codec(&coding, json_array_get(filters, i), "a filter", err);
        if (st)
            return st;
    }
    return !compressor || json_is_null(compressor) ? MT_OK : add_v2_codec(&coding, compressor, "the compressor", err);
}
