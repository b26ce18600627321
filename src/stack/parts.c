/* SPDX-License-Identifier: BSD-3-Clause */
/* What paths stand for: the parts of a file, and the images of folders, globs and lists. */
#include "platform/file.h"
#include "stack/stack.h"

#include <microtome/parts.h>

#include <string.h>

#define MAX_DEPTH 64 /* of folders; deeper ones are skipped, saying so */

typedef enum listed { PARTS, ATTACHMENTS } listed;

static mt_status list_source(const mt_source *source, listed what, mt_names *names, mt_error *err)
{
    const mt_format *format;
    mt_status st = mt_format_probe(source, &format, err);
    if (st)
        return st;
    if (what == ATTACHMENTS)
        st = format->attachments ? format->attachments(source, names, err) : MT_OK;
    else
        st = format->list ? format->list(source, names, err) : mt_names_add(names, source->selection.text, err);
    if (st)
        mt_error_prefix(err, "%s", format->name);
    return st;
}

/* Fills names with what a path holds, as it stands behind '#'. */
static mt_status list_path(mt_context *context, const char *path, const mt_open_options *given, listed what,
                           mt_names *names, mt_error *err)
{
    mt_open_options options;
    mt_arena *arena;
    mt_source source;
    mt_status st = mt_open_options_take(given, &options, err);
    if (st || (st = mt_arena_new(&context->env, &arena, err)))
        return st;
    options.map = NULL; /* which is of one image */
    st = mt_source_open(&context->env, path, &options, arena, NULL, &source, err);
    if (!st && (st = list_source(&source, what, names, err)))
        mt_error_prefix(err, "%s", path);
    mt_source_close(&source);
    mt_arena_free(arena);
    return st;
}

static void leave_context(void *context) { mt_context_free(context); }

static mt_status list_names(mt_context *given, const char *path, const mt_open_options *options, listed what,
                            mt_names **out, mt_error *err)
{
    mt_context *context = mt_context_retain(given, err);
    if (!context)
        return MT_E_MEMORY;
    mt_names *names;
    mt_status st = mt_names_new(&context->env, &names, err);
    if (st) {
        mt_context_free(context);
        return st;
    }
    mt_names_own(names, context, leave_context);
    if ((st = list_path(context, path, options, what, names, err)))
        mt_names_free(names);
    else
        *out = names;
    return st;
}

mt_status mt_list_parts(mt_context *context, const char *path, const mt_open_options *options, mt_names **out,
                        mt_error *err)
{
    return list_names(context, path, options, PARTS, out, err);
}

mt_status mt_list_attachments(mt_context *context, const char *path, const mt_open_options *options, mt_names **out,
                              mt_error *err)
{
    return list_names(context, path, options, ATTACHMENTS, out, err);
}

struct mt_stacks {
    mt_context *context;
    mt_stack **stacks;
    size_t n, room;
    mt_names *skipped, *reasons;
};

static mt_status keep_stack(mt_stacks *list, mt_stack *stack, mt_error *err)
{
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        void *moved = mt_resize(&list->context->env, list->stacks, list->room * sizeof stack, room * sizeof stack);
        if (!moved) {
            mt_stack_close(stack);
            return mt_fail(err, MT_E_MEMORY, "out of memory for %zu images", room);
        }
        list->stacks = moved;
        list->room = room;
    }
    list->stacks[list->n++] = stack;
    return MT_OK;
}

/* Without the path that messages start with: the reason stands beside it. */
static const char *reason_alone(const char *message, const char *path)
{
    size_t n = strlen(path);
    if (strncmp(message, path, n) != 0)
        return message;
    return message[n] == '#' ? message + n + 1 : strncmp(message + n, ": ", 2) == 0 ? message + n + 2 : message;
}

static mt_status note_skipped(mt_stacks *list, const char *path, const mt_error *why, mt_error *err)
{
    if (why->status == MT_E_MEMORY)
        return mt_fail(err, why->status, "%s", why->message);
    mt_status st = mt_names_add(list->skipped, path, err);
    return st ? st : mt_names_add(list->reasons, reason_alone(why->message, path), err);
}

/* All images of one file, or of one folder that is an image; the part that the path names, if it names one. */
static mt_status open_images(mt_stacks *list, const char *path, const mt_open_options *options, mt_error *err)
{
    mt_open_options each;
    mt_names *names = NULL;
    mt_status st = mt_open_options_take(options, &each, err);
    bool named = each.part || (strchr(path, '#') && mt_path_get_kind(path) == MT_PATH_NONE);
    if (!st && !named)
        st = mt_list_parts(list->context, path, options, &names, err);
    size_t n = names ? mt_names_count(names) : 1;
    for (size_t i = 0; !st && i < n; i++) {
        mt_stack *stack;
        if (n > 1)
            each.part = mt_names_get(names, i);
        st = mt_stack_open(list->context, path, &each, &stack, err);
        if (!st)
            st = keep_stack(list, stack, err);
    }
    mt_names_free(names);
    return st;
}

typedef struct search {
    mt_stacks *list;
    const mt_open_options *options;
    const char *folder;
    const char *pattern;        /* of the names below folder, "" for all; may hold '/' */
    const struct search *above; /* of the folder that this one lies in, or NULL */
    int depth;
} search;

static mt_status search_folder(const search *s, mt_error *err);

/* Whether a name fits a pattern of *, ? and [...], up to the pattern's end or next '/'. Bounded: a '*' is tried again
 * only from where it last stood. */
static bool fits_set(const char **pattern, char c)
{
    const char *p = *pattern + 1;
    bool negated = *p == '!' || *p == '^', found = false;
    p += negated;
    do {
        if (!*p)
            return false;
        if (p[1] == '-' && p[2] && p[2] != ']') {
            found |= c >= p[0] && c <= p[2];
            p += 3;
        } else {
            found |= c == *p++;
        }
    } while (*p != ']');
    *pattern = p + 1;
    return found != negated;
}

static bool fits(const char *pattern, size_t n, const char *name)
{
    const char *end = pattern + n, *star = NULL, *after = NULL;
    while (*name) {
        const char *next = pattern;
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            after = name;
        } else if (pattern < end &&
                   (*pattern == '?' || *pattern == *name || (*pattern == '[' && fits_set(&next, *name)))) {
            pattern = *pattern == '[' && next != pattern ? next : pattern + 1;
            name++;
        } else if (star) {
            pattern = star;
            name = ++after;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

/* One thing that a folder or a glob has brought: an image, a folder to search, or something to skip. */
static mt_status take_found(const search *s, const char *path, mt_error *err)
{
    mt_error why = MT_ERROR_INIT;
    size_t before = s->list->n;
    mt_status st = open_images(s->list, path, s->options, &why);
    if (!st)
        return MT_OK;
    bool folder = mt_path_get_kind(path) == MT_PATH_FOLDER;
    if (folder && why.status == MT_E_UNSUPPORTED && s->list->n == before && s->depth < MAX_DEPTH) {
        search below = { s->list, s->options, path, "", s, s->depth + 1 };
        return search_folder(&below, err);
    }
    return note_skipped(s->list, path, &why, err);
}

/* Whether a name fits what stands last behind a "**". */
static bool fits_below(const char *pattern, const char *name)
{
    return pattern[2] == '/' && !strchr(pattern + 3, '/') && fits(pattern + 3, strlen(pattern + 3), name);
}

static mt_status visit_name(void *user, const char *name, mt_error *err)
{
    const search *s = user;
    size_t n = strcspn(s->pattern, "/");
    bool last = s->pattern[n] == 0, deep = n == 2 && memcmp(s->pattern, "**", 2) == 0;
    if (name[0] == '.' || (n > 0 && !deep && !fits(s->pattern, n, name)))
        return MT_OK;
    mt_arena *arena;
    mt_status st = mt_arena_new(&s->list->context->env, &arena, err);
    if (st)
        return st;
    const char *path = mt_arena_printf(arena, err, "%s%s%s", s->folder, strcmp(s->folder, "/") == 0 ? "" : "/", name);
    bool folder = path && mt_path_get_kind(path) == MT_PATH_FOLDER;
    search below = { s->list, s->options, path, deep ? s->pattern : s->pattern + n + !last, s, s->depth + 1 };
    if (!path)
        st = MT_E_MEMORY;
    else if (deep ? fits_below(s->pattern, name) : last)
        st = take_found(s, path, err);
    else if (folder && s->depth < MAX_DEPTH)
        st = search_folder(&below, err);
    mt_arena_free(arena);
    return st;
}

static mt_status search_folder(const search *s, mt_error *err)
{
    for (const search *a = s->above; a; a = a->above)
        if (mt_path_is_same(a->folder, s->folder)) {
            mt_error why = MT_ERROR_INIT;
            mt_fail(&why, MT_E_UNSUPPORTED, "links back to %s, which is searched already", a->folder);
            return note_skipped(s->list, s->folder, &why, err);
        }
    return mt_path_list(&s->list->context->env, s->folder, visit_name, (void *)(uintptr_t)s, err);
}

/* The folder before the first pattern of a glob, which is split there. */
static mt_status search_glob(mt_stacks *list, const char *glob, const mt_open_options *options, mt_error *err)
{
    size_t n = strcspn(glob, "*?[");
    while (n > 0 && glob[n - 1] != '/')
        n--;
    mt_arena *arena;
    mt_status st = mt_arena_new(&list->context->env, &arena, err);
    if (st)
        return st;
    const char *folder = n == 0 ? "." : n == 1 ? "/" : mt_arena_strndup(arena, glob, n - 1, err);
    search s = { list, options, folder, glob + n, NULL, 0 };
    st = folder ? search_folder(&s, err) : MT_E_MEMORY;
    mt_arena_free(arena);
    return st;
}

static mt_status open_named(mt_stacks *list, const char *path, const mt_open_options *options, mt_error *err)
{
    if (strpbrk(path, "*?[") && mt_path_get_kind(path) == MT_PATH_NONE && !strchr(path, '#'))
        return search_glob(list, path, options, err);
    mt_error why = MT_ERROR_INIT;
    mt_status st = open_images(list, path, options, &why);
    if (st == MT_E_UNSUPPORTED && mt_path_get_kind(path) == MT_PATH_FOLDER) {
        search s = { list, options, path, "", NULL, 0 };
        return search_folder(&s, err);
    }
    return st ? mt_fail(err, st, "%s", why.message) : MT_OK;
}

static mt_status new_list(mt_context *given, mt_stacks **out, mt_error *err)
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
    *out = memory;
    **out = (mt_stacks) { .context = context };
    if ((st = mt_names_new(&context->env, &(*out)->skipped, err)) ||
        (st = mt_names_new(&context->env, &(*out)->reasons, err)))
        mt_stacks_close(*out);
    return st;
}

mt_status mt_stacks_open(mt_context *context, const char *const *paths, size_t n, const mt_open_options *options,
                         mt_stacks **out, mt_error *err)
{
    mt_stacks *list;
    mt_open_options taken;
    mt_status st = mt_open_options_take(options, &taken, err);
    if (!st && taken.map)
        st = mt_fail(err, MT_E_ARGUMENT, "a saved map is of one image");
    if (st || (st = new_list(context, &list, err)))
        return st;
    for (size_t i = 0; !st && i < n; i++)
        st = open_named(list, paths[i], options, err);
    if (st)
        mt_stacks_close(list);
    else
        *out = list;
    return st;
}

void mt_stacks_close(mt_stacks *list)
{
    if (!list)
        return;
    mt_context *context = list->context;
    for (size_t i = 0; i < list->n; i++)
        mt_stack_close(list->stacks[i]);
    mt_names_free(list->skipped);
    mt_names_free(list->reasons);
    mt_release(&context->env, list->stacks, list->room * sizeof *list->stacks);
    mt_release(&context->env, list, sizeof *list);
    mt_context_free(context);
}

size_t mt_stacks_count(const mt_stacks *list) { return list->n; }
mt_stack *mt_stacks_get(const mt_stacks *list, size_t i) { return i < list->n ? list->stacks[i] : NULL; }

int mt_stacks_skipped(const mt_stacks *list, size_t i, const char **path, const char **reason)
{
    if (i >= mt_names_count(list->skipped))
        return 0;
    *path = mt_names_get(list->skipped, i);
    *reason = mt_names_get(list->reasons, i);
    return 1;
}
