/* SPDX-License-Identifier: BSD-3-Clause */
/* How far images are that others may have written, and the images of one plan. */
#include "platform/file.h"
#include "write/opening.h"

/* Removes what a process that was killed at the very end has left. At worst it stays: it says nothing. */
static mt_status tidy(mt_writer *w, const mt_sink_ops *ops)
{
    mt_status st = MT_OK;
    if (mt_target_has_files(w->target) && mt_path_get_kind(mt_target_get_path(w->target)) != MT_PATH_FOLDER)
        return MT_OK;
    if (ops->clean && !(st = ops->open(w->env, w->plan, w->target, w->arena, &w->sink, NULL)))
        st = ops->begin(w->sink, NULL);
    if (st || (st = mt_journal_remove(w->target, NULL)) || (st = mt_target_remove(w->target, MT_JOURNAL_FOLDER, NULL)))
        return st;
    return ops->clean ? ops->clean(w->sink, NULL) : MT_OK;
}

/* A plan says that the end was not reached. */
static mt_status check_finished(mt_writer *w, const mt_sink_ops *ops, mt_error *err)
{
    json_t *stored = NULL;
    mt_status st = ops->is_finished(w->plan, w->target, w->arena, &w->is_finished, err);
    if (st || !w->is_finished || (st = mt_writer_load_plan(w, &stored, err)))
        return st;
    w->is_finished = !stored;
    json_decref(stored);
    if (w->is_finished)
        (void)!tidy(w, ops);
    return MT_OK;
}

static mt_status digest_plan(mt_writer *w, mt_error *err)
{
    mt_buffer text = mt_buffer_on(w->env);
    json_t *plan = mt_plan_write(w->plan);
    mt_status st = mt_json_write(plan, true, &text, err);
    if (!st)
        mt_writer_set_digest(w, &text);
    json_decref(plan);
    mt_buffer_free(&text);
    return st;
}

/* The writer owns its target and plan only. */
static mt_status look_for_finished(mt_writer *w, const mt_sink_ops *ops, const char *path, int durability,
                                   mt_error *err)
{
    mt_status st = mt_writer_open_target(w, ops, path, durability, err);
    if (st || (st = digest_plan(w, err)))
        return st;
    return ops->is_finished ? check_finished(w, ops, err) : MT_OK;
}

static mt_status find_finished(mt_writer *w, const char *path, const mt_writer_options *options, mt_error *err)
{
    const mt_sink_ops *ops;
    mt_status st = mt_writer_make_plan(w, path, options, &ops, err);
    return st ? st : look_for_finished(w, ops, path, options->durability, err);
}

mt_status mt_writer_is_finished(mt_context *context, const char *path, const mt_writer_options *options, int *out,
                                mt_error *err)
{
    mt_writer *w;
    mt_error_reset(err);
    mt_status st = mt_writer_open_with(find_finished, context, path, options, NULL, &w, err);
    *out = !st && w->is_finished;
    if (!st)
        mt_writer_close(w);
    return st;
}

mt_status mt_writer_notice_finished(mt_writer *w, bool *is_finished, mt_error *err)
{
    const mt_sink_ops *ops = w->sink->ops;
    uint64_t size;
    mt_arena *arena;
    mt_status st = mt_arena_new(w->env, &arena, err);
    *is_finished = false;
    if (st)
        return st;
    st = ops->is_finished(w->plan, w->target, arena, is_finished, err);
    mt_arena_free(arena);
    *is_finished = !st && *is_finished && mt_target_measure(w->target, MT_PLAN_KEY, &size, NULL) == MT_E_NOT_FOUND;
    if (*is_finished) {
        mt_writer_set_finished(w);
        (void)!tidy(w, ops);
    }
    return st;
}

/* --- Images of one plan. --- */

static mt_status open_as(mt_open_writer how, const mt_writer *planned, const char *path, mt_writer **out, mt_error *err)
{
    const mt_writer_options options = { .struct_size = sizeof options,
                                        .memory = planned->memory,
                                        .durability = planned->durability };
    return mt_writer_open_with(how, planned->context, path, &options, planned->plan, out, err);
}

static mt_status create_as(mt_writer *w, const char *path, const mt_writer_options *options, mt_error *err)
{
    const mt_sink_ops *ops = mt_sink_find(w->plan->format);
    mt_status st = mt_writer_open_target(w, ops, path, options->durability, err);
    return st ? st : mt_writer_begin(w, ops, path, err);
}

mt_status mt_writer_create_as(const mt_writer *planned, const char *path, mt_writer **out, mt_error *err)
{
    return open_as(create_as, planned, path, out, err);
}

/* Reads what others have done, as a writer that continues does, without a journal of its own. */
static mt_status read_stored(mt_writer *w, const mt_sink_ops *ops, const json_t *stored, mt_error *err)
{
    json_t *plan = mt_plan_write(w->plan);
    mt_status st = plan ? mt_plan_compare(w->env, stored, plan, err) : mt_fail(err, MT_E_MEMORY, "out of memory");
    json_decref(plan);
    if (st || (st = ops->open(w->env, w->plan, w->target, w->arena, &w->sink, err)) ||
        (ops->look && (st = ops->look(w->sink, err))))
        return st;
    return mt_writer_read_journal(w, err);
}

static mt_status survey(mt_writer *w, const char *path, const mt_writer_options *options, mt_error *err)
{
    const mt_sink_ops *ops = mt_sink_find(w->plan->format);
    json_t *stored = NULL;
    mt_status st = look_for_finished(w, ops, path, options->durability, err);
    if (st || w->is_finished || (st = mt_writer_find_plan(w, path, &stored, err)))
        return st;
    st = stored ? read_stored(w, ops, stored, err) : mt_writer_new_bitmaps(w, err);
    json_decref(stored);
    w->only_looks = true;
    return st;
}

mt_status mt_writer_survey_as(const mt_writer *planned, const char *path, mt_writer **out, mt_error *err)
{
    return open_as(survey, planned, path, out, err);
}
