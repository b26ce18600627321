/* SPDX-License-Identifier: BSD-3-Clause */
/* The sink of OME-TIFF: tiled BigTIFF, one file, written by one process. */
#include "base/checked.h"
#include "base/reader.h"
#include "write/ome_xml.h"
#include "write/tiff/tiff_sink.h"

#include <string.h>

#define TILE_STEP 16 /* pixels along Y and X of a tile are a multiple of this: TIFF 6.0, section 15 */

static const char *const codecs[] = { "zstd", "gzip", "none", NULL };

/* --- Tiles. --- */

/* Rounds a size that the caller left open up to that of a tile, and rejects another that is not one. */
static mt_status fit_tile(const int64_t *given, int d, mt_plan *plan, mt_error *err)
{
    int64_t *size = &plan->chunk[d], over = *size % TILE_STEP;
    bool is_open = !given || given[d] == 0 || given[d] == MT_WHOLE_AXIS;
    if (over == 0 || (is_open && !mt_add_i64(*size, TILE_STEP - over, size)))
        return MT_OK;
    return mt_fail(err, MT_E_ARGUMENT, "a tile of format %s has a multiple of %d pixels along %c, not %lld",
                   plan->format, TILE_STEP, plan->axes[d], (long long)*size);
}

/* A tile lies in one plane. */
static mt_status take_tiles(const mt_writer_options *options, mt_plan *plan, mt_error *err)
{
    const int64_t *given = options->chunk_shape;
    mt_status st = MT_OK;
    for (int d = 0; d < plan->ndim && !st; d++) {
        bool is_in_plane = d >= plan->ndim - 2;
        int64_t size = is_in_plane ? mt_min_i64(MT_PLANE_CHUNK, plan->shape[d]) : 1;
        st = mt_plan_take_size("chunk", given, d, plan, size, &plan->chunk[d], err);
        if (!st && is_in_plane)
            st = fit_tile(given, d, plan, err);
        else if (!st && plan->chunk[d] != 1)
            st = mt_fail(err, MT_E_ARGUMENT,
                         "a tile of format %s lies in one plane: a chunk has 1 pixel along %c, not %lld", plan->format,
                         plan->axes[d], (long long)plan->chunk[d]);
    }
    return st;
}

/* --- Opening. --- */

static mt_status check(const mt_plan *plan, mt_error *err)
{
    if (!mt_ome_type(plan->dtype))
        return mt_fail(err, MT_E_ARGUMENT, "OME-TIFF has no type %s: choose %s", mt_dtype_name(plan->dtype),
                       plan->dtype == MT_FLOAT16  ? "float32"
                       : plan->dtype == MT_INT64  ? "int32"
                       : plan->dtype == MT_UINT64 ? "uint32"
                                                  : "uint8");
    for (int d = plan->ndim - 2; d < plan->ndim; d++)
        if (plan->shape[d] > INT32_MAX || plan->chunk[d] > INT32_MAX)
            return mt_fail(err, MT_E_ARGUMENT, "%lld pixels along %c, more than a TIFF can have",
                           (long long)plan->shape[d], plan->axes[d]);
    return MT_OK;
}

static bool is_float(mt_dtype dtype) { return dtype == MT_FLOAT32 || dtype == MT_FLOAT64; }

/* Differences make integers smaller. The predictor of floats is not written, because Bio-Formats cannot read it. */
int tiff_predictor(const mt_plan *plan) { return strcmp(plan->codec, "none") == 0 || is_float(plan->dtype) ? 1 : 2; }

static mt_status add_codecs(tiff_sink *t, mt_error *err)
{
    mt_sink *sink = &t->sink;
    const mt_plan *plan = sink->plan;
    t->rows =
        (mt_row_params) { .width = plan->chunk[plan->ndim - 1], .samples = 1, .bits = 8 * (int)plan->element_size };
    t->zstd = (mt_zstd_params) { .level = plan->codec_level, .checksum = true };
    t->level = (mt_level_params) { .level = plan->codec_level };
    t->element = (mt_element_params) { .element_size = plan->element_size };
    mt_status st = MT_OK;
    if (tiff_predictor(plan) == 2)
        st = mt_sink_add_codec(sink, "predictor2", &t->rows, err);
    else if (mt_host_big_endian() && plan->element_size > 1)
        st = mt_sink_add_codec(sink, "byteswap", &t->element, err);
    if (!st && strcmp(plan->codec, "zstd") == 0)
        st = mt_sink_add_codec(sink, "zstd", &t->zstd, err);
    else if (!st && strcmp(plan->codec, "gzip") == 0)
        st = mt_sink_add_codec(sink, "zlib", &t->level, err);
    return st || sink->chain.n_steps == 0 ? st : mt_chain_can_encode(&sink->chain, plan->levels[0].chunk_bytes, err);
}

static mt_status open(mt_env *env, const mt_plan *plan, mt_target *target, mt_arena *arena, mt_sink **out,
                      mt_error *err)
{
    tiff_sink *t = mt_arena_alloc(arena, 1, sizeof *t, err);
    if (!t)
        return MT_E_MEMORY;
    const mt_level *last = &plan->levels[plan->n_levels - 1];
    t->sink = (mt_sink) { .ops = &mt_sink_tiff, .env = env, .plan = plan, .target = target };
    t->sink.n_steps = last->first_unit + last->n_units; /* tiles */
    *out = &t->sink;
    return add_codecs(t, err);
}

static mt_status open_spool(mt_sink *sink, bool only_looks, mt_error *err)
{
    size_t bytes = sink->plan->levels[0].chunk_bytes;
    size_t most = sink->chain.n_steps > 0 ? mt_chain_encode_bound(&sink->chain, bytes) : bytes;
    return tiff_spool_open(&tiff_sink_of(sink)->spool, sink->target, sink->n_steps, most, only_looks, err);
}

static mt_status begin(mt_sink *sink, mt_error *err)
{
    mt_status st = mt_claim_take(&tiff_sink_of(sink)->claim, sink->target, "claim", err);
    return st ? st : open_spool(sink, false, err);
}

static mt_status look(mt_sink *sink, mt_error *err) { return open_spool(sink, true, err); }

static void close(mt_sink *sink)
{
    tiff_spool_close(&tiff_sink_of(sink)->spool);
    mt_claim_give(&tiff_sink_of(sink)->claim);
}

/* --- Units, which are tiles. --- */

static mt_status publish(mt_sink *sink, const mt_level *level, uint64_t unit, const mt_encoded *chunks, uint64_t *size,
                         uint32_t *crc, mt_error *err)
{
    *size = chunks->data ? chunks->size : 0;
    *crc = chunks->crc;
    if (!chunks->data)
        return MT_OK;
    return tiff_spool_add(&tiff_sink_of(sink)->spool, level->first_unit + unit, chunks->data, chunks->size, *crc, err);
}

static mt_status measure(mt_sink *sink, const mt_level *level, uint64_t unit, uint64_t *size, mt_error *err)
{
    tiff_tile tile = tiff_spool_find(&tiff_sink_of(sink)->spool, level->first_unit + unit);
    *size = tile.size;
    return tile.offset > 0 ? MT_OK : mt_fail(err, MT_E_NOT_FOUND, "no tile %llu", (unsigned long long)unit);
}

static mt_status load(mt_sink *sink, const mt_level *level, uint64_t unit, mt_buffer *object, mt_encoded *chunks,
                      mt_error *err)
{
    tiff_spool *spool = &tiff_sink_of(sink)->spool;
    tiff_tile tile = tiff_spool_find(spool, level->first_unit + unit);
    void *memory;
    mt_status st = mt_alloc(sink->env, (size_t)tile.size, &memory, err);
    if (st)
        return st;
    object->data = memory;
    object->size = object->room = (size_t)tile.size;
    *chunks = (mt_encoded) { .data = memory, .size = (size_t)tile.size };
    return tiff_spool_read(spool, level->first_unit + unit, tile, memory, NULL, err);
}

static mt_status clean(mt_sink *sink, mt_error *err)
{
    mt_status st = tiff_spool_remove(&tiff_sink_of(sink)->spool, err);
    if (st || (st = mt_claim_remove_all(&tiff_sink_of(sink)->claim, err)))
        return st;
    return mt_output_remove(mt_target_get_path(sink->target), err);
}

const mt_sink_ops mt_sink_tiff = {
    .name = "tiff",
    .suffixes = "tif,tiff",
    .rules = { .has_equal_chunks = true, .codecs = codecs, .take_chunks = take_tiles },
    .skips_zeros = true,
    .has_objects = true,
    .check = check,
    .get_lacks = mt_ome_get_lacks,
    .open = open,
    .begin = begin,
    .look = look,
    .publish = publish,
    .measure = measure,
    .load = load,
    .finish = tiff_finish,
    .clean = clean,
    .is_finished = tiff_is_finished,
    .close = close,
};
