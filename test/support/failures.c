/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/failures.h"

#include "support/faulty_store.h"
#include "support/support.h"

#include "stack/found.h"
#include "stack/source.h"

#include <microtome/microtome.h>

#include <stdio.h>
#include <string.h>

enum { MOST_STACKS = 8, PIXELS = 16 * 16, ALL = 48, MOST = 600, HEAVY = 64 << 20 };

/* What one path gives: a corner of each image, and the number of images and of what was skipped. */
typedef struct outcome {
    size_t n_stacks, n_skipped, n_unread; /* n_unread: of what was skipped, for a failed read */
    char sources[MOST_STACKS][512];
    float corners[MOST_STACKS][PIXELS];
    mt_status statuses[MOST_STACKS];
    double pixel_sizes[MOST_STACKS][MT_MAX_DIMS];
    uint64_t n_missing[MOST_STACKS];
} outcome;

/* A corner of an image in one chunk of a gibibyte takes a second, and what fails there is the same as in a small one. */
static bool is_heavy(const mt_stack_info *info)
{
    double bytes = (double)mt_dtype_size(info->dtype);
    for (int d = 0; d < info->original_ndim; d++)
        bytes *= (double)info->chunk_shape[d];
    return bytes > HEAVY;
}

static mt_status read_corner(mt_stack *stack, float *out, mt_error *err)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    static const int64_t origin[3];
    int64_t size[3] = { 1, 1, 1 }, channel = 0;
    int n = info->data_ndim - 2;
    memset(out, 0, PIXELS * sizeof *out);
    for (int d = n - 2; d < n; d++)
        size[d] = info->data_shape[2 + d] < 16 ? info->data_shape[2 + d] : 16;
    return mt_stack_extract_patch(stack, 0, &channel, 1, origin, size, (size_t)n, out, err);
}

static mt_status examine(mt_context *context, const char *path, const opening *how, const mt_store_wrap *wrap,
                         outcome *out, mt_error *err)
{
    const mt_open_options options = { .struct_size = sizeof options, .allow_unknown_axes = 1, .axes = how->axes };
    mt_stacks *stacks;
    memset(out, 0, sizeof *out);
    mt_status st = mt_stacks_open_wrapped(context, &path, 1, &options, wrap, &stacks, err);
    if (st)
        return st;
    const char *file, *reason;
    out->n_stacks = mt_stacks_count(stacks);
    while (mt_stacks_skipped(stacks, out->n_skipped, &file, &reason)) {
        assert_true(*reason != 0);
        out->n_unread += mt_stacks_skipped_status(stacks, out->n_skipped) == MT_E_IO;
        out->n_skipped++;
    }
    for (size_t i = 0; i < out->n_stacks && i < MOST_STACKS; i++) {
        mt_stack *stack = mt_stacks_get(stacks, i);
        const mt_stack_info *info = mt_stack_get_info(stack);
        if (info->axes_source == MT_AXES_UNKNOWN)
            continue;
        mt_error own = MT_ERROR_INIT;
        snprintf(out->sources[i], sizeof out->sources[i], "%s", info->source);
        memcpy(out->pixel_sizes[i], info->pixel_size, sizeof out->pixel_sizes[i]);
        out->n_missing[i] = info->n_missing;
        if (!is_heavy(info))
            out->statuses[i] = read_corner(stack, out->corners[i], &own);
    }
    mt_stacks_close(stacks);
    return MT_OK;
}

static size_t next(size_t k) { return k < ALL ? k + 1 : k + k / 6; }

/* Images that are also found without a failure: pixel sizes are the same, nothing else is missing, and their corners are right, or failed
 * for a reason of the given kind. */
static void check_corners(const outcome *got, const outcome *wanted, mt_status kind, const char *path, size_t k)
{
    for (size_t i = 0, j = 0; i < got->n_stacks && i < MOST_STACKS; i++) {
        for (j = 0; j < MOST_STACKS && strcmp(got->sources[i], wanted->sources[j]) != 0; j++)
            continue;
        if (j == MOST_STACKS)
            continue;
        if (got->statuses[i] && got->statuses[i] != wanted->statuses[j] && got->statuses[i] != kind)
            fail_msg("%s, image %zu, failure %zu: %s", path, i, k, mt_status_name(got->statuses[i]));
        if (!got->statuses[i] && memcmp(got->corners[i], wanted->corners[j], sizeof got->corners[i]) != 0)
            fail_msg("%s, image %zu, failure %zu: other pixels", path, i, k);
        if (memcmp(got->pixel_sizes[i], wanted->pixel_sizes[j], sizeof got->pixel_sizes[i]) != 0)
            fail_msg("%s, image %zu, failure %zu: other pixel sizes", path, i, k);
        if (got->n_missing[i] > wanted->n_missing[j])
            fail_msg("%s, image %zu, failure %zu: %d files missing, not %d", path, i, k, (int)got->n_missing[i],
                     (int)wanted->n_missing[j]);
    }
}

typedef struct faults {
    _Atomic size_t calls;
    size_t fail_at;
    bool is_slow;
} faults;

static mt_status wrap_faulty(void *user, mt_store **store, mt_error *err)
{
    faults *f = user;
    mt_store *wrapped = NULL;
    mt_status st = faulty_store_wrap_shared(*store, &f->calls, f->fail_at, MT_E_IO, &wrapped, err);
    if (st)
        mt_store_close(*store);
    else
        wrapped->costs.is_slow |= f->is_slow;
    *store = wrapped;
    return st;
}

/* What a path gives without failures; false if that is no image. */
static bool find_wanted(const char *path, const opening *how, outcome *wanted)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = 1 };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    faults none = { .fail_at = SIZE_MAX, .is_slow = how->is_slow };
    mt_status st = examine(context, path, how, &(mt_store_wrap) { wrap_faulty, &none }, wanted, &err);
    mt_context_free(context);
    return !st && wanted->n_stacks > 0;
}

/* Without memory the call fails: it neither skips a file nor loses an image. */
bool fail_each_allocation(const char *path, const opening *how)
{
    static outcome got, all;
    const outcome *wanted = &all;
    if (!find_wanted(path, how, &all))
        return false;
    for (size_t k = 0, more = 1; more && k < MOST; k = next(k)) {
        failing_allocator memory;
        mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = 1 << 20 };
        options.allocator = failing_allocator_make(&memory, k, 0);
        mt_context *context;
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_context_new(&options, &context, &err);
        if (!st) {
            st = examine(context, path, how, NULL, &got, &err);
            mt_context_free(context);
            if (!st && (got.n_stacks != wanted->n_stacks || got.n_skipped != wanted->n_skipped))
                fail_msg("%s, allocation %zu: %zu images and %zu skipped, not %zu and %zu", path, k, got.n_stacks,
                         got.n_skipped, wanted->n_stacks, wanted->n_skipped);
            if (!st)
                check_corners(&got, wanted, MT_E_MEMORY, path, k);
        }
        if (st && st != MT_E_MEMORY)
            fail_msg("%s, allocation %zu: %s: %s", path, k, mt_status_name(st), err.message);
        more = memory.count > k;
    }
    return true;
}

/* An image is neither lost nor found because of a failed read unless that is reported, as what it is. */
static void check_found(const outcome *got, const outcome *wanted, const char *path, size_t k)
{
    if (got->n_unread == 0 && (got->n_stacks != wanted->n_stacks || got->n_skipped > wanted->n_skipped))
        fail_msg("%s, read %zu: %zu images and %zu skipped, not %zu and %zu", path, k, got->n_stacks, got->n_skipped,
                 wanted->n_stacks, wanted->n_skipped);
}

/* What is read in spite of a failed read is right. */
bool fail_each_read(const char *path, const opening *how)
{
    static outcome got, all;
    const outcome *wanted = &all;
    if (!find_wanted(path, how, &all))
        return false;
    for (size_t k = 0, more = 1; more && k < MOST; k = next(k)) {
        faults f = { .fail_at = k, .is_slow = how->is_slow };
        mt_context_options options = { .struct_size = sizeof options, .threads = 1 };
        mt_context *context;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(&options, &context, &err), &err);
        mt_status st = examine(context, path, how, &(mt_store_wrap) { wrap_faulty, &f }, &got, &err);
        mt_context_free(context);
        if (st && st != MT_E_IO)
            fail_msg("%s, read %zu: %s: %s", path, k, mt_status_name(st), err.message);
        if (!st) {
            check_found(&got, wanted, path, k);
            check_corners(&got, wanted, MT_E_IO, path, k);
        }
        more = f.calls > k;
    }
    return true;
}
