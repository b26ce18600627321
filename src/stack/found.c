/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/found.h"

#include <stdio.h>
#include <string.h>

static mt_status make_room(mt_stacks *list, void **items, size_t n, size_t *room, size_t size, mt_error *err)
{
    if (n < *room)
        return MT_OK;
    size_t more = *room ? 2 * *room : 16;
    void *moved = mt_resize(&list->context->env, *items, *room * size, more * size);
    if (!moved)
        return mt_fail(err, MT_E_MEMORY, "out of memory for %zu images", more);
    *items = moved;
    *room = more;
    return MT_OK;
}

mt_status mt_stacks_find(mt_stacks *list, const char *path, mt_container **out, mt_selection *part, mt_error *err)
{
    return mt_source_find(&list->context->env, path, &list->options, &list->wrap, out, part, err);
}

static mt_status open_part(mt_stacks *list, mt_container *container, const mt_selection *part, mt_error *err)
{
    void *items = list->stacks;
    mt_stack *stack;
    mt_status st = make_room(list, &items, list->n, &list->room, sizeof *list->stacks, err);
    list->stacks = items;
    if (st || (st = mt_stack_open_part(list->context, container, part, &list->options, &stack, err)))
        return st;
    list->stacks[list->n++] = (mt_found) { stack, list->file };
    return MT_OK;
}

/* Strips the path from the start of a message. */
static const char *reason_alone(const char *message, const char *path)
{
    size_t n = strlen(path);
    if (strncmp(message, path, n) != 0)
        return message;
    return strncmp(message + n, ": ", 2) == 0 ? message + n + 2 : message;
}

mt_status mt_stacks_skip(mt_stacks *list, const char *path, const mt_error *why, mt_error *err)
{
    mt_env *env = &list->context->env;
    void *items = list->skipped;
    if (why->status == MT_E_MEMORY)
        return mt_fail(err, why->status, "%s", why->message);
    mt_status st = make_room(list, &items, list->n_skipped, &list->skipped_room, sizeof *list->skipped, err);
    list->skipped = items;
    mt_skip skip = { .status = why->status, .file = list->file };
    if (st || (st = mt_copy_text(env, path, &skip.path, err)))
        return st;
    if ((st = mt_copy_text(env, reason_alone(why->message, path), &skip.reason, err))) {
        mt_release(env, skip.path, strlen(skip.path) + 1);
        return st;
    }
    list->skipped[list->n_skipped++] = skip;
    return MT_OK;
}

static void free_skip(mt_stacks *list, const mt_skip *skip)
{
    mt_release(&list->context->env, skip->path, strlen(skip->path) + 1);
    mt_release(&list->context->env, skip->reason, strlen(skip->reason) + 1);
}

/* Opens the image of that name, or fails as the search for it did. */
static mt_status open_listed(mt_stacks *list, mt_container *container, const mt_names *names, size_t i, mt_arena *arena,
                             mt_error *why)
{
    mt_selection part;
    const char *name = mt_names_get(names, i);
    const mt_error *failure = mt_names_get_failure(names, i);
    if (failure) {
        *why = *failure;
        mt_error_prefix(why, "%s%s%s: %s", container->source.text, *name ? "#" : "", name, container->format->name);
        return why->status;
    }
    mt_status st = mt_selection_parse(arena, name, &part, why);
    return st ? st : open_part(list, container, &part, why);
}

/* Adds one of several images of a container. */
static mt_status add_one(mt_stacks *list, mt_container *container, const mt_names *names, size_t i, mt_error *first,
                         mt_error *err)
{
    mt_arena *arena;
    mt_error why = MT_ERROR_INIT;
    mt_status st = mt_arena_new(&list->context->env, &arena, err);
    if (st)
        return st;
    if (open_listed(list, container, names, i, arena, &why)) {
        const char *name = mt_names_get(names, i);
        const char *path = mt_arena_printf(arena, err, "%s%s%s", container->source.text, *name ? "#" : "", name);
        *first = first->status ? *first : why;
        st = path ? mt_stacks_skip(list, path, &why, err) : MT_E_MEMORY;
    }
    mt_arena_free(arena);
    return st;
}

static mt_status add_each(mt_stacks *list, mt_container *container, const mt_names *names, mt_error *err)
{
    size_t before = list->n, skipped = list->n_skipped;
    mt_error first = MT_ERROR_INIT;
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < mt_names_count(names); i++)
        st = add_one(list, container, names, i, &first, err);
    if (st || list->n > before)
        return st;
    while (list->n_skipped > skipped)
        free_skip(list, &list->skipped[--list->n_skipped]);
    return mt_fail(err, first.status, "%s", first.message);
}

mt_status mt_stacks_add(mt_stacks *list, mt_container *container, const mt_selection *part, mt_error *err)
{
    mt_names *names;
    bool named = *part->text != 0;
    mt_status st = named ? MT_OK : mt_names_new(&list->context->env, &names, err);
    if (st)
        return st;
    if (named) {
        st = open_part(list, container, part, err);
        return st ? st : mt_source_settle(container, err);
    }
    if ((st = mt_container_list(container, part, names, err)))
        mt_error_prefix(err, "%s", container->source.text);
    else if (mt_names_count(names) > 1 || mt_names_get_failure(names, 0))
        st = add_each(list, container, names, err);
    else /* no images: the format gives the reason */
        st = open_part(list, container, part, err);
    mt_names_free(names);
    return st ? st : mt_source_settle(container, err);
}

/* A file of a search: one that was opened, or a member of the image with that number. */
typedef struct mt_note {
    struct mt_note *next;
    size_t number;
    bool is_opened, belongs; /* was opened; is a member of an image found after it */
    char file[];
} note;

/* The identity of a file: its path, from the store and the key. A truncated path is still unique to the store. */
typedef struct identity {
    char text[4096];
} identity;

static note **identify(mt_stacks *list, const mt_store *store, const char *key, identity *out)
{
    const char *url = store->url;
    while (strncmp(url, "./", 2) == 0)
        url += 2;
    bool here = strcmp(url, ".") == 0;
    snprintf(out->text, sizeof out->text, "%s%s%s", here ? "" : url, *key && !here ? "/" : "", key);
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (const char *c = out->text; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619U;
    return &list->notes[hash % MT_NOTE_BUCKETS];
}

static note *find_note(note *first, const char *file, bool is_opened)
{
    while (first && (first->is_opened != is_opened || strcmp(first->file, file) != 0))
        first = first->next;
    return first;
}

static mt_status add_note(mt_stacks *list, note **bucket, const char *file, bool is_opened, mt_error *err)
{
    void *memory;
    size_t n = strlen(file) + 1;
    mt_status st = mt_alloc(&list->context->env, sizeof(note) + n, &memory, err);
    if (st)
        return st;
    note *added = memory;
    *added = (note) { .next = *bucket, .number = list->file, .is_opened = is_opened };
    memcpy(added->file, file, n);
    *bucket = added;
    return MT_OK;
}

mt_status mt_stacks_start_file(mt_stacks *list, const mt_container *container, bool *belongs, mt_error *err)
{
    identity file;
    note **bucket = identify(list, container->source.store, container->source.key, &file);
    *belongs = find_note(*bucket, file.text, false) != NULL;
    if (*belongs)
        return MT_OK;
    list->file = ++list->n_files;
    return add_note(list, bucket, file.text, true, err);
}

mt_status mt_stacks_note_members(mt_stacks *list, const mt_container *container, mt_error *err)
{
    mt_names *names;
    mt_status st = mt_names_new(&list->context->env, &names, err);
    if (st)
        return st;
    st = mt_container_members(container, names, err);
    for (size_t i = 0; !st && i < mt_names_count(names); i++) {
        identity file;
        note **bucket = identify(list, container->source.store, mt_names_get(names, i), &file);
        note *opened = find_note(*bucket, file.text, true);
        if (opened)
            opened->belongs = true;
        if (!find_note(*bucket, file.text, false))
            st = add_note(list, bucket, file.text, false, err);
    }
    mt_names_free(names);
    return st;
}

/* Marks the numbers of files that are members of other images, and frees the notes. */
static bool take_notes(mt_stacks *list, bool *taken)
{
    bool any = false;
    for (size_t i = 0; i < MT_NOTE_BUCKETS; i++) {
        for (note *n = list->notes[i], *next; n; n = next) {
            next = n->next;
            if (taken && n->is_opened && n->belongs)
                any = taken[n->number] = true;
            mt_release(&list->context->env, n, sizeof *n + strlen(n->file) + 1);
        }
        list->notes[i] = NULL;
    }
    return any;
}

static void take_out(mt_stacks *list, const bool *taken)
{
    size_t n = 0, n_skipped = 0;
    for (size_t i = 0; i < list->n; i++)
        if (taken[list->stacks[i].file])
            mt_stack_close(list->stacks[i].stack);
        else
            list->stacks[n++] = list->stacks[i];
    for (size_t i = 0; i < list->n_skipped; i++)
        if (taken[list->skipped[i].file])
            free_skip(list, &list->skipped[i]);
        else
            list->skipped[n_skipped++] = list->skipped[i];
    list->n = n;
    list->n_skipped = n_skipped;
}

mt_status mt_stacks_end_search(mt_stacks *list, mt_error *err)
{
    void *memory;
    size_t size = (list->n_files + 1) * sizeof(bool);
    mt_status st = mt_alloc(&list->context->env, size, &memory, err);
    if (st)
        return st;
    bool *taken = memset(memory, 0, size);
    if (take_notes(list, taken))
        take_out(list, taken);
    mt_release(&list->context->env, taken, size);
    return MT_OK;
}

void mt_stacks_close(mt_stacks *list)
{
    if (!list)
        return;
    mt_context *context = list->context;
    for (size_t i = 0; i < list->n; i++)
        mt_stack_close(list->stacks[i].stack);
    for (size_t i = 0; i < list->n_skipped; i++)
        free_skip(list, &list->skipped[i]);
    take_notes(list, NULL);
    mt_release(&context->env, list->stacks, list->room * sizeof *list->stacks);
    mt_release(&context->env, list->skipped, list->skipped_room * sizeof *list->skipped);
    mt_release(&context->env, list, sizeof *list);
    mt_context_free(context);
}

size_t mt_stacks_count(const mt_stacks *list) { return list->n; }
mt_stack *mt_stacks_get(const mt_stacks *list, size_t i) { return i < list->n ? list->stacks[i].stack : NULL; }

int mt_stacks_skipped(const mt_stacks *list, size_t i, const char **path, const char **reason)
{
    if (i >= list->n_skipped)
        return 0;
    *path = list->skipped[i].path;
    *reason = list->skipped[i].reason;
    return 1;
}

mt_status mt_stacks_skipped_status(const mt_stacks *list, size_t i)
{
    return i < list->n_skipped ? list->skipped[i].status : MT_OK;
}
