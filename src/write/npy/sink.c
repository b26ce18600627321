/* SPDX-License-Identifier: BSD-3-Clause */
/* The sink of NPY: one file, written by one process. A chunk is a band of whole rows, so that it is one piece of the
 * file, which has its full size from the start. Source: NEP 1, "A Simple File Format for NumPy Arrays", version 1.0. */
#include "base/bits.h"
#include "base/checked.h"
#include "base/reader.h"
#include "platform/file.h"
#include "write/claim.h"
#include "write/journal.h"
#include "write/name.h"
#include "write/sink.h"

#include <stdio.h>
#include <string.h>

#define KEY "data"
#define HEAD_ROOM 512 /* for MT_MAX_DIMS sizes */
#define HEAD_STEP 64  /* the header, with its magic, is a multiple of this */
#define BAND_BYTES ((int64_t)4 << 20)

static const char *const codecs[] = { "none", NULL };

typedef struct npy_sink {
    mt_sink sink; /* base */
    mt_claim claim;
    mt_output file;
    bool is_open;
    bool is_new;   /* the file was just made */
    bool is_lost;  /* there was no file, or another one: it has no unit, whatever the journal says */
    bool has_name; /* an earlier writer was killed when the file had got its name */
    char path[MT_PATH_BYTES];
    char head[HEAD_ROOM];
    size_t head_size;
    uint64_t row_bytes;
} npy_sink;

static npy_sink *own(mt_sink *sink) { return (npy_sink *)(void *)sink; }

/* --- Bands. --- */

/* Bands of about BAND_BYTES, or of the rows that are asked for. */
static mt_status take_bands(const mt_writer_options *options, mt_plan *plan, mt_error *err)
{
    int x = plan->ndim - 1;
    int64_t row;
    if (options->n_levels < 0 || options->n_levels > 1)
        return mt_fail(err, MT_E_ARGUMENT, "format %s has no resolution levels", plan->format);
    if (mt_mul_i64(plan->shape[x], (int64_t)plan->element_size, &row))
        return mt_fail(err, MT_E_ARGUMENT, "a row of %lld pixels", (long long)plan->shape[x]);
    int64_t rows = mt_max_i64(mt_min_i64(BAND_BYTES / row, plan->shape[x - 1]), 1);
    for (int d = 0; d < plan->ndim; d++) {
        int64_t size = d == x ? plan->shape[x] : d == x - 1 ? rows : 1;
        mt_status st = mt_plan_take_size("chunk", options->chunk_shape, d, plan, size, &plan->chunk[d], err);
        if (st)
            return st;
        if (d != x - 1 && plan->chunk[d] != size)
            return mt_fail(err, MT_E_ARGUMENT, "format %s has no chunks: it is written in bands of whole rows",
                           plan->format);
    }
    return MT_OK;
}

/* --- Opening. --- */

static unsigned get_lacks(const mt_plan *plan)
{
    (void)plan;
    return MT_META_ALL;
}

static void write_head(npy_sink *n)
{
    const mt_plan *plan = n->sink.plan;
    char type[4], *text = n->head + 10;
    size_t room = sizeof n->head - 10;
    mt_plan_numpy_type(plan, type);
    type[0] = mt_host_big_endian() && type[0] == '<' ? '>' : type[0];
    size_t at = (size_t)snprintf(text, room, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (int d = 0; d < plan->ndim; d++)
        at += (size_t)snprintf(text + at, room - at, "%s%lld", d ? ", " : "", (long long)plan->shape[d]);
    at += (size_t)snprintf(text + at, room - at, "), }");
    n->head_size = (10 + at + 1 + HEAD_STEP - 1) / HEAD_STEP * HEAD_STEP;
    memset(text + at, ' ', n->head_size - 10 - at);
    n->head[n->head_size - 1] = '\n';
    memcpy(n->head, "\x93NUMPY\x01", 8);
    n->head[7] = 0;
    n->head[8] = (char)((n->head_size - 10) & 0xff);
    n->head[9] = (char)((n->head_size - 10) >> 8);
}

static mt_status open(mt_env *env, const mt_plan *plan, mt_target *target, mt_arena *arena, mt_sink **out,
                      mt_error *err)
{
    npy_sink *n = mt_arena_alloc(arena, 1, sizeof *n, err);
    if (!n)
        return MT_E_MEMORY;
    n->sink = (mt_sink) { .ops = &mt_sink_npy, .env = env, .plan = plan, .target = target };
    n->sink.n_steps = plan->levels[0].n_units;
    *out = &n->sink;
    n->row_bytes = (uint64_t)plan->shape[plan->ndim - 1] * plan->element_size;
    write_head(n);
    return MT_OK;
}

static mt_status whole_size(const npy_sink *n, uint64_t *out, mt_error *err)
{
    const mt_plan *plan = n->sink.plan;
    *out = plan->element_size;
    for (int d = 0; d < plan->ndim; d++)
        if (mt_mul_u64(*out, (uint64_t)plan->shape[d], out))
            return mt_fail(err, MT_E_LIMIT, "the image has more than 2^64 bytes");
    return mt_add_u64(*out, n->head_size, out) || *out > INT64_MAX
               ? mt_fail(err, MT_E_LIMIT, "the image is larger than a file can be")
               : MT_OK;
}

/* Whether the file with its final name is what an earlier writer finished: of this plan, and no other file is there. */
static bool find_finished(npy_sink *n, uint64_t size)
{
    char path[MT_PATH_BYTES], head[HEAD_ROOM];
    mt_file file;
    uint64_t is = 0;
    bool found = false;
    mt_target_find_name(n->sink.target, path);
    if (mt_path_get_kind(n->path) != MT_PATH_NONE || mt_file_open(path, &file, NULL))
        return false;
    if (!mt_file_size(file, path, &is, NULL) && is == size)
        found = !mt_file_read(file, path, 0, head, n->head_size, NULL) && memcmp(head, n->head, n->head_size) == 0;
    mt_file_close(file);
    if (found)
        memcpy(n->path, path, sizeof path);
    return found;
}

static mt_status open_file(npy_sink *n, uint64_t size, mt_error *err)
{
    mt_status st = mt_target_create_file(n->sink.target, KEY, n->path, &n->file, &n->is_new, err);
    if (st || (!n->is_new && (st = mt_output_open(n->path, &n->file, err))))
        return st;
    n->is_open = true;
    if ((st = mt_output_truncate(n->file, n->path, size, err)))
        return st;
    return mt_output_write(n->file, n->path, 0, &(mt_piece) { n->head, n->head_size }, 1, err);
}

/* The file has its full size before it has a unit. */
static mt_status find_file(npy_sink *n, uint64_t size, mt_error *err)
{
    uint64_t found;
    mt_error why = MT_ERROR_INIT;
    mt_status st = mt_target_measure(n->sink.target, KEY, &found, &why);
    n->is_lost = st || found != size;
    return !st || st == MT_E_NOT_FOUND ? MT_OK : mt_fail(err, st, "%s", why.message);
}

static mt_status look(mt_sink *sink, mt_error *err)
{
    npy_sink *n = own(sink);
    uint64_t size;
    mt_status st = whole_size(n, &size, err);
    if (st || (st = mt_target_get_file(sink->target, KEY, n->path, err)))
        return st;
    n->has_name = find_finished(n, size);
    return n->has_name ? MT_OK : find_file(n, size, err);
}

static mt_status begin(mt_sink *sink, mt_error *err)
{
    mt_status st = mt_claim_take(&own(sink)->claim, sink->target, "claim", err);
    return st ? st : look(sink, err);
}

/* Without the file, records of earlier writers are of nothing. They are removed before a new file makes them look
 * true. */
static mt_status forget_records(mt_sink *sink, mt_error *err)
{
    mt_status st = mt_journal_forget(sink->target, err);
    return st ? st : mt_target_sync(sink->target, err);
}

static mt_status prepare(mt_sink *sink, mt_error *err)
{
    npy_sink *n = own(sink);
    uint64_t size;
    mt_status st = whole_size(n, &size, err);
    if (st || n->has_name || (n->is_lost && (st = forget_records(sink, err))))
        return st;
    return open_file(n, size, err);
}

static mt_status close_file(npy_sink *n, mt_error *err)
{
    mt_status st = n->is_open ? mt_output_close(n->file, n->path, err) : MT_OK;
    n->is_open = false;
    return st;
}

static void close(mt_sink *sink)
{
    (void)!close_file(own(sink), NULL); /* units that are lost are found missing by the next writer */
    mt_claim_give(&own(sink)->claim);
}

/* --- Units, which are bands of rows. --- */

/* The place of a unit in the file. */
static void find(mt_sink *sink, const mt_level *level, uint64_t unit, uint64_t *offset, uint64_t *size)
{
    const mt_plan *plan = sink->plan;
    mt_extent extent;
    uint64_t row = 0;
    mt_level_unit_extent(plan, level, unit, &extent);
    for (int d = 0; d < plan->ndim - 1; d++)
        row = row * (uint64_t)plan->shape[d] + (uint64_t)extent.start[d];
    *offset = own(sink)->head_size + row * own(sink)->row_bytes;
    *size = (uint64_t)extent.extent[plan->ndim - 2] * own(sink)->row_bytes;
}

static mt_status publish(mt_sink *sink, const mt_level *level, uint64_t unit, const mt_encoded *chunks, uint64_t *size,
                         uint32_t *crc, mt_error *err)
{
    npy_sink *n = own(sink);
    uint64_t offset, bytes;
    find(sink, level, unit, &offset, &bytes);
    *size = bytes;
    /* Of the last chunk, a part lies in the image. */
    *crc = bytes == chunks->size ? chunks->crc : mt_crc32c(chunks->data, (size_t)bytes);
    if (n->has_name) /* with its name the file is whole, also if a power cut lost the journal */
        return MT_OK;
    mt_piece piece = { chunks->data, (size_t)bytes };
    mt_status st = mt_output_write(n->file, n->path, offset, &piece, 1, err);
    return st || mt_target_get_sync(sink->target) != MT_SYNC_SHARDS ? st : mt_output_sync(n->file, n->path, err);
}

static mt_status measure(mt_sink *sink, const mt_level *level, uint64_t unit, uint64_t *size, mt_error *err)
{
    uint64_t offset;
    find(sink, level, unit, &offset, size);
    return own(sink)->is_lost ? mt_fail(err, MT_E_NOT_FOUND, "the file of the pixels is gone") : MT_OK;
}

static mt_status sum_bytes(mt_sink *sink, uint64_t offset, uint64_t size, uint32_t *crc, mt_error *err)
{
    const npy_sink *n = own(sink);
    mt_file file;
    void *memory;
    mt_status st = mt_alloc(sink->env, (size_t)size, &memory, err);
    if (st)
        return st;
    if (!(st = mt_file_open(n->path, &file, err))) {
        if (!(st = mt_file_read(file, n->path, offset, memory, (size_t)size, err)))
            *crc = mt_crc32c(memory, (size_t)size);
        mt_file_close(file);
    }
    mt_release(sink->env, memory, (size_t)size);
    return st;
}

static mt_status sum(mt_sink *sink, const mt_level *level, uint64_t unit, uint32_t *crc, mt_error *err)
{
    uint64_t offset, size;
    find(sink, level, unit, &offset, &size);
    return sum_bytes(sink, offset, size, crc, err);
}

/* --- The end. --- */

static mt_status write_zeros(npy_sink *n, uint64_t offset, uint64_t size, mt_error *err)
{
    static const uint8_t zeros[1 << 14];
    mt_status st = MT_OK;
    for (uint64_t part; !st && size > 0; offset += part, size -= part) {
        part = size < sizeof zeros ? size : sizeof zeros;
        st = mt_output_write(n->file, n->path, offset, &(mt_piece) { zeros, (size_t)part }, 1, err);
    }
    return st;
}

/* A writer that was killed may have left a part of a band that has no record. */
static mt_status clear_missing(npy_sink *n, mt_steps *steps, mt_error *err)
{
    const mt_level *level = n->sink.plan->levels;
    mt_status st = MT_OK;
    for (uint64_t unit = 0; !st && unit < level->n_units; unit++) {
        uint64_t offset, size;
        st = mt_steps_take(steps, 1, err);
        if (st || mt_bit_get(n->sink.done, unit))
            continue;
        find(&n->sink, level, unit, &offset, &size);
        st = write_zeros(n, offset, size, err);
    }
    return st;
}

static mt_status finish(mt_sink *sink, mt_steps *steps, mt_error *err)
{
    npy_sink *n = own(sink);
    mt_status st = n->is_open && !n->is_new ? clear_missing(n, steps, err) : MT_OK;
    if (!st && n->is_open && mt_target_get_sync(sink->target) != MT_SYNC_NONE)
        st = mt_output_sync(n->file, n->path, err);
    if (st || (st = close_file(n, err)) || n->has_name)
        return st;
    return mt_sink_give_name(sink, n->path, err);
}

static mt_status clean(mt_sink *sink, mt_error *err)
{
    mt_status st = mt_claim_remove_all(&own(sink)->claim, err);
    return st ? st : mt_output_remove(mt_target_get_path(sink->target), err);
}

const mt_sink_ops mt_sink_npy = {
    .name = "npy",
    .suffixes = "npy",
    .get_lacks = get_lacks,
    .rules = { .codecs = codecs, .take_chunks = take_bands },
    .open = open,
    .begin = begin,
    .look = look,
    .prepare = prepare,
    .publish = publish,
    .measure = measure,
    .sum = sum,
    .finish = finish,
    .clean = clean,
    .close = close,
};
