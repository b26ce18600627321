/* SPDX-License-Identifier: BSD-3-Clause */
/* The command patches: its images (patch_images.c), places (places.c), the patches of an epoch (strategy.c, filters.c),
 * normalization (normalize.c), costs (explain.c) and contact sheet (sheet.c, turned.c). */
#ifndef MICROTOME_CLI_PATCHES_H
#define MICROTOME_CLI_PATCHES_H

#include "drawing.h"
#include "normalize.h"

struct place {
    size_t image;              /* index of the image */
    int64_t sample, coords[3]; /* sample index; first corner in pixels, (Z)YX */
};

/* Patches per request; enough to share chunks, few enough to limit memory. */
enum { PATCHES_AT_ONCE = 256 };

struct filters;

typedef struct patch_job {
    mt_context *context;         /* borrowed */
    struct images images;        /* at least one; all with the same axes and channels, and type unless as_float */
    const mt_stack_info *info;   /* of the first image */
    size_t n_spatial;            /* number of spatial axes: 2 or 3 */
    int64_t size[3], overlap[3]; /* of a patch; of neighbours in the grid; in pixels, (Z)YX */
    int64_t sample;              /* sample index; -1: all */
    int64_t *channels;           /* channel indices of each image, one image after the other; owned; NULL: all */
    size_t n_channels;           /* channels of a patch */
    int64_t count;               /* number of patches */
    uint64_t seed;               /* of random places */
    enum { PLACES_RANDOM, PLACES_GRID, PLACES_AT, PLACES_STRATEGY } places; /* how places are chosen */
    struct place *at;                                                       /* PLACES_AT: places in each image */
    size_t n_at;                                                            /* number of at */
    /* Cumulative over images: number of grid patches, or of random positions. NULL: one image. */
    int64_t *ends;
    bool as_float;              /* write float32 */
    struct normalize normalize; /* as_float is then set */
    struct drawing drawing;     /* options of the sheet */
    /* PLACES_STRATEGY */
    mt_patching *patching;   /* owned; borrowed by the labels */
    mt_loader *loader;       /* cuts the patches; owned */
    struct filters *filters; /* owned; NULL: none */
    bool is_tiled;           /* the patches are tiles */
    uint64_t epoch;          /* number of the epoch */
    unsigned augment;        /* flags of mt_augment */
    uint8_t *symmetries;     /* of each patch cut, as in mt_batch; owned; NULL: no augmentation */
} patch_job;

/* Opens the images of the command, and sets the channels. EXIT_FAILED or EXIT_USAGE after a message. */
int patch_images_open(patch_job *job, const struct args *args);
/* Opens the images of --labels, with the places of job, which must be set. */
int patch_labels_open(patch_job *labels, const patch_job *job, const struct args *args);
/* Says on standard error which images are smaller than a patch. */
void patch_images_note_small(const patch_job *job);
void patch_images_close(patch_job *job);
const mt_stack_info *patch_image(const patch_job *job, size_t i);
mt_dtype patch_dtype(const patch_job *job);
/* The view of a patch: type and normalization. */
mt_view patch_view(const patch_job *job, void *data);
/* Fails unless a channel of the patches has the same number in all images. what: the option that needs it. */
int check_channel_numbers(const patch_job *job, const char *what);

/* Reads --size, --grid, --at and so on. EXIT_USAGE or EXIT_FAILED after a message. */
int places_read(patch_job *job, const struct args *args);
void places_free(patch_job *job);
/* Reads a length in pixels for each spatial axis, at least `low`; unchanged if the option is not given. */
int places_lengths(const patch_job *job, const struct args *args, const char *name, int64_t low, int64_t *out);
int places_overlap(patch_job *job, const struct args *args);
/* The i-th of job->count places. Depends on job and i only. EXIT_FAILED after a message. */
int place_find(const patch_job *job, int64_t i, struct place *out);
mt_patch_request place_request(const patch_job *job, const struct place *place, void *data);
/* Writes the list of places as CSV; labels may be NULL. */
int places_write(const patch_job *job, const patch_job *labels, const char *path);

/* Writes n patches to file. EXIT_FAILED after a message. */
int patches_write(const patch_job *job, const void *data, size_t n, FILE *file);

/* --strategy. Checks the options, without the images. EXIT_USAGE after a message. */
int strategy_check(const struct args *args);
/* Reads the strategy and its options, and creates job->patching. */
int strategy_read(patch_job *job, const struct args *args);
/* Applies the filters, and sets the number of patches. */
int strategy_count(patch_job *job, const struct args *args);
/* Creates job->loader. */
int strategy_start(patch_job *job);
/* Cuts patches first to first + n - 1 and writes them to file, which may be NULL. */
int strategy_cut(const patch_job *job, int64_t first, size_t n, FILE *file);
/* Prints the columns of the list of places that a strategy adds: their names, and those of patch i. */
void strategy_names(const patch_job *job, FILE *file);
int strategy_columns(const patch_job *job, int64_t i, FILE *file);
void strategy_free(patch_job *job);

/* Reads --filter and --probability, and opens the masks. */
int filters_read(patch_job *job, const struct args *args);
/* Weighs the regions of all samples; reports on to. */
int filters_apply(patch_job *job, FILE *to);
/* The masks of the i-th filter, none if it has no masks; NULL: i is not below the number of filters. */
const struct images *filters_masks(const patch_job *job, size_t i);
void filters_free(patch_job *job);

/* Opens a stack that shows the first n patches as its samples, each turned by its symmetry. job must outlive it. */
mt_status turned_open(patch_job *job, size_t n, mt_stack **out, mt_error *err);

void explain(const patch_job *job, FILE *to);
/* Draws the first patches on a contact sheet, and reports it on to. */
int sheet_write(patch_job *job, const char *path, FILE *to);

#endif
