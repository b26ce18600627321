/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/sink.h"

#include "base/suffix.h"

#include <stdio.h>
#include <string.h>

static const mt_sink_ops *const sinks[] = { &mt_sink_zarr, &mt_sink_tiff, &mt_sink_npy };
enum { N_SINKS = sizeof sinks / sizeof *sinks };

const mt_sink_ops *mt_sink_find(const char *name)
{
    for (int i = 0; i < N_SINKS; i++)
        if (strcmp(sinks[i]->name, name) == 0)
            return sinks[i];
    return NULL;
}

const char *mt_writer_word(const char *member, size_t i)
{
    if (strcmp(member, "format") == 0)
        return i < N_SINKS ? sinks[i]->name : NULL;
    const char *const *words = mt_plan_words(member);
    for (; words && *words && i > 0; i--)
        words++;
    return words ? *words : NULL;
}

static bool find_of_path(const char *path, const mt_sink_ops **out)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (int i = 0; i < N_SINKS; i++)
        if (mt_has_suffix(path, n, sinks[i]->suffixes)) {
            *out = sinks[i];
            return true;
        }
    return false;
}

static mt_status refuse_format(const char *format, mt_error *err)
{
    char names[64] = "";
    for (int i = 0, n = 0; i < N_SINKS; i++)
        n += snprintf(names + n, sizeof names - (size_t)n, "%s%s", i ? ", " : "", sinks[i]->name);
    return mt_fail(err, MT_E_ARGUMENT, "format \"%s\" is not one of %s", format, names);
}

/* Names the first suffix of each. */
static mt_status refuse_suffix(mt_error *err)
{
    char names[64] = "";
    for (int i = 0, n = 0; i < N_SINKS; i++)
        n += snprintf(names + n, sizeof names - (size_t)n, "%s.%.*s", i ? ", " : "",
                      (int)strcspn(sinks[i]->suffixes, ","), sinks[i]->suffixes);
    return mt_fail(err, MT_E_ARGUMENT, "the suffix is not one of %s: change it, or give the format", names);
}

mt_status mt_sink_choose(const char *path, const char *format, const mt_sink_ops **out, mt_error *err)
{
    if (!format)
        return find_of_path(path, out) ? MT_OK : refuse_suffix(err);
    *out = mt_sink_find(format);
    return *out ? MT_OK : refuse_format(format, err);
}

mt_status mt_sink_plan(const mt_sink_ops *ops, mt_arena *arena, const mt_writer_options *options, mt_plan **out,
                       mt_error *err)
{
    mt_status st = mt_plan_take(arena, ops->name, &ops->rules, options, out, err);
    if (st || (ops->check && (st = ops->check(*out, err))))
        return st;
    return mt_plan_lay_out(*out, options->n_levels, &mt_arena_env(arena)->limits, err);
}

mt_status mt_sink_add_codec(mt_sink *sink, const char *name, const void *params, mt_error *err)
{
    return mt_chain_add(&sink->chain, mt_codec_find(name), params, err);
}
