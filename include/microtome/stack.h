/* SPDX-License-Identifier: BSD-3-Clause */
/* The image stack: an open image, seen as samples, channels, (planes,) rows and columns: SC(Z)YX.
 *
 * Semantics are those of the ImageStack protocol of CAREamics: S and T are merged with S slow, a missing S or C has
 * size 1, Z is there only if the image has it. Coordinates may lie outside the image on any side and are then padded.
 * All functions but mt_stack_close may be called on one stack from any number of threads. */
#ifndef MICROTOME_STACK_H
#define MICROTOME_STACK_H

#include <microtome/context.h>
#include <microtome/dtype.h>

MT_BEGIN_DECLS

#define MT_MAX_DIMS 16

typedef struct mt_stack mt_stack;

typedef struct mt_channel {
    const char *name; /* never NULL, "" if the file gives none */
    int has_color;
    uint8_t rgb[3];
    int has_window;
    double window[2];     /* the values that the file draws black and at full brightness (OMERO), low < high */
    uint64_t reserved[1]; /* 0 */
} mt_channel;

/* Where the axes of a stack come from. */
typedef enum mt_axes_source {
    MT_AXES_FROM_FILE = 0,
    MT_AXES_FROM_CALLER, /* mt_open_options.axes */
    MT_AXES_ASSUMED,     /* the file names none, or not all */
    MT_AXES_UNKNOWN /* the file names none, or not all, and they cannot be assumed: mt_open_options.allow_unknown_axes */
} mt_axes_source;

/* Of what is missing, so many are named. */
#define MT_MAX_MISSING_NAMES 1000

/* What is known of a stack. Owned by the stack, immutable, valid until it is closed. */
typedef struct mt_stack_info {
    size_t struct_size;        /* sizeof(mt_stack_info): that of the library, or of the caller of mt_stack_new */
    const char *source;        /* names the image; travels with its predictions */
    const char *format;        /* "tiff", "zarr", ...; "custom" for a stack of one's own */
    mt_dtype dtype;            /* as stored */
    int data_ndim;             /* 4 or 5; 0: the axes are unknown */
    int64_t data_shape[5];     /* SC(Z)YX */
    const char *original_axes; /* as stored, letters of STCZYX, or as the caller of open named them; '?': unknown */
    int original_ndim;
    int64_t original_shape[MT_MAX_DIMS];
    int64_t chunk_shape[MT_MAX_DIMS]; /* in the order of original_axes; all zero: stored in one piece or not known */
    int64_t shard_shape[MT_MAX_DIMS]; /* likewise; all zero: no shards */
    double pixel_size[MT_MAX_DIMS];   /* per original axis, in unit; 0: not known */
    const char *unit[MT_MAX_DIMS];    /* UDUNITS-2 name such as "micrometer"; "" if not known */
    const mt_channel *channels;       /* data_shape[1] of them, or NULL */
    const char *codecs;               /* how chunks are encoded, outermost last: "shuffle, zstd"; "" for raw */
    const char *part;                 /* the part that was opened, as after '#'; "" for the whole */
    int level;                        /* of a pyramid; 0 is the full image */
    int n_levels;                     /* at least 1 */
    mt_axes_source axes_source;
    /* What was repaired, left out or assumed when the image was opened: a sentence each. */
    const char *const *warnings;
    size_t n_warnings;
    /* Files and frames that the image names and that are not there: their pixels are the fill value. Counted when it was
     * opened; absent chunks are counted as they are asked for (mt_stack_count_chunks). */
    uint64_t n_missing;
    const char *const *missing; /* names of the first; min(n_missing, MT_MAX_MISSING_NAMES) of them */
    int is_labels;              /* the file declares its values to be numbers of objects (OME-Zarr's image-label) */
} mt_stack_info;

typedef struct mt_open_options {
    size_t struct_size; /* sizeof(mt_open_options) */
    /* NULL, or letters of STCZYX that override the file's axes: one for each dimension of the stored array, slowest first.
     * Dimensions of length 1 may be left out. Axes of length 1 that are not stored may be named if only one assignment
     * fits the shape. A letter may be followed by its size, such as "T4C2YX": sizes of stored dimensions must match, and
     * one dimension, such as a flat run of pages, may hold several of S, T, C and Z, the last the fastest; the size of
     * one of these may be left out. MT_E_ARGUMENT if nothing fits, or several assignments do.
     * An array that does not name its axes (NPY, Zarr, HDF5, raw) needs them if it has more than two dimensions, not
     * counting leading ones of length 1; two are YX. */
    const char *axes;
    const char *part;         /* as after '#' in a path, which then must have none; NULL: what the path says, else the
                               * default part */
    const char *format;       /* NULL: found from the content */
    mt_dtype raw_dtype;       /* for format "raw" only: element type, */
    const int64_t *raw_shape; /* shape, */
    int raw_ndim;
    int64_t raw_offset; /* bytes before the first element, */
    int raw_big_endian; /* byte order */
    /* The folder inside which a file may refer to other files: HDF5's external links, external raw data and virtual
     * datasets, the files of an OME-TIFF set. It holds the file, and stands at the start of its path; "" is the folder of
     * the file. What leads out of it is refused, or missing. NULL: only sources of virtual datasets that lie beside the
     * file are read, and files of an OME-TIFF set in its folder and below. */
    const char *external_folder;
    /* NULL: the axes as above. "none", "Z" or "T": seen as SCYX, SCZYX or SCTYX, as CAREamics sees CZI files: that axis
     * is the depth (it stands where Z does in data_shape), and T, Z and S as far as they are left are merged into S, T
     * the slowest. original_axes and original_shape are then those of the view. An axis that is not there, or not longer
     * than 1, is MT_E_ARGUMENT. */
    const char *depth_axis;
    int use_masks; /* CZI: pixels that a tile's mask calls invalid show what lies below; 0: masks are ignored */
    /* Other than 0: an image with missing files or frames (mt_stack_info.missing) is not opened, and a chunk whose object
     * is absent (Zarr) fails when it is read, each with MT_E_NOT_FOUND; 0: they read as the fill value. For images that
     * should be complete: behind a URL, a wrong path and an empty image look the same. */
    int missing_is_error;
    /* NULL, or a file that mt_stack_save_map wrote for this image (microtome/map.h): then nothing of the image is read to
     * open it. Its first read checks that the image is the one whose map was saved, else fails with MT_E_CHANGED. part,
     * format, external_folder, depth_axis and use_masks must be as they were. For mt_stack_open only. */
    const char *map;
    /* Other than 0: an image whose axes are needed and not given is opened all the same, so that it can be described: its
     * axes_source is MT_AXES_UNKNOWN, and the last of its warnings says what to name. It has no pixels: what reads some is
     * MT_E_ARGUMENT. */
    int allow_unknown_axes;
} mt_open_options;

/* Opens one image. path is a file or folder, with an optional "#part": "a.zarr#labels/nuclei", "b.ome.tif#series=1",
 * "c.zarr#level=2". A path that exists as it stands is never split; any other is at the last '#' behind something that
 * exists, and a URL at its first. options may be NULL. */
MT_API MT_MUST_CHECK mt_status mt_stack_open(mt_context *context, const char *path, const mt_open_options *options,
                                             mt_stack **out, mt_error *err);

/* Opens a file that lies in memory. bytes are borrowed until the stack is closed; name stands for a path. */
MT_API MT_MUST_CHECK mt_status mt_stack_open_memory(mt_context *context, const char *name, const void *bytes,
                                                    size_t size, const mt_open_options *options, mt_stack **out,
                                                    mt_error *err);

/* A stack over an array in memory, which is borrowed until the stack is closed. axes names each of the ndim axes;
 * strides are in bytes, NULL for C order; source may be NULL. */
MT_API MT_MUST_CHECK mt_status mt_stack_from_array(mt_context *context, const void *data, mt_dtype dtype,
                                                   const char *axes, const int64_t *shape, const int64_t *strides,
                                                   const char *source, mt_stack **out, mt_error *err);

/* One more owner of the stack; each owner closes it once. Returns stack. */
MT_API mt_stack *mt_stack_retain(mt_stack *stack);

/* Ends one ownership. NULL is allowed. */
MT_API void mt_stack_close(mt_stack *stack);

/* How many of the chunks that were asked for so far are not stored, and read as the fill value, and how many are stored
 * (those out of the cache count once; raw rows that are read alone do not count). Absent ones only may mean a sparse
 * image, or a wrong address. Both 0 for arrays and stacks of one's own. */
MT_API void mt_stack_count_chunks(const mt_stack *stack, uint64_t *absent, uint64_t *present);

/* Never NULL. */
MT_API const mt_stack_info *mt_stack_get_info(const mt_stack *stack);

/* What stands outside the image in a patch. */
typedef enum mt_padding_mode {
    MT_PAD_CONSTANT = 0, /* mt_view.padding */
    MT_PAD_REFLECT,      /* mirrored at the centres of its outermost pixels, repeatedly: c b | a b c | b a b */
    MT_PAD_EDGE          /* the nearest pixel of the image: a a | a b c | c c */
} mt_padding_mode;

/* Where a patch goes, and how its values are changed on the way. Axis order is C(Z)YX. */
typedef struct mt_view {
    void *data;             /* the element [0, (0,) 0, 0] */
    mt_dtype dtype;         /* MT_FLOAT32 or the dtype of the stack; 0 is MT_FLOAT32 */
    const int64_t *strides; /* bytes, any sign (flips, quarter turns); NULL: C order */
    const float *scale;     /* for MT_FLOAT32: value * scale[c] + offset[c], computed in float32, one for each */
    const float *offset;    /* channel of the request; NULL: 1 and 0 */
    double padding;         /* the value outside the image, as it is to stand in the patch */
    int padding_mode;       /* an mt_padding_mode; pixels of the image are scaled there as elsewhere. An image of no
                             * pixels can only be padded with a constant, else MT_E_ARGUMENT. */
    uint64_t reserved[3];   /* 0 */
} mt_view;

/* One patch. Sizes and coordinates are in pixels, in the order (Z)YX. Everything is borrowed for the call. */
typedef struct mt_patch_request {
    mt_stack *stack;
    int64_t sample;          /* 0 <= sample < data_shape[0] */
    const int64_t *channels; /* in any order, repeated at will; NULL: all */
    size_t n_channels;       /* 0 with channels NULL */
    size_t n_spatial;        /* the length of coords and patch_size: 2, or 3 where the image has Z */
    const int64_t *coords;   /* first corner; may lie outside the image */
    const int64_t *patch_size;
    uint64_t reserved[4]; /* 0 */
    mt_view view;
} mt_patch_request;

/* Extracts one patch as float32, in C order, with zeros outside the image. out holds
 * n_channels * product(patch_size) floats. Errors: MT_E_RANGE for a sample or channel outside the image. */
MT_API MT_MUST_CHECK mt_status mt_stack_extract_patch(mt_stack *stack, int64_t sample, const int64_t *channels,
                                                      size_t n_channels, const int64_t *coords,
                                                      const int64_t *patch_size, size_t n_spatial, float *out,
                                                      mt_error *err);

typedef struct mt_extract_options {
    size_t struct_size; /* sizeof(mt_extract_options) */
    /* Optional: whether to stop. Asked in the thread of the call only, again and again while it lasts: at the start,
     * and before each chunk, each mebibyte of raw rows, each few patches that need neither. Must be cheap. */
    int (*cancelled)(void *user);
    void *user;
    /* Optional: the outcome of each request, n elements each, set by the call; left as they are if it refuses the
     * requests. statuses[i] is MT_OK if all pixels of patch i are right, else why some are not; errors[i] has the message
     * as well. If several chunks of a patch fail, one of them is named. */
    mt_status *statuses;
    mt_error *errors;
} mt_extract_options;

/* Extracts any number of patches, of one or several stacks of one context, planned together: each chunk that they
 * touch is fetched and decoded once. All requests are checked first: if one makes no sense, nothing is read or written,
 * and the call returns MT_E_ARGUMENT, MT_E_RANGE or MT_E_UNSUPPORTED.
 *
 * From then on each request has its own outcome (options->statuses, errors). Pixels that could not be read are zero, all
 * those of a patch that a stack of one's own failed to give; the others are right. The status returned and err are those
 * of the first failing request to a stack of one's own, else of the first failing chunk by its place in the grid.
 *
 * options may be NULL. Once options->cancelled has returned other than 0 the call ends with MT_E_CANCELLED, as soon as
 * the chunks and the stacks of one's own that threads are at are done; that is the outcome of each patch that is not
 * complete, too. A process that is forked inside cancelled must not return from it: the threads that the call waits for
 * are the parent's. */
MT_API MT_MUST_CHECK mt_status mt_extract_patches(const mt_patch_request *requests, size_t n,
                                                  const mt_extract_options *options, mt_error *err);

/* What a stack of one's own provides. */
typedef struct mt_stack_ops {
    size_t struct_size; /* sizeof(mt_stack_ops) */
    /* Fills the patch as mt_stack_extract_patch says. sample and channels (never NULL) are checked before the call, and
     * the patch lies inside the image: what reaches outside is filled by the library. Returns MT_OK, or a status of which
     * mt_fail tells the reason in err (never NULL: that of the request in mt_extract_options.errors if these are given);
     * this patch is zero then, others of the call go on. May call the library.
     * Called from any thread, from several at once: the requests of one call are shared among the threads of the
     * context's pool. A process that is forked inside must not return from it: the call goes on in the parent only. */
    mt_status (*extract_patch)(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                               const int64_t *coords, const int64_t *patch_size, float *out, mt_error *err);
    void (*close)(void *self); /* optional: the last owner has closed the stack */
    /* Other than 0: extract_patch is called only in the thread that calls the library, once for each request, in their
     * order. Several threads that call at once still are several callers. */
    int caller_thread_only;
} mt_stack_ops;

/* Makes a stack out of ops. info gives its struct_size, source, dtype, original_axes, original_ndim and original_shape at the least
 * (data_shape follows from them), and pixel_size, unit, channels and chunk_shape where they are known; it is copied, and
 * its other fields say what a stack of one's own is. ops is copied; self is handed to every call and, if this succeeds, to
 * close. */
MT_API MT_MUST_CHECK mt_status mt_stack_new(mt_context *context, const mt_stack_ops *ops, void *self,
                                            const mt_stack_info *info, mt_stack **out, mt_error *err);

MT_END_DECLS

#endif
