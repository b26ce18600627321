/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MICROTOME_CLI_CONVERT_H
#define MICROTOME_CLI_CONVERT_H

#include "writing.h"

/* The part of an axis that --region names. */
typedef struct span {
    bool is_given;
    int64_t start, size; /* size 0: to the end */
} span;

#define REGION_AXES "STZYX" /* that --region may name */

/* The boxes of a mt_copy_source. */
typedef struct source_box {
    int64_t from[MT_MAX_DIMS], extent[MT_MAX_DIMS], to[MT_MAX_DIMS];
} source_box;

/* The label images of the inputs. */
typedef struct label_images {
    size_t n;
    char **names;      /* owned, such as "nuclei" */
    mt_stack **stacks; /* owned; of each label image, those of all inputs */
} label_images;

/* What a command line asks for. */
typedef struct conversion {
    const struct args *args;
    writing out;
    mt_context *context;
    struct images images;            /* the inputs */
    char join;                       /* axis along which inputs follow one another; 0: one input; S: a collection */
    span region[sizeof REGION_AXES]; /* in the order of REGION_AXES */
    mt_channel *channels;            /* of the output; NULL: none are described */
    mt_copy_source *sources;
    source_box *boxes; /* of each source */
    size_t n_sources;
    label_images labels; /* written with the image */
    bool is_label;       /* this is one of them: --channels is not for it */
} conversion;

/* Reads the options that need no image. */
int conversion_read(conversion *c, const struct args *args);
/* Finds from the open inputs what is copied where. */
int conversion_plan(conversion *c);
/* Converts the inputs, and their label images. Returns EXIT_INCOMPLETE for a part. */
int convert_image(conversion *c);

/* Opens the label images that are to be written. */
int labels_open(conversion *c);
/* Makes their folder in the image, before it has any pixels: microtome finish then waits for them. */
int labels_begin(const conversion *c);
/* Converts them, as a collection in the image at work. */
int labels_convert(const conversion *c);
void labels_free(conversion *c);
/* Pixels of an input along an axis of SCTZYX; 1 without it. */
int64_t input_size(const mt_stack_info *info, char letter);
/* Images along S of an input. */
int64_t count_samples(const conversion *c, size_t image);
/* Frees what conversion_plan has made; conversion_free frees all. */
void conversion_free_plan(conversion *c);
void conversion_free(conversion *c);

#endif
