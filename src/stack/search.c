/* SPDX-License-Identifier: BSD-3-Clause */
/* Searches folders and globs for images. Whatever cannot be opened is skipped, with a reason. */
#include "stack/found.h"
#include "stack/pattern.h"

#include <string.h>

#define MAX_DEPTH 64 /* maximum nesting of folders; deeper folders are skipped and reported */

/* The search of one folder. */
typedef struct search {
    mt_stacks *list;
    const mt_container *folder; /* not opened: only its store is used */
    const char *pattern;        /* for the names below, may contain '/'; "": all */
    const struct search *above; /* search of the parent folder, or NULL */
    int depth;
    bool is_bare; /* a glob without a folder: names have no "./" before them */
} search;

static mt_status visit_name(void *user, const char *name, mt_error *err);

static mt_status skip_folder(const search *s, const mt_error *why, mt_error *err)
{
    return mt_stacks_skip(s->list, s->folder->source.text, why, err);
}

static mt_status list_folder(const search *s, mt_error *err)
{
    const mt_source *source = &s->folder->source;
    mt_error why = MT_ERROR_INIT;
    for (const search *a = s->above; a; a = a->above)
        if (mt_store_is_same(a->folder->source.store, source->store) &&
            strcmp(a->folder->source.key, source->key) == 0) {
            mt_fail(&why, MT_E_NOT_AN_IMAGE, "links back to %s, which is already being searched",
                    a->folder->source.text);
            return skip_folder(s, &why, err);
        }
    if (s->depth > MAX_DEPTH) {
        mt_fail(&why, MT_E_LIMIT, "nested in more than %d folders: not searched", MAX_DEPTH);
        return skip_folder(s, &why, err);
    }
    return mt_store_list(source->store, source->key, visit_name, (void *)(uintptr_t)s, err);
}

/* Searches a subfolder. If it cannot be listed, it is skipped. */
static mt_status search_below(const search *s, const mt_container *folder, const char *pattern, mt_error *err)
{
    const search below = { s->list, folder, pattern, s, s->depth + 1, false };
    mt_error why = MT_ERROR_INIT;
    size_t own = s->list->file;
    mt_status st = list_folder(&below, &why);
    s->list->file = own;
    return st ? skip_folder(&below, &why, err) : MT_OK;
}

/* Scalars, arrays of one dimension (coordinates) and arrays without elements are not images: naming one opens it, a
 * search skips it. */
static mt_status check_is_image(const mt_stack_info *info, mt_error *why)
{
    if (info->original_ndim < 2)
        return mt_fail(why, MT_E_NOT_AN_IMAGE, "an array of %d dimension%s is not an image", info->original_ndim,
                       info->original_ndim == 1 ? "" : "s");
    for (int d = 0; d < info->original_ndim; d++)
        if (info->original_shape[d] == 0)
            return mt_fail(why, MT_E_NOT_AN_IMAGE, "it has no pixels");
    return MT_OK;
}

/* Takes the images that were added last out of the list if they are not images. */
static mt_status keep_images(mt_stacks *list, size_t before, mt_error *why)
{
    mt_status st = MT_OK;
    size_t n = before;
    for (size_t i = before; i < list->n; i++) {
        mt_status found = check_is_image(&list->stacks[i].stack->info, why);
        if (found)
            mt_stack_close(list->stacks[i].stack);
        else
            list->stacks[n++] = list->stacks[i];
        st = found ? found : st;
    }
    list->n = n;
    return n > before ? MT_OK : st;
}

/* Handles one match of a folder or glob: an image, a folder to search, or an item to skip. */
static mt_status take_found(const search *s, mt_container *found, const mt_selection *part, mt_error *err)
{
    mt_error why = MT_ERROR_INIT;
    bool belongs;
    mt_status st = mt_stacks_start_file(s->list, found, &belongs, err);
    if (st || belongs)
        return st;
    st = mt_source_open(found, part, &why);
    if (st == MT_E_NOT_AN_IMAGE && found->source.folder)
        return search_below(s, found, "", err);
    size_t before = s->list->n;
    if (!st && !(st = mt_stacks_add(s->list, found, part, &why)))
        st = keep_images(s->list, before, &why);
    return st ? mt_stacks_skip(s->list, found->source.text, &why, err) : mt_stacks_note_members(s->list, found, err);
}

/* Whether a name matches the pattern after a final "**". */
static bool fits_below(const char *pattern, const char *name)
{
    return pattern[2] == '/' && !strchr(pattern + 3, '/') && mt_pattern_fits(pattern + 3, strlen(pattern + 3), name);
}

/* Handles a name in a search: it is wanted itself, or a folder on the way to others. */
static mt_status visit_path(const search *s, const char *path, bool is_wanted, const char *rest, mt_error *err)
{
    mt_container *found;
    mt_selection part;
    mt_error why = MT_ERROR_INIT;
    s->list->file = 0;
    s->list->n_wanted += is_wanted;
    mt_status st = mt_stacks_find(s->list, path, &found, &part, &why);
    if (st)
        return is_wanted || st != MT_E_NOT_FOUND ? mt_stacks_skip(s->list, path, &why, err) : MT_OK;
    if (is_wanted)
        st = take_found(s, found, &part, err);
    else if (found->source.folder)
        st = search_below(s, found, rest, err);
    mt_container_close(found);
    return st;
}

static mt_status visit_name(void *user, const char *name, mt_error *err)
{
    const search *s = user;
    size_t n = strcspn(s->pattern, "/");
    bool last = s->pattern[n] == 0, deep = n == 2 && memcmp(s->pattern, "**", 2) == 0;
    if (name[0] == '.' || (n > 0 && !deep && !mt_pattern_fits(s->pattern, n, name)))
        return MT_OK;
    mt_arena *arena;
    mt_status st = mt_arena_new(&s->list->context->env, &arena, err);
    if (st)
        return st;
    const char *folder = s->folder->source.text;
    size_t length = strlen(folder);
    const char *path =
        s->is_bare ? name : mt_arena_printf(arena, err, "%s%s%s", folder, folder[length - 1] == '/' ? "" : "/", name);
    const char *rest = deep ? s->pattern : s->pattern + n + !last;
    st = path ? visit_path(s, path, deep ? fits_below(s->pattern, name) : last, rest, err) : MT_E_MEMORY;
    mt_arena_free(arena);
    return st;
}

mt_status mt_stacks_search(mt_stacks *list, const mt_container *folder, mt_error *err)
{
    const search s = { .list = list, .folder = folder, .pattern = "" };
    mt_status st = list_folder(&s, err);
    return st ? st : mt_stacks_end_search(list, err);
}

/* Splits a glob into the folder before its first pattern, and the pattern. */
mt_status mt_stacks_search_glob(mt_stacks *list, const char *glob, mt_error *err)
{
    size_t n = strcspn(glob, "*?[");
    while (n > 0 && glob[n - 1] != '/')
        n--;
    mt_arena *arena;
    mt_container *folder = NULL;
    mt_selection part;
    mt_status st = mt_arena_new(&list->context->env, &arena, err);
    if (st)
        return st;
    const char *path = n == 0 ? "." : n == 1 ? "/" : mt_arena_strndup(arena, glob, n - 1, err);
    st = path ? mt_stacks_find(list, path, &folder, &part, err) : MT_E_MEMORY;
    const search s = { .list = list, .folder = folder, .pattern = glob + n, .is_bare = n == 0 };
    size_t wanted = list->n_wanted;
    if (!st && !(st = list_folder(&s, err)))
        st = mt_stacks_end_search(list, err);
    if (!st && list->n_wanted == wanted)
        st = mt_fail(err, MT_E_NOT_FOUND, "%s: no file matches", glob);
    mt_container_close(folder);
    mt_arena_free(arena);
    return st;
}
