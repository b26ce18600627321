/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/plan.h"

#include "base/checked.h"
#include "stack/stack.h"

#include <stdio.h>
#include <string.h>

enum {
    VOLUME_CHUNK = 64,     /* along Z, Y and X, for volumes */
    MANY_CHUNKS = 10000,   /* an image with more has shards */
    SHARD_BYTES = 32 << 20 /* of pixels */
};

static const char AXES[] = "TCZYX";

/* --- Axes, shape and type. --- */

static mt_status check_axes(const char *axes, mt_error *err)
{
    size_t n = strlen(axes), last = 0;
    for (size_t i = 0; i < n; i++) {
        const char *found = strchr(AXES, axes[i]);
        size_t at = found ? (size_t)(found - AXES) + 1 : 0;
        if (at <= last)
            return mt_fail(err, MT_E_ARGUMENT, "axes \"%s\": letters of TCZYX in this order, each at most once", axes);
        last = at;
    }
    return n >= 2 && strcmp(axes + n - 2, "YX") == 0
               ? MT_OK
               : mt_fail(err, MT_E_ARGUMENT, "axes \"%s\" do not end with YX", axes);
}

/* The index of an axis of a stack, or -1. */
static int find_axis(const mt_stack_info *info, char letter)
{
    const char *at = strchr(info->original_axes, letter);
    return at ? (int)(at - info->original_axes) : -1;
}

/* Axes of the stack in the order of an output, and Y and X. */
static mt_status take_axes_of(const mt_stack_info *info, mt_plan *out, mt_error *err)
{
    for (int i = 0; i < info->original_ndim; i++)
        if (!strchr(AXES, info->original_axes[i]))
            return mt_fail(err, MT_E_UNSUPPORTED,
                           "%s has the axis %c, which an output cannot have: write each of its "
                           "positions as an image of its own",
                           info->source, info->original_axes[i]);
    for (const char *letter = AXES; *letter; letter++)
        if (find_axis(info, *letter) >= 0 || *letter == 'Y' || *letter == 'X')
            out->axes[out->ndim++] = *letter;
    return MT_OK;
}

static mt_status take_axes(const mt_writer_options *options, mt_plan *out, mt_error *err)
{
    if (!options->axes)
        return options->like ? take_axes_of(&options->like->info, out, err)
                             : mt_fail(err, MT_E_ARGUMENT, "neither axes nor a stack to take them from");
    mt_status st = check_axes(options->axes, err);
    if (st)
        return st;
    out->ndim = (int)strlen(options->axes);
    memcpy(out->axes, options->axes, (size_t)out->ndim);
    return MT_OK;
}

static mt_status take_shape(const mt_writer_options *options, mt_plan *out, mt_error *err)
{
    const mt_stack_info *like = options->like ? &options->like->info : NULL;
    if (!options->shape && !like)
        return mt_fail(err, MT_E_ARGUMENT, "neither a shape nor a stack to take it from");
    for (int d = 0; d < out->ndim; d++) {
        int axis = like ? find_axis(like, out->axes[d]) : -1;
        int64_t has = axis < 0 ? 1 : out->axes[d] == 'C' ? like->data_shape[1] : like->original_shape[axis];
        out->shape[d] = options->shape ? options->shape[d] : has;
        if (out->shape[d] < 1)
            return mt_fail(err, MT_E_ARGUMENT, "%lld pixels along %c", (long long)out->shape[d], out->axes[d]);
        if (out->axes[d] == 'C')
            out->n_channels = (size_t)out->shape[d];
    }
    return MT_OK;
}

static mt_status take_dtype(const mt_writer_options *options, mt_plan *out, mt_error *err)
{
    out->dtype = options->dtype || !options->like ? options->dtype : options->like->info.dtype;
    out->element_size = mt_dtype_size(out->dtype);
    return out->element_size > 0 ? MT_OK : mt_fail(err, MT_E_ARGUMENT, "no valid dtype");
}

/* --- Chunks and shards. --- */

mt_status mt_plan_take_size(const char *what, const int64_t *given, int d, const mt_plan *plan, int64_t by_default,
                            int64_t *size, mt_error *err)
{
    *size = !given || given[d] == 0 ? by_default : given[d] == MT_WHOLE_AXIS ? plan->shape[d] : given[d];
    return *size > 0
               ? MT_OK
               : mt_fail(err, MT_E_ARGUMENT, "a %s of %lld pixels along %c", what, (long long)*size, plan->axes[d]);
}

static mt_status take_chunks(const mt_writer_options *options, mt_plan *out, mt_error *err)
{
    const char *z = strchr(out->axes, 'Z');
    bool is_volume = z && out->shape[z - out->axes] >= VOLUME_CHUNK;
    mt_status st = MT_OK;
    for (int d = 0; d < out->ndim && !st; d++) {
        bool is_in_plane = d >= out->ndim - 2;
        int64_t size = is_in_plane                        ? (is_volume ? VOLUME_CHUNK : MT_PLANE_CHUNK)
                       : out->axes[d] == 'Z' && is_volume ? VOLUME_CHUNK
                                                          : 1;
        st = mt_plan_take_size("chunk", options->chunk_shape, d, out, mt_min_i64(size, out->shape[d]), &out->chunk[d],
                               err);
    }
    return st;
}

static bool has_many_chunks(const mt_plan *out)
{
    int64_t n = 1;
    for (int d = 0; d < out->ndim; d++)
        if (mt_mul_i64(n, out->shape[d] / out->chunk[d] + (out->shape[d] % out->chunk[d] != 0), &n))
            return true;
    return n > MANY_CHUNKS;
}

/* The axis along which a default shard grows: the one with fewest chunks, the fastest of equals; those along which
 * chunks are one pixel come last. -1: none. */
static int growing_axis(const mt_plan *out)
{
    int best = -1;
    for (int d = out->ndim - 1; d >= 0; d--) {
        if (out->shard[d] >= out->shape[d])
            continue;
        bool thin = out->chunk[d] == 1, best_thin = best >= 0 && out->chunk[best] == 1;
        if (best < 0 || (best_thin && !thin) ||
            (thin == best_thin && out->shard[d] / out->chunk[d] < out->shard[best] / out->chunk[best]))
            best = d;
    }
    return best;
}

static void default_shards(mt_plan *out)
{
    int64_t bytes = (int64_t)out->element_size;
    memcpy(out->shard, out->chunk, sizeof out->shard);
    for (int d = 0; d < out->ndim; d++)
        if (mt_mul_i64(bytes, out->chunk[d], &bytes))
            return;
    for (int d; bytes <= SHARD_BYTES / 2 && (d = growing_axis(out)) >= 0; bytes *= 2)
        out->shard[d] *= 2;
}

static mt_status take_shards(const mt_writer_options *options, const mt_plan_rules *rules, mt_plan *out, mt_error *err)
{
    if (options->no_shards)
        return options->shard_shape ? mt_fail(err, MT_E_ARGUMENT, "both a shard shape and no shards") : MT_OK;
    if (!rules->has_shards)
        return options->shard_shape ? mt_fail(err, MT_E_ARGUMENT, "format %s has no shards", out->format) : MT_OK;
    if (!options->shard_shape) {
        if (has_many_chunks(out))
            default_shards(out);
        return MT_OK;
    }
    for (int d = 0; d < out->ndim; d++) {
        mt_status st = mt_plan_take_size("shard", options->shard_shape, d, out, out->chunk[d], &out->shard[d], err);
        if (st)
            return st;
        if (options->shard_shape[d] == MT_WHOLE_AXIS &&
            mt_mul_i64(out->shape[d] / out->chunk[d] + (out->shape[d] % out->chunk[d] != 0), out->chunk[d],
                       &out->shard[d]))
            return mt_fail(err, MT_E_ARGUMENT, "a shard of %lld pixels along %c", (long long)out->shape[d],
                           out->axes[d]);
        if (out->shard[d] % out->chunk[d] != 0)
            return mt_fail(err, MT_E_ARGUMENT, "a shard of %lld pixels along %c does not consist of chunks of %lld",
                           (long long)out->shard[d], out->axes[d], (long long)out->chunk[d]);
    }
    return MT_OK;
}

/* --- Codec and names. --- */

static mt_status take_word(const char *what, const char *given, const char *by_default, const char *const *words,
                           const char **out, mt_error *err)
{
    *out = given ? given : by_default;
    for (int i = 0; words[i]; i++)
        if (strcmp(*out, words[i]) == 0) {
            *out = words[i];
            return MT_OK;
        }
    char list[128] = "";
    size_t n = 0;
    for (int i = 0; words[i] && n < sizeof list; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", words[i]);
    return mt_fail(err, MT_E_ARGUMENT, "%s \"%s\" is not one of %s", what, *out, list);
}

static bool is_float(mt_dtype dtype) { return dtype == MT_FLOAT16 || dtype == MT_FLOAT32 || dtype == MT_FLOAT64; }

static const char *const codecs[] = { "zstd", "blosc-zstd", "blosc-lz4", "gzip", "lz4", "none", NULL };
static const char *const shuffles[] = { "none", "byte", "bit", NULL };
static const char *const methods[] = { "mean", "nearest", "mode", NULL };
static const char *const versions[] = { "0.5", "0.4", NULL };

const char *const *mt_plan_words(const char *member)
{
    return strcmp(member, "codec") == 0        ? codecs
           : strcmp(member, "shuffle") == 0    ? shuffles
           : strcmp(member, "downsample") == 0 ? methods
           : strcmp(member, "ome") == 0        ? versions
                                               : NULL;
}

static mt_status take_codec(const char *given, const mt_plan_rules *rules, mt_plan *out, mt_error *err)
{
    char what[48];
    if (!rules->codecs)
        return take_word("codec", given, is_float(out->dtype) ? "blosc-lz4" : "blosc-zstd", codecs, &out->codec, err);
    snprintf(what, sizeof what, "for format %s, the codec", out->format);
    return take_word(what, given, rules->codecs[0], rules->codecs, &out->codec, err);
}

static mt_status take_words(const mt_writer_options *options, const mt_plan_rules *rules, mt_plan *out, mt_error *err)
{
    mt_status st = take_codec(options->codec, rules, out, err);
    if (!st)
        st = take_word("shuffle", options->shuffle, out->element_size > 1 ? "byte" : "none", shuffles, &out->shuffle,
                       err);
    if (!st)
        st = take_word("downsample", options->downsample, out->is_labels ? "nearest" : "mean", methods,
                       &out->downsample, err);
    if (!st)
        st = take_word("ome", options->ome, "0.5", versions, &out->ome, err);
    if (!st && options->shuffle && strncmp(out->codec, "blosc-", 6) != 0)
        st = mt_fail(err, MT_E_ARGUMENT, "shuffle belongs to a blosc codec, not to %s", out->codec);
    out->codec_level = options->codec_level;
    return st;
}

/* --- Metadata. --- */

static mt_status copy_channels(mt_arena *arena, const mt_channel *from, mt_plan *out, mt_error *err)
{
    mt_channel *to = mt_arena_alloc(arena, out->n_channels, sizeof *to, err);
    if (!to)
        return MT_E_MEMORY;
    for (size_t i = 0; i < out->n_channels; i++) {
        to[i] = from[i];
        if (!(to[i].name = mt_arena_printf(arena, err, "%s", from[i].name ? from[i].name : "")))
            return MT_E_MEMORY;
    }
    out->channels = to;
    return MT_OK;
}

static mt_status take_metadata(mt_arena *arena, const mt_writer_options *options, mt_plan *out, mt_error *err)
{
    const mt_stack_info *like = options->like ? &options->like->info : NULL;
    for (int d = 0; d < out->ndim; d++) {
        int axis = like ? find_axis(like, out->axes[d]) : -1;
        const char *unit = options->unit ? options->unit[d] : axis >= 0 ? like->unit[axis] : "";
        out->pixel_size[d] = options->pixel_size ? options->pixel_size[d] : axis >= 0 ? like->pixel_size[axis] : 0;
        if (!(out->pixel_size[d] >= 0 && out->pixel_size[d] <= 1e300))
            return mt_fail(err, MT_E_ARGUMENT, "a pixel size of %g along %c", out->pixel_size[d], out->axes[d]);
        if (!(out->unit[d] = mt_arena_printf(arena, err, "%s", unit ? unit : "")))
            return MT_E_MEMORY;
    }
    const mt_channel *channels = options->channels;
    if (!channels && like && like->channels && (size_t)like->data_shape[1] == out->n_channels)
        channels = like->channels;
    out->identity = mt_arena_printf(arena, err, "%s", options->identity ? options->identity : "");
    out->note = mt_arena_printf(arena, err, "%s", options->note ? options->note : "");
    if (!out->identity || !out->note)
        return MT_E_MEMORY;
    return channels ? copy_channels(arena, channels, out, err) : MT_OK;
}

mt_status mt_plan_take(mt_arena *arena, const char *format, const mt_plan_rules *rules,
                       const mt_writer_options *options, mt_plan **result, mt_error *err)
{
    mt_plan *out = mt_arena_alloc(arena, 1, sizeof *out, err);
    if (!out)
        return MT_E_MEMORY;
    out->format = format;
    out->has_equal_chunks = rules->has_equal_chunks;
    out->n_channels = 1;
    out->is_labels = options->is_labels || (options->like && options->like->info.is_labels);
    mt_status st = take_axes(options, out, err);
    if (!st && !(st = take_shape(options, out, err)) && !(st = take_dtype(options, out, err)) &&
        !(st = (rules->take_chunks ? rules->take_chunks : take_chunks)(options, out, err)) &&
        !(st = take_shards(options, rules, out, err)) && !(st = take_words(options, rules, out, err)))
        st = take_metadata(arena, options, out, err);
    if (!st)
        *result = out;
    return st;
}

void mt_plan_numpy_type(const mt_plan *plan, char out[4])
{
    static const char kinds[] = { [MT_BOOL] = 'b',  [MT_UINT8] = 'u',   [MT_INT8] = 'i',    [MT_UINT16] = 'u',
                                  [MT_INT16] = 'i', [MT_UINT32] = 'u',  [MT_INT32] = 'i',   [MT_UINT64] = 'u',
                                  [MT_INT64] = 'i', [MT_FLOAT16] = 'f', [MT_FLOAT32] = 'f', [MT_FLOAT64] = 'f' };
    out[0] = plan->element_size > 1 ? '<' : '|';
    out[1] = kinds[plan->dtype];
    out[2] = (char)('0' + plan->element_size);
    out[3] = 0;
}
