/* SPDX-License-Identifier: BSD-3-Clause */
/* The image stack: an open image with the axes SC(Z)YX (samples, channels, planes if any, rows, columns).
 *
 * Semantics are those of CAREamics' ImageStack protocol: S and T are merged with S slowest, a missing S or C has size
 * 1, and Z is present only if the image has it. A patch may extend beyond the image on any side and is then padded. All
 * functions except mt_stack_close may be called on one stack from several threads at once. */
#ifndef MICROTOME_STACK_H
#define MICROTOME_STACK_H

#include <microtome/context.h>
#include <microtome/dtype.h>

MT_BEGIN_DECLS

#define MT_MAX_DIMS 16

typedef struct mt_stack mt_stack;

typedef struct mt_channel {
    const char *name;     /* never NULL; "" if the file gives none */
    int has_color;        /* not 0: rgb is set */
    uint8_t rgb[3];       /* display colour: red, green, blue, 0 to 255 */
    int has_window;       /* not 0: window is set */
    double window[2];     /* display window of the file: the values drawn black and at full brightness, low < high */
    uint64_t reserved[1]; /* 0 */
} mt_channel;

/* Where and when a sample was acquired. */
typedef struct mt_sample_info {
    const char *name;     /* of the position; never NULL; "" if the file gives none */
    int has_position;     /* not 0: position is set */
    double position[3];   /* of the stage, in micrometres: Z, Y, X; NaN: not known */
    int has_time;         /* not 0: time is set */
    double time;          /* of the first plane, in seconds since the start of the acquisition */
    uint64_t reserved[2]; /* 0 */
} mt_sample_info;

/* The source of the axes of a stack. */
typedef enum mt_axes_source {
    MT_AXES_FROM_FILE = 0,
    MT_AXES_FROM_CALLER, /* mt_open_options.axes */
    MT_AXES_ASSUMED,     /* not all are named in the file */
    MT_AXES_UNKNOWN      /* needed from the caller and not given: mt_open_options.allow_unknown_axes */
} mt_axes_source;

/* Maximum number of names in mt_stack_info.missing. */
#define MT_MAX_MISSING_NAMES 1000

/* The description of a stack. Owned by the stack, immutable, valid until the stack is closed. */
typedef struct mt_stack_info {
    size_t struct_size;        /* sizeof(mt_stack_info), of the library or of the caller of mt_stack_new */
    const char *source;        /* the name of the image: its path, URL, or the caller's name */
    const char *format;        /* "tiff", "zarr", ...; "custom" for a custom stack */
    mt_dtype dtype;            /* as stored */
    int data_ndim;             /* 4 or 5; 0: the axes are unknown */
    int64_t data_shape[5];     /* sizes in the order SC(Z)YX */
    const char *original_axes; /* letters of STCZYX in stored order, from the file or the caller; '?': unknown */
    int original_ndim;         /* number of original_axes */
    int64_t original_shape[MT_MAX_DIMS]; /* sizes in the order of original_axes */
    int64_t chunk_shape[MT_MAX_DIMS];    /* likewise; all 0: not chunked, or not known */
    int64_t shard_shape[MT_MAX_DIMS];    /* likewise; all 0: no shards */
    double pixel_size[MT_MAX_DIMS];      /* along each original axis, in unit; 0: not known */
    const char *unit[MT_MAX_DIMS];       /* UDUNITS-2 name such as "micrometer"; "" if not known */
    const mt_channel *channels;          /* data_shape[1] channels, or NULL */
    /* The codecs of a chunk, outermost last, named as mt_codec_name names them: "shuffle, zstd"; "" for raw. */
    const char *codecs;
    const char *part;           /* the opened part, as written after '#'; "" for the whole */
    int level;                  /* pyramid level; 0 is the full resolution */
    int n_levels;               /* number of pyramid levels, at least 1 */
    mt_axes_source axes_source; /* the source of original_axes */
    /* What was repaired, left out or assumed at open, one sentence each. */
    const char *const *warnings;
    size_t n_warnings; /* their number */
    /* The number of files and frames that the image refers to and that do not exist; they read as the fill value.
     * Counted at open. Absent chunks are counted when requested (mt_stack_count_chunks). */
    uint64_t n_missing;
    const char *const *missing; /* names of the first min(n_missing, MT_MAX_MISSING_NAMES) of them */
    int is_labels;              /* not 0: the file declares its values to be object numbers (OME-Zarr's image-label) */
    /* The file declares that a pixel stands for the value pixel * value_scale + value_offset (NIfTI's scl_slope and
     * scl_inter). value_scale 0: it declares nothing, or mt_open_options.scaled has done so already. */
    double value_scale, value_offset;
    /* data_shape[0] samples, or NULL: the file does not describe them, or the caller named other axes. */
    const mt_sample_info *samples;
} mt_stack_info;

typedef struct mt_open_options {
    size_t struct_size; /* sizeof(mt_open_options) */
    /* NULL, or letters of STCZYX that override the file's axes: one for each dimension of the stored array, slowest
     * first. Dimensions of length 1 may be left out. Axes of length 1 that are not stored may be named if only one
     * assignment fits the shape. A letter may be followed by a size, as in "T4C2YX": sizes of stored dimensions must
     * match, and one dimension, such as a flat run of pages, may be split into several of S, T, C and Z, the last
     * fastest; one of their sizes may be left out. MT_E_ARGUMENT if no assignment fits, or several do. An array that
     * does not name its axes (NPY, Zarr, N5, HDF5, raw) needs them if it has more than two dimensions, not counting
     * leading ones of length 1; two dimensions are YX. */
    const char *axes;
    /* As written after '#' in a path, which then must not contain a part. NULL: the part in the path, else the
     * default. */
    const char *part;
    const char *format; /* a name of mt_format_name; NULL: detected from the content */
    /* For format "raw" only. */
    mt_dtype raw_dtype;       /* element type */
    const int64_t *raw_shape; /* raw_ndim elements, slowest dimension first */
    int raw_ndim;             /* number of dimensions */
    int64_t raw_offset;       /* of the first element, in bytes */
    int raw_big_endian;       /* byte order: 0: little-endian, else big-endian */
    /* The folder inside which a file may refer to other files: external links, external raw data and virtual datasets
     * of HDF5, the files of an OME-TIFF set. It must be a leading part of the file's path; "" is the folder of the
     * file. A reference that leads out of it is refused or missing. NULL: only sources of virtual datasets in the
     * folder of the file, and files of an OME-TIFF set in its folder and below, are read. */
    const char *external_folder;
    /* NULL: the axes as above. "none", "Z" or "T": present the image as SCYX, SCZYX or SCTYX, as CAREamics does for CZI
     * files. The named axis becomes the depth axis, in the place of Z in data_shape; the others of T, Z and S are
     * merged into S, T slowest. original_axes and original_shape then describe this view. MT_E_ARGUMENT if the image
     * lacks the axis or has only one element along it. */
    const char *depth_axis;
    int use_masks; /* CZI: not 0: where the mask of a tile is unset, the tile below shows; 0: masks are ignored */
    /* 0: what is missing reads as the fill value. Not 0: an image with missing files or frames (mt_stack_info.missing)
     * is not opened, and a chunk whose object is absent (Zarr) cannot be read; both fail with MT_E_NOT_FOUND. Use it
     * for images that should be complete: over a URL, a wrong path looks like an empty image. */
    int missing_is_error;
    /* NULL, or a file written by mt_stack_save_map for this image (microtome/map.h): the image is opened without
     * reading it. The first read checks that the image has not changed since the map was saved, else fails with
     * MT_E_CHANGED. part, format, external_folder, depth_axis, use_masks, scaled and merge_tiles must be the same as
     * then. For mt_stack_open only. */
    const char *map;
    /* Not 0: an image whose axes are needed and not given is opened for description only. Its axes_source is
     * MT_AXES_UNKNOWN, the last warning explains what to name, and reading pixels fails with MT_E_ARGUMENT. */
    int allow_unknown_axes;
    /* Not 0: pixels are the values that the file declares (mt_stack_info.value_scale): float32 for stored types of 8
     * and 16 bits and float32, else float64; computed in float64. Pixels of other files are not changed. */
    int scaled;
    /* LIF: not 0: the tiles of a tile scan are painted into one plane, each at its place on the stage and over those
     * before it; between them is the fill value. MT_E_UNSUPPORTED if the file does not tell where they lie. 0: tiles are
     * samples. */
    int merge_tiles;
} mt_open_options;

/* Opens one image. path is a file or folder, with an optional "#part": "a.zarr#labels/nuclei", "b.ome.tif#series=1",
 * "c.zarr#level=2", "d.zarr#R&D&level=1". A path that exists is never split. Any other path is split at the last '#'
 * that follows an existing path, a path inside a local archive at the first '#' that follows a member or folder of it,
 * and a URL at its first '#'. options may be NULL. */
MT_API MT_MUST_CHECK mt_status mt_stack_open(mt_context *context, const char *path, const mt_open_options *options,
                                             mt_stack **out, mt_error *err);

/* Opens a file held in memory. bytes are borrowed until the stack is closed; name is used in place of a path. */
MT_API MT_MUST_CHECK mt_status mt_stack_open_memory(mt_context *context, const char *name, const void *bytes,
                                                    size_t size, const mt_open_options *options, mt_stack **out,
                                                    mt_error *err);

/* Opens an array in memory, which is borrowed until the stack is closed. axes has one letter for each of the ndim axes;
 * strides are in bytes, NULL for C order; source may be NULL. */
MT_API MT_MUST_CHECK mt_status mt_stack_from_array(mt_context *context, const void *data, mt_dtype dtype,
                                                   const char *axes, const int64_t *shape, const int64_t *strides,
                                                   const char *source, mt_stack **out, mt_error *err);

/* Adds an owner. Each owner closes the stack once. Returns stack. */
MT_API mt_stack *mt_stack_retain(mt_stack *stack);

/* Removes an owner; the last one closes the stack. NULL is allowed. */
MT_API void mt_stack_close(mt_stack *stack);

/* The number of chunks requested so far that are not stored and read as the fill value (absent), and of those that are
 * stored (present). A cached chunk counts once; raw rows that are read without their chunk do not count. Only absent
 * chunks: a sparse image or a wrong path. Both are 0 for arrays and custom stacks. */
MT_API void mt_stack_count_chunks(const mt_stack *stack, uint64_t *absent, uint64_t *present);

/* Never NULL. */
MT_API const mt_stack_info *mt_stack_get_info(const mt_stack *stack);

/* Writes a text that identifies the pixels of a stack, of at most room bytes with its NUL: the source and part, type,
 * shape, axes, the options that change pixels (raw, masks, scaled, merged tiles), and what the files were when the image
 * was opened: size and modification time (or ETag) of the file, or of the metadata of the array if the image is a folder;
 * and of the image's other files, names and digests of size and time (or ETag). So a change of chunks of a folder is not
 * seen. For arrays and custom stacks there are only source, type, shape and axes.
 * Nothing is read. MT_E_ARGUMENT if the text does not fit; 8192 bytes are enough for paths of a file system. */
MT_API MT_MUST_CHECK mt_status mt_stack_identify(const mt_stack *stack, char *text, size_t room, mt_error *err);

/* Finds a channel by the name that the file gives it; if there is none, by that name in upper or lower case (ASCII).
 * MT_E_ARGUMENT if no channel has the name, or several do; the message lists the names. */
MT_API MT_MUST_CHECK mt_status mt_channel_find(const mt_stack_info *info, const char *name, int64_t *out,
                                               mt_error *err);

/* The pixels of a patch outside the image. */
typedef enum mt_padding_mode {
    MT_PAD_CONSTANT = 0, /* mt_view.padding */
    MT_PAD_REFLECT,      /* mirrored about the centres of the outermost pixels, repeatedly: c b | a b c | b a b */
    MT_PAD_EDGE          /* the nearest pixel of the image: a a | a b c | c c */
} mt_padding_mode;

/* The output array of a patch, and the conversion of its values. The axis order is C(Z)YX. */
typedef struct mt_view {
    void *data;             /* the element [0, (0,) 0, 0] */
    mt_dtype dtype;         /* MT_FLOAT32 or the dtype of the stack; 0 is MT_FLOAT32 */
    const int64_t *strides; /* in bytes, of either sign (flips, quarter turns); NULL: C order */
    /* For MT_FLOAT32: value * scale[c] + offset[c], computed in float32. */
    const float *scale;  /* one per channel of the request; NULL: 1 */
    const float *offset; /* likewise; NULL: 0 */
    double padding;      /* the value outside the image; not scaled unless scale_padding is set */
    /* An mt_padding_mode. Reflected and edge pixels are scaled like others. An image without pixels can only be padded
     * with a constant, else MT_E_ARGUMENT. */
    int padding_mode;
    /* Not 0: (value - offset[c]) / scale[c] instead, computed in float32 with one subtraction and one division. Equals
     * NumPy's (x - mean) / (std + eps) of float32 arrays bit for bit, where offset is mean and scale the sum std + eps in
     * float32. Division by 0 gives infinities and NaN. */
    int divide;
    /* Not 0: padding is scaled like a pixel of that value, with the scale and offset of each channel. Zero padding
     * before normalization is padding 0 with scale_padding; padding with the mean is padding 0 without it, after
     * normalization to mean 0. */
    int scale_padding;
    uint64_t reserved[2]; /* 0 */
} mt_view;

/* One patch. Sizes and coordinates are in pixels, in the order (Z)YX. All pointers are borrowed for the call. */
typedef struct mt_patch_request {
    mt_stack *stack;           /* an open stack */
    int64_t sample;            /* 0 <= sample < data_shape[0] */
    const int64_t *channels;   /* channel indices, in any order, repetition allowed; NULL: all */
    size_t n_channels;         /* length of channels; 0 if channels is NULL */
    size_t n_spatial;          /* length of coords and patch_size: 3 if the image has Z, else 2 */
    const int64_t *coords;     /* first corner; may lie outside the image */
    const int64_t *patch_size; /* size along each spatial axis, at least 1; 0 only along an axis without pixels */
    uint64_t reserved[4];      /* 0 */
    mt_view view;              /* output array */
} mt_patch_request;

/* Extracts one patch as float32, in C order, with zeros outside the image. out holds n_channels * product(patch_size)
 * floats. MT_E_RANGE for a sample or channel outside the image. */
MT_API MT_MUST_CHECK mt_status mt_stack_extract_patch(mt_stack *stack, int64_t sample, const int64_t *channels,
                                                      size_t n_channels, const int64_t *coords,
                                                      const int64_t *patch_size, size_t n_spatial, float *out,
                                                      mt_error *err);

typedef struct mt_extract_options {
    size_t struct_size; /* sizeof(mt_extract_options) */
    /* Optional: returns other than 0 to stop the call. Called in the calling thread only: at the start, and before each
     * chunk, each mebibyte of raw rows, and every few patches that need neither. Must be cheap. */
    int (*cancelled)(void *user);
    void *user; /* passed to cancelled */
    /* Optional: the outcome of each request, n elements each, set by the call; unchanged if it refuses the requests. */
    mt_status *statuses; /* MT_OK if all pixels of the patch were read, else the reason */
    mt_error *errors;    /* the reason as a message, of one chunk if several fail */
    /* Not 0: the chunks are likely to be needed again soon, as when all patches of a while come from a small part of an
     * image. Compressed chunks are then decoded whole and cached, even if the image does not fit in the cache. */
    int keep_chunks;
    /* Not 0: the calling thread copies pixels alone, as suits several threads that call at once, at least as many as
     * the context has. Chunks are decoded by all threads of the context all the same. */
    int copy_alone;
} mt_extract_options;

/* Extracts n patches from one or several stacks of one context. The requests are planned together: each chunk that they
 * touch is fetched and decoded once. All requests are checked first: if one is invalid, nothing is read or written, and
 * the call returns MT_E_ARGUMENT, MT_E_RANGE or MT_E_UNSUPPORTED.
 *
 * After the check, each request has its own outcome (options->statuses, errors). Pixels that could not be read are
 * zero; the others are valid. A patch that a custom stack failed to extract is all zero. The returned status and err
 * are those of the first failing request to a custom stack, else of the first failing chunk in grid order.
 *
 * options may be NULL. Once options->cancelled returns other than 0, the call ends with MT_E_CANCELLED as soon as the
 * chunks and custom stacks in progress are done; each incomplete patch has that status, too. A process forked inside
 * cancelled must not return from it: the call waits for threads that exist only in the parent. */
MT_API MT_MUST_CHECK mt_status mt_extract_patches(const mt_patch_request *requests, size_t n,
                                                  const mt_extract_options *options, mt_error *err);

/* The implementation of a custom stack. */
typedef struct mt_stack_ops {
    size_t struct_size; /* sizeof(mt_stack_ops) */
    /* Extracts one patch, as mt_stack_extract_patch. The library checks sample and channels (never NULL) before the
     * call and pads the patch itself: coords and patch_size lie inside the image. Returns MT_OK, or the status of
     * mt_fail(err, ...), with err never NULL; the patch is then set to zero, and the other requests continue. May call
     * the library. Called from any thread, also from several at once: the threads of the context share the requests of
     * one call. A process forked inside must not return from it: the call continues in the parent only. */
    mt_status (*extract_patch)(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                               const int64_t *coords, const int64_t *patch_size, float *out, mt_error *err);
    void (*close)(void *self); /* optional: called when the last owner closes the stack */
    /* Not 0: extract_patch is called only in the thread that calls the library, once per request, in request order. If
     * several threads call the library at once, each calls extract_patch. */
    int caller_thread_only;
} mt_stack_ops;

/* Creates a custom stack from ops. info must set struct_size, source, dtype, original_axes, original_ndim and
 * original_shape, and may set pixel_size, unit, channels and chunk_shape; its other fields are ignored: data_shape
 * follows from original_shape. info and ops are copied. self is passed to every function of ops, to close only if
 * mt_stack_new succeeds. */
MT_API MT_MUST_CHECK mt_status mt_stack_new(mt_context *context, const mt_stack_ops *ops, void *self,
                                            const mt_stack_info *info, mt_stack **out, mt_error *err);

MT_END_DECLS

#endif
