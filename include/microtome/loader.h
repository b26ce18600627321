/* SPDX-License-Identifier: BSD-3-Clause */
/* The loader: batches of patches for training, made ahead of time, in a defined order.
 *
 * Batch b of epoch e follows from the plan (the patching, its images and the options below, except prefetch,
 * prefetch_bytes and buffers) alone, for any number of threads, in any process, and if resumed anywhere.
 *
 * Order of an epoch. Each image is divided into blocks of neighbouring chunks. An epoch visits the blocks in random
 * order. The patches of a window of consecutive blocks come in random order; a patch belongs to the block that contains
 * its first corner. So while a window is read, its chunks stay in the cache, and each chunk is decoded little more than
 * once in an epoch. Without windows, the patches of the epoch come in random order. */
#ifndef MICROTOME_LOADER_H
#define MICROTOME_LOADER_H

#include <microtome/noise.h>
#include <microtome/sampling.h>

MT_BEGIN_DECLS

/* One array of a batch: patches of one list of images. */
typedef struct mt_loader_array {
    /* One image for each stack of the patching, with the same samples and spatial axes, in the same context. NULL: the
     * stacks of the patching. Patches are cut at the same places, with the same augmentation. */
    mt_stack *const *stacks;
    const int64_t *channels; /* channel indices; NULL: all */
    size_t n_channels;       /* their number; 0 if channels is NULL */
    /* As in mt_view, for each patch: dtype, scale, offset, padding and padding_mode. data and strides are ignored. All
     * images must have the same dtype if it is not MT_FLOAT32. */
    mt_view view;
    uint64_t reserved[4]; /* 0 */
} mt_loader_array;

/* Augmentation: symmetries of the plane YX, drawn for each patch, the same for all arrays of a batch. */
typedef enum mt_augment {
    MT_AUGMENT_NONE = 0,
    MT_AUGMENT_FLIP = 1,     /* with flip_probability, one of the axes Y and X is flipped */
    MT_AUGMENT_ROTATE90 = 2, /* then, with rotate_probability, 1 to 3 quarter turns; patches must be square */
    MT_AUGMENT_D4 = 4,       /* all eight symmetries of the square with equal probability; not with the others */
    MT_AUGMENT_FLIP_Y = 8,   /* as MT_AUGMENT_FLIP, but always Y; only one of the three */
    MT_AUGMENT_FLIP_X = 16   /* always X */
} mt_augment;

/* The last batches of an epoch. The batches are dealt to the ranks in rounds, one to each rank. If the patches of the
 * epoch do not fill the last round: */
typedef enum mt_uneven {
    MT_UNEVEN_DROP = 0, /* its patches are left out of this epoch */
    MT_UNEVEN_SHORT,    /* they are shared evenly; an error if there are fewer than ranks */
    MT_UNEVEN_PAD       /* patches from the start of the epoch fill it */
} mt_uneven;

/* What happens if a chunk of a patch cannot be decoded (MT_E_CORRUPT, MT_E_UNSUPPORTED). Other failures, such as those
 * of a store, always end the call. */
typedef enum mt_on_corrupt {
    MT_ON_CORRUPT_FAIL = 0, /* the batch fails */
    MT_ON_CORRUPT_REDRAW,   /* another position is drawn, up to MT_MAX_REDRAWS times, then the batch fails */
    MT_ON_CORRUPT_ZERO      /* unreadable pixels are 0 */
} mt_on_corrupt;

#define MT_MAX_REDRAWS 16
#define MT_WINDOW_ALL ((uint64_t)-1)

typedef struct mt_loader_options {
    size_t struct_size; /* sizeof(mt_loader_options) */
    size_t batch_size;  /* patches in a batch; 0: 1 */
    uint64_t seed;      /* of order and augmentation */
    /* The arrays of a batch: the input first, then targets and masks. NULL: the input alone, float32. Copied. */
    const mt_loader_array *arrays;
    size_t n_arrays;  /* their number */
    unsigned augment; /* flags of mt_augment */
    /* Optional: noise of the input, the first array, which must be float32; of its values after the conversion. seed is
     * replaced by that of the loader, step by the epoch, and first by the index of each patch. Copied. */
    const mt_noise_options *noise;
    int in_order;   /* not 0: patches come in index order, and block and window are not used */
    int uneven;     /* an mt_uneven */
    int on_corrupt; /* an mt_on_corrupt */
    /* Not 0: images with missing files or frames (mt_stack_info.missing) are accepted. Absent chunks are not found before
     * they are read: for them, mt_open_options.missing_is_error decides. */
    int fill_missing;
    uint64_t rank;       /* this process, below world_size */
    uint64_t world_size; /* processes that share an epoch: batch b goes to rank b mod world_size; 0: 1 */
    /* Not 0: each rank has windows of its own, so that each chunk is decoded by one rank only. The batches then depend
     * on world_size. */
    int locality_rank;
    /* Blocks in a window. 0: 16 (of images with Z: 14), or MT_WINDOW_ALL if the images that are not arrays in memory have
     * no more than 256 MiB of pixels in all. MT_WINDOW_ALL: the patches of an epoch come in random order. */
    uint64_t window;
    /* Size of a block in chunks, or in patches along axes where a patch is larger than a chunk, in the order (Z)YX,
     * n_spatial elements. 0: 6 along Y and X; of images with Z 2, 4 and 4. */
    int64_t block[3];
    size_t prefetch;         /* batches made ahead of time, at most 64; 0: 3, or 16 if a store is slow (HTTP, S3) */
    uint64_t prefetch_bytes; /* fewer, but at least one, if their pixels need more bytes than this; 0: 1 GiB */
    /* Memory of the pixels; zeroed: the allocator of the context. Called from several threads, until the last batch is
     * released, also after mt_loader_free. */
    mt_allocator buffers;
    double flip_probability;   /* of a flip, up to 1; 0: 1/2 */
    double rotate_probability; /* of quarter turns, up to 1; 0: 1/2 */
} mt_loader_options;

typedef struct mt_loader mt_loader;

/* One array of a batch, in C order. */
typedef struct mt_batch_array {
    void *data;       /* owned by the batch; at a multiple of 64 bytes, unless in mt_loader_options.buffers */
    mt_dtype dtype;   /* of its elements */
    int ndim;         /* 4 or 5 */
    int64_t shape[5]; /* patches, channels, (Z), Y, X */
} mt_batch_array;

/* A patch that could not be read at its first position. */
typedef struct mt_bad_patch {
    size_t position;  /* in the batch */
    uint64_t redraws; /* positions drawn after the first; 0: unreadable pixels are 0 */
    mt_status status; /* of the first failure */
} mt_bad_patch;

/* A batch. Counted: valid until its last owner releases it, also after mt_loader_free. */
typedef struct mt_batch {
    uint64_t epoch;               /* number of its epoch, from 0 */
    uint64_t number;              /* number of the batch in the epoch, of all ranks */
    size_t n;                     /* patches */
    size_t n_arrays;              /* elements of arrays */
    const mt_batch_array *arrays; /* in the order of mt_loader_options.arrays */
    const mt_patch_spec *specs;   /* n: where each patch was cut */
    const uint64_t *indices;      /* n: its index in the patching */
    const uint8_t *symmetries;    /* n: its symmetry: bit 0: Y flipped, bit 1: X flipped, bit 2: then Y and X swapped */
    size_t n_repeated;            /* the last patches of the batch that fill it (MT_UNEVEN_PAD) */
    const mt_bad_patch *bad;      /* n_bad */
    size_t n_bad;                 /* patches that could not be read at their first position */
} mt_batch;

/* Creates a loader of the patches of a patching, which can no longer be changed. The loader retains it and the images.
 * Errors: MT_E_ARGUMENT for options or images that do not fit together, MT_E_NOT_FOUND for missing files. */
MT_API MT_MUST_CHECK mt_status mt_loader_new(mt_patching *patching, const mt_loader_options *options, mt_loader **out,
                                             mt_error *err);

/* Stops the work in progress and frees the loader. Batches remain valid. No other call may use the loader meanwhile.
 * NULL is allowed. */
MT_API void mt_loader_free(mt_loader *loader);

/* The number of batches of this rank from the start of an epoch, or from the batch of mt_loader_seek to its end. */
MT_API uint64_t mt_loader_count(mt_loader *loader);

/* Returns the next batch of this rank, which the caller releases; at the end of an epoch returns MT_OK and NULL once,
 * and continues with the next epoch. Waits if the batch is not ready; options may be NULL, only cancelled and user are
 * used: cancelled is then called at least every 20 ms, and ends the wait with MT_E_CANCELLED. A batch that fails is not
 * skipped: the next call tries it again. *out is NULL after a failure. One thread at a time calls this function; others
 * may move the loader meanwhile. */
MT_API MT_MUST_CHECK mt_status mt_loader_next(mt_loader *loader, const mt_extract_options *options, mt_batch **out,
                                              mt_error *err);

/* Adds and removes an owner of a batch. NULL is allowed in mt_batch_release. Thread-safe. */
MT_API mt_batch *mt_batch_retain(mt_batch *batch);
MT_API void mt_batch_release(mt_batch *batch);

/* Makes a batch of patches at positions of the order of an epoch, in the calling thread and the threads of the context.
 * Its number is 0. Position j of the epoch is the same patch in every batch size. Any number of threads may call. */
MT_API MT_MUST_CHECK mt_status mt_loader_read(mt_loader *loader, uint64_t epoch, const uint64_t *positions, size_t n,
                                              const mt_extract_options *options, mt_batch **out, mt_error *err);

/* The patches of a batch of this rank, for those who make its batches elsewhere with mt_loader_read. batch: below
 * mt_loader_count, and counted from where that starts. Writes positions of the order of the epoch, up to batch_size of
 * them, and their number to n. Errors: MT_E_RANGE. Any number of threads may call. */
MT_API MT_MUST_CHECK mt_status mt_loader_positions(mt_loader *loader, uint64_t batch, uint64_t *positions, size_t *n,
                                                   mt_error *err);

/* Continues with a batch of an epoch (below 2^63): the number of batches that all ranks together have had. Batches that were made
 * ahead are dropped. The remaining batches of this epoch are dealt to the ranks from there on. */
MT_API MT_MUST_CHECK mt_status mt_loader_seek(mt_loader *loader, uint64_t epoch, uint64_t batch, mt_error *err);

/* The position: epoch and batch as for mt_loader_seek; behind the last batch, the next epoch and 0. Batches made ahead
 * of time do not count. */
MT_API void mt_loader_tell(mt_loader *loader, uint64_t *epoch, uint64_t *batch);

/* Writes the state of the loader, a JSON document, to text, which holds size bytes, as snprintf does: cut if it does not
 * fit, with a NUL at the end. Returns its whole length without the NUL. The state is the position and the facts that
 * define the batches: version, plan, seed, images, epoch, batch. It fits a loader of the same plan with any number of
 * threads and ranks (of ranks only without locality_rank), and of the same images, which it identifies as
 * mt_stack_identify does, but without their paths. Nothing is read for it. */
MT_API size_t mt_loader_get_state(mt_loader *loader, char *text, size_t size);

/* Continues with the batch of a state. MT_E_ARGUMENT if it belongs to another plan or to other images; the message names
 * the first difference. Times of files are equal to the second if one of them has no fraction. A state whose "images" is
 * null fits images of the same shapes: for files whose times were lost. */
MT_API MT_MUST_CHECK mt_status mt_loader_set_state(mt_loader *loader, const char *text, size_t length, mt_error *err);

/* What a loader has done since its creation. The last four are those of the context (mt_counters), and include the
 * work of others in it. */
typedef struct mt_loader_report {
    size_t struct_size;       /* sizeof(mt_loader_report) */
    uint64_t epochs;          /* epochs that were delivered to their end */
    uint64_t batches;         /* batches that were delivered */
    uint64_t patches;         /* patches in them */
    uint64_t chunks;          /* chunks of the images; arrays in memory, custom stacks and mosaics count 0 */
    uint64_t blocks;          /* blocks of the images; 0: there are no windows */
    uint64_t window;          /* blocks in a window, or MT_WINDOW_ALL */
    uint64_t fewest_blocks;   /* the fewest blocks from which a batch took its patches; 0: there are no windows */
    double mean_blocks;       /* their mean over all batches */
    uint64_t chunks_decoded;  /* chunks that were decoded; per epoch and chunk, 1 is the least */
    uint64_t bytes_decoded;   /* bytes of them */
    uint64_t bytes_fetched;   /* bytes read from the store */
    uint64_t bytes_delivered; /* bytes of all patches, in the stored type */
} mt_loader_report;

/* Set out->struct_size first. */
MT_API MT_MUST_CHECK mt_status mt_loader_get_report(mt_loader *loader, mt_loader_report *out, mt_error *err);

MT_END_DECLS

#endif
