/* SPDX-License-Identifier: BSD-3-Clause */
#include "format/format.h"

#include <string.h>

typedef struct entry {
    mt_part part;
    mt_error *failure; /* owned; NULL: the name was found */
} entry;

struct mt_names {
    mt_env *env;
    entry *entries;
    size_t n, room;
    void *owner;
    void (*release)(void *owner);
};

mt_status mt_names_new(mt_env *env, mt_names **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(env, sizeof(mt_names), &memory, err);
    if (st)
        return st;
    *out = memory;
    **out = (mt_names) { .env = env };
    return MT_OK;
}

void mt_names_own(mt_names *names, void *owner, void (*release)(void *owner))
{
    names->owner = owner;
    names->release = release;
}

static void release_text(mt_env *env, const char *text)
{
    if (text)
        mt_release(env, (char *)(uintptr_t)text, strlen(text) + 1);
}

static void release_entry(mt_env *env, const entry *e)
{
    release_text(env, e->part.name);
    release_text(env, e->part.title);
    release_text(env, e->part.type);
    if (e->failure)
        mt_release(env, e->failure, sizeof *e->failure);
}

static mt_status copy_text(mt_env *env, const char *text, const char **out, mt_error *err)
{
    char *copy = NULL;
    mt_status st = mt_copy_text(env, text, &copy, err);
    *out = copy;
    return st;
}

mt_status mt_names_add_part(mt_names *names, const mt_part *part, mt_error *err)
{
    if (names->n == names->room) {
        size_t room = names->room ? 2 * names->room : 16, unit = sizeof *names->entries;
        void *moved = mt_resize(names->env, names->entries, names->room * unit, room * unit);
        if (!moved)
            return mt_fail(err, MT_E_MEMORY, "out of memory for %zu names", room);
        names->entries = moved;
        names->room = room;
    }
    entry *e = &names->entries[names->n];
    *e = (entry) { .part = *part };
    mt_part *own = &e->part;
    own->name = own->title = own->type = NULL;
    mt_status st = copy_text(names->env, part->name, &own->name, err);
    if (!st)
        st = copy_text(names->env, part->title, &own->title, err);
    if (!st)
        st = copy_text(names->env, part->type, &own->type, err);
    if (st)
        release_entry(names->env, e);
    names->n += st == MT_OK;
    return st;
}

mt_status mt_names_add(mt_names *names, const char *name, mt_error *err)
{
    return mt_names_add_part(names, &(mt_part) { .name = name, .title = "", .type = "" }, err);
}

mt_status mt_names_add_failed(mt_names *names, const char *name, const mt_error *why, mt_error *err)
{
    void *failure;
    mt_status st = mt_alloc(names->env, sizeof *why, &failure, err);
    if (st)
        return st;
    memcpy(failure, why, sizeof *why);
    if ((st = mt_names_add(names, name, err)))
        mt_release(names->env, failure, sizeof *why);
    else
        names->entries[names->n - 1].failure = failure;
    return st;
}

const mt_error *mt_names_get_failure(const mt_names *names, size_t i)
{
    return i < names->n ? names->entries[i].failure : NULL;
}

size_t mt_names_count(const mt_names *names) { return names->n; }
const mt_part *mt_names_get_part(const mt_names *names, size_t i)
{
    return i < names->n ? &names->entries[i].part : NULL;
}

const char *mt_names_get(const mt_names *names, size_t i) { return i < names->n ? names->entries[i].part.name : NULL; }

void mt_names_free(mt_names *names)
{
    if (!names)
        return;
    void *owner = names->owner;
    void (*release)(void *) = names->release;
    for (size_t i = 0; i < names->n; i++)
        release_entry(names->env, &names->entries[i]);
    mt_release(names->env, names->entries, names->room * sizeof *names->entries);
    mt_release(names->env, names, sizeof *names);
    if (release)
        release(owner);
}
