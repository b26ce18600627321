/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes of the hierarchy: loads the metadata documents of a path and finds its kind. */
#include "format/zarr/zarr.h"

#include <string.h>

mt_status zarr_load_json(const zarr_reader *r, const char *path, const char *name, json_t **out, mt_error *err)
{
    *out = NULL;
    char *key = mt_arena_printf(r->scratch, err, "%s%s%s", path, *path ? "/" : "", name);
    if (!key)
        return zarr_failed(err);
    char *text;
    size_t size;
    mt_error failure = MT_ERROR_INIT;
    mt_status st = mt_store_load(r->store, key, r->env->limits.max_json_bytes, "max_json_bytes", r->scratch, &text,
                                 &size, &failure);
    if (st == MT_E_NOT_FOUND)
        return MT_OK;
    if (st)
        return mt_fail(err, st, "%s", failure.message);
    return mt_json_parse(r->env, text, size, key, out, err);
}

/* Takes the attributes of a document: an object, or absent. */
static mt_status take_attributes(zarr_node *node, json_t *attributes, mt_error *err)
{
    if (attributes && !json_is_object(attributes))
        return mt_fail(err, MT_E_CORRUPT, "attributes of '%s' are not an object", node->path);
    node->attributes = json_incref(attributes);
    return MT_OK;
}

mt_status zarr_node_load_attributes(const zarr_reader *r, zarr_node *node, mt_error *err)
{
    if (node->version != 2 || node->attributes)
        return MT_OK;
    json_t *attributes;
    mt_status st = zarr_load_json(r, node->path, ".zattrs", &attributes, err);
    if (!st)
        st = take_attributes(node, attributes, err);
    json_decref(attributes);
    return st;
}

static mt_status refuse_draft(mt_error *err)
{
    return mt_fail(err, MT_E_UNSUPPORTED, "stores of the draft of Zarr version 3 are not supported");
}

static mt_status check_group(const json_t *document, mt_error *err)
{
    static const char *const known[] = { "zarr_format", "node_type", "attributes", "consolidated_metadata" };
    return zarr_check_members(document, known, sizeof known / sizeof *known, err);
}

static mt_status classify_v3(zarr_node *node, mt_error *err)
{
    const json_t *format = json_object_get(node->document, "zarr_format");
    if (json_is_string(format) && strstr(json_string_value(format), "purl.org/zarr"))
        return refuse_draft(err);
    if (!json_is_integer(format) || json_integer_value(format) != 3)
        return mt_fail(err, MT_E_CORRUPT, "zarr_format is not 3");
    const char *type = json_string_value(json_object_get(node->document, "node_type"));
    if (!type || (strcmp(type, "array") != 0 && strcmp(type, "group") != 0))
        return mt_fail(err, MT_E_CORRUPT, "node_type is neither array nor group");
    node->version = 3;
    node->kind = *type == 'a' ? ZARR_ARRAY : ZARR_GROUP;
    mt_status st = node->kind == ZARR_GROUP ? check_group(node->document, err) : MT_OK;
    return st ? st : take_attributes(node, json_object_get(node->document, "attributes"), err);
}

/* A group of version 2 has .zgroup, which some writers omit, or attributes. */
static mt_status load_v2_group(const zarr_reader *r, zarr_node *node, mt_error *err)
{
    json_t *group;
    mt_status st = zarr_load_json(r, node->path, ".zgroup", &group, err);
    if (st)
        return st;
    node->version = 2;
    st = zarr_node_load_attributes(r, node, err);
    if (group || node->attributes)
        node->kind = ZARR_GROUP;
    json_decref(group);
    return st;
}

static mt_status load(const zarr_reader *r, zarr_node *node, mt_error *err)
{
    mt_status st = zarr_load_json(r, node->path, "zarr.json", &node->document, err);
    if (st)
        return st;
    if (node->document) {
        if ((st = classify_v3(node, err)))
            mt_error_prefix(err, "%s%szarr.json", node->path, *node->path ? "/" : "");
        return st;
    }
    if ((st = zarr_load_json(r, node->path, ".zarray", &node->document, err)))
        return st;
    if (!node->document)
        return load_v2_group(r, node, err);
    node->version = 2;
    node->kind = ZARR_ARRAY;
    return MT_OK;
}

mt_status zarr_node_load(const zarr_reader *r, const char *path, zarr_node *out, mt_error *err)
{
    if (zarr_nodes_find(r->nodes, path, out))
        return MT_OK;
    *out = (zarr_node) { .path = path };
    zarr_touch(r, &path, 1);
    mt_status st = load(r, out, err);
    if (st)
        zarr_node_free(out);
    else
        zarr_nodes_keep(r->nodes, out);
    return st;
}

void zarr_node_free(zarr_node *node)
{
    json_decref(node->document);
    json_decref(node->attributes);
    node->document = node->attributes = NULL;
}

static bool is_plain_path(const char *path)
{
    for (;;) {
        size_t length = strcspn(path, "/");
        if (length == 0 || (length <= 2 && strncmp(path, "..", length) == 0))
            return false;
        if (!path[length])
            return true;
        path += length + 1;
    }
}

mt_status zarr_join(const zarr_reader *r, const char *a, const char *b, mt_status status, const char **out,
                    mt_error *err)
{
    size_t length = strlen(b);
    while (length > 0 && b[length - 1] == '/')
        length--;
    bool both = *a && length;
    char *path = mt_arena_printf(r->scratch, err, "%s%s%.*s", a, both ? "/" : "", (int)length, b);
    if (!path)
        return zarr_failed(err);
    if (length && !is_plain_path(path + strlen(a) + both))
        return mt_fail(err, status, "'%s' is not a path inside the store", b);
    *out = path;
    return MT_OK;
}
