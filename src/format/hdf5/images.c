/* SPDX-License-Identifier: BSD-3-Clause */
/* Which datasets can be images, and what their attributes say of axes. */
#include "base/json.h"
#include "format/hdf5/hdf5.h"

#include <string.h>

#define MAX_OBJECTS 1000000
#define MAX_DEPTH 64

typedef struct walk {
    const h5_file *file;
    mt_arena *arena; /* of paths and links: those of groups on the way */
    h5_visit_image visit;
    h5_skip_image skip;
    void *user;
    size_t objects;
    uint64_t above[MAX_DEPTH]; /* groups on the way: a hard link to one is a loop */
} walk;

static bool is_image(const h5_dataset *d)
{
    int wide = 0;
    for (int i = 0; i < d->rank; i++)
        wide += d->shape[i] > 1;
    return wide >= 2;
}

/* Palettes ("HDF5 Image and Palette Specification") and scales of dimensions ("HDF5 Dimension Scale Specification"). */
static mt_status is_something_else(walk *w, const h5_object *object, bool *out, mt_error *err)
{
    const char *class;
    mt_error own = MT_ERROR_INIT;
    mt_status st = h5_get_text(w->arena, object, "CLASS", &class, &own);
    *out = !st && class && (strcmp(class, "PALETTE") == 0 || strcmp(class, "DIMENSION_SCALE") == 0);
    return st == MT_E_UNSUPPORTED ? MT_OK : st ? mt_fail(err, st, "%s", own.message) : MT_OK;
}

static mt_status walk_group(walk *w, const h5_object *group, const char *path, int depth, mt_error *err);

/* Datasets of types that are not read are no images. Any other failure is one: it may hide an image. */
static mt_status walk_object(walk *w, uint64_t address, const char *path, int depth, mt_error *err)
{
    h5_object object;
    h5_dataset dataset;
    mt_error own = MT_ERROR_INIT;
    bool other;
    if (++w->objects > MAX_OBJECTS)
        return mt_fail(err, MT_E_LIMIT, "more than %d objects: name the dataset", MAX_OBJECTS);
    mt_status st = h5_read_object(w->file, w->arena, address, &object, &own);
    if (!st && !h5_is_dataset(&object))
        return walk_group(w, &object, path, depth + 1, err);
    if (!st)
        st = h5_read_dataset(w->arena, &object, &dataset, &own);
    if (!st && is_image(&dataset) && !(st = is_something_else(w, &object, &other, &own)) && !other)
        return w->visit(w->user, path, &dataset, err);
    if (!st)
        return MT_OK;
    if (st == MT_E_UNSUPPORTED)
        return w->skip ? w->skip(w->user, path, own.message, err) : MT_OK;
    return mt_fail(err, st, "%s: %s", path, own.message);
}

static mt_status walk_group(walk *w, const h5_object *group, const char *path, int depth, mt_error *err)
{
    h5_link *link;
    for (int i = 0; i < depth; i++)
        if (w->above[i] == group->address)
            return MT_OK;
    if (depth == MAX_DEPTH)
        return mt_fail(err, MT_E_LIMIT, "groups in more than %d others: name the dataset", MAX_DEPTH - 1);
    w->above[depth] = group->address;
    mt_status failed = h5_read_links(w->arena, group, NULL, &link, err);
    if (failed)
        return failed;
    for (; link; link = link->next) {
        if (link->kind != H5_HARD)
            continue;
        char *child = mt_arena_printf(w->arena, err, "%s/%s", path, link->name);
        mt_status st = child ? walk_object(w, link->address, child, depth, err) : MT_E_MEMORY;
        if (st)
            return st;
    }
    return MT_OK;
}

mt_status h5_find_images(const h5_file *file, mt_arena *arena, const char *root, h5_visit_image visit,
                         h5_skip_image skip, void *user, mt_error *err)
{
    h5_object group;
    walk w = { .arena = arena, .visit = visit, .skip = skip, .user = user };
    mt_status st = h5_find_object(file, arena, root, &group, err);
    size_t slashes = strspn(root, "/");
    const char *path = st || !root[slashes] ? "" : mt_arena_printf(arena, err, "/%s", root + slashes);
    if (st || !path)
        return st ? st : MT_E_MEMORY;
    w.file = group.file;
    return walk_group(&w, &group, path, 0, err);
}

/* vigra's axistags, which ilastik writes: {"axes": [{"key": "t", ...}, ...]} in the order of the dimensions. */
static mt_status read_axistags(const char *text, mt_env *env, mt_chunk_map *map, mt_error *err)
{
    json_t *root;
    mt_status st = mt_json_parse(env, text, strlen(text), "axistags", &root, err);
    if (st)
        return st;
    const json_t *axes = json_object_get(root, "axes");
    for (int d = 0; d < map->ndim && json_array_size(axes) == (size_t)map->ndim; d++) {
        const char *key = json_string_value(json_object_get(json_array_get(axes, (size_t)d), "key"));
        map->axes[d] = key ? h5_axis_of(key) : '?';
    }
    json_decref(root);
    return MT_OK;
}

static mt_status read_labels(mt_arena *arena, const h5_attribute *labels, mt_chunk_map *map, mt_error *err)
{
    for (int d = 0; d < map->ndim && labels->count == (uint64_t)map->ndim; d++) {
        const char *label;
        mt_status st = h5_attribute_text(arena, labels, (uint64_t)d, &label, err);
        if (st)
            return st;
        map->axes[d] = label ? h5_axis_of(label) : '?';
    }
    return MT_OK;
}

/* An axis that stands twice says nothing. */
static void drop_repeated(mt_chunk_map *map)
{
    for (int d = 0; d < map->ndim; d++)
        if (map->axes[d] != '?' && strchr(map->axes + d + 1, map->axes[d])) {
            memset(map->axes, '?', (size_t)map->ndim);
            return;
        }
}

mt_status h5_describe_axes(mt_arena *arena, const h5_object *object, const char *path, mt_chunk_map *map, mt_error *err)
{
    h5_attribute labels, size;
    bool found = false;
    const char *tags;
    mt_status st = h5_get_text(arena, object, "axistags", &tags, err);
    if (st || (tags && (st = read_axistags(tags, object->file->env, map, err))))
        return st;
    if (!tags && (st = h5_find_attribute(arena, object, "DIMENSION_LABELS", &found, &labels, err)))
        return st;
    if (found && (st = read_labels(arena, &labels, map, err)))
        return st;
    mt_error of_scales = MT_ERROR_INIT;
    if ((st = h5_forgive(h5_describe_scales(arena, object, path, map, &of_scales), &of_scales, err)))
        return st;
    drop_repeated(map);
    if ((st = h5_find_attribute(arena, object, "element_size_um", &found, &size, err)) || !found || size.count != 3)
        return st;
    for (int d = 0; d < map->ndim; d++)
        for (int i = 0; i < 3; i++)
            if (map->axes[d] == "ZYX"[i] && h5_attribute_number(&size, (uint64_t)i, &map->pixel_size[d]))
                map->unit[d] = "micrometer";
    return MT_OK;
}
