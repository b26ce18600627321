/* SPDX-License-Identifier: BSD-3-Clause */
/* The saved state: {"version": 2, "plan": {fact: value, ...}, "seed": text, "images": [list, ...], "epoch": n, "batch": n}.
 * All facts are strings. "images" has the identities of the images of each array (state_images.c); null: they are not
 * compared. A state fits a loader whose facts and images are equal. */
#include "loader/internal.h"
#include "loader/state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { VERSION = 2, LOADER_FACTS = 9, FACTS = MT_PATCHING_FACTS + LOADER_FACTS };

static uint64_t add_items(uint64_t digest, const void *items, size_t n, size_t size)
{
    const uint8_t is_given = items != NULL;
    digest = mt_fnv_add(digest, &is_given, 1);
    return items ? mt_fnv_add(digest, items, n * size) : digest;
}

static uint64_t digest_array(const mt_loader_array *array, uint64_t digest)
{
    const mt_view *view = &array->view;
    const size_t channels = (size_t)mt_array_channels(array);
    const int32_t words[] = { (int32_t)mt_array_dtype(array), (int32_t)channels, view->padding_mode, view->divide,
                              view->scale_padding };
    digest = mt_fnv_add(digest, words, sizeof words);
    digest = add_items(digest, &view->padding, 1, sizeof view->padding);
    digest = add_items(digest, array->channels, channels, sizeof *array->channels);
    digest = add_items(digest, view->scale, channels, sizeof *view->scale);
    return add_items(digest, view->offset, channels, sizeof *view->offset);
}

static uint64_t digest_noise(const mt_recipe *recipe)
{
    const mt_noise_options *noise = &recipe->noise;
    const size_t channels = (size_t)mt_array_channels(&recipe->arrays[0]);
    uint64_t digest = mt_fnv_add(MT_FNV_START, noise->scale, sizeof noise->scale);
    digest = mt_fnv_add(digest, noise->offset, sizeof noise->offset);
    digest = mt_fnv_add(digest, &noise->gaussian, sizeof noise->gaussian);
    digest = add_items(digest, noise->photon_scale, channels, sizeof(double));
    return add_items(digest, noise->photon_offset, channels, sizeof(double));
}

/* The flags, and the probabilities unless they are the default. */
static void describe_augmentation(const mt_symmetries *augment, mt_fact *fact)
{
    if (augment->flip == 0.5 && augment->rotate == 0.5)
        snprintf(fact->value, sizeof fact->value, "%u", augment->flags);
    else
        snprintf(fact->value, sizeof fact->value, "%u %.10g %.10g", augment->flags, augment->flip, augment->rotate);
}

/* What else than the patching defines the batches. The names differ from those of the patching's facts. */
static void list_loader_facts(const mt_loader *l, mt_fact *fact)
{
    const mt_recipe *recipe = &l->recipe;
    uint64_t blocks = MT_FNV_START, arrays = digest_noise(recipe);
    for (size_t s = 0; l->blocks && s < l->blocks->n; s++)
        blocks = mt_fnv_add(blocks, l->blocks->grids[s].size, sizeof l->blocks->grids[s].size);
    for (size_t a = 0; a < recipe->n_arrays; a++)
        arrays = digest_array(&recipe->arrays[a], arrays);
    fact->name = "batch size";
    snprintf(fact++->value, sizeof fact->value, "%" PRIu64, l->deal.batch);
    fact->name = "order";
    snprintf(fact++->value, sizeof fact->value, "%s",
             l->ordering.in_order ? "by index"
             : l->blocks          ? "windows"
                                  : "random");
    fact->name = "blocks in a window";
    snprintf(fact++->value, sizeof fact->value, "%" PRIu64, l->blocks ? l->ordering.window : 0);
    fact->name = "digest of the block sizes";
    snprintf(fact++->value, sizeof fact->value, "%016" PRIx64, blocks);
    fact->name = "ranks with windows of their own";
    snprintf(fact++->value, sizeof fact->value, "%" PRIu64, l->deal.by_rank ? l->deal.world : 0);
    fact->name = "augmentation";
    describe_augmentation(&recipe->augment, fact++);
    fact->name = "treatment of damaged chunks";
    snprintf(fact++->value, sizeof fact->value, "%d", recipe->on_corrupt);
    fact->name = "digest of channels, conversion and noise";
    snprintf(fact++->value, sizeof fact->value, "%016" PRIx64, arrays);
    fact->name = "seed of the loader";
    snprintf(fact->value, sizeof fact->value, "%" PRIu64, recipe->seed);
}

static void list_facts(const mt_loader *l, mt_fact facts[FACTS])
{
    mt_patching_fingerprint(l->recipe.patching, facts);
    list_loader_facts(l, facts + MT_PATCHING_FACTS);
}

void mt_state_append(mt_state_text *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t at = out->length < out->size ? out->length : out->size;
    int n = vsnprintf(out->text ? out->text + at : NULL, out->size - at, format, arguments);
    va_end(arguments);
    out->length += n > 0 ? (size_t)n : 0;
}

size_t mt_loader_get_state(mt_loader *l, char *text, size_t size)
{
    mt_fact facts[FACTS];
    uint64_t epoch, batch;
    mt_state_text out = { .text = text, .size = size };
    list_facts(l, facts);
    mt_loader_tell(l, &epoch, &batch);
    mt_state_append(&out, "{\"version\": %d, \"plan\": {", VERSION);
    for (int i = 0; i < FACTS - 1; i++)
        mt_state_append(&out, "%s\"%s\": \"%s\"", i ? ", " : "", facts[i].name, facts[i].value);
    mt_state_append(&out, "}, \"seed\": \"%s\", \"images\": ", facts[FACTS - 1].value);
    mt_state_append_images(&out, &l->recipe);
    mt_state_append(&out, ", \"epoch\": %" PRIu64 ", \"batch\": %" PRIu64 "}", epoch, batch);
    return out.length;
}

static mt_status get_number(const json_t *state, const char *name, uint64_t *out, mt_error *err)
{
    const json_t *value = json_object_get(state, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return mt_fail(err, MT_E_ARGUMENT, "not the state of a loader: it has no number \"%s\"", name);
    *out = (uint64_t)json_integer_value(value);
    return MT_OK;
}

static mt_status compare_facts(const mt_loader *l, const json_t *state, mt_error *err)
{
    mt_fact facts[FACTS];
    const json_t *plan = json_object_get(state, "plan");
    list_facts(l, facts);
    for (int i = 0; i < FACTS; i++) {
        const json_t *entry = i < FACTS - 1 ? json_object_get(plan, facts[i].name) : json_object_get(state, "seed");
        const char *value = json_string_value(entry);
        if (!value || strcmp(value, facts[i].value) != 0)
            return mt_fail(err, MT_E_ARGUMENT, "the state belongs to another plan: its %s is %s, not %s", facts[i].name,
                           value ? value : "not given", facts[i].value);
    }
    return MT_OK;
}

static mt_status apply(mt_loader *l, const json_t *state, mt_error *err)
{
    uint64_t version, epoch, batch;
    mt_status st = get_number(state, "version", &version, err);
    if (st)
        return st;
    if (version != VERSION)
        return mt_fail(err, MT_E_ARGUMENT,
                       "a state of version %" PRIu64
                       ", not %d: it was saved by another version of microtome; begin the "
                       "epoch anew",
                       version, VERSION);
    if ((st = get_number(state, "epoch", &epoch, err)) || (st = get_number(state, "batch", &batch, err)) ||
        (st = mt_state_compare_images(json_object_get(state, "images"), &l->recipe, err)) ||
        (st = compare_facts(l, state, err)))
        return st;
    return mt_loader_seek(l, epoch, batch, err);
}

mt_status mt_loader_set_state(mt_loader *l, const char *text, size_t length, mt_error *err)
{
    json_t *state;
    mt_error_reset(err);
    mt_status st = mt_json_parse(&l->context->env, text, length, "the state of a loader", &state, err);
    if (st)
        return st;
    st = apply(l, state, err);
    json_decref(state);
    return st;
}
