/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics from JSON text. */
#include "base/json.h"
#include "sampling/statistics/statistics.h"

#include "engine/context.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static mt_status wrong(mt_error *err, const char *name, const char *what)
{
    return mt_fail(err, MT_E_CORRUPT, "%s: %s: not statistics as microtome writes them", name, what);
}

/* Reads a number; null is NaN. */
static bool get_real(const json_t *value, double *out)
{
    *out = json_is_number(value) ? json_number_value(value) : (double)NAN;
    return json_is_number(value) || json_is_null(value);
}

static bool get_count(const json_t *value, uint64_t *out)
{
    *out = json_is_integer(value) && json_integer_value(value) >= 0 ? (uint64_t)json_integer_value(value) : 0;
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

/* The seed may have all 64 bits: large integers are parsed as strings. */
static bool get_seed(const json_t *value, uint64_t *out)
{
    if (!json_is_string(value))
        return get_count(value, out);
    *out = 0;
    for (const char *c = json_string_value(value); *c; c++) {
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(*out, (uint64_t)10, out) ||
            __builtin_add_overflow(*out, (uint64_t)(*c - '0'), out))
            return false;
    }
    return true;
}

static bool get_reals(const json_t *array, size_t n, double *out)
{
    bool fits = json_is_array(array) && json_array_size(array) == n;
    for (size_t i = 0; fits && i < n; i++)
        fits = get_real(json_array_get(array, i), &out[i]);
    return fits;
}

static bool get_counts(const json_t *array, size_t n, uint64_t *out)
{
    bool fits = json_is_array(array) && json_array_size(array) == n;
    for (size_t i = 0; fits && i < n; i++)
        fits = get_count(json_array_get(array, i), &out[i]);
    return fits;
}

static bool get_group(const json_t *from, mt_statistics *s, size_t group)
{
    mt_channel_statistics *c = &s->groups[group];
    size_t n = s->info.n_quantiles, bins = s->info.bins;
    return get_count(json_object_get(from, "n"), &c->n) && get_count(json_object_get(from, "n_nan"), &c->n_nan) &&
           get_count(json_object_get(from, "n_infinite"), &c->n_infinite) &&
           get_real(json_object_get(from, "mean"), &c->mean) && get_real(json_object_get(from, "std"), &c->std) &&
           get_real(json_object_get(from, "min"), &c->min) && get_real(json_object_get(from, "max"), &c->max) &&
           get_real(json_object_get(from, "mean_error"), &c->mean_error) &&
           get_reals(json_object_get(from, "quantiles"), n, s->values + group * n) &&
           (bins == 0 || get_counts(json_object_get(from, "histogram"), bins, s->histogram + group * bins));
}

static bool get_sample(const json_t *from, mt_statistics_info *info)
{
    return get_count(json_object_get(from, "chunks"), &info->sample_chunks) && info->sample_chunks > 0 &&
           get_count(json_object_get(from, "of"), &info->chunks) && info->chunks >= info->sample_chunks &&
           get_seed(json_object_get(from, "seed"), &info->seed);
}

/* The number of bins, and their range. */
static bool get_bins(const json_t *root, mt_statistics_info *info)
{
    const json_t *range = json_object_get(root, "range");
    const json_t *counts = json_object_get(json_object_get(root, "overall"), "histogram");
    info->bins = json_array_size(counts);
    if (!range && !counts)
        return true;
    return info->bins > 0 && info->bins <= MT_MOST_BINS && get_reals(range, 2, info->range) &&
           info->range[0] <= info->range[1];
}

static bool are_quantiles(const double *quantiles, size_t n)
{
    bool fit = true;
    for (size_t i = 0; i < n; i++)
        fit &= quantiles[i] >= 0 && quantiles[i] <= 1;
    return fit;
}

static mt_status fill(const json_t *root, const char *name, mt_statistics *s, mt_error *err)
{
    const json_t *channels = json_object_get(root, "channels"), *dtype = json_object_get(root, "dtype");
    const json_t *sample = json_object_get(root, "sample");
    size_t groups = mt_statistics_groups(s);
    s->info.dtype = json_is_string(dtype) ? mt_dtype_from_name(json_string_value(dtype)) : (mt_dtype)0;
    if (!s->info.dtype)
        return wrong(err, name, "dtype");
    if (!get_reals(json_object_get(root, "quantiles"), s->info.n_quantiles, s->asked) ||
        !are_quantiles(s->asked, s->info.n_quantiles))
        return wrong(err, name, "quantiles");
    if (!get_bins(root, &s->info))
        return wrong(err, name, "histogram");
    if (sample && !get_sample(sample, &s->info))
        return wrong(err, name, "sample");
    mt_status st = s->info.bins > 0 ? mt_statistics_make_bins(s, err) : MT_OK;
    if (st)
        return st;
    if (!get_group(json_object_get(root, "overall"), s, groups - 1))
        return wrong(err, name, "overall");
    for (size_t g = 0; g + 1 < groups; g++)
        if (!get_group(json_array_get(channels, g), s, g))
            return wrong(err, name, "channels");
    return mt_statistics_write(s, err);
}

static mt_status make(mt_context *context, const json_t *root, const char *name, mt_statistics **out, mt_error *err)
{
    const json_t *kind = json_object_get(root, "microtome"), *version = json_object_get(root, "version");
    size_t channels = json_array_size(json_object_get(root, "channels"));
    size_t quantiles = json_array_size(json_object_get(root, "quantiles"));
    if (!json_is_string(kind) || strcmp(json_string_value(kind), "statistics") != 0)
        return wrong(err, name, "the start");
    if (json_integer_value(version) != 1)
        return mt_fail(err, MT_E_UNSUPPORTED, "%s: version %lld of statistics: this library reads version 1", name,
                       (long long)json_integer_value(version));
    if (channels == 0 || quantiles > MT_MOST_QUANTILES)
        return wrong(err, name, channels == 0 ? "channels" : "quantiles");
    mt_statistics *s;
    mt_status st = mt_statistics_make(context, (int64_t)channels, quantiles, &s, err);
    if (st)
        return st;
    st = fill(root, name, s, err);
    if (st)
        mt_statistics_free(s);
    else
        *out = s;
    return st;
}

mt_status mt_statistics_parse(mt_context *given, const char *text, size_t size, const char *name, mt_statistics **out,
                              mt_error *err)
{
    json_t *root;
    mt_error_reset(err);
    mt_context *context = mt_context_retain(given, err);
    if (!context)
        return MT_E_MEMORY;
    mt_status st = mt_json_parse(&context->env, text, size, name, &root, err);
    if (!st) {
        st = make(context, root, name, out, err);
        json_decref(root);
    }
    mt_context_free(context);
    return st;
}
