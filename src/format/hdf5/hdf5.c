/* SPDX-License-Identifier: BSD-3-Clause */
/* HDF5 files: selects the image of a file. */
#include "base/checked.h"
#include "format/bdv.h"
#include "format/hdf5/hdf5.h"

#include <stdio.h>
#include <string.h>

#define LONGEST_LIST 400 /* characters of candidates in a message */

static mt_status probe(const mt_source *source, int *score, mt_error *err)
{
    uint64_t at;
    bool found = mt_bdv_is_document(source);
    mt_status st = source->head && !found ? h5_find_signature(source->store, source->key, source->head,
                                                              source->head_size, &found, &at, err)
                                          : MT_OK;
    *score = found ? 2 : 0;
    return st;
}

/* The images of a file: the first, their number, their names for a message, and those skipped. */
typedef struct candidates {
    mt_arena *arena;
    size_t n;
    const char *first;
    char text[LONGEST_LIST], skipped[LONGEST_LIST];
    mt_names *names; /* output, or NULL */
} candidates;

static void append(candidates *c, const char *path, const h5_dataset *d)
{
    size_t at = strlen(c->text), room = sizeof c->text - at;
    int n = snprintf(c->text + at, room, "%s%s (", *c->text ? ", " : "", path);
    for (int i = 0; i < d->rank && n > 0 && (size_t)n < room; i++)
        n += snprintf(c->text + at + n, room - (size_t)n, i ? ", %lld" : "%lld", (long long)d->shape[i]);
    if (n > 0 && (size_t)n < room)
        n += snprintf(c->text + at + n, room - (size_t)n, ")");
    if (n <= 0 || (size_t)n >= room)
        c->text[at] = 0; /* the path does not fit */
}

static mt_status add_candidate(void *user, const char *path, const h5_dataset *dataset, mt_error *err)
{
    candidates *c = user;
    if (c->n++ == 0)
        c->first = path;
    append(c, path, dataset);
    return c->names ? mt_names_add(c->names, path, err) : MT_OK;
}

static mt_status note_skipped(void *user, const char *path, const char *why, mt_error *err)
{
    (void)err;
    candidates *c = user;
    size_t at = strlen(c->skipped), room = sizeof c->skipped - at;
    int n = snprintf(c->skipped + at, room, "; %s: %s", path, why);
    if (n <= 0 || (size_t)n >= room)
        c->skipped[at] = 0;
    return MT_OK;
}

/* Names the kind of file for a message, if the root group declares it. */
static mt_status name_kind(const h5_file *file, mt_arena *arena, const char **out, mt_error *err)
{
    h5_object root;
    const char *version = NULL;
    mt_error own = MT_ERROR_INIT;
    mt_status st = h5_read_object(file, arena, file->root, &root, &own);
    if (!st)
        st = h5_get_text(arena, &root, "nwb_version", &version, &own);
    *out = version ? " (Neurodata Without Borders, NWB)" : "";
    return h5_forgive(st, &own, err);
}

static mt_status choose(const h5_file *file, mt_arena *arena, const char *root, const char **path, mt_error *err)
{
    candidates c = { .arena = arena };
    const char *kind;
    mt_status st = h5_find_images(file, arena, root, add_candidate, note_skipped, &c, err);
    if (st || (c.n == 0 && (st = name_kind(file, arena, &kind, err))))
        return st;
    if (c.n == 0)
        return mt_fail(err, *root ? MT_E_NOT_FOUND : MT_E_NOT_AN_IMAGE, "no dataset of %s%s%s can be an image%s",
                       *root ? "/" : "the file", root, kind,
                       *c.skipped ? c.skipped : ": none has two dimensions of more than one element");
    if (c.n > 1)
        return mt_fail(err, MT_E_ARGUMENT, "%zu datasets can be the image: name one after \"#\", of %s", c.n, c.text);
    *path = c.first;
    return MT_OK;
}

/* The kind of a file. */
typedef enum file_kind { UNKNOWN, DATASETS, IMARIS, BDV } file_kind;

/* The container's state. */
typedef struct h5_contents {
    h5_files *files;
    const h5_file *file;    /* the file that was opened, or the one named by the document */
    _Atomic file_kind kind; /* UNKNOWN until needed: opening a dataset by name does not need it */
} h5_contents;

/* A dataset by its path, or the only image below a group. */
static mt_status map_dataset(const h5_file *file, mt_arena *arena, const mt_selection *part, mt_chunk_map *map,
                             mt_error *err)
{
    const char *path = part->path;
    h5_object object;
    h5_dataset dataset;
    if (part->series > 0 || part->level > 0)
        return mt_fail(err, MT_E_NOT_FOUND, "a dataset has no series and no levels: \"%s\"", part->text);
    mt_status st = h5_find_object(file, arena, path, &object, err);
    if (st)
        return st;
    if (!h5_is_dataset(&object) &&
        ((st = choose(file, arena, path, &path, err)) || (st = h5_find_object(file, arena, path, &object, err))))
        return st;
    if ((st = h5_read_dataset(arena, &object, &dataset, err)) ||
        (st = mt_chunk_map_add_member(map, object.file->key, err)))
        return st;
    st = dataset.layout == H5_VIRTUAL ? h5_make_virtual_map(object.file, &dataset, map, err)
                                      : h5_make_map(object.file, &dataset, NULL, NULL, map, err);
    if (st || (st = h5_describe_axes(arena, &object, path, map, err)) ||
        (st = h5_describe_voxels(arena, &object, map, err)))
        return st;
    path += strspn(path, "/");
    map->part = *part->path || *path ? mt_arena_printf(map->arena, err, "/%s", path) : "";
    return map->part ? MT_OK : MT_E_MEMORY;
}

static mt_status find_kind(h5_contents *contents, mt_arena *arena, file_kind *out, mt_error *err)
{
    *out = contents->kind;
    if (*out != UNKNOWN)
        return MT_OK;
    bool is_imaris, is_bdv = false;
    mt_status st = h5_is_imaris(contents->file, arena, &is_imaris, err);
    if (!st && !is_imaris)
        st = h5_is_bdv(contents->file, arena, &is_bdv, err);
    if (!st)
        contents->kind = *out = is_imaris ? IMARIS : is_bdv ? BDV : DATASETS;
    return st;
}

static mt_status map_image(const mt_container *container, const mt_selection *part, mt_arena *arena, mt_chunk_map *map,
                           mt_error *err)
{
    h5_contents *contents = container->state;
    const h5_file *file = contents->file;
    file_kind kind = DATASETS;
    int level = (int)mt_max_i64(0, mt_min_i64(part->level, INT32_MAX));
    mt_status st = mt_chunk_map_add_member(map, file->key, err); /* the document was opened */
    if (!st && !*part->path)
        st = find_kind(contents, arena, &kind, err);
    if (!st && kind == IMARIS)
        st = h5_open_imaris(file, arena, level, map, err);
    else if (!st && kind == BDV)
        st = h5_open_bdv(file, arena, &container->source, part->series, level, map, err);
    else if (!st)
        st = map_dataset(file, arena, part, map, err);
    return h5_blame_writer(file, st, err);
}

static mt_status list_images(const mt_container *container, const mt_selection *below, mt_arena *arena, mt_names *out,
                             mt_error *err)
{
    h5_contents *contents = container->state;
    file_kind kind;
    candidates c = { .arena = arena, .names = out };
    mt_status st = find_kind(contents, arena, &kind, err);
    if (st)
        return st;
    if (kind == IMARIS)
        return mt_names_add(out, "", err);
    if (kind == BDV)
        return h5_list_bdv(contents->file, arena, out, err);
    return h5_find_images(contents->file, arena, below->path, add_candidate, NULL, &c, err);
}

static mt_status map_part(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    mt_arena *arena; /* temporary memory */
    mt_status st = mt_arena_new(container->source.env, &arena, err);
    if (st)
        return st;
    st = map_image(container, part, arena, map, err);
    mt_arena_free(arena);
    return st;
}

static mt_status list(const mt_container *container, const mt_selection *below, mt_names *out, mt_error *err)
{
    mt_arena *arena;
    mt_status st = mt_arena_new(container->source.env, &arena, err);
    if (st)
        return st;
    st = list_images(container, below, arena, out, err);
    mt_arena_free(arena);
    return st;
}

static mt_status open_document(const mt_source *source, h5_contents *contents, mt_error *err)
{
    mt_arena *arena;
    const char *key;
    mt_status st = mt_arena_new(source->env, &arena, err);
    if (st)
        return st;
    if (!(st = h5_find_bdv_file(source, arena, &key, err)))
        st = h5_files_open(contents->files, key, &contents->file, err);
    mt_arena_free(arena);
    return st;
}

static mt_status open_hdf5(mt_container *container, mt_error *err)
{
    const mt_source *source = &container->source;
    h5_contents *contents = mt_arena_alloc(container->arena, 1, sizeof *contents, err);
    if (!contents)
        return MT_E_MEMORY;
    container->state = contents;
    mt_status st = h5_files_new(source, container->arena, &contents->files, err);
    if (st)
        return st;
    return mt_bdv_is_document(source) ? open_document(source, contents, err)
                                      : h5_files_open(contents->files, source->key, &contents->file, err);
}

static void close_hdf5(mt_container *container)
{
    const h5_contents *contents = container->state;
    if (contents)
        h5_files_free(contents->files);
}

static mt_status members(const mt_container *container, mt_names *out, mt_error *err)
{
    const h5_contents *contents = container->state;
    return h5_files_list(contents->files, container->source.key, out, err);
}

const mt_format mt_format_hdf5 = { .name = "hdf5",
                                   .title = "HDF5, Imaris, BigDataViewer, ilastik, NetCDF-4",
                                   .suffixes = "h5,hdf5,hdf,ims,nc,he5",
                                   .probe = probe,
                                   .open = open_hdf5,
                                   .close = close_hdf5,
                                   .list = list,
                                   .map = map_part,
                                   .members = members };
