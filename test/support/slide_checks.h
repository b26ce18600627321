/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of files that slide_writer.h wrote. path names the file, part what follows it: "" or "#level=1". */
#ifndef MT_TEST_SLIDE_CHECKS_H
#define MT_TEST_SLIDE_CHECKS_H

#include "support/slide_writer.h"

#include <microtome/microtome.h>

mt_stack *open_slide(const char *path, const char *part);

/* The axes in stored order, and the pixels, whose planes are these pages. */
void check_planes(const char *path, const char *part, const char *axes, const slide_spec *const *pages, int n);

/* The number of levels, the titles of the parts, separated by '|', and words of the warnings, likewise; NULL: none. */
void check_layout(const char *path, int levels, const char *titles, const char *warnings);

/* The size along Y and X, in micrometers. */
void check_pixel_size(const char *path, const char *part, double y, double x);

/* Overwrites bytes of a file, counted from its end if at is negative. */
void patch_file(const char *path, long at, const void *bytes, size_t size);

#endif
