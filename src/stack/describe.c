/* SPDX-License-Identifier: BSD-3-Clause */
/* How the dimensions of a stored array become samples, channels, planes, rows and columns. */
#include "stack/stack.h"

#include "base/checked.h"

#include <microtome/axes.h>

#include <stdio.h>
#include <string.h>

static const char *shape_text(const mt_chunk_map *map, char *text, size_t room)
{
    size_t n = 0;
    text[0] = 0;
    for (int d = 0; d < map->ndim && n < room; d++)
        n += (size_t)snprintf(text + n, room - n, "%s%lld", d ? " x " : "", (long long)map->shape[d]);
    return text;
}

static int count_long(const mt_chunk_map *map)
{
    int n = 0;
    for (int d = 0; d < map->ndim; d++)
        n += map->shape[d] != 1;
    return n;
}

/* The caller's axes name all dimensions, or all that are longer than 1; '-' is then a dimension of no role. */
static mt_status take_axes(const mt_chunk_map *map, const char *axes, char *out, mt_error *err)
{
    char text[256];
    mt_status st = mt_axes_check(axes, err);
    if (st)
        return st;
    int n = (int)strlen(axes);
    if (n == map->ndim) {
        memcpy(out, axes, (size_t)n + 1);
        return MT_OK;
    }
    if (n != count_long(map))
        return mt_fail(err, MT_E_ARGUMENT, "axes \"%s\" name %d dimensions, the image has %d: %s", axes, n, map->ndim,
                       shape_text(map, text, sizeof text));
    for (int d = 0; d < map->ndim; d++)
        out[d] = map->shape[d] == 1 ? '-' : *axes++;
    out[map->ndim] = 0;
    return MT_OK;
}

/* What the file does not name: the last two are rows and columns, the others samples. */
static void guess_axes(const mt_chunk_map *map, char *out)
{
    memcpy(out, map->axes, (size_t)map->ndim);
    out[map->ndim] = 0;
    for (const char *c = "XY"; *c; c++) {
        char *unknown = strrchr(out, '?');
        if (!strchr(out, *c) && unknown)
            *unknown = *c;
    }
    for (char *c = out; *c; c++)
        if (*c == '?')
            *c = 'S';
}

static void add_role(mt_role *role, const char *axes, char letter)
{
    for (int d = 0; axes[d]; d++)
        if (axes[d] == letter)
            role->dims[role->n++] = d;
}

static int find_dim(const char *axes, char letter)
{
    const char *at = strchr(axes, letter);
    return at ? (int)(at - axes) : -1;
}

static mt_status role_size(const mt_chunk_map *map, const mt_role *role, int64_t *out, mt_error *err)
{
    *out = 1;
    for (int i = 0; i < role->n; i++)
        if (mt_mul_i64(*out, map->shape[role->dims[i]], out))
            return mt_fail(err, MT_E_CORRUPT, "more than 2^63 samples or channels");
    return MT_OK;
}

static char *join_codecs(mt_stack *stack, mt_error *err)
{
    const mt_chain *chain = &stack->map->chain;
    char text[512] = "";
    size_t n = 0;
    for (int i = 0; i < chain->n_steps && n < sizeof text; i++)
        if (!chain->steps[i].codec->is_mending)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? ", " : "", chain->steps[i].codec->name);
    return mt_arena_strndup(stack->arena, text, strlen(text), err);
}

static mt_status describe_original(mt_stack *stack, const char *axes, mt_error *err)
{
    const mt_chunk_map *map = stack->map;
    mt_stack_info *info = &stack->info;
    int n = 0;
    char kept[MT_MAX_DIMS + 1];
    for (int d = 0; d < map->ndim; d++) {
        if (axes[d] == '-')
            continue;
        kept[n] = axes[d];
        info->original_shape[n] = map->shape[d];
        info->chunk_shape[n] = map->contiguous ? 0 : map->chunk_shape[d];
        info->shard_shape[n] = map->shard_shape[d];
        info->pixel_size[n] = map->pixel_size[d];
        info->unit[n++] = map->unit[d] ? map->unit[d] : "";
    }
    info->original_ndim = n;
    info->original_axes = mt_arena_strndup(stack->arena, kept, (size_t)n, err);
    info->codecs = join_codecs(stack, err);
    return info->original_axes && info->codecs ? MT_OK : err && err->status ? err->status : MT_E_MEMORY;
}

/* A role as one axis of a view. */
static void describe_role(mt_stack *stack, const mt_role *role, int out)
{
    const mt_chunk_map *map = stack->map;
    mt_stack_info *info = &stack->info;
    info->original_shape[out] = info->data_shape[out];
    info->chunk_shape[out] = map->contiguous ? 0 : 1;
    info->shard_shape[out] = role->n && map->shard_shape[role->dims[0]] ? 1 : 0;
    for (int i = 0; i < role->n; i++) {
        info->chunk_shape[out] *= map->chunk_shape[role->dims[i]];
        info->shard_shape[out] *= map->shard_shape[role->dims[i]];
    }
    bool one = role->n == 1 && out > 0; /* samples have no size, even if they are planes */
    info->pixel_size[out] = one ? map->pixel_size[role->dims[0]] : 0;
    info->unit[out] = one && map->unit[role->dims[0]] ? map->unit[role->dims[0]] : "";
}

static mt_status describe_view(mt_stack *stack, const char *depth, mt_error *err)
{
    mt_stack_info *info = &stack->info;
    bool deep = info->data_ndim == 5;
    int n = 0;
    describe_role(stack, &stack->samples, n++);
    describe_role(stack, &stack->channels, n++);
    for (int i = deep ? 0 : 1; i < 3; i++) {
        mt_role role = { .n = stack->spatial[i] >= 0, .dims = { stack->spatial[i] } };
        describe_role(stack, &role, n++);
    }
    info->original_ndim = n;
    info->original_axes = !deep ? "SCYX" : *depth == 'Z' ? "SCZYX" : "SCTYX";
    info->codecs = join_codecs(stack, err);
    return info->codecs ? MT_OK : MT_E_MEMORY;
}

/* Which dimensions are samples, channels and depth. */
static mt_status set_roles(mt_stack *stack, const char *axes, const char *depth, mt_error *err)
{
    const char *samples = !depth ? "ST" : *depth == 'Z' ? "TS" : *depth == 'T' ? "ZS" : "TZS";
    if (depth && strcmp(depth, "none") != 0 && strcmp(depth, "Z") != 0 && strcmp(depth, "T") != 0)
        return mt_fail(err, MT_E_ARGUMENT, "the depth axis is \"none\", \"Z\" or \"T\", not \"%s\"", depth);
    for (; *samples; samples++) /* the first is slow, whatever their order in the file */
        add_role(&stack->samples, axes, *samples);
    add_role(&stack->channels, axes, 'C');
    for (int i = 0; i < 3; i++)
        stack->spatial[i] = find_dim(axes, i == 0 && depth ? *depth : "ZYX"[i]);
    if (!depth || *depth == 'n')
        return MT_OK;
    if (stack->spatial[0] < 0 || stack->map->shape[stack->spatial[0]] < 2)
        return mt_fail(err, MT_E_ARGUMENT, "the image has no axis %s of more than one plane to be its depth", depth);
    return MT_OK;
}

mt_status mt_stack_describe(mt_stack *stack, const char *given, const char *depth, mt_error *err)
{
    const mt_chunk_map *map = stack->map;
    mt_stack_info *info = &stack->info;
    char axes[MT_MAX_DIMS + 1], text[256];
    mt_status st = MT_OK;
    if (given)
        st = take_axes(map, given, axes, err);
    else if (map->ask_axes && map->ndim > 2 && strchr(map->axes, '?'))
        return mt_fail(err, MT_E_ARGUMENT,
                       "the file does not say which axes its %s elements have: name them, a letter of STCZYX each",
                       shape_text(map, text, sizeof text));
    else
        guess_axes(map, axes);
    if (st)
        return st;
    info->axes_source = given                                         ? MT_AXES_FROM_CALLER
                        : map->axes_assumed || strchr(map->axes, '?') ? MT_AXES_ASSUMED
                                                                      : MT_AXES_FROM_FILE;
    if (map->ndim >= 2 && (!strchr(axes, 'Y') || !strchr(axes, 'X')))
        return mt_fail(err, MT_E_ARGUMENT, "no axes Y and X in \"%s\" (%s): name the axes", axes,
                       shape_text(map, text, sizeof text));

    if ((st = set_roles(stack, axes, depth, err)))
        return st;

    int n = 0;
    if ((st = role_size(map, &stack->samples, &info->data_shape[n++], err)) ||
        (st = role_size(map, &stack->channels, &info->data_shape[n++], err)))
        return st;
    for (int i = stack->spatial[0] < 0; i < 3; i++)
        info->data_shape[n++] = stack->spatial[i] < 0 ? 1 : map->shape[stack->spatial[i]];
    info->data_ndim = n;
    info->format = map->format;
    info->dtype = map->dtype;
    info->part = map->part ? map->part : "";
    info->level = map->level;
    info->n_levels = map->n_levels ? map->n_levels : 1;
    info->is_labels = map->is_labels;
    info->warnings = map->warnings.items;
    info->n_warnings = map->warnings.n;
    info->missing = map->missing.items;
    info->n_missing = map->n_missing;
    if (map->channels && (int64_t)map->n_channels == info->data_shape[1])
        info->channels = map->channels;
    return depth ? describe_view(stack, depth, err) : describe_original(stack, axes, err);
}
