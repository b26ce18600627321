/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens a path and reads a corner of each image, if it is not in huge chunks, while one allocation or one read fails: the
 * right pixels or an error. */
#ifndef MT_TEST_FAILURES_H
#define MT_TEST_FAILURES_H

#include <stdbool.h>

typedef struct opening {
    const char *axes; /* of all images; NULL: as stored */
    bool is_slow;     /* over a store that is like a network */
} opening;

/* The first 48 allocations or reads fail in turn, and then fewer and fewer. False if the path gives no image. */
bool fail_each_allocation(const char *path, const opening *how);
bool fail_each_read(const char *path, const opening *how);

#endif
