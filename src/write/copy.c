/* SPDX-License-Identifier: BSD-3-Clause */
/* Pixels of stacks are put block by block: a block consists of as many neighbouring units as fit into the budget, so
 * that a chunk of a stack that touches several units is mostly read once, and units that several stacks share become
 * complete. */
#include "base/checked.h"
#include "stack/visit.h"
#include "write/options.h"
#include "write/share.h"

#include <string.h>

enum { NO_DIM = -1, SEVERAL_DIMS = -2 };

/* A stack, and where its pixels go. */
typedef struct copy_source {
    mt_stack *stack;
    mt_stack_dims dims;
    int64_t sample;
    int64_t from[MT_MAX_DIMS], to[MT_MAX_DIMS], extent[MT_MAX_DIMS]; /* in the order of the writer's axes */
    int dim[MT_MAX_DIMS];       /* of the stack, for each axis of the writer; or NO_DIM, SEVERAL_DIMS (channels) */
    int64_t shift[MT_MAX_DIMS]; /* coordinate in that dimension minus that of the writer */
    mt_box fixed;               /* boxes of the stack begin as this: the whole, at the sample */
} copy_source;

typedef struct copy_job {
    mt_writer *w;
    copy_source *sources;
    size_t n_sources;
    const mt_copy_options *options;
    const copy_source *source; /* of the visit */
    mt_box *boxes;             /* of the visit */
    size_t n, room;
    uint64_t done, total; /* units of this copy */
    mt_share *share;      /* NULL: units are not shared with other processes */
} copy_job;

/* --- Which dimension is which axis. --- */

static int64_t size_of_axis(const mt_stack *stack, char letter)
{
    const char *at = strchr(stack->info.original_axes, letter);
    return at ? stack->info.original_shape[at - stack->info.original_axes] : 1;
}

static int role_of(char letter) { return (int)(strchr("SCZYX", letter == 'T' ? 'S' : letter) - "SCZYX"); }

/* The dimension of an axis of the writer. The dimensions of an image are its axes; those of a custom stack are S, which
 * has T in it, C, Z, Y and X. */
static int find_dim(const mt_stack *stack, const mt_stack_dims *dims, char letter)
{
    int found = NO_DIM;
    for (int d = 0; d < dims->ndim; d++) {
        bool is_it = stack->map ? stack->info.original_axes[d] == letter : dims->axis[d] == role_of(letter);
        if (is_it)
            found = found == NO_DIM ? d : SEVERAL_DIMS;
    }
    return found;
}

static mt_status find_dims(const mt_plan *plan, copy_source *s, mt_error *err)
{
    int64_t times = size_of_axis(s->stack, 'T'), samples = s->stack->info.data_shape[0] / mt_max_i64(times, 1);
    int64_t sample = s->sample;
    for (int d = 0; d < plan->ndim; d++)
        s->dim[d] = find_dim(s->stack, &s->dims, plan->axes[d]);
    if (sample < 0 || sample >= samples)
        return mt_fail(err, MT_E_RANGE, "sample %lld of a stack with %lld along S", (long long)sample,
                       (long long)samples);
    for (int d = 0; d < s->dims.ndim; d++)
        s->fixed.extent[d] = s->dims.shape[d];
    if (!s->stack->map) {
        mt_stack_set_index(&s->dims, MT_AXIS_S, sample * times, &s->fixed);
        const char *t = strchr(plan->axes, 'T');
        if (t)
            s->shift[t - plan->axes] = sample * times;
        return MT_OK;
    }
    for (int d = 0; d < s->dims.ndim; d++) /* S may be several dimensions, T is the fastest of all of them */
        if (s->stack->info.original_axes[d] == 'S') {
            s->fixed.start[d] = sample * times / mt_max_i64(s->dims.step[d], 1) % s->dims.shape[d];
            s->fixed.extent[d] = 1;
        }
    return MT_OK;
}

static mt_status find_region(const mt_plan *plan, const mt_copy_source *o, copy_source *s, mt_error *err)
{
    for (int d = 0; d < plan->ndim; d++) {
        int64_t has = plan->axes[d] == 'C' ? s->stack->info.data_shape[1] : size_of_axis(s->stack, plan->axes[d]);
        int64_t from = s->from[d] = o->from ? o->from[d] : 0, to = s->to[d] = o->to ? o->to[d] : 0;
        int64_t extent = s->extent[d] = o->extent ? o->extent[d] : has - from;
        if (from < 0 || extent < 0 || from > has || extent > has - from)
            return mt_fail(err, MT_E_RANGE, "pixels from %lld on, %lld of them, along %c of a stack with %lld",
                           (long long)from, (long long)extent, plan->axes[d], (long long)has);
        if (to < 0 || to > plan->shape[d] || extent > plan->shape[d] - to)
            return mt_fail(err, MT_E_RANGE, "%lld pixels at %lld along %c do not fit in an image with %lld",
                           (long long)extent, (long long)to, plan->axes[d], (long long)plan->shape[d]);
        s->shift[d] += from - to;
    }
    for (const char *letter = s->stack->info.original_axes; *letter; letter++)
        if (*letter != 'S' && !strchr(plan->axes, *letter) && size_of_axis(s->stack, *letter) > 1)
            return mt_fail(err, MT_E_ARGUMENT, "the stack has %lld pixels along %c, an axis that the output lacks",
                           (long long)size_of_axis(s->stack, *letter), *letter);
    return MT_OK;
}

static mt_status find_source(const mt_plan *plan, const mt_copy_source *given, copy_source *s, mt_error *err)
{
    *s = (copy_source) { .stack = given->stack, .sample = given->sample };
    mt_status st = mt_stack_check_axes(s->stack, err);
    if (st)
        return st;
    mt_stack_get_dims(s->stack, &s->dims);
    st = find_dims(plan, s, err);
    return st ? st : find_region(plan, given, s, err);
}

/* --- A visit. --- */

static mt_status put_visited(void *user, const mt_visited *visited, mt_error *err)
{
    copy_job *job = user;
    const copy_source *s = job->source;
    const mt_plan *plan = job->w->plan;
    const mt_stack_dims *dims = &s->dims;
    mt_extent box;
    int64_t stride[MT_MAX_DIMS], channel = 0;
    for (int d = 0; d < dims->ndim; d++)
        channel += dims->axis[d] == MT_AXIS_C ? visited->place.start[d] * dims->step[d] : 0;
    for (int d = 0; d < plan->ndim; d++) {
        int from = s->dim[d];
        int64_t start = from == SEVERAL_DIMS ? channel : from == NO_DIM ? 0 : visited->place.start[from];
        box.start[d] = start - s->shift[d];
        box.extent[d] = from >= 0 ? visited->place.extent[from] : 1;
        stride[d] = from >= 0 && visited->data ? visited->stride[from] : 0;
    }
    mt_values_in in = { .data = visited->data ? visited->data : dims->fill,
                        .stride = stride,
                        .dtype = dims->dtype,
                        .swapped = visited->data && visited->swap };
    return mt_writer_put_level(job->w, job->w->plan->levels, &box, &in, false, err);
}

static mt_status add_box(copy_job *job, const mt_box *box, mt_error *err)
{
    if (job->n == job->room) {
        size_t room = job->room ? 2 * job->room : 16, size = sizeof *box;
        void *boxes = mt_resize(job->w->env, job->boxes, job->room * size, room * size);
        if (!boxes)
            return mt_fail(err, MT_E_MEMORY, "out of memory");
        job->boxes = boxes;
        job->room = room;
    }
    job->boxes[job->n++] = *box;
    return MT_OK;
}

/* Adds the boxes of the source for a box of the output, as far as it lies in the region. */
static mt_status add_boxes(copy_job *job, const mt_extent *wanted, mt_error *err)
{
    const mt_plan *plan = job->w->plan;
    const copy_source *s = job->source;
    mt_box box = s->fixed;
    int64_t first_channel = 0, channels = 1;
    mt_status st = MT_OK;
    for (int d = 0; d < plan->ndim; d++) {
        int64_t start = mt_max_i64(wanted->start[d], s->to[d]);
        int64_t end = mt_min_i64(wanted->start[d] + wanted->extent[d], s->to[d] + s->extent[d]);
        if (start >= end)
            return MT_OK;
        if (s->dim[d] >= 0) {
            box.start[s->dim[d]] = start + s->shift[d];
            box.extent[s->dim[d]] = end - start;
        } else if (s->dim[d] == SEVERAL_DIMS) {
            first_channel = start + s->shift[d];
            channels = end - start;
        }
    }
    const char *c = strchr(plan->axes, 'C');
    bool each = c && s->dim[c - plan->axes] == SEVERAL_DIMS;
    for (int64_t i = 0; i < channels && !st; i++) {
        if (each)
            mt_stack_set_index(&s->dims, MT_AXIS_C, first_channel + i, &box);
        st = add_box(job, &box, err);
    }
    return st;
}

/* --- Blocks. --- */

/* The number of units, from one on, that form a box of at most budget bytes before end; all axes below *axis are
 * whole. */
static uint64_t find_block(const mt_plan *plan, const int64_t *position, uint64_t unit, uint64_t end, uint64_t budget)
{
    const mt_level *level = plan->levels;
    uint64_t bytes = level->chunk_bytes * level->inner, inner = 1, n = 1;
    for (int d = plan->ndim - 1; d >= 0; d--) {
        uint64_t more = (uint64_t)(level->units[d] - position[d]);
        uint64_t most = budget / bytes / inner, left = (end - unit) / inner;
        more = more < most ? more : most;
        more = more < left ? more : left;
        if (more == 0)
            break;
        n = inner * more;
        if (more < (uint64_t)level->units[d])
            break;
        inner *= (uint64_t)level->units[d];
    }
    return n;
}

/* The box of n units that form one. */
static void join_units(const mt_plan *plan, uint64_t unit, uint64_t n, mt_extent *out)
{
    mt_extent last;
    mt_level_unit_extent(plan, plan->levels, unit, out);
    mt_level_unit_extent(plan, plan->levels, unit + n - 1, &last);
    for (int d = 0; d < plan->ndim; d++)
        out->extent[d] = last.start[d] + last.extent[d] - out->start[d];
}

/* Adds the boxes of the units that are not done; all in one if none is. */
static mt_status add_units(copy_job *job, uint64_t unit, uint64_t n, mt_error *err)
{
    mt_writer *w = job->w;
    mt_extent extent;
    uint64_t n_done = 0;
    for (uint64_t i = 0; i < n; i++)
        n_done += (uint64_t)mt_writer_is_done(w, unit + i);
    if (n_done == 0) {
        join_units(w->plan, unit, n, &extent);
        return add_boxes(job, &extent, err);
    }
    mt_status st = MT_OK;
    for (uint64_t i = 0; i < n && !st && n_done < n; i++)
        if (!mt_writer_is_done(w, unit + i)) {
            mt_level_unit_extent(w->plan, w->plan->levels, unit + i, &extent);
            st = add_boxes(job, &extent, err);
        }
    return st;
}

/* Of units that are shared: those that any process has published. */
static uint64_t count_done(copy_job *job)
{
    if (!job->share)
        return job->done;
    mt_lock_take(&job->w->lock);
    uint64_t n = job->w->progress.n_done;
    mt_lock_give(&job->w->lock);
    return n;
}

/* What the cancel function and the progress of a visit are called with. */
static int follow(void *user)
{
    copy_job *job = user;
    if (job->options->progress)
        job->options->progress(job->options->user, count_done(job), job->total);
    if (job->share)
        mt_share_renew(job->share);
    return job->options->cancelled ? job->options->cancelled(job->options->user) : 0;
}

/* Puts the units of a block that are not done, as far as they come from a source. */
static mt_status copy_block(copy_job *job, const copy_source *source, uint64_t unit, uint64_t n, mt_error *err)
{
    mt_visitor visitor = { .visit = put_visited, .user = job };
    mt_extract_options extract = { .struct_size = sizeof extract, .cancelled = follow, .user = job };
    job->source = source;
    job->n = 0;
    mt_status st = add_units(job, unit, n, err);
    return st || job->n == 0 ? st : mt_stack_visit(source->stack, job->boxes, job->n, &visitor, &extract, err);
}

static mt_status copy_units(copy_job *job, uint64_t first, uint64_t count, mt_error *err)
{
    const mt_plan *plan = job->w->plan;
    uint64_t n;
    mt_status st = MT_OK;
    for (uint64_t unit = first; unit < first + count && !st; unit += n) {
        int64_t position[MT_MAX_DIMS];
        mt_plan_split(plan, unit, plan->levels[0].units, position);
        n = find_block(plan, position, unit, first + count, job->w->memory / 2);
        if (job->share)
            st = mt_share_catch_up(job->share, err);
        for (size_t i = 0; i < job->n_sources && !st; i++)
            st = copy_block(job, &job->sources[i], unit, n, err);
        job->done += n;
    }
    return st;
}

static mt_status copy_claimed(copy_job *job, mt_error *err)
{
    uint64_t first, count;
    mt_status st = mt_share_new(job->w, job->options->lease, follow, job, &job->share, err);
    while (!st && !(st = mt_share_next(job->share, &first, &count, err)) && count > 0)
        st = follow(job) ? mt_fail(err, MT_E_CANCELLED, "cancelled") : copy_units(job, first, count, err);
    mt_share_free(job->share);
    job->share = NULL;
    return st;
}

/* Once others have done and finished all, what fails is of no use any more. */
static mt_status copy_shared(copy_job *job, mt_error *err)
{
    bool is_finished = false;
    mt_error why = MT_ERROR_INIT;
    mt_status st = copy_claimed(job, &why);
    if (st && st != MT_E_CANCELLED && job->w->is_folder)
        (void)!mt_writer_notice_finished(job->w, &is_finished, NULL); /* the failure before counts more */
    return st && !is_finished ? mt_fail(err, st, "%s", why.message) : MT_OK;
}

static int64_t count_pixels(const int64_t *extent, int ndim)
{
    int64_t n = 1;
    for (int d = 0; d < ndim; d++)
        n *= extent[d];
    return n;
}

/* Of a unit that one process puts a part of, and another process the rest, neither has all pixels. Sources that overlap
 * are refused when their pixels are put. */
static mt_status check_whole(const copy_job *job, mt_error *err)
{
    const mt_plan *plan = job->w->plan;
    int64_t left = count_pixels(plan->shape, plan->ndim);
    for (size_t i = 0; i < job->n_sources && left >= 0; i++)
        left -= count_pixels(job->sources[i].extent, plan->ndim);
    return left == 0 ? MT_OK
                     : mt_fail(err, MT_E_ARGUMENT,
                               "a copy that processes share by claims is one of the whole image: its sources must "
                               "cover each pixel once");
}

static mt_status check_options(const mt_copy_options *o, mt_error *err)
{
    if (o->n_parts > 0 && o->part >= o->n_parts)
        return mt_fail(err, MT_E_ARGUMENT, "part %llu of %llu: parts are counted from 0", (unsigned long long)o->part,
                       (unsigned long long)o->n_parts);
    if (o->n_parts > 0 && o->lease != 0)
        return mt_fail(err, MT_E_ARGUMENT, "units are shared by parts or by claims with a lease, not both");
    return MT_OK;
}

static mt_status copy(copy_job *job, const mt_copy_source *given, mt_error *err)
{
    const mt_copy_options *o = job->options;
    uint64_t first = 0, count = job->w->info.n_units;
    mt_status st = check_options(o, err);
    for (size_t i = 0; i < job->n_sources && !st; i++)
        st = find_source(job->w->plan, &given[i], &job->sources[i], err);
    if (st || (o->lease != 0 && (st = check_whole(job, err))))
        return st;
    if (o->n_parts > 0)
        mt_writer_part(job->w->info.n_units, o->part, o->n_parts, &first, &count);
    job->total = count;
    st = o->lease != 0 ? copy_shared(job, err) : copy_units(job, first, count, err);
    if (!st)
        (void)follow(job);
    mt_release(job->w->env, job->boxes, job->room * sizeof *job->boxes);
    return st;
}

static mt_status copy_sources(mt_writer *w, const mt_copy_source *sources, size_t n, const mt_copy_options *options,
                              mt_error *err)
{
    copy_job job = { .w = w, .n_sources = n, .options = options };
    size_t bytes;
    void *memory = NULL;
    mt_status st = mt_writer_check_open(w, err);
    if (!st && mt_mul_size(n, sizeof *job.sources, &bytes))
        st = mt_fail(err, MT_E_MEMORY, "%zu stacks to copy", n);
    if (!st && !(st = mt_alloc(w->env, bytes, &memory, err))) {
        job.sources = memory;
        if (!(st = copy(&job, sources, err)))
            st = mt_writer_settle(w, err);
        mt_release(w->env, memory, bytes);
    }
    if (st)
        mt_error_prefix(err, "%s", w->info.path);
    return st;
}

mt_status mt_writer_copy_sources(mt_writer *w, const mt_copy_source *sources, size_t n, const mt_copy_options *options,
                                 mt_error *err)
{
    mt_copy_options own;
    mt_error_reset(err);
    mt_status st = mt_options_take(&own, sizeof own, options, "mt_copy_options", err);
    return st || n == 0 ? st : copy_sources(w, sources, n, &own, err);
}

mt_status mt_writer_copy(mt_writer *w, mt_stack *stack, const mt_copy_options *options, mt_error *err)
{
    mt_copy_options own;
    mt_error_reset(err);
    mt_status st = mt_options_take(&own, sizeof own, options, "mt_copy_options", err);
    if (st)
        return st;
    mt_copy_source source = {
        .stack = stack, .from = own.from, .extent = own.extent, .to = own.to, .sample = own.sample
    };
    return copy_sources(w, &source, 1, &own, err);
}
