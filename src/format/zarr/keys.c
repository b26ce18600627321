/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunks whose keys have the other separator than the metadata implies ("0.1.2", "0/1/2"): some writers of version 2
 * omit dimension_separator. A wrong key must not be treated as a missing chunk, which is read as the fill value.
 *
 * In a local store this is checked when the array is opened; over a network, at the first missing chunk. */
#include "base/number.h"
#include "format/zarr/zarr.h"
#include "store/blocks.h"
#include "store/collect.h"
#include "store/resolve.h"

#include <string.h>

/* Counts of names in the folder of an array, by kind. */
typedef struct names {
    const mt_chunk_map *map;
    bool has_own, has_other, has_odd;
    char other[64], odd[64]; /* an example of each */
} names;

static char other_separator(const zarr_state *state) { return state->separator == '.' ? '/' : '.'; }

/* The number of integers in a name, separated by '.'; 0: not a key. */
static int count_numbers(const char *name)
{
    int64_t number;
    for (int n = 1;; n++, name++) {
        if (*name < '0' || *name > '9' || !mt_parse_integer(&name, &number))
            return 0;
        if (*name != '.')
            return *name ? 0 : n;
    }
}

/* The separator of the keys to which a name belongs; 0: not a key; '?': like a key, but with the wrong number of
 * dimensions. */
static char classify(const mt_chunk_map *map, const char *name)
{
    const zarr_state *state = map->state;
    if (state->leading_separator) {
        if (*name++ != 'c')
            return 0;
        if (*name == 0)
            return '/';
        if (*name++ != '.')
            return 0;
    }
    int n = count_numbers(name);
    if (n == map->ndim)
        return n > 1 || state->leading_separator ? '.' : state->separator;
    return n == 0 ? 0 : n == 1 && !state->leading_separator ? '/' : '?';
}

static mt_status take_name(void *user, const char *name, mt_error *err)
{
    (void)err;
    names *all = user;
    const zarr_state *state = all->map->state;
    char separator = classify(all->map, name);
    if (separator == state->separator) {
        all->has_own = true;
    } else if (separator && !all->has_other) {
        bool is_odd = separator == '?';
        *(is_odd ? &all->has_odd : &all->has_other) = true;
        snprintf(is_odd ? all->odd : all->other, sizeof all->odd, "%.63s", name);
    }
    return MT_OK;
}

/* Writes the key of the folder of the array. */
static void write_folder(const mt_chunk_map *map, char *out)
{
    const zarr_state *state = map->state;
    size_t n = state->stem_length - (size_t)state->leading_separator;
    n -= n > 0; /* the slash */
    memcpy(out, state->stem, n);
    out[n] = 0;
}

static mt_status take_number(void *user, const char *name, mt_error *err)
{
    (void)err;
    char *first = user;
    if (!*first && count_numbers(name) == 1)
        snprintf(first, 64, "%.63s", name);
    return MT_OK;
}

static mt_status is_object(const mt_chunk_map *map, const char *key, bool *out, mt_error *err)
{
    uint64_t size;
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_store_size(mt_blocks_inner(map->store), key, &size, &own);
    *out = st == MT_OK;
    return st && st != MT_E_NOT_FOUND ? mt_fail(err, st, "%s", own.message) : MT_OK;
}

/* Whether at least one chunk is in nested folders, one per dimension. */
static mt_status is_nested(const mt_chunk_map *map, const char *name, bool *out, mt_error *err)
{
    const zarr_state *state = map->state;
    char key[MT_KEY_BYTES];
    *out = false;
    write_folder(map, key);
    size_t n = strlen(key);
    n += (size_t)snprintf(key + n, sizeof key - n, "%s%s", n ? "/" : "", name);
    for (int d = state->leading_separator ? 0 : 1; d < map->ndim; d++) {
        char number[64] = "";
        bool is_file;
        mt_error own = MT_ERROR_INIT;
        mt_status st = mt_store_sample(map->store, key, take_number, number, &own);
        if (st && is_object(map, key, &is_file, NULL) == MT_OK && is_file)
            return MT_OK;
        if (st)
            return mt_fail(err, st, "%s", own.message);
        if (!*number || n + strlen(number) + 2 > sizeof key)
            return MT_OK;
        n += (size_t)snprintf(key + n, sizeof key - n, "/%s", number);
    }
    return is_object(map, key, out, err);
}

typedef enum form { FORM_NONE, FORM_OWN, FORM_OTHER, FORM_ODD, FORM_UNKNOWN } form;

/* Finds the form of the keys from some names in the array's folder. */
static mt_status find_form(const mt_chunk_map *map, names *all, form *out, mt_error *err)
{
    char folder[MT_KEY_BYTES];
    *all = (names) { .map = map };
    write_folder(map, folder);
    mt_status st = mt_store_sample(map->store, folder, take_name, all, err);
    if (st)
        return st;
    bool fits = other_separator(map->state) != '/';
    *out = all->has_own ? FORM_OWN : all->has_odd ? FORM_ODD : FORM_NONE;
    if (all->has_own || !all->has_other)
        return MT_OK;
    if (!fits && (st = is_nested(map, all->other, &fits, err)))
        return st;
    *out = fits ? FORM_OTHER : FORM_ODD;
    return MT_OK;
}

static mt_status refuse(const mt_chunk_map *map, const names *all, mt_error *err)
{
    static const int64_t first[MT_MAX_DIMS] = { 0 };
    char key[MT_KEY_BYTES];
    zarr_write_key(map, first, key);
    return mt_fail(
        err, MT_E_CORRUPT,
        "no chunk has a key such as '%s', which the metadata implies, but there is '%s': correct the metadata "
        "(dimension_separator, chunk_key_encoding) or the names",
        key, all->has_other ? all->other : all->odd);
}

/* Whether the first or last object of the grid exists. Often one does, and no folder has to be listed. One that cannot be
 * looked up proves nothing: the listing decides. */
static bool has_likely_key(const mt_chunk_map *map)
{
    const zarr_state *state = map->state;
    int64_t position[MT_MAX_DIMS] = { 0 };
    char key[MT_KEY_BYTES];
    bool found;
    zarr_write_key(map, position, key);
    if (is_object(map, key, &found, NULL) == MT_OK && found)
        return true;
    for (int d = 0; d < map->ndim; d++)
        position[d] =
            state->n_shard_levels ? (map->shape[d] - 1) / state->shards[0].shape[d] : mt_chunk_map_grid(map, d) - 1;
    zarr_write_key(map, position, key);
    return is_object(map, key, &found, NULL) == MT_OK && found;
}

static bool has_other_form(const mt_chunk_map *map)
{
    const zarr_state *state = map->state;
    for (int d = 0; d < map->ndim; d++)
        if (map->shape[d] == 0)
            return false;
    return map->ndim > (state->leading_separator ? 0 : 1);
}

mt_status zarr_check_keys(mt_chunk_map *map, mt_error *err)
{
    zarr_state *state = map->state;
    names all;
    form found;
    mt_error own = MT_ERROR_INIT;
    if (map->store->costs.is_slow)
        return MT_OK;
    atomic_store(&state->keys, ZARR_KEYS_OWN);
    if (!has_other_form(map) || has_likely_key(map))
        return MT_OK;
    mt_status st = find_form(map, &all, &found, &own);
    if (st)
        return st == MT_E_UNSUPPORTED ? MT_OK : mt_fail(err, st, "%s", own.message);
    if (found == FORM_ODD)
        return refuse(map, &all, err);
    if (found != FORM_OTHER)
        return MT_OK;
    st = mt_chunk_map_warn(map, err,
                           "chunk keys are separated by '%c', not by '%c' as the metadata implies: they are read "
                           "nevertheless",
                           other_separator(state), state->separator);
    state->separator = other_separator(state);
    return st;
}

/* --- Over a network. --- */

typedef struct verdict {
    mt_status status; /* of the refusal */
    form found;
    char message[512];
} verdict;

typedef struct question {
    const mt_chunk_map *map;
    const int64_t *object; /* position of the missing object */
} question;

/* Whether the object exists under its other key. */
static mt_status is_elsewhere(const question *q, bool *out, mt_error *err)
{
    const zarr_state *state = q->map->state;
    char key[MT_KEY_BYTES];
    *out = false;
    if (!has_other_form(q->map))
        return MT_OK;
    zarr_write_key_with(q->map, q->object, other_separator(state), key);
    return is_object(q->map, key, out, err);
}

static void judge(const question *q, verdict *v)
{
    names all;
    mt_error why = MT_ERROR_INIT;
    const zarr_state *state = q->map->state;
    char folder[MT_KEY_BYTES];
    if (find_form(q->map, &all, &v->found, NULL))
        v->found = FORM_UNKNOWN;
    write_folder(q->map, folder);
    if (v->found == FORM_ODD || (v->found == FORM_OTHER && state->n_shard_levels > 0))
        v->status = refuse(q->map, &all, &why);
    else if (v->found == FORM_NONE && mt_is_url(q->map->store->url))
        v->status =
            mt_fail(&why, MT_E_NOT_FOUND,
                    "there is not one chunk below '%s': check the address, or whether the data were copied", folder);
    snprintf(v->message, sizeof v->message, "%s", why.message);
}

static mt_status make_verdict(void *argument, void **data, size_t *size, mt_error *err)
{
    const question *q = argument;
    *size = sizeof(verdict);
    mt_status st = mt_alloc(mt_arena_env(q->map->arena), sizeof(verdict), data, err);
    if (st)
        return st;
    memset(*data, 0, sizeof(verdict));
    judge(q, *data);
    return MT_OK;
}

/* The store cannot list, or refused to: one missing object tells nothing about the next, until an object is found. */
static mt_status ask_elsewhere(const question *q, mt_error *err)
{
    zarr_state *state = q->map->state;
    bool found;
    mt_status st = is_elsewhere(q, &found, err);
    if (st || !found)
        return st;
    if (state->n_shard_levels > 0)
        return refuse(q->map, &(names) { .has_other = true, .other = "with another separator" }, err);
    atomic_store(&state->keys, ZARR_KEYS_OTHER);
    return MT_OK;
}

static mt_status apply(const question *q, const verdict *v, mt_error *err)
{
    zarr_state *state = q->map->state;
    if (v->status)
        return mt_fail(err, v->status, "%s", v->message);
    if (v->found == FORM_UNKNOWN)
        return ask_elsewhere(q, err);
    atomic_store(&state->keys, v->found == FORM_OTHER ? ZARR_KEYS_OTHER : ZARR_KEYS_OWN);
    return MT_OK;
}

/* Finds the form of the keys. The first caller does it, others wait. */
static mt_status find_keys(const mt_chunk_map *map, const int64_t *object, mt_error *err)
{
    const zarr_state *state = map->state;
    question q = { map, object };
    mt_cache *cache = mt_arena_env(map->arena)->index_cache;
    mt_cache_entry *entry;
    mt_collector *collector = mt_collect_into(NULL); /* rare: may block */
    mt_status st = mt_cache_get(cache, state->owner, 0, make_verdict, &q, &entry, err);
    if (!st) {
        st = apply(&q, entry->data, err);
        mt_cache_release(cache, entry);
    }
    mt_collect_into(collector);
    return st;
}

mt_status zarr_judge_absent(const mt_chunk_map *map, const int64_t *position, const char *key, bool any_stored,
                            bool *moved, mt_error *err)
{
    zarr_state *state = map->state;
    int64_t object[MT_MAX_DIMS];
    char now[MT_KEY_BYTES];
    int keys = atomic_load(&state->keys);
    *moved = false;
    if (any_stored && keys == ZARR_KEYS_UNKNOWN)
        atomic_store(&state->keys, keys = ZARR_KEYS_OWN);
    if (keys == ZARR_KEYS_OWN)
        return MT_OK;
    zarr_find_object(map, position, object);
    mt_status st = keys == ZARR_KEYS_UNKNOWN ? find_keys(map, object, err) : MT_OK;
    if (st || atomic_load(&state->keys) != ZARR_KEYS_OTHER)
        return st;
    zarr_write_key(map, object, now);
    *moved = strcmp(key, now) != 0;
    return MT_OK;
}

bool zarr_keys_are_known(const mt_chunk_map *map, const int64_t *position)
{
    bool moved;
    return zarr_judge_absent(map, position, "", false, &moved, NULL) == MT_OK;
}
