/* SPDX-License-Identifier: BSD-3-Clause */
/* Internals of the Zarr format: nodes (groups and arrays with metadata), and chunk maps of arrays. */
#ifndef MT_FORMAT_ZARR_ZARR_H
#define MT_FORMAT_ZARR_ZARR_H

#include "format/tree/tree.h"

/* The load function of the tree. The version of a node is 2 or 3, its document .zarray or zarr.json. Attributes of an array
 * of version 2 are not loaded with it. */
mt_status zarr_node_load(const mt_tree *tree, mt_node *node, mt_error *err);
/* Loads the attributes of a version 2 array, stored in a separate document. */
MT_MUST_CHECK mt_status zarr_node_load_attributes(const mt_tree *tree, mt_node *node, mt_error *err);

/* The members of a group by consolidated metadata. */
mt_status zarr_find_consolidated(const mt_tree *tree, const mt_node *group, mt_members *names, mt_error *err);

#define ZARR_MAX_SHARD_LEVELS 4
#define ZARR_ENTRY_BYTES 16 /* bytes of an entry of a shard index */

/* A level of shards and the layout of their indices. All arrays are in the order of the array's dimensions. */
typedef struct zarr_shards {
    int64_t shape[MT_MAX_DIMS];        /* of a shard, in elements */
    int64_t count[MT_MAX_DIMS];        /* inner chunks of a shard */
    int64_t index_stride[MT_MAX_DIMS]; /* index entries between neighbouring inner chunks */
    size_t n_entries;                  /* inner chunks of a shard */
    size_t index_bytes;                /* as stored */
    bool index_first, index_swap;      /* index at the start of the shard; index in the other byte order */
    mt_chain index_chain;              /* decodes the index */
    uint64_t owner;                    /* owner of the indices in the index cache */
} zarr_shards;

/* Whether the keys of an array are as implied by its metadata, or have the other separator (keys.c). */
enum { ZARR_KEYS_UNKNOWN, ZARR_KEYS_OWN, ZARR_KEYS_OTHER };

/* The state of the map of an array. */
typedef struct zarr_state {
    const char *stem;       /* prefix of every key */
    size_t stem_length;     /* bytes of stem */
    char separator;         /* between numbers: '.' or '/' */
    _Atomic int keys;       /* ZARR_KEYS_*; over a network set while the map is in use */
    uint64_t owner;         /* owner of the result in the index cache */
    bool leading_separator; /* a separator also precedes the first number */
    /* key of an array without dimensions: the stem plus "0", else the stem */
    bool no_number_is_zero;
    int n_shard_levels;                        /* entries of shards in use */
    zarr_shards shards[ZARR_MAX_SHARD_LEVELS]; /* the outermost first */
} zarr_state;

/* State while the codecs of an array are parsed: the relation between the dimensions encoded at this point of the chain
 * and those of the array. */
typedef struct zarr_builder {
    mt_chunk_map *map;          /* to fill */
    zarr_state *state;          /* state of map */
    int order[MT_MAX_DIMS];     /* encoded dimension i is dimension order[i] of the array */
    int64_t chunk[MT_MAX_DIMS]; /* shape of what is encoded, in the order of the array */
    bool big_endian;            /* byte order of stored elements, if no step of the chain swaps them */
} zarr_builder;

/* Parse a document into a new map. */
MT_MUST_CHECK mt_status zarr_v2_parse(const json_t *document, const char *path, mt_chunk_map *map, mt_error *err);
MT_MUST_CHECK mt_status zarr_v3_parse(const json_t *document, const char *path, mt_chunk_map *map, mt_error *err);

/* Fills the map of an array, except axes, pixel sizes and units. */
MT_MUST_CHECK mt_status zarr_map_array(const mt_node *node, mt_chunk_map *map, mt_error *err);

/* Sets the prefix of keys: "path/" and suffix. Fails if the longest key does not fit. */
MT_MUST_CHECK mt_status zarr_set_stem(mt_chunk_map *map, const char *path, const char *suffix, mt_error *err);

/* The name of an extension: a string, or an object with "name" and optional "configuration". NULL if neither. */
const char *zarr_extension_name(const json_t *extension);
const json_t *zarr_extension_configuration(const json_t *extension);

/* Fails for members of a document of version 3 that are not among the n known ones and may not be ignored. */
MT_MUST_CHECK mt_status zarr_check_members(const json_t *document, const char *const *known, size_t n, mt_error *err);

/* Parses a fill value to one element of dtype. */
MT_MUST_CHECK mt_status zarr_parse_fill(const json_t *value, mt_dtype dtype, uint8_t *out, mt_error *err);

/* Parses a data type of version 2, such as "<u2"; *big_endian for ">". */
MT_MUST_CHECK mt_status zarr_parse_dtype(const json_t *dtype, mt_dtype *out, bool *big_endian, mt_error *err);

/* The filters and the compressor of version 2; the codecs of version 3, which also set swap, strides and shards. */
MT_MUST_CHECK mt_status zarr_v2_codecs(zarr_builder *b, const json_t *filters, const json_t *compressor, mt_error *err);
MT_MUST_CHECK mt_status zarr_v3_codecs(zarr_builder *b, const json_t *codecs, mt_error *err);

/* The codecs of a shard index, which must keep their size. */
MT_MUST_CHECK mt_status zarr_index_codecs(zarr_builder *b, const json_t *codecs, zarr_shards *shards, mt_error *err);

/* Adds a level of shards; *inner is the list of codecs of the inner chunks. */
MT_MUST_CHECK mt_status zarr_add_shards(zarr_builder *b, const json_t *configuration, const json_t **inner,
                                        mt_error *err);

/* Sets grid, strides and locate from the parsed codecs. */
MT_MUST_CHECK mt_status zarr_builder_finish(zarr_builder *b, mt_error *err);

/* The locate functions of maps without and with shards. */
mt_status zarr_locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err);
mt_status zarr_locate_sharded(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err);

/* The save function of maps, and the restore function of the format. */
mt_status zarr_save(const mt_chunk_map *map, mt_buffer *out, mt_error *err);
mt_status zarr_restore(mt_chunk_map *map, const mt_renaming *renaming, mt_reader *r, mt_error *err);

/* The separator of keys, as far as known. */
static inline char zarr_separator(const zarr_state *state)
{
    bool other = atomic_load_explicit(&state->keys, memory_order_relaxed) == ZARR_KEYS_OTHER;
    return !other ? state->separator : state->separator == '.' ? '/' : '.';
}

/* The grid position of the object that holds a chunk: that of its shard, or its own. */
void zarr_find_object(const mt_chunk_map *map, const int64_t *position, int64_t *out);

/* Write the key of the object at a grid position (of shards if there are any), the second with a given separator. */
void zarr_write_key(const mt_chunk_map *map, const int64_t *position, char *out);
void zarr_write_key_with(const mt_chunk_map *map, const int64_t *position, char separator, char *out);

/* Finds the separator of the keys of a local array. Fails if there are chunks, but with keys of neither form. */
MT_MUST_CHECK mt_status zarr_check_keys(mt_chunk_map *map, mt_error *err);
/* The judge_absent function of maps. */
mt_status zarr_judge_absent(const mt_chunk_map *map, const int64_t *position, const char *key, bool any_stored,
                            bool *moved, mt_error *err);
/* Whether the form of the keys is known or can be found. */
bool zarr_keys_are_known(const mt_chunk_map *map, const int64_t *position);
/* Writes the common prefix of keys that share the first n numbers of a position. */
void zarr_write_prefix(const mt_chunk_map *map, const int64_t *position, int n, char *out);

/* The object with the OME metadata: attributes.ome, or the attributes. NULL if there is none. */
const json_t *zarr_ome(const mt_node *node);

/* The n-th multiscale image of a node, or NULL. */
const json_t *zarr_ome_multiscale(const mt_node *node, size_t n);

/* The index of the dataset with a path (given relative to the image and to the root) in a multiscale image, or -1; and
 * the path of a dataset, or NULL. */
int zarr_ome_find_dataset(const json_t *multiscale, const char *path, const char *whole);
const char *zarr_ome_dataset(const json_t *multiscale, size_t level);
int zarr_ome_levels(const json_t *multiscale);

/* Fails for unsupported versions of OME-Zarr. */
MT_MUST_CHECK mt_status zarr_ome_check_version(const mt_node *group, const json_t *multiscale, mt_error *err);

/* Sets axes, pixel sizes, units, channels and levels of a map. */
MT_MUST_CHECK mt_status zarr_ome_describe(mt_chunk_map *map, const mt_node *group, const json_t *multiscale, int level,
                                          mt_error *err);

/* The dimension names of an array: a list, or NULL. */
const json_t *zarr_dimension_names(const mt_node *array);

/* Sets axes ('?' if unknown), pixel sizes and units from the metadata of the array itself. */
MT_MUST_CHECK mt_status zarr_describe_array(const mt_node *array, mt_chunk_map *map, mt_error *err);

/* Adds axes and pixel sizes from coordinates beside an array. */
MT_MUST_CHECK mt_status zarr_read_coordinates(const mt_tree *tree, const mt_node *array, mt_chunk_map *map,
                                              mt_error *err);

/* Whether a group has no metadata of images. */
bool zarr_is_plain(const mt_node *node);
/* Finds the images of a node that has some. */
mt_status zarr_find_own_images(mt_tree_images *images, const mt_node *node, mt_error *err);

/* The find_stored function of maps: lists folders; the listings live as long as the scan. */
void zarr_find_stored(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next);

#endif
