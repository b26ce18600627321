/* SPDX-License-Identifier: BSD-3-Clause */
/* Loaders: batches of all ranks, at any place of an epoch, and those made elsewhere of the same positions. */
#include "choose_stack.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_POSITIONS = 16 };

typedef struct setup {
    choice choice;
    mt_stack *image, *target;
    mt_patching *patching;
    mt_loader_array arrays[2];
    float scale[2], offset[2];
    int64_t channels[2];
    double photon_scale[2];
    mt_noise_options noise;
    mt_loader_options options;
    mt_loader *loader;
} setup;

static void choose_array_of_batch(choice *c, setup *s, mt_loader_array *a)
{
    static const mt_dtype dtypes[] = { MT_FLOAT32, MT_FLOAT32, MT_FLOAT32, 0, 0, 0, MT_UINT8, MT_UINT8, MT_UINT16 };
    a->view.dtype = TAKE(c, dtypes);
    bool is_scaled = a->view.dtype <= 0 || a->view.dtype == MT_FLOAT32 || one_in(c, 20);
    a->view.scale = is_scaled && one_in(c, 3) ? s->scale : NULL;
    a->view.offset = is_scaled && one_in(c, 3) ? s->offset : NULL;
    a->view.padding_mode = one_in(c, 30) ? 4 : (int)take_range(c, 0, 2);
    a->view.padding = (double)take_range(c, 0, 3);
    a->channels = one_in(c, 4) ? s->channels : NULL;
    a->n_channels = a->channels ? (size_t)take_range(c, 1, 2) : 0;
}

static void choose_arrays(choice *c, setup *s)
{
    for (int i = 0; i < 2; i++) {
        s->scale[i] = 0.5F * (float)take_range(c, 1, 3);
        s->offset[i] = (float)take_range(c, -1, 2);
        s->channels[i] = take_range(c, 0, one_in(c, 20) ? 2 : 1);
        s->photon_scale[i] = one_in(c, 20) ? -1 : 0.5;
    }
    choose_array_of_batch(c, s, &s->arrays[0]);
    choose_array_of_batch(c, s, &s->arrays[1]);
    s->arrays[1].stacks = one_in(c, 3) ? NULL : &s->target;
    s->noise = (mt_noise_options) { .struct_size = sizeof s->noise };
    s->noise.photon_scale = one_in(c, 2) ? s->photon_scale : NULL;
    s->noise.gaussian = one_in(c, 20) ? -1 : 1;
}

static void choose_loader(setup *s)
{
    static const unsigned augments[] = { 0, 0, 0, 1, 1, 2, 2, 3, 4, 4, 8, 16, 5, 24, 10, 18, 32 };
    static const double probabilities[] = { 0.25, 1, 1.5, -1 };
    choice *c = &s->choice;
    choose_arrays(c, s);
    mt_loader_options *o = &s->options;
    *o = (mt_loader_options) { .struct_size = sizeof *o, .arrays = s->arrays };
    o->batch_size = (size_t)take_range(c, 0, 7);
    o->seed = take_byte(c);
    o->n_arrays = (size_t)take_range(c, !one_in(c, 8), 2);
    o->augment = TAKE(c, augments);
    o->noise = one_in(c, 5) ? &s->noise : NULL;
    o->in_order = one_in(c, 4);
    o->uneven = one_in(c, 40) ? 3 : (int)take_range(c, 0, 2);
    o->on_corrupt = one_in(c, 40) ? 3 : one_in(c, 3) ? (int)take_range(c, 1, 2) : 0;
    o->world_size = (uint64_t)take_range(c, 0, 3);
    o->locality_rank = one_in(c, 3);
    o->window = one_in(c, 2) ? 0 : one_in(c, 6) ? MT_WINDOW_ALL : (uint64_t)take_range(c, 1, 4);
    o->prefetch = (size_t)(one_in(c, 30) ? take_range(c, 64, 65) : take_range(c, 0, 2));
    o->flip_probability = one_in(c, 6) ? TAKE(c, probabilities) : 0;
    o->rotate_probability = one_in(c, 6) ? TAKE(c, probabilities) : 0;
    o->rank = (uint64_t)take_range(c, 0, (int64_t)o->world_size - (one_in(c, 20) ? 0 : o->world_size > 0));
    for (int d = 0; d < 3; d++)
        o->block[d] = one_in(c, 3) ? take_range(c, one_in(c, 20) ? -1 : 0, 3) : 0;
    if (o->n_arrays == 0 && one_in(c, 2))
        o->arrays = NULL;
}

static void note_array(const mt_batch_array *a, bool exact)
{
    size_t n = 1;
    for (int d = 0; d < a->ndim; d++) {
        outcome_number(a->shape[d]);
        n *= (size_t)a->shape[d];
    }
    outcome_number(a->dtype);
    if (exact)
        outcome_bytes(a->data, n * mt_dtype_size(a->dtype));
    else
        for (size_t i = 0; i < n; i++)
            outcome_rounded((double)((const float *)a->data)[i]);
}

static void note_batch(const setup *s, mt_batch *batch)
{
    outcome_number((int64_t)batch->epoch);
    outcome_number((int64_t)batch->number);
    outcome_number((int64_t)batch->n);
    outcome_number((int64_t)batch->n_repeated);
    for (size_t i = 0; i < batch->n; i++) {
        outcome_number((int64_t)batch->indices[i]);
        outcome_number(batch->symmetries[i]);
        outcome_number(batch->specs[i].coords[0]);
    }
    for (size_t i = 0; i < batch->n_arrays; i++)
        note_array(&batch->arrays[i], i > 0 || !s->options.noise);
    mt_batch_release(batch);
}

static void read_elsewhere(const setup *s, uint64_t number)
{
    uint64_t positions[MOST_POSITIONS] = { 0 };
    size_t n = 0;
    mt_batch *batch;
    mt_error err = MT_ERROR_INIT;
    if (note_status(mt_loader_positions(s->loader, number, positions, &n, &err), &err))
        return;
    for (size_t i = 0; i < n; i++)
        outcome_number((int64_t)positions[i]);
    positions[0] += number;
    if (!note_status(mt_loader_read(s->loader, 1, positions, n, NULL, &batch, &err), &err))
        note_batch(s, batch);
}

static void move(setup *s)
{
    choice *c = &s->choice;
    uint64_t epoch = (uint64_t)take_range(c, 0, 3), batch = (uint64_t)take_range(c, 0, 6);
    char text[4096];
    mt_error err = MT_ERROR_INIT;
    if (one_in(c, 2) && note_status(mt_loader_seek(s->loader, epoch, batch, &err), &err))
        return;
    mt_loader_tell(s->loader, &epoch, &batch);
    outcome_number((int64_t)epoch);
    outcome_number((int64_t)batch);
    outcome_number((int64_t)mt_loader_count(s->loader));
    size_t length = mt_loader_get_state(s->loader, text, sizeof text);
    if (length >= sizeof text || mt_loader_set_state(s->loader, text, length, &err))
        __builtin_trap();
    outcome_text(text);
}

static void load(setup *s)
{
    choice *c = &s->choice;
    outcome_number((int64_t)mt_loader_count(s->loader));
    for (int i = 0, n = (int)take_range(c, 1, 6); i < n; i++) {
        mt_batch *batch;
        mt_error err = MT_ERROR_INIT;
        if (note_status(mt_loader_next(s->loader, NULL, &batch, &err), &err))
            break;
        if (batch)
            note_batch(s, batch);
        if (i == 1)
            move(s);
    }
    read_elsewhere(s, (uint64_t)take_range(c, 0, 2));
}

static void choose_patching(setup *s, size_t n_spatial)
{
    static const char *const strategies[] = { "random",     "random",     "random",       "stratified", "stratified",
                                              "sequential", "sequential", "fixed_random", "tiled" };
    choice *c = &s->choice;
    int64_t side = take_range(c, 1, 8);
    int64_t patch_size[3] = { side, side, side };
    if (n_spatial == 3)
        patch_size[0] = take_range(c, 1, 3);
    if (one_in(c, 16))
        patch_size[1] = take_range(c, 1, 8);
    mt_patching_options options = {
        .struct_size = sizeof options, .patch_size = patch_size, .n_spatial = n_spatial, .pad = 1
    };
    options.strategy = TAKE(c, strategies);
    options.seed = take_byte(c);
    if (mt_patching_new(&s->image, 1, &options, &s->patching, NULL))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    setup s = { .choice = { .at = data, .end = data + size } };
    choice *c = &s.choice, again;
    mt_error err = MT_ERROR_INIT;
    if (size < 8)
        return 0;
    size_t n_spatial = (size_t)take_range(c, 2, 3);
    int64_t samples = take_range(c, 1, 2);
    again = *c;
    s.image = choose_array(c, n_spatial, samples, 2, MT_UINT8);
    mt_dtype dtype = one_in(c, 2) ? MT_UINT8 : MT_UINT16;
    s.target = choose_array(one_in(c, 20) ? c : &again, n_spatial, samples, 2, dtype);
    choose_patching(&s, n_spatial);
    choose_loader(&s);
    if (!note_status(mt_loader_new(s.patching, &s.options, &s.loader, &err), &err)) {
        load(&s);
        mt_loader_free(s.loader);
    }
    mt_patching_free(s.patching);
    mt_stack_close(s.image);
    mt_stack_close(s.target);
    return 0;
}
