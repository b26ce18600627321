/* SPDX-License-Identifier: BSD-3-Clause */
/* Maps the dimensions of a stored array to samples, channels, planes, rows and columns. */
#include "stack/stack.h"

#include "base/checked.h"

#include <microtome/axes.h>

#include <stdio.h>
#include <string.h>

/* Suggests axes for an array of n dimensions, such as "TCZYX"; "" if there are more dimensions than letters. */
static const char *suggest(const int64_t *shape, int n, char *out)
{
    enum { MOST_SAMPLES = 4 };
    bool channels_last = n > 2 && shape[n - 1] <= MOST_SAMPLES && shape[n - 2] > MOST_SAMPLES;
    const char *letters = channels_last ? "STZYXC" : "STCZYX";
    memcpy(out, n > MT_MAX_AXES ? "" : letters + MT_MAX_AXES - n, n > MT_MAX_AXES ? 1 : (size_t)n + 1);
    return out;
}

/* The number of unnamed leading dimensions of length 1, which are dropped if more than two dimensions remain. */
static int count_leading(const mt_chunk_map *map)
{
    int n = 0;
    while (map->ndim - n > 2 && map->shape[n] == 1 && map->axes[n] == '?')
        n++;
    return n;
}

static mt_status ask(const mt_stack *stack, const char *what, mt_error *err)
{
    const mt_chunk_map *map = stack->map;
    char text[256], axes[MT_MAX_AXES + 1];
    int leading = count_leading(map);
    mt_shape_text(map->shape, map->ndim, text, sizeof text);
    suggest(map->shape + leading, map->ndim - leading, axes);
    if (!*axes)
        return mt_fail(err, MT_E_ARGUMENT, "the file does not name %s of its %s elements, and there are more than six",
                       what, text);
    return mt_fail(err, MT_E_ARGUMENT,
                   "the file does not name %s of its %s elements: name them, a letter of STCZYX each, such as "
                   "--axes %s (in Python axes=\"%s\")",
                   what, text, axes, axes);
}

mt_status mt_stack_check_axes(const mt_stack *stack, mt_error *err)
{
    const mt_stack_info *info = &stack->info;
    return info->axes_source == MT_AXES_UNKNOWN
               ? mt_fail(err, MT_E_ARGUMENT, "%s", info->warnings[info->n_warnings - 1])
               : MT_OK;
}

void mt_stack_prefix(mt_stack *const *stacks, size_t n, size_t stack, mt_error *err)
{
    const char *source = stacks[stack]->info.source;
    if (n > 1)
        mt_error_prefix(err, "stack %zu (%s)", stack, source);
    else
        mt_error_prefix(err, "%s", source);
}

/* Sets one axis per stored dimension. */
static void set_stored_axes(mt_stack *stack)
{
    const mt_chunk_map *map = stack->map;
    stack->as_stored = true;
    stack->n_axes = map->ndim;
    for (int d = 0; d < map->ndim; d++)
        stack->axes[d] = (mt_stack_axis) { d, map->shape[d], 1 };
}

/* In out, '-' is a dimension without a role. */
static mt_status take_axes(mt_stack *stack, const char *given, char *out, mt_error *err)
{
    const mt_chunk_map *map = stack->map;
    mt_named_axes named;
    mt_stack_axis axes[MT_MAX_AXES];
    mt_status st = mt_named_axes_parse(given, &named, err);
    if (st || (st = mt_named_axes_fit(&named, given, map->shape, map->ndim, axes, err)))
        return st;
    bool one_by_one = true;
    for (int i = 0; i < named.n; i++)
        one_by_one &= axes[i].dim >= 0 && (i == 0 || axes[i].dim != axes[i - 1].dim);
    if (one_by_one) {
        memset(out, '-', (size_t)map->ndim);
        out[map->ndim] = 0;
        for (int i = 0; i < named.n; i++)
            out[axes[i].dim] = named.letters[i];
        return MT_OK;
    }
    stack->as_stored = false;
    stack->n_axes = named.n;
    memcpy(stack->axes, axes, (size_t)named.n * sizeof *axes);
    memcpy(out, named.letters, (size_t)named.n + 1);
    return MT_OK;
}

/* Assumes unnamed axes: the last two are rows and columns, the others samples. */
static mt_status guess_axes(const mt_stack *stack, char *out, mt_error *err)
{
    const mt_chunk_map *map = stack->map;
    memcpy(out, map->axes, (size_t)map->ndim);
    out[map->ndim] = 0;
    if (map->ask_axes) {
        int leading = count_leading(map);
        memset(out, '-', (size_t)leading);
        if (map->ndim - leading > 2 && strchr(out, '?'))
            return ask(stack, "the axes", err);
    }
    for (const char *c = "XY"; *c; c++) {
        char *unknown = strrchr(out, '?');
        if (!strchr(out, *c) && unknown)
            *unknown = *c;
    }
    for (char *c = out; *c; c++)
        if (*c == '?')
            *c = 'S';
    return MT_OK;
}

static void add_role(mt_role *role, const char *axes, char letter)
{
    for (int i = 0; axes[i]; i++)
        if (axes[i] == letter)
            role->axes[role->n++] = i;
}

static int find_axis(const char *axes, char letter)
{
    const char *at = strchr(axes, letter);
    return at ? (int)(at - axes) : -1;
}

static mt_status role_size(const mt_stack *stack, const mt_role *role, int64_t *out, mt_error *err)
{
    *out = 1;
    for (int i = 0; i < role->n; i++)
        if (mt_mul_i64(*out, stack->axes[role->axes[i]].size, out))
            return mt_fail(err, MT_E_CORRUPT, "more than 2^63 samples or channels");
    return MT_OK;
}

static char *join_codecs(mt_stack *stack, mt_error *err)
{
    const mt_chain *chain = &stack->map->chain;
    char text[512] = "";
    size_t n = 0;
    for (int i = 0; i < chain->n_steps && n < sizeof text; i++) {
        const char *name = mt_step_known_as(&chain->steps[i]);
        if (name)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? ", " : "", name);
    }
    return mt_arena_strndup(stack->arena, text, strlen(text), err);
}

/* Converts a chunk of pages to a box along axes first to last, which share a dimension. False if it is not a box. */
static bool split_chunk(const mt_stack_axis *axes, int first, int last, int64_t chunk, int64_t *out)
{
    for (; first < last && axes[first].size == 1; first++)
        out[first] = 1;
    for (int i = last; i > first; i--) {
        int64_t size = axes[i].size;
        if (size == 0 || (chunk % size != 0 && size % chunk != 0))
            return false;
        out[i] = mt_min_i64(size, chunk);
        chunk /= out[i];
    }
    out[first] = chunk;
    return true;
}

/* Converts a chunk or shard shape to the axes; false, and all zero, if there is none or it is not a box. */
static bool split_chunks(const mt_stack *stack, const int64_t *stored, int64_t *out)
{
    const mt_chunk_map *map = stack->map;
    const mt_stack_axis *axes = stack->axes;
    int n = stack->n_axes;
    bool known = false;
    for (int d = 0; d < map->ndim; d++)
        known |= stored[d] > 0;
    for (int first = 0, last; known && first < n; first = last + 1) {
        int dim = axes[first].dim;
        for (last = first; dim >= 0 && last + 1 < n && axes[last + 1].dim == dim;)
            last++;
        if (last > first)
            known = !map->chunk_edges[dim] && split_chunk(axes, first, last, stored[dim], out);
        else
            out[first] = dim < 0 ? 1 : stored[dim];
    }
    for (int i = 0; i < n && !known; i++)
        out[i] = 0;
    return known;
}

/* Chunk shape, shard shape and pixel size along the axes of a stack. */
typedef struct cut {
    int64_t chunk[MT_MAX_DIMS], shard[MT_MAX_DIMS];
    double pixel_size[MT_MAX_DIMS];
    const char *unit[MT_MAX_DIMS];
    bool has_chunks, has_shards;
} cut;

/* Finds size and unit of a pixel along axis i. */
static void find_pixel_size(const mt_stack *stack, const char *axes, int i, cut *out)
{
    const mt_chunk_map *map = stack->map;
    const mt_stack_axis *axis = &stack->axes[i];
    bool whole = axis->dim >= 0 && axis->size == map->shape[axis->dim];
    out->pixel_size[i] = whole ? map->pixel_size[axis->dim] : 0;
    out->unit[i] = whole && map->unit[axis->dim] ? map->unit[axis->dim] : "";
    for (int k = 0; k < 3; k++)
        if (out->pixel_size[i] == 0 && axes[i] == "ZYX"[k] && map->axis_size[k] > 0) {
            out->pixel_size[i] = map->axis_size[k];
            out->unit[i] = map->axis_unit ? map->axis_unit : "";
        }
}

static void find_cut(const mt_stack *stack, const char *axes, cut *out)
{
    static const int64_t none[MT_MAX_DIMS] = { 0 };
    const mt_chunk_map *map = stack->map;
    out->has_chunks = split_chunks(stack, map->contiguous ? none : map->chunk_shape, out->chunk);
    out->has_shards = split_chunks(stack, map->shard_shape, out->shard);
    for (int i = 0; i < stack->n_axes; i++)
        find_pixel_size(stack, axes, i, out);
}

static mt_status describe_original(mt_stack *stack, const char *axes, mt_error *err)
{
    mt_stack_info *info = &stack->info;
    int n = 0;
    char kept[MT_MAX_DIMS + 1];
    cut c;
    find_cut(stack, axes, &c);
    for (int i = 0; i < stack->n_axes; i++) {
        if (axes[i] == '-')
            continue;
        kept[n] = axes[i];
        info->original_shape[n] = stack->axes[i].size;
        info->chunk_shape[n] = c.chunk[i];
        info->shard_shape[n] = c.shard[i];
        info->pixel_size[n] = c.pixel_size[i];
        info->unit[n++] = c.unit[i];
    }
    info->original_ndim = n;
    info->original_axes = mt_arena_strndup(stack->arena, kept, (size_t)n, err);
    info->codecs = join_codecs(stack, err);
    return info->original_axes && info->codecs ? MT_OK : err && err->status ? err->status : MT_E_MEMORY;
}

/* Describes a role as one axis of a view. */
static void describe_role(mt_stack *stack, const cut *c, const mt_role *role, int out)
{
    mt_stack_info *info = &stack->info;
    info->original_shape[out] = info->data_shape[out];
    info->chunk_shape[out] = c->has_chunks;
    info->shard_shape[out] = c->has_shards;
    for (int i = 0; i < role->n; i++) {
        info->chunk_shape[out] *= c->chunk[role->axes[i]];
        info->shard_shape[out] *= c->shard[role->axes[i]];
    }
    bool one = role->n == 1 && out > 0; /* samples have no pixel size, even if they are planes */
    info->pixel_size[out] = one ? c->pixel_size[role->axes[0]] : 0;
    info->unit[out] = one ? c->unit[role->axes[0]] : "";
}

static mt_status describe_view(mt_stack *stack, const char *axes, const char *depth, mt_error *err)
{
    mt_stack_info *info = &stack->info;
    bool deep = info->data_ndim == 5;
    int n = 0;
    cut c;
    find_cut(stack, axes, &c);
    describe_role(stack, &c, &stack->samples, n++);
    describe_role(stack, &c, &stack->channels, n++);
    for (int i = deep ? 0 : 1; i < 3; i++) {
        mt_role role = { .n = stack->spatial[i] >= 0, .axes = { stack->spatial[i] } };
        describe_role(stack, &c, &role, n++);
    }
    info->original_ndim = n;
    info->original_axes = !deep ? "SCYX" : *depth == 'Z' ? "SCZYX" : "SCTYX";
    info->codecs = join_codecs(stack, err);
    return info->codecs ? MT_OK : MT_E_MEMORY;
}

/* Assigns dimensions to samples, channels and depth. */
static mt_status set_roles(mt_stack *stack, const char *axes, const char *depth, mt_error *err)
{
    const char *samples = !depth ? "ST" : *depth == 'Z' ? "TS" : *depth == 'T' ? "ZS" : "TZS";
    if (depth && strcmp(depth, "none") != 0 && strcmp(depth, "Z") != 0 && strcmp(depth, "T") != 0)
        return mt_fail(err, MT_E_ARGUMENT, "the depth axis is \"none\", \"Z\" or \"T\", not \"%s\"", depth);
    for (; *samples; samples++) /* the first is slowest, whatever their order in the file */
        add_role(&stack->samples, axes, *samples);
    add_role(&stack->channels, axes, 'C');
    for (int i = 0; i < 3; i++)
        stack->spatial[i] = find_axis(axes, i == 0 && depth ? *depth : "ZYX"[i]);
    if (!depth || *depth == 'n')
        return MT_OK;
    if (stack->spatial[0] < 0 || stack->axes[stack->spatial[0]].size < 2)
        return mt_fail(err, MT_E_ARGUMENT, "the image has no axis %s of more than one plane to be its depth", depth);
    return MT_OK;
}

/* Fills the info that does not depend on the axes. */
static void describe_map(mt_stack *stack)
{
    const mt_chunk_map *map = stack->map;
    mt_stack_info *info = &stack->info;
    info->format = map->format;
    info->dtype = map->dtype;
    info->part = map->part ? map->part : "";
    info->level = map->level;
    info->n_levels = map->n_levels ? map->n_levels : 1;
    info->is_labels = map->is_labels;
    info->value_scale = map->value_scale;
    info->value_offset = map->value_offset;
    info->warnings = map->warnings.items;
    info->n_warnings = map->warnings.n;
    info->missing = map->missing.items;
    info->n_missing = map->n_missing;
}

static mt_status describe_axes(mt_stack *stack, const char *axes, const char *depth, mt_error *err)
{
    mt_stack_info *info = &stack->info;
    mt_status st = set_roles(stack, axes, depth, err);
    int n = 0;
    if (st || (st = role_size(stack, &stack->samples, &info->data_shape[n++], err)) ||
        (st = role_size(stack, &stack->channels, &info->data_shape[n++], err)))
        return st;
    for (int i = stack->spatial[0] < 0; i < 3; i++)
        info->data_shape[n++] = stack->spatial[i] < 0 ? 1 : stack->axes[stack->spatial[i]].size;
    info->data_ndim = n;
    if (stack->map->channels && (int64_t)stack->map->n_channels == info->data_shape[1])
        info->channels = stack->map->channels;
    bool is_as_stored = !depth && info->axes_source == MT_AXES_FROM_FILE;
    if (stack->map->samples && is_as_stored && (int64_t)stack->map->n_samples == info->data_shape[0])
        info->samples = stack->map->samples;
    return depth ? describe_view(stack, axes, depth, err) : describe_original(stack, axes, err);
}

/* Describes an image with unknown axes. The last warning explains what to name. */
static mt_status describe_unknown(mt_stack *stack, const mt_error *question, mt_error *err)
{
    mt_stack_info *info = &stack->info;
    const char **warnings = mt_arena_alloc(stack->arena, info->n_warnings + 1, sizeof *warnings, err);
    char *text = mt_arena_strndup(stack->arena, question->message, strlen(question->message), err);
    if (!warnings || !text)
        return MT_E_MEMORY;
    if (info->n_warnings)
        memcpy(warnings, info->warnings, info->n_warnings * sizeof *warnings);
    warnings[info->n_warnings++] = text;
    info->warnings = warnings;
    info->axes_source = MT_AXES_UNKNOWN;
    return describe_original(stack, stack->map->axes, err);
}

/* Determines the letter of each axis: from the caller, else from the file, else assumed. */
static mt_status choose_axes(mt_stack *stack, const char *given, char *out, mt_error *err)
{
    mt_status st = given ? take_axes(stack, given, out, err) : guess_axes(stack, out, err);
    if (st || stack->map->ndim < 2 || (strchr(out, 'Y') && strchr(out, 'X')))
        return st;
    return ask(stack, "Y and X among the axes", err);
}

mt_status mt_stack_describe(mt_stack *stack, const mt_open_options *options, mt_error *err)
{
    const mt_chunk_map *map = stack->map;
    char axes[MT_MAX_DIMS + 1];
    mt_error question = MT_ERROR_INIT;
    describe_map(stack);
    set_stored_axes(stack);
    mt_status st = choose_axes(stack, options->axes, axes, &question);
    if (st && !options->axes && !options->depth_axis && options->allow_unknown_axes)
        return describe_unknown(stack, &question, err);
    if (st)
        return mt_fail(err, st, "%s", question.message);
    stack->info.axes_source = options->axes                                 ? MT_AXES_FROM_CALLER
                              : map->axes_assumed || strchr(map->axes, '?') ? MT_AXES_ASSUMED
                                                                            : MT_AXES_FROM_FILE;
    return describe_axes(stack, axes, options->depth_axis, err);
}
