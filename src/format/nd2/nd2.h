/* SPDX-License-Identifier: BSD-3-Clause */
/* Nikon ND2, versions 2 and 3: declarations shared by this folder.
 *
 * A file is a sequence of named chunks, of which one, at the end, maps names to positions. A frame is a chunk with all
 * channels of a plane, pixel by pixel. Nikon publishes no specification. Sources: the readers nd2 0.12 (BSD-3-Clause,
 * tlambert03/nd2) and limnd2 of the maker of the software, Laboratory Imaging (MIT, Laboratory-Imaging/limnd2). */
#ifndef MT_FORMAT_ND2_ND2_H
#define MT_FORMAT_ND2_ND2_H

#include "base/reader.h"
#include "format/format.h"

/* A value of the metadata, binary or XML: a number, a text, bytes, or a level of values. Lives in an arena. */
typedef struct nd2_value {
    const char *name; /* UTF-8; "" for the items of a list */
    double number;    /* of a number, else NaN */
    const char *text; /* of a text, in UTF-8, else NULL */
    const uint8_t *bytes;
    size_t n_bytes;          /* bytes in bytes */
    struct nd2_value *first; /* of a level */
    struct nd2_value *next;  /* in the same level */
} nd2_value;

/* Parses the content of a chunk; bytes must live as long as the arena. *repair says what was repaired; NULL: nothing. */
MT_MUST_CHECK mt_status nd2_parse(mt_arena *arena, const uint8_t *bytes, size_t size, const char *what,
                                  const nd2_value **out, const char **repair, mt_error *err);
MT_MUST_CHECK mt_status nd2_parse_xml(mt_arena *arena, const uint8_t *bytes, size_t size, const char *what,
                                      nd2_value *root, const char **repair, mt_error *err);
/* Adds a value at the end of a level; *last is the one added before, or NULL. NULL if out of memory. */
nd2_value *nd2_add(mt_arena *arena, nd2_value *parent, nd2_value **last, const char *name, mt_error *err);

/* Access to the values of a level, which may be NULL: a value, or what is returned if there is none of the name. */
const nd2_value *nd2_find(const nd2_value *level, const char *name); /* NULL */
double nd2_number(const nd2_value *level, const char *name, double missing);
const char *nd2_text(const nd2_value *level, const char *name); /* "" */
/* The only value of a level that is a list of one, else the level: version 2 wraps some levels so. */
const nd2_value *nd2_unwrap(const nd2_value *level);

/* A frame of the file. Its header is read when the frame is first located. */
typedef struct nd2_frame {
    uint64_t offset;        /* of the chunk */
    _Atomic uint64_t bytes; /* of the chunk's data, valid once head is set */
    _Atomic uint32_t head;  /* bytes before the data; 0: not read yet */
    uint32_t number;        /* in the order of acquisition */
} nd2_frame;

/* Chunks with metadata. */
enum { ND2_ATTRIBUTES, ND2_EXPERIMENT, ND2_PICTURE, ND2_TIMES, ND2_CHUNKS };

/* A chunk as the map lists it. */
typedef struct nd2_chunk {
    uint64_t offset; /* of its header; 0: there is none */
    uint64_t bytes;  /* of its data, by the map; 0: not known */
} nd2_chunk;

/* The chunks of a file. */
typedef struct nd2_index {
    nd2_chunk chunk[ND2_CHUNKS];
    bool is_binary[ND2_CHUNKS]; /* the name of the chunk is that of version 3 */
    nd2_frame *frames;          /* in rising order of their numbers */
    size_t n_frames, room;      /* entries in use and allocated */
} nd2_index;

/* A loop of the acquisition. */
typedef struct nd2_loop {
    char axis;                   /* T, S or Z */
    int64_t count;               /* positions along it */
    double step;                 /* in micrometres or seconds; 0: not known */
    const nd2_value *parameters; /* uLoopPars */
    const nd2_value *are_valid;  /* of positions: pItemValid, or NULL */
} nd2_loop;

#define ND2_MAX_LOOPS 8
typedef struct nd2_loops {
    nd2_loop loop[ND2_MAX_LOOPS]; /* the slowest first */
    int n;                        /* entries of loop */
    const char *unknown;          /* why the loops are not understood, or NULL */
} nd2_loops;

void nd2_read_loops(const nd2_value *experiment, nd2_loops *out);
/* The list of positions of a loop along S, or NULL. */
const nd2_value *nd2_positions(const nd2_loop *loop);

/* Walks over the items of a list that are valid, by a list of flags, as bytes or as values. Both may be NULL. */
typedef struct nd2_walk {
    const nd2_value *item; /* the next one */
    const nd2_value *flags, *flag;
    size_t at; /* number of the next item */
} nd2_walk;
nd2_walk nd2_begin(const nd2_value *list, const nd2_value *flags);
const nd2_value *nd2_next(nd2_walk *walk); /* NULL at the end */

/* The pixels of a frame. */
typedef struct nd2_pixels {
    int64_t width, height; /* pixels */
    int64_t components;    /* of a pixel */
    int64_t planes;        /* channels; each has three components if is_rgb, else one */
    bool is_rgb;           /* components are blue, green and red */
    bool is_compressed;    /* by zlib */
    uint64_t row_bytes;    /* with padding */
    mt_dtype dtype;        /* of a component */
} nd2_pixels;

/* An open file. */
typedef struct nd2_file {
    mt_env *env;     /* memory, limits and caches */
    mt_store *store; /* that holds the object; borrowed */
    const char *key; /* of the object; borrowed */
    uint64_t size;   /* bytes */
    nd2_index index;
    nd2_pixels pixels;
    const nd2_value *picture; /* metadata of the first frame, or NULL */
    nd2_loops loops;          /* as the image shows them: the slowest first */
    nd2_loop positions;       /* that over positions of the stage; count 0: there is none */
    uint64_t n_frames;        /* their product */
    const double *times;      /* of frames, in seconds since the start; NULL: not known */
    size_t n_times;           /* entries of times */
    mt_texts warnings;        /* of the image */
} nd2_file;

MT_MUST_CHECK mt_status nd2_warn(nd2_file *file, mt_arena *arena, mt_error *err, const char *format, ...)
    MT_PRINTF(4, 5);

/* A chunk begins with these bytes: magic, length of the name with its padding, length of the data; then the name. */
#define ND2_MAGIC 0x0abecedau
#define ND2_HEAD_BYTES 16
#define ND2_MOST_NAME 64 /* bytes of the longest name of interest, and some */

/* Reads bytes at a position of a file. */
MT_MUST_CHECK mt_status nd2_read(const nd2_file *file, uint64_t position, void *out, size_t size, mt_error *err);

/* The header of a chunk: where its data lies. MT_E_CORRUPT if there is no chunk of that name. */
typedef struct nd2_head {
    uint32_t head;  /* bytes before the data */
    uint64_t bytes; /* of the data */
} nd2_head;
MT_MUST_CHECK mt_status nd2_read_head(const nd2_file *file, uint64_t offset, const char *name, nd2_head *out,
                                      mt_error *err);

/* Finds all chunks of a file whose env, store, key and size are set: from the chunk map or, if it is lost, by a scan,
 * with a warning. */
MT_MUST_CHECK mt_status nd2_find_chunks(nd2_file *file, mt_arena *arena, mt_error *err);
/* Adds a chunk to the index: a frame or metadata; others are ignored. expected: frames to make room for at first. */
MT_MUST_CHECK mt_status nd2_add_chunk(nd2_file *file, mt_arena *arena, const char *name, size_t length,
                                      const nd2_chunk *chunk, size_t expected, mt_error *err);
MT_MUST_CHECK mt_status nd2_scan_chunks(nd2_file *file, mt_arena *arena, mt_error *err);

/* Reads the metadata chunks ahead, in one round trip. */
void nd2_touch(const nd2_file *file);
/* Loads the data of a metadata chunk; *out is NULL if the file has none. */
MT_MUST_CHECK mt_status nd2_load(const nd2_file *file, int chunk, mt_arena *arena, uint8_t **out, size_t *size,
                                 mt_error *err);

/* The frame of a number; NULL if it is not stored. And the first one from a number on. */
nd2_frame *nd2_find_frame(const nd2_index *index, uint64_t number);
nd2_frame *nd2_next_frame(const nd2_index *index, uint64_t number);

/* Fills the map; then names and colours of its channels, sizes of pixels, and positions and times of its samples. */
MT_MUST_CHECK mt_status nd2_make_map(const nd2_file *file, mt_chunk_map *map, mt_error *err);
MT_MUST_CHECK mt_status nd2_describe(const nd2_file *file, mt_chunk_map *map, mt_error *err);

#endif
