/* SPDX-License-Identifier: BSD-3-Clause */
#include "format/format.h"

#include <string.h>

struct mt_names {
    mt_env *env;
    char **names;
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

mt_status mt_names_add(mt_names *names, const char *name, mt_error *err)
{
    if (names->n == names->room) {
        size_t room = names->room ? 2 * names->room : 16;
        void *moved = mt_resize(names->env, names->names, names->room * sizeof(char *), room * sizeof(char *));
        if (!moved)
            return mt_fail(err, MT_E_MEMORY, "out of memory for %zu names", room);
        names->names = moved;
        names->room = room;
    }
    mt_status st = mt_copy_text(names->env, name, &names->names[names->n], err);
    names->n += st == MT_OK;
    return st;
}

size_t mt_names_count(const mt_names *names) { return names->n; }
const char *mt_names_get(const mt_names *names, size_t i) { return i < names->n ? names->names[i] : NULL; }

void mt_names_free(mt_names *names)
{
    if (!names)
        return;
    void *owner = names->owner;
    void (*release)(void *) = names->release;
    for (size_t i = 0; i < names->n; i++)
        mt_release(names->env, names->names[i], strlen(names->names[i]) + 1);
    mt_release(names->env, names->names, names->room * sizeof(char *));
    mt_release(names->env, names, sizeof *names);
    if (release)
        release(owner);
}
