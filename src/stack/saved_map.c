/* SPDX-License-Identifier: BSD-3-Clause */
/* Saving the map of a stack, and opening one with a saved map. */
#include "format/saved/saved.h"
#include "platform/file.h"
#include "stack/stack.h"

#include <microtome/map.h>

#include <string.h>

mt_status mt_stack_save_map(mt_stack *stack, mt_write_bytes write, void *user, mt_error *err)
{
    mt_error_reset(err);
    const char *name = stack->info.source;
    const mt_container *container = stack->map ? stack->map->container : NULL;
    if (!container)
        return mt_fail(err, MT_E_UNSUPPORTED, "%s: only images in files have a map that can be saved", name);
    if (stack->has_saved_map)
        return mt_fail(err, MT_E_UNSUPPORTED, "%s was opened with a saved map: copy that", name);
    if (!container->all_documents)
        return mt_fail(err, MT_E_LIMIT, "%s: too many files were read to open it for a saved map", name);
    mt_saved_source source = { .key = container->source.key,
                               .selection = stack->asked,
                               .depth_view = stack->depth_view,
                               .use_masks = stack->masks,
                               .scaled = stack->scaled,
                               .merge_tiles = stack->merged,
                               .members = stack->members,
                               .documents = container->documents,
                               .n_documents = container->n_documents };
    mt_buffer out = mt_buffer_on(&stack->context->env);
    mt_status st = mt_map_write(stack->map, &source, &out, err);
    if (st)
        mt_error_prefix(err, "%s: its map cannot be saved", name);
    else if (write(user, out.data, out.size) != 0)
        st = mt_fail(err, MT_E_IO, "the map of %s could not be written", name);
    mt_buffer_free(&out);
    return st;
}

static mt_status read_file(mt_env *env, const char *path, void **out, size_t *size, mt_error *err)
{
    mt_file file;
    uint64_t bytes;
    mt_status st = mt_file_open(path, &file, err);
    if (st)
        return st;
    st = mt_file_size(file, path, &bytes, err);
    if (!st && bytes > env->limits.max_metadata_bytes)
        st = mt_fail(err, MT_E_LIMIT, "%s has %llu bytes, more than max_metadata_bytes (%zu)", path,
                     (unsigned long long)bytes, env->limits.max_metadata_bytes);
    *size = (size_t)bytes;
    if (!st && !(st = mt_alloc(env, *size, out, err)) && (st = mt_file_read(file, path, 0, *out, *size, err)))
        mt_release(env, *out, *size);
    mt_file_close(file);
    return st;
}

static const char *with(bool option) { return option ? "with" : "without"; }

/* The caller's options must match those with which the map was saved. */
static mt_status check_options(const mt_stack *stack, const mt_selection *part, const mt_open_options *options,
                               const mt_saved_source *saved, mt_error *err)
{
    if (*part->text && strcmp(part->text, saved->selection) != 0)
        return mt_fail(err, MT_E_ARGUMENT, "the map is of \"%s\", not of \"%s\"", saved->selection, part->text);
    if (options->format && strcmp(options->format, stack->map->format) != 0)
        return mt_fail(err, MT_E_ARGUMENT, "the map is of format %s, not %s", stack->map->format, options->format);
    if ((options->depth_axis != NULL) != saved->depth_view || (options->use_masks != 0) != saved->use_masks ||
        (options->scaled != 0) != saved->scaled || (options->merge_tiles != 0) != saved->merge_tiles)
        return mt_fail(
            err, MT_E_ARGUMENT,
            "the map was saved %s depth_axis, %s use_masks, %s scaled and %s merge_tiles: open it in the same way",
            with(saved->depth_view), with(saved->use_masks), with(saved->scaled), with(saved->merge_tiles));
    return MT_OK;
}

mt_status mt_stack_load_map(mt_stack *stack, mt_container *container, const mt_selection *part,
                            const mt_open_options *options, const char **asked, mt_error *err)
{
    mt_env *env = &stack->context->env;
    const mt_source *source = &container->source;
    mt_saved_source saved;
    void *bytes;
    size_t size;
    mt_status st = read_file(env, options->map, &bytes, &size, err);
    if (st)
        return st;
    st = mt_map_read(env, source->store, source->key, bytes, size, &stack->map, &saved, err);
    mt_release(env, bytes, size);
    if (!st)
        st = check_options(stack, part, options, &saved, err);
    if (st) {
        mt_error_prefix(err, "%s", options->map);
        return st;
    }
    stack->map->container = mt_container_retain(container);
    stack->is_identified = saved.identity != NULL;
    if (saved.identity)
        stack->identity = *saved.identity;
    stack->members = saved.members;
    *asked = saved.selection;
    return MT_OK;
}
