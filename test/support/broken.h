/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading whatever can be read of files that may be broken. */
#ifndef MT_TEST_BROKEN_H
#define MT_TEST_BROKEN_H

#include "support/map.h"

typedef struct outcome {
    int files, images, refused; /* mutated files; images read; files refused */
    uint64_t hash;              /* of all pixels */
} outcome;

/* All images that a format lists in a file, up to 60; adds to o. Fails the test where an error has no message, or the
 * peak of memory passes 256 MiB. */
void read_images(const char *format, const char *name, const uint8_t *bytes, size_t size, outcome *o);

/* One to four random bytes of good files of the data folder, or of fuzz/, changed, MICROTOME_MUTATIONS times in all (default 1,000):
 * an error, the same pixels or, where no checksum tells, others. Prints how many of each. */
void mutate_files(const char *format, const char *const *names, size_t n);

#endif
