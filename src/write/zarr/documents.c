/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata of arrays. Sources: the Zarr core specification, version 3, with its extensions bytes, blosc, gzip, zstd,
 * crc32c and sharding_indexed, version 1; the Zarr storage specification, version 2; numcodecs for codec names. */
#include "write/zarr/zarr_sink.h"

#include <stdio.h>
#include <string.h>

bool zarr_is_v2(const mt_plan *plan) { return strcmp(plan->ome, "0.4") == 0; }

int zarr_codec_level(const mt_plan *plan)
{
    if (plan->codec_level != 0)
        return plan->codec_level;
    return strcmp(plan->codec, "zstd") == 0 ? 3 : strcmp(plan->codec, "gzip") == 0 ? 6 : 5;
}

static bool is_blosc(const mt_plan *plan) { return strncmp(plan->codec, "blosc-", 6) == 0; }

static int shuffle_number(const mt_plan *plan)
{
    return strcmp(plan->shuffle, "bit") == 0 ? 2 : strcmp(plan->shuffle, "byte") == 0;
}

/* --- Version 3. --- */

static json_t *bytes_codec(size_t element_size)
{
    return element_size > 1 ? json_pack("{ss s{ss}}", "name", "bytes", "configuration", "endian", "little")
                            : json_pack("{ss}", "name", "bytes");
}

static json_t *compressor(const mt_plan *plan)
{
    static const char *const shuffles[] = { "noshuffle", "shuffle", "bitshuffle" };
    int level = zarr_codec_level(plan);
    if (is_blosc(plan))
        return json_pack("{ss s{ss si ss si si}}", "name", "blosc", "configuration", "cname", plan->codec + 6, "clevel",
                         level, "shuffle", shuffles[shuffle_number(plan)], "typesize", (int)plan->element_size,
                         "blocksize", 0);
    if (strcmp(plan->codec, "zstd") == 0)
        return json_pack("{ss s{si sb}}", "name", "zstd", "configuration", "level", level, "checksum", 1);
    if (strcmp(plan->codec, "gzip") == 0)
        return json_pack("{ss s{si}}", "name", "gzip", "configuration", "level", level);
    return json_pack("{ss s{si}}", "name", "numcodecs.lz4", "configuration", "acceleration", 1);
}

static json_t *chunk_codecs(const mt_plan *plan)
{
    if (strcmp(plan->codec, "none") == 0)
        return json_pack("[o]", bytes_codec(plan->element_size));
    return json_pack("[oo]", bytes_codec(plan->element_size), compressor(plan));
}

static json_t *codecs(const mt_plan *plan, const mt_level *level)
{
    if (plan->shard[0] == 0)
        return chunk_codecs(plan);
    return json_pack("[{ss s{so so s[oo] ss}}]", "name", "sharding_indexed", "configuration", "chunk_shape",
                     mt_plan_write_sizes(level->chunk, plan->ndim), "codecs", chunk_codecs(plan), "index_codecs",
                     bytes_codec(8), json_pack("{ss}", "name", "crc32c"), "index_location", "end");
}

static json_t *dimension_names(const mt_plan *plan)
{
    json_t *list = json_array();
    for (int d = 0; list && d < plan->ndim; d++) {
        char name[2] = { (char)(plan->axes[d] + ('a' - 'A')), 0 };
        if (json_array_append_new(list, json_string(name)))
            return json_decref(list), NULL;
    }
    return list;
}

static json_t *fill_value(mt_dtype dtype)
{
    return dtype == MT_BOOL                                                    ? json_false()
           : dtype == MT_FLOAT16 || dtype == MT_FLOAT32 || dtype == MT_FLOAT64 ? json_real(0)
                                                                               : json_integer(0);
}

static json_t *write_v3(const mt_plan *plan, const mt_level *level)
{
    return json_pack(
        "{si ss so ss s{ss s{so}} s{ss s{ss}} so so s{} so s[]}", "zarr_format", 3, "node_type", "array", "shape",
        mt_plan_write_sizes(level->shape, plan->ndim), "data_type", mt_dtype_name(plan->dtype), "chunk_grid", "name",
        "regular", "configuration", "chunk_shape", mt_plan_write_sizes(level->unit, plan->ndim), "chunk_key_encoding",
        "name", "default", "configuration", "separator", "/", "fill_value", fill_value(plan->dtype), "codecs",
        codecs(plan, level), "attributes", "dimension_names", dimension_names(plan), "storage_transformers");
}

/* --- Version 2. --- */

static json_t *type_string(const mt_plan *plan)
{
    char text[4];
    mt_plan_numpy_type(plan, text);
    return json_string(text);
}

static json_t *v2_compressor(const mt_plan *plan)
{
    int level = zarr_codec_level(plan);
    if (is_blosc(plan))
        return json_pack("{ss ss si si si}", "id", "blosc", "cname", plan->codec + 6, "clevel", level, "shuffle",
                         shuffle_number(plan), "blocksize", 0);
    /* No "checksum": TensorStore refuses it, and the frames themselves say that they have one. */
    if (strcmp(plan->codec, "zstd") == 0)
        return json_pack("{ss si}", "id", "zstd", "level", level);
    if (strcmp(plan->codec, "gzip") == 0)
        return json_pack("{ss si}", "id", "gzip", "level", level);
    return strcmp(plan->codec, "lz4") == 0 ? json_pack("{ss si}", "id", "lz4", "acceleration", 1) : json_null();
}

static json_t *write_v2(const mt_plan *plan, const mt_level *level)
{
    return json_pack("{si so so so so so ss sn ss}", "zarr_format", 2, "shape",
                     mt_plan_write_sizes(level->shape, plan->ndim), "chunks",
                     mt_plan_write_sizes(level->chunk, plan->ndim), "dtype", type_string(plan), "compressor",
                     v2_compressor(plan), "fill_value", fill_value(plan->dtype), "order", "C", "filters",
                     "dimension_separator", "/");
}

json_t *zarr_write_array(const mt_plan *plan, const mt_level *level)
{
    return zarr_is_v2(plan) ? write_v2(plan, level) : write_v3(plan, level);
}

/* --- Publishing. --- */

/* Publishes a document and releases it; with only_new, unless there is one. */
static mt_status publish(mt_env *env, mt_target *target, const char *key, bool only_new, json_t *document,
                         mt_error *err)
{
    mt_buffer text = mt_buffer_on(env);
    bool made;
    mt_status st = mt_json_write(document, true, &text, err);
    if (!st) {
        mt_piece piece = { text.data, text.size };
        st = only_new ? mt_target_make_new(target, key, &piece, 1, &made, err)
                      : mt_target_publish(target, key, &piece, 1, err);
    }
    mt_buffer_free(&text);
    json_decref(document);
    return st;
}

mt_status zarr_publish_json(mt_env *env, mt_target *target, const char *key, json_t *document, mt_error *err)
{
    return publish(env, target, key, false, document, err);
}

mt_status zarr_publish_group(mt_env *env, mt_target *target, const char *folder, bool is_v2, bool only_new,
                             json_t *attributes, mt_error *err)
{
    char key[ZARR_FOLDER_BYTES + 16];
    snprintf(key, sizeof key, "%s%s", folder, is_v2 ? ".zattrs" : "zarr.json");
    if (!is_v2)
        attributes = json_pack("{si ss so}", "zarr_format", 3, "node_type", "group", "attributes", attributes);
    mt_status st = publish(env, target, key, only_new, attributes, err);
    if (st || !is_v2)
        return st;
    snprintf(key, sizeof key, "%s.zgroup", folder);
    return publish(env, target, key, only_new, json_pack("{si}", "zarr_format", 2), err);
}
