/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens a file in memory and reads a patch at its first and last corner, of its first levels and parts also, with tight
 * limits. */
#ifndef MT_FUZZ_FILE_H
#define MT_FUZZ_FILE_H

#include "outcome.h"

#include <microtome/microtome.h>

enum { FUZZ_MOST_BESIDE = 3 };

static void read_corner(mt_stack *stack, const int64_t *coords)
{
    static const int64_t size[3] = { 2, 17, 33 }, channel = 0;
    static float patch[2 * 17 * 33];
    const mt_stack_info *info = mt_stack_get_info(stack);
    size_t n = (size_t)info->data_ndim - 2;
    mt_error err = MT_ERROR_INIT;
    if (outcome_status(
            mt_stack_extract_patch(stack, info->data_shape[0] - 1, &channel, 1, coords, size + 3 - n, n, patch, &err),
            &err))
        return;
    outcome_bytes(patch, (n == 3 ? 2 : 1) * 17 * 33 * sizeof *patch);
}

static void read_corners(mt_stack *stack)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    static const int64_t first[3] = { -1, -1, -1 };
    int n = info->data_ndim - 2;
    int64_t last[3];
    for (int i = 0; i < n; i++)
        last[i] = info->data_shape[2 + i] - 1;
    read_corner(stack, first);
    read_corner(stack, last);
}

static void note_channels(const mt_stack_info *info)
{
    for (int64_t i = 0; info->channels && i < info->data_shape[1] && i < 10; i++) {
        const mt_channel *c = &info->channels[i];
        outcome_text(c->name);
        outcome_bytes(c->rgb, c->has_color ? 3 : 0);
        for (int k = 0; c->has_window && k < 2; k++)
            outcome_real(c->window[k]);
    }
}

static void note_samples(const mt_stack_info *info)
{
    for (int64_t i = 0; info->samples && i < info->data_shape[0] && i < 10; i++) {
        const mt_sample_info *s = &info->samples[i];
        outcome_text(s->name);
        for (int k = 0; s->has_position && k < 3; k++)
            outcome_real(s->position[k]);
        if (s->has_time)
            outcome_real(s->time);
    }
}

static void note_axes(const mt_stack_info *info)
{
    outcome_text(info->original_axes);
    for (int i = 0; i < info->original_ndim; i++) {
        outcome_number(info->original_shape[i]);
        outcome_number(info->chunk_shape[i]);
        outcome_number(info->shard_shape[i]);
        outcome_real(info->pixel_size[i]);
        outcome_text(info->unit[i]);
    }
    for (int i = 0; i < info->data_ndim; i++)
        outcome_number(info->data_shape[i]);
    outcome_number(info->axes_source);
}

static void note_info(const mt_stack_info *info)
{
    outcome_text(info->format);
    outcome_text(info->codecs);
    outcome_text(info->part);
    outcome_number(info->dtype);
    note_axes(info);
    outcome_number(info->level);
    outcome_number(info->n_levels);
    outcome_number((int64_t)info->n_missing);
    outcome_number(info->is_labels);
    outcome_real(info->value_scale);
    outcome_real(info->value_offset);
    for (size_t i = 0; i < info->n_warnings && i < 10; i++)
        outcome_text(info->warnings[i]);
    for (size_t i = 0; i < info->n_missing && i < 10; i++)
        outcome_text(info->missing[i]);
    note_channels(info);
    note_samples(info);
}

/* Opens with axes if the file does not name them. */
static mt_status open_named(mt_context *context, const char *name, const uint8_t *data, size_t size,
                            const mt_open_options *given, mt_stack **out)
{
    static const char *const axes[] = { "", "X", "YX", "SYX", "STYX", "STCYX", "STCZYX" };
    mt_open_options options = given ? *given : (mt_open_options) { .struct_size = sizeof options };
    mt_error err = MT_ERROR_INIT;
    options.allow_unknown_axes = 1;
    mt_status st = mt_stack_open_memory(context, name, data, size, &options, out, &err);
    if (outcome_status(st, &err) || mt_stack_get_info(*out)->data_ndim > 0)
        return st;
    note_info(mt_stack_get_info(*out));
    int n = mt_stack_get_info(*out)->original_ndim;
    mt_stack_close(*out);
    options.axes = n == 3 && size % 2 ? "TC2YX" : axes[n > 6 ? 6 : n];
    return outcome_status(mt_stack_open_memory(context, name, data, size, &options, out, &err), &err);
}

static void read_beside(mt_stack *stack, const char *part)
{
    mt_open_options options = { .struct_size = sizeof options, .allow_unknown_axes = 1 };
    mt_error err = MT_ERROR_INIT;
    mt_stack *other;
    if (outcome_status(mt_stack_open_beside(stack, part, &options, &other, &err), &err))
        return;
    note_info(mt_stack_get_info(other));
    if (mt_stack_get_info(other)->data_ndim > 0)
        read_corners(other);
    mt_stack_close(other);
}

static void list_beside(mt_stack *stack, mt_status (*list)(const mt_stack *, mt_names **, mt_error *))
{
    mt_error err = MT_ERROR_INIT;
    mt_names *names;
    if (outcome_status(list(stack, &names, &err), &err))
        return;
    outcome_number((int64_t)mt_names_count(names));
    for (size_t i = 0; i < mt_names_count(names) && i < 20; i++) {
        const mt_part *part = mt_names_get_part(names, i);
        outcome_text(mt_names_get(names, i));
        outcome_text(part ? part->title : "");
        outcome_text(part ? part->type : "");
        outcome_number(part ? (int64_t)part->size : 0);
        outcome_number(part ? part->height : 0);
        outcome_number(part ? part->width : 0);
    }
    for (size_t i = 0; i < mt_names_count(names) && i < FUZZ_MOST_BESIDE; i++)
        if (*mt_names_get(names, i))
            read_beside(stack, mt_names_get(names, i));
    mt_names_free(names);
}

static void read_all(mt_stack *stack)
{
    static const char *const levels[] = { "level=1", "level=2" };
    note_info(mt_stack_get_info(stack));
    read_corners(stack);
    for (int i = 0; i < 2 && i + 1 < mt_stack_get_info(stack)->n_levels; i++)
        read_beside(stack, levels[i]);
    list_beside(stack, mt_stack_list_parts);
    list_beside(stack, mt_stack_list_attachments);
}

/* open_options may be NULL. Returns 0 if the file does not open. */
static int open_and_read(const char *name, const uint8_t *data, size_t size, const mt_open_options *open_options)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = 1 << 20 };
    options.limits.max_metadata_bytes = 4 << 20;
    options.limits.max_chunk_bytes = 4 << 20;
    options.limits.max_pages = 1000;
    mt_context *context;
    mt_stack *stack;
    if (mt_context_new(&options, &context, NULL))
        return 0;
    int opens = open_named(context, name, data, size, open_options, &stack) == MT_OK;
    if (opens) {
        read_all(stack);
        mt_stack_close(stack);
    }
    mt_context_free(context);
    return opens;
}

#endif
