/* SPDX-License-Identifier: BSD-3-Clause */
/* The plan of an output: a JSON object whose members are named as those of mt_writer_options. */
#include "stack/stack.h"
#include "write/sink.h"

#include <stdio.h>
#include <string.h>

enum { VERSION = 1 };

/* --- Writing. --- */

json_t *mt_plan_write_sizes(const int64_t *sizes, int n)
{
    json_t *list = json_array();
    for (int d = 0; list && d < n; d++)
        if (json_array_append_new(list, json_integer(sizes[d])))
            return json_decref(list), NULL;
    return list;
}

static json_t *write_units(const mt_plan *plan)
{
    json_t *list = json_array();
    for (int d = 0; list && d < plan->ndim; d++)
        if (json_array_append_new(list, json_string(plan->unit[d])))
            return json_decref(list), NULL;
    return list;
}

static json_t *write_pixel_size(const mt_plan *plan)
{
    json_t *list = json_array();
    for (int d = 0; list && d < plan->ndim; d++)
        if (json_array_append_new(list, json_real(plan->pixel_size[d])))
            return json_decref(list), NULL;
    return list;
}

static json_t *write_channel(const mt_channel *channel)
{
    json_t *out = json_pack("{ss}", "name", channel->name);
    bool failed = !out;
    if (!failed && channel->has_color)
        failed = json_object_set_new(out, "color",
                                     json_pack("[iii]", channel->rgb[0], channel->rgb[1], channel->rgb[2])) != 0;
    if (!failed && channel->has_window)
        failed = json_object_set_new(out, "window", json_pack("[ff]", channel->window[0], channel->window[1])) != 0;
    if (failed)
        return json_decref(out), NULL;
    return out;
}

static json_t *write_channels(const mt_plan *plan)
{
    json_t *list = json_array();
    for (size_t c = 0; list && plan->channels && c < plan->n_channels; c++)
        if (json_array_append_new(list, write_channel(&plan->channels[c])))
            return json_decref(list), NULL;
    return list;
}

json_t *mt_plan_write(const mt_plan *plan)
{
    int n = plan->ndim;
    return json_pack("{si ss ss so ss so so ss si ss si ss ss so so so sb ss ss}", "version", VERSION, "format",
                     plan->format, "axes", plan->axes, "shape", mt_plan_write_sizes(plan->shape, n), "dtype",
                     mt_dtype_name(plan->dtype), "chunk_shape", mt_plan_write_sizes(plan->chunk, n), "shard_shape",
                     mt_plan_write_sizes(plan->shard, n), "codec", plan->codec, "codec_level", plan->codec_level,
                     "shuffle", plan->shuffle, "n_levels", plan->n_levels, "downsample", plan->downsample, "ome",
                     plan->ome, "pixel_size", write_pixel_size(plan), "unit", write_units(plan), "channels",
                     write_channels(plan), "is_labels", plan->is_labels, "identity", plan->identity, "note",
                     plan->note);
}

/* --- Reading. --- */

/* A plan that is read becomes options, which are resolved as a caller's. */
typedef struct plan_reader {
    mt_arena *arena;
    const json_t *plan;
    mt_writer_options options;
    int64_t shape[MT_MAX_DIMS], chunk[MT_MAX_DIMS], shard[MT_MAX_DIMS];
    double pixel_size[MT_MAX_DIMS];
    const char *unit[MT_MAX_DIMS];
} plan_reader;

static mt_status invalid(const char *member, mt_error *err)
{
    return mt_fail(err, MT_E_CORRUPT, "the plan of an unfinished image: \"%s\" is missing or invalid", member);
}

static mt_status read_sizes(const plan_reader *r, const char *member, int64_t least, int64_t *out, mt_error *err)
{
    const json_t *list = json_object_get(r->plan, member);
    size_t n = strlen(r->options.axes);
    if (json_array_size(list) != n)
        return invalid(member, err);
    for (size_t d = 0; d < n; d++) {
        const json_t *size = json_array_get(list, d);
        if (!json_is_integer(size) || json_integer_value(size) < least)
            return invalid(member, err);
        out[d] = json_integer_value(size);
    }
    return MT_OK;
}

static mt_status read_text(const plan_reader *r, const char *member, const char **out, mt_error *err)
{
    *out = json_string_value(json_object_get(r->plan, member));
    return *out ? MT_OK : invalid(member, err);
}

static mt_status read_int(const plan_reader *r, const char *member, int *out, mt_error *err)
{
    const json_t *value = json_object_get(r->plan, member);
    if (!json_is_integer(value) || json_integer_value(value) < INT32_MIN || json_integer_value(value) > INT32_MAX)
        return invalid(member, err);
    *out = (int)json_integer_value(value);
    return MT_OK;
}

static mt_status read_words(plan_reader *r, mt_error *err)
{
    mt_writer_options *o = &r->options;
    const char *dtype;
    mt_status st = read_text(r, "axes", &o->axes, err);
    if (st || (st = read_text(r, "dtype", &dtype, err)) || (st = read_text(r, "codec", &o->codec, err)) ||
        (st = read_text(r, "shuffle", &o->shuffle, err)) || (st = read_text(r, "downsample", &o->downsample, err)) ||
        (st = read_text(r, "ome", &o->ome, err)) || (st = read_text(r, "identity", &o->identity, err)) ||
        (st = read_text(r, "note", &o->note, err)) || (st = read_int(r, "codec_level", &o->codec_level, err)) ||
        (st = read_int(r, "n_levels", &o->n_levels, err)))
        return st;
    o->dtype = mt_dtype_from_name(dtype);
    o->is_labels = json_is_true(json_object_get(r->plan, "is_labels"));
    if (strncmp(o->codec, "blosc-", 6) != 0)
        o->shuffle = NULL;
    return strlen(o->axes) < MT_MAX_DIMS ? MT_OK : invalid("axes", err);
}

static mt_status read_shapes(plan_reader *r, mt_error *err)
{
    mt_writer_options *o = &r->options;
    mt_status st = read_sizes(r, "shape", 1, r->shape, err);
    if (st || (st = read_sizes(r, "chunk_shape", 1, r->chunk, err)) ||
        (st = read_sizes(r, "shard_shape", 0, r->shard, err)))
        return st;
    o->shape = r->shape;
    o->chunk_shape = r->chunk;
    o->no_shards = r->shard[0] == 0;
    o->shard_shape = o->no_shards ? NULL : r->shard;
    return MT_OK;
}

static mt_status read_scales(plan_reader *r, mt_error *err)
{
    const json_t *sizes = json_object_get(r->plan, "pixel_size"), *units = json_object_get(r->plan, "unit");
    size_t n = strlen(r->options.axes);
    if (json_array_size(sizes) != n || json_array_size(units) != n)
        return invalid("pixel_size", err);
    for (size_t d = 0; d < n; d++) {
        r->pixel_size[d] = json_number_value(json_array_get(sizes, d));
        r->unit[d] = json_string_value(json_array_get(units, d));
    }
    r->options.pixel_size = r->pixel_size;
    r->options.unit = r->unit;
    return MT_OK;
}

static mt_status read_channel(const json_t *entry, mt_channel *out, mt_error *err)
{
    const json_t *color = json_object_get(entry, "color"), *window = json_object_get(entry, "window");
    out->name = json_string_value(json_object_get(entry, "name"));
    out->has_color = color != NULL;
    for (size_t i = 0; i < 3 && color; i++)
        out->rgb[i] = (uint8_t)json_integer_value(json_array_get(color, i));
    out->has_window = window != NULL;
    for (size_t i = 0; i < 2 && window; i++)
        out->window[i] = json_number_value(json_array_get(window, i));
    return out->name ? MT_OK : invalid("channels", err);
}

static mt_status read_channels(plan_reader *r, mt_error *err)
{
    const json_t *list = json_object_get(r->plan, "channels");
    size_t n = json_array_size(list);
    const char *c = strchr(r->options.axes, 'C');
    if (n == 0)
        return MT_OK;
    if (n != (c ? (uint64_t)r->shape[c - r->options.axes] : 1))
        return invalid("channels", err);
    mt_channel *channels = mt_arena_alloc(r->arena, n, sizeof *channels, err);
    mt_status st = channels ? MT_OK : MT_E_MEMORY;
    for (size_t i = 0; i < n && !st; i++)
        st = read_channel(json_array_get(list, i), &channels[i], err);
    r->options.channels = channels;
    return st;
}

mt_status mt_plan_read(mt_arena *arena, const json_t *plan, mt_plan **out, mt_error *err)
{
    plan_reader r = { .arena = arena, .plan = plan, .options = { .struct_size = sizeof r.options } };
    const char *format;
    int version;
    mt_status st = read_int(&r, "version", &version, err);
    if (!st && version != VERSION)
        st = mt_fail(err, MT_E_UNSUPPORTED, "the plan of an unfinished image has version %d, not %d", version, VERSION);
    if (st || (st = read_text(&r, "format", &format, err)) || (st = read_words(&r, err)) ||
        (st = read_shapes(&r, err)) || (st = read_scales(&r, err)) || (st = read_channels(&r, err)))
        return st;
    const mt_sink_ops *ops = mt_sink_find(format);
    if (!ops)
        return invalid("format", err);
    return mt_sink_plan(ops, arena, &r.options, out, err);
}

/* The text of a member, cut to room bytes. */
static const char *show(mt_env *env, const json_t *value, char *text, size_t room)
{
    mt_buffer buffer = mt_buffer_on(env);
    bool is_shown = value && !mt_json_write(value, false, &buffer, NULL);
    snprintf(text, room, "%.*s", is_shown ? (int)buffer.size : 0, is_shown ? (const char *)buffer.data : "");
    mt_make_printable(text, room);
    mt_buffer_free(&buffer);
    return is_shown ? text : "not given";
}

/* The clause of an identity with the first difference, and what follows it. */
static const char *find_clause(const char *text, size_t same)
{
    while (same > 0 && strncmp(text + same - 1, ", ", 2) != 0 && text[same - 1] != '\n')
        same--;
    return text + same + (same > 0 && text[same] == ' ');
}

/* Its line. */
static const char *show_rest(const char *clause, char *out, size_t room)
{
    snprintf(out, room, "%.*s", (int)strcspn(clause, "\n"), clause);
    mt_make_printable(out, room);
    return out;
}

/* A file of the input is not what it was, or was not known. */
static mt_status other_member(const char *before, const char *after, mt_error *err)
{
    size_t n, m;
    const char *then = mt_identity_find_member(before, &n), *now = mt_identity_find_member(after, &m);
    if (then && now && n == m && strncmp(then, now, n) == 0)
        return mt_fail(err, MT_E_ARGUMENT,
                       "an unfinished image of another input exists: input changed: %.*s. Restore the file, or remove "
                       "the unfinished image",
                       (int)n, now);
    if (now && !then)
        return mt_fail(err, MT_E_ARGUMENT,
                       "an unfinished image of another input exists: it does not know the input %.*s, as if begun "
                       "before that file existed, or by an earlier version. Remove the unfinished image",
                       (int)m, now);
    return MT_OK;
}

/* The input, or what is made of it, is not what it was. */
static mt_status other_identity(const json_t *stored, const json_t *wanted, mt_error *err)
{
    const char *before = json_string_value(stored), *after = json_string_value(wanted);
    char is[160], now[160];
    size_t same = 0;
    before = before ? before : "";
    after = after ? after : "";
    while (before[same] && before[same] == after[same])
        same++;
    before = find_clause(before, same);
    after = find_clause(after, same);
    mt_status st = other_member(before, after, err);
    return st ? st
              : mt_fail(err, MT_E_ARGUMENT,
                        "an unfinished image of another input or call exists: it is of \"%s\", not \"%s\". Restore "
                        "what has changed, or remove the unfinished image",
                        show_rest(before, is, sizeof is), show_rest(after, now, sizeof now));
}

mt_status mt_plan_compare(mt_env *env, const json_t *stored, const json_t *wanted, mt_error *err)
{
    const char *member;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)wanted, member, value)
    {
        char is[120], now[120];
        const json_t *other = json_object_get(stored, member);
        bool is_equal = json_equal(value, other);
        if (!is_equal && strcmp(member, "identity") == 0)
            return other_identity(other, value, err);
        if (!is_equal)
            return mt_fail(err, MT_E_ARGUMENT,
                           "an unfinished image with other options exists: its %s is %s, not %s. Continue it with the "
                           "same options, or remove it",
                           member, show(env, other, is, sizeof is), show(env, value, now, sizeof now));
    }
    return MT_OK;
}
