/* SPDX-License-Identifier: BSD-3-Clause */
/* Internals of the N5 format. Source: N5, README, "file-system specification" 4.0.0.
 *
 * Attributes list dimensions with the fastest first; maps have them in the opposite order, so that X comes last. */
#ifndef MT_FORMAT_N5_N5_H
#define MT_FORMAT_N5_N5_H

#include "format/tree/tree.h"

/* The nodes of N5: the document of an array (a dataset) is its attributes. version is the kind of a group. */
enum { N5_PLAIN, N5_LEVELS, N5_SETUP };

/* Arrays cut along more dimensions by their border are refused: each combination of borders has its own chain. */
#define N5_MOST_BORDERS 10

/* The state of the map of a dataset, or of a setup of BigDataViewer, whose first dimension is time. */
typedef struct n5_state {
    const char *stem;         /* prefix of every key: "a/b/" */
    const char *infix;        /* between time point and block: "/s0/"; NULL: no time points */
    const char *const *times; /* names of the time points; NULL: of one without dataset */
    mt_chain *chains; /* of blocks at each combination of borders: bit i is for the last block along borders[i] */
    int borders[N5_MOST_BORDERS], n_borders; /* dimensions that cut the last block */
    _Atomic int stored;                      /* N5_STORED_*: whether the dataset has blocks at all */
} n5_state;

enum { N5_STORED_UNKNOWN, N5_STORED_SOME, N5_STORED_NONE };

/* Whether attributes are those of a dataset. */
bool n5_is_dataset(const json_t *attributes);

/* Parses the attributes of a dataset into a new map, with the state and all but axes, pixel sizes and units.
 * n5_map_dataset also finishes it. */
MT_MUST_CHECK mt_status n5_parse_dataset(const mt_node *dataset, mt_chunk_map *map, mt_error *err);
MT_MUST_CHECK mt_status n5_map_dataset(const mt_node *dataset, mt_chunk_map *map, mt_error *err);

/* Makes the chains of borders, and sets locate and the functions beside it. The map has its chain, the state its
 * keys. */
MT_MUST_CHECK mt_status n5_finish(mt_chunk_map *map, mt_error *err);

/* Writes the key of the folder of all blocks, of a time point if there are any. False: no dataset at the time point. */
bool n5_write_folder(const mt_chunk_map *map, int64_t time, char *out);

/* Maps a setup of BigDataViewer: time, and the dimensions of its datasets. */
MT_MUST_CHECK mt_status n5_map_setup(const mt_tree *tree, const mt_node *setup, const mt_selection *selection,
                                     mt_chunk_map *map, mt_error *err);

/* The path of a level below its group, and their number, for a group of levels (or a time point of a setup). */
MT_MUST_CHECK mt_status n5_level_path(const mt_tree *tree, const mt_node *group, int64_t level, const char **out,
                                      mt_error *err);
MT_MUST_CHECK mt_status n5_count_levels(const mt_tree *tree, const mt_node *group, int *out, mt_error *err);
/* The level of a group with a path below it, or -1. */
MT_MUST_CHECK mt_status n5_find_level(const mt_tree *tree, const mt_node *group, const char *path, int *out,
                                      mt_error *err);

/* Sets pixel sizes and units, and axes unless they are set. group: NULL, or the group of levels. */
MT_MUST_CHECK mt_status n5_describe(const mt_tree *tree, const mt_node *dataset, const mt_node *group, int level,
                                    mt_chunk_map *map, mt_error *err);

/* The functions of maps and of the format. */
void n5_find_stored(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next);
mt_status n5_judge_absent(const mt_chunk_map *map, const int64_t *position, const char *key, bool any_stored,
                          bool *moved, mt_error *err);
mt_status n5_save(const mt_chunk_map *map, mt_buffer *out, mt_error *err);
mt_status n5_restore(mt_chunk_map *map, const mt_renaming *renaming, mt_reader *r, mt_error *err);

#endif
