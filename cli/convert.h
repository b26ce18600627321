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
} conversion;

/* Reads the options that need no image. */
int conversion_read(conversion *c, const struct args *args);
/* Finds from the open inputs what is copied where. */
int conversion_plan(conversion *c);
/* Images along S of an input. */
int64_t count_samples(const conversion *c, size_t image);
/* Frees what conversion_plan has made; conversion_free frees all. */
void conversion_free_plan(conversion *c);
void conversion_free(conversion *c);

#endif
