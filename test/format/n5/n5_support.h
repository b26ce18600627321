/* SPDX-License-Identifier: BSD-3-Clause */
/* Small N5 containers in the temporary folder. */
#ifndef MT_TEST_N5_SUPPORT_H
#define MT_TEST_N5_SUPPORT_H

#include "support/contract.h"
#include "support/folder.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The attributes of a raw dataset. Sizes have the fastest dimension first. */
#define DATASET(dimensions, block, type, more)                                                                         \
    "{\"dimensions\":" dimensions ",\"blockSize\":" block ",\"dataType\":\"" type                                      \
    "\",\"compression\":{\"type\":\"raw\"}" more "}"

/* Writes a block of mode 0: its extent, the fastest dimension first, and n bytes of elements. */
static inline void write_block(const char *name, const int64_t *extent, int ndim, const void *elements, size_t n)
{
    uint8_t *block = malloc(4 + 4 * (size_t)ndim + n), *end = block;
    *end++ = 0, *end++ = 0, *end++ = 0, *end++ = (uint8_t)ndim;
    for (int d = 0; d < ndim; d++)
        for (int i = 3; i >= 0; i--)
            *end++ = (uint8_t)(extent[d] >> 8 * i);
    memcpy(end, elements, n);
    write_temporary(name, block, (size_t)(end - block) + n);
    free(block);
}

/* Opens a path in the temporary folder, which may name a part behind '#'; axes: NULL, or named. */
static inline mt_status open_named(const char *name, const char *axes, mt_stack **out, mt_error *err)
{
    char path[600];
    const char *hash = strchr(name, '#');
    snprintf(path, sizeof path, "%.*s", (int)strcspn(name, "#"), name);
    const mt_open_options options = {
        .struct_size = sizeof options, .axes = axes, .part = hash ? hash + 1 : NULL, .allow_unknown_axes = axes == NULL
    };
    *err = (mt_error)MT_ERROR_INIT;
    return mt_stack_open(NULL, temporary_path(path), &options, out, err);
}

#endif
