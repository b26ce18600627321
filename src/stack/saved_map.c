/* SPDX-License-Identifier: BSD-3-Clause */
/* Saving the map of a stack, and opening one with a saved map. */
#include "format/saved/saved.h"
#include "platform/file.h"
#include "stack/stack.h"
#include "store/blocks.h"

#include <microtome/map.h>

#include <string.h>

typedef struct noting {
    mt_stack *stack;
    const char **names;
    size_t n, room;
} noting;

static mt_status note(void *user, const char *name, mt_error *err)
{
    noting *notes = user;
    mt_arena *arena = notes->stack->arena;
    const char **names = mt_arena_grow(arena, notes->names, notes->n, &notes->room, 4, sizeof *names, err);
    char *copy = names ? mt_arena_strndup(arena, name, strlen(name), err) : NULL;
    if (!copy)
        return err && err->status ? err->status : MT_E_MEMORY;
    notes->names = names;
    notes->names[notes->n++] = copy;
    return MT_OK;
}

mt_status mt_stack_note_documents(mt_stack *stack, const mt_open_options *options, mt_error *err)
{
    noting notes = { .stack = stack };
    mt_store *store = stack->source.store;
    stack->depth_view = options->depth_axis != NULL;
    stack->masks = options->use_masks != 0;
    stack->has_saved_map = options->map != NULL;
    if (stack->has_saved_map)
        return MT_OK;
    mt_status st = MT_OK;
    if (mt_blocks_inner(store) == store) { /* a file in memory */
        stack->all_documents = true;
        st = note(&notes, stack->source.key, err);
    } else {
        st = mt_blocks_visit(store, note, &notes, &stack->all_documents, err);
    }
    stack->documents = notes.names;
    stack->n_documents = notes.n;
    return st;
}

mt_status mt_stack_save_map(mt_stack *stack, mt_write_bytes write, void *user, mt_error *err)
{
    const char *name = stack->info.source;
    if (!stack->map || !stack->source.store)
        return mt_fail(err, MT_E_UNSUPPORTED, "%s: only images in files have a map that can be saved", name);
    if (stack->has_saved_map)
        return mt_fail(err, MT_E_UNSUPPORTED, "%s was opened with a saved map: copy that", name);
    if (!stack->all_documents)
        return mt_fail(err, MT_E_LIMIT, "%s: too many files were read to open it for a saved map", name);
    mt_saved_source source = { .key = stack->source.key,
                               .selection = stack->source.selection.text,
                               .depth_view = stack->depth_view,
                               .use_masks = stack->masks,
                               .documents = stack->documents,
                               .n_documents = stack->n_documents };
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

/* What the caller asks for must be what the map is of. */
static mt_status check_options(const mt_stack *stack, const mt_open_options *options, const mt_saved_source *saved,
                               mt_error *err)
{
    const char *part = stack->source.selection.text;
    if (*part && strcmp(part, saved->selection) != 0)
        return mt_fail(err, MT_E_ARGUMENT, "the map is of \"%s\", not of \"%s\"", saved->selection, part);
    if (options->format && strcmp(options->format, stack->map->format) != 0)
        return mt_fail(err, MT_E_ARGUMENT, "the map is of format %s, not %s", stack->map->format, options->format);
    if ((options->depth_axis != NULL) != saved->depth_view || (options->use_masks != 0) != saved->use_masks)
        return mt_fail(err, MT_E_ARGUMENT, "the map was saved %s depth_axis and %s use_masks: open it likewise",
                       saved->depth_view ? "with" : "without", saved->use_masks ? "with" : "without");
    return MT_OK;
}

mt_status mt_stack_load_map(mt_stack *stack, const mt_open_options *options, mt_error *err)
{
    mt_env *env = &stack->context->env;
    mt_source *source = &stack->source;
    mt_saved_source saved;
    void *bytes;
    size_t size;
    mt_status st = read_file(env, options->map, &bytes, &size, err);
    if (st)
        return st;
    st = mt_map_read(env, source->store, source->key, bytes, size, &stack->map, &saved, err);
    mt_release(env, bytes, size);
    if (!st)
        st = check_options(stack, options, &saved, err);
    if (st) {
        mt_error_prefix(err, "%s", options->map);
        return st;
    }
    return mt_selection_parse(stack->arena, saved.selection, &source->selection, err);
}
