/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies boxes of a stack of any axes into an image, in parts and perhaps in several attempts. The image has the pixels of
 * the boxes in their places, and 0 elsewhere. */
#include "choose_writer.h"
#include "copy_stack.h"
#include "writer_notes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_SOURCES = 3 };

typedef struct job {
    choice *c;
    mt_context *context;
    source_stack from;
    int ndim;
    char axes[LETTERS + 1]; /* of the image */
    int64_t shape[WRITER_DIMS], chunk[WRITER_DIMS];
    mt_copy_source sources[MOST_SOURCES];
    int64_t boxes[MOST_SOURCES][3][WRITER_DIMS]; /* from, extent, to */
    size_t n_sources;
    double expected[MOST_PIXELS];
} job;

/* --- The image and its sources. --- */

static int64_t size_along(const job *j, int d) { return j->from.sizes[strchr(letters, j->axes[d]) - letters]; }

static mt_writer *begin(job *j, char path[SCRATCH_PATH])
{
    static const char *const names[] = { "a.zarr", "a.zarr", "a.npy", "a.ome.tif" };
    choice *c = j->c;
    int name = take_below(c, 4), n = 0;
    int64_t pixels = 1, shard[WRITER_DIMS];
    mt_writer *w = NULL;
    mt_error err = MT_ERROR_INIT;
    for (int i = 1; i < LETTERS; i++)
        if (i > 3 || (j->from.sizes[i] > 1 ? !one_in(c, 64) : one_in(c, 3)))
            j->axes[n++] = letters[i];
    j->ndim = n;
    for (int d = 0; d < n; d++) {
        j->shape[d] =
            mt_min_i64(one_in(c, 4) ? take_size(c, d < n - 2 ? 4 : 24) : size_along(j, d), MOST_PIXELS / pixels);
        pixels *= j->shape[d];
        j->chunk[d] = name < 2 ? take_size(c, d < n - 2 ? 2 : 12) : 0;
        shard[d] = j->chunk[d] * take_size(c, 3);
    }
    mt_writer_options options = { .struct_size = sizeof options, .axes = j->axes, .shape = j->shape, .codec = "none" };
    options.dtype = one_in(c, 2) ? take_dtype(c) : MT_UINT8;
    options.chunk_shape = j->chunk;
    options.shard_shape = name < 2 && one_in(c, 3) ? shard : NULL;
    options.durability = MT_DURABLE_NEVER;
    options.memory = one_in(c, 3) ? 400 + (size_t)take_below(c, 4000) : 0;
    (void)note_written(mt_writer_create(j->context, begin_scratch(names[name], path), &options, &w, &err), &err);
    return w;
}

/* Cuts the image along an axis; the last cut may be at its end, so that a source is empty. */
static void take_sources(job *j)
{
    choice *c = j->c;
    int along = take_below(c, j->ndim);
    bool is_whole = one_in(c, 2);
    int64_t next = 0;
    j->n_sources = 1 + (size_t)take_below(c, one_in(c, 2) ? MOST_SOURCES : 1);
    for (size_t i = 0; i < j->n_sources; i++) {
        mt_copy_source *s = &j->sources[i];
        int64_t(*box)[WRITER_DIMS] = j->boxes[i];
        *s = (mt_copy_source) { .stack = j->from.stack, .from = box[0], .extent = box[1], .to = box[2] };
        s->sample = take_wild(c, 128, take_below(c, (int)j->from.sizes[0]));
        for (int d = 0; d < j->ndim; d++) {
            int64_t room = j->shape[d], has = size_along(j, d), first = 0;
            if (d == along) {
                first = next;
                room = i + 1 == j->n_sources ? room - next : take_below(c, (int)(room - next) + 1);
                next += room;
            }
            box[1][d] = mt_min_i64(room, has);
            if (!is_whole && box[1][d] > 0)
                box[1][d] -= take_below(c, (int)box[1][d]);
            box[0][d] = is_whole ? 0 : take_wild(c, 256, take_below(c, (int)(has - box[1][d]) + 1));
            box[2][d] = first + (is_whole ? 0 : take_wild(c, 256, take_below(c, (int)(room - box[1][d]) + 1)));
        }
    }
    mt_copy_source *s = &j->sources[0];
    if (j->n_sources == 1 && is_whole && one_in(c, 2))
        s->from = s->extent = s->to = NULL;
}

static void expect(job *j, const mt_dtype dtype, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (size_t k = 0; k < j->n_sources; k++) {
            int64_t at[LETTERS] = { j->sources[k].sample }, rest = i;
            bool is_inside = true;
            for (int d = j->ndim - 1; d >= 0; rest /= j->shape[d--]) {
                int64_t(*box)[WRITER_DIMS] = j->boxes[k], place = rest % j->shape[d] - box[2][d];
                is_inside = is_inside && place >= 0 && place < box[1][d];
                at[strchr(letters, j->axes[d]) - letters] = box[0][d] + place;
            }
            if (is_inside)
                j->expected[i] =
                    convert_pixel(dtype, convert_pixel(mt_stack_get_info(j->from.stack)->dtype, get_value(at)));
        }
}

/* --- The copy. --- */

static int cancel(void *user) { return --*(int *)user < 0; }

static void note_units(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    outcome_number((int64_t)done);
    outcome_number((int64_t)total);
}

static mt_status copy(job *j, mt_writer *w, uint64_t part, uint64_t n_parts)
{
    static const double leases[] = { 1, 1e9, 60, 0.9, 1.1e9 };
    choice *c = j->c;
    int left = take_below(c, 6);
    mt_copy_options options = { .struct_size = take_struct_size(c, sizeof options), .n_parts = n_parts, .user = &left };
    mt_error err = MT_ERROR_INIT;
    const mt_copy_source *s = &j->sources[0];
    options.part = (uint64_t)take_wild(c, 256, (int64_t)part);
    options.progress = one_in(c, 2) ? note_units : NULL;
    options.cancelled = one_in(c, 8) ? cancel : NULL;
    if (one_in(c, 16))
        options.lease = leases[take_below(c, 5)];
    if (j->n_sources > 1 || one_in(c, 2))
        return note_written(mt_writer_copy_sources(w, j->sources, j->n_sources, &options, &err), &err);
    options.from = s->from;
    options.extent = s->extent;
    options.to = s->to;
    options.sample = s->sample;
    return note_written(mt_writer_copy(w, j->from.stack, &options, &err), &err);
}

/* Each part once more if it fails or is cancelled. */
static bool copy_all(job *j, mt_writer *w)
{
    uint64_t n_parts = one_in(j->c, 3) ? (uint64_t)take_below(j->c, 4) : 0;
    bool is_done = true;
    for (uint64_t part = 0; part < (n_parts ? n_parts : 1); part++) {
        is_done = (!copy(j, w, part, n_parts) || !copy(j, w, part, n_parts)) && is_done;
        note_progress(w, true);
    }
    return is_done;
}

static void check_image(job *j, const char *path)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .axes = j->axes };
    if (note_written(mt_stack_open(j->context, path, strstr(path, ".npy") ? &options : NULL, &stack, &err), &err))
        return;
    const mt_dtype dtype = mt_stack_get_info(stack)->dtype;
    size_t n;
    uint8_t *is = read_pixels(stack, &n);
    if (n > MOST_PIXELS)
        __builtin_trap();
    expect(j, dtype, (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        double value = load_pixel(dtype, is + i * mt_dtype_size(dtype));
        outcome_real(value);
        if (value != j->expected[i])
            __builtin_trap();
    }
    free(is);
    mt_stack_close(stack);
}

/* The text fits in as many bytes as it has, and not in one less. */
static void note_identity(job *j)
{
    char text[1024], again[1024];
    mt_error err = MT_ERROR_INIT;
    const char *axes = one_in(j->c, 64) ? "TCZYXTCZYXTCZYXTC" : j->axes;
    if (note_status(mt_copy_identify(axes, &j->sources[0], text, sizeof text, &err), &err))
        return;
    outcome_text(text);
    if (mt_copy_identify(axes, &j->sources[0], again, strlen(text) + 1, &err) || strcmp(text, again) != 0)
        __builtin_trap();
    if (!mt_copy_identify(axes, &j->sources[0], again, strlen(text) - (size_t)take_below(j->c, 9), &err))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static job j;
    char path[SCRATCH_PATH];
    choice c = { .at = data, .end = data + size };
    mt_error err = MT_ERROR_INIT;
    j = (job) { .c = &c, .context = new_limited_context() };
    open_stack(&c, j.context, &j.from);
    mt_writer *w = begin(&j, path);
    if (w) {
        take_sources(&j);
        note_identity(&j);
        bool is_done = copy_all(&j, w);
        bool is_finished = !note_written(mt_writer_finish(w, NULL, &err), &err);
        mt_writer_close(w);
        if (is_done && is_finished)
            check_image(&j, path);
    }
    mt_stack_close(j.from.stack);
    mt_context_free(j.context);
    return 0;
}
