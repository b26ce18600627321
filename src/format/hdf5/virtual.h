/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual datasets: declarations shared by selection.c, virtual.c, virtual_index.c and virtual_map.c. */
#ifndef MT_FORMAT_HDF5_VIRTUAL_H
#define MT_FORMAT_HDF5_VIRTUAL_H

#include "format/hdf5/hdf5.h"

/* A selected interval along a dimension. Intervals are in rising order and do not touch. */
typedef struct h5_interval {
    int64_t start, n; /* first element, and their number */
} h5_interval;

typedef struct h5_intervals {
    h5_interval *list; /* rising */
    size_t count;      /* entries of list */
    int64_t total;     /* elements */
} h5_intervals;

/* A selection in a dataset (IV.A.2.b, "Dataspace Selection"). */
typedef struct h5_selection {
    enum { H5_NONE, H5_ALL, H5_REGULAR, H5_BLOCKS } kind; /* as stored */
    int rank;                                             /* dimensions; 0 for H5_NONE and H5_ALL */
    /* elements, by dimension; of H5_REGULAR */
    uint64_t start[MT_MAX_DIMS], stride[MT_MAX_DIMS], count[MT_MAX_DIMS], block[MT_MAX_DIMS];
    size_t n_blocks;           /* of H5_BLOCKS */
    const h5_interval *blocks; /* rank intervals for each block */
    bool is_product;           /* the product of intervals along each dimension */
    size_t along[MT_MAX_DIMS]; /* number of intervals, if is_product */
} h5_selection;

MT_MUST_CHECK mt_status h5_read_selection(mt_reader *r, mt_arena *arena, h5_selection *out, mt_error *err);

/* The unlimited dimension, or -1. */
int h5_unlimited_dimension(const h5_selection *s);

/* The intervals that a selection, which must be a product, selects along a dimension. An unlimited one ends at extent
 * or after most elements. */
MT_MUST_CHECK mt_status h5_select_along(const h5_selection *s, int d, int64_t extent, int64_t most, mt_arena *arena,
                                        h5_intervals *out, mt_error *err);

/* A run of elements along a dimension of a virtual dataset, and its origin in the source. */
typedef struct h5_run {
    int64_t at, from, n; /* first element in the virtual dataset, first element in the source, number of elements */
} h5_run;

typedef struct h5_runs {
    h5_run *list; /* rising by at */
    size_t count; /* entries of list */
} h5_runs;

#define H5_FILL UINT32_MAX /* as source: the fill value of a nested virtual dataset */

/* A mapping: a product of runs along the dimensions of the virtual dataset. */
typedef struct h5_mapping {
    uint32_t source;            /* number of the source, or H5_FILL */
    int dim[MT_MAX_DIMS];       /* dimension of the source for each dimension of the virtual dataset; -1: none */
    int64_t fixed[MT_MAX_DIMS]; /* position along the other dimensions of the source */
    h5_runs runs[MT_MAX_DIMS];  /* by dimension of the virtual dataset */
    uint64_t first_box;         /* number of its first box in the map */
} h5_mapping;

/* A dataset that mappings refer to. */
typedef struct h5_source {
    const char *key, *path; /* of the file in the store; of the dataset in the file */
    struct h5_source *next; /* chain of the hash table */
    uint32_t number;        /* index in h5_making.sources */
    enum { H5_OPENING, H5_MISSING, H5_STORED, H5_NESTED } state; /* H5_NESTED: a virtual dataset itself */
    bool is_told;                                                /* missing, and reported to the map */
    int rank;                                                    /* dimensions */
    int64_t shape[MT_MAX_DIMS];                                  /* elements */
    mt_chunk_map *map;                                           /* of H5_STORED: its own map */
    mt_chain chain;   /* converts its elements to the type and byte order of the virtual dataset */
    mt_chain nothing; /* makes a chunk of its fill value; empty if that equals the fill value of the virtual dataset */
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
    h5_bounds *levels[8];       /* rank bounds for each group of mappings, for each group of groups, ... */
    int n_levels;               /* entries of levels in use */
} h5_virtual;

/* Makes the levels. */
MT_MUST_CHECK mt_status h5_index_mappings(h5_virtual *v, mt_arena *arena, mt_error *err);

/* A search for the mappings whose bounds intersect [low, high), in order. */
typedef struct h5_search {
    const h5_virtual *v;                         /* that is searched */
    int64_t low[MT_MAX_DIMS], high[MT_MAX_DIMS]; /* box, in elements */
    size_t next;                                 /* index of the next mapping to test */
    uint64_t steps;                              /* mappings and groups tested so far */
} h5_search;
/* The next mapping; NULL after the last. */
const h5_mapping *h5_next_mapping(h5_search *search);

#define H5_SOURCE_BUCKETS 1024

/* State while the map of a virtual dataset is made. */
typedef struct h5_making h5_making;
struct h5_making {
    mt_arena *arena; /* of the map */
    /* Finds the source of a name given in file. Opens it if it is new; if it is virtual, reads its mappings. */
    mt_status (*find_source)(h5_making *making, const h5_file *file, const char *name, const char *path,
                             h5_source **out, mt_error *err);
    const h5_dataset *whole;
    mt_chunk_map *map;                     /* missing sources are reported here */
    h5_source *buckets[H5_SOURCE_BUCKETS]; /* hash table by file and path */
    h5_source **sources;                   /* all sources, by number */
    size_t n, room;                        /* entries in use and allocated */
    int depth;                             /* nesting of virtual datasets so far */
    uint64_t steps;                        /* spent on resolving nested virtual datasets */
};

/* Reads the mappings of a virtual dataset, possibly nested, and opens all their sources. */
MT_MUST_CHECK mt_status h5_read_virtual(h5_making *making, const h5_file *file, const h5_dataset *dataset,
                                        h5_virtual *out, mt_error *err);

/* The find_source function that opens files. */
MT_MUST_CHECK mt_status h5_find_source(h5_making *making, const h5_file *file, const char *name, const char *path,
                                       h5_source **out, mt_error *err);

#endif
