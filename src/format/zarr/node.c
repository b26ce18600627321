/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes of the hierarchy: loads the metadata documents of a path and finds its kind. */
#include "format/zarr/zarr.h"

#include <string.h>

/* Takes the attributes of a document: an object, or absent. */
static mt_status take_attributes(mt_node *node, json_t *attributes, mt_error *err)
{
    if (attributes && !json_is_object(attributes))
        return mt_fail(err, MT_E_CORRUPT, "attributes of '%s' are not an object", node->path);
    node->attributes = json_incref(attributes);
    return MT_OK;
}

mt_status zarr_node_load_attributes(const mt_tree *r, mt_node *node, mt_error *err)
{
    if (node->version != 2 || node->attributes)
        return MT_OK;
    json_t *attributes;
    mt_status st = mt_tree_load_json(r, node->path, ".zattrs", &attributes, err);
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

static mt_status classify_v3(mt_node *node, mt_error *err)
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
    node->kind = *type == 'a' ? MT_NODE_ARRAY : MT_NODE_GROUP;
    mt_status st = node->kind == MT_NODE_GROUP ? check_group(node->document, err) : MT_OK;
    return st ? st : take_attributes(node, json_object_get(node->document, "attributes"), err);
}

/* A group of version 2 has .zgroup, which some writers omit, or attributes. */
static mt_status load_v2_group(const mt_tree *r, mt_node *node, mt_error *err)
{
    json_t *group;
    mt_status st = mt_tree_load_json(r, node->path, ".zgroup", &group, err);
    if (st)
        return st;
    node->version = 2;
    st = zarr_node_load_attributes(r, node, err);
    if (group || node->attributes)
        node->kind = MT_NODE_GROUP;
    json_decref(group);
    return st;
}

mt_status zarr_node_load(const mt_tree *tree, mt_node *node, mt_error *err)
{
    mt_status st = mt_tree_load_json(tree, node->path, "zarr.json", &node->document, err);
    if (st)
        return st;
    if (node->document) {
        if ((st = classify_v3(node, err)))
            mt_error_prefix(err, "%s%szarr.json", node->path, *node->path ? "/" : "");
        return st;
    }
    if ((st = mt_tree_load_json(tree, node->path, ".zarray", &node->document, err)))
        return st;
    if (!node->document)
        return load_v2_group(tree, node, err);
    node->version = 2;
    node->kind = MT_NODE_ARRAY;
    return MT_OK;
}
