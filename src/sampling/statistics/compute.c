/* SPDX-License-Identifier: BSD-3-Clause */
/* Computes statistics in passes: counts by bucket, then, for dtypes of more than 16 bits, the histogram and the rest of
 * the bits of the quantiles. */
#include "sampling/statistics/compute.h"

#include "base/checked.h"
#include "sampling/statistics/bins.h"
#include "sampling/statistics/refine.h"

#include <math.h>
#include <string.h>

/* A call of mt_statistics_new. Groups are as in mt_statistics, but a single channel is also the group of all. */
typedef struct computation {
    mt_survey survey;
    mt_statistics *out;
    size_t n_channels, n_groups;
    mt_totals *totals;          /* of each group */
    uint64_t *counts;           /* of their buckets */
    mt_ranked *ranked;          /* of each group: two elements for each quantile */
    mt_refinement *refinements; /* of each group */
    mt_bins bins;
    bool is_binning; /* this pass fills the histogram */
} computation;

static const mt_bits *bits_of(const computation *c) { return &c->survey.bits; }

/* The first pass. */

static void add_buckets(void *user, mt_tally *tally, const void *elements, size_t n)
{
    computation *c = user;
    mt_tally_add(bits_of(c), tally, elements, n);
}

static void repeat_buckets(void *user, size_t channel, uint64_t element, uint64_t n)
{
    computation *c = user;
    mt_totals_add(bits_of(c), &c->totals[channel], element, n);
}

static void drain_buckets(void *user, mt_tally *tally)
{
    computation *c = user;
    mt_tally_drain(bits_of(c), tally, &c->totals[tally->channel]);
}

static size_t overall(const computation *c) { return c->n_groups - 1; }

/* Sums the channels. */
static void set_overall(computation *c)
{
    mt_totals *all = &c->totals[overall(c)];
    for (size_t g = 0; g < c->n_channels; g++) {
        mt_totals *one = &c->totals[g];
        mt_totals_finish(bits_of(c), one);
        if (all == one)
            return;
        for (size_t i = 0; i < mt_bits_buckets(bits_of(c)); i++)
            all->counts[i] += one->counts[i];
        mt_wide_merge(&all->sum, &one->sum);
        mt_wide_merge(&all->squares, &one->squares);
        all->least = one->least < all->least ? one->least : all->least;
        all->most = one->most > all->most ? one->most : all->most;
        all->n_infinite += one->n_infinite;
    }
}

/* A value in its usual form: there is no negative zero. */
static double value_of_key(const mt_bits *bits, uint64_t key) { return mt_bits_value(bits, mt_bits_of_key(bits, key)); }

/* Dtypes of at most 16 bits: least and most are the first and last bucket, in the order of keys. */
static void find_ends(const mt_bits *bits, mt_totals *t)
{
    for (uint64_t key = 0; key < mt_bits_buckets(bits); key++) {
        uint64_t element = mt_bits_of_key(bits, key);
        if (t->counts[element] == 0)
            continue;
        if (mt_bits_is_finite(bits, (size_t)element)) {
            t->least = key < t->least ? key : t->least;
            t->most = key > t->most ? key : t->most;
        } else if (!mt_bits_is_nan(bits, element)) {
            t->n_infinite += t->counts[element];
        }
    }
}

static void describe_group(const mt_bits *bits, mt_totals *t, mt_channel_statistics *out)
{
    uint64_t others = 0;
    if (bits->lower == 0)
        find_ends(bits, t);
    for (size_t i = 0; i < mt_bits_buckets(bits); i++)
        *(mt_bits_is_finite(bits, i) ? &out->n : &others) += t->counts[i];
    out->n_infinite = t->n_infinite;
    out->n_nan = others - t->n_infinite;
    out->mean = out->std = out->min = out->max = (double)NAN;
    if (out->n == 0)
        return;
    out->mean = mt_wide_mean(&t->sum, out->n, bits->exponent);
    out->std = mt_wide_deviation(&t->sum, &t->squares, out->n, bits->exponent);
    out->min = value_of_key(bits, t->least);
    out->max = value_of_key(bits, t->most);
}

static mt_status describe(computation *c, mt_error *err)
{
    mt_statistics *s = c->out;
    set_overall(c);
    for (size_t g = 0; g < c->n_groups; g++)
        describe_group(bits_of(c), &c->totals[g], &s->groups[g]);
    const mt_channel_statistics *all = &s->groups[overall(c)];
    if (all->n > 0)
        return MT_OK;
    uint64_t others = all->n_nan + all->n_infinite;
    if (others > 0)
        return mt_fail(err, MT_E_ARGUMENT, "no finite pixel: all %llu are NaN or infinite", (unsigned long long)others);
    return mt_fail(err, MT_E_ARGUMENT, "%s",
                   c->survey.options.masks ? "the masks select no pixel" : "the images have no pixels");
}

static mt_status count_buckets(computation *c, mt_error *err)
{
    const mt_pass pass = { mt_tally_table_bytes(bits_of(c)), add_buckets, repeat_buckets, drain_buckets, c };
    mt_status st = mt_survey_run(&c->survey, &pass, err);
    if (!st)
        st = describe(c, err);
    if (!st)
        mt_sample_errors(&c->survey.sample, c->out->groups, c->n_channels);
    return st;
}

/* Later passes. */

static uint64_t *histogram_of(const computation *c, size_t group) { return c->out->histogram + group * c->bins.n; }

static void add_bits(void *user, mt_tally *tally, const void *elements, size_t n)
{
    computation *c = user;
    if (c->refinements)
        mt_refinement_add(bits_of(c), &c->refinements[tally->channel], elements, n);
    if (c->refinements && c->n_groups > 1)
        mt_refinement_add(bits_of(c), &c->refinements[overall(c)], elements, n);
    if (!c->is_binning)
        return;
    mt_bins_add_elements(&c->bins, bits_of(c)->dtype, elements, n, (uint64_t *)(void *)tally->table);
    tally->pending = 1;
}

static void repeat_bits(void *user, size_t channel, uint64_t element, uint64_t n)
{
    computation *c = user;
    if (c->refinements)
        mt_refinement_repeat(bits_of(c), &c->refinements[channel], element, n);
    if (c->refinements && c->n_groups > 1)
        mt_refinement_repeat(bits_of(c), &c->refinements[overall(c)], element, n);
    if (c->is_binning && mt_bits_is_finite(bits_of(c), (size_t)(element >> bits_of(c)->lower)))
        mt_bins_add(&c->bins, mt_bits_value(bits_of(c), element), n, histogram_of(c, channel));
}

static void drain_bins(void *user, mt_tally *tally)
{
    computation *c = user;
    uint64_t *counts = (void *)tally->table;
    for (size_t i = 0; tally->pending > 0 && i < c->bins.n; i++) {
        histogram_of(c, tally->channel)[i] += counts[i];
        counts[i] = 0;
    }
    tally->pending = 0;
}

/* The elements around each quantile, as ranks. */
static void set_ranks(computation *c)
{
    size_t n = c->out->info.n_quantiles;
    for (size_t g = 0; g < c->n_groups; g++)
        for (size_t i = 0; i < n; i++) {
            uint64_t last = c->out->groups[g].n > 0 ? c->out->groups[g].n - 1 : 0;
            uint64_t rank = (uint64_t)floor(c->out->info.quantiles[i] * (double)last);
            rank = rank < last ? rank : last;
            c->ranked[2 * (g * n + i)].rank = rank;
            c->ranked[2 * (g * n + i) + 1].rank = rank < last ? rank + 1 : last;
        }
    for (size_t g = 0; g < c->n_groups; g++)
        mt_refine_buckets(bits_of(c), c->ranked + 2 * g * n, 2 * n, c->totals[g].counts);
}

/* Interpolates in the way of numpy.quantile, so that the bits agree. */
static double interpolate(double low, double high, double t)
{
    double span = high - low;
    if (!isfinite(span))
        return low * (1 - t) + high * t;
    return t < 0.5 ? low + span * t : high - span * (1 - t);
}

static void set_quantiles(computation *c)
{
    mt_statistics *s = c->out;
    size_t n = s->info.n_quantiles;
    for (size_t g = 0; g < c->n_groups; g++)
        for (size_t i = 0; i < n; i++) {
            const mt_ranked *pair = c->ranked + 2 * (g * n + i);
            double low = mt_bits_value(bits_of(c), pair[0].known), high = mt_bits_value(bits_of(c), pair[1].known);
            double place = s->info.quantiles[i] * ((double)s->groups[g].n - 1);
            s->values[g * n + i] = s->groups[g].n > 0 ? interpolate(low, high, place - floor(place)) : (double)NAN;
        }
}

static mt_status begin_refinements(computation *c, unsigned known, mt_error *err)
{
    mt_env *env = &c->survey.context->env;
    size_t n = 2 * c->out->info.n_quantiles;
    void *memory;
    mt_status st = mt_alloc(env, c->n_groups * sizeof *c->refinements, &memory, err);
    if (st)
        return st;
    c->refinements = memset(memory, 0, c->n_groups * sizeof *c->refinements);
    for (size_t g = 0; !st && g < c->n_groups; g++)
        st = mt_refinement_begin(env, c->ranked + g * n, n, known, &c->refinements[g], err);
    return st;
}

static void end_refinements(computation *c)
{
    mt_env *env = &c->survey.context->env;
    for (size_t g = 0; c->refinements && g < c->n_groups; g++)
        mt_refinement_end(env, &c->refinements[g]);
    mt_release(env, c->refinements, c->n_groups * sizeof *c->refinements);
    c->refinements = NULL;
}

/* One more pass: 16 more bits of the quantiles, and in the first of these passes the histogram. */
static mt_status refine(computation *c, unsigned known, mt_error *err)
{
    bool wants_quantiles = c->out->info.n_quantiles > 0;
    const mt_pass pass = { c->is_binning ? c->bins.n * sizeof(uint64_t) : 0, add_bits, repeat_bits, drain_bins, c };
    mt_status st = wants_quantiles ? begin_refinements(c, known, err) : MT_OK;
    if (!st)
        st = mt_survey_run(&c->survey, &pass, err);
    for (size_t g = 0; !st && wants_quantiles && g < c->n_groups; g++)
        mt_refinement_finish(bits_of(c), &c->refinements[g]);
    end_refinements(c);
    return st;
}

static void bin_buckets(computation *c)
{
    const mt_bits *bits = bits_of(c);
    for (size_t g = 0; g < c->n_channels; g++)
        for (size_t i = 0; i < mt_bits_buckets(bits); i++)
            if (c->totals[g].counts[i] > 0 && mt_bits_is_finite(bits, i))
                mt_bins_add(&c->bins, mt_bits_value(bits, i), c->totals[g].counts[i], histogram_of(c, g));
}

/* The histogram of all channels is the sum. */
static void sum_histograms(computation *c)
{
    uint64_t *all = histogram_of(c, overall(c));
    for (size_t g = 0; c->n_groups > 1 && g < c->n_channels; g++)
        for (size_t i = 0; i < c->bins.n; i++)
            all[i] += histogram_of(c, g)[i];
}

static mt_status begin_histogram(computation *c, mt_error *err)
{
    const mt_statistics_options *o = &c->survey.options;
    const mt_channel_statistics *all = &c->out->groups[overall(c)];
    bool is_free = bits_of(c)->lower == 0 || o->n_quantiles > 0;
    size_t n = o->bins > 0 ? o->bins : is_free ? 256 : 0;
    if (n == 0)
        return MT_OK;
    mt_bins_init(&c->bins, n, o->has_range ? o->range[0] : all->min, o->has_range ? o->range[1] : all->max);
    c->out->info.bins = n;
    c->out->info.range[0] = c->bins.low;
    c->out->info.range[1] = c->bins.high;
    return mt_statistics_make_bins(c->out, err);
}

/* Passes after the first. */
static unsigned count_passes(const computation *c)
{
    if (c->survey.options.n_quantiles > 0)
        return bits_of(c)->lower / 16;
    return c->bins.n > 0 && bits_of(c)->lower > 0;
}

/* Repeats a single channel as the group of all. */
static void copy_channel(mt_statistics *s)
{
    size_t n = s->info.n_quantiles, bins = s->info.bins;
    s->groups[1] = s->groups[0];
    memcpy(s->values + n, s->values, n * sizeof *s->values);
    if (bins > 0)
        memcpy(s->histogram + bins, s->histogram, bins * sizeof *s->histogram);
}

static void set_info(computation *c)
{
    const mt_sample *sample = &c->survey.sample;
    mt_statistics_info *info = &c->out->info;
    info->dtype = bits_of(c)->dtype;
    if (!sample->units)
        return;
    info->sample_chunks = sample->n;
    info->chunks = sample->of;
    info->seed = c->survey.options.seed;
}

static mt_status compute(computation *c, mt_error *err)
{
    const mt_bits *bits = bits_of(c);
    mt_status st = count_buckets(c, err);
    if (!st)
        st = begin_histogram(c, err);
    if (st)
        return st;
    set_ranks(c);
    unsigned n = count_passes(c);
    c->survey.n_passes = 1 + n;
    for (unsigned i = 0; !st && i < n; i++) {
        c->is_binning = i == 0 && c->bins.n > 0;
        st = refine(c, bits->upper + 16 * i, err);
    }
    if (st)
        return st;
    if (c->bins.n > 0 && bits->lower == 0)
        bin_buckets(c);
    if (c->bins.n > 0)
        sum_histograms(c);
    set_quantiles(c);
    if (c->n_groups == 1)
        copy_channel(c->out);
    set_info(c);
    return mt_statistics_write(c->out, err);
}

/* Memory of a computation: one block. */
static size_t memory_size(const computation *c, size_t *counts, size_t *ranked)
{
    *counts = c->n_groups * sizeof *c->totals;
    *ranked = *counts + c->n_groups * mt_bits_buckets(bits_of(c)) * sizeof *c->counts;
    return *ranked + c->n_groups * 2 * c->survey.options.n_quantiles * sizeof *c->ranked;
}

static mt_status compute_in(computation *c, mt_error *err)
{
    mt_env *env = &c->survey.context->env;
    size_t counts, ranked, bytes = memory_size(c, &counts, &ranked);
    void *memory;
    mt_status st = mt_alloc(env, bytes, &memory, err);
    if (st)
        return st;
    uint8_t *at = memset(memory, 0, bytes);
    c->totals = memory;
    c->counts = (void *)(at + counts);
    c->ranked = (void *)(at + ranked);
    for (size_t g = 0; g < c->n_groups; g++)
        mt_totals_init(bits_of(c), &c->totals[g], c->counts + g * mt_bits_buckets(bits_of(c)));
    st = mt_survey_begin(&c->survey, err);
    if (!st) {
        st = compute(c, err);
        mt_survey_end(&c->survey);
    }
    mt_release(env, memory, bytes);
    return st;
}

mt_status mt_statistics_new(mt_stack *const *stacks, size_t n, const mt_statistics_options *options,
                            mt_statistics **out, mt_error *err)
{
    computation c = { .survey = { .stacks = stacks, .n = n, .n_passes = 1 } };
    mt_statistics_options *o = &c.survey.options;
    mt_error_reset(err);
    if (options && (options->struct_size == 0 || options->struct_size > sizeof *o))
        return mt_fail(err, MT_E_ARGUMENT, "mt_statistics_options.struct_size is %zu, not %zu", options->struct_size,
                       sizeof *o);
    if (options)
        memcpy(o, options, options->struct_size);
    mt_dtype dtype;
    mt_status st = mt_statistics_check(stacks, n, o, &dtype, err);
    if (st)
        return st;
    c.survey.context = stacks[0]->context;
    c.n_channels = (size_t)stacks[0]->info.data_shape[1];
    c.n_groups = c.n_channels == 1 ? 1 : c.n_channels + 1;
    mt_bits_init(&c.survey.bits, dtype);
    st = mt_statistics_make(c.survey.context, stacks[0]->info.data_shape[1], o->n_quantiles, &c.out, err);
    if (st)
        return st;
    if (o->n_quantiles > 0)
        memcpy(c.out->asked, o->quantiles, o->n_quantiles * sizeof *o->quantiles);
    st = compute_in(&c, err);
    if (st)
        mt_statistics_free(c.out);
    else
        *out = c.out;
    return st;
}
