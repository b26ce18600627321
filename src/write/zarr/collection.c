/* SPDX-License-Identifier: BSD-3-Clause */
/* Collections of images: begun, finished and looked at. */
#include "stack/found.h"
#include "write/options.h"
#include "write/writer.h"
#include "write/zarr/collection.h"

#include <stdio.h>
#include <string.h>

#define LONGEST_KEY 300     /* of an object of an image, whose name has at most 255 bytes */
#define MOST_LOOKED 128     /* images that are looked for at once */
#define MOST_IMAGES 1000000 /* of a collection: a root that says more is damaged, or made to fill the memory */

const char *const zarr_kinds[] = { [ZARR_SERIES] = "series", [ZARR_LABELS] = "labels", [ZARR_PLATE] = "plate", NULL };

/* The number of a word in a list that ends with NULL; its length if it is none of them. */
static int find_word(const char *word, const char *const *words)
{
    int i = 0;
    while (words[i] && strcmp(word, words[i]) != 0)
        i++;
    return i;
}

static mt_status publish_root(const zarr_collection *c, bool is_complete, mt_error *err)
{
    return zarr_publish_group(c->env, c->target, "", c->is_v2, false, zarr_write_collection(c, is_complete), err);
}

/* --- The root that is there. --- */

static mt_status read_names(zarr_collection *found, const json_t *list, mt_error *err)
{
    const char **names = mt_arena_alloc(found->arena, json_array_size(list), sizeof *names, err);
    if (!names)
        return mt_arena_failed(err);
    found->n = json_array_size(list);
    found->names = names;
    for (size_t i = 0; i < found->n; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name)
            return mt_fail(err, MT_E_CORRUPT, "%s: name %zu of the collection is not a text", found->target->path, i);
        if (!(names[i] = mt_arena_strndup(found->arena, name, strlen(name), err)))
            return mt_arena_failed(err);
    }
    return MT_OK;
}

/* Without a kind, "collection" counts series. */
static mt_status read_root(zarr_collection *found, const json_t *root, mt_error *err)
{
    static const char *const marks[] = { "bioformats2raw.layout", "labels", "plate" };
    const json_t *attributes = found->is_v2 ? root : json_object_get(root, "attributes");
    const json_t *own = json_object_get(attributes, "microtome"), *count = json_object_get(own, "collection");
    const json_t *ome = found->is_v2 ? attributes : json_object_get(attributes, "ome");
    const char *kind = json_string_value(json_object_get(own, "kind"));
    int number = kind ? find_word(kind, zarr_kinds) : ZARR_SERIES;
    if (json_integer_value(count) <= 0 || !zarr_kinds[number])
        return MT_OK;
    if (json_integer_value(count) > MOST_IMAGES)
        return mt_fail(err, MT_E_CORRUPT, "%s: is a collection of %lld images; at most %d are read",
                       found->target->path, (long long)json_integer_value(count), MOST_IMAGES);
    found->n = (uint64_t)json_integer_value(count);
    found->kind = (zarr_kind)number;
    found->is_complete = json_object_get(ome, marks[number]) != NULL;
    return found->kind == ZARR_SERIES ? MT_OK : read_names(found, json_object_get(own, "names"), err);
}

/* Sets what the root says of a collection of ours, of this version; n is 0 if there is none. *is_damaged: by a power cut,
 * which may happen to what is not complete. */
static mt_status load_root(zarr_collection *found, bool *is_damaged, mt_error *err)
{
    char *text;
    size_t size;
    json_t *root;
    mt_error local = MT_ERROR_INIT;
    const char *key = found->is_v2 ? ".zattrs" : "zarr.json";
    found->n = 0;
    mt_status st =
        mt_target_load(found->target, key, found->env->limits.max_json_bytes, found->arena, &text, &size, &local);
    if (!st)
        st = mt_json_parse(found->env, text, size, key, &root, &local);
    *is_damaged = st == MT_E_CORRUPT;
    if (st)
        return st == MT_E_NOT_FOUND || st == MT_E_CORRUPT ? MT_OK : mt_fail(err, st, "%s", local.message);
    st = read_root(found, root, err);
    json_decref(root);
    return st;
}

/* --- Beginning. --- */

typedef struct root_state {
    const zarr_collection *collection;
    bool is_there, is_damaged;
} root_state;

static mt_status refuse_name(void *user, const char *name, mt_error *err)
{
    const root_state *root = user;
    const zarr_collection *c = root->collection;
    bool is_attributes = strcmp(name, "zarr.json") == 0 || strcmp(name, ".zattrs") == 0;
    if (strcmp(name, ".zgroup") == 0 || (is_attributes && root->is_damaged))
        return MT_OK; /* .zgroup says nothing but that it is a group */
    return mt_fail(err, MT_E_ARGUMENT,
                   "%s: the folder exists and is not a collection that was begun by the same command (it has \"%s\"): "
                   "choose another path, or remove it",
                   c->target->path, name);
}

static mt_status refuse_other(const zarr_collection *c, const zarr_collection *found, mt_error *err)
{
    char wanted[ZARR_NUMBER_BYTES], there[ZARR_NUMBER_BYTES];
    const char *path = c->target->path;
    if (found->kind != c->kind)
        return mt_fail(err, MT_E_ARGUMENT, "%s: is a collection of the kind %s, not %s", path, zarr_kinds[found->kind],
                       zarr_kinds[c->kind]);
    if (found->n != c->n)
        return mt_fail(err, MT_E_ARGUMENT, "%s: is a collection of %llu images, not %llu", path,
                       (unsigned long long)found->n, (unsigned long long)c->n);
    for (uint64_t i = 0; i < c->n && c->names; i++) {
        const char *one = zarr_member_name(c, i, wanted), *other = zarr_member_name(found, i, there);
        if (strcmp(one, other) != 0)
            return mt_fail(err, MT_E_ARGUMENT, "%s: is a collection with the image %s, not %s", path, other, one);
    }
    return MT_OK;
}

/* Whether the root is that of this collection. */
static mt_status find_root(zarr_collection *c, root_state *root, mt_error *err)
{
    zarr_collection found = *c;
    mt_status st = load_root(&found, &root->is_damaged, err);
    root->is_there = !st && found.n > 0;
    c->is_complete = found.is_complete;
    return root->is_there ? refuse_other(c, &found, err) : st;
}

static mt_status begin(zarr_collection *c, mt_error *err)
{
    enum { TRIES = 20 };
    mt_error refused = MT_ERROR_INIT;
    root_state root = { .collection = c };
    for (int i = 0; i < TRIES; i++) { /* other processes may begin it meanwhile */
        mt_status st = find_root(c, &root, err);
        if (st || c->is_complete)
            return st;
        mt_error_clear(&refused);
        if (!root.is_there && mt_target_list(c->target, "", refuse_name, &root, &refused))
            continue;
        if ((!root.is_there && (st = publish_root(c, false, err))) || (st = zarr_publish_between(c, false, err)))
            return st;
        return mt_target_sync(c->target, err);
    }
    return mt_fail(err, refused.status, "%s", refused.message);
}

/* --- The other steps. --- */

/* Two objects of an image: its attributes, and its plan, which is there until it is finished. */
enum { PER_IMAGE = 2 };

/* The objects of some images, which are looked for at once. */
typedef struct image_look {
    char storage[MOST_LOOKED][PER_IMAGE][LONGEST_KEY];
    const char *keys[PER_IMAGE * MOST_LOOKED];
    bool exist[PER_IMAGE * MOST_LOOKED];
} image_look;

static void name_objects(const zarr_collection *c, uint64_t image, image_look *look, size_t i)
{
    const char *const keys[PER_IMAGE] = { c->is_v2 ? ".zattrs" : "zarr.json", MT_PLAN_KEY };
    char number[ZARR_NUMBER_BYTES];
    for (size_t k = 0; k < PER_IMAGE; k++) {
        snprintf(look->storage[i][k], LONGEST_KEY, "%s/%s", zarr_member_name(c, image, number), keys[k]);
        look->keys[PER_IMAGE * i + k] = look->storage[i][k];
    }
}

static mt_status check_some(const zarr_collection *c, uint64_t first, size_t n, image_look *look, mt_error *err)
{
    for (size_t i = 0; i < n; i++)
        name_objects(c, first + i, look, i);
    mt_status st = mt_target_find_all(c->target, look->keys, PER_IMAGE * n, look->exist, err);
    for (size_t i = 0; i < n && !st; i++) {
        char number[ZARR_NUMBER_BYTES];
        const char *name = zarr_member_name(c, first + i, number), *path = mt_target_get_path(c->target);
        const bool *exist = look->exist + PER_IMAGE * i;
        if (exist[1])
            st = mt_fail(err, MT_E_ARGUMENT, "%s/%s is unfinished: finish it before the collection", path, name);
        else if (!exist[0])
            st = mt_fail(err, MT_E_NOT_FOUND, "%s/%s is missing: write it before the collection is finished", path,
                         name);
    }
    return st;
}

static mt_status check_finished(const zarr_collection *c, mt_error *err)
{
    void *look;
    mt_status st = mt_alloc(c->env, sizeof(image_look), &look, err);
    if (st)
        return st;
    for (uint64_t i = 0; i < c->n && !st; i += MOST_LOOKED)
        st = check_some(c, i, c->n - i < MOST_LOOKED ? (size_t)(c->n - i) : MOST_LOOKED, look, err);
    mt_release(c->env, look, sizeof(image_look));
    return st;
}

static mt_status finish(zarr_collection *c, mt_error *err)
{
    mt_status st = check_finished(c, err);
    if (st)
        return st;
    st = c->kind == ZARR_SERIES ? zarr_publish_series(c, err) : zarr_publish_between(c, true, err);
    if (st || (st = publish_root(c, true, err)) || (st = mt_target_sweep(c->target, err)))
        return st;
    return mt_target_sync(c->target, err);
}

/* The root of this version: callers make paths of the names in it, which must not lead out of the folder. */
static mt_status look_at_version(zarr_collection *c, bool is_v2, mt_error *err)
{
    bool is_damaged;
    mt_error refused = MT_ERROR_INIT;
    c->is_v2 = is_v2;
    mt_status st = load_root(c, &is_damaged, err);
    if (st || !(st = zarr_check_names(c, &refused)))
        return st;
    return mt_fail(err, st == MT_E_ARGUMENT ? MT_E_CORRUPT : st, "%s: %s", c->target->path, refused.message);
}

static mt_status look(zarr_collection *c, mt_error *err)
{
    mt_status st = look_at_version(c, false, err);
    if (!st && c->n == 0)
        st = look_at_version(c, true, err);
    return st || c->n > 0 ? st : mt_fail(err, MT_E_NOT_FOUND, "%s: is not a collection", c->target->path);
}

typedef mt_status (*collection_step)(zarr_collection *c, mt_error *err);

/* Opens the target of a collection for a step. */
static mt_status run(zarr_collection *c, const char *path, int durability, collection_step step, mt_error *err)
{
    c->env = &c->context->env;
    mt_status st = mt_arena_new(c->env, &c->arena, err);
    if (!st && !(st = zarr_check_names(c, err)) &&
        !(st = mt_target_open(c->env, path, (mt_sync)durability, &c->target, err))) {
        st = step(c, err);
        mt_target_close(c->target);
    }
    mt_arena_free(c->arena);
    return st;
}

static mt_status check(const mt_collection_options *o, mt_error *err)
{
    if (o->n_images == 0 || o->n_images > MOST_IMAGES)
        return mt_fail(err, MT_E_ARGUMENT, "a collection of %llu images: it has 1 to %d",
                       (unsigned long long)o->n_images, MOST_IMAGES);
    if (o->ome && strcmp(o->ome, "0.5") != 0 && strcmp(o->ome, "0.4") != 0)
        return mt_fail(err, MT_E_ARGUMENT, "ome \"%s\" is not one of 0.5, 0.4", o->ome);
    if (o->kind && !zarr_kinds[find_word(o->kind, zarr_kinds)])
        return mt_fail(err, MT_E_ARGUMENT, "kind \"%s\" is not one of series, labels, plate", o->kind);
    if (o->durability < MT_DURABLE_UNITS || o->durability > MT_DURABLE_NEVER)
        return mt_fail(err, MT_E_ARGUMENT, "durability %d", o->durability);
    return MT_OK;
}

static mt_status run_checked(mt_context *context, const char *path, const mt_collection_options *given,
                             collection_step step, mt_error *err)
{
    mt_collection_options o;
    mt_error_reset(err);
    mt_status st = mt_options_take(&o, sizeof o, given, "mt_collection_options", err);
    if (st || (st = check(&o, err)))
        return st;
    zarr_collection c = { .is_v2 = o.ome && strcmp(o.ome, "0.4") == 0,
                          .kind = o.kind ? (zarr_kind)find_word(o.kind, zarr_kinds) : ZARR_SERIES,
                          .n = o.n_images,
                          .names = o.names,
                          .context = mt_context_retain(context, err) };
    if (!c.context)
        return MT_E_MEMORY;
    st = run(&c, path, o.durability, step, err);
    mt_context_free(c.context);
    return st;
}

mt_status mt_collection_begin(mt_context *context, const char *path, const mt_collection_options *options,
                              mt_error *err)
{
    return run_checked(context, path, options, begin, err);
}

mt_status mt_collection_finish(mt_context *context, const char *path, const mt_collection_options *options,
                               mt_error *err)
{
    return run_checked(context, path, options, finish, err);
}

static mt_status run_look(mt_context *context, const char *path, zarr_collection *c, collection_step step,
                          mt_error *err)
{
    if (!(c->context = mt_context_retain(context, err)))
        return MT_E_MEMORY;
    mt_status st = run(c, path, MT_DURABLE_UNITS, step, err);
    mt_context_free(c->context);
    return st;
}

mt_status mt_collection_look(mt_context *context, const char *path, mt_collection_options *out, int *is_complete,
                             mt_error *err)
{
    mt_collection_options found;
    zarr_collection c = { .n = 0 };
    mt_error_reset(err);
    mt_status st = mt_options_take(&found, sizeof found, out, "mt_collection_options", err);
    if (st || (st = run_look(context, path, &c, look, err)))
        return st;
    found = (mt_collection_options) {
        .struct_size = out->struct_size, .n_images = c.n, .ome = c.is_v2 ? "0.4" : "0.5", .kind = zarr_kinds[c.kind]
    };
    memcpy(out, &found, out->struct_size);
    *is_complete = c.is_complete;
    return MT_OK;
}

static mt_status list(zarr_collection *c, mt_error *err)
{
    char number[ZARR_NUMBER_BYTES];
    mt_status st = look(c, err);
    for (uint64_t i = 0; i < c->n && !st; i++)
        st = mt_names_add(c->list, zarr_member_name(c, i, number), err);
    return st;
}

mt_status mt_collection_list(mt_context *context, const char *path, mt_names **out, mt_error *err)
{
    zarr_collection c = { .n = 0 };
    mt_error_reset(err);
    mt_status st = mt_names_begin(context, &c.list, err);
    if (st)
        return st;
    st = run_look(context, path, &c, list, err);
    if (st)
        mt_names_free(c.list);
    else
        *out = c.list;
    return st;
}
