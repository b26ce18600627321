/* SPDX-License-Identifier: BSD-3-Clause */
/* Zarr, inside: nodes (groups and arrays with their metadata), and how an array becomes a chunk map. */
#ifndef MT_FORMAT_ZARR_ZARR_H
#define MT_FORMAT_ZARR_ZARR_H

#include "base/json.h"
#include "format/format.h"

/* Nodes that were loaded, for as long as the container is open. Thread-safe. */
typedef struct zarr_nodes zarr_nodes;

/* What is read from while images are found and mapped. Nothing in scratch outlives that. */
typedef struct zarr_reader {
    mt_env *env;       /* memory, limits and caches */
    mt_store *store;   /* of the container */
    mt_arena *scratch; /* temporary memory */
    zarr_nodes *nodes; /* cache of loaded nodes */
} zarr_reader;

/* The status of an allocation in an arena that failed. */
static inline mt_status zarr_failed(const mt_error *err) { return err && err->status ? err->status : MT_E_MEMORY; }

typedef enum zarr_kind { ZARR_NONE, ZARR_ARRAY, ZARR_GROUP } zarr_kind;

typedef struct zarr_node {
    zarr_kind kind;     /* array, group or neither */
    int version;        /* 2 or 3 */
    const char *path;   /* key prefix in the store, "" for its root */
    json_t *document;   /* .zarray or zarr.json; NULL for other nodes */
    json_t *attributes; /* an object, or NULL: none, or (array of version 2) not loaded */
} zarr_node;

MT_MUST_CHECK mt_status zarr_nodes_new(mt_env *env, zarr_nodes **out, mt_error *err);
void zarr_nodes_free(zarr_nodes *nodes);
/* The node of a path, with references of its own; false: it is not there. */
bool zarr_nodes_find(zarr_nodes *nodes, const char *path, zarr_node *out);
/* Keeps a node, if there is room. */
void zarr_nodes_keep(zarr_nodes *nodes, const zarr_node *node);

/* The metadata at a path, which is loaded if it is not kept. A path without any gives ZARR_NONE. Freed with
 * zarr_node_free. */
MT_MUST_CHECK mt_status zarr_node_load(const zarr_reader *r, const char *path, zarr_node *out, mt_error *err);

/* The attributes of an array of version 2, which lie in a document of their own. */
MT_MUST_CHECK mt_status zarr_node_load_attributes(const zarr_reader *r, zarr_node *node, mt_error *err);
void zarr_node_free(zarr_node *node);

/* A document at a path; *out is NULL where there is no such object. */
MT_MUST_CHECK mt_status zarr_load_json(const zarr_reader *r, const char *path, const char *name, json_t **out,
                                       mt_error *err);

/* Asks for the documents of n paths at once, where the store is slow: each is then loaded without waiting. */
void zarr_touch(const zarr_reader *r, const char *const *paths, size_t n);

/* The names directly below a group, in scratch. */
typedef struct zarr_names {
    const char **names; /* segments, without '/' */
    size_t n, room;     /* entries in use and allocated */
} zarr_names;
MT_MUST_CHECK mt_status zarr_find_names(const zarr_reader *r, const zarr_node *group, zarr_names *out, mt_error *err);

/* a/b in scratch. b comes from a file or from the user: it must be made of plain segments, else fails with status. */
MT_MUST_CHECK mt_status zarr_join(const zarr_reader *r, const char *a, const char *b, mt_status status,
                                  const char **out, mt_error *err);

#define ZARR_MAX_SHARD_LEVELS 4
#define ZARR_ENTRY_BYTES 16 /* of a shard index */

/* One level of shards: how the index of one is laid out. Everything is in the order of the array's dimensions. */
typedef struct zarr_shards {
    int64_t shape[MT_MAX_DIMS];        /* of a shard, in elements */
    int64_t count[MT_MAX_DIMS];        /* inner chunks along a dimension */
    int64_t index_stride[MT_MAX_DIMS]; /* entries of the index from one inner chunk to the next */
    size_t n_entries;                  /* inner chunks of a shard */
    size_t index_bytes;                /* as stored */
    bool index_first, index_swap;      /* index at the start of the shard; index in the other byte order */
    mt_chain index_chain;              /* decodes the index */
    uint64_t owner;                    /* of the indices in the index cache */
} zarr_shards;

/* Whether the keys of an array are those that its metadata implies, or have the other separator (keys.c). */
enum { ZARR_KEYS_UNKNOWN, ZARR_KEYS_OWN, ZARR_KEYS_OTHER };

/* The state of the map of an array. */
typedef struct zarr_state {
    const char *stem;                          /* what every key starts with */
    size_t stem_length;                        /* bytes of stem */
    char separator;                            /* between numbers: '.' or '/' */
    _Atomic int keys;                          /* over a network found out while the map is used */
    uint64_t owner;                            /* of what was found out, in the index cache */
    bool leading_separator;                    /* also before the first number */
    bool no_number_is_zero;                    /* key of an array without dimensions: the stem, or the stem and "0" */
    int n_shard_levels;                        /* entries of shards in use */
    zarr_shards shards[ZARR_MAX_SHARD_LEVELS]; /* the outermost first */
} zarr_state;

/* An array whose codecs are being parsed: how the dimensions of what is encoded at this place of the chain follow from
 * the dimensions of the array. */
typedef struct zarr_builder {
    mt_chunk_map *map;          /* to fill */
    zarr_state *state;          /* state of map */
    int order[MT_MAX_DIMS];     /* encoded dimension i is dimension order[i] of the array */
    int64_t chunk[MT_MAX_DIMS]; /* shape of what is encoded, in the order of the array */
    bool big_endian;            /* of the stored elements, where no step of the chain swaps them */
} zarr_builder;

/* Parse a document into a map that mt_chunk_map_new made. */
MT_MUST_CHECK mt_status zarr_v2_parse(const json_t *document, const char *path, mt_chunk_map *map, mt_error *err);
MT_MUST_CHECK mt_status zarr_v3_parse(const json_t *document, const char *path, mt_chunk_map *map, mt_error *err);

/* Fills the map of an array. Axes and what belongs to them are not set. */
MT_MUST_CHECK mt_status zarr_map_array(const zarr_node *node, mt_chunk_map *map, mt_error *err);

/* Keys: "path/" and what key_encoding adds. Fails where the longest key does not fit. */
MT_MUST_CHECK mt_status zarr_set_stem(mt_chunk_map *map, const char *path, const char *suffix, mt_error *err);

/* A JSON array of integers of at least minimum; as many as *n says, or (*n < 0) any number up to the limit. */
MT_MUST_CHECK mt_status zarr_get_sizes(const mt_chunk_map *map, const json_t *list, const char *what, int64_t minimum,
                                       int64_t *out, int *n, mt_error *err);

/* Member name of an extension point: a string, or an object with "name" and maybe "configuration". NULL if neither. */
const char *zarr_extension_name(const json_t *extension);
const json_t *zarr_extension_configuration(const json_t *extension);

/* Whether an extension may be ignored: an object with "must_understand": false. */
bool zarr_may_ignore(const json_t *extension);

/* Fails for members of a document of version 3 that are not among the n known ones and may not be ignored. */
MT_MUST_CHECK mt_status zarr_check_members(const json_t *document, const char *const *known, size_t n, mt_error *err);

/* A fill value as one element of dtype. */
MT_MUST_CHECK mt_status zarr_parse_fill(const json_t *value, mt_dtype dtype, uint8_t *out, mt_error *err);

/* The data type of version 2, such as "<u2"; *big_endian for ">". */
MT_MUST_CHECK mt_status zarr_parse_dtype(const json_t *dtype, mt_dtype *out, bool *big_endian, mt_error *err);

/* The filters and the compressor of version 2; the codecs of version 3, which also set swap, strides and shards. */
MT_MUST_CHECK mt_status zarr_v2_codecs(zarr_builder *b, const json_t *filters, const json_t *compressor, mt_error *err);
MT_MUST_CHECK mt_status zarr_v3_codecs(zarr_builder *b, const json_t *codecs, mt_error *err);

/* The codecs of a shard index, which must keep their size. */
MT_MUST_CHECK mt_status zarr_index_codecs(zarr_builder *b, const json_t *codecs, zarr_shards *shards, mt_error *err);

/* Adds a level of shards; *inner is the list of codecs of the inner chunks. */
MT_MUST_CHECK mt_status zarr_add_shards(zarr_builder *b, const json_t *configuration, const json_t **inner,
                                        mt_error *err);

/* Fills in what follows from the parsed codecs: grid, strides, locate. */
MT_MUST_CHECK mt_status zarr_builder_finish(zarr_builder *b, mt_error *err);

/* locate for arrays without and with shards. */
mt_status zarr_locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err);
mt_status zarr_locate_sharded(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err);

/* save of a map, and restore of the format. */
mt_status zarr_save(const mt_chunk_map *map, mt_buffer *out, mt_error *err);
mt_status zarr_restore(mt_chunk_map *map, const mt_renaming *renaming, mt_reader *r, mt_error *err);

/* The separator of keys, as far as it is known. */
static inline char zarr_separator(const zarr_state *state)
{
    bool other = atomic_load_explicit(&state->keys, memory_order_relaxed) == ZARR_KEYS_OTHER;
    return !other ? state->separator : state->separator == '.' ? '/' : '.';
}

/* The position of the object that holds a chunk: of its shard, or its own. */
void zarr_find_object(const mt_chunk_map *map, const int64_t *position, int64_t *out);

/* Writes the key of the object at a grid position (of shards, where there are shards), also with another separator. */
void zarr_write_key(const mt_chunk_map *map, const int64_t *position, char *out);
void zarr_write_key_with(const mt_chunk_map *map, const int64_t *position, char separator, char *out);

/* Finds out which separator the keys of a local array have. Fails where there are chunks but under keys that fit neither. */
MT_MUST_CHECK mt_status zarr_check_keys(mt_chunk_map *map, mt_error *err);
/* judge_absent of the map. */
mt_status zarr_judge_absent(const mt_chunk_map *map, const int64_t *position, const char *key, bool any_stored,
                            bool *moved, mt_error *err);
/* Whether it is known which keys the array has, or can be found out. */
bool zarr_keys_are_known(const mt_chunk_map *map, const int64_t *position);
/* What keys start with that have the first n numbers of a position in common. */
void zarr_write_prefix(const mt_chunk_map *map, const int64_t *position, int n, char *out);

/* The object that holds the metadata of OME: attributes.ome, or the attributes. NULL if there is none. */
const json_t *zarr_ome(const zarr_node *node);

/* The n-th multiscale image of a node, or NULL. */
const json_t *zarr_ome_multiscale(const zarr_node *node, size_t n);

/* The number of the dataset of a path (relative to the image, and to the root) in a multiscale image, or -1; and the path
 * of a dataset, or NULL. */
int zarr_ome_find_dataset(const json_t *multiscale, const char *path, const char *whole);
const char *zarr_ome_dataset(const json_t *multiscale, size_t level);
int zarr_ome_levels(const json_t *multiscale);

/* Fails for versions of OME-Zarr that are not read. */
MT_MUST_CHECK mt_status zarr_ome_check_version(const zarr_node *group, const json_t *multiscale, mt_error *err);

/* Sets axes, pixel sizes, units, channels and levels of a map. */
MT_MUST_CHECK mt_status zarr_ome_describe(mt_chunk_map *map, const zarr_node *group, const json_t *multiscale,
                                          int level, mt_error *err);

/* The names that an array gives to its dimensions: a list, or NULL. */
const json_t *zarr_dimension_names(const zarr_node *array);

/* Sets axes, '?' where nothing is known of them, pixel sizes and units from the metadata of the array alone. */
MT_MUST_CHECK mt_status zarr_describe_array(const zarr_node *array, mt_chunk_map *map, mt_error *err);

/* Adds what the coordinates beside an array say. root is the length of the path of the store's root. */
MT_MUST_CHECK mt_status zarr_read_coordinates(const zarr_reader *r, const zarr_node *array, size_t root,
                                              mt_chunk_map *map, mt_error *err);

/* Images of a store. */
typedef struct zarr_images {
    const zarr_reader *reader; /* where nodes are loaded from */
    size_t limit;              /* finding stops when there are as many */
    bool with_labels;          /* of multiscale images */
    const char *below;         /* names are put below this one; "" for none */
    size_t n, room;            /* entries in use and allocated */
    const char **names;        /* relative to the node where the search began, "" for itself */
} zarr_images;

MT_MUST_CHECK mt_status zarr_images_add(zarr_images *images, const char *name, mt_error *err); /* name is borrowed */
bool zarr_images_are_full(const zarr_images *images);

/* Whether a node is no image, and does not say what its images are: they are looked for below it, and none is the default
 * before the others. */
bool zarr_is_plain(const zarr_node *node);

/* The images of a plain node: arrays and other images below it, at any depth. */
MT_MUST_CHECK mt_status zarr_find_below(zarr_images *images, const zarr_node *group, mt_error *err);
/* Those of any other node. */
MT_MUST_CHECK mt_status zarr_find_own_images(zarr_images *images, const zarr_node *node, mt_error *err);

/* The map's find_stored: by listings of folders, which are not kept longer than the scan. */
void zarr_find_stored(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next);

#endif
