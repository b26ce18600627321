/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/statistics/survey.h"

#include "base/checked.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pixels of a unit that is read with its mask, or out of an array; drawn units per visit; units of an array between two
 * calls of the caller's functions. */
enum { MASKED_PIXELS = 1 << 22, ARRAY_PIXELS = 1 << 20, DRAWN = 1024, ARRAY_UNITS = 32 };

/* Tallies stay with their channel while they fit into this, and four for each thread beyond. */
#define TALLY_BYTES ((size_t)64 << 20)

/* Of more chunks than this for each drawn one, not every one is looked at. Units drawn between two questions whether to
 * go on. */
enum { LOOKED_AT = 1024, DRAWN_AT_ONCE = 65536 };

static mt_status check_stop(const mt_survey *s, mt_error *err)
{
    const mt_statistics_options *o = &s->options;
    bool stops = o->cancelled && o->cancelled(o->user);
    return stops ? mt_fail(err, MT_E_CANCELLED, "%s", MT_CANCEL_MESSAGE) : MT_OK;
}

/* Selection sampling: Knuth, The Art of Computer Programming, volume 2, 3.4.2, algorithm S. */
static mt_status draw_many(mt_survey *s, mt_random *random, mt_error *err)
{
    mt_sample *sample = &s->sample;
    mt_status st = MT_OK;
    for (uint64_t i = 0, drawn = 0; !st && drawn < sample->n; i++) {
        if (mt_random_below(random, sample->of - i) < sample->n - drawn)
            sample->units[drawn++] = i;
        if (i % DRAWN_AT_ONCE == DRAWN_AT_ONCE - 1)
            st = check_stop(s, err);
    }
    return st;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Sorts numbers and drops repeated ones. Returns the number of those that are left. */
static uint64_t sort_distinct(uint64_t *numbers, uint64_t n)
{
    uint64_t kept = 0;
    qsort(numbers, (size_t)n, sizeof *numbers, compare);
    for (uint64_t i = 0; i < n; i++)
        if (kept == 0 || numbers[i] != numbers[kept - 1])
            numbers[kept++] = numbers[i];
    return kept;
}

/* Draws as many numbers as are missing, until all are distinct: the first ones of a sequence, as if drawn one by one. */
static mt_status draw_few(mt_survey *s, mt_random *random, mt_error *err)
{
    mt_sample *sample = &s->sample;
    mt_status st = MT_OK;
    for (uint64_t drawn = 0; !st && drawn < sample->n; drawn = sort_distinct(sample->units, drawn))
        while (!st && drawn < sample->n) {
            sample->units[drawn++] = mt_random_below(random, sample->of);
            if (drawn % DRAWN_AT_ONCE == 0)
                st = check_stop(s, err);
        }
    return st;
}

static mt_status draw(mt_survey *s, mt_error *err)
{
    mt_sample *sample = &s->sample;
    const mt_statistics_options *o = &s->options;
    uint64_t n = o->sample_chunks;
    if (o->sample_share > 0)
        n = (uint64_t)ceil(o->sample_share * (double)sample->of);
    sample->n = n < 2 ? 2 : n;
    sample->n = sample->n > sample->of ? sample->of : sample->n;
    if (sample->n > SIZE_MAX / sizeof *sample->units)
        return mt_fail(err, MT_E_LIMIT, "a sample of %llu chunks", (unsigned long long)sample->n);
    void *memory;
    mt_status st = mt_alloc(&s->context->env, (size_t)sample->n * sizeof *sample->units, &memory, err);
    if (st)
        return st;
    sample->units = memory;
    mt_random random;
    mt_random_start(&random, o->seed, MT_STREAM_SAMPLE, 0, 0, 0);
    return sample->of / LOOKED_AT > sample->n ? draw_few(s, &random, err) : draw_many(s, &random, err);
}

static uint64_t count_pixels(const mt_units *units, const uint64_t *drawn, uint64_t first, uint64_t n)
{
    uint64_t pixels = 0;
    for (uint64_t i = 0; i < n; i++) {
        mt_box box;
        int64_t volume = 0;
        mt_units_box(units, drawn[i] - first, &box);
        (void)mt_product_i64(box.extent, units->dims->ndim, &volume);
        pixels += (uint64_t)volume;
    }
    return pixels;
}

/* The number of drawn units below a number. */
static uint64_t count_below(const mt_sample *sample, uint64_t unit)
{
    uint64_t low = 0, high = sample->n;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (sample->units[middle] < unit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The drawn units of an image whose first unit is first: *n of them. */
static const uint64_t *find_drawn(const mt_sample *sample, uint64_t first, uint64_t units, uint64_t *n)
{
    uint64_t low = count_below(sample, first);
    *n = count_below(sample, first + units) - low;
    return sample->units + low;
}

/* Counts units and pixels of all images: of the drawn units, once they are drawn. */
static void count_all(mt_survey *s)
{
    s->pixels = s->sample.of = 0;
    for (size_t i = 0; i < s->n; i++) {
        mt_stack_dims dims;
        mt_units units;
        uint64_t n;
        int64_t volume = 0;
        mt_stack_get_dims(s->stacks[i], &dims);
        mt_units_init(&units, &dims, MT_SAMPLE_PIXELS);
        if (s->sample.units) {
            const uint64_t *drawn = find_drawn(&s->sample, s->sample.of, units.n, &n);
            s->pixels += count_pixels(&units, drawn, s->sample.of, n);
        } else {
            (void)mt_product_i64(dims.shape, dims.ndim, &volume);
            s->pixels += (uint64_t)volume;
        }
        s->sample.of += units.n;
    }
}

void mt_survey_end(mt_survey *s)
{
    mt_env *env = &s->context->env;
    mt_release(env, s->sample.units, (size_t)s->sample.n * sizeof *s->sample.units);
    mt_release(env, s->sample.parts, s->sample.room * sizeof *s->sample.parts);
    mt_lock_destroy(&s->lock);
}

mt_status mt_survey_begin(mt_survey *s, mt_error *err)
{
    bool is_sample = s->options.sample_share > 0 || s->options.sample_chunks > 0;
    s->sample.is_recording = is_sample;
    count_all(s);
    mt_status st = mt_lock_init(&s->lock, NULL, NULL, err);
    if (st || !is_sample)
        return st;
    st = draw(s, err);
    if (st)
        mt_survey_end(s);
    else
        count_all(s);
    return st;
}

static size_t tally_bytes(const mt_survey *s) { return sizeof(mt_tally) + s->pass->table_bytes; }

static void free_tallies(mt_survey *s, bool drain)
{
    while (s->idle) {
        mt_tally *tally = s->idle;
        s->idle = tally->next;
        if (drain)
            s->pass->drain(s->pass->user, tally);
        mt_release(&s->context->env, tally, tally_bytes(s));
    }
    s->n_tallies = 0;
}

/* Takes an idle tally of the channel off the list, or if any is true, of any channel. */
static mt_tally *find_idle(mt_survey *s, size_t channel, bool any)
{
    mt_tally **at = &s->idle;
    while (*at && (*at)->channel != channel && !any)
        at = &(*at)->next;
    mt_tally *tally = *at;
    if (tally)
        *at = tally->next;
    return tally;
}

static mt_status make_tally(mt_survey *s, mt_tally **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(&s->context->env, tally_bytes(s), &memory, err);
    if (st)
        return st;
    *out = memory;
    memset((*out)->table, 0, s->pass->table_bytes);
    mt_tally_begin(&s->bits, *out);
    return MT_OK;
}

mt_status mt_survey_take(mt_survey *s, size_t channel, mt_tally **out, mt_error *err)
{
    size_t most = 4 * (size_t)mt_pool_threads(s->context->pool) + TALLY_BYTES / tally_bytes(s);
    mt_lock_take(&s->lock);
    mt_tally *tally = find_idle(s, channel, false);
    if (!tally && s->n_tallies >= most && (tally = find_idle(s, channel, true)))
        s->pass->drain(s->pass->user, tally);
    s->n_tallies += !tally;
    mt_lock_give(&s->lock);
    mt_status st = tally ? MT_OK : make_tally(s, &tally, err);
    if (st)
        return st;
    tally->channel = channel;
    *out = tally;
    return MT_OK;
}

void mt_survey_give(mt_survey *s, mt_tally *tally)
{
    mt_lock_take(&s->lock);
    if (tally->pending > MT_TALLY_ROOM / 2)
        s->pass->drain(s->pass->user, tally);
    tally->next = s->idle;
    s->idle = tally;
    mt_lock_give(&s->lock);
}

mt_status mt_survey_record(mt_survey *s, const mt_sampled *part, mt_error *err)
{
    mt_sample *sample = &s->sample;
    mt_status st = MT_OK;
    mt_lock_take(&s->lock);
    if (sample->n_parts == sample->room) {
        size_t room = sample->room ? 2 * sample->room : 256;
        void *moved = mt_resize(&s->context->env, sample->parts, sample->room * sizeof *part, room * sizeof *part);
        if (moved) {
            sample->parts = moved;
            sample->room = room;
        } else {
            st = MT_E_MEMORY;
        }
    }
    if (!st)
        sample->parts[sample->n_parts++] = *part;
    mt_lock_give(&s->lock);
    return st ? mt_fail(err, st, "out of memory for the list of chunks of the sample") : MT_OK;
}

/* Tells the caller how far the survey is, and asks whether to go on. In the caller's thread. */
static int is_cancelled(void *user)
{
    mt_survey *s = user;
    const mt_statistics_options *o = &s->options;
    if (o->progress)
        o->progress(o->user, s->done, s->pixels * s->n_passes);
    return o->cancelled && o->cancelled(o->user);
}

/* One image of a pass. */
typedef struct job {
    mt_survey *survey;
    size_t stack;
    mt_stack_dims dims;
    mt_units units;
    uint64_t first;        /* number of its first unit among those of all images */
    const uint64_t *drawn; /* numbers of the units to visit; NULL: all */
    uint64_t n;            /* number of units to visit */
    uint64_t next;         /* the first of them that is not done */
    mt_status status;      /* of units visited in the pool; guarded by the lock of the survey */
    mt_error failure;
} job;

/* A visit of a job: of a unit with its mask, or of any number of units without. */
typedef struct visit {
    job *job;
    mt_mask mask;
} visit;

static mt_status on_box(void *user, const mt_visited *visited, mt_error *err)
{
    visit *v = user;
    return mt_survey_rows(v->job->survey, &v->job->units, v->job->first, &v->mask, visited, err);
}

static void find_box(const job *j, uint64_t i, mt_box *out)
{
    mt_units_box(&j->units, j->drawn ? j->drawn[i] - j->first : i, out);
}

/* Visits unit i of a job, with its mask if there is one. */
static mt_status visit_unit(job *j, uint64_t i, const mt_extract_options *options, mt_error *err)
{
    mt_survey *s = j->survey;
    visit v = { .job = j };
    const mt_visitor visitor = { .visit = on_box, .user = &v };
    mt_box box;
    void *memory = NULL;
    size_t bytes = 0;
    find_box(j, i, &box);
    mt_status st = s->options.masks ? mt_mask_read(s, j->stack, &j->dims, &box, &v.mask, &memory, &bytes, err) : MT_OK;
    if (!st)
        st = mt_stack_visit(s->stacks[j->stack], &box, 1, &visitor, options, err);
    mt_release(&s->context->env, memory, bytes);
    return st;
}

/* Keeps the first failure. */
static void fail_job(job *j, mt_status st, const mt_error *failure)
{
    mt_lock_take(&j->survey->lock);
    if (!j->status) {
        j->status = st;
        j->failure = *failure;
    }
    mt_lock_give(&j->survey->lock);
}

static void visit_in_pool(void *argument, size_t i)
{
    job *j = argument;
    mt_error failure;
    mt_error_clear(&failure);
    mt_status st = visit_unit(j, j->next + i, NULL, &failure);
    if (st)
        fail_job(j, st, &failure);
}

/* Units of an array in memory: each in one thread. */
static mt_status visit_array(job *j, size_t n, mt_error *err)
{
    mt_pool_run(j->survey->context->pool, n, visit_in_pool, j);
    if (j->status && err)
        *err = j->failure;
    return j->status;
}

static mt_status visit_units(job *j, size_t n, const mt_extract_options *options, mt_error *err)
{
    mt_survey *s = j->survey;
    visit v = { .job = j };
    const mt_visitor visitor = { .visit = on_box, .user = &v };
    void *memory;
    mt_status st = mt_alloc(&s->context->env, n * sizeof(mt_box), &memory, err);
    if (st)
        return st;
    mt_box *boxes = memory;
    for (size_t i = 0; i < n; i++)
        find_box(j, j->next + i, &boxes[i]);
    st = mt_stack_visit(s->stacks[j->stack], boxes, n, &visitor, options, err);
    mt_release(&s->context->env, memory, n * sizeof(mt_box));
    return st;
}

static bool is_array(const mt_stack *stack) { return stack->map && stack->image.array; }

static mt_status run_job(job *j, mt_error *err)
{
    mt_survey *s = j->survey;
    mt_stack *stack = s->stacks[j->stack];
    const mt_extract_options options = { .struct_size = sizeof options, .cancelled = is_cancelled, .user = s };
    bool one_by_one = s->options.masks && !is_array(stack);
    uint64_t most = one_by_one ? 1 : is_array(stack) ? ARRAY_UNITS : DRAWN;
    mt_status st = MT_OK;
    while (!st && j->next < j->n) {
        size_t now = (size_t)(j->n - j->next < most ? j->n - j->next : most);
        if (is_cancelled(s))
            return mt_fail(err, MT_E_CANCELLED, "%s", MT_CANCEL_MESSAGE);
        if (is_array(stack))
            st = visit_array(j, now, err);
        else
            st = one_by_one ? visit_unit(j, j->next, &options, err) : visit_units(j, now, &options, err);
        j->next += now;
    }
    return st;
}

/* Prepares the job of an image: the units of a sample, units of some size for masks and arrays, else the whole. */
static void start_job(mt_survey *s, size_t stack, uint64_t *first, job *j)
{
    *j = (job) { .survey = s, .stack = stack, .first = *first };
    mt_error_clear(&j->failure);
    mt_stack_get_dims(s->stacks[stack], &j->dims);
    mt_units_init(&j->units, &j->dims, MT_SAMPLE_PIXELS);
    *first += j->units.n;
    if (s->sample.units) {
        j->drawn = find_drawn(&s->sample, j->first, j->units.n, &j->n);
        return;
    }
    int64_t size = is_array(s->stacks[stack]) ? ARRAY_PIXELS : s->options.masks ? MASKED_PIXELS : INT64_MAX;
    mt_units_init(&j->units, &j->dims, size);
    j->n = j->units.n;
}

mt_status mt_survey_run(mt_survey *s, const mt_pass *pass, mt_error *err)
{
    mt_status st = MT_OK;
    uint64_t first = 0;
    s->pass = pass;
    for (size_t i = 0; !st && i < s->n; i++) {
        job j;
        start_job(s, i, &first, &j);
        st = run_job(&j, err);
    }
    free_tallies(s, !st);
    s->sample.is_recording = false;
    if (!st && is_cancelled(s))
        st = mt_fail(err, MT_E_CANCELLED, "%s", MT_CANCEL_MESSAGE);
    return st;
}
