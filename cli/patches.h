/* SPDX-License-Identifier: BSD-3-Clause */
/* Patches: where they lie (places.c), what they cost (explain.c), how they look (sheet.c). */
#ifndef MICROTOME_CLI_PATCHES_H
#define MICROTOME_CLI_PATCHES_H

#include "drawing.h"

struct place {
    int64_t sample, coords[3];
};

typedef struct patch_job {
    struct image image;
    size_t n_spatial;
    int64_t size[3], overlap[3];
    int64_t sample; /* -1: all */
    int64_t *channels;
    size_t n_channels;
    int64_t count;
    uint64_t seed;
    enum { PLACES_RANDOM, PLACES_GRID, PLACES_AT } places;
    struct place *at;
    bool as_float;
    struct drawing drawing; /* of the sheet */
} patch_job;

/* Reads --size, --grid, --at and so on. EXIT_USAGE after a message. */
int places_read(patch_job *job, const struct args *args);
/* The i-th of job->count places; a function of the job and i alone. */
void place_find(const patch_job *job, int64_t i, struct place *out);
mt_patch_request place_request(const patch_job *job, const struct place *place, void *data);
void explain(const patch_job *job);
int sheet_write(patch_job *job, const char *path);

#endif
