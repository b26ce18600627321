/* SPDX-License-Identifier: BSD-3-Clause */
/* BigDataViewer: /t00000/s00/0/cells for time point, view setup and level, in Z, Y, X; int16 means uint16 unless
 * the group /s00 has an attribute dataType (Hdf5ImageLoader). An XML document beside the file ("SpimData") holds the
 * file name, time points, missing views and voxel sizes. */
#include "base/number.h"
#include "format/bdv.h"
#include "format/hdf5/hdf5.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LEVELS 64
#define MAX_TIMES 1000000
#define MAX_LOOKUPS 4096 /* lookups of time points when a stack is opened */

/* The number of a name like "t00012", "s02" or "1", as BigDataViewer writes them; -1 for any other. */
static int64_t number_in(const char *name, const char *prefix)
{
    size_t n = strlen(prefix), width = *prefix == 't' ? 5 : *prefix == 's' ? 2 : 1;
    if (strncmp(name, prefix, n) != 0)
        return -1;
    const char *number = name + n;
    size_t digits = strspn(number, "0123456789");
    if (digits < width || digits > 9 || number[digits] != 0 || (digits > width && *number == '0'))
        return -1;
    int64_t value;
    return mt_parse_integer(&number, &value) ? value : -1;
}

/* Finds the lowest and highest number in link names with this prefix; low > high if there are none. */
static mt_status find_numbers(const h5_file *file, mt_arena *arena, const char *path, const char *prefix, int64_t *low,
                              int64_t *high, mt_error *err)
{
    h5_object group;
    h5_link *link;
    *low = INT64_MAX;
    *high = -1;
    mt_status st = h5_find_object(file, arena, path, &group, err);
    if (st || (st = h5_read_links(arena, &group, NULL, &link, err)))
        return st;
    for (; link; link = link->next) {
        int64_t number = number_in(link->name, prefix);
        *low = number >= 0 && number < *low ? number : *low;
        *high = number > *high ? number : *high;
    }
    return MT_OK;
}

mt_status h5_is_bdv(const h5_file *file, mt_arena *arena, bool *out, mt_error *err)
{
    int64_t low, high;
    mt_status st = find_numbers(file, arena, "", "t", &low, &high, err);
    *out = !st && low <= high;
    if (*out)
        st = find_numbers(file, arena, "", "s", &low, &high, err);
    *out = !st && low <= high;
    return st;
}

static void write_path(const h5_many *many, const int64_t *place, char *out, size_t size)
{
    snprintf(out, size, "t%05lld/s%02d/%d/cells", (long long)many->first + place[0], many->setup, many->level);
}

/* The time points of an image, and the links to them in the root group; NULL if there are none. */
typedef struct times {
    h5_many many;
    const h5_link **links;
} times;

static mt_status open_view(const h5_file *file, mt_arena *arena, const times *v, int64_t t, h5_object *out,
                           mt_error *err)
{
    char path[64];
    write_path(&v->many, &t, path, sizeof path);
    const h5_link *link = v->links[t];
    if (!link)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no /%s", path);
    if (link->kind == H5_HARD)
        return h5_find_below(file, arena, link->address, strchr(path, '/'), out, err);
    return h5_find_object(file, arena, path, out, err);
}

/* Reads the dataset of a view. MT_E_NOT_FOUND: the setup lacks this time point. */
static mt_status read_view(const h5_file *file, const times *v, int64_t t, h5_dataset *out, mt_error *err)
{
    mt_arena *arena;
    h5_object object;
    mt_status st = mt_arena_new(file->env, &arena, err);
    if (st)
        return st;
    st = open_view(file, arena, v, t, &object, err);
    if (!st && (st = h5_read_dataset(arena, &object, out, err)) == MT_E_NOT_FOUND)
        st = MT_E_CORRUPT;
    mt_arena_free(arena);
    return st;
}

/* Finds the first time point that has the setup: others may lack it. */
static mt_status find_first(const h5_file *file, const times *v, int64_t *first, h5_dataset *out, mt_error *err)
{
    mt_status st = MT_E_NOT_FOUND;
    mt_error own = MT_ERROR_INIT;
    for (int64_t t = 0; t < v->many.shape[0] && st == MT_E_NOT_FOUND; t++) {
        own = (mt_error)MT_ERROR_INIT;
        *first = t;
        st = read_view(file, v, t, out, &own);
    }
    if (st == MT_E_NOT_FOUND)
        return mt_fail(err, st, "no time point has the view setup %d at level %d", v->many.setup, v->many.level);
    if (!st && out->rank != 3)
        st = mt_fail(&own, MT_E_UNSUPPORTED, "it has %d dimensions, not 3", out->rank);
    if (st) {
        char path[64];
        write_path(&v->many, first, path, sizeof path);
        return mt_fail(err, st, "/%s: %s", path, own.message);
    }
    return MT_OK;
}

/* Loads the document that was opened, or the one named like the file with the suffix .xml. */
static mt_status load_document(const mt_source *source, mt_arena *arena, mt_bdv_document *out, const char **key,
                               mt_error *err)
{
    size_t n = strlen(source->key);
    const char *dot = strrchr(source->key, '.');
    *key = mt_bdv_is_document(source)
               ? source->key
               : mt_arena_printf(arena, err, "%.*s.xml", (int)(dot ? (size_t)(dot - source->key) : n), source->key);
    return *key ? mt_bdv_load(source, *key, arena, out, err) : MT_E_MEMORY;
}

/* Finds the document, or NULL. Warns if it cannot be parsed, or was repaired. */
static mt_status find_document(const h5_file *file, const mt_source *source, mt_arena *arena, const mt_xml **root,
                               mt_chunk_map *map, mt_error *err)
{
    const char *key;
    mt_bdv_document document = { .root = NULL };
    mt_error own = MT_ERROR_INIT;
    mt_status st = load_document(source, arena, &document, &key, &own);
    *root = document.root;
    if (!st) {
        key = mt_arena_strndup(map->arena, key, strlen(key), err);
        if (!key || (st = h5_files_note(file->files, key, err)) || (st = mt_chunk_map_add_member(map, key, err)))
            return key ? st : mt_arena_failed(err);
        return mt_bdv_tell(&document, map, err);
    }
    if (st == MT_E_CORRUPT || st == MT_E_UNSUPPORTED)
        return mt_chunk_map_warn(map, err, "the document of BigDataViewer is ignored: %s", own.message);
    return h5_forgive(st, &own, err);
}

/* The time points are the union of those in the document and in the file. */
static mt_status find_times(const h5_file *file, mt_arena *arena, const mt_xml *root, times *v, mt_error *err)
{
    int64_t last;
    h5_object group;
    h5_link *link;
    mt_status st = find_numbers(file, arena, "", "t", &v->many.first, &last, err);
    if (st || (st = h5_read_object(file, arena, file->root, &group, err)) ||
        (st = h5_read_links(arena, &group, NULL, &link, err)))
        return st;
    mt_bdv_read_times(root, &v->many.first, &last);
    if (last - v->many.first >= MAX_TIMES)
        return mt_fail(err, MT_E_LIMIT, "time points %lld to %lld are more than %d", (long long)v->many.first,
                       (long long)last, MAX_TIMES);
    v->many.shape[0] = last - v->many.first + 1;
    v->links = mt_arena_alloc(arena, (size_t)v->many.shape[0], sizeof *v->links, err);
    if (!v->links)
        return MT_E_MEMORY;
    for (; link; link = link->next) {
        int64_t t = number_in(link->name, "t");
        if (t >= v->many.first && t <= last)
            v->links[t - v->many.first] = link;
    }
    return MT_OK;
}

static mt_status has_view(const h5_file *file, const times *v, int64_t t, mt_chunk_map *map, bool *out, mt_error *err)
{
    mt_arena *arena;
    h5_object object;
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_arena_new(file->env, &arena, err);
    if (st)
        return st;
    st = open_view(file, arena, v, t, &object, &own);
    mt_arena_free(arena);
    *out = st != MT_E_NOT_FOUND; /* a broken one is reported when it is read */
    return st ? h5_forgive(st, &own, err) : mt_chunk_map_add_member(map, object.file->key, err);
}

/* Reports missing time points of a setup. They are looked up only if the store is not slow. */
static mt_status report_missing(const h5_file *file, mt_arena *arena, const mt_xml *root, const times *v, int64_t first,
                                mt_chunk_map *map, mt_error *err)
{
    int64_t n = v->many.shape[0];
    bool look = !file->store->costs.is_slow && n <= MAX_LOOKUPS;
    bool *missing = mt_arena_alloc(arena, (size_t)n, sizeof *missing, err);
    if (!missing)
        return MT_E_MEMORY;
    if (!look)
        mt_bdv_mark_missing(root, v->many.setup, v->many.first, v->many.shape[0], missing);
    mt_status st = MT_OK;
    for (int64_t t = 0; !st && t < n; t++) {
        char path[64];
        bool there = t >= first && v->links[t] && !missing[t];
        if (there && (look || t == first)) /* the first was read: nothing is requested */
            st = has_view(file, v, t, map, &there, err);
        write_path(&v->many, &t, path, sizeof path);
        if (!st && !there)
            st = mt_chunk_map_miss(map, err, "/%s", path);
    }
    return st;
}

static mt_status set_type(const h5_file *file, mt_arena *arena, int setup, mt_chunk_map *map, mt_error *err)
{
    h5_object group;
    const char *type = NULL;
    char path[32];
    mt_error own = MT_ERROR_INIT;
    snprintf(path, sizeof path, "s%02d", setup);
    mt_status st = h5_find_object(file, arena, path, &group, &own);
    if (!st)
        st = h5_get_text(arena, &group, "dataType", &type, &own);
    if (map->dtype == MT_INT16 && (!type || strcmp(type, "uint16") == 0))
        map->dtype = MT_UINT16;
    return h5_forgive(st, &own, err);
}

static mt_status count_levels(const h5_file *file, mt_arena *arena, const h5_many *many, int64_t first, int level,
                              int *out, mt_error *err)
{
    int64_t low, high;
    char path[64];
    const long long time = many->first + first;
    snprintf(path, sizeof path, "t%05lld/s%02d", time, many->setup);
    mt_status st = find_numbers(file, arena, path, "", &low, &high, err);
    if (!st && (level > high || high >= MAX_LEVELS))
        st = mt_fail(err, MT_E_NOT_FOUND, "there is no level=%d; the image has %lld, counted from 0", level,
                     (long long)high + 1);
    *out = st ? 0 : (int)high + 1;
    return st;
}

mt_status h5_open_bdv(const h5_file *file, mt_arena *arena, const mt_source *source, int64_t series, int level,
                      mt_chunk_map *map, mt_error *err)
{
    times v = { .many = { .leading = 1, .axes = "T", .write_path = write_path } };
    h5_dataset whole, dataset;
    int64_t low, high, first;
    const mt_xml *root;
    mt_status st = find_document(file, source, arena, &root, map, err);
    if (st || (st = find_times(file, arena, root, &v, err)) ||
        (st = find_numbers(file, arena, "", "s", &low, &high, err)))
        return st;
    int64_t setup = series < 0 ? low : series;
    if (setup > high)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no series=%lld; the view setups are %lld to %lld",
                       (long long)setup, (long long)low, (long long)high);
    v.many.setup = (int)setup;
    if ((st = find_first(file, &v, &first, &whole, err)) ||
        (st = count_levels(file, arena, &v.many, first, level, &map->n_levels, err)))
        return st;
    v.many.level = level;
    if ((st = find_first(file, &v, &first, &dataset, err)) ||
        (st = h5_make_map(file, &dataset, &v.many, NULL, map, err)))
        return st;
    memcpy(map->axes, "TZYX", 5);
    map->level = level;
    if ((st = report_missing(file, arena, root, &v, first, map, err)) ||
        (st = set_type(file, arena, v.many.setup, map, err)))
        return st;
    double factors[3];
    for (int d = 0; d < 3; d++) {
        double factor = map->shape[1 + d] > 0 ? round((double)whole.shape[d] / (double)map->shape[1 + d]) : 1;
        factors[d] = factor > 1 ? factor : 1;
    }
    return mt_bdv_describe(mt_bdv_find_setup(root, v.many.setup), factors, map, err);
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

mt_status h5_list_bdv(const h5_file *file, mt_arena *arena, mt_names *out, mt_error *err)
{
    h5_object root;
    h5_link *links;
    size_t n_links = 0, n = 0;
    mt_status st = h5_read_object(file, arena, file->root, &root, err);
    if (st || (st = h5_read_links(arena, &root, NULL, &links, err)))
        return st;
    for (const h5_link *link = links; link; link = link->next)
        n_links++;
    int64_t *setups = mt_arena_alloc(arena, n_links, sizeof *setups, err);
    if (!setups)
        return mt_arena_failed(err);
    for (const h5_link *link = links; link; link = link->next)
        if ((setups[n] = number_in(link->name, "s")) >= 0)
            n++;
    qsort(setups, n, sizeof *setups, compare_numbers);
    for (size_t i = 0; !st && i < n; i++) {
        char name[32];
        if (i > 0 && setups[i] == setups[i - 1]) /* a damaged file */
            continue;
        snprintf(name, sizeof name, "series=%lld", (long long)setups[i]);
        st = mt_names_add(out, name, err);
    }
    return st;
}

mt_status h5_find_bdv_file(const mt_source *source, mt_arena *arena, const char **key, mt_error *err)
{
    mt_bdv_document document;
    const char *name;
    mt_status st = load_document(source, arena, &document, &name, err);
    if (st)
        return st;
    return mt_bdv_find_data(source, document.root, name, "hdf5", arena, key, err);
}
