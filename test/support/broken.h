/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads as much as possible from possibly broken files. */
#ifndef MT_TEST_BROKEN_H
#define MT_TEST_BROKEN_H

#include "support/map.h"

typedef struct outcome {
    int files, images, refused; /* mutated files; images read; files refused */
    uint64_t hash;              /* hash of all pixels */
} outcome;

/* Reads all images that a format lists in a file, up to 60, and adds to o. Fails the test if an error has no message or
 * peak memory exceeds 256 MiB. */
void read_images(const char *format, const char *name, const uint8_t *bytes, size_t size, outcome *o);

/* Changes one to four random bytes of valid files of the data folder, fuzz/ or test/, MICROTOME_MUTATIONS times in all
 * (default 1,000). The result is an error, the same pixels or, without a checksum, other pixels. Prints the count of
 * each. */
void mutate_files(const char *format, const char *const *names, size_t n);

#endif
