/* SPDX-License-Identifier: BSD-3-Clause */
/* --normalize: by the statistics of the images, or of a file. */
#ifndef MICROTOME_CLI_NORMALIZE_H
#define MICROTOME_CLI_NORMALIZE_H

#include "cli.h"

struct normalize {
    mt_normalization_kind kind; /* MT_NORMALIZE_NONE: the pixels as they are */
    double low, high;           /* quantiles of MT_NORMALIZE_QUANTILE */
    const char *file;           /* JSON of microtome stats; NULL: the images are measured */
    float *subtract, *divide;   /* of each channel; owned; NULL: not yet known */
};

/* Reads --normalize. EXIT_USAGE after a message. */
int normalize_read(struct normalize *out, const struct args *args);
/* Reads or measures the statistics, and takes those of n channels. The kind is not MT_NORMALIZE_NONE. */
int normalize_prepare(struct normalize *out, mt_context *context, const struct images *images, const int64_t *channels,
                      size_t n);
/* Takes the normalization of n channels from statistics. */
int normalize_take(struct normalize *out, const mt_statistics *statistics, const int64_t *channels, size_t n);
void normalize_free(struct normalize *out);

/* Reads a file of microtome stats --json. */
int statistics_read(mt_context *context, const char *path, mt_statistics **out);

#endif
