/* SPDX-License-Identifier: BSD-3-Clause */
#include "format/format.h"

#include <string.h>

struct mt_names {
    mt_env *env;
    mt_part *parts;
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

static void release_part(mt_env *env, const mt_part *part)
{
    release_text(env, part->name);
    release_text(env, part->title);
    release_text(env, part->type);
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
        size_t room = names->room ? 2 * names->room : 16;
        void *moved = mt_resize(names->env, names->parts, names->room * sizeof *part, room * sizeof *part);
        if (!moved)
            return mt_fail(err, MT_E_MEMORY, "out of memory for %zu names", room);
        names->parts = moved;
        names->room = room;
    }
    mt_part *own = &names->parts[names->n];
    *own = *part;
    own->name = own->title = own->type = NULL;
    mt_status st = copy_text(names->env, part->name, &own->name, err);
    if (!st)
        st = copy_text(names->env, part->title, &own->title, err);
    if (!st)
        st = copy_text(names->env, part->type, &own->type, err);
    if (st)
        release_part(names->env, own);
    names->n += st == MT_OK;
    return st;
}

mt_status mt_names_add(mt_names *names, const char *name, mt_error *err)
{
    return mt_names_add_part(names, &(mt_part) { .name = name, .title = "", .type = "" }, err);
}

size_t mt_names_count(const mt_names *names) { return names->n; }
const mt_part *mt_names_get_part(const mt_names *names, size_t i) { return i < names->n ? &names->parts[i] : NULL; }
const char *mt_names_get(const mt_names *names, size_t i) { return i < names->n ? names->parts[i].name : NULL; }

void mt_names_free(mt_names *names)
{
    if (!names)
        return;
    void *owner = names->owner;
    void (*release)(void *) = names->release;
    for (size_t i = 0; i < names->n; i++)
        release_part(names->env, &names->parts[i]);
    mt_release(names->env, names->parts, names->room * sizeof *names->parts);
    mt_release(names->env, names, sizeof *names);
    if (release)
        release(owner);
}
