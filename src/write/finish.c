/* SPDX-License-Identifier: BSD-3-Clause */
/* Finishing an output. Until its name or its metadata say that it is complete, the caller may stop: it stays unfinished,
 * and is finished later, by this writer or another. */
#include "write/writer.h"

static mt_status check_complete(mt_writer *w, mt_error *err)
{
    uint64_t n = w->progress.n_units;
    mt_lock_take(&w->lock);
    uint64_t missing = n - w->progress.n_done;
    mt_lock_give(&w->lock);
    return missing == 0 ? MT_OK
                        : mt_fail(err, MT_E_ARGUMENT, "%llu of %llu %s are missing: the image cannot be finished yet",
                                  (unsigned long long)missing, (unsigned long long)n,
                                  w->plan->shard[0] > 0 ? "shards" : "chunks");
}

/* Publishes all units, but not what says that the image is complete. */
static mt_status complete_units(mt_writer *w, mt_steps *steps, mt_error *err)
{
    mt_status st = mt_writer_seal(w, steps, err);
    if (st || (st = mt_writer_flush_chunks(w, steps, err)) || (st = mt_writer_flush_units(w, steps, err)) ||
        (st = mt_writer_adopt(w, steps, err)))
        return st;
    steps->total = mt_writer_count_upper(w) + w->sink->n_steps + 1; /* 1: that it is complete */
    st = mt_writer_build(w, steps, err);
    return st ? st : mt_target_sync_asking(w->target, mt_steps_ask, steps, err);
}

/* Removes all journals; what they say is said by the metadata of the finished image. */
static mt_status remove_journal(mt_writer *w, mt_error *err)
{
    (void)!mt_journal_close(w->journal, NULL); /* whether it is on the device does not matter any more */
    w->journal = NULL;
    return mt_journal_remove(w->target, err);
}

static mt_status finish(mt_writer *w, mt_steps *steps, mt_error *err)
{
    mt_status st = mt_writer_settle(w, err);
    if (!st && steps->options.all_required)
        st = check_complete(w, err);
    if (st)
        return st;
    mt_lock_take(&w->lock);
    w->is_sealed = true;
    mt_lock_give(&w->lock);
    if ((st = complete_units(w, steps, err)) || (st = w->sink->ops->finish(w->sink, steps, err)) ||
        (st = mt_target_sweep(w->target, err)) || (st = mt_target_sync(w->target, err)))
        return st;
    /* Without the plan the image is complete, whatever else is left of the journal. */
    if ((st = mt_target_remove(w->target, MT_PLAN_KEY, err)) || (st = remove_journal(w, err)))
        return st;
    /* In a folder, another process may just have begun the same image, and looked for its journal. */
    if ((st = mt_target_remove(w->target, MT_JOURNAL_FOLDER, w->is_folder ? NULL : err)) && !w->is_folder)
        return st;
    mt_lock_take(&w->lock);
    w->is_finished = true;
    mt_lock_give(&w->lock);
    if (w->sink->ops->clean && (st = w->sink->ops->clean(w->sink, err)))
        return st;
    return mt_target_sync(w->target, err);
}

/* If another process has finished the image meanwhile, and removed what this one worked with, all is well. */
static mt_status finish_or_notice(mt_writer *w, mt_steps *steps, mt_error *err)
{
    bool is_finished = false;
    mt_error why = MT_ERROR_INIT;
    mt_status st = finish(w, steps, &why);
    if (st && st != MT_E_CANCELLED && w->is_folder)
        (void)!mt_writer_notice_finished(w, &is_finished, NULL); /* the failure before counts more */
    return st && !is_finished ? mt_fail(err, st, "%s", why.message) : MT_OK;
}

/* From here on nothing can be put. */
static mt_status begin_to_finish(mt_writer *w, bool *is_finished, mt_error *err)
{
    mt_status st = MT_OK;
    mt_lock_take(&w->lock);
    *is_finished = w->is_finished;
    if (w->only_looks)
        st = mt_fail(err, MT_E_ARGUMENT, "the image was opened to look at it, not to write");
    else if (w->is_finishing)
        st = mt_fail(err, MT_E_ARGUMENT, "another thread is finishing the image");
    else
        w->is_finishing = true;
    mt_lock_give(&w->lock);
    return st;
}

mt_status mt_writer_finish(mt_writer *w, const mt_finish_options *options, mt_error *err)
{
    bool is_finished;
    mt_steps steps;
    mt_error_reset(err);
    mt_status st = mt_steps_begin(&steps, options, err);
    if (!st && !(st = begin_to_finish(w, &is_finished, err))) {
        if (!is_finished)
            st = finish_or_notice(w, &steps, err);
        if (!st)
            mt_steps_end(&steps);
        mt_lock_take(&w->lock);
        w->is_finishing = false;
        mt_lock_give(&w->lock);
    }
    if (st)
        mt_error_prefix(err, "%s", w->info.path);
    return st;
}
