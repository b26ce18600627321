/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing: an image is created, boxes of pixels are put into it in any order, and it is finished.
 *
 * The unit of writing is the shard, or the chunk of an image without shards: it is encoded once, as soon as all its
 * pixels are there, and published whole under its final name. A process that is killed leaves whole units and a record
 * of them, and creating the same image again continues with what is missing.
 *
 * Boxes are in pixels, in the order of the image's stored axes. All functions except mt_writer_close may be called on
 * one writer from several threads at once. */
#ifndef MICROTOME_WRITE_H
#define MICROTOME_WRITE_H

#include <microtome/parts.h>

MT_BEGIN_DECLS

typedef struct mt_writer mt_writer;

/* When published units are forced to the disk (fsync). A killed process loses none of them in any mode; a power cut
 * may. */
typedef enum mt_durability {
    MT_DURABLE_UNITS = 0, /* each unit before it gets its final name; of TIFF, the units of every 64 MiB */
    MT_DURABLE_END,       /* all of them by mt_writer_finish */
    MT_DURABLE_NEVER      /* when the system likes */
} mt_durability;

/* Sizes of chunks and shards: a value along an axis that stands for its whole length. */
#define MT_WHOLE_AXIS INT64_MAX

typedef struct mt_writer_options {
    size_t struct_size; /* sizeof(mt_writer_options) */
    const char *format; /* "zarr", "tiff", "npy"; NULL: by the suffix of the path */
    /* The stack from which everything is taken that is not given below: axes, shape, dtype, pixel sizes, units,
     * channels, and whether the image has labels. NULL: none; axes, shape and dtype are then required. */
    const mt_stack *like;
    const char *axes;     /* letters of TCZYX in this order, Y and X among them; NULL: those of like */
    const int64_t *shape; /* of the image, in the order of axes; NULL: that of like */
    mt_dtype dtype;       /* element type; 0: that of like. OME-TIFF has no bool, float16, int64 and uint64. */
    /* Sizes in the order of axes; along an axis, 0 selects the default and MT_WHOLE_AXIS the whole length. NULL: the
     * defaults: chunks of 64 x 64 x 64 if there are at least 64 planes, else of 256 x 256; shards of about 32 MiB of
     * pixels if the image has more than 10,000 chunks, else none. A shard consists of whole chunks. Chunks of TIFF are
     * tiles, of one plane, by default 256 x 256; along Y and X they are multiples of 16: defaults and whole lengths are
     * rounded up, other sizes refused. TIFF has no shards. */
    const int64_t *chunk_shape, *shard_shape;
    int no_shards; /* not 0: never shards */
    /* "zstd", "blosc-zstd", "blosc-lz4", "gzip", "lz4" or "none". NULL: "blosc-lz4" for floats, else "blosc-zstd". TIFF
     * has "zstd" (also NULL), "gzip" (deflate) and "none"; it compresses differences of neighbouring integers. */
    const char *codec;
    int codec_level;     /* 0: the default of the codec */
    const char *shuffle; /* of a blosc codec: "none", "byte", "bit"; NULL: "byte" for elements of several bytes */
    int n_levels;        /* resolution levels; 0 or 1: no pyramid; -1: until a level fits in one chunk of YX */
    /* How 2 x 2 (x 2) pixels become one of the next level: "mean", "nearest" or "mode". NULL: "mean", "nearest" for
     * labels. */
    const char *downsample;
    const char *ome;            /* OME-Zarr: "0.5" (Zarr version 3, also NULL) or "0.4" (Zarr version 2, no shards) */
    const double *pixel_size;   /* along each axis, in unit; NULL: those of like */
    const char *const *unit;    /* UDUNITS-2 names; NULL: those of like */
    const mt_channel *channels; /* one for each channel; NULL: those of like if the number is the same */
    int is_labels;              /* not 0: values are object numbers */
    int durability;             /* an mt_durability */
    size_t memory;              /* bytes of pixels and encoded chunks that wait; 0: 512 MiB */
    /* What the pixels are computed from, in any words: the input, the network. An unfinished image is only continued
     * by a writer of the same identity. NULL: "". */
    const char *identity;
    /* A sentence that belongs to the finished image, such as what was missing in its input. OME-Zarr keeps it, and
     * opening the image warns with it; OME-TIFF keeps it as the Description; NPY does not. NULL: "". */
    const char *note;
    uint64_t reserved[8]; /* 0 */
} mt_writer_options;

/* The i-th word that a member of mt_writer_options takes: "format", "codec", "shuffle", "downsample" or "ome". NULL past
 * the last one, and for other members. Some formats take fewer codecs. */
MT_API const char *mt_writer_word(const char *member, size_t i);

/* The description of a writer. Owned by the writer, valid until it is closed. */
typedef struct mt_writer_info {
    size_t struct_size;                                   /* sizeof(mt_writer_info) of the library */
    const char *path;                                     /* as given to mt_writer_create */
    const char *format;                                   /* "zarr", "tiff", "npy" */
    const char *axes;                                     /* letters in stored order */
    int ndim;                                             /* number of axes */
    mt_dtype dtype;                                       /* of an element */
    int n_levels;                                         /* resolution levels */
    int64_t shape[MT_MAX_DIMS], chunk_shape[MT_MAX_DIMS]; /* of the full resolution */
    int64_t shard_shape[MT_MAX_DIMS];                     /* all 0: no shards */
    uint64_t n_units;                                     /* of the full resolution */
    /* Sentences on metadata that the options name and the format cannot keep: they are left out. */
    const char *const *warnings;
    size_t n_warnings; /* their number */
} mt_writer_info;

/* Progress of a writer, at one moment. */
typedef struct mt_writer_progress {
    size_t struct_size;        /* sizeof(mt_writer_progress) */
    uint64_t n_units, n_done;  /* units of the full resolution; those published */
    uint64_t n_resumed;        /* of n_done: published by earlier writers, and by others that share the work */
    uint64_t n_lost;           /* records of units whose objects are missing, or damaged records: done again */
    uint64_t bytes_put;        /* bytes of pixels put, in the output's type */
    uint64_t bytes_published;  /* bytes of objects published by this writer and earlier ones */
    uint64_t n_skipped;        /* pixels put into units that earlier writers published: ignored */
    uint64_t n_nan, n_clipped; /* values that became 0, and the least or largest value, of an integer type */
    uint64_t waiting_bytes;    /* pixels and encoded chunks that wait in memory */
} mt_writer_progress;

/* Creates an image, or continues one that a writer with the same options left unfinished. MT_E_ARGUMENT if the path
 * exists and is something else, or is an unfinished image of other options (the message names the first difference), or
 * is finished. options is required. */
MT_API MT_MUST_CHECK mt_status mt_writer_create(mt_context *context, const char *path, const mt_writer_options *options,
                                                mt_writer **out, mt_error *err);

/* Continues the unfinished image at a path, with the options it was created with. MT_E_NOT_FOUND if there is none.
 * durability and memory are taken from options, which may be NULL. */
MT_API MT_MUST_CHECK mt_status mt_writer_open(mt_context *context, const char *path, const mt_writer_options *options,
                                              mt_writer **out, mt_error *err);

/* Opens the unfinished image at a path to look at its description and progress, while other processes may write it.
 * Changes nothing: mt_writer_put, mt_writer_copy and mt_writer_finish fail. format is that of mt_writer_options, or
 * NULL. MT_E_NOT_FOUND: the path is not an unfinished image. */
MT_API MT_MUST_CHECK mt_status mt_writer_look(mt_context *context, const char *path, const char *format,
                                              mt_writer **out, mt_error *err);

/* Describes the image that mt_writer_create would create at a path, of which the suffix is used alone: its chunks, shards
 * and units, none of which is done. Nothing is read or created; otherwise as mt_writer_look. Errors are those of
 * mt_writer_create for options that do not fit. */
MT_API MT_MUST_CHECK mt_status mt_writer_plan(mt_context *context, const char *path, const mt_writer_options *options,
                                              mt_writer **out, mt_error *err);

/* Sets *out to 1 if the image at a path was finished by a writer of the same options, else to 0. NPY does not keep the
 * options: 0. Removes what a process that was killed after the image was finished has left of its journal. */
MT_API MT_MUST_CHECK mt_status mt_writer_is_finished(mt_context *context, const char *path,
                                                     const mt_writer_options *options, int *out, mt_error *err);

/* Releases the writer. What is not published is lost, and is put again by the next one. NULL is allowed. */
MT_API void mt_writer_close(mt_writer *writer);

/* Never NULL. */
MT_API const mt_writer_info *mt_writer_get_info(const mt_writer *writer);
/* The progress at this moment. Set out->struct_size first. */
MT_API MT_MUST_CHECK mt_status mt_writer_get_progress(mt_writer *writer, mt_writer_progress *out, mt_error *err);

/* Pixels to put. */
typedef struct mt_writer_box {
    const int64_t *start, *extent; /* box in the image, in the order of axes */
    const void *data;              /* the first pixel */
    mt_dtype dtype;                /* of data; 0: that of the image. Values are rounded half to even and clipped. */
    const int64_t *strides;        /* in bytes, of either sign; NULL: C order */
    uint64_t reserved[2];          /* 0 */
} mt_writer_box;

/* Puts a box of pixels. They are copied; the units that become complete are encoded and published by the threads of the
 * context, mostly after the call has returned. Each pixel is put once: MT_E_ARGUMENT for a pixel that was put before,
 * unless an earlier writer published it; then it is ignored. MT_E_RANGE for a box beyond the image. MT_E_LIMIT if more
 * would wait than fits in the memory budget; the message says in which order boxes would fit. If a unit cannot be
 * published, all later calls fail with the reason; a new writer continues. After a failure, the pixels of this box may
 * have been put in part. */
MT_API MT_MUST_CHECK mt_status mt_writer_put(mt_writer *writer, const mt_writer_box *box, mt_error *err);

/* Waits until all complete units are published, and returns the first failure. */
MT_API MT_MUST_CHECK mt_status mt_writer_flush(mt_writer *writer, mt_error *err);

/* The box of a unit of the full resolution, 0 <= unit < n_units. Units are in C order. */
MT_API void mt_writer_get_unit(const mt_writer *writer, uint64_t unit, int64_t *start, int64_t *extent);

/* Not 0 if the unit is published. */
MT_API int mt_writer_is_done(mt_writer *writer, uint64_t unit);

/* The units of part k of n, 0 <= k < n: count units from *first on. Parts cover all units, and differ by at most one;
 * n may be larger than the number of units. A pure function. */
MT_API void mt_writer_part(uint64_t n_units, uint64_t k, uint64_t n, uint64_t *first, uint64_t *count);

typedef struct mt_copy_options {
    size_t struct_size; /* sizeof(mt_copy_options) */
    /* The box of pixels to copy, in the order of the writer's axes; an axis that the stack lacks has one pixel. NULL:
     * from 0; all that the stack has. */
    const int64_t *from, *extent;
    const int64_t *to; /* its place in the output; NULL: 0 */
    int64_t sample;    /* for stacks with an axis S: the index along it */
    /* Only units of part part of n_parts (mt_writer_part) are written; 0 parts: all. */
    uint64_t part, n_parts;
    /* Optional: as in mt_extract_options. */
    int (*cancelled)(void *user);
    /* Optional: units that are done, and all of those to write. Called in the calling thread, a few times a second. */
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *user; /* passed to cancelled and progress */
    /* Not 0: several processes, on any machines that see the output, copy the same at once. Each claims units that no
     * other is at, publishes them, claims more, and returns when all are published. Then one of them finishes the image,
     * after the others have returned. Each takes over the units of a process that has ended, or that has not renewed its
     * claim for so many seconds, 1 to 1e9, such as 60: longer than reading, encoding and publishing a unit takes. Units
     * that two processes are at are written twice, with the same bytes. If another process finishes the image, the copy
     * ends with MT_OK, and the writer is finished, too. Only OME-Zarr (MT_E_UNSUPPORTED), not with parts, and only if
     * the sources cover each pixel of the image once. */
    double lease;
    uint64_t reserved[3]; /* 0 */
} mt_copy_options;

/* Puts pixels of a stack, in an order that fits into the memory budget; each chunk of the stack is read once, or a few
 * times if it is large. Units that are published are left out. Returns when all are published. options may be NULL. */
MT_API MT_MUST_CHECK mt_status mt_writer_copy(mt_writer *writer, mt_stack *stack, const mt_copy_options *options,
                                              mt_error *err);

/* A stack to copy, and where its pixels go: as in mt_copy_options. */
typedef struct mt_copy_source {
    mt_stack *stack;                   /* the stack */
    const int64_t *from, *extent, *to; /* the box, and its place in the output; NULL as there */
    int64_t sample;                    /* for stacks with an axis S: the index along it */
    uint64_t reserved[4];              /* 0 */
} mt_copy_source;

/* Puts pixels of n stacks, or of several boxes of a stack, that form one image, such as its channels. As mt_writer_copy;
 * units that lie in several sources are filled at once. from, extent, to and sample of options are ignored. In the
 * output, sources do not overlap. */
MT_API MT_MUST_CHECK mt_status mt_writer_copy_sources(mt_writer *writer, const mt_copy_source *sources, size_t n,
                                                      const mt_copy_options *options, mt_error *err);

/* Writes a text that identifies what a source puts, of at most room bytes with its NUL: its stack (mt_stack_identify),
 * missing files, and box. axes are those of the writer. For mt_writer_options.identity, with a line for each source:
 * then the copy can be continued by any program that does the same. MT_E_ARGUMENT if the text does not fit; 8192 bytes
 * are enough for paths of a file system. */
MT_API MT_MUST_CHECK mt_status mt_copy_identify(const char *axes, const mt_copy_source *source, char *text, size_t room,
                                                mt_error *err);

/* Keeps a text with the unfinished image, for those who continue it: under a name of up to MT_KEPT_NAME small letters,
 * digits and '-', in place of the text that any writer of the image has kept under it. NULL removes it. A killed process
 * leaves the old text or the new one. Finishing the image removes all. */
#define MT_KEPT_NAME 100
MT_API MT_MUST_CHECK mt_status mt_writer_keep(mt_writer *writer, const char *name, const char *text, mt_error *err);

/* Visits the texts that are kept, by any writer, in byte order of their names, until visit fails, and returns its
 * failure. Both strings are borrowed for the call. Also for a writer that looks. */
typedef mt_status (*mt_kept_visit)(void *user, const char *name, const char *text, mt_error *err);
MT_API MT_MUST_CHECK mt_status mt_writer_get_kept(mt_writer *writer, mt_kept_visit visit, void *user, mt_error *err);

typedef struct mt_finish_options {
    size_t struct_size; /* sizeof(mt_finish_options) */
    /* Not 0: MT_E_ARGUMENT if units of the full resolution are missing; the message says how many. */
    int all_required;
    /* Optional: as in mt_extract_options. */
    int (*cancelled)(void *user);
    /* Optional: steps that are done, and all of them; some take longer than others. Called in the calling thread. */
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;           /* passed to cancelled and progress */
    uint64_t reserved[4]; /* 0 */
} mt_finish_options;

/* Finishes the image: publishes units of which pixels are missing, with the fill value 0 in their place, builds what is
 * missing of the pyramid from published chunks, and writes the metadata that makes the image complete. Units that are read
 * back for that count in the memory budget; one is always allowed. Once it has begun, this writer takes no more pixels; if
 * another one puts pixels that were missing, the pyramid is made again.
 * MT_E_CANCELLED: the image is not finished, and calling this again goes on, in this process or another. To be called once
 * the processes that put pixels are done. Several may call it at once: they do the same work, and MT_OK says that the image
 * is finished, by this process or another. options may be NULL. */
MT_API MT_MUST_CHECK mt_status mt_writer_finish(mt_writer *writer, const mt_finish_options *options, mt_error *err);

/* A collection: a folder of OME-Zarr images, each of which is written by a writer of its own, at PATH/NAME. Kinds:
 *   "series"  several images, as bioformats2raw writes them (its layout 3): names are "0", "1" and so on
 *   "labels"  label images of the image in which the folder lies, which is then named "labels"
 *   "plate"   images of the wells of a plate: names are ROW/COLUMN/FIELD, such as "A/1/0", each of letters and digits
 * An image with labels is finished after them, so that it is complete when it looks complete. */
typedef struct mt_collection_options {
    size_t struct_size;       /* sizeof(mt_collection_options) */
    uint64_t n_images;        /* number of images */
    const char *ome;          /* as in mt_writer_options, and that of all images */
    int durability;           /* an mt_durability */
    const char *kind;         /* NULL: "series" */
    const char *const *names; /* n_images different ones; NULL for series */
    uint64_t reserved[4];     /* 0 */
} mt_collection_options;

/* Makes the folder of a collection, and those that its images lie in, or finds them as an earlier call has left them.
 * MT_E_ARGUMENT if the folder is something else, or names cannot be those of images. */
MT_API MT_MUST_CHECK mt_status mt_collection_begin(mt_context *context, const char *path,
                                                   const mt_collection_options *options, mt_error *err);

/* Completes the collection. MT_E_ARGUMENT or MT_E_NOT_FOUND if an image is unfinished or missing: each is looked at, one
 * after another, which takes two requests in a bucket. Series get a document in OME-XML beside them
 * (OME/METADATA.ome.xml, which some readers demand), for which they are opened; not if one has a type that OME lacks
 * (bool, float16, int64, uint64). May be repeated. */
MT_API MT_MUST_CHECK mt_status mt_collection_finish(mt_context *context, const char *path,
                                                    const mt_collection_options *options, mt_error *err);

/* Describes the collection at a path, and whether it is complete. Changes nothing. The caller sets out->struct_size; the
 * rest is filled up to it. MT_E_NOT_FOUND if there is none that mt_collection_begin has made. */
MT_API MT_MUST_CHECK mt_status mt_collection_look(mt_context *context, const char *path, mt_collection_options *out,
                                                  int *is_complete, mt_error *err);

/* Lists the names of the images of a collection, in their order, as mt_collection_look finds it (which does not set
 * names). The caller frees the list. */
MT_API MT_MUST_CHECK mt_status mt_collection_list(mt_context *context, const char *path, mt_names **out, mt_error *err);

MT_END_DECLS

#endif
