/* SPDX-License-Identifier: BSD-3-Clause */
/* Pairs of files: header and pixels, of one name with different suffixes. */
#include "format/format.h"

#include <string.h>

enum { AS_BEFORE, LOWER, UPPER };

static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

/* Writes a suffix in lower case over the end of a key. */
static void put_suffix(char *end, const char *suffix, int letters)
{
    for (size_t i = 0; suffix[i]; i++) {
        bool upper = letters == UPPER || (letters == AS_BEFORE && is_upper(end[i]));
        end[i] = upper ? (char)(suffix[i] - 'a' + 'A') : suffix[i];
    }
}

mt_status mt_source_find_beside(const mt_source *source, mt_arena *arena, const char *suffix, const char **key,
                                bool *exists, mt_error *err)
{
    size_t n = strlen(source->key), length = strlen(suffix);
    *exists = false;
    for (int letters = AS_BEFORE; letters <= UPPER && !*exists; letters++) {
        uint64_t size;
        mt_error why = MT_ERROR_INIT;
        char *name = mt_arena_strndup(arena, source->key, n, err);
        if (!name)
            return mt_arena_failed(err);
        put_suffix(name + n - length, suffix, letters);
        mt_status st = mt_store_size(source->store, name, &size, &why);
        if (st && st != MT_E_NOT_FOUND)
            return mt_fail(err, st, "%s", why.message);
        *exists = st == MT_OK;
        if (letters == AS_BEFORE || *exists)
            *key = name;
    }
    return MT_OK;
}
