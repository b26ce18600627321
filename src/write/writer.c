/* SPDX-License-Identifier: BSD-3-Clause */
/* Creating and continuing an output. */
#include "write/writer.h"

#include "base/checked.h"
#include "base/fnv.h"
#include "platform/file.h"
#include "write/opening.h"
#include "write/options.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_MEMORY ((size_t)512 << 20)

_Static_assert((int)MT_DURABLE_UNITS == (int)MT_SYNC_SHARDS && (int)MT_DURABLE_END == (int)MT_SYNC_END &&
                   (int)MT_DURABLE_NEVER == (int)MT_SYNC_NONE,
               "the public names of mt_sync");

/* --- The parts of a writer. --- */

static mt_status new_writer(mt_context *context, const mt_writer_options *options, mt_writer **out, mt_error *err)
{
    void *memory;
    mt_context *owner = mt_context_retain(context, err);
    if (!owner)
        return MT_E_MEMORY;
    mt_status st = mt_alloc(&owner->env, sizeof **out, &memory, err);
    if (st) {
        mt_context_free(owner);
        return st;
    }
    memset(memory, 0, sizeof **out);
    *out = memory;
    (*out)->context = owner;
    (*out)->env = &owner->env;
    (*out)->memory = options->memory ? options->memory : DEFAULT_MEMORY;
    (*out)->durability = options->durability;
    if (!(st = mt_lock_init(&(*out)->lock, NULL, NULL, err))) {
        if (!(st = mt_condition_init(&(*out)->freed, err))) {
            if (!(st = mt_arena_new((*out)->env, &(*out)->arena, err)) &&
                (!mt_slabs_are_allowed((*out)->env) || !(st = mt_slabs_new((*out)->env, &(*out)->slabs, err))))
                return MT_OK;
            mt_arena_free((*out)->arena);
            mt_condition_destroy(&(*out)->freed);
        }
        mt_lock_destroy(&(*out)->lock);
    }
    mt_release(&owner->env, memory, sizeof **out);
    mt_context_free(owner);
    return st;
}

/* Frees everything whose size follows from the plan. */
static void free_levels(mt_writer *w, const mt_plan *plan)
{
    for (int i = 0; i < plan->n_levels; i++) {
        mt_writer_drop_chunks(w, &plan->levels[i]);
        mt_writer_drop_units(w, &plan->levels[i]);
    }
    mt_writer_drop_spares(w);
    mt_writer_free_bitmaps(w);
}

void mt_writer_close(mt_writer *w)
{
    if (!w)
        return;
    mt_context *owner = w->context;
    mt_writer_wait(w);
    if (w->plan && w->plan->n_levels > 0)
        free_levels(w, w->plan);
    if (w->sink)
        w->sink->ops->close(w->sink);
    (void)!mt_journal_close(w->journal, NULL); /* records that are not kept are units written again */
    mt_target_close(w->target);
    mt_slabs_free(w->slabs);
    mt_arena_free(w->arena);
    mt_condition_destroy(&w->freed);
    mt_lock_destroy(&w->lock);
    mt_release(w->env, w, sizeof *w);
    mt_context_free(owner);
}

static void describe(mt_writer *w, const char *path)
{
    const mt_plan *plan = w->plan;
    w->info = (mt_writer_info) {
        .struct_size = sizeof w->info,
        .path = path,
        .format = plan->format,
        .axes = plan->axes,
        .ndim = plan->ndim,
        .dtype = plan->dtype,
        .n_levels = plan->n_levels,
        .n_units = plan->levels[0].n_units,
    };
    memcpy(w->info.shape, plan->shape, sizeof plan->shape);
    memcpy(w->info.chunk_shape, plan->chunk, sizeof plan->chunk);
    memcpy(w->info.shard_shape, plan->shard, sizeof plan->shard);
    w->info.warnings = &w->warning;
    w->info.n_warnings = w->warning != NULL;
}

static mt_status find_warnings(mt_writer *w, mt_error *err)
{
    const mt_sink_ops *ops = mt_sink_find(w->plan->format);
    return ops->get_lacks ? mt_plan_tell_lost(w->plan, ops->get_lacks(w->plan), w->arena, &w->warning, err) : MT_OK;
}

void mt_writer_set_digest(mt_writer *w, const mt_buffer *text)
{
    w->plan->digest = mt_fnv_add(MT_FNV_START, text->data, text->size);
}

/* Changes nothing: what the sink cannot do is refused before anything is written. */
static mt_status open_sink(mt_writer *w, const mt_sink_ops *ops, const mt_buffer *text, mt_error *err)
{
    mt_writer_set_digest(w, text);
    return ops->open(w->env, w->plan, w->target, w->arena, &w->sink, err);
}

mt_status mt_writer_check_unfinished(mt_writer *w, mt_error *err)
{
    mt_buffer text = mt_buffer_on(w->env);
    mt_error why = MT_ERROR_INIT;
    mt_status st = mt_target_read(w->target, MT_PLAN_KEY, w->env->limits.max_json_bytes, &text, &why);
    if (st == MT_E_NOT_FOUND)
        (void)mt_fail(err, st = MT_E_ARGUMENT, "another process has just finished the image");
    else if (st)
        (void)mt_fail(err, st, "%s", why.message);
    else if (mt_fnv_add(MT_FNV_START, text.data, text.size) != w->plan->digest)
        st = mt_fail(err, MT_E_ARGUMENT, "another process has removed the image, and begun another one in its place");
    mt_buffer_free(&text);
    return st;
}

/* Opens everything else that follows from the plan. What must be there before the first unit is then on the device. */
static mt_status start(mt_writer *w, mt_error *err)
{
    const mt_sink_ops *ops = w->sink->ops;
    mt_status st = !w->only_looks ? ops->begin(w->sink, err) : ops->look ? ops->look(w->sink, err) : MT_OK;
    if (st || (st = mt_writer_read_journal(w, err)) || w->only_looks)
        return st;
    if (ops->prepare && (st = ops->prepare(w->sink, err)))
        return st;
    if (mt_target_get_sync(w->target) == MT_SYNC_SHARDS && (st = mt_target_sync(w->target, err)))
        return st;
    /* The plan may have been loaded just before another process finished the image and removed it. */
    st = mt_writer_check_unfinished(w, err);
    return st ? st : mt_journal_new(w->target, w->plan->digest, &w->journal, err);
}

/* --- Paths. --- */

/* The folder of the unfinished output: its own, or that of the unfinished file. */
static char *work_path(mt_writer *w, const mt_sink_ops *ops, const char *path, mt_error *err)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return mt_arena_printf(w->arena, err, "%.*s%s", (int)n, path, ops->is_folder ? "" : ".partial");
}

mt_status mt_writer_open_target(mt_writer *w, const mt_sink_ops *ops, const char *path, int durability, mt_error *err)
{
    const char *work = work_path(w, ops, path, err);
    if (!work)
        return MT_E_MEMORY;
    if (durability < MT_DURABLE_UNITS || durability > MT_DURABLE_NEVER)
        return mt_fail(err, MT_E_ARGUMENT, "durability %d", durability);
    w->is_folder = ops->is_folder;
    mt_status st = mt_target_open(w->env, work, (mt_sync)durability, &w->target, err);
    mt_error_omit(err, work); /* the caller names the path */
    return st || ops->is_folder || mt_target_has_files(w->target)
               ? st
               : mt_fail(err, MT_E_UNSUPPORTED,
                         "a file of format %s cannot be written to an object store: write it to a folder, and copy the "
                         "finished file",
                         ops->name);
}

mt_status mt_writer_load_plan(mt_writer *w, json_t **out, mt_error *err)
{
    char *text;
    size_t size;
    mt_error local = MT_ERROR_INIT;
    *out = NULL;
    mt_status st =
        mt_target_load(w->target, MT_PLAN_KEY, w->env->limits.max_json_bytes, w->arena, &text, &size, &local);
    if (st == MT_E_NOT_FOUND)
        return MT_OK;
    if (st)
        return mt_fail(err, st, "%s", local.message);
    return mt_json_parse(w->env, text, size, MT_PLAN_KEY, out, err);
}

typedef struct first_name {
    char name[80];
} first_name;

static mt_status note_name(void *user, const char *name, mt_error *err)
{
    first_name *first = user;
    (void)err;
    if (!first->name[0] && strcmp(name, MT_JOURNAL_FOLDER) != 0) /* without a plan, it means nothing */
        snprintf(first->name, sizeof first->name, "%s", name);
    return MT_OK;
}

/* Nothing that is there and is not an unfinished output is touched. */
static mt_status check_free(mt_writer *w, const char *path, mt_error *err)
{
    first_name first = { "" };
    if (!w->is_folder && mt_path_get_kind(path) != MT_PATH_NONE)
        return mt_fail(err, MT_E_ARGUMENT, "the file exists: choose another path, or remove it");
    mt_status st = mt_target_list(w->target, "", note_name, &first, err);
    if (!st && first.name[0])
        st = mt_fail(err, MT_E_ARGUMENT,
                     "the folder%s exists and is not an unfinished image (it has \"%s\"): choose another path, or "
                     "remove it",
                     w->is_folder ? "" : " of the unfinished file, with the suffix .partial,", first.name);
    return st;
}

/* Loads the plan of an output to continue. A plan that a power cut has damaged lies in an output without anything else,
 * because it is synced first: the output is begun anew. */
static mt_status load_own_plan(mt_writer *w, const char *path, json_t **out, mt_error *err)
{
    mt_error damage = MT_ERROR_INIT;
    mt_status st = mt_writer_load_plan(w, out, &damage);
    if (st == MT_E_CORRUPT && !check_free(w, path, NULL))
        return mt_target_remove(w->target, MT_PLAN_KEY, err);
    return st ? mt_fail(err, st, "%s", damage.message) : MT_OK;
}

/* Stores the plan of a new output. If another process was faster, its plan must be the same. */
static mt_status store_plan(mt_writer *w, const json_t *plan, const mt_buffer *text, mt_error *err)
{
    mt_piece piece = { text->data, text->size };
    bool made;
    json_t *stored;
    mt_status st = mt_target_make_new(w->target, MT_PLAN_KEY, &piece, 1, &made, err);
    if (!st && made && mt_target_get_sync(w->target) == MT_SYNC_END)
        st = mt_target_sync(w->target, err);
    if (st || made)
        return st;
    if ((st = mt_writer_load_plan(w, &stored, err)))
        return st;
    st = mt_plan_compare(w->env, stored, plan, err);
    json_decref(stored);
    return st;
}

/* What stands in the way may be what another process has begun since the plan was looked for. */
mt_status mt_writer_find_plan(mt_writer *w, const char *path, json_t **out, mt_error *err)
{
    mt_error refused = MT_ERROR_INIT;
    mt_status st = load_own_plan(w, path, out, err);
    if (st || *out || !check_free(w, path, &refused))
        return st;
    st = load_own_plan(w, path, out, err);
    return st || *out ? st : mt_fail(err, refused.status, "%s", refused.message);
}

mt_status mt_writer_begin(mt_writer *w, const mt_sink_ops *ops, const char *path, mt_error *err)
{
    mt_buffer text = mt_buffer_on(w->env);
    json_t *plan = mt_plan_write(w->plan), *stored = NULL;
    mt_status st = mt_json_write(plan, true, &text, err);
    if (!st && !(st = open_sink(w, ops, &text, err)) && !(st = mt_writer_find_plan(w, path, &stored, err)))
        st = stored ? mt_plan_compare(w->env, stored, plan, err) : store_plan(w, plan, &text, err);
    if (!st)
        st = start(w, err);
    json_decref(stored);
    json_decref(plan);
    mt_buffer_free(&text);
    return st;
}

mt_status mt_writer_make_plan(mt_writer *w, const char *path, const mt_writer_options *options, const mt_sink_ops **ops,
                              mt_error *err)
{
    mt_status st = mt_sink_choose(path, options->format, ops, err);
    return st ? st : mt_sink_plan(*ops, w->arena, options, &w->plan, err);
}

static mt_status create(mt_writer *w, const char *path, const mt_writer_options *options, mt_error *err)
{
    const mt_sink_ops *ops;
    mt_status st = mt_writer_make_plan(w, path, options, &ops, err);
    if (st || (st = mt_writer_open_target(w, ops, path, options->durability, err)))
        return st;
    return mt_writer_begin(w, ops, path, err);
}

mt_status mt_writer_open_with(mt_open_writer how, mt_context *context, const char *path, const mt_writer_options *given,
                              mt_plan *plan, mt_writer **out, mt_error *err)
{
    mt_writer_options options;
    mt_writer *w;
    *out = NULL;
    mt_status st = mt_options_take(&options, sizeof options, given, "mt_writer_options", err);
    if (st || (st = new_writer(context, &options, &w, err)))
        return st;
    w->plan = plan;
    const char *kept = mt_arena_printf(w->arena, err, "%s", path);
    st = kept ? how(w, kept, &options, err) : MT_E_MEMORY;
    if (st || (st = find_warnings(w, err))) {
        mt_error_prefix(err, "%s", path);
        mt_writer_close(w);
        return st;
    }
    describe(w, kept);
    *out = w;
    return MT_OK;
}

mt_status mt_writer_create(mt_context *context, const char *path, const mt_writer_options *options, mt_writer **out,
                           mt_error *err)
{
    mt_error_reset(err);
    return mt_writer_open_with(create, context, path, options, NULL, out, err);
}

/* Without a target and a sink, the writer can only be looked at. */
static mt_status plan_alone(mt_writer *w, const char *path, const mt_writer_options *options, mt_error *err)
{
    const mt_sink_ops *ops;
    w->only_looks = true;
    mt_status st = mt_writer_make_plan(w, path, options, &ops, err);
    return st ? st : mt_writer_new_bitmaps(w, err);
}

mt_status mt_writer_plan(mt_context *context, const char *path, const mt_writer_options *options, mt_writer **out,
                         mt_error *err)
{
    mt_error_reset(err);
    return mt_writer_open_with(plan_alone, context, path, options, NULL, out, err);
}

/* --- Opening by path. --- */

/* Another process may finish the image while this one opens it: then there is none to continue. */
static mt_status start_stored(mt_writer *w, mt_error *err)
{
    bool is_finished = false;
    mt_error why = MT_ERROR_INIT;
    mt_status st = start(w, &why);
    if (st && w->is_folder && !w->only_looks)
        (void)!mt_writer_notice_finished(w, &is_finished, NULL); /* the failure before counts more */
    if (is_finished)
        return mt_fail(err, MT_E_NOT_FOUND, "another process has just finished the image");
    return st ? mt_fail(err, st, "%s", why.message) : MT_OK;
}

static mt_status open_stored(mt_writer *w, const char *path, const mt_writer_options *options, mt_error *err)
{
    const mt_sink_ops *ops;
    json_t *plan;
    mt_buffer text = mt_buffer_on(w->env);
    mt_status st = mt_sink_choose(path, options->format, &ops, err);
    if (st || (st = mt_writer_open_target(w, ops, path, options->durability, err)) ||
        (st = mt_writer_load_plan(w, &plan, err)))
        return st;
    if (!plan)
        return mt_fail(err, MT_E_NOT_FOUND, "not an unfinished image");
    if (!(st = mt_plan_read(w->arena, plan, &w->plan, err)) &&
        !(st = strcmp(w->plan->format, ops->name) == 0
                   ? MT_OK
                   : mt_fail(err, MT_E_ARGUMENT, "an unfinished image of format %s", w->plan->format)) &&
        !(st = mt_json_write(plan, true, &text, err)) && !(st = open_sink(w, ops, &text, err)))
        st = start_stored(w, err);
    json_decref(plan);
    mt_buffer_free(&text);
    return st;
}

mt_status mt_writer_open(mt_context *context, const char *path, const mt_writer_options *options, mt_writer **out,
                         mt_error *err)
{
    mt_error_reset(err);
    return mt_writer_open_with(open_stored, context, path, options, NULL, out, err);
}

static mt_status look(mt_writer *w, const char *path, const mt_writer_options *options, mt_error *err)
{
    w->only_looks = true;
    return open_stored(w, path, options, err);
}

mt_status mt_writer_look(mt_context *context, const char *path, const char *format, mt_writer **out, mt_error *err)
{
    mt_writer_options options = { .struct_size = sizeof options, .format = format };
    mt_error_reset(err);
    return mt_writer_open_with(look, context, path, &options, NULL, out, err);
}

/* --- Facts. --- */

const mt_writer_info *mt_writer_get_info(const mt_writer *w) { return &w->info; }

mt_status mt_writer_get_progress(mt_writer *w, mt_writer_progress *out, mt_error *err)
{
    mt_writer_progress all;
    mt_error_reset(err);
    mt_status st = mt_options_take(&all, sizeof all, out, "mt_writer_progress", err);
    if (st)
        return st;
    size_t known = out->struct_size;
    mt_lock_take(&w->lock);
    all = w->progress;
    all.waiting_bytes = w->held;
    mt_lock_give(&w->lock);
    all.struct_size = known;
    memcpy(out, &all, known);
    return MT_OK;
}

void mt_writer_get_unit(const mt_writer *w, uint64_t unit, int64_t *start, int64_t *extent)
{
    mt_extent box;
    mt_level_unit_extent(w->plan, w->plan->levels, unit, &box);
    memcpy(start, box.start, (size_t)w->plan->ndim * sizeof *start);
    memcpy(extent, box.extent, (size_t)w->plan->ndim * sizeof *extent);
}

int mt_writer_is_done(mt_writer *w, uint64_t unit)
{
    mt_lock_take(&w->lock);
    bool is_done = unit < w->plan->levels[0].n_units && mt_bit_get(w->done, unit);
    mt_lock_give(&w->lock);
    return is_done;
}

void mt_writer_part(uint64_t n_units, uint64_t k, uint64_t n, uint64_t *first, uint64_t *count)
{
    uint64_t each = n_units / n, longer = n_units % n; /* the first parts have one more */
    *first = k * each + (k < longer ? k : longer);
    *count = each + (k < longer);
}

/* --- Putting. --- */

mt_status mt_writer_check_open(mt_writer *w, mt_error *err)
{
    mt_lock_take(&w->lock);
    bool is_finished = w->is_finished, is_finishing = w->is_finishing || w->is_sealed;
    mt_lock_give(&w->lock);
    if (is_finished || is_finishing)
        return mt_fail(err, MT_E_ARGUMENT, "the image is %s", is_finished ? "finished" : "being finished");
    return w->only_looks ? mt_fail(err, MT_E_ARGUMENT, "the image was opened to look at it, not to write") : MT_OK;
}

mt_status mt_writer_settle(mt_writer *w, mt_error *err)
{
    mt_writer_wait(w);
    return mt_writer_get_failure(w, err);
}

mt_status mt_writer_flush(mt_writer *w, mt_error *err)
{
    mt_error_reset(err);
    mt_status st = mt_writer_settle(w, err);
    if (st)
        mt_error_prefix(err, "%s", w->info.path);
    return st;
}
