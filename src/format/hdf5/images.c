/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the datasets that can be images, and their axes from attributes. */
#include "base/json.h"
#include "format/hdf5/hdf5.h"

#include <math.h>
#include <string.h>

#define MAX_OBJECTS 1000000
#define MAX_DEPTH 64

/* A hash set of addresses, stored as address + 1; 0 marks a free slot. */
typedef struct address_set {
    uint64_t *slots;
    size_t n, room; /* entries; slots: 0 or a power of two, at least half of them free */
} address_set;

typedef struct walk {
    const h5_file *file;
    mt_arena *arena;
    h5_visit_image visit;
    h5_skip_image skip;
    void *user;
    address_set seen; /* objects visited so far: each is visited once */
} walk;

static uint64_t *find_slot(const address_set *set, uint64_t address)
{
    size_t at = (size_t)(address * UINT64_C(0x9e3779b97f4a7c15) >> 20);
    while (set->slots[at & (set->room - 1)] != 0 && set->slots[at & (set->room - 1)] != address + 1)
        at++;
    return &set->slots[at & (set->room - 1)];
}

static mt_status grow_set(mt_arena *arena, address_set *set, mt_error *err)
{
    address_set larger = { .n = set->n, .room = set->room ? 2 * set->room : 64 };
    larger.slots = mt_arena_alloc(arena, larger.room, sizeof *larger.slots, err);
    if (!larger.slots)
        return MT_E_MEMORY;
    for (size_t i = 0; i < set->room; i++)
        if (set->slots[i])
            *find_slot(&larger, set->slots[i] - 1) = set->slots[i];
    *set = larger;
    return MT_OK;
}

static mt_status mark_seen(walk *w, uint64_t address, bool *seen, mt_error *err)
{
    address_set *set = &w->seen;
    if (2 * set->n >= set->room) {
        mt_status st = grow_set(w->arena, set, err);
        if (st)
            return st;
    }
    uint64_t *slot = find_slot(set, address);
    *seen = *slot != 0;
    if (*seen)
        return MT_OK;
    if (set->n == MAX_OBJECTS)
        return mt_fail(err, MT_E_LIMIT, "more than %d objects: name the dataset", MAX_OBJECTS);
    *slot = address + 1;
    set->n++;
    return MT_OK;
}

/* Whether at least two dimensions do not have length 1; and how many are empty. */
static bool is_wide(const h5_space *space, int *empty)
{
    int wide = 0;
    *empty = 0;
    for (int i = 0; i < space->rank; i++) {
        wide += space->size[i] != 1;
        *empty += space->size[i] == 0;
    }
    return !space->is_null && wide >= 2;
}

/* Whether a dataset is a palette ("HDF5 Image and Palette Specification") or a dimension scale ("HDF5 Dimension Scale
 * Specification"). */
static mt_status is_something_else(const walk *w, const h5_object *object, bool *out, mt_error *err)
{
    const char *class;
    mt_error own = MT_ERROR_INIT;
    mt_status st = h5_get_text(w->arena, object, "CLASS", &class, &own);
    *out = !st && class && (strcmp(class, "PALETTE") == 0 || strcmp(class, "DIMENSION_SCALE") == 0);
    return st == MT_E_UNSUPPORTED ? MT_OK : st ? mt_fail(err, st, "%s", own.message) : MT_OK;
}

static mt_status tell_skipped(const walk *w, const char *path, const char *why, mt_error *err)
{
    return w->skip ? w->skip(w->user, path, why, err) : MT_OK;
}

/* Datasets of unsupported types are skipped. Any other failure is returned: it may hide an image. */
static mt_status walk_dataset(walk *w, const h5_object *object, const char *path, mt_error *err)
{
    const char *name = strrchr(path, '/');
    mt_reader extent;
    h5_space space;
    h5_dataset dataset;
    int empty;
    bool other;
    mt_error own = MT_ERROR_INIT;
    mt_status st = h5_open_message(w->file, w->arena, h5_find_message(object, H5_MSG_DATASPACE), &extent, &own);
    if (!st)
        st = h5_read_space(w->file, &extent, &space, &own);
    if (!st && !is_wide(&space, &empty)) /* of NWB */
        return strcmp(name, "/external_file") ? MT_OK
                                              : tell_skipped(w, path, "it lists the files that hold the frames", err);
    if (!st && empty)
        return tell_skipped(w, path, "it is empty", err);
    if (!st)
        st = h5_read_dataset(w->arena, object, &dataset, &own);
    if (!st && !(st = is_something_else(w, object, &other, &own)))
        return other ? MT_OK : w->visit(w->user, path, &dataset, err);
    return st == MT_E_UNSUPPORTED ? tell_skipped(w, path, own.message, err)
                                  : mt_fail(err, st, "%s: %s", path, own.message);
}

static mt_status walk_group(walk *w, const h5_object *group, const char *path, int depth, mt_error *err);

static mt_status walk_object(walk *w, uint64_t address, const char *path, int depth, mt_error *err)
{
    h5_object object;
    bool seen;
    mt_status st = mark_seen(w, address, &seen, err);
    if (st || seen)
        return st;
    mt_error own = MT_ERROR_INIT;
    st = h5_read_object(w->file, w->arena, address, &object, &own);
    if (st)
        return st == MT_E_UNSUPPORTED ? tell_skipped(w, path, own.message, err)
                                      : mt_fail(err, st, "%s: %s", path, own.message);
    return h5_is_dataset(&object) ? walk_dataset(w, &object, path, err) : walk_group(w, &object, path, depth + 1, err);
}

static mt_status walk_group(walk *w, const h5_object *group, const char *path, int depth, mt_error *err)
{
    h5_link *link;
    if (depth == MAX_DEPTH)
        return mt_fail(err, MT_E_LIMIT, "groups in more than %d others: name the dataset", MAX_DEPTH - 1);
    mt_status st = h5_read_links(w->arena, group, NULL, &link, err);
    for (; !st && link; link = link->next) {
        if (link->kind != H5_HARD)
            continue;
        char *child = mt_arena_printf(w->arena, err, "%s/%s", path, link->name);
        st = child ? walk_object(w, link->address, child, depth, err) : MT_E_MEMORY;
    }
    return st;
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
    bool seen;
    w.file = group.file;
    st = mark_seen(&w, group.address, &seen, err);
    return st ? st : walk_group(&w, &group, path, 0, err);
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
        map->axes[d] = mt_axis_letter(key);
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
        map->axes[d] = mt_axis_letter(label);
    }
    return MT_OK;
}

/* Colour pictures of the "HDF5 Image and Palette Specification": the interlace mode gives the position of the
 * components. */
static mt_status read_truecolor(mt_arena *arena, const h5_object *object, mt_chunk_map *map, mt_error *err)
{
    static const struct {
        const char *mode, *axes;
        int components;
    } table[] = { { "INTERLACE_PIXEL", "YXC", 2 }, { "INTERLACE_LINE", "YCX", 1 }, { "INTERLACE_PLANE", "CYX", 0 } };
    const char *class, *subclass, *mode;
    mt_status st = h5_get_text(arena, object, "CLASS", &class, err);
    if (st || !class || strcmp(class, "IMAGE") != 0 ||
        (st = h5_get_text(arena, object, "IMAGE_SUBCLASS", &subclass, err)))
        return st;
    if (!subclass || strcmp(subclass, "IMAGE_TRUECOLOR") != 0 || map->ndim != 3 ||
        (st = h5_get_text(arena, object, "INTERLACE_MODE", &mode, err)))
        return st;
    for (size_t i = 0; i < sizeof table / sizeof *table && mode; i++)
        if (strcmp(mode, table[i].mode) == 0 && map->shape[table[i].components] == 3)
            memcpy(map->axes, table[i].axes, 4);
    return MT_OK;
}

/* Fiji's and ilastik's element_size_um: of Z, Y, X, in this order. */
static mt_status read_element_size(mt_arena *arena, const h5_object *object, mt_chunk_map *map, mt_error *err)
{
    h5_attribute size;
    bool found = false;
    mt_status st = h5_find_attribute(arena, object, "element_size_um", &found, &size, err);
    if (st || !found || size.count != 3)
        return st;
    for (int i = 0; i < 3; i++) {
        double value;
        if (!h5_attribute_number(&size, (uint64_t)i, &value) || !(value > 0) || !isfinite(value))
            continue;
        map->axis_size[i] = value;
        for (int d = 0; d < map->ndim; d++)
            if (map->axes[d] == "ZYX"[i]) {
                map->pixel_size[d] = value;
                map->unit[d] = "micrometer";
            }
    }
    map->axis_unit = "micrometer";
    return MT_OK;
}

mt_status h5_describe_axes(mt_arena *arena, const h5_object *object, const char *path, mt_chunk_map *map, mt_error *err)
{
    h5_attribute labels;
    bool found = false;
    const char *tags;
    mt_status st = h5_get_text(arena, object, "axistags", &tags, err);
    if (st || (tags && (st = read_axistags(tags, object->file->env, map, err))))
        return st;
    if (!tags && (st = h5_find_attribute(arena, object, "DIMENSION_LABELS", &found, &labels, err)))
        return st;
    if (found && (st = read_labels(arena, &labels, map, err)))
        return st;
    mt_error of_scales = MT_ERROR_INIT, of_picture = MT_ERROR_INIT;
    if ((st = h5_forgive(h5_describe_scales(arena, object, path, map, &of_scales), &of_scales, err)))
        return st;
    mt_axes_drop_ambiguous(map->axes);
    bool is_open = strspn(map->axes, "?") == (size_t)map->ndim;
    if (is_open && (st = h5_forgive(read_truecolor(arena, object, map, &of_picture), &of_picture, err)))
        return st;
    return read_element_size(arena, object, map, err);
}
