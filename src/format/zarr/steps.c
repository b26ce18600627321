/* SPDX-License-Identifier: BSD-3-Clause */
/* Codecs that become steps of a chain, by their names in numcodecs and in the version 3 registry. */
#include "base/reader.h"
#include "codec/params.h"
#include "format/zarr/codecs.h"

#include <string.h>

static void *new_params(zarr_coding *coding, size_t size, mt_error *err)
{
    return mt_arena_alloc(coding->map->arena, 1, size, err);
}

/* Parses a data type in the parameters of a filter. In version 3 arrays are in native byte order up to the codec
 * bytes. */
static mt_status parse_type(const zarr_coding *coding, const json_t *value, mt_stored_type *out, mt_error *err)
{
    const char *name = json_string_value(value);
    out->big_endian = coding->big_endian;
    out->dtype = name ? mt_dtype_from_name(name) : (mt_dtype)0;
    mt_status st = out->dtype ? MT_OK : zarr_parse_dtype(value, &out->dtype, &out->big_endian, err);
    if (!st && out->dtype == MT_FLOAT16)
        return mt_fail(err, MT_E_UNSUPPORTED, "filters of float16 are not supported");
    if (coding->is_native)
        out->big_endian = mt_host_big_endian();
    return st;
}

/* Parses the types before and after a filter from the members of these names; a missing one is the previous type. */
static mt_status parse_types(zarr_coding *coding, const json_t *configuration, const char *dtype, const char *astype,
                             mt_filter_params **out, mt_error *err)
{
    mt_filter_params *p = new_params(coding, sizeof *p, err);
    if (!p)
        return mt_arena_failed(err);
    *out = p;
    p->dtype = (mt_stored_type) { coding->dtype, coding->big_endian };
    const json_t *value = json_object_get(configuration, dtype);
    mt_status st = value ? parse_type(coding, value, &p->dtype, err) : MT_OK;
    p->astype = p->dtype;
    value = json_object_get(configuration, astype);
    if (!st && value && !json_is_null(value))
        st = parse_type(coding, value, &p->astype, err);
    if (!st && mt_dtype_size(p->dtype.dtype) != mt_dtype_size(coding->dtype))
        st = mt_fail(err, MT_E_CORRUPT, "a filter of %s is used on %s", mt_dtype_name(p->dtype.dtype),
                     mt_dtype_name(coding->dtype));
    coding->dtype = p->astype.dtype;
    return st;
}

static mt_status parse_filter(zarr_coding *coding, const json_t *configuration, const void **out, mt_error *err)
{
    mt_filter_params *p = NULL;
    mt_status st = parse_types(coding, configuration, "dtype", "astype", &p, err);
    *out = p;
    return st;
}

static mt_status parse_astype(zarr_coding *coding, const json_t *configuration, const void **out, mt_error *err)
{
    mt_filter_params *p = NULL;
    mt_status st = parse_types(coding, configuration, "decode_dtype", "encode_dtype", &p, err);
    *out = p;
    return st;
}

static mt_status parse_scale(zarr_coding *coding, const json_t *configuration, const void **out, mt_error *err)
{
    mt_filter_params *p = NULL;
    mt_status st = parse_types(coding, configuration, "dtype", "astype", &p, err);
    if (st)
        return st;
    p->scale = json_number_value(json_object_get(configuration, "scale"));
    p->offset = json_number_value(json_object_get(configuration, "offset"));
    *out = p;
    return p->scale != 0 ? MT_OK : mt_fail(err, MT_E_CORRUPT, "fixedscaleoffset has no scale, or a scale of 0");
}

static mt_status parse_packbits(zarr_coding *coding, const json_t *configuration, const void **out, mt_error *err)
{
    (void)configuration, (void)out;
    if (coding->dtype != MT_BOOL)
        return mt_fail(err, MT_E_UNSUPPORTED, "packbits of %s is not supported", mt_dtype_name(coding->dtype));
    coding->dtype = MT_UINT8;
    return MT_OK;
}

static mt_status parse_shuffle(zarr_coding *coding, const json_t *configuration, const void **out, mt_error *err)
{
    const json_t *value = json_object_get(configuration, "elementsize");
    json_int_t size = value ? json_integer_value(value) : 4;
    if (size < 1 || size > 256)
        return mt_fail(err, MT_E_CORRUPT, "elementsize of shuffle is not an integer from 1 to 256");
    mt_element_params *p = new_params(coding, sizeof *p, err);
    if (!p)
        return mt_arena_failed(err);
    p->element_size = (size_t)size;
    *out = p;
    return MT_OK;
}

/* numcodecs puts zlib checksums before the data and crc32c after it. */
static mt_status parse_checksum(zarr_coding *coding, const json_t *configuration, bool at_start, const void **out,
                                mt_error *err)
{
    const json_t *value = json_object_get(configuration, "location");
    const char *location = value ? json_string_value(value) : at_start ? "start" : "end";
    if (!location || (strcmp(location, "start") != 0 && strcmp(location, "end") != 0))
        return mt_fail(err, MT_E_CORRUPT, "location of a checksum is neither start nor end");
    mt_checksum_params *p = new_params(coding, sizeof *p, err);
    if (!p)
        return mt_arena_failed(err);
    p->at_start = strcmp(location, "start") == 0;
    *out = p;
    return MT_OK;
}

static mt_status parse_first(zarr_coding *coding, const json_t *configuration, const void **out, mt_error *err)
{
    return parse_checksum(coding, configuration, true, out, err);
}

static mt_status parse_last(zarr_coding *coding, const json_t *configuration, const void **out, mt_error *err)
{
    return parse_checksum(coding, configuration, false, out, err);
}

static uint32_t filter_number(const json_t *filter, const char *name, uint32_t otherwise)
{
    const json_t *value = json_object_get(filter, name);
    json_int_t number = json_integer_value(value);
    return json_is_integer(value) && number >= 0 && number <= UINT32_MAX ? (uint32_t)number : otherwise;
}

static mt_status parse_lzma(zarr_coding *coding, const json_t *configuration, const void **out, mt_error *err)
{
    mt_lzma_params *p = new_params(coding, sizeof *p, err);
    if (!p)
        return mt_arena_failed(err);
    *out = p;
    const json_t *filters = json_object_get(configuration, "filters");
    p->format = (int)filter_number(configuration, "format", 1);
    if (p->format > 3 || json_array_size(filters) > MT_MAX_LZMA_FILTERS ||
        (p->format == 3 && !json_array_size(filters)))
        return mt_fail(err, MT_E_CORRUPT, "the parameters of lzma are invalid");
    p->n_filters = (int)json_array_size(filters);
    for (int i = 0; i < p->n_filters; i++) {
        const json_t *filter = json_array_get(filters, (size_t)i);
        p->filters[i].id = (uint64_t)json_integer_value(json_object_get(filter, "id"));
        p->filters[i].dict_size = filter_number(filter, "dict_size", 0);
        p->filters[i].lc = filter_number(filter, "lc", 3);
        p->filters[i].lp = filter_number(filter, "lp", 0);
        p->filters[i].pb = filter_number(filter, "pb", 2);
        p->filters[i].distance = filter_number(filter, "dist", 1);
    }
    return MT_OK;
}

typedef mt_status (*parse_params)(zarr_coding *coding, const json_t *configuration, const void **out, mt_error *err);

static const struct known_codec {
    const char *name;
    bool is_filter; /* works on arrays */
    parse_params parse;
} known[] = {
    { "adler32", false, parse_first },
    { "astype", true, parse_astype },
    { "bitround", true, NULL },
    { "blosc", false, NULL },
    { "bz2", false, NULL },
    { "crc32", false, parse_first },
    { "crc32c", false, parse_last },
    { "delta", true, parse_filter },
    { "fixedscaleoffset", true, parse_scale },
    { "fletcher32", false, NULL },
    { "gzip", false, NULL },
    { "lz4", false, NULL },
    { "lzma", false, parse_lzma },
    { "packbits", true, parse_packbits },
    { "quantize", true, parse_filter },
    { "shuffle", false, parse_shuffle },
    { "zlib", false, NULL },
    { "zstd", false, NULL },
};

static const struct known_codec *find_known(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0)
            return &known[i];
    return NULL;
}

bool zarr_is_filter(const char *name)
{
    const struct known_codec *codec = find_known(name);
    return codec && codec->is_filter;
}

static mt_status add(zarr_coding *coding, const struct known_codec *codec, const json_t *configuration, mt_error *err)
{
    const void *params = NULL;
    mt_status st = codec->parse ? codec->parse(coding, configuration, &params, err) : MT_OK;
    return st ? st : mt_chain_add(coding->chain, mt_codec_find(codec->name), params, err);
}

static mt_status refuse(const char *name, mt_error *err)
{
    return mt_fail(err, MT_E_UNSUPPORTED, "codec '%s' is not supported", name);
}

mt_status zarr_add_filter(zarr_coding *coding, const char *name, const json_t *configuration, mt_error *err)
{
    const struct known_codec *codec = find_known(name);
    if (!codec)
        return refuse(name, err);
    if (!codec->is_filter)
        return mt_fail(err, MT_E_CORRUPT, "codec '%s' works on bytes, but is applied to an array", name);
    /* Rounding cannot be undone: there is nothing to decode. */
    return strcmp(name, "bitround") == 0 ? MT_OK : add(coding, codec, configuration, err);
}

mt_status zarr_add_bytes_codec(zarr_coding *coding, const char *name, const json_t *configuration, mt_error *err)
{
    const struct known_codec *codec = find_known(name);
    if (!codec)
        return refuse(name, err);
    if (codec->is_filter)
        return mt_fail(err, MT_E_CORRUPT, "codec '%s' works on arrays, but is applied to bytes", name);
    return add(coding, codec, configuration, err);
}

mt_status zarr_add_byteswap(zarr_coding *coding, size_t element_size, mt_error *err)
{
    mt_element_params *p = new_params(coding, sizeof *p, err);
    if (!p)
        return mt_arena_failed(err);
    p->element_size = element_size;
    return mt_chain_add(coding->chain, mt_codec_find("byteswap"), p, err);
}
