/* SPDX-License-Identifier: BSD-3-Clause */
/* HDF5, by the "HDF5 File Format Specification Version 3.0": declarations shared by this folder. Names of structures
 * and fields and the section numbers in comments are those of the specification. */
#ifndef MT_FORMAT_HDF5_HDF5_H
#define MT_FORMAT_HDF5_HDF5_H

#include "base/reader.h"
#include "format/format.h"

#define H5_UNDEFINED UINT64_MAX /* undefined address, or unlimited size */

/* The files of a container, each opened once. Thread-safe. */
typedef struct h5_files h5_files;

typedef struct h5_file {
    h5_files *files;                    /* of the container */
    mt_env *env;                        /* memory, limits and caches */
    mt_store *store;                    /* that holds the file */
    const char *key;                    /* of the file in the store */
    uint64_t size;                      /* of the file */
    uint64_t base;                      /* file offset of address 0, after the user block */
    uint64_t owner;                     /* owner of its blocks in the index cache */
    uint64_t root;                      /* address of the object header of the root group */
    size_t address_bytes, length_bytes; /* 2, 4 or 8 */
    bool being_written;                 /* the superblock is marked: a writer has the file open */
} h5_file;

/* Finds the HDF5 signature at byte 0, 512, 1024, 2048, ... */
MT_MUST_CHECK mt_status h5_find_signature(mt_store *store, const char *key, const uint8_t *head, size_t head_size,
                                          bool *found, uint64_t *at, mt_error *err);
/* Reads the superblock of a file whose files, env, store, key and owner are set. */
MT_MUST_CHECK mt_status h5_read_superblock(h5_file *file, mt_error *err);

MT_MUST_CHECK mt_status h5_files_new(const mt_source *source, mt_arena *arena, h5_files **out, mt_error *err);
void h5_files_free(h5_files *files);
/* Opens the file of a key. MT_E_NOT_FOUND only if it does not exist. */
MT_MUST_CHECK mt_status h5_files_open(h5_files *files, const char *key, const h5_file **out, mt_error *err);
/* Records a file that belongs to the images but is not HDF5. */
MT_MUST_CHECK mt_status h5_files_note(h5_files *files, const char *key, mt_error *err);
/* Lists the keys of all files but one. */
MT_MUST_CHECK mt_status h5_files_list(h5_files *files, const char *but, mt_names *out, mt_error *err);
/* The key of a file that another file refers to, relative to the folder of that file and inside the store. what, such
 * as "a link", is for messages. beside: a name without folders is always allowed. MT_E_UNSUPPORTED if following is not
 * allowed. */
MT_MUST_CHECK mt_status h5_resolve(const h5_file *file, mt_arena *arena, const char *what, const char *name,
                                   bool beside, const char **key, mt_error *err);
/* Opens that file. MT_E_NOT_FOUND only if it does not exist. */
MT_MUST_CHECK mt_status h5_open_other(const h5_file *file, const char *key, const h5_file **out, mt_error *err);

/* Adds to the error about a broken file that it is marked as being written, if it is. Returns st. */
mt_status h5_blame_writer(const h5_file *file, mt_status st, mt_error *err);

/* Read an unsigned number of 1 to 8 bytes, an address, or a length. The latter two are H5_UNDEFINED if all bits are
 * set. */
uint64_t h5_read_number(mt_reader *r, size_t bytes);
uint64_t h5_read_address(const h5_file *file, mt_reader *r);
uint64_t h5_read_length(const h5_file *file, mt_reader *r);
/* The number of bytes that numbers up to limit need. */
size_t h5_bytes_for(uint64_t limit);
int h5_log2(uint64_t n);

/* Loads the bytes [address, address + size) into the arena. */
MT_MUST_CHECK mt_status h5_load(const h5_file *file, mt_arena *arena, uint64_t address, uint64_t size, mt_reader *out,
                                mt_error *err);

/* A block of the file in the index cache. Its signature of four letters ("" for none) and its checksum, if the last
 * four bytes are one, have been verified. The reader covers the bytes between both. */
typedef struct h5_block {
    mt_cache_entry *entry; /* keeps the bytes of reader alive */
    mt_reader reader;      /* positioned after the signature */
} h5_block;
MT_MUST_CHECK mt_status h5_get_block(const h5_file *file, uint64_t address, uint64_t size, const char *signature,
                                     bool checksum, h5_block *out, mt_error *err);
/* A node of a version 1 B-tree (III.A.1), also in the index cache. The reader starts at the first key; keys alternate
 * with the addresses of the n children. */
MT_MUST_CHECK mt_status h5_get_node(const h5_file *file, uint64_t address, int type, size_t key_bytes, h5_block *out,
                                    int *level, size_t *n, mt_error *err);
void h5_give_block(const h5_file *file, h5_block *block);

/* The checksum of metadata: Bob Jenkins' lookup3. */
uint32_t h5_checksum(const uint8_t *data, size_t size);
/* Whether the last four of size bytes are the checksum of the others. */
bool h5_is_intact(const uint8_t *data, size_t size);

enum {
    H5_MSG_DATASPACE = 1,
    H5_MSG_LINK_INFO = 2,
    H5_MSG_DATATYPE = 3,
    H5_MSG_OLD_FILL = 4,
    H5_MSG_FILL = 5,
    H5_MSG_LINK = 6,
    H5_MSG_EXTERNAL = 7,
    H5_MSG_LAYOUT = 8,
    H5_MSG_FILTERS = 11,
    H5_MSG_ATTRIBUTE = 12,
    H5_MSG_CONTINUATION = 16,
    H5_MSG_SYMBOL_TABLE = 17,
    H5_MSG_ATTRIBUTE_INFO = 21
};

typedef struct h5_message {
    int type;                /* H5_MSG_*, or a number that is not known here */
    bool shared;             /* body refers to the message */
    uint64_t address;        /* of the body */
    mt_reader body;          /* bytes of the body */
    struct h5_message *next; /* in the order of the header */
} h5_message;

/* An object header: its messages, in the arena. */
typedef struct h5_object {
    const h5_file *file;      /* that holds the object: links may lead to other files */
    uint64_t address;         /* of the header, in the file */
    h5_message *first, *last; /* list of messages */
} h5_object;

MT_MUST_CHECK mt_status h5_read_object(const h5_file *file, mt_arena *arena, uint64_t address, h5_object *out,
                                       mt_error *err);
/* The first message of a type; NULL if there is none. */
const h5_message *h5_find_message(const h5_object *object, int type);
/* The body of a message; if it is shared, read from the object that holds it. */
MT_MUST_CHECK mt_status h5_open_message(const h5_file *file, mt_arena *arena, const h5_message *message, mt_reader *out,
                                        mt_error *err);

/* A walk over the records of a version 2 B-tree, in order. compare returns the position of a record relative to the
 * search key (-1, 0, 1); only matches (0) are visited. */
typedef struct h5_tree_walk {
    int type;                                                        /* of the tree */
    int (*compare)(const void *user, mt_reader record);              /* -1, 0, 1; NULL: visit all records */
    mt_status (*visit)(void *user, mt_reader record, mt_error *err); /* called for each match */
    void *user;                                                      /* passed to both */
} h5_tree_walk;
MT_MUST_CHECK mt_status h5_walk_tree(const h5_file *file, uint64_t address, const h5_tree_walk *walk, mt_error *err);

/* Copies an object of a fractal heap into the arena. id is its heap identifier. */
MT_MUST_CHECK mt_status h5_read_heap(const h5_file *file, mt_arena *arena, uint64_t heap, mt_reader id, mt_reader *out,
                                     mt_error *err);
/* Copies an object of a global heap into the arena. */
MT_MUST_CHECK mt_status h5_read_global(const h5_file *file, mt_arena *arena, uint64_t address, uint32_t index,
                                       mt_reader *out, mt_error *err);

/* The names of a local heap (III.D), and the name at an offset; NULL if it is not terminated in the heap. */
MT_MUST_CHECK mt_status h5_read_names(const h5_file *file, mt_arena *arena, uint64_t address, mt_reader *out,
                                      mt_error *err);
const char *h5_heap_name(const mt_reader *names, uint64_t offset);

/* A link of a group. */
typedef struct h5_link {
    const char *name;                                      /* without folders */
    enum { H5_HARD, H5_SOFT, H5_EXTERNAL, H5_OTHER } kind; /* H5_OTHER: not supported */
    uint64_t address;                                      /* of a hard link */
    const char *target;                                    /* path of a soft link, file of an external link */
    const char *inside;                                    /* path in the file of an external link */
    struct h5_link *next;                                  /* in the order of the group */
} h5_link;

/* The links of a group in its order, or the link of a name; *first is NULL if there is none. */
MT_MUST_CHECK mt_status h5_read_links(mt_arena *arena, const h5_object *group, const char *name, h5_link **first,
                                      mt_error *err);
/* The object at a path from the root. Links are followed, into other files only if allowed; out->file is then another
 * file. MT_E_NOT_FOUND names the missing segment. */
MT_MUST_CHECK mt_status h5_find_object(const h5_file *file, mt_arena *arena, const char *path, h5_object *out,
                                       mt_error *err);
/* The same for a path from a group at an address. */
MT_MUST_CHECK mt_status h5_find_below(const h5_file *file, mt_arena *arena, uint64_t group, const char *path,
                                      h5_object *out, mt_error *err);

/* A datatype, reduced to what images and metadata need. */
typedef struct h5_type {
    enum {
        H5_INTEGER = 0,
        H5_FLOAT = 1,
        H5_TIME = 2,
        H5_STRING = 3,
        H5_BITFIELD = 4,
        H5_OPAQUE = 5,
        H5_COMPOUND = 6,
        H5_REFERENCE = 7,
        H5_ENUM = 8,
        H5_VARIABLE = 9,
        H5_ARRAY = 10,
        H5_COMPLEX = 11
    } kind;
    uint32_t size;              /* bytes of an element */
    bool big_endian, is_signed; /* of integers and floats */
    mt_dtype dtype;             /* 0: not supported, see obstacle */
    const char *obstacle;       /* description of an unsupported type */
    uint32_t bits;              /* significant low bits of an integer */
    bool is_text;               /* a string of variable length */
} h5_type;

MT_MUST_CHECK mt_status h5_read_type(mt_reader *r, h5_type *out, mt_error *err);

#define H5_MAX_RANK 32
typedef struct h5_space {
    int rank;                                      /* dimensions; 0: scalar */
    bool is_null;                                  /* no elements and no shape */
    uint64_t size[H5_MAX_RANK], most[H5_MAX_RANK]; /* elements; H5_UNDEFINED in most: unlimited */
} h5_space;
MT_MUST_CHECK mt_status h5_read_space(const h5_file *file, mt_reader *r, h5_space *out, mt_error *err);

typedef struct h5_attribute {
    const h5_file *file; /* that holds the object */
    h5_type type;        /* of an element */
    h5_space space;      /* extent */
    uint64_t count;      /* of elements */
    mt_reader data;      /* raw elements */
} h5_attribute;
/* *found is false if the object has no such attribute. */
MT_MUST_CHECK mt_status h5_find_attribute(mt_arena *arena, const h5_object *object, const char *name, bool *found,
                                          h5_attribute *out, mt_error *err);
/* The i-th string of an attribute, in the arena. Strings may have fixed or variable length; an array of single
 * characters is one string. NULL if the attribute is not text or has no i-th string. */
MT_MUST_CHECK mt_status h5_attribute_text(mt_arena *arena, const h5_attribute *attribute, uint64_t i, const char **out,
                                          mt_error *err);
/* The address of the first object in the i-th list of references; H5_UNDEFINED if there is none. */
MT_MUST_CHECK mt_status h5_attribute_reference(mt_arena *arena, const h5_attribute *attribute, uint64_t i,
                                               uint64_t *out, mt_error *err);
/* The i-th number of an attribute; false if there is none. */
bool h5_attribute_number(const h5_attribute *attribute, uint64_t i, double *out);
/* The text of an attribute by name; NULL if it does not exist or is not text. */
MT_MUST_CHECK mt_status h5_get_text(mt_arena *arena, const h5_object *object, const char *name, const char **out,
                                    mt_error *err);

/* For optional metadata: ignores failures caused by the content of the file; returns all others. */
MT_MUST_CHECK mt_status h5_forgive(mt_status st, const mt_error *own, mt_error *err);

#define H5_MAX_FILTERS 8
#define H5_MAX_FILTER_VALUES 32
typedef struct h5_filter {
    int id, n_values;                      /* registered number; entries of values in use */
    uint32_t values[H5_MAX_FILTER_VALUES]; /* parameters of the filter */
} h5_filter;

/* A dataset: location and storage of its elements. Holds no pointers. */
typedef struct h5_dataset {
    h5_type type;               /* of an element */
    int rank;                   /* dimensions */
    int64_t shape[MT_MAX_DIMS]; /* elements */
    uint64_t most[MT_MAX_DIMS]; /* H5_UNDEFINED: unlimited */
    uint8_t fill[8];            /* native byte order */
    /* class of the layout message */
    enum { H5_COMPACT = 0, H5_CONTIGUOUS = 1, H5_CHUNKED = 2, H5_VIRTUAL = 3 } layout;
    uint64_t address;  /* of the data or the chunk index; of the global heap with the mappings of a virtual dataset */
    uint64_t bytes;    /* of contiguous data or of the only chunk; of a virtual dataset, the index of the heap object */
    bool external;     /* data in external files: address is that of the message that lists them, list_bytes its size */
    size_t list_bytes; /* bytes of that message */
    /* kind of chunk index */
    enum { H5_TREE1, H5_SINGLE, H5_IMPLICIT, H5_FIXED_ARRAY, H5_EXTENSIBLE_ARRAY, H5_TREE2 } index;
    uint32_t mask;                     /* filters that were not applied to the only chunk */
    bool raw_edges;                    /* chunks that extend beyond the edge are not filtered */
    int64_t chunk[MT_MAX_DIMS];        /* elements of a chunk */
    int n_filters;                     /* entries of filters in use */
    h5_filter filters[H5_MAX_FILTERS]; /* in the order of encoding */
} h5_dataset;

/* Whether an object is a dataset; and its description. */
bool h5_is_dataset(const h5_object *object);
MT_MUST_CHECK mt_status h5_read_dataset(mt_arena *arena, const h5_object *object, h5_dataset *out, mt_error *err);
/* The codecs of a filter pipeline; parameters go into the arena. */
MT_MUST_CHECK mt_status h5_make_chain(mt_arena *arena, const h5_dataset *dataset, mt_chain *out, mt_error *err);

typedef struct h5_chunk {
    uint64_t address; /* H5_UNDEFINED: not stored */
    uint64_t bytes;   /* encoded bytes */
    uint32_t mask;    /* filters that were not applied */
} h5_chunk;
/* Finds a chunk by its position in the grid. Thread-safe. */
MT_MUST_CHECK mt_status h5_find_chunk(const h5_file *file, const h5_dataset *dataset, const int64_t *position,
                                      h5_chunk *out, mt_error *err);
/* The same for fixed and extensible arrays. index is the number of the chunk; out initially describes a chunk that is
 * not stored. */
MT_MUST_CHECK mt_status h5_find_in_fixed_array(const h5_file *file, const h5_dataset *dataset, uint64_t index,
                                               h5_chunk *out, mt_error *err);
MT_MUST_CHECK mt_status h5_find_in_extensible_array(const h5_file *file, const h5_dataset *dataset, uint64_t index,
                                                    h5_chunk *out, mt_error *err);

/* find_stored for the chunks of a dataset, from its chunk index. */
void h5_find_stored(const h5_file *file, const h5_dataset *dataset, const int64_t *position, int64_t *next);

/* Datasets that are one image: of the same type, shape, chunks, filters and fill value, in C order of leading
 * dimensions. */
typedef struct h5_many {
    int leading;      /* 0: one dataset */
    char axes[3];     /* letters of the leading dimensions */
    int64_t shape[2]; /* datasets along each leading dimension */
    /* Writes the path of the dataset at a position along the leading dimensions. */
    void (*write_path)(const struct h5_many *many, const int64_t *place, char *out, size_t size);
    int level, setup;
    int64_t first; /* number of the first time point */
} h5_many;

/* Fills the map: dimensions, type, chunks, filters, locate. dataset represents all datasets. shape may be NULL, or
 * smaller than that of padded datasets. Not for virtual datasets. */
MT_MUST_CHECK mt_status h5_make_map(const h5_file *file, const h5_dataset *dataset, const h5_many *many,
                                    const int64_t *shape, mt_chunk_map *map, mt_error *err);
/* Fills the fields of the map that do not depend on the layout. */
MT_MUST_CHECK mt_status h5_start_map(const h5_dataset *dataset, mt_chunk_map *map, mt_error *err);

/* Fills the remaining fields for external files. */
MT_MUST_CHECK mt_status h5_set_external(const h5_file *file, const h5_dataset *dataset, mt_chunk_map *map,
                                        mt_error *err);
/* The map of a virtual dataset. */
MT_MUST_CHECK mt_status h5_make_virtual_map(const h5_file *file, const h5_dataset *dataset, mt_chunk_map *map,
                                            mt_error *err);

/* Images of several datasets: Imaris and BigDataViewer. */
MT_MUST_CHECK mt_status h5_is_imaris(const h5_file *file, mt_arena *arena, bool *out, mt_error *err);
MT_MUST_CHECK mt_status h5_open_imaris(const h5_file *file, mt_arena *arena, int level, mt_chunk_map *map,
                                       mt_error *err);
MT_MUST_CHECK mt_status h5_is_bdv(const h5_file *file, mt_arena *arena, bool *out, mt_error *err);
MT_MUST_CHECK mt_status h5_open_bdv(const h5_file *file, mt_arena *arena, const mt_source *source, int64_t series,
                                    int level, mt_chunk_map *map, mt_error *err);
/* The HDF5 file named by a BigDataViewer document. */
MT_MUST_CHECK mt_status h5_find_bdv_file(const mt_source *source, mt_arena *arena, const char **key, mt_error *err);
MT_MUST_CHECK mt_status h5_list_bdv(const h5_file *file, mt_arena *arena, mt_names *out, mt_error *err);

/* Visits the datasets that can be images: numeric, not empty, at least two dimensions of more than one element. Each is
 * visited once, under the first path that leads to it. skip, which may be NULL, is called for those that have the
 * dimensions but are empty or of an unsupported type. */
typedef mt_status (*h5_visit_image)(void *user, const char *path, const h5_dataset *dataset, mt_error *err);
typedef mt_status (*h5_skip_image)(void *user, const char *path, const char *why, mt_error *err);
MT_MUST_CHECK mt_status h5_find_images(const h5_file *file, mt_arena *arena, const char *root, h5_visit_image visit,
                                       h5_skip_image skip, void *user, mt_error *err);

/* Sets axes, pixel sizes and units from the attributes of a dataset: ilastik's axistags, dimension labels, dimension
 * scales, element_size_um. path is that of the dataset. */
MT_MUST_CHECK mt_status h5_describe_axes(mt_arena *arena, const h5_object *object, const char *path, mt_chunk_map *map,
                                         mt_error *err);
/* The same from the attributes used in electron microscopy, for values that are still unknown. */
MT_MUST_CHECK mt_status h5_describe_voxels(mt_arena *arena, const h5_object *object, mt_chunk_map *map, mt_error *err);
/* The same from dimension scales. */
MT_MUST_CHECK mt_status h5_describe_scales(mt_arena *arena, const h5_object *object, const char *path,
                                           mt_chunk_map *map, mt_error *err);

#endif
