/* SPDX-License-Identifier: BSD-3-Clause */
/* What is stitched of tiles is what they hold: exactly where crops are joined, and between the least and the largest value
 * where tiles are blended. */
#include "predict_output.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- Stitching. --- */

static void note_report(const mt_stitcher *s, choice *c, mt_stitcher_report *report)
{
    mt_error err = MT_ERROR_INIT;
    *report = (mt_stitcher_report) { .struct_size = take_struct_size(c, sizeof *report) };
    if (note_status(mt_stitcher_get_report(s, report, &err), &err))
        return;
    const uint64_t numbers[] = { report->n_needed,      report->n_put,     report->n_nan,   report->least_memory,
                                 report->waiting_bytes, report->n_clipped, report->n_units, report->n_resumed };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        outcome_number((int64_t)numbers[i]);
}

static mt_status put(job *j, mt_stitcher *s, uint64_t first, size_t n)
{
    mt_stitch_values values[MOST_OUTPUTS];
    mt_error err = MT_ERROR_INIT;
    for (int o = 0; o < j->n_outputs; o++) {
        for (size_t i = 0; i < n && first + i < j->info->n_tiles; i++)
            make_tile(j, &j->outputs[o], first + i, i);
        values[o] = (mt_stitch_values) { j->outputs[o].tiles, j->outputs[o].dtype };
    }
    if (one_in(j->c, 128))
        values[0].dtype = 0;
    return note_written(mt_stitcher_put(s, first, n, values, &err), &err);
}

/* Puts up to most batches. False if something fails. */
static bool put_batches(job *j, mt_stitcher *s, uint64_t most)
{
    const uint64_t n = j->info->n_tiles, size = 1 + (uint64_t)take_below(j->c, MOST_BATCH);
    const uint64_t batches = (n + size - 1) / size;
    for (uint64_t b = mt_stitcher_next(s, size, 0); b < batches && most-- > 0; b = mt_stitcher_next(s, size, b + 1)) {
        uint64_t count = b * size + size > n && !one_in(j->c, 8) ? n - b * size : size;
        outcome_number((int64_t)b);
        if (one_in(j->c, 128) || put(j, s, b * size, count) || (one_in(j->c, 128) && put(j, s, b * size, 1)))
            return false;
    }
    return true;
}

static mt_status stitch(job *j, mt_stitcher_options *options, uint64_t most)
{
    mt_stitch_output outputs[MOST_OUTPUTS];
    mt_stitcher *s;
    mt_stitcher_report report;
    mt_error err = MT_ERROR_INIT;
    for (int o = 0; o < j->n_outputs; o++)
        outputs[o] = j->outputs[o].given;
    mt_status st = note_written(
        mt_stitcher_new(j->tiling, outputs, one_in(j->c, 128) ? 0 : (size_t)j->n_outputs, options, &s, &err), &err);
    if (st)
        return st;
    note_report(s, j->c, &report);
    bool is_put = put_batches(j, s, most);
    st = note_written(mt_stitcher_flush(s, &err), &err);
    note_report(s, j->c, &report);
    if (is_put && most == UINT64_MAX && st)
        __builtin_trap();
    mt_stitcher_free(s);
    options->memory = (size_t)report.least_memory - (one_in(j->c, 3) ? 1 : 0);
    return st ? st : is_put ? MT_OK : MT_E_CANCELLED;
}

/* All parts, each perhaps in two attempts. */
static bool stitch_all(job *j)
{
    choice *c = j->c;
    uint64_t n_parts = one_in(c, 4) ? 1 + (uint64_t)take_below(c, 4) : 0;
    bool is_complete = true;
    for (uint64_t part = 0; part < (n_parts ? n_parts : 1); part++) {
        mt_stitcher_options options = { .struct_size = take_struct_size(c, sizeof options), .n_parts = n_parts };
        options.blend = (int)take_wild(c, 128, j->blend);
        options.part = (uint64_t)take_wild(c, 128, (int64_t)part);
        bool changed = options.blend != j->blend || options.part != part;
        if (one_in(c, 4))
            (void)stitch(j, &options, (uint64_t)take_below(c, 4));
        is_complete = !stitch(j, &options, UINT64_MAX) && !changed && is_complete;
    }
    return is_complete;
}

/* --- Results. --- */

/* Reads the image of all samples, or of one, into the place of an array. */
static bool read_image(job *j, output *o, const char *path, int64_t first, int64_t n)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    if (note_written(mt_stack_open(j->context, path, NULL, &stack, &err), &err))
        return false;
    const mt_stack_info *info = mt_stack_get_info(stack);
    size_t n_spatial = (size_t)info->data_ndim - 2, bytes = o->values_bytes / (size_t)j->info->n_samples;
    static const int64_t corner[3];
    mt_patch_request request = { .stack = stack, .n_spatial = n_spatial, .coords = corner };
    request.patch_size = o->size + 3 - n_spatial;
    request.view.dtype = info->dtype;
    if (info->data_shape[0] != n || info->dtype != o->given.dtype)
        __builtin_trap();
    for (; request.sample < n; request.sample++) {
        request.view.data = o->image + (size_t)(first + request.sample) * bytes;
        if (mt_extract_patches(&request, 1, NULL, &err))
            __builtin_trap();
    }
    mt_stack_close(stack);
    return true;
}

static bool finish(job *j, mt_writer *w)
{
    const mt_finish_options options = { .struct_size = sizeof options, .all_required = 1 };
    mt_error err = MT_ERROR_INIT;
    bool done = !note_written(mt_writer_finish(w, one_in(j->c, 2) ? &options : NULL, &err), &err);
    return done;
}

static bool finish_output(job *j, output *o)
{
    mt_error err = MT_ERROR_INIT;
    if (o->given.writer)
        return finish(j, o->given.writer) && read_image(j, o, o->path, 0, j->info->n_samples);
    for (int64_t i = 0; o->given.sample_plan && i < j->info->n_samples; i++) {
        char path[SCRATCH_PATH + 24];
        mt_writer *w;
        snprintf(path, sizeof path, "%s/%d", o->path, (int)i);
        mt_status st = mt_writer_open(
            j->context, path, &(mt_writer_options) { .struct_size = sizeof(mt_writer_options), .format = "zarr" }, &w,
            &err);
        if (note_written(st, &err))
            return false;
        bool done = finish(j, w);
        mt_writer_close(w);
        if (!done || !read_image(j, o, path, i, 1))
            return false;
    }
    return true;
}

static void predict(job *j)
{
    choice *c = j->c;
    int n = one_in(c, 3) ? 2 : 1;
    bool fits = true;
    j->blend = one_in(c, 2) ? 0 : take_below(c, 4);
    j->has_nan = one_in(c, 16);
    for (; j->n_outputs < n && fits; j->n_outputs++)
        fits = take_output(j, &j->outputs[j->n_outputs], j->n_outputs == 0);
    bool is_complete = fits && stitch_all(j);
    for (int i = 0; i < j->n_outputs; i++) {
        output *o = &j->outputs[i];
        if (is_complete && finish_output(j, o))
            check_output(j, o);
        mt_writer_close(o->given.writer);
        mt_writer_close(o->given.sample_plan);
        free(o->tiles);
        free(o->image);
    }
}

static bool is_small(const mt_tiling_info *info)
{
    int64_t pixels = info->n_samples;
    for (size_t i = 0; i < info->n_spatial; i++) {
        if (info->shape[i] > MOST_PIXELS || info->tile[i] > MOST_PIXELS)
            return false;
        pixels *= info->shape[i];
    }
    return pixels <= MOST_PIXELS && info->n_tiles <= MOST_TILES;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const blends[] = { "crop", "linear", "hann", "gaussian", "Crop", NULL };
    choice c = { .at = data, .end = data + size };
    job j = { .c = &c, .context = new_limited_context() };
    outcome_number(mt_blend_find(blends[take_below(&c, 6)]));
    mt_stack *stack = open_blank(&c, j.context);
    j.tiling = stack ? new_tiling(&c, stack) : NULL;
    mt_stack_close(stack);
    if (j.tiling) {
        j.info = mt_tiling_get_info(j.tiling);
        note_info(j.info);
        if (is_small(j.info))
            predict(&j);
        mt_tiling_free(j.tiling);
    }
    mt_context_free(j.context);
    return 0;
}
