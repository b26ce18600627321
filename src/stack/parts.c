/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of a file, and the images of a list of paths. */
#include "stack/found.h"
#include "store/resolve.h"

#include <string.h>

typedef mt_status (*list_parts)(const mt_container *container, const mt_selection *part, mt_names *out, mt_error *err);

static mt_status list_images(const mt_container *container, const mt_selection *part, mt_names *out, mt_error *err)
{
    return mt_container_list(container, part, out, err);
}

static mt_status list_attachments(const mt_container *container, const mt_selection *part, mt_names *out, mt_error *err)
{
    (void)part;
    return mt_container_attachments(container, out, err);
}

static void leave_context(void *context) { mt_context_free(context); }

mt_status mt_names_begin(mt_context *given, mt_names **out, mt_error *err)
{
    mt_context *context = mt_context_retain(given, err);
    if (!context)
        return MT_E_MEMORY;
    mt_status st = mt_names_new(&context->env, out, err);
    if (st)
        mt_context_free(context);
    else
        mt_names_own(*out, context, leave_context);
    return st;
}

static mt_status fill_names(mt_context *context, const char *path, const mt_open_options *given, list_parts list,
                            mt_names *names, mt_error *err)
{
    mt_open_options options;
    mt_container *container;
    mt_selection part;
    mt_status st = mt_open_options_take(given, &options, err);
    options.map = NULL; /* a map describes one image */
    if (st || (st = mt_source_find(&context->env, path, &options, NULL, &container, &part, err)))
        return st;
    st = mt_source_open(container, &part, err);
    if (!st && (st = list(container, &part, names, err)))
        mt_error_prefix(err, "%s", container->source.text);
    mt_container_close(container);
    return st;
}

static mt_status list_path(mt_context *given, const char *path, const mt_open_options *options, list_parts list,
                           mt_names **out, mt_error *err)
{
    mt_names *names;
    mt_context *context = mt_context_retain(given, err);
    if (!context)
        return MT_E_MEMORY;
    mt_status st = mt_names_begin(context, &names, err);
    if (!st && (st = fill_names(context, path, options, list, names, err)))
        mt_names_free(names);
    else if (!st)
        *out = names;
    mt_context_free(context);
    return st;
}

mt_status mt_list_parts(mt_context *context, const char *path, const mt_open_options *options, mt_names **out,
                        mt_error *err)
{
    mt_error_reset(err);
    return list_path(context, path, options, list_images, out, err);
}

mt_status mt_list_attachments(mt_context *context, const char *path, const mt_open_options *options, mt_names **out,
                              mt_error *err)
{
    mt_error_reset(err);
    return list_path(context, path, options, list_attachments, out, err);
}

/* Lists the images whose names begin with "PATH/labels/". */
static mt_status list_labels(const mt_container *container, const mt_selection *part, mt_names *out, mt_error *err)
{
    mt_names *all;
    size_t n = strlen(part->path), below = n ? n + 1 : 0;
    mt_status st = mt_names_new(container->source.env, &all, err);
    if (st)
        return st;
    if (part->series <= 0) /* labels belong to the first image of a group */
        st = mt_container_list(container, part, all, err);
    for (size_t i = 0; i < mt_names_count(all) && !st; i++) {
        const char *name = mt_names_get(all, i);
        bool is_below = strncmp(name, part->path, n) == 0 && (n == 0 || name[n] == '/');
        const mt_part found = { .name = name, .title = name + below + strlen("labels/"), .type = "" };
        if (is_below && strncmp(name + below, "labels/", strlen("labels/")) == 0)
            st = mt_names_add_part(out, &found, err);
    }
    mt_names_free(all);
    return st;
}

/* Lists what belongs to a part of the file or folder of a stack. */
static mt_status list_stack(const mt_stack *stack, const char *of, list_parts list, mt_names **out, mt_error *err)
{
    mt_arena *arena;
    mt_names *names = NULL;
    mt_selection part;
    const mt_container *container = stack->map ? stack->map->container : NULL;
    if (stack->has_saved_map)
        return mt_fail(err, MT_E_UNSUPPORTED, "%s was opened with a saved map, which is of one image",
                       stack->info.source);
    mt_status st = mt_names_begin(stack->context, &names, err);
    if (st || !container) {
        *out = names;
        return st;
    }
    if (!(st = mt_arena_new(&stack->context->env, &arena, err))) {
        if (!(st = mt_selection_parse(arena, of, &part, err)) && (st = list(container, &part, names, err)))
            mt_error_prefix(err, "%s", stack->info.source);
        mt_arena_free(arena);
    }
    if (st)
        mt_names_free(names);
    else
        *out = names;
    return st;
}

mt_status mt_stack_list_parts(const mt_stack *stack, mt_names **out, mt_error *err)
{
    mt_error_reset(err);
    return list_stack(stack, stack->asked, list_images, out, err);
}

mt_status mt_stack_list_attachments(const mt_stack *stack, mt_names **out, mt_error *err)
{
    mt_error_reset(err);
    return list_stack(stack, stack->asked, list_attachments, out, err);
}

mt_status mt_stack_list_labels(const mt_stack *stack, mt_names **out, mt_error *err)
{
    mt_error_reset(err);
    return list_stack(stack, stack->info.part, list_labels, out, err);
}

mt_status mt_stack_open_beside(const mt_stack *stack, const char *name, const mt_open_options *given, mt_stack **out,
                               mt_error *err)
{
    mt_open_options options;
    mt_selection part;
    mt_arena *arena;
    mt_error_reset(err);
    mt_container *container = stack->map ? stack->map->container : NULL;
    mt_status st = mt_open_options_take(given, &options, err);
    options.map = NULL;
    if (!st && (!container || stack->has_saved_map))
        st = mt_fail(err, MT_E_ARGUMENT, "%s is not open as a file or folder with other images", stack->info.source);
    if (st || (st = mt_arena_new(&stack->context->env, &arena, err)))
        return st;
    if (!(st = mt_selection_parse(arena, name, &part, err)))
        st = mt_stack_open_part(stack->context, container, &part, &options, out, err);
    mt_arena_free(arena);
    return st;
}

static mt_status open_found(mt_stacks *list, mt_container *found, const mt_selection *part, mt_error *err)
{
    mt_error why = MT_ERROR_INIT;
    mt_status st = mt_source_open(found, part, &why);
    if (!st)
        return mt_stacks_add(list, found, part, err);
    if (st == MT_E_NOT_AN_IMAGE && found->source.folder && !*part->text)
        return mt_stacks_search(list, found, err);
    return mt_fail(err, st, "%s", why.message);
}

/* A path that exists is not a glob. */
static mt_status open_named(mt_stacks *list, const char *path, mt_error *err)
{
    mt_container *found;
    mt_selection part;
    mt_error why = MT_ERROR_INIT;
    list->file = 0;
    mt_status st = mt_stacks_find(list, path, &found, &part, &why);
    if (st == MT_E_NOT_FOUND && strpbrk(path, "*?[") && !strchr(path, '#') && !mt_is_url(path))
        return mt_stacks_search_glob(list, path, err);
    if (st)
        return mt_fail(err, st, "%s", why.message);
    st = open_found(list, found, &part, err);
    mt_container_close(found);
    return st;
}

static mt_status new_list(mt_context *given, const mt_open_options *options, mt_stacks **out, mt_error *err)
{
    mt_context *context = mt_context_retain(given, err);
    if (!context)
        return MT_E_MEMORY;
    void *memory;
    mt_status st = mt_alloc(&context->env, sizeof(mt_stacks), &memory, err);
    if (st) {
        mt_context_free(context);
        return st;
    }
    *out = memset(memory, 0, sizeof(mt_stacks));
    (*out)->context = context;
    st = mt_open_options_take(options, &(*out)->options, err);
    if (!st && (*out)->options.map)
        st = mt_fail(err, MT_E_ARGUMENT, "a saved map describes one image only");
    if (st)
        mt_stacks_close(*out);
    return st;
}

mt_status mt_stacks_open_wrapped(mt_context *context, const char *const *paths, size_t n,
                                 const mt_open_options *options, const mt_store_wrap *wrap, mt_stacks **out,
                                 mt_error *err)
{
    mt_stacks *list;
    mt_error own = MT_ERROR_INIT;
    err = err ? err : &own;
    mt_status st = new_list(context, options, &list, err);
    if (st)
        return st;
    if (wrap)
        list->wrap = *wrap;
    for (size_t i = 0; !st && i < n; i++)
        st = open_named(list, paths[i], err);
    list->options = (mt_open_options) { 0 }; /* its pointers are borrowed from the caller */
    if (st)
        mt_stacks_close(list);
    else
        *out = list;
    return st;
}

mt_status mt_stacks_open(mt_context *context, const char *const *paths, size_t n, const mt_open_options *options,
                         mt_stacks **out, mt_error *err)
{
    mt_error_reset(err);
    return mt_stacks_open_wrapped(context, paths, n, options, NULL, out, err);
}
