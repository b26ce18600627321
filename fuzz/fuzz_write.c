/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes an image in boxes of any order and type, perhaps in two attempts. What is read of it is what was put. */
#include "write_boxes.h"
#include "writer_notes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- Attempts. --- */

static mt_status note_kept(void *user, const char *name, const char *text, mt_error *err)
{
    (void)err, (void)user;
    outcome_text(name);
    outcome_text(text);
    return MT_OK;
}

static void keep(choice *c, mt_writer *w)
{
    static const char *const names[] = { "a", "b-2", "A", "", "b-2", "a_" };
    mt_error err = MT_ERROR_INIT;
    for (int i = take_below(c, 4); i > 0; i--) {
        const char *name = take_word(c, names, 6);
        (void)note_written(mt_writer_keep(w, name, one_in(c, 3) ? NULL : "text", &err), &err);
    }
    (void)note_written(mt_writer_get_kept(w, note_kept, NULL, &err), &err);
}

static void look(job *j)
{
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    int is_finished = 0;
    const char *format = one_in(j->c, 4) ? NULL : j->w.options.format;
    if (!note_written(mt_writer_look(j->context, j->path, format, &w, &err), &err)) {
        note_writer(w);
        note_progress(w, j->is_exact);
        (void)note_written(mt_writer_finish(w, NULL, &err), &err);
        keep(j->c, w);
        mt_writer_close(w);
    }
    (void)note_written(mt_writer_is_finished(j->context, j->path, &j->w.options, &is_finished, &err), &err);
    outcome_number(is_finished);
}

static mt_writer *begin(job *j)
{
    mt_writer *w = NULL;
    mt_error err = MT_ERROR_INIT;
    (void)note_written(mt_writer_create(j->context, j->path, &j->w.options, &w, &err), &err);
    return w;
}

/* Continues an image, perhaps with other options, which is refused. */
static mt_writer *go_on(job *j)
{
    mt_writer *w = NULL;
    mt_error err = MT_ERROR_INIT;
    writer_choice other = j->w;
    if (one_in(j->c, 4)) {
        switch (take_below(j->c, 6)) {
        case 0: other.options.identity = "another"; break;
        case 1: other.options.note = "another"; break;
        case 2: other.options.is_labels = !other.options.is_labels; break;
        case 3: other.options.codec_level++; break;
        case 4: other.options.format = j->w.ndim % 2 ? "npy" : "tiff"; break;
        default: other.options.dtype = MT_UINT32; break;
        }
        if (note_written(mt_writer_create(j->context, j->path, &other.options, &w, &err), &err))
            return begin(j);
        return w;
    }
    if (one_in(j->c, 2))
        return begin(j);
    (void)note_written(mt_writer_open(j->context, j->path, one_in(j->c, 2) ? &j->w.options : NULL, &w, &err), &err);
    return w;
}

static int cancel(void *user) { return --*(int *)user < 0; }

static void note_steps(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    outcome_number((int64_t)done);
    outcome_number((int64_t)total);
    if (done > total)
        __builtin_trap();
}

/* Perhaps in two attempts, of which the second is that of another writer. */
static bool finish(job *j, mt_writer **w)
{
    choice *c = j->c;
    int left = take_below(c, 12);
    mt_finish_options options = { .struct_size = take_struct_size(c, sizeof options), .user = &left };
    mt_error err = MT_ERROR_INIT;
    options.all_required = one_in(c, 3);
    options.cancelled = one_in(c, 3) ? cancel : NULL;
    options.progress = one_in(c, 2) ? note_steps : NULL;
    mt_status st = note_written(mt_writer_finish(*w, one_in(c, 3) ? NULL : &options, &err), &err);
    if (st && one_in(c, 2)) {
        mt_writer_close(*w);
        if (!(*w = begin(j)))
            return false;
        note_progress(*w, j->is_exact);
    }
    if (st)
        st = note_written(mt_writer_finish(*w, NULL, &err), &err);
    if (one_in(c, 8))
        (void)note_written(mt_writer_finish(*w, NULL, &err), &err);
    return !st;
}

/* --- Results. --- */

static void check_pixels(const job *j, mt_stack *stack)
{
    const mt_dtype dtype = mt_stack_get_info(stack)->dtype;
    size_t n;
    uint8_t *is = read_pixels(stack, &n);
    if (n != (size_t)j->n || dtype != j->w.options.dtype)
        __builtin_trap();
    for (size_t i = 0; i < n; i++) {
        double value = load_pixel(dtype, is + i * mt_dtype_size(dtype)), expected = j->expected[i];
        outcome_real(value);
        if (j->is_sure && value != expected && !(value != value && expected != expected) &&
            !(j->has_specials && dtype == MT_FLOAT32))
            __builtin_trap();
    }
    free(is);
}

static void check_image(job *j)
{
    mt_stack *stack, *upper;
    mt_error err = MT_ERROR_INIT;
    mt_open_options options = { .struct_size = sizeof options, .axes = j->w.axes };
    walk_scratch(scratch_root, j->is_exact ? note_file : note_metadata_file);
    bool is_npy = strstr(j->path, ".npy") != NULL;
    if (note_written(mt_stack_open(j->context, j->path, is_npy ? &options : NULL, &stack, &err), &err))
        return;
    note_stack(mt_stack_get_info(stack));
    check_pixels(j, stack);
    if (mt_stack_get_info(stack)->n_levels > 1 && !mt_stack_open_beside(stack, "level=1", NULL, &upper, &err)) {
        size_t n, size = mt_dtype_size(j->w.options.dtype);
        uint8_t *is = read_pixels(upper, &n);
        for (size_t i = 0; i < n; i++)
            outcome_real(load_pixel(j->w.options.dtype, is + i * size));
        free(is);
        mt_stack_close(upper);
    }
    mt_stack_close(stack);
}

static void write_image(job *j)
{
    choice *c = j->c;
    mt_error err = MT_ERROR_INIT;
    mt_writer *w = begin(j);
    if (w && one_in(c, 3)) {
        (void)put_boxes(j, w, take_below(c, 12));
        if (one_in(c, 4))
            keep(c, w);
        if (one_in(c, 2))
            (void)note_written(mt_writer_flush(w, &err), &err);
        if (one_in(c, 8))
            look(j);
        mt_writer_close(w);
        if (one_in(c, 4))
            look(j);
        w = go_on(j);
    }
    if (!w)
        return;
    note_writer(w);
    bool is_put = put_boxes(j, w, INT64_MAX);
    (void)note_written(mt_writer_flush(w, &err), &err);
    note_progress(w, j->is_exact);
    outcome_number(mt_writer_is_done(w, 0));
    bool is_finished = (is_put || one_in(c, 2)) && finish(j, &w);
    j->is_sure = j->is_sure && is_put;
    if (w)
        note_progress(w, j->is_exact);
    mt_writer_close(w);
    if (is_finished)
        check_image(j);
    if (one_in(c, 16))
        look(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mt_dtype sources[] = { MT_UINT8, MT_INT16, MT_FLOAT32, MT_FLOAT64, MT_INT32, MT_FLOAT16 };
    static job j;
    choice c = { .at = data, .end = data + size };
    j = (job) { .c = &c, .n = 1, .is_sure = true };
    take_writer(&c, &j.w);
    for (int d = 0; d < j.w.ndim && j.n <= MOST_PIXELS; d++)
        j.n *= j.w.shape[d] > 0 && j.w.shape[d] < MOST_PIXELS ? j.w.shape[d] : 1;
    if (j.n > MOST_PIXELS)
        return 0;
    for (int d = 0; d < j.w.ndim; d++)
        j.step[d] = one_in(&c, 3) && j.w.chunk[d] > 0 && j.w.chunk[d] < 100 ? j.w.chunk[d]
                    : one_in(&c, 3)                                         ? mt_max_i64(j.w.shape[d], 1)
                                                                            : take_size(&c, 24);
    j.factor = take_byte(&c);
    j.modulus = 3 + take_below(&c, 4) * 190;
    j.is_exact = j.w.options.codec && strcmp(j.w.options.codec, "none") == 0;
    j.has_specials = one_in(&c, 6) && j.w.options.dtype != MT_FLOAT16 && !j.w.options.n_levels;
    j.source = j.has_specials ? MT_FLOAT64 : one_in(&c, 2) ? sources[take_below(&c, 6)] : j.w.options.dtype;
    if (mt_dtype_size(j.source) == 0)
        j.source = MT_UINT8;
    j.context = new_limited_context();
    begin_scratch(j.w.name, j.path);
    write_image(&j);
    mt_context_free(j.context);
    return 0;
}
