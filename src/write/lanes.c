/* SPDX-License-Identifier: BSD-3-Clause */
/* Work on many units by as many threads as the memory budget allows. */
#include "write/writer.h"

typedef struct lanes_job {
    mt_writer *w;
    size_t n;
    mt_unit_work work;
    void *argument;
    _Atomic size_t next;
    _Atomic bool has_failed;
    mt_error failure; /* the first; guarded by the lock of the writer */
} lanes_job;

static void keep_failure(lanes_job *job, const mt_error *err)
{
    mt_lock_take(&job->w->lock);
    if (!job->failure.status)
        job->failure = *err;
    mt_lock_give(&job->w->lock);
    job->has_failed = true;
}

/* Each lane takes items until there are none left. */
static void run_lane(void *argument, size_t lane)
{
    lanes_job *job = argument;
    (void)lane;
    for (size_t i; !job->has_failed && (i = job->next++) < job->n;) {
        mt_error err = MT_ERROR_INIT;
        if (job->work(job->argument, i, &err))
            keep_failure(job, &err);
    }
}

size_t mt_writer_count_lanes(const mt_writer *w, size_t bytes)
{
    size_t threads = mt_pool_threads(w->context->pool), fit = bytes > 0 ? w->memory / 2 / bytes : threads;
    return fit < 1 ? 1 : fit < threads ? fit : threads;
}

mt_status mt_writer_run(mt_writer *w, size_t n, size_t n_lanes, mt_unit_work work, void *argument, mt_error *err)
{
    lanes_job job = { .w = w, .n = n, .work = work, .argument = argument };
    mt_pool_run(w->context->pool, n < n_lanes ? n : n_lanes, run_lane, &job);
    return job.failure.status ? mt_fail(err, job.failure.status, "%s", job.failure.message) : MT_OK;
}
