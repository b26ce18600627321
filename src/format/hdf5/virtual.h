/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual datasets: what selection.c, virtual.c, virtual_index.c and virtual_map.c share. */
#ifndef MT_FORMAT_HDF5_VIRTUAL_H
#define MT_FORMAT_HDF5_VIRTUAL_H

#include "format/hdf5/hdf5.h"

/* Places along a dimension that are selected: they rise, and do not touch. */
typedef struct h5_interval {
    int64_t start, n; /* first element, and their number */
} h5_interval;

typedef struct h5_intervals {
    h5_interval *list; /* rising */
    size_t count;      /* entries of list */
    int64_t total;     /* elements */
} h5_intervals;

/* What of a dataset is selected (IV.A.2.b, "Dataspace Selection"). */
typedef struct h5_selection {
    enum { H5_NONE, H5_ALL, H5_REGULAR, H5_BLOCKS } kind; /* as stored */
    int rank;                                             /* 0 of H5_NONE and H5_ALL */
    /* elements, by dimension; of H5_REGULAR */
    uint64_t start[MT_MAX_DIMS], stride[MT_MAX_DIMS], count[MT_MAX_DIMS], block[MT_MAX_DIMS];
    size_t n_blocks;           /* of H5_BLOCKS */
    const h5_interval *blocks; /* rank of them for each block */
    bool is_product;           /* of intervals along each dimension: */
    size_t along[MT_MAX_DIMS]; /* how many */
} h5_selection;

MT_MUST_CHECK mt_status h5_read_selection(mt_reader *r, mt_arena *arena, h5_selection *out, mt_error *err);

/* The dimension that grows without limit, or -1. */
int h5_unlimited_dimension(const h5_selection *s);

/* What a selection selects along a dimension of a dataset; it must be a product. Where it has no limit, it ends at the
 * extent, and behind the first most elements. */
MT_MUST_CHECK mt_status h5_select_along(const h5_selection *s, int d, int64_t extent, int64_t most, mt_arena *arena,
                                        h5_intervals *out, mt_error *err);

/* Elements along a dimension of a virtual dataset, and where in the source they come from. */
typedef struct h5_run {
    int64_t at, from, n; /* first element in the virtual dataset, first element in the source, number of elements */
} h5_run;

typedef struct h5_runs {
    h5_run *list; /* rising by at */
    size_t count; /* entries of list */
} h5_runs;

#define H5_FILL UINT32_MAX /* for a source: the fill value of a virtual dataset in another one */

/* A mapping: a product of runs along the dimensions of the virtual dataset. */
typedef struct h5_mapping {
    uint32_t source;            /* or H5_FILL */
    int dim[MT_MAX_DIMS];       /* of the source, for each of the virtual dataset; -1: none */
    int64_t fixed[MT_MAX_DIMS]; /* place along the other dimensions of the source */
    h5_runs runs[MT_MAX_DIMS];  /* by dimension of the virtual dataset */
    uint64_t first_box;         /* number of its first box in the map */
} h5_mapping;

/* A dataset that mappings refer to. */
typedef struct h5_source {
    const char *key, *path; /* of the file in the store; of the dataset in the file */
    struct h5_source *next; /* of the same hash */
    uint32_t number;        /* index in h5_making.sources */
    enum { H5_OPENING, H5_MISSING, H5_STORED, H5_NESTED } state; /* H5_NESTED: a virtual dataset itself */
    bool is_told;                                                /* of one that is missing: the map counts it */
    int rank;                                                    /* dimensions */
    int64_t shape[MT_MAX_DIMS];                                  /* elements */
    mt_chunk_map *map;                                           /* where it is stored */
    mt_chain chain;   /* that brings its elements into the type and byte order of the virtual dataset */
    mt_chain nothing; /* that makes a chunk of its fill value; without steps where that is the virtual dataset's */
    struct h5_virtual *nested;      /* of H5_NESTED */
    uint64_t first_chunk, n_chunks; /* numbers of its chunks in the map */
} h5_source;

typedef struct h5_bounds {
    int64_t low, high; /* [low, high), in elements */
} h5_bounds;

/* A virtual dataset, with mappings to stored datasets only, in paint order. */
typedef struct h5_virtual {
    int rank;                   /* dimensions */
    int64_t shape[MT_MAX_DIMS]; /* elements */
    h5_mapping *mappings;       /* in paint order */
    size_t n, room;             /* entries in use and allocated */
    h5_bounds *levels[8];       /* rank of them for each group of mappings, for each group of groups, ... */
    int n_levels;               /* entries of levels in use */
} h5_virtual;

/* Makes the levels. */
MT_MUST_CHECK mt_status h5_index_mappings(h5_virtual *v, mt_arena *arena, mt_error *err);

/* A walk through the mappings whose bounds meet [low, high), in their order. */
typedef struct h5_search {
    const h5_virtual *v;                         /* that is searched */
    int64_t low[MT_MAX_DIMS], high[MT_MAX_DIMS]; /* box, in elements */
    size_t next;                                 /* index of the next mapping to test */
    uint64_t steps;                              /* mappings and groups that were looked at */
} h5_search;
/* NULL behind the last. */
const h5_mapping *h5_next_mapping(h5_search *search);

#define H5_SOURCE_BUCKETS 1024

/* The making of a virtual dataset. */
typedef struct h5_making h5_making;
struct h5_making {
    mt_arena *arena; /* of what stays */
    /* The source of a name that stands in a file; opened if it is new, which for one that is virtual reads on. */
    mt_status (*find_source)(h5_making *making, const h5_file *file, const char *name, const char *path,
                             h5_source **out, mt_error *err);
    const h5_dataset *whole;
    mt_chunk_map *map;                     /* which is told what sources are missing */
    h5_source *buckets[H5_SOURCE_BUCKETS]; /* hash table by file and path */
    h5_source **sources;                   /* all sources, by number */
    size_t n, room;                        /* entries in use and allocated */
    int depth;                             /* nesting of virtual datasets so far */
    uint64_t steps;                        /* in looking for mappings of virtual datasets that others lead to */
};

/* Reads the mappings, and opens all of their sources: those of a virtual dataset, or of one in that. */
MT_MUST_CHECK mt_status h5_read_virtual(h5_making *making, const h5_file *file, const h5_dataset *dataset,
                                        h5_virtual *out, mt_error *err);

/* The find_source that opens files. */
MT_MUST_CHECK mt_status h5_find_source(h5_making *making, const h5_file *file, const char *name, const char *path,
                                       h5_source **out, mt_error *err);

#endif
