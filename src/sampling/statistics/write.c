/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics as JSON text. */
#include "base/buffer.h"
#include "base/number.h"
#include "sampling/statistics/statistics.h"

#include "engine/context.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void put(mt_buffer *b, const char *text) { mt_put_bytes(b, text, strlen(text)); }

static void put_integer(mt_buffer *b, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    put(b, text);
}

/* The shortest digits that read back as the same number; the point does not depend on the locale. JSON has no NaN. */
static void put_real(mt_buffer *b, double value)
{
    char text[32];
    double back = 0;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        for (char *c = text; *c; c++)
            *c = strchr("+-0123456789e", *c) ? *c : '.';
        const char *at = text;
        if (mt_parse_real(&at, &back) && back == value)
            break;
    }
    put(b, isfinite(value) ? text : "null");
}

static void put_reals(mt_buffer *b, const double *values, size_t n)
{
    put(b, "[");
    for (size_t i = 0; i < n; i++) {
        put(b, i > 0 ? ", " : "");
        put_real(b, values[i]);
    }
    put(b, "]");
}

static void put_group(mt_buffer *b, const mt_statistics *s, size_t group)
{
    const mt_channel_statistics *c = &s->groups[group];
    const uint64_t counts[] = { c->n, c->n_nan, c->n_infinite };
    const double values[] = { c->mean, c->std, c->min, c->max, c->mean_error };
    static const char *const names[] = { "{\"n\": ",    ", \"n_nan\": ", ", \"n_infinite\": ", ", \"mean\": ",
                                         ", \"std\": ", ", \"min\": ",   ", \"max\": ",        ", \"mean_error\": " };
    for (size_t i = 0; i < 8; i++) {
        put(b, names[i]);
        if (i < 3)
            put_integer(b, counts[i]);
        else
            put_real(b, values[i - 3]);
    }
    put(b, ",\n   \"quantiles\": ");
    put_reals(b, s->values + group * s->info.n_quantiles, s->info.n_quantiles);
    if (s->histogram)
        put(b, ",\n   \"histogram\": [");
    for (size_t i = 0; s->histogram && i < s->info.bins; i++) {
        put(b, i > 0 ? ", " : "");
        put_integer(b, s->histogram[group * s->info.bins + i]);
    }
    put(b, s->histogram ? "]}" : "}");
}

static void put_sample(mt_buffer *b, const mt_statistics_info *info)
{
    put(b, ",\n \"sample\": {\"chunks\": ");
    put_integer(b, info->sample_chunks);
    put(b, ", \"of\": ");
    put_integer(b, info->chunks);
    put(b, ", \"seed\": ");
    put_integer(b, info->seed);
    put(b, "}");
}

static void put_all(mt_buffer *b, const mt_statistics *s)
{
    size_t groups = mt_statistics_groups(s);
    put(b, "{\"microtome\": \"statistics\", \"version\": 1,\n \"dtype\": \"");
    put(b, mt_dtype_name(s->info.dtype));
    put(b, "\",\n \"quantiles\": ");
    put_reals(b, s->info.quantiles, s->info.n_quantiles);
    if (s->histogram) {
        put(b, ",\n \"range\": ");
        put_reals(b, s->info.range, 2);
    }
    if (s->info.sample_chunks > 0)
        put_sample(b, &s->info);
    put(b, ",\n \"overall\": ");
    put_group(b, s, groups - 1);
    put(b, ",\n \"channels\": [\n  ");
    for (size_t g = 0; g + 1 < groups; g++) {
        put(b, g > 0 ? ",\n  " : "");
        put_group(b, s, g);
    }
    put(b, "]}\n");
}

mt_status mt_statistics_write(mt_statistics *s, mt_error *err)
{
    mt_buffer b = mt_buffer_on(&s->context->env);
    mt_error failure;
    mt_error_clear(&failure);
    put_all(&b, s);
    if (b.status)
        mt_fail(&failure, b.status, "out of memory for statistics");
    else
        s->json = mt_arena_strndup(s->arena, (const char *)b.data, b.size, &failure);
    mt_buffer_free(&b);
    return failure.status ? mt_fail(err, failure.status, "%s", failure.message) : MT_OK;
}
