/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of pictures, shared by view and patches --sheet. */
#ifndef MICROTOME_CLI_DRAWING_H
#define MICROTOME_CLI_DRAWING_H

#include "cli.h"

struct drawing {
    mt_draw_options options;  /* for the library */
    double *contrast;         /* owned; options.contrast */
    struct progress progress; /* the progress bar */
    mt_picture_info drawn;    /* the result */
};

/* Reads --contrast, --project, --colors, --scale-bar and --legend. EXIT_USAGE after a message. Call drawing_free in any
 * case. */
int drawing_read(struct drawing *drawing, const struct args *args);
void drawing_free(struct drawing *drawing);
/* The first of these options that is given, or NULL. */
const char *drawing_option(const struct args *args);
/* Prints size, scale and contrast of the picture. */
void drawing_print(const struct drawing *drawing, const mt_stack_info *info, const char *path, FILE *to);

#endif
