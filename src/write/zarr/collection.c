/* SPDX-License-Identifier: BSD-3-Clause */
/* Collections of images. Source: OME-Zarr 0.5 and 0.4, "bioformats2raw.layout" 3: images are the groups 0, 1, ... of the
 * root, and the group OME lists them in their order. */
#include "engine/context.h"
#include "write/options.h"
#include "write/zarr/zarr_sink.h"

#include <stdio.h>
#include <string.h>

/* A collection that is being begun or finished. */
typedef struct collection {
    mt_env *env;
    mt_target *target;
    mt_arena *arena;
    bool is_v2;
    uint64_t n; /* images */
    bool is_complete;
} collection;

static json_t *layout(const collection *c)
{
    return c->is_v2 ? json_pack("{si}", "bioformats2raw.layout", 3)
                    : json_pack("{s{ss si}}", "ome", "version", "0.5", "bioformats2raw.layout", 3);
}

/* "0", "1", ... */
static json_t *series(const collection *c)
{
    json_t *list = json_array();
    for (uint64_t i = 0; list && i < c->n; i++) {
        char name[24];
        snprintf(name, sizeof name, "%llu", (unsigned long long)i);
        if (json_array_append_new(list, json_string(name)))
            return json_decref(list), NULL;
    }
    return c->is_v2 ? json_pack("{so}", "series", list)
                    : json_pack("{s{ss so}}", "ome", "version", "0.5", "series", list);
}

/* Attributes of the root: before the end without the layout, so that no reader takes the collection for complete. */
static mt_status publish_root(const collection *c, bool is_complete, mt_error *err)
{
    json_t *attributes = is_complete ? layout(c) : json_object();
    json_t *own = json_pack("{sI}", "collection", (json_int_t)c->n);
    if (!attributes || json_object_set_new(attributes, "microtome", own)) {
        json_decref(attributes);
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    }
    return zarr_publish_group(c->env, c->target, "", c->is_v2, false, attributes, err);
}

/* The number of images that the root of a collection of ours names; 0: there is no such root. */
static mt_status load_root(collection *c, uint64_t *n, mt_error *err)
{
    char *text;
    size_t size;
    json_t *root;
    mt_error local = MT_ERROR_INIT;
    const char *key = c->is_v2 ? ".zattrs" : "zarr.json";
    *n = 0;
    mt_status st = mt_target_load(c->target, key, c->env->limits.max_json_bytes, c->arena, &text, &size, &local);
    if (!st)
        st = mt_json_parse(c->env, text, size, key, &root, &local);
    if (st)
        return st == MT_E_NOT_FOUND || st == MT_E_CORRUPT ? MT_OK : mt_fail(err, st, "%s", local.message);
    const json_t *attributes = c->is_v2 ? root : json_object_get(root, "attributes");
    const json_t *count = json_object_get(json_object_get(attributes, "microtome"), "collection");
    const json_t *ome = c->is_v2 ? attributes : json_object_get(attributes, "ome");
    *n = json_integer_value(count) > 0 ? (uint64_t)json_integer_value(count) : 0;
    c->is_complete = json_object_get(ome, "bioformats2raw.layout") != NULL;
    json_decref(root);
    return MT_OK;
}

static mt_status refuse_name(void *user, const char *name, mt_error *err)
{
    const collection *c = user;
    if (strcmp(name, "zarr.json") == 0 || strcmp(name, ".zattrs") == 0 || strcmp(name, ".zgroup") == 0)
        return MT_OK; /* of a root that a power cut has damaged, or that was not complete */
    return mt_fail(err, MT_E_ARGUMENT,
                   "%s: the folder exists and is not a collection that was begun by the same command (it has \"%s\"): "
                   "choose another path, or remove it",
                   c->target->path, name);
}

/* Whether the root is that of this collection. */
static mt_status find_root(collection *c, bool *found, mt_error *err)
{
    uint64_t n;
    mt_status st = load_root(c, &n, err);
    *found = !st && n == c->n;
    if (st || *found || n == 0)
        return st;
    return mt_fail(err, MT_E_ARGUMENT, "%s: is a collection of %llu images, not %llu", c->target->path,
                   (unsigned long long)n, (unsigned long long)c->n);
}

static mt_status begin(collection *c, mt_error *err)
{
    enum { TRIES = 20 };
    mt_error refused = MT_ERROR_INIT;
    bool found;
    for (int i = 0; i < TRIES; i++) { /* other processes may begin it meanwhile */
        mt_status st = find_root(c, &found, err);
        if (st || found)
            return st;
        mt_error_clear(&refused);
        if (!mt_target_list(c->target, "", refuse_name, c, &refused)) {
            st = publish_root(c, false, err);
            return st ? st : mt_target_sync(c->target, err);
        }
    }
    return mt_fail(err, refused.status, "%s", refused.message);
}

static mt_status finish(collection *c, mt_error *err)
{
    mt_status st = zarr_publish_group(c->env, c->target, "OME/", c->is_v2, false, series(c), err);
    if (st || (st = publish_root(c, true, err)) || (st = mt_target_sweep(c->target, err)))
        return st;
    return mt_target_sync(c->target, err);
}

static mt_status look(collection *c, mt_error *err)
{
    mt_status st = load_root(c, &c->n, err);
    if (st || c->n > 0)
        return st;
    c->is_v2 = true;
    if ((st = load_root(c, &c->n, err)))
        return st;
    return c->n > 0 ? MT_OK : mt_fail(err, MT_E_NOT_FOUND, "%s: is not a collection", c->target->path);
}

typedef mt_status (*collection_step)(collection *c, mt_error *err);

static mt_status run(mt_context *context, const char *path, int durability, collection *c, collection_step step,
                     mt_error *err)
{
    mt_context *owner = mt_context_retain(context, err);
    if (!owner)
        return MT_E_MEMORY;
    c->env = &owner->env;
    mt_status st = mt_arena_new(c->env, &c->arena, err);
    if (!st && !(st = mt_target_open(c->env, path, (mt_sync)durability, &c->target, err))) {
        st = step(c, err);
        mt_target_close(c->target);
    }
    mt_arena_free(c->arena);
    mt_context_free(owner);
    return st;
}

static mt_status check(const mt_collection_options *o, mt_error *err)
{
    if (o->n_images == 0 || o->n_images > INT64_MAX)
        return mt_fail(err, MT_E_ARGUMENT, "a collection of %llu images", (unsigned long long)o->n_images);
    if (o->ome && strcmp(o->ome, "0.5") != 0 && strcmp(o->ome, "0.4") != 0)
        return mt_fail(err, MT_E_ARGUMENT, "ome \"%s\" is not one of 0.5, 0.4", o->ome);
    if (o->durability < MT_DURABLE_UNITS || o->durability > MT_DURABLE_NEVER)
        return mt_fail(err, MT_E_ARGUMENT, "durability %d", o->durability);
    return MT_OK;
}

static mt_status take(const mt_collection_options *given, mt_collection_options *out, mt_error *err)
{
    return mt_options_take(out, sizeof *out, given, "mt_collection_options", err);
}

static mt_status run_checked(mt_context *context, const char *path, const mt_collection_options *given,
                             collection_step step, mt_error *err)
{
    mt_collection_options o;
    mt_error_reset(err);
    mt_status st = take(given, &o, err);
    if (st || (st = check(&o, err)))
        return st;
    collection c = { .is_v2 = o.ome && strcmp(o.ome, "0.4") == 0, .n = o.n_images };
    return run(context, path, o.durability, &c, step, err);
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

mt_status mt_collection_look(mt_context *context, const char *path, mt_collection_options *out, int *is_complete,
                             mt_error *err)
{
    mt_collection_options found;
    collection c = { .is_v2 = false };
    mt_error_reset(err);
    mt_status st = take(out, &found, err);
    if (st || (st = run(context, path, MT_DURABLE_UNITS, &c, look, err)))
        return st;
    found =
        (mt_collection_options) { .struct_size = out->struct_size, .n_images = c.n, .ome = c.is_v2 ? "0.4" : "0.5" };
    memcpy(out, &found, out->struct_size);
    *is_complete = c.is_complete;
    return MT_OK;
}
