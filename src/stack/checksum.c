/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/digest.h"

#include <microtome/checksum.h>

#include <stdio.h>
#include <string.h>

typedef struct checksum_job {
    mt_digest digest;
    mt_lock lock; /* guards sum */
    mt_digest_sum sum;
} checksum_job;

static mt_status visit(void *user, const mt_visited *visited, mt_error *err)
{
    (void)err;
    checksum_job *job = user;
    mt_digest_sum more;
    mt_digest_box(&job->digest, visited, &more);
    mt_lock_take(&job->lock);
    mt_digest_add(&job->sum, &more);
    mt_lock_give(&job->lock);
    return MT_OK;
}

static mt_status visit_all(mt_stack *stack, const mt_stack_dims *dims, checksum_job *job,
                           const mt_extract_options *options, uint64_t *words, mt_error *err)
{
    mt_box whole = { { 0 }, { 0 } };
    mt_visitor visitor = { .visit = visit, .user = job };
    memcpy(whole.extent, dims->shape, sizeof whole.extent);
    mt_status st = mt_digest_init(&job->digest, &stack->context->env, dims, &stack->info, err);
    if (st)
        return st;
    st = mt_stack_visit(stack, &whole, 1, &visitor, options, err);
    if (!st)
        mt_digest_finish(&job->digest, &job->sum, &stack->info, words);
    mt_digest_destroy(&job->digest);
    return st;
}

mt_status mt_stack_checksum(mt_stack *stack, const mt_extract_options *options, mt_checksum *out, mt_error *err)
{
    mt_error_reset(err);
    checksum_job job = { .sum = { { 0, 0 } } };
    mt_stack_dims dims;
    mt_status st = mt_stack_check_axes(stack, err);
    if (st) {
        mt_error_prefix(err, "%s", stack->info.source);
        return st;
    }
    mt_stack_get_dims(stack, &dims);
    st = mt_lock_init(&job.lock, NULL, NULL, err);
    if (st)
        return st;
    st = visit_all(stack, &dims, &job, options, out->words, err);
    mt_lock_destroy(&job.lock);
    if (st)
        return st;
    snprintf(out->text, sizeof out->text, "%016llx%016llx", (unsigned long long)out->words[0],
             (unsigned long long)out->words[1]);
    return MT_OK;
}
