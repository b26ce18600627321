/* SPDX-License-Identifier: BSD-3-Clause */
/* Trees of groups and arrays, as Zarr and N5 store them: each node is a folder, described by JSON documents in it. Here
 * are what such formats share: loading nodes, finding the images below one, and choosing the image of a path. */
#ifndef MT_FORMAT_TREE_TREE_H
#define MT_FORMAT_TREE_TREE_H

#include "base/json.h"
#include "format/format.h"

typedef struct mt_tree_format mt_tree_format;

/* A cache of loaded nodes. Thread-safe. */
typedef struct mt_nodes mt_nodes;

/* Context of functions that find and map images. Nothing in scratch outlives them. */
typedef struct mt_tree {
    const mt_tree_format *format; /* how nodes are stored */
    mt_env *env;                  /* memory, limits and caches */
    mt_store *store;              /* of the container */
    mt_arena *scratch;            /* temporary memory */
    mt_nodes *nodes;              /* cache of loaded nodes */
    const char *base;             /* path of the root of the tree, above which nothing is read */
    size_t root;                  /* length of base */
    const void *own;              /* of the format */
} mt_tree;

typedef enum mt_node_kind { MT_NODE_NONE, MT_NODE_ARRAY, MT_NODE_GROUP } mt_node_kind;

typedef struct mt_node {
    mt_node_kind kind;  /* array, group or neither */
    int version;        /* of the format, which sets it */
    const char *path;   /* key prefix in the store, "" for its root */
    json_t *document;   /* that of an array or group; NULL for other nodes */
    json_t *attributes; /* an object, or NULL: none, or not loaded */
} mt_node;

/* The names directly below a group, in scratch. */
typedef struct mt_members {
    const char **names; /* segments, without '/' */
    size_t n, room;     /* entries in use and allocated */
} mt_members;

typedef struct mt_tree_image {
    const char *name;        /* path relative to the node where the search began; "" for that node */
    const mt_error *failure; /* a failed request: which images are at the path is not known; NULL: an image */
} mt_tree_image;

/* A search for the images of a store. */
typedef struct mt_tree_images {
    const mt_tree *tree;  /* where nodes are loaded from */
    size_t limit;         /* the search stops at this number of images */
    bool with_labels;     /* include the labels of multiscale images */
    const char *below;    /* prefix of names, or "" */
    size_t n, room;       /* entries in use and allocated */
    mt_tree_image *found; /* in scratch */
} mt_tree_images;

/* How a format stores nodes, and which of them are images. */
struct mt_tree_format {
    const char *title;            /* "Zarr" */
    const char *const *documents; /* paths of the documents of a node, relative to it */
    size_t n_documents;           /* at most MT_MOST_DOCUMENTS */
    const char *shape_member;     /* of an array's document: its shape */

    /* Loads the documents of a node; sets all but path. The caller frees it, also on failure. */
    mt_status (*load)(const mt_tree *tree, mt_node *node, mt_error *err);
    /* Whether a name in the folder of a group may be that of a node. */
    bool (*is_member)(const char *name);
    /* Finds the members of a group in a store that cannot list, or fails. */
    mt_status (*find_unlisted)(const mt_tree *tree, const mt_node *group, mt_members *out, mt_error *err);

    /* Whether a node is an image by itself, and whether it neither is one nor declares its images: they are then
     * searched below it, and there is no default. */
    bool (*is_image)(const mt_node *node);
    bool (*is_plain)(const mt_node *node);
    /* Optional: whether nothing below a group is an image. */
    bool (*has_no_images)(const mt_node *group);
    /* Finds the images of a node that is not plain. */
    mt_status (*find_own_images)(mt_tree_images *images, const mt_node *node, mt_error *err);
    /* Optional: the image of a group without a search, or NULL. */
    const char *(*get_default)(const mt_node *group);

    /* Maps the image of a node. series is 0 unless named. */
    mt_status (*map_image)(const mt_tree *tree, mt_node *node, const mt_selection *selection, int64_t series,
                           mt_chunk_map *map, mt_error *err);
};

#define MT_MOST_DOCUMENTS 4

MT_MUST_CHECK mt_status mt_nodes_new(mt_env *env, mt_nodes **out, mt_error *err);
void mt_nodes_free(mt_nodes *nodes);
/* Finds the node of a path and adds references to its documents; false if not cached. */
bool mt_nodes_find(mt_nodes *nodes, const char *path, mt_node *out);
/* Adds a node if there is room. */
void mt_nodes_keep(mt_nodes *nodes, const mt_node *node);

/* Loads the metadata at a path, unless cached. MT_NODE_NONE if there is none. Freed with mt_node_free. */
MT_MUST_CHECK mt_status mt_node_load(const mt_tree *tree, const char *path, mt_node *out, mt_error *err);
void mt_node_free(mt_node *node);

/* Loads a document at a path; *out is NULL if it does not exist. */
MT_MUST_CHECK mt_status mt_tree_load_json(const mt_tree *tree, const char *path, const char *name, json_t **out,
                                          mt_error *err);

/* Reads a JSON array of integers of at least minimum: exactly *n or, if *n < 0, any number up to the limit. */
MT_MUST_CHECK mt_status mt_tree_get_sizes(const mt_chunk_map *map, const json_t *list, const char *what,
                                          int64_t minimum, int64_t *out, int *n, mt_error *err);

/* Prefetches the documents of n paths in one batch if the store is slow. */
void mt_tree_touch(const mt_tree *tree, const char *const *paths, size_t n);

/* Joins a/b in scratch. b comes from a file or the user; fails with status unless it consists of plain segments. */
MT_MUST_CHECK mt_status mt_tree_join(const mt_tree *tree, const char *a, const char *b, mt_status status,
                                     const char **out, mt_error *err);

/* Adds a member; and sorts members, without repetitions. */
MT_MUST_CHECK mt_status mt_members_add(const mt_tree *tree, mt_members *members, const char *name, size_t length,
                                       mt_error *err);
void mt_members_sort(mt_members *members);

/* The members of a group, from a listing if the store can list. */
MT_MUST_CHECK mt_status mt_tree_find_members(const mt_tree *tree, const mt_node *group, mt_members *out, mt_error *err);

MT_MUST_CHECK mt_status mt_tree_images_add(mt_tree_images *images, const char *name,
                                           mt_error *err); /* name is borrowed */
/* Adds a path at which the search failed. If metadata are at fault, opening it reports the reason. Fails if memory ran
 * out. */
MT_MUST_CHECK mt_status mt_tree_images_add_failed(mt_tree_images *images, const char *name, const mt_error *why,
                                                  mt_error *err);
bool mt_tree_images_are_full(const mt_tree_images *images);
/* Whether a request failed: the same bytes may be read another time. Else what was read is at fault. */
bool mt_is_request_failure(mt_status st);

/* Finds the images of a plain node: arrays and other images below it, at any depth. */
MT_MUST_CHECK mt_status mt_tree_find_below(mt_tree_images *images, const mt_node *group, mt_error *err);

/* Positions in a grid, found by listing folders. Initially zero but for the width. */
typedef struct mt_positions {
    int64_t *numbers; /* width for each position */
    size_t n, room;   /* positions in use and allocated */
    int width;        /* at least 1 */
} mt_positions;

void mt_positions_free(mt_env *env, mt_positions *positions);
/* Copies a position. Within max_metadata_bytes. */
MT_MUST_CHECK mt_status mt_positions_add(mt_env *env, mt_positions *positions, const int64_t *position, mt_error *err);
/* Sorts in C order; and the first position of a sorted list at or after wanted, or NULL. */
void mt_positions_sort(mt_positions *positions);
const int64_t *mt_positions_find(const mt_positions *positions, const int64_t *wanted);
/* The order of the first n numbers: negative, 0 or positive. */
int mt_positions_compare(const int64_t *a, const int64_t *b, int n);

/* The functions of formats whose containers are trees. open makes the state; base and own are those of mt_tree, and
 * live as long as the container. */
mt_status mt_tree_open(mt_container *container, const char *base, const void *own, mt_error *err);
void mt_tree_close(mt_container *container);
const char *mt_tree_base(const mt_container *container);
mt_status mt_tree_map(const mt_tree_format *format, const mt_container *container, const mt_selection *part,
                      mt_chunk_map *map, mt_error *err);
mt_status mt_tree_list(const mt_tree_format *format, const mt_container *container, const mt_selection *below,
                       mt_names *out, mt_error *err);

/* Whether at least one of the documents is in the folder of a source, which is read in one trip. */
MT_MUST_CHECK mt_status mt_tree_has_document(const mt_source *source, const char *const *documents, size_t n, bool *out,
                                             mt_error *err);

#endif
