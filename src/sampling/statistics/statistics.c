/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/statistics/statistics.h"

#include "engine/context.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static mt_status make_in(mt_arena *arena, int64_t n_channels, size_t n, mt_statistics **out, mt_error *err)
{
    mt_error failure;
    mt_error_clear(&failure);
    size_t groups = (size_t)n_channels + 1;
    mt_statistics *s = mt_arena_alloc(arena, 1, sizeof *s, &failure);
    mt_channel_statistics *channels = mt_arena_alloc(arena, groups, sizeof *channels, &failure);
    double *asked = mt_arena_alloc(arena, n + 1, sizeof *asked, &failure);
    double *values = mt_arena_alloc(arena, groups, (n + 1) * sizeof *values, &failure);
    if (failure.status)
        return mt_fail(err, failure.status, "%s", failure.message);
    *s = (mt_statistics) { .arena = arena, .asked = asked, .groups = channels, .values = values };
    s->info.n_channels = n_channels;
    s->info.quantiles = asked;
    s->info.n_quantiles = n;
    *out = s;
    return MT_OK;
}

mt_status mt_statistics_make(mt_context *given, int64_t n_channels, size_t n, mt_statistics **out, mt_error *err)
{
    mt_arena *arena;
    mt_context *context = mt_context_retain(given, err);
    if (!context)
        return MT_E_MEMORY;
    mt_status st = mt_arena_new(&context->env, &arena, err);
    if (!st && (st = make_in(arena, n_channels, n, out, err)))
        mt_arena_free(arena);
    if (st)
        mt_context_free(context);
    else
        (*out)->context = context;
    return st;
}

mt_status mt_statistics_make_bins(mt_statistics *s, mt_error *err)
{
    mt_error failure;
    mt_error_clear(&failure);
    s->histogram = mt_arena_alloc(s->arena, mt_statistics_groups(s) * s->info.bins, sizeof *s->histogram, &failure);
    return s->histogram ? MT_OK : mt_fail(err, failure.status, "%s", failure.message);
}

void mt_statistics_free(mt_statistics *s)
{
    if (!s)
        return;
    mt_context *context = s->context;
    mt_arena_free(s->arena);
    mt_context_free(context);
}

mt_status mt_statistics_get_info(const mt_statistics *s, mt_statistics_info *out, mt_error *err)
{
    mt_error_reset(err);
    mt_statistics_info all = s->info;
    if (out->struct_size == 0 || out->struct_size > sizeof all)
        return mt_fail(err, MT_E_ARGUMENT, "mt_statistics_info.struct_size is %zu, not %zu", out->struct_size,
                       sizeof all);
    all.struct_size = out->struct_size;
    memcpy(out, &all, all.struct_size);
    return MT_OK;
}

/* Whether a channel exists; *group: its number, or that of all channels. */
static bool find_group(const mt_statistics *s, int64_t channel, size_t *group)
{
    *group = (size_t)(channel == MT_OVERALL ? s->info.n_channels : channel);
    return channel == MT_OVERALL || (channel >= 0 && channel < s->info.n_channels);
}

const mt_channel_statistics *mt_statistics_get(const mt_statistics *s, int64_t channel)
{
    size_t group;
    return find_group(s, channel, &group) ? &s->groups[group] : NULL;
}

const uint64_t *mt_statistics_histogram(const mt_statistics *s, int64_t channel)
{
    size_t group;
    return find_group(s, channel, &group) && s->histogram ? s->histogram + group * s->info.bins : NULL;
}

const char *mt_statistics_json(const mt_statistics *s) { return s->json; }

mt_status mt_statistics_quantile(const mt_statistics *s, int64_t channel, double quantile, double *out, mt_error *err)
{
    size_t group, n = s->info.n_quantiles;
    mt_error_reset(err);
    if (!find_group(s, channel, &group))
        return mt_fail(err, MT_E_RANGE, "channel %lld is out of bounds: there are %lld, counted from 0",
                       (long long)channel, (long long)s->info.n_channels);
    for (size_t i = 0; i < n; i++)
        if (s->info.quantiles[i] == quantile) {
            *out = s->values[group * n + i];
            return MT_OK;
        }
    if (quantile != 0 && quantile != 1)
        return mt_fail(err, MT_E_ARGUMENT, "quantile %.17g was not computed: ask for it with the statistics", quantile);
    *out = quantile == 0 ? s->groups[group].min : s->groups[group].max;
    return MT_OK;
}

/* The name of a group in messages. */
static void name_group(int64_t channel, char *out, size_t room)
{
    if (channel == MT_OVERALL)
        snprintf(out, room, "the image");
    else
        snprintf(out, room, "channel %lld", (long long)channel);
}

/* Sets out to (x - from) / (span + epsilon), in float32. */
static mt_status set_affine(int64_t channel, double from, double span, float epsilon, mt_normalization *out,
                            mt_error *err)
{
    char name[40];
    name_group(channel, name, sizeof name);
    if (!isfinite(from))
        return mt_fail(err, MT_E_ARGUMENT, "%s has no finite pixel and cannot be normalized", name);
    if (!(span > 0))
        return mt_fail(err, MT_E_ARGUMENT, "%s cannot be normalized: the spread of its values is 0 (at %.9g)", name,
                       from);
    out->subtract = (float)from;
    out->divide = (float)span + epsilon;
    if (!isfinite(out->subtract) || !isfinite(out->divide))
        return mt_fail(err, MT_E_ARGUMENT, "%s cannot be normalized in float32: its values reach %.9g", name,
                       fabs(from) > span ? from : span);
    out->scale = (float)(1.0 / (double)out->divide);
    out->offset = (float)(-(double)out->subtract / (double)out->divide);
    return MT_OK;
}

/* CAREamics adds 1e-6 to the standard deviation, and 1e-8 to a range, both in float32. */
mt_status mt_statistics_normalization(const mt_statistics *s, mt_normalization_kind kind, int64_t channel, double low,
                                      double high, mt_normalization *out, mt_error *err)
{
    const mt_channel_statistics *c = mt_statistics_get(s, channel);
    double from, to;
    mt_status st;
    mt_error_reset(err);
    if (!c)
        return mt_fail(err, MT_E_RANGE, "channel %lld is out of bounds: there are %lld, counted from 0",
                       (long long)channel, (long long)s->info.n_channels);
    switch (kind) {
    case MT_NORMALIZE_NONE: *out = (mt_normalization) { 0, 1, 1, 0 }; return MT_OK;
    case MT_NORMALIZE_MEAN_STD: return set_affine(channel, c->mean, c->std, 1e-6F, out, err);
    case MT_NORMALIZE_MIN_MAX: return set_affine(channel, c->min, c->max - c->min, 1e-8F, out, err);
    case MT_NORMALIZE_QUANTILE:
        if (!(low < high))
            return mt_fail(err, MT_E_ARGUMENT, "quantiles %.9g and %.9g: the first must be less", low, high);
        if ((st = mt_statistics_quantile(s, channel, low, &from, err)) ||
            (st = mt_statistics_quantile(s, channel, high, &to, err)))
            return st;
        return set_affine(channel, from, to - from, 1e-8F, out, err);
    }
    return mt_fail(err, MT_E_ARGUMENT, "there is no normalization %d", (int)kind);
}
