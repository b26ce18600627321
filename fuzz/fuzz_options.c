/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of writers: the image that they would make, of any size, or the reason why there is none. Units cover it. */
#include "choose_writer.h"
#include "writer_notes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_unit(const mt_writer *w, uint64_t unit)
{
    const mt_writer_info *info = mt_writer_get_info(w);
    int64_t start[MT_MAX_DIMS], extent[MT_MAX_DIMS];
    mt_writer_get_unit(w, unit, start, extent);
    note_numbers(start, info->ndim);
    note_numbers(extent, info->ndim);
    for (int d = 0; d < info->ndim; d++)
        if (start[d] < 0 || extent[d] < 1 || start[d] > info->shape[d] - extent[d])
            __builtin_trap();
}

static void check_parts(choice *c, uint64_t n_units)
{
    uint64_t n = 1 + (uint64_t)take_below(c, 6), next = 0, first, count;
    for (uint64_t k = 0; k < n; k++, next += count) {
        mt_writer_part(n_units, k, n, &first, &count);
        outcome_number((int64_t)count);
        if (first != next || count > n_units / n + 1)
            __builtin_trap();
    }
    if (next != n_units)
        __builtin_trap();
}

/* Huge sizes, which only a plan can have. */
static void enlarge(choice *c, writer_choice *w)
{
    for (int d = 0; d < w->ndim; d++) {
        int shift = one_in(c, 3) ? take_below(c, 24) : 0;
        if (w->shape[d] > 0 && w->shape[d] < 1000)
            w->shape[d] = (w->shape[d] << shift) + (shift ? take_below(c, 3) - 1 : 0);
        if (one_in(c, 2) && w->chunk[d] > 0 && w->chunk[d] < 1000)
            w->chunk[d] <<= take_below(c, shift + 1);
        if (one_in(c, 2) && w->shard[d] > 0 && w->shard[d] < 1000)
            w->shard[d] <<= take_below(c, 24);
    }
}

/* Sizes at a limit, and one step beyond it: bytes of a chunk, chunks of a shard, levels, distances of planes. */
static void go_to_limit(choice *c, writer_choice *w)
{
    const int y = w->ndim - 2, x = y + 1, more = take_below(c, 3) - 1;
    const int64_t element = (int64_t)mt_dtype_size(w->options.dtype);
    for (int d = 0; d < w->ndim; d++)
        w->chunk[d] = w->shard[d] = 1;
    w->options.chunk_shape = w->chunk;
    switch (take_below(c, 4)) {
    case 0:
        w->chunk[y] = 1024;
        w->chunk[x] = 1024 / (element ? element : 1) + more;
        w->shape[y] = w->shape[x] = 3000;
        break;
    case 1:
        w->shard[y] = 4096;
        w->shard[x] = 4096 + more;
        w->options.shard_shape = w->shard;
        break;
    case 2:
        w->chunk[y] = w->chunk[x] = 16;
        w->shape[y] = (int64_t)1 << (28 + take_below(c, 8));
        w->options.n_levels = 30 + take_below(c, 4);
        break;
    default:
        for (int d = 0; d < w->ndim; d++) {
            w->chunk[d] = 16;
            w->pixel_size[d] = 1 + 0.5 * take_below(c, 3);
        }
        w->options.pixel_size = w->pixel_size;
        w->options.n_levels = 2;
    }
}

static void use(choice *c, mt_writer *w)
{
    const uint64_t n = mt_writer_get_info(w)->n_units;
    mt_error err = MT_ERROR_INIT;
    note_writer(w);
    note_progress(w, true);
    check_parts(c, n);
    check_unit(w, 0);
    check_unit(w, n / 2);
    check_unit(w, n - 1);
    outcome_number(mt_writer_is_done(w, n - 1) + mt_writer_is_done(w, n));
    (void)note_status(mt_writer_finish(w, NULL, &err), &err);
    (void)note_status(mt_writer_keep(w, "x", "y", &err), &err);
    (void)note_status(mt_writer_flush(w, &err), &err);
}

/* A stack whose description replaces options that are not given. */
static mt_stack *take_like(choice *c, mt_context *context, const writer_choice *w)
{
    static const char *const others[] = { "YX", "CYX", "SYX", "TCZYX", "STYX", "XYC", "ZYX", "YXZT" };
    static const uint8_t pixels[4096];
    const char *axes = one_in(c, 2) ? others[take_below(c, 8)] : w->axes;
    int64_t shape[6];
    mt_stack *stack;
    for (int d = 0; d < 6; d++)
        shape[d] = take_size(c, 4);
    if (mt_stack_from_array(context, pixels, take_below(c, 2) ? MT_UINT8 : MT_FLOAT32, axes, shape, NULL, "like",
                            &stack, NULL))
        abort();
    return stack;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    choice c = { .at = data, .end = data + size };
    static const char *const members[] = { "format", "codec", "shuffle", "downsample", "ome", "axes" };
    mt_context *context = new_limited_context();
    writer_choice chosen;
    mt_writer *w;
    mt_stack *like = NULL;
    mt_error err = MT_ERROR_INIT;
    take_writer(&c, &chosen);
    if (one_in(&c, 2))
        enlarge(&c, &chosen);
    if (one_in(&c, 8))
        go_to_limit(&c, &chosen);
    if (one_in(&c, 3))
        chosen.options.like = like = take_like(&c, context, &chosen);
    if (like && one_in(&c, 2))
        chosen.options.axes = NULL;
    if (like && one_in(&c, 2))
        chosen.options.shape = NULL;
    if (like && one_in(&c, 2))
        chosen.options.dtype = 0;
    limit_channels(&chosen);
    if (!note_status(mt_writer_plan(context, chosen.name, &chosen.options, &w, &err), &err)) {
        use(&c, w);
        mt_writer_close(w);
    }
    const char *member = members[take_below(&c, 6)];
    outcome_text(mt_writer_word(member, (size_t)take_below(&c, 8)));
    mt_stack_close(like);
    mt_context_free(context);
    return 0;
}
