/* SPDX-License-Identifier: BSD-3-Clause */
/* BigDataViewer: /t00000/s00/0/cells for time point, view setup and level, in Z, Y, X; int16 stands for uint16. An XML
 * document beside the file ("SpimData") names the file and tells voxel sizes. */
#include "base/number.h"
#include "base/xml.h"
#include "format/hdf5/hdf5.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_SETUPS 100000
#define MAX_LEVELS 64

/* The number of a name like "t00012"; -1 for any other. */
static int64_t number_in(const char *name, const char *prefix)
{
    size_t n = strlen(prefix), digits = strspn(name + (strncmp(name, prefix, n) == 0 ? n : 0), "0123456789");
    if (strncmp(name, prefix, n) != 0 || digits == 0 || digits > 9 || name[n + digits] != 0)
        return -1;
    const char *number = name + n;
    int64_t value;
    return mt_parse_integer(&number, &value) ? value : -1;
}

/* Lowest and highest number among the links of a group that are named so; none: low > high. */
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

/* The first time point that has the setup: the others may lack it. */
static mt_status find_first(const h5_file *file, mt_arena *arena, const h5_many *many, h5_dataset *out, mt_error *err)
{
    h5_object object;
    char path[64];
    mt_status st = MT_E_NOT_FOUND;
    mt_error own = MT_ERROR_INIT;
    for (int64_t t = 0; t < many->shape[0] && st == MT_E_NOT_FOUND; t++) {
        own = (mt_error)MT_ERROR_INIT;
        write_path(many, &t, path, sizeof path);
        st = h5_find_object(file, arena, path, &object, &own);
    }
    if (st)
        st = mt_fail(err, st, "%s", own.message);
    else
        st = h5_read_dataset(arena, &object, out, err);
    if (!st && out->rank != 3)
        st = mt_fail(err, MT_E_UNSUPPORTED, "/%s has %d dimensions, not 3", path, out->rank);
    return st;
}

/* The document: the one that was opened, or that of the file's name with .xml for its suffix. */
static mt_status load_document(const mt_source *source, mt_arena *arena, mt_xml **root, const char **key, mt_error *err)
{
    char *text;
    size_t size, n = strlen(source->key), limit = source->env->limits.max_xml_bytes;
    const char *dot = strrchr(source->key, '.');
    *root = NULL;
    *key = source->head_size && source->head[0] == '<'
               ? source->key
               : mt_arena_printf(arena, err, "%.*s.xml", (int)(dot ? (size_t)(dot - source->key) : n), source->key);
    if (!*key)
        return MT_E_MEMORY;
    mt_status st = mt_store_load(source->store, *key, limit, "max_xml_bytes", arena, &text, &size, err);
    const char *repair; /* it tells sizes and names, which are not worth a warning */
    return st ? st : mt_xml_parse_loosely(arena, text, size, *key, root, &repair, err);
}

static const mt_xml *find_setup(const mt_xml *root, int number)
{
    const mt_xml *sequence = mt_xml_child(root, "SequenceDescription");
    const mt_xml *setups = sequence ? mt_xml_child(sequence, "ViewSetups") : NULL;
    const mt_xml *setup = setups ? mt_xml_child(setups, "ViewSetup") : NULL;
    for (; setup; setup = mt_xml_next(setup)) {
        const mt_xml *id = mt_xml_child(setup, "id");
        const char *text = id ? id->text : "";
        int64_t value;
        if (mt_parse_integer(&text, &value) && value == number)
            return setup;
    }
    return NULL;
}

static mt_status name_channel(const mt_xml *setup, mt_chunk_map *map, mt_error *err)
{
    const mt_xml *name = setup ? mt_xml_child(setup, "name") : NULL;
    if (!name || !*name->text)
        return MT_OK;
    mt_channel *channel = mt_arena_alloc(map->arena, 1, sizeof *channel, err);
    if (!channel || !(channel->name = mt_arena_strndup(map->arena, name->text, strlen(name->text), err)))
        return MT_E_MEMORY;
    map->channels = channel;
    map->n_channels = 1;
    return MT_OK;
}

/* Voxel sizes of the setup, in X, Y, Z, for level 0; those of other levels by how much smaller these are. */
static mt_status read_voxels(const mt_xml *setup, const int64_t *whole, mt_chunk_map *map, mt_error *err)
{
    const mt_xml *voxel = setup ? mt_xml_child(setup, "voxelSize") : NULL;
    const mt_xml *size = voxel ? mt_xml_child(voxel, "size") : NULL, *unit = voxel ? mt_xml_child(voxel, "unit") : NULL;
    const char *at = size ? size->text : "";
    for (int d = 2; d >= 0; d--) {
        double value;
        if (!mt_parse_real(&at, &value) || !(value > 0))
            break;
        double factor = map->shape[1 + d] > 0 ? round((double)whole[d] / (double)map->shape[1 + d]) : 1;
        map->pixel_size[1 + d] = value * (factor > 1 ? factor : 1);
        if (unit && *unit->text && !(map->unit[1 + d] = mt_unit_name(map->arena, unit->text, err)))
            return MT_E_MEMORY;
    }
    return MT_OK;
}

static mt_status describe_setup(const h5_file *file, const mt_source *source, mt_arena *arena, const int64_t *whole,
                                int number, mt_chunk_map *map, mt_error *err)
{
    mt_xml *root;
    const char *key;
    mt_status st = load_document(source, arena, &root, &key, err);
    if (st || (st = h5_files_note(file->files, key, err)))
        return st;
    const mt_xml *setup = find_setup(root, number);
    return (st = name_channel(setup, map, err)) ? st : read_voxels(setup, whole, map, err);
}

mt_status h5_open_bdv(const h5_file *file, mt_arena *arena, const mt_source *source, int64_t series, int level,
                      mt_chunk_map *map, mt_error *err)
{
    h5_many many = { .leading = 1, .axes = "T", .write_path = write_path };
    h5_dataset whole, dataset;
    int64_t last, low_setup, high_setup, low_level, high_level;
    char path[64];
    mt_status st = find_numbers(file, arena, "", "t", &many.first, &last, err);
    if (st || (st = find_numbers(file, arena, "", "s", &low_setup, &high_setup, err)))
        return st;
    int64_t setup = series < 0 ? low_setup : series;
    if (setup > high_setup || setup > MAX_SETUPS)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no series=%lld; the view setups are %lld to %lld",
                       (long long)setup, (long long)low_setup, (long long)high_setup);
    many.setup = (int)setup;
    many.shape[0] = last - many.first + 1;
    snprintf(path, sizeof path, "t%05lld/s%02d", (long long)many.first, many.setup);
    if ((st = find_numbers(file, arena, path, "", &low_level, &high_level, err)))
        return st;
    if (level > high_level || high_level >= MAX_LEVELS)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no level=%d; the image has %lld, counted from 0", level,
                       (long long)high_level + 1);
    if ((st = find_first(file, arena, &many, &whole, err)))
        return st;
    many.level = level;
    if ((st = find_first(file, arena, &many, &dataset, err)) ||
        (st = h5_make_map(file, &dataset, &many, NULL, map, err)))
        return st;
    memcpy(map->axes, "TZYX", 5);
    map->dtype = map->dtype == MT_INT16 ? MT_UINT16 : map->dtype;
    map->level = level;
    map->n_levels = (int)high_level + 1;
    mt_error own = MT_ERROR_INIT;
    return h5_forgive(describe_setup(file, source, arena, whole.shape, many.setup, map, &own), &own, err);
}

mt_status h5_list_bdv(const h5_file *file, mt_arena *arena, mt_names *out, mt_error *err)
{
    int64_t low, high;
    mt_status st = find_numbers(file, arena, "", "s", &low, &high, err);
    for (int64_t i = low; !st && i <= high && i <= MAX_SETUPS; i++) {
        char name[32];
        snprintf(name, sizeof name, "series=%lld", (long long)i);
        st = mt_names_add(out, name, err);
    }
    return st;
}

mt_status h5_find_bdv_file(const mt_source *source, mt_arena *arena, const char **key, mt_error *err)
{
    mt_xml *root;
    const char *document;
    mt_status st = load_document(source, arena, &root, &document, err);
    if (st)
        return st;
    const mt_xml *sequence = mt_xml_child(root, "SequenceDescription");
    const mt_xml *loader = sequence ? mt_xml_child(sequence, "ImageLoader") : NULL;
    const char *format = loader ? mt_xml_get(loader, "format") : NULL;
    const mt_xml *name = loader ? mt_xml_child(loader, "hdf5") : NULL;
    if (!name || !format || strcmp(format, "bdv.hdf5") != 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "BigDataViewer's loader \"%s\" is not read", format ? format : "");
    const char *slash = strrchr(source->key, '/');
    *key = mt_arena_printf(arena, err, "%.*s%s", slash ? (int)(slash + 1 - source->key) : 0, source->key, name->text);
    return *key ? MT_OK : MT_E_MEMORY;
}
